"""Tiles and data as the kernels see them."""

from __future__ import annotations

import numpy as np

from fastsed._ext.views import DataView, TileView
from fastsed.arrays import Flags
from fastsed.fitting.observations import Observations
from fastsed.models.template_grid import TemplateGrid
from fastsed.models.tile import Tile


def tile_view(grid: TemplateGrid, tile: Tile) -> TileView:
    """A tile as the kernels see it."""
    first = tile.iz * grid.axes.models_per_redshift
    return TileView(
        tile.flux, tile.dust, tile.ids, tile.order, grid.rows.n_main, first, tile.iz, len(grid.axes.z)
    )


def data_view(data: Observations) -> DataView:
    """The data as the kernels see them."""
    return DataView(
        data.value,
        data.variance,
        data.template_error**2,
        data.own_spec_scale,
        data.log_component,
        data.log_lir,
        data.log_error,
        data.limit,
        data.limit_error,
        _limited(data),
    )


def _limited(data: Observations) -> Flags | None:
    """Which sources have upper limits; None where there are none at all."""
    if data.limit_error is None:
        return None
    return np.array(np.isfinite(data.limit_error).any(axis=1), dtype=np.uint8)
