"""The best model of every source: tiles of model fluxes and observations in, best fits out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from fastsed._ext.best_fit import find_best
from fastsed.arrays import Floats, Ints, Mask
from fastsed.fitting.kernel_views import data_view, tile_view
from fastsed.fitting.observations import Observations, sum_in_window
from fastsed.fitting.passes import redshift_indices, walk
from fastsed.models.template_grid import TemplateGrid
from fastsed.models.tile import Tile


@dataclass(frozen=True)
class BestFits:
    """Best fit of each source, (nsource,) each.

    Attributes
    ----------
    model_id : int64
        -1 for sources without a fit.
    chi2 : float64
        Not reduced.
    scale, spec_scale : float64
        Normalisation of the model, and that of its spectrum.
    tolerance : float64
        Two models whose chi2 differ by less tie.
    tie_rank : int64
        Of tied models the one of the lowest rank wins.
    n_models : int64
        Models that were compared with the source.
    """

    model_id: Ints
    chi2: Floats
    scale: Floats
    spec_scale: Floats
    tolerance: Floats
    tie_rank: Ints
    n_models: Ints

    @classmethod
    def none_yet(cls, n: int) -> Self:
        """Nothing fitted so far."""
        return cls(
            model_id=np.full(n, -1, dtype=np.int64),
            chi2=np.full(n, np.nan),
            scale=np.full(n, np.nan),
            spec_scale=np.full(n, np.nan),
            tolerance=np.zeros(n),
            tie_rank=np.zeros(n, dtype=np.int64),
            n_models=np.zeros(n, dtype=np.int64),
        )

    @classmethod
    def concatenated(cls, parts: Sequence[Self]) -> Self:
        """Best fits of the parts of a catalogue as those of the whole, in order."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    @property
    def fitted(self) -> Mask:
        """Which sources have a fit, (nsource,)."""
        return self.model_id >= 0


class BestFit:
    """Reducer: the best model of every source.

    Parameters
    ----------
    grid : TemplateGrid
    data : Observations
    """

    def __init__(self, grid: TemplateGrid, data: Observations):
        self._grid, self._data, self._view = grid, data, data_view(data)
        self._best = BestFits.none_yet(data.n_sources)
        self._n_models_at = np.zeros(len(grid.axes.z), dtype=np.int64)
        self._first_z, self._last_z = data.best_first_z, data.best_last_z

    def look_only_at(self, first_z: Ints, last_z: Ints, rows: slice) -> None:
        """Skip other redshifts of some sources: it is known otherwise that their best fits are not there.

        Parameters
        ----------
        first_z, last_z : (nsource,)
            Redshift indices, both included.
        rows : slice
            These sources.
        """
        self._first_z, self._last_z = self._first_z.copy(), self._last_z.copy()
        np.maximum(self._first_z[rows], first_z, out=self._first_z[rows])
        np.minimum(self._last_z[rows], last_z, out=self._last_z[rows])

    def prepare(self, tiles: Sequence[Tile]) -> Sequence[Tile]:
        """The tiles as they are."""
        return tiles

    def update(self, tiles: Sequence[Tile]) -> None:
        """Bring the best fits up to date with the models of some tiles."""
        iz = redshift_indices(tiles)
        chosen = (self._first_z <= iz) & (iz <= self._last_z)
        best = self._best
        find_best(
            [tile_view(self._grid, tile) for tile in tiles],
            self._view,
            chosen.view(np.uint8),
            best.chi2,
            best.scale,
            best.spec_scale,
            best.tolerance,
            best.model_id,
            best.tie_rank,
            self._grid.n_threads,
        )
        np.add.at(self._n_models_at, iz[:, 0], [tile.n_models for tile in tiles])

    def merge(self, other: BestFit) -> None:
        """Take the best fits of another part of the grid where they are better."""
        self._n_models_at += other._n_models_at
        mine, theirs = self._best, other._best
        better = improves(mine, theirs.model_id, theirs.chi2, theirs.tie_rank)
        for f in fields(BestFits):
            getattr(mine, f.name)[better] = getattr(theirs, f.name)[better]

    @property
    def so_far(self) -> BestFits:
        """The best fits among the models seen so far, without their number."""
        return self._best

    @property
    def n_models_at(self) -> Ints:
        """Number of models seen at each redshift, (nz,)."""
        return self._n_models_at

    def result(self) -> BestFits:
        """The best fits among the models seen."""
        n_models = sum_in_window(self._n_models_at, self._data.first_z, self._data.last_z)
        return replace(self._best, n_models=n_models)


def improves(best: BestFits, model: Ints, chi2: Floats, tie_rank: Ints) -> Mask:
    """Whether models (nsource,) beat the best so far: the rule of the kernels (`improves` in chi2_exact.h)."""
    better = chi2 < best.chi2 - best.tolerance
    ties = (chi2 <= best.chi2 + best.tolerance) & (tie_rank < best.tie_rank)
    return (model >= 0) & ((best.model_id < 0) | better | ties)


def find_best_fits(
    grid: TemplateGrid, data: Observations, redshifts: tuple[Ints, Ints] | None = None
) -> BestFits:
    """Find the best model of every source in a pass for nothing else.

    Parameters
    ----------
    grid : TemplateGrid
    data : Observations
    redshifts : ((nsource,), (nsource,)), optional
        The first and the last redshift index at which the best fit of each source may be, where more is known of it.
    """
    reducer = BestFit(grid, data)
    if redshifts is not None:
        reducer.look_only_at(*redshifts, slice(0, data.n_sources))
    walk(grid, data.redshifts_needed(len(grid.axes.z)), [reducer], data.n_sources)
    return reducer.result()
