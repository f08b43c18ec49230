"""Models compared as they are, without a scale: tiles and data in, the most probable model of each source out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastsed.arrays import Floats, Ints
from fastsed.fitting.best_fit import BestFits
from fastsed.fitting.observations import Observations
from fastsed.models.template_grid import TemplateGrid
from fastsed.models.tile import Tile

# numbers (source, model) that are compared at a time
PAIRS = 1 << 18


class FixedScale:
    """Reducer: the best model of every source among models without a free scale.

    Where models have errors of their own, sigma, the best model is that of the largest
    -chi2/2 - sum ln sigma_total + ln_prior; else that of the smallest chi2. The first of equal ones wins.

    Parameters
    ----------
    grid : TemplateGrid
    data : Observations
    """

    def __init__(self, grid: TemplateGrid, data: Observations):
        self._grid, self._data = grid, data
        self._best = BestFits.none_yet(data.n_sources)
        self._score = np.full(data.n_sources, -np.inf)

    def prepare(self, tiles: Sequence[Tile]) -> Sequence[Tile]:
        """The tiles as they are."""
        return tiles

    def update(self, tiles: Sequence[Tile]) -> None:
        """Bring the best fits up to date with the models of some tiles."""
        sources = np.flatnonzero(self._data.last_z >= 0)
        for tile in tiles:
            self._best.n_models[sources] += tile.n_models
            step = max(1, PAIRS // max(1, tile.n_models))
            for start in range(0, len(sources), step):
                self._compare(tile, sources[start : start + step])

    def _compare(self, tile: Tile, sources: Ints) -> None:
        """Compare some sources with all models of a tile, band by band."""
        n = tile.n_models
        chi2, score = np.zeros((2, len(sources), n))
        for band in range(self._data.n_columns):
            value, variance = (v[sources, band][:, None] for v in (self._data.value, self._data.variance))
            measured = np.isfinite(variance)
            flux = tile.flux[band, :n]
            total = variance + (self._data.template_error[0, band] * value) ** 2
            if tile.sigma is not None:
                total = total + tile.sigma[band] ** 2
                score -= np.where(measured, 0.5 * np.log(np.where(measured, total, 1.0)), 0.0)
            chi2 += np.where(measured, (value - flux) ** 2 / total, 0.0)
        chi2 += self._limit_chi2(tile, sources)
        score -= 0.5 * chi2
        if tile.sigma is not None and tile.ln_prior is not None:
            score += tile.ln_prior
        self._take(tile, sources, chi2, score)

    def _limit_chi2(self, tile: Tile, sources: Ints) -> Floats | float:
        """What upper limits add to chi2, (nsource, nmodel); 0 where there are none."""
        if self._data.limit is None or self._data.limit_error is None:
            return 0.0
        from scipy.special import log_ndtr

        chi2 = np.zeros((len(sources), tile.n_models))
        for band in range(self._data.n_columns):
            limit, error = (v[sources, band][:, None] for v in (self._data.limit, self._data.limit_error))
            below = (limit - tile.flux[band, : tile.n_models]) / error
            chi2 -= np.where(np.isfinite(error), 2 * log_ndtr(below), 0.0)
        return chi2

    def _take(self, tile: Tile, sources: Ints, chi2: Floats, score: Floats) -> None:
        first = np.argmax(score, axis=1)
        at = np.arange(len(sources)), first
        better = score[at] > self._score[sources]
        taken, models = sources[better], first[better]
        self._score[taken] = score[at][better]
        self._best.model_id[taken] = tile.ids[models]
        self._best.tie_rank[taken] = tile.order[models]
        self._best.chi2[taken] = chi2[at][better]
        self._best.scale[taken] = self._best.spec_scale[taken] = 1.0

    def merge(self, other: FixedScale) -> None:
        """Take the best fits of another part of the grid where they are better."""
        mine, theirs = self._best, other._best
        ties = (other._score == self._score) & (theirs.tie_rank < mine.tie_rank)
        better = (theirs.model_id >= 0) & ((other._score > self._score) | ties | (mine.model_id < 0))
        self._score[better] = other._score[better]
        for name in ("model_id", "chi2", "scale", "spec_scale", "tie_rank"):
            getattr(mine, name)[better] = getattr(theirs, name)[better]
        mine.n_models[:] += theirs.n_models

    def result(self) -> BestFits:
        """The best fits among the models seen."""
        return self._best
