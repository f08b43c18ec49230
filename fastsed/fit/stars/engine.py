"""Fits of stars: models in the order of likeness and a tree over them; fluxes of stars in; posteriors out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed._ext import stars as kernel
from fastsed.errors import InputError
from fastsed.fit.stars.comparison import ModelNoise
from fastsed.fit.stars.models import DUST, MODEL, SPECTRUM, Shared, StarModels, scan_models
from fastsed.fit.stars.parameters import (
    Bins,
    Compat,
    ParameterRange,
    bins_1d,
    bins_2d,
    pairs_2d,
    symlog,
)
from fastsed.fit.stars.results import FITTED, LnpSamples, StarPosteriors
from fastsed.fit.stars.source import ModelSource

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FitOptions:
    """How stars are fitted.

    Attributes
    ----------
    threshold : float
        Models count whose ln(posterior) is larger than the largest one plus this (negative) number.
    n_samples : int or None
        At most so many samples of the posterior for each star; None for all acceptable models.
    max_bins : int
        Of a PDF.
    pairs : sequence of str
        Parameters of which pairs have a 2-D PDF.
    normalize, full_covariance : bool
        See `ModelNoise`.
    compat : {"beast2", "beast1"}
        Rules of BEAST HEAD or of release 1.3.2.
    incomplete : {"drop", "refuse", "keep"}
        See `ModelNoise`.
    seed : int
        Of the random choice of samples.
    spans : dict of ParameterRange, optional
        Ranges that bins are made from in place of those of the models: of a whole grid, for a part of it.

    Raises
    ------
    InputError
        If a value makes no sense.
    """

    threshold: float = -10.0
    n_samples: int | None = 500
    max_bins: int = 100
    pairs: Sequence[str] = ()
    normalize: bool = True
    full_covariance: bool = True
    compat: Compat = "beast2"
    incomplete: str = "drop"
    seed: int = 0
    spans: dict[str, ParameterRange] | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.threshold) and self.threshold < 0):
            raise InputError(f"the threshold is {self.threshold:g}; it must be negative (ln of a ratio)")
        if self.n_samples is not None and self.n_samples < 0:
            raise InputError(f"{self.n_samples} samples a star; there cannot be fewer than none")
        if not 1 <= self.max_bins < 65535:
            raise InputError(f"{self.max_bins} bins; there must be 1 to 65534")


@dataclass(frozen=True)
class _Axis:
    """A parameter that makes pairs: its number among the parameters, its kind, its bins."""

    number: int
    kind: int
    bins: Bins


class StarFitter:
    """Fits stars with the models of a source.

    Parameters
    ----------
    source : ModelSource
    options : FitOptions, optional
    n_threads : int, optional
    fits_order : bool, optional
        PDFs in the byte order of FITS.

    Attributes
    ----------
    names : tuple of str
        Parameters, in the order of the results.
    bins : tuple of Bins
        Of the 1-D PDFs.
    pair_names : list of (str, str)
    pair_bins : list of (Bins, Bins)
        Of the 2-D PDFs.

    Raises
    ------
    InputError
        If the models cannot be fitted.
    """

    def __init__(
        self,
        source: ModelSource,
        options: FitOptions | None = None,
        n_threads: int = 1,
        fits_order: bool = False,
    ):
        self.options = options = options or FitOptions()
        noise = ModelNoise(options.normalize, options.full_covariance, options.incomplete)
        models = scan_models(source, options.max_bins, noise, options.compat)
        self._fits_order, self._n_threads, self._noise = fits_order, n_threads, noise
        self.names, self.source = models.names, source
        spans = models.spans | {k: v for k, v in (options.spans or {}).items() if k in models.spans}
        self.bins = tuple(bins_1d(name, spans[name], options.max_bins, options.compat) for name in self.names)
        self._set_pairs(models, spans)
        order = self._order(models)
        self._ordered = models.records[order]
        self._tree, self._positions = self._build_tree(models, order, n_threads)
        self._parameters = self._build_parameters(models, self._positions)
        # the records are there in their order
        self._models = replace(models, records=np.zeros((0, 0)))
        samples = -1 if options.n_samples is None else options.n_samples
        self._fit = kernel.StarFit(
            self._tree, self._parameters, options.threshold, samples, options.seed, fits_order, n_threads
        )

    def _set_pairs(self, models: StarModels, spans: dict[str, ParameterRange]) -> None:
        """Names and bins of the 2-D PDFs."""
        options = self.options
        self.pair_names = pairs_2d(self.names, options.pairs, spans)
        used = {name for pair in self.pair_names for name in pair}
        axes = [
            _Axis(i, models.kinds[i], bins_2d(name, spans[name], options.max_bins))
            for i, name in enumerate(self.names)
            if name in used
        ]
        self._axes = sorted(axes, key=lambda axis: axis.kind)
        by_name = {self.names[axis.number]: axis.bins for axis in axes}
        self.pair_bins = [(by_name[one], by_name[two]) for one, two in self.pair_names]

    def _order(self, models: StarModels) -> NDArray[np.uint32]:
        self._ratios, self._floors = self._noise.typical_errors(models.records)
        constants = (0.4 * models.records[:, self._noise.n_filters]).astype(np.float32)
        return kernel.order_by_likeness(
            models.records, self._noise.n_filters, constants, self._ratios, self._floors
        )

    def _build_tree(
        self, models: StarModels, order: NDArray[np.uint32], n_threads: int
    ) -> tuple[kernel.StarTree, NDArray[np.uint32]]:
        """The tree, and the position in it of each model of the source."""
        ordered = models.models[order]
        rows = self.source.grid_rows(ordered)
        if len(rows) and rows.max() >= 2**32 - 1:
            raise InputError(f"row {rows.max()} of the grid: rows beyond 2^32 cannot be fitted")
        tree = self._noise.build_tree(self._ordered, rows.astype(np.uint32), order, n_threads)
        positions = np.full(self.source.n_models, kernel.NO_ID, np.uint32)
        positions[ordered] = np.arange(len(ordered), dtype=np.uint32)
        return tree, positions

    def _build_parameters(self, models: StarModels, positions: NDArray[np.uint32]) -> kernel.StarParameters:
        kinds = np.array(models.kinds)
        numbers = [np.flatnonzero(kinds == kind).astype(np.int32) for kind in (SPECTRUM, DUST, MODEL)]
        shared = [models.spectra, models.dust]
        values = [self._shared_values(models, table, numbers[kind]) for kind, table in enumerate(shared)]
        codes = [_codes([self.bins[i] for i in numbers[kind]], values[kind]) for kind in range(len(shared))]
        start = np.concatenate([[0], np.cumsum([b.n_bins + 1 for b in self.bins])]).astype(np.int64)
        centre = np.concatenate([np.append(b.centres, 0.0) for b in self.bins] or [np.zeros(0)])
        axes = [[axis for axis in self._axes if axis.kind == kind] for kind in (SPECTRUM, DUST, MODEL)]
        axis_codes = [
            _codes(
                [axis.bins for axis in axes[kind]],
                self._shared_values(models, table, [a.number for a in axes[kind]]),
            )
            for kind, table in enumerate(shared)
        ]
        of_model, axis_of_model = self._bin_models(models, positions, numbers[MODEL], axes[MODEL])
        pairs, pair_kinds, pair_start = self._pair_tables()
        sizes = np.array([axis.bins.n_bins for axis in self._axes], dtype=np.int32)
        return kernel.StarParameters(
            numbers, codes, values, of_model, start, centre, [*axis_codes, axis_of_model], sizes, pairs, pair_kinds,
            pair_start,
        )  # fmt: skip

    @staticmethod
    def _shared_values(
        models: StarModels, table: Shared, numbers: Sequence[int] | NDArray[np.int32]
    ) -> Floats:
        columns = [models.columns[i] for i in numbers]
        return np.ascontiguousarray(table.rows[:, columns])

    def _pair_tables(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
        """Axes of each pair; whether both are of the spectrum, or of the dust; where its bins begin."""
        index = {self.names[axis.number]: i for i, axis in enumerate(self._axes)}
        kind_of = [axis.kind for axis in self._axes]
        pairs = np.array([(index[a], index[b]) for a, b in self.pair_names], dtype=np.int32).reshape(-1, 2)
        kinds = np.array(
            [kind_of[a] if kind_of[a] == kind_of[b] and kind_of[a] != MODEL else MODEL for a, b in pairs],
            dtype=np.int32,
        )
        sizes = [one.n_bins * two.n_bins for one, two in self.pair_bins]
        return pairs, kinds, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def _bin_models(
        self, models: StarModels, positions: NDArray[np.uint32], numbers: NDArray[np.int32], axes: list[_Axis]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        """Bins of the parameters that every model has for itself, from a second reading of the source."""
        n_models, n = len(models.models), len(numbers)
        of_model = np.zeros((n_models, -(-(6 * n + 8) // 8) * 8), np.uint8)
        axis_of_model = np.zeros((n_models, len(axes)), np.uint16)
        ids = of_model[:, 6 * n : 6 * n + 8].view(np.uint32) if of_model.size else np.zeros((0, 2), np.uint32)
        present = positions != kernel.NO_ID
        for kind, table in enumerate((models.spectra, models.dust)):
            ids[positions[present], kind] = table.ids[present]
        if n == 0 and not axes:
            return of_model, axis_of_model
        for block in self.source.blocks():
            where = positions[block.first : block.first + len(block.seds)]
            for column, number in enumerate(numbers):
                values = self._model_values(models, block.columns, block.seds, block.bias, number)
                bins = self.bins[number]
                kernel.bin_column(
                    np.log10(values) if bins.log else values, values, where, bins.edges, np.append(bins.centres, 0.0),
                    bins.clamp, of_model, column, n,
                )  # fmt: skip
            for column, axis in enumerate(axes):
                values = self._model_values(models, block.columns, block.seds, block.bias, axis.number)
                valid = where != kernel.NO_ID
                axis_of_model[where[valid], column] = axis.bins.codes(values)[valid]
        return of_model, axis_of_model

    def _model_values(
        self, models: StarModels, columns: Floats, seds: Floats, bias: Floats, number: int
    ) -> Floats:
        column = models.columns[number]
        if column >= 0:
            return np.ascontiguousarray(columns[:, column], dtype=np.float64)
        k = -1 - column
        return symlog(seds[:, k] + bias[:, k], models.compat)

    def fit(self, fluxes: Floats, first: int = 0) -> StarPosteriors:
        """Fit some stars.

        Parameters
        ----------
        fluxes : ndarray, shape (n_stars, n_filters)
            In the unit of the models.
        first : int, optional
            Number of the first star, which decides which samples are drawn.

        Raises
        ------
        InputError
            If the fluxes are not of the models' filters.
        """
        fluxes = np.ascontiguousarray(fluxes, dtype=np.float64)
        if fluxes.ndim != 2 or fluxes.shape[1] != self._noise.n_filters:
            raise InputError(f"fluxes of shape {fluxes.shape} for models in {self._noise.n_filters} filters")
        n = len(fluxes)
        scaled = fluxes * self._noise.unit
        order = kernel.order_by_likeness(
            np.nan_to_num(scaled), self._noise.n_filters, None, self._ratios, self._floors
        )
        arrays = self._result_arrays(n)
        numbers = np.arange(first, first + n, dtype=np.int64)
        samples = LnpSamples(*self._fit.fit(scaled, numbers, order, arrays))
        summary = arrays["summary"]
        return StarPosteriors(
            arrays["status"], summary["best_row"], summary["ln_p_max"], summary["log_norm"], summary["chi2_min"],
            summary["chi2_row"], summary["n_models"], arrays["expectation"], arrays["percentiles"], arrays["pdf1d"],
            arrays["pdf2d"], samples,
        )  # fmt: skip

    def values_of(self, rows: NDArray[np.int64]) -> Floats:
        """Values of all parameters of some models.

        Parameters
        ----------
        rows : ndarray of int, shape (n,)
            Rows of the grid, as the results name them.

        Returns
        -------
        ndarray, shape (n, n_parameters)
        """
        models = self.source.models_of(rows)
        values = np.empty((len(rows), len(self.names)))
        for kind, table in enumerate((self._models.spectra, self._models.dust)):
            numbers = [i for i, k in enumerate(self._models.kinds) if k == kind]
            values[:, numbers] = table.rows[table.ids[models]][:, [self._models.columns[i] for i in numbers]]
        own = [i for i, k in enumerate(self._models.kinds) if k == MODEL]
        columns = [i for i in own if self._models.columns[i] >= 0]
        if columns:
            values[:, columns] = self.source.values([self._models.columns[i] for i in columns], models)
        for i in own:
            if self._models.columns[i] < 0:
                values[:, i] = symlog(
                    self._biased_flux(models, -1 - self._models.columns[i]), self._models.compat
                )
        return values

    def _biased_flux(self, models: NDArray[np.int64], k: int) -> Floats:
        flux: Floats = self._ordered[self._positions[models], k] / self._noise.unit[k]
        return flux

    def column_values(self, name: str, rows: NDArray[np.int64]) -> Floats:
        """Values of any column of the grid of some models, by their rows."""
        column = list(self.source.columns).index(name)
        return self.source.values([column], self.source.models_of(rows))[:, 0]

    def _result_arrays(self, n: int) -> dict[str, Any]:
        dtype = np.dtype(">f8" if self._fits_order else "f8")
        return {
            "status": np.zeros(n, np.int16),
            "summary": np.zeros(n, kernel.SUMMARY),
            "expectation": np.empty((n, len(self.names))),
            "percentiles": np.empty((n, len(self.names), 3)),
            "pdf1d": [np.empty((n, b.n_bins), dtype) for b in self.bins],
            "pdf2d": [np.empty((n, one.n_bins, two.n_bins), dtype) for one, two in self.pair_bins],
        }


def _codes(bins: Sequence[Bins], values: Floats) -> NDArray[np.uint16]:
    """Bins of columns of values."""
    codes = np.zeros(values.shape, np.uint16)
    for i, one in enumerate(bins):
        codes[:, i] = one.codes(values[:, i])
    return codes


def fitted(posteriors: StarPosteriors) -> NDArray[np.bool_]:
    """Which stars have been fitted."""
    return posteriors.status == FITTED
