"""The fit: tiles of model fluxes and observations in, the best model of every source out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastsed._ext.chi2 import DataView, TileView, find_best
from fastsed.fit.observations import Observations
from fastsed.models.grid import ModelGrid, Tile

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Progress = Callable[[int], None]

# tiles whose models stay in the processor's cache while one source after another takes them
BATCH_BYTES = 512 << 10
# marks of the sources that take some tiles
CHOSEN_BYTES = 1 << 20


@dataclass
class Fits:
    """Best fit of each source, (nsource,) each.

    Attributes
    ----------
    model : int64
        modelID; -1 for sources without a fit.
    chi2 : float64
        Not reduced.
    scale, spec_scale : float64
        Normalisation of the model, and that of its spectrum.
    n_models : int64
        Models that were compared with the source.
    """

    model: Ints
    chi2: Floats
    scale: Floats
    spec_scale: Floats
    n_models: Ints
    tolerance: Floats
    order: Ints

    @classmethod
    def none_yet(cls, n: int) -> Fits:
        """Nothing fitted so far."""
        return cls(
            model=np.full(n, -1, dtype=np.int64),
            chi2=np.full(n, np.nan),
            scale=np.full(n, np.nan),
            spec_scale=np.full(n, np.nan),
            n_models=np.zeros(n, dtype=np.int64),
            tolerance=np.zeros(n),
            order=np.zeros(n, dtype=np.int64),
        )


def fit(
    grid: ModelGrid,
    data: Observations,
    progress: Progress | None = None,
    also: Callable[[Sequence[Tile], Fits], None] | None = None,
) -> Fits:
    """Find the best model of every source.

    Parameters
    ----------
    grid : ModelGrid
    data : Observations
    progress : callable, optional
        Called with the number of models done after some tiles.
    also : callable, optional
        What else is to be done with some tiles while they are there, with the best fits so far.

    Returns
    -------
    Fits
    """
    fits = Fits.none_yet(data.n_sources)
    fitted = np.zeros(len(grid.axes.z), dtype=np.int64)
    view = data_view(data)
    for tiles in batches(grid.tiles(data.wanted_redshifts(len(grid.axes.z))), data.n_sources):
        iz = redshifts(tiles)
        chosen = (data.best_first_z <= iz) & (iz <= data.best_last_z)
        _fit_tiles([tile_view(grid, tile) for tile in tiles], view, chosen, fits, grid.n_threads)
        n_models = [tile.n_models for tile in tiles]
        np.add.at(fitted, iz[:, 0], n_models)
        if also is not None:
            also(tiles, fits)
        if progress is not None:
            progress(sum(n_models))
    before = np.concatenate([[0], np.cumsum(fitted)])
    fits.n_models = np.where(data.last_z >= 0, before[data.last_z + 1] - before[data.first_z], 0)
    return fits


def _fit_tiles(
    tiles: list[TileView], data: DataView, chosen: NDArray[np.bool_], fits: Fits, n_threads: int
) -> None:
    """Bring the best fits of the sources chosen for each tile (ntile, nsource) up to date."""
    find_best(
        tiles,
        data,
        chosen.view(np.uint8),
        fits.chi2,
        fits.scale,
        fits.spec_scale,
        fits.tolerance,
        fits.model,
        fits.order,
        n_threads,
    )


def batches(tiles: Iterable[Tile], n_sources: int) -> Iterator[list[Tile]]:
    """Tiles that about fit into the cache together, if so many sources leave memory for their marks."""
    most = tiles_with_marks(n_sources)
    batch: list[Tile] = []
    size = 0
    for tile in tiles:
        batch.append(tile)
        size += tile.flux.nbytes
        if size >= BATCH_BYTES or len(batch) == most:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def tiles_with_marks(n_sources: int) -> int:
    """Number of tiles whose marks of the sources are few enough to be held together."""
    return max(1, CHOSEN_BYTES // max(1, n_sources))


def redshifts(tiles: Sequence[Tile]) -> Ints:
    """Index of the redshift of each tile, (ntile, 1)."""
    return np.array([[tile.iz] for tile in tiles])


def tile_view(grid: ModelGrid, tile: Tile) -> TileView:
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
    )
