"""SAVE_CHI_GRID: tiles and data in, `chi2.grid` with the chi2 and properties of every model for every source out."""

from __future__ import annotations

import logging
import math
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from fastsed._ext.chi2 import all_chi2
from fastsed._ext.gridio import fill_block
from fastsed.fit.engine import Progress, data_view, tile_view
from fastsed.models.grid import Tile
from fastsed.models.properties import model_properties, property_names
from fastsed.outputs.chi2grid import ChiGridWriter
from fastsed.outputs.columns import property_columns

if TYPE_CHECKING:
    from fastsed.pipeline import Setup

log = logging.getLogger(__name__)

# size of the blocks that are written at once
BLOCK_BYTES = 8 << 20


def write_chi_grid(setup: Setup, path: Path, progress: Progress | None = None) -> None:
    """Write the chi2 grid.

    Models outside a source's redshift window have an infinite chi2 and no properties (NaN); models that are not
    fitted at all are NaN throughout.

    Raises
    ------
    InputError
        If the disk has no room for it.
    """
    grid, data = setup.grid, setup.data
    columns = property_columns(setup.params, {i.name: i.kind for i in grid.indices})
    scales = np.array([c.scales for c in columns], dtype=np.uint8)
    names = property_names(grid)
    writer = ChiGridWriter(path, grid.axes.as_dict(), names, data.n_sources, setup.params.grid_strings)
    log.info("writing %s, %.3g GB", path, writer.expected_size / 1e9)
    per_model = 4 * (1 + len(names)) * data.n_sources
    size = max(1, BLOCK_BYTES // per_model)
    with writer, _Blocks(writer, size, data.n_sources, len(names), grid.n_threads) as blocks:
        for tile in grid.tiles(np.ones(len(grid.axes.z), dtype=bool)):
            _write_tile(setup, tile, scales, names.index("sscale"), blocks)
            if progress is not None:
                progress(tile.n_models)


class _Blocks:
    """Blocks of `size` models in turn: one is written by a thread of its own while the next is filled.

    Their memory is used again: fresh memory would cost more than filling it.
    """

    def __init__(self, writer: ChiGridWriter, size: int, n_sources: int, n_properties: int, n_threads: int):
        self.size = size
        # the writer keeps a processor busy
        self.n_threads = max(1, n_threads - 1)
        self._writer, self._pool = writer, ThreadPoolExecutor(1)
        self._pairs = [np.empty(size * n_sources) for _ in range(3)]
        self._memory = deque(np.empty(size * n_sources * (1 + n_properties), np.float32) for _ in range(2))
        self._writing: Future[None] | None = None

    def pairs(self, n_sources: int, n_models: int) -> list[NDArray[np.float64]]:
        """Three arrays (nsource, nmodel)."""
        return [values[: n_sources * n_models].reshape(n_sources, n_models) for values in self._pairs]

    def block(self, *shape: int) -> NDArray[np.float32]:
        """An array of single-precision numbers, to be written before the next one is asked for."""
        self._memory.rotate()
        return self._memory[0][: math.prod(shape)].reshape(shape)

    def write(self, models: NDArray[np.int64], block: NDArray[np.float32]) -> None:
        """Write the rows of a block, in runs of consecutive modelIDs."""
        self._wait()
        self._writing = self._pool.submit(self._write, models, block)

    def _write(self, models: NDArray[np.int64], block: NDArray[np.float32]) -> None:
        for run in np.split(np.arange(len(models)), np.flatnonzero(np.diff(models) != 1) + 1):
            self._writer.write_block(int(models[run[0]]), block[run[0] : run[-1] + 1])

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown()
        if kind is None:
            self._wait()


def _write_tile(setup: Setup, tile: Tile, scales: NDArray[np.uint8], spec_row: int, blocks: _Blocks) -> None:
    """Write the models of a tile."""
    grid, data, seen = setup.grid, setup.data, data_view(setup.data)
    active = np.flatnonzero((data.first_z <= tile.iz) & (tile.iz <= data.last_z))
    column = np.full(data.n_sources, -1, dtype=np.int64)
    column[active] = np.arange(len(active))
    models = tile.iz * grid.axes.models_per_redshift + tile.ids
    values = model_properties(grid, models)
    properties = np.stack(list(values.values()), axis=1)
    for start in range(0, tile.n_models, blocks.size):
        part = tile.part(start, min(start + blocks.size, tile.n_models))
        chi2, scale, spec_scale = blocks.pairs(len(active), part.n_models)
        all_chi2(tile_view(grid, part), seen, active, chi2, scale, spec_scale, blocks.n_threads)
        block = blocks.block(part.n_models, 1 + len(scales), data.n_sources)
        own = np.ascontiguousarray(properties[start : start + part.n_models])
        fill_block(chi2, scale, spec_scale, column, own, scales, spec_row, block, blocks.n_threads)
        blocks.write(models[start : start + part.n_models], block)
