"""Tiles of a map with a value each (`*_map.hd5`): a file in, positions to tiles and tiles to bins out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.errors import InputError
from fastsed.hdf5_file import atomic_hdf5, open_hdf5
from fastsed.survey.pixels import PixelGrid

DATASET = "tile_data"
_COLUMNS = ("i_ra", "i_dec", "value", "min_ra", "max_ra", "min_dec", "max_dec")


@dataclass(frozen=True)
class TileMap:
    """A map of tiles.

    Attributes
    ----------
    ra_edges, dec_edges : float64 (n_ra + 1,), (n_dec + 1,)
        Degrees, ascending.
    values : float64 (n_ra, n_dec)
        Source density in arcsec^-2, or background.
    """

    ra_edges: NDArray[np.float64]
    dec_edges: NDArray[np.float64]
    values: NDArray[np.float64]

    @classmethod
    def of_image(cls, grid: PixelGrid, image: NDArray[np.float64]) -> TileMap:
        """The tiles of an image (rows: declination) on this grid; padding is left out."""
        n_ra, n_dec = len(grid.ra_edges) - 1, len(grid.dec_edges) - 1
        return cls(grid.ra_edges, grid.dec_edges, np.ascontiguousarray(image[:n_dec, :n_ra].T))

    def tile_numbers(self, ra: ArrayLike, dec: ArrayLike, as_beast: bool = False) -> NDArray[np.int64]:
        """Number (i_ra * n_dec + i_dec) of the tile of each position.

        Positions outside belong to the nearest tile of their row or column; a position that is NaN belongs to the last.
        `as_beast`: no row beyond the number of columns is reached, as in BEAST, which limits both by the latter.
        """
        middle = (self.ra_edges[0] + self.ra_edges[-1]) / 2
        turned = np.asarray(ra, dtype=float)
        turned = turned - 360 * np.round((turned - middle) / 360)
        i_ra = _interval(self.ra_edges, turned)
        i_dec = _interval(self.dec_edges, np.asarray(dec, dtype=float))
        if as_beast:
            i_dec = np.minimum(i_dec, len(self.ra_edges) - 2)
        return i_ra * (len(self.dec_edges) - 1) + i_dec


def _interval(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(np.searchsorted(edges[:-1], values, side="right") - 1, 0, len(edges) - 2)


def write_map(tiles: TileMap, path: str | os.PathLike[str]) -> None:
    """Write a map as BEAST does: dataset `tile_data`, a row per tile, right ascension slowest.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    n_ra, n_dec = tiles.values.shape
    i_ra, i_dec = (i.ravel() for i in np.indices((n_ra, n_dec)))
    rows = np.empty(n_ra * n_dec, dtype=[(name, "f8") for name in _COLUMNS])
    columns = (
        *(i_ra, i_dec, tiles.values.ravel(), tiles.ra_edges[i_ra], tiles.ra_edges[i_ra + 1]),
        *(tiles.dec_edges[i_dec], tiles.dec_edges[i_dec + 1]),
    )
    for name, column in zip(_COLUMNS, columns, strict=True):
        rows[name] = column
    with atomic_hdf5(path) as f:
        dataset = f.create_dataset(DATASET, data=rows)
        dataset.attrs["ra_grid"] = tiles.ra_edges
        dataset.attrs["dec_grid"] = tiles.dec_edges


def read_map(path: str | os.PathLike[str]) -> TileMap:
    """Read a map that we, or BEAST, wrote.

    Raises
    ------
    InputError
        If it is not there, damaged, or no such map.
    """
    from pathlib import Path

    from fastsed.survey.star_samples import damaged_file

    file = Path(path)
    if not file.is_file():
        raise InputError("no such file", path)
    with damaged_file(file), open_hdf5(file) as f:
        if DATASET not in f or not {"i_ra", "i_dec", "value"} <= set(f[DATASET].dtype.names or ()):
            raise InputError(f"no map: there is no table {DATASET!r} with i_ra, i_dec and value", path)
        dataset = f[DATASET]
        rows = dataset[()]
        for name in ("ra_grid", "dec_grid"):
            if name not in dataset.attrs:
                raise InputError(f"no map: {DATASET!r} has no attribute {name!r}", path)
        edges = [np.asarray(dataset.attrs[name], dtype=float) for name in ("ra_grid", "dec_grid")]
    return TileMap(edges[0], edges[1], _values(rows, edges, file))


def _values(
    rows: NDArray[Any], edges: list[NDArray[np.float64]], path: os.PathLike[str]
) -> NDArray[np.float64]:
    shape = (len(edges[0]) - 1, len(edges[1]) - 1)
    if not all(len(e) > 1 and (np.diff(e) > 0).all() for e in edges):
        raise InputError("no map: the edges of its tiles do not ascend", path)
    if len(rows) != shape[0] * shape[1]:
        raise InputError(f"{len(rows)} tiles, but edges of {shape[0]} x {shape[1]}", path)
    indices = []
    for name, n in zip(("i_ra", "i_dec"), shape, strict=True):
        # a damaged type may hold what no double can
        with np.errstate(invalid="ignore"):
            index = rows[name].astype(float)
        if not ((index >= 0) & (index < n)).all():
            raise InputError(f"no map: {name} must lie between 0 and {n - 1}", path)
        indices.append(index.astype(np.int64))
    numbers = indices[0] * shape[1] + indices[1]
    if not np.array_equal(np.sort(numbers), np.arange(len(rows))):
        raise InputError("tiles are missing, or there twice", path)
    values = np.empty(len(rows))
    values[numbers] = rows["value"]
    return values.reshape(shape)


@dataclass(frozen=True)
class Binning:
    """How the values of tiles are binned; without any edges or number, each tile is a bin of its own.

    Attributes
    ----------
    mode : {"linear", "log"}
    n_bins : int, optional
    width : float, optional
        Width of linear bins.
    edges : tuple of float, optional
        Edges of bins, instead of the other three.
    """

    mode: str = "linear"
    n_bins: int | None = None
    width: float | None = None
    edges: tuple[float, ...] | None = None


def bin_tiles(tiles: TileMap, binning: Binning) -> NDArray[np.int64]:
    """Bin of each tile.

    Returns
    -------
    int64 (n_ra * n_dec,)
        By number of the tile. 0 is below the first edge; values beyond the last edge are in the bin after the last.

    Raises
    ------
    InputError
        If the binning contradicts itself or no bins can be made of these values.
    """
    values = tiles.values.ravel()
    edges = _bin_edges(values, binning)
    if edges is None:
        return np.arange(len(values))
    return np.digitize(values, edges)


def _bin_edges(values: NDArray[np.float64], binning: Binning) -> NDArray[np.float64] | None:
    if binning.edges is not None:
        edges = np.asarray(binning.edges, dtype=float)
        if (np.diff(edges) <= 0).any():
            raise InputError(f"edges of source density bins must ascend: {' '.join(f'{e:g}' for e in edges)}")
        return edges
    if not np.isfinite(values).any():
        raise InputError("no tile of the map has a value")
    if binning.n_bins is not None and binning.n_bins < 1:
        raise InputError(f"{binning.n_bins} source density bins; at least 1 is needed")
    if binning.mode == "log":
        return _log_edges(values, binning)
    if binning.n_bins is not None and binning.width is not None:
        raise InputError("give either the number of source density bins or their width")
    low, high = np.nanmin(values), np.nanmax(values)
    if binning.n_bins is not None:
        return np.linspace(low - 0.01 * abs(low), high + 0.01 * abs(high), binning.n_bins + 1)
    if binning.width is None:
        return None
    if not binning.width > 0:
        raise InputError(f"source density bins of width {binning.width:g}; it must be above 0")
    return low + np.arange(np.ceil((high - low) / binning.width) + 1) * binning.width


def _log_edges(values: NDArray[np.float64], binning: Binning) -> NDArray[np.float64]:
    if binning.n_bins is None or binning.width is not None:
        raise InputError("logarithmic source density bins need their number (and no width)")
    positive = values[values > 0]
    if not len(positive):
        raise InputError("no tile of the map has a value above 0, so that no logarithmic bins can be made")
    low, high = np.log10(0.99 * positive.min()), np.log10(1.01 * positive.max())
    return np.logspace(low, high, binning.n_bins + 1)
