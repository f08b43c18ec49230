"""A user's own array of model fluxes as a template grid: one axis, the rows of the array."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from fastsed.aligned import aligned_rows
from fastsed.arrays import Floats, Ints, Mask, Singles
from fastsed.errors import InputError
from fastsed.models.tile import Rows, Tile

# models of a tile
TILE_MODELS = 1 << 16


class ModelArray:
    """Models whose fluxes are given.

    Parameters
    ----------
    flux : (n_model, n_band)
        In the unit of the data.
    quantities : mapping of str to (n_model,)
        They come back as table columns with the value of the best model.
    scale : bool
        Whether a model may be multiplied by a factor, which is solved for.
    sigma : (n_model, n_band), optional
        Errors of the models, added in quadrature to those of the data; with scale=False only. The best model is then
        that of the largest -chi2/2 - sum ln sigma_total + ln_prior.
    ln_prior : (n_model,), optional
        Natural logarithm of the prior probability. Without `sigma` it does not choose the best model.

    Raises
    ------
    InputError
        If the shapes do not agree, or numbers are not finite.
    """

    def __init__(
        self,
        flux: ArrayLike,
        quantities: Mapping[str, ArrayLike],
        *,
        scale: bool = True,
        sigma: ArrayLike | None = None,
        ln_prior: ArrayLike | None = None,
    ):
        self.flux = _numbers("flux", flux, 2)
        n_model = len(self.flux)
        self.quantities = {name: _column(name, values, n_model) for name, values in quantities.items()}
        self.scale = bool(scale)
        self.sigma = None if sigma is None else _numbers("sigma", sigma, 2)
        self.ln_prior = None if ln_prior is None else np.asarray(ln_prior, dtype=np.float64)
        if self.sigma is not None and (self.sigma.shape != self.flux.shape or (self.sigma < 0).any()):
            raise InputError(f"sigma: expected non-negative numbers of shape {self.flux.shape}")
        if self.sigma is not None and self.scale:
            raise InputError("sigma: errors of the models need scale=False")
        if self.ln_prior is not None and (self.ln_prior.shape != (n_model,) or np.isnan(self.ln_prior).any()):
            raise InputError(f"ln_prior: expected {n_model} numbers")

    def __repr__(self) -> str:
        return (
            f"<ModelArray: {len(self.flux)} models, {self.flux.shape[1]} bands; {', '.join(self.quantities)}>"
        )


def _numbers(name: str, values: ArrayLike, n_dim: int) -> Floats:
    result = np.ascontiguousarray(values, dtype=np.float64)
    if result.ndim != n_dim or not result.size or not np.isfinite(result).all():
        raise InputError(f"{name}: expected finite numbers of shape (n_model, n_band)")
    return result


def _column(name: str, values: ArrayLike, n_model: int) -> Floats:
    result = np.asarray(values, dtype=np.float64)
    if result.shape != (n_model,):
        raise InputError(f"quantities['{name}']: expected {n_model} numbers, one a model, not {result.shape}")
    return result


@dataclass(frozen=True)
class RowAxis:
    """The only axis of a `ModelArray`: its rows, all at the same redshift.

    Attributes
    ----------
    size : int
    """

    size: int
    names: tuple[str, ...] = ("model",)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each axis."""
        return (self.size,)

    @cached_property
    def z(self) -> Singles:
        """One redshift, which does not count."""
        return np.zeros(1, dtype=np.float32)

    @property
    def models_per_redshift(self) -> int:
        """All models."""
        return self.size

    def redshift_index(self, model_ids: Ints) -> Ints:
        """0; negative for negative modelIDs, which stand for none."""
        return model_ids // max(1, self.size)

    def models_of_tie_order(self, order: Ints, n_threads: int = 1) -> tuple[Ints, tuple[Ints, ...]]:
        """modelID, and index along the axis, of each position in the order that settles ties: the rows in order."""
        return order, (order,)


class ArrayGrid:
    """The tiles of a `ModelArray`, for some of its bands.

    Parameters
    ----------
    models : ModelArray
    bands : sequence of int
        Columns of the array, in the order of the data.
    factor : (nband,)
        By which fluxes are multiplied to be in the unit of the data.
    n_threads : int
    """

    def __init__(self, models: ModelArray, bands: list[int], factor: Floats, n_threads: int):
        self.models, self.n_threads = models, n_threads
        self.flux = models.flux[:, bands] * factor
        self.sigma = None if models.sigma is None else models.sigma[:, bands] * factor
        self.axes, self.rows = RowAxis(len(models.flux)), Rows(len(bands))

    def tiles(self, redshifts: Mask) -> Iterator[Tile]:
        """All models, some at a time."""
        for start in range(0, self.axes.size, TILE_MODELS if redshifts.any() else self.axes.size + 1):
            stop = min(start + TILE_MODELS, self.axes.size)
            flux = aligned_rows(self.rows.count, stop - start)
            flux[:, : stop - start] = self.flux[start:stop].T
            numbers = np.arange(start, stop, dtype=np.int64)
            sigma = None if self.sigma is None else np.ascontiguousarray(self.sigma[start:stop].T)
            ln_prior = None if self.models.ln_prior is None else self.models.ln_prior[start:stop]
            yield Tile(0, numbers, numbers, flux, None, sigma, ln_prior)

    def keeps(self, redshifts: Mask) -> bool:
        """The array is in memory, but its tiles are not."""
        return False

    def n_models_at(self, redshifts: Mask) -> int:
        """Number of models."""
        return self.axes.size if redshifts.any() else 0
