"""SAVE_CHI_GRID: tiles and data in, `chi2.grid` with the chi2 and properties of every model for every source out."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING

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
    buffers = _Buffers(size, data.n_sources, len(names))
    with writer:
        for tile in grid.tiles(np.ones(len(grid.axes.z), dtype=bool)):
            _write_tile(setup, writer, tile, scales, names.index("sscale"), buffers)
            if progress is not None:
                progress(tile.n_models)


class _Buffers:
    """Memory for one block after another: fresh memory would cost more than filling it."""

    def __init__(self, size: int, n_sources: int, n_properties: int):
        self.size = size
        self._pairs = [np.empty(size * n_sources) for _ in range(3)]
        self._block = np.empty(size * n_sources * (1 + n_properties), dtype=np.float32)

    def pairs(self, n_sources: int, n_models: int) -> list[NDArray[np.float64]]:
        """Three arrays (nsource, nmodel)."""
        return [values[: n_sources * n_models].reshape(n_sources, n_models) for values in self._pairs]

    def block(self, *shape: int) -> NDArray[np.float32]:
        """An array of single-precision numbers."""
        return self._block[: math.prod(shape)].reshape(shape)


def _write_tile(
    setup: Setup,
    writer: ChiGridWriter,
    tile: Tile,
    scales: NDArray[np.uint8],
    spec_row: int,
    buffers: _Buffers,
) -> None:
    """Write the models of a tile, in runs of consecutive modelIDs."""
    grid, data, seen = setup.grid, setup.data, data_view(setup.data)
    active = np.flatnonzero((data.first_z <= tile.iz) & (tile.iz <= data.last_z))
    column = np.full(data.n_sources, -1, dtype=np.int64)
    column[active] = np.arange(len(active))
    models = tile.iz * grid.axes.models_per_redshift + tile.ids
    values = model_properties(grid, models)
    properties = np.stack(list(values.values()), axis=1)
    for start in range(0, tile.n_models, buffers.size):
        part = tile.part(start, min(start + buffers.size, tile.n_models))
        chi2, scale, spec_scale = buffers.pairs(len(active), part.n_models)
        all_chi2(tile_view(grid, part), seen, active, chi2, scale, spec_scale, grid.n_threads)
        block = buffers.block(part.n_models, 1 + len(scales), data.n_sources)
        own = np.ascontiguousarray(properties[start : start + part.n_models])
        fill_block(chi2, scale, spec_scale, column, own, scales, spec_row, block, grid.n_threads)
        ids = models[start : start + part.n_models]
        for run in np.split(np.arange(len(ids)), np.flatnonzero(np.diff(ids) != 1) + 1):
            writer.write_block(int(ids[run[0]]), block[run[0] : run[-1] + 1])
