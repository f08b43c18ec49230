"""chi2 of every model for every source: tiles and data in, blocks of chi2 and properties out."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np

from fastsed._ext.chi2_rows import all_chi2
from fastsed._ext.gridio import fill_block
from fastsed.arrays import Floats, Ints, Singles
from fastsed.fitting.kernel_views import data_view, tile_view
from fastsed.fitting.observations import Observations
from fastsed.models.grid import ModelGrid
from fastsed.models.tile import Tile

# size of the blocks that are stored at once
BLOCK_BYTES = 8 << 20
# takes the first modelID, and float32 (nmodel, 1 + nproperty, nsource): chi2, properties
Store = Callable[[int, Singles], None]


class FullGrid:
    """Reducer: chi2 and properties of every model for every source, stored block by block.

    Models outside a source's redshift window have an infinite chi2 and no properties (NaN). Use it as a context
    manager: what is still being stored is waited for at the end.

    Parameters
    ----------
    grid : ModelGrid
    data : Observations
    properties : callable
        Properties (n, nproperty) of models (n,), for a scale of one.
    scales : (nproperty,) bool
        Which properties are multiplied by the scale.
    i_spec_scale : int
        Index of the property that is the ratio of the two scales.
    store : callable
        Called from one thread with blocks of consecutive models.
    """

    def __init__(
        self,
        grid: ModelGrid,
        data: Observations,
        properties: Callable[[Ints], Floats],
        scales: Sequence[bool],
        i_spec_scale: int,
        store: Store,
    ):
        self._grid, self._data, self._view = grid, data, data_view(data)
        self._properties, self._i_spec_scale = properties, i_spec_scale
        self._scales = np.array(scales, dtype=np.uint8)
        per_model = 4 * (1 + len(scales)) * data.n_sources
        size = max(1, BLOCK_BYTES // per_model)
        self._blocks = _Blocks(store, size, data.n_sources, len(scales), grid.n_threads)

    def prepare(self, tiles: Sequence[Tile]) -> Sequence[Tile]:
        """The tiles as they are."""
        return tiles

    def update(self, tiles: Sequence[Tile]) -> None:
        """Store the models of some tiles."""
        for tile in tiles:
            self._store(tile)

    def _store(self, tile: Tile) -> None:
        data, blocks = self._data, self._blocks
        active = np.flatnonzero((data.first_z <= tile.iz) & (tile.iz <= data.last_z))
        column = np.full(data.n_sources, -1, dtype=np.int64)
        column[active] = np.arange(len(active))
        models = tile.iz * self._grid.axes.models_per_redshift + tile.ids
        properties = self._properties(models)
        for start in range(0, tile.n_models, blocks.size):
            part = tile.part(start, min(start + blocks.size, tile.n_models))
            chi2, scale, spec_scale = blocks.pairs(len(active), part.n_models)
            all_chi2(
                tile_view(self._grid, part), self._view, active, chi2, scale, spec_scale, blocks.n_threads
            )
            block = blocks.block(part.n_models, 1 + len(self._scales), data.n_sources)
            rows = slice(start, start + part.n_models)
            values = np.ascontiguousarray(properties[rows])
            fill_block(
                chi2,
                scale,
                spec_scale,
                column,
                values,
                self._scales,
                self._i_spec_scale,
                block,
                blocks.n_threads,
            )
            blocks.store(models[rows], block)

    def merge(self, other: FullGrid) -> None:
        """Nothing is left to do: both have stored what they saw."""

    def result(self) -> None:
        """What was found is stored."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._blocks.close(wait=kind is None)


class _Blocks:
    """Blocks of `size` models in turn: one is stored by a thread of its own while the next is filled.

    Their memory is used again: fresh memory would cost more than filling it.
    """

    def __init__(self, store: Store, size: int, n_sources: int, n_properties: int, n_threads: int):
        self.size = size
        # storing keeps a processor busy
        self.n_threads = max(1, n_threads - 1)
        self._store, self._pool = store, ThreadPoolExecutor(1)
        self._pairs = [np.empty(size * n_sources) for _ in range(3)]
        self._memory = deque(np.empty(size * n_sources * (1 + n_properties), np.float32) for _ in range(2))
        self._storing: Future[None] | None = None

    def pairs(self, n_sources: int, n_models: int) -> list[Floats]:
        """Three arrays (nsource, nmodel)."""
        return [values[: n_sources * n_models].reshape(n_sources, n_models) for values in self._pairs]

    def block(self, *shape: int) -> Singles:
        """An array of single-precision numbers, to be stored before the next one is asked for."""
        self._memory.rotate()
        return self._memory[0][: math.prod(shape)].reshape(shape)

    def store(self, models: Ints, block: Singles) -> None:
        """Store the rows of a block, in runs of consecutive modelIDs."""
        self._wait()
        self._storing = self._pool.submit(self._store_runs, models, block)

    def _store_runs(self, models: Ints, block: Singles) -> None:
        for run in np.split(np.arange(len(models)), np.flatnonzero(np.diff(models) != 1) + 1):
            self._store(int(models[run[0]]), block[run[0] : run[-1] + 1])

    def _wait(self) -> None:
        if self._storing is not None:
            self._storing.result()

    def close(self, wait: bool) -> None:
        """End the thread; with `wait`, raise what went wrong in it."""
        self._pool.shutdown()
        if wait:
            self._wait()
