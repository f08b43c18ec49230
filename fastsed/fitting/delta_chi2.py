"""The models nearly as good as the best: tiles, data and best fits in; for each source its acceptable models out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fastsed._ext.acceptable import ROW, acceptable_models
from fastsed.arrays import Ints
from fastsed.fitting.best_fit import BestFits
from fastsed.fitting.kernel_views import data_view, tile_view
from fastsed.fitting.observations import Observations
from fastsed.fitting.passes import redshift_indices
from fastsed.models.template_grid import TemplateGrid
from fastsed.models.tile import Tile
from fastsed.spool import Spool, mapped_rows

# rows held in memory before they go to a temporary file
ROWS_IN_MEMORY = 1 << 20


class AcceptableModels:
    """Acceptable models of all sources, in memory or, when there are many, in a temporary file.

    Use it as a context manager; iterate with `batches`.
    """

    def __init__(self, n_sources: int):
        self._counts = np.zeros(n_sources, dtype=np.int64)
        self._held: list[NDArray[np.void]] = []
        self._n_held = 0
        self._spool: Spool | None = None
        # rows at or above it are left out, (nsource,)
        self.limit = np.full(n_sources, np.inf)

    def add(self, rows: NDArray[np.void]) -> None:
        """Take further rows (of dtype `ROW`), in any order."""
        self._counts += np.bincount(rows["source"], minlength=len(self._counts))
        self._held.append(rows)
        self._n_held += len(rows)
        if self._n_held > ROWS_IN_MEMORY:
            if self._spool is None:
                self._spool = Spool(ROW)
            for held in self._held:
                self._spool.append(held)
            self._held, self._n_held = [], 0

    def extend(self, other: AcceptableModels) -> None:
        """Take the rows of another set, which is closed."""
        with other:
            for rows in other._pieces():
                self.add(rows)

    def _pieces(self) -> Iterator[NDArray[np.void]]:
        """All rows, as they came."""
        if self._spool is not None:
            yield from self._spool.pieces(ROWS_IN_MEMORY)
        yield from self._held

    def batches(self, n_rows: int = 1 << 17) -> Iterator[tuple[int, Ints, NDArray[np.void]]]:
        """Acceptable models of runs of sources, at most about `n_rows` at a time.

        Yields
        ------
        first : int
            Row of the first source.
        starts : (nsource + 1,)
            Where the models of each source begin in `rows`.
        rows : structured array
            Ordered by source, then modelID.
        """
        ends = np.cumsum(self._counts)
        ordered = self._by_source(ends - self._counts)
        first = 0
        while first < len(self._counts):
            base = int(ends[first] - self._counts[first])
            stop = max(first + 1, int(np.searchsorted(ends, base + n_rows, side="right")))
            rows = np.array(ordered[base : int(ends[stop - 1])])
            rows = rows[rows["chi2"] < self.limit[rows["source"]]]
            rows = rows[np.lexsort((rows["model"], rows["source"]))]
            yield first, np.searchsorted(rows["source"], np.arange(first, stop + 1)), rows
            first = stop

    def _by_source(self, starts: Ints) -> NDArray[np.void]:
        """All rows, those of a source together."""
        if self._spool is None:
            rows = np.concatenate([np.empty(0, dtype=ROW), *self._held])
            return rows[np.argsort(rows["source"], kind="stable")]
        for held in self._held:
            self._spool.append(held)
        self._held = []
        ordered = mapped_rows(ROW, int(self._counts.sum()))
        offsets = starts.copy()
        for piece in self._spool.pieces(ROWS_IN_MEMORY):
            rows = piece[np.argsort(piece["source"], kind="stable")]
            counts = np.bincount(rows["source"], minlength=len(offsets))
            rank = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
            ordered[offsets[rows["source"]] + rank] = rows
            offsets += counts
        return ordered

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._spool is not None:
            self._spool.close()


class DeltaChi2:
    """Reducer: the models with chi2 - best < excess.

    In a pass with the best fits, models are kept if they are acceptable beside the best so far; what is not acceptable
    beside the final best is left out at the end.

    Parameters
    ----------
    grid : TemplateGrid
    data : Observations
    excess : float
    best : callable
        The best fits so far, those of the tiles at hand included.
    """

    def __init__(self, grid: TemplateGrid, data: Observations, excess: float, best: Callable[[], BestFits]):
        self._grid, self._data, self._excess, self._best = grid, data, excess, best
        self._view = data_view(data)
        self._models = AcceptableModels(data.n_sources)

    def prepare(self, tiles: Sequence[Tile]) -> Sequence[Tile]:
        """The tiles as they are."""
        return tiles

    def update(self, tiles: Sequence[Tile]) -> None:
        """Collect the acceptable models of some tiles."""
        best = self._best()
        limit = np.where(best.fitted, best.chi2 + self._excess, np.inf)
        iz = redshift_indices(tiles)
        chosen = (self._data.first_z <= iz) & (iz <= self._data.last_z)
        views = [tile_view(self._grid, tile) for tile in tiles]
        self._models.add(
            acceptable_models(views, self._view, chosen.view(np.uint8), limit, self._grid.n_threads)
        )

    def merge(self, other: DeltaChi2) -> None:
        """Take in the models of another part of the grid."""
        self._models.extend(other._models)

    def result(self) -> AcceptableModels:
        """The acceptable models beside the best fits."""
        best = self._best()
        self._models.limit = np.where(best.fitted, best.chi2 + self._excess, -np.inf)
        return self._models
