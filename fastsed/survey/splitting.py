"""Splitting of catalogues: a catalogue in; its rows by source density, and by flux in sub files, out."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.survey.cuts import sky_columns
from fastsed.survey.tables import number_column, similar
from fastsed.survey.tiles import Binning, TileMap, bin_tiles

if TYPE_CHECKING:
    from astropy.table import Table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SubFiles:
    """How the sources of a bin are divided into sub files.

    Attributes
    ----------
    sort_col : str
        Column by which they are sorted, ascending.
    n_per_file : int, optional
        Sources in a sub file; None: no limit.
    min_n_subfile : int, optional
        At least so many sub files.
    extra_file : bool
        int(N / n_per_file) + 1 files, of which the last may be empty, as in BEAST 1.3.2.
    """

    sort_col: str = "F475W_RATE"
    n_per_file: int | None = 6250
    min_n_subfile: int | None = None
    extra_file: bool = False

    def sizes(self, n: int) -> list[int]:
        """Numbers of sources in the sub files of a bin of n sources."""
        if self.n_per_file is None and self.min_n_subfile is None:
            return []
        per_file, n_file = self.n_per_file or n, 1
        if self.n_per_file is not None:
            n_file = n // per_file + 1 if self.extra_file else math.ceil(n / per_file)
        if self.min_n_subfile is not None and (self.n_per_file is None or self.min_n_subfile > n_file):
            n_file, per_file = self.min_n_subfile, math.ceil(n / self.min_n_subfile)
        return [min(max(n - i * per_file, 0), per_file) for i in range(n_file)]

    def check(self) -> None:
        """Raise InputError unless the numbers make sense."""
        for name, value in (("n_per_file", self.n_per_file), ("min_n_subfile", self.min_n_subfile)):
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}; at least 1 is needed")


@dataclass(frozen=True)
class Part:
    """The rows of one bin.

    Attributes
    ----------
    tag : str
        Of file names: `bin3`, `SD0-1`.
    rows : int64 (n,)
        In the order of the catalogue.
    sub_rows : list of int64 (m,)
        Rows of each sub file, sorted by flux.
    """

    tag: str
    rows: NDArray[np.int64]
    sub_rows: list[NDArray[np.int64]]


def density_bins(table: Table) -> tuple[list[str], NDArray[np.int64]]:
    """Integer bins of the column SourceDensity (0 if there is none).

    Returns
    -------
    tags : list of str
        `SDa-b` of each bin.
    bins : int64 (n,)
        Bin of each row.
    """
    names = {name.upper(): name for name in table.colnames}
    if "SOURCEDENSITY" not in names:
        log.warning("no column SourceDensity: all sources are taken to have density 0")
        return ["SD0-1"], np.zeros(len(table), dtype=np.int64)
    values = number_column(table, names["SOURCEDENSITY"])
    if not np.isfinite(values).all():
        raise InputError(f"{np.count_nonzero(~np.isfinite(values))} values of SourceDensity are not finite")
    return integer_bins(values)


def integer_bins(values: NDArray[np.float64]) -> tuple[list[str], NDArray[np.int64]]:
    """Bins [a, a + 1) of values that are not negative: tags `SDa-b` and the bin of each value."""
    if not len(values):
        return [], np.zeros(0, dtype=np.int64)
    first = int(values.min())
    bins = np.floor(values).astype(np.int64) - first
    return [f"SD{first + i}-{first + i + 1}" for i in range(int(bins.max()) + 1)], np.maximum(bins, 0)


def map_bins(
    table: Table, tiles: TileMap, binning: Binning, as_beast: bool = False
) -> tuple[list[str], NDArray[np.int64]]:
    """Bins of a map: tags `binB` and the bin of each row.

    Parameters
    ----------
    table : astropy Table
        With positions.
    tiles : TileMap
    binning : Binning
    as_beast : bool
        Look tiles up as BEAST does; see `TileMap.tile_numbers`.
    """
    of_tile = bin_tiles(tiles, binning)
    ra, dec = sky_columns(table)
    lost = ~(np.isfinite(ra) & np.isfinite(dec))
    if lost.any():
        raise InputError(f"{np.count_nonzero(lost)} rows have no position")
    bins = of_tile[tiles.tile_numbers(ra, dec, as_beast)]
    return [f"bin{i}" for i in range(int(bins.max(initial=-1)) + 1)], bins


def split_rows(
    tags: list[str], bins: NDArray[np.int64], flux: NDArray[np.float64], sub_files: SubFiles
) -> list[Part]:
    """Rows of each bin that has any, and of its sub files.

    Parameters
    ----------
    tags : list of str
    bins : int64 (n,)
        Index into the tags.
    flux : float64 (n,)
        What the sub files are sorted by; ties stay in the order of the catalogue.
    sub_files : SubFiles

    Returns
    -------
    list of Part
    """
    sub_files.check()
    parts = []
    for tag, rows in bin_rows(tags, bins):
        ordered = rows[np.argsort(flux[rows], kind="stable")]
        edges = np.cumsum([0, *sub_files.sizes(len(rows))])
        parts.append(Part(tag, rows, [ordered[a:b] for a, b in itertools.pairwise(edges)]))
    return parts


def bin_rows(tags: list[str], bins: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Rows of each bin that has any, in the order of the catalogue."""
    order = np.argsort(bins, kind="stable")
    edges = np.searchsorted(bins[order], np.arange(len(tags) + 1))
    for i, tag in enumerate(tags):
        if edges[i + 1] > edges[i]:
            yield tag, order[edges[i] : edges[i + 1]]


def sort_values(table: Table, name: str) -> NDArray[np.float64]:
    """The column that sub files are sorted by; case does not matter.

    Raises
    ------
    InputError
        If it is not there, or does not hold numbers.
    """
    names = {n.upper(): n for n in table.colnames}
    if name.upper() not in names:
        raise InputError(
            f"no column {name!r} to sort by (--sort_col names another); {similar(name, table.colnames)}"
        )
    return number_column(table, names[name.upper()])


def stars_in_tiles(stars: Table, tiles: TileMap) -> dict[str, NDArray[np.int64]]:
    """Artificial stars by integer source density, as BEAST 1.3.2 splits them.

    A star belongs to the tile whose edges it lies strictly between; rows are in the order of the tiles.

    Returns
    -------
    dict of int64
        Rows by tag `SDa-b`, for the bins that hold any.
    """
    ra, dec = sky_columns(stars)
    number = tiles.tile_numbers(ra, dec)
    i_ra, i_dec = np.divmod(number, len(tiles.dec_edges) - 1)
    inside = np.ones(len(number), dtype=bool)
    for values, edges, i in ((ra, tiles.ra_edges, i_ra), (dec, tiles.dec_edges, i_dec)):
        inside &= (values > edges[i]) & (values < edges[i + 1])
    rows = np.flatnonzero(inside)
    rows = rows[np.argsort(number[rows], kind="stable")]
    density = np.floor(tiles.values.ravel()[number[rows]]).astype(np.int64)
    return {f"SD{a}-{a + 1}": rows[density == a] for a in np.unique(density).tolist()}
