"""Spatial regions: results of sub files in, the results of the stars of each region out."""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.arrays import Ints
from fastsed.atomic import make_folder, write_small
from fastsed.errors import InputError
from fastsed.survey.fits_blocks import EMPTY_PRIMARY, padding, with_value
from fastsed.survey.fits_rows import FitsRows, extended_header, extended_rows
from fastsed.survey.merging import join_samples, stack_stats
from fastsed.survey.pdf_files import PdfRows, stack_pdfs
from fastsed.survey.pixels import unwrapped
from fastsed.survey.results import STATS, SubResult, existing, find_results, natural_key
from fastsed.survey.star_groups import StarGroupWriter
from fastsed.survey.tables import write_image

if TYPE_CHECKING:
    from astropy.wcs import WCS

log = logging.getLogger(__name__)

_NAME = re.compile(r"\d+_\d+_")


@dataclass(frozen=True)
class RegionGrid:
    """Square regions of a field.

    Attributes
    ----------
    size : float
        Of a region, in arcsec.
    n_x, n_y : int
        Number of regions; x runs against right ascension.
    crval : (float, float)
        Right ascension and declination of the middle of the field, in degrees.
    """

    size: float
    n_x: int
    n_y: int
    crval: tuple[float, float]

    @classmethod
    def of_field(cls, ra: ArrayLike, dec: ArrayLike, size: float = 10.0) -> RegionGrid:
        """Regions that cover all positions (degrees).

        Raises
        ------
        InputError
            If there is no position, or the size is not above 0.
        """
        ra, dec = unwrapped(ra), np.asarray(dec, dtype=float)
        valid = np.isfinite(ra) & np.isfinite(dec)
        if not valid.any():
            raise InputError("no star has a position (RA, DEC)")
        if not size > 0:
            raise InputError(f"regions of {size:g} arcsec; the size must be above 0")
        low, high = (np.array([f(ra[valid]), f(dec[valid])]) for f in (np.min, np.max))
        middle = (low + high) / 2
        step = size / 3600
        n_x = round(math.cos(math.radians(middle[1])) * (high[0] - low[0]) / step) + 1
        n_y = round((high[1] - low[1]) / step) + 1
        return cls(size, n_x, n_y, (float(middle[0]), float(middle[1])))

    def wcs(self) -> WCS:
        """World coordinates of an image with a pixel for each region."""
        from astropy.wcs import WCS

        wcs = WCS(naxis=2)
        wcs.wcs.crpix = [self.n_x / 2, self.n_y / 2]
        wcs.wcs.cdelt = [-self.size / 3600, self.size / 3600]
        wcs.wcs.crval = self.crval
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        return wcs

    def numbers(self, ra: ArrayLike, dec: ArrayLike) -> NDArray[np.int64]:
        """Number (y * n_x + x) of the region of each position; positions outside belong to the nearest.

        Raises
        ------
        InputError
            If a star has no position.
        """
        sky = np.column_stack([np.asarray(ra, dtype=float), np.asarray(dec, dtype=float)])
        if not len(sky):
            return np.zeros(0, dtype=np.int64)
        if not np.isfinite(sky).all():
            raise InputError(
                f"{np.count_nonzero(~np.isfinite(sky).all(axis=1))} stars have no position (RA, DEC)"
            )
        xy = self.wcs().wcs_world2pix(sky, 1).astype(np.int64)
        x, y = np.clip(xy[:, 0], 0, self.n_x - 1), np.clip(xy[:, 1], 0, self.n_y - 1)
        index: Ints = y * self.n_x + x
        return index

    def name(self, number: int) -> str:
        """`x_y` of a region."""
        return f"{number % self.n_x}_{number // self.n_x}"


def reorder_results(
    stats_path: str | os.PathLike[str],
    region_filebase: str | os.PathLike[str],
    output_filebase: str | os.PathLike[str],
    size: float = 10.0,
    stats_only: bool = False,
) -> list[Path]:
    """Divide the results of sub files into spatial regions.

    A region is a folder `<output_filebase>_x_y` with files `x_y_<tag>_{stats,pdf1d}.fits` and `_lnp.hd5`, in which
    the rows agree; `<output_filebase>_nstars.fits` counts the stars.

    Parameters
    ----------
    stats_path : path-like
        Merged stats: positions of all stars, and the `row_id` of those whose own table has none.
    region_filebase : path-like
        Begins the names of the results of the sub files.
    output_filebase : path-like
    size : float
        Of a region, in arcsec.
    stats_only : bool
        Leave PDFs and samples.

    Returns
    -------
    list of Path
        The folders, and the image of the numbers of stars.

    Raises
    ------
    InputError
        If something cannot be read or does not fit together.
    """
    merged = FitsRows.open(stats_path)
    ra, dec = merged.columns(["RA", "DEC"])
    grid = RegionGrid.of_field(ra, dec, size)
    results = find_results(region_filebase)
    kinds = [] if stats_only else [kind for kind in ("pdf1d", "lnp") if existing(results, kind)]
    ids = _RowIds(merged)
    counts = np.zeros(grid.n_x * grid.n_y, dtype=np.int64)
    writer = _RegionWriter(grid, os.fspath(output_filebase), kinds)
    for result in results:
        stats = result.read_stats()
        numbers = grid.numbers(*stats.columns(["RA", "DEC"]))
        counts += np.bincount(numbers, minlength=len(counts))
        writer.write(result, stats, numbers, ids.of(result, stats))
    os.sync()
    image = Path(f"{output_filebase}_nstars.fits")
    write_image(counts.reshape(grid.n_y, grid.n_x), grid.wcs().to_header(), image)
    log.info("%d stars in %d regions of %g arcsec", counts.sum(), np.count_nonzero(counts), size)
    folders = [Path(f"{output_filebase}_{grid.name(i)}") for i in np.flatnonzero(counts).tolist()]
    return [*folders, image]


class _RowIds:
    """The `row_id` of the stars of each sub file."""

    def __init__(self, merged: FitsRows):
        self._merged, self._next = merged, 0
        self._columns: tuple[NDArray[Any], NDArray[Any]] | None = None

    def of(self, result: SubResult, stats: FitsRows) -> NDArray[np.int64]:
        """Its own, or those of the merged table's rows with its tag, or the next numbers."""
        first, self._next = self._next, self._next + stats.n
        if "row_id" in (stats.dtype.names or ()):
            return stats.column("row_id").astype(np.int64)
        if "reorder_tag" in (self._merged.dtype.names or ()):
            tags, ids = self._columns = self._columns or self._read()
            rows = np.flatnonzero(tags == result.tag.encode())
            if len(rows) == stats.n:
                return np.asarray(ids[rows], dtype=np.int64)
        return np.arange(first, first + stats.n)

    def _read(self) -> tuple[NDArray[Any], NDArray[Any]]:
        if "row_id" in (self._merged.dtype.names or ()):
            tags, ids = self._merged.columns(["reorder_tag", "row_id"])
            return tags, ids
        return self._merged.column("reorder_tag"), np.arange(self._merged.n)


class _RegionWriter:
    """Writes the files of the regions, one sub file after the other.

    Parameters
    ----------
    grid : RegionGrid
    output : str
        Begins the names of the folders.
    kinds : list of str
        Of `pdf1d`, `lnp`: what to write besides the stats.
    """

    def __init__(self, grid: RegionGrid, output: str, kinds: list[str]):
        self._grid, self._output, self._kinds = grid, output, kinds
        self._folders: set[int] = set()

    def write(
        self, result: SubResult, stats: FitsRows, numbers: NDArray[np.int64], ids: NDArray[np.int64]
    ) -> None:
        """Write the files of a sub file whose stars lie in the regions `numbers`."""
        if not stats.n:
            return
        order = np.argsort(numbers, kind="stable")
        regions, first = np.unique(numbers[order], return_index=True)
        table = _StatsRows(stats, ids)
        pdfs = PdfRows(result.read_pdfs(stats.n)) if "pdf1d" in self._kinds else None
        with result.open_lnp(stats.n) if "lnp" in self._kinds else nullcontext() as samples:
            for number, rows in zip(regions.tolist(), np.split(order, first[1:]), strict=True):
                base = self._base(number, result.tag)
                write_small(f"{base}{STATS}", table.file(rows))
                if pdfs is not None:
                    write_small(f"{base}_pdf1d.fits", pdfs.file(rows))
                if samples is not None:
                    with StarGroupWriter(f"{base}_lnp.hd5", samples.fields, sync=False) as writer:
                        writer.append(samples.read(rows))

    def _base(self, number: int, tag: str) -> str:
        """Path of a region's files; its folder is made when it is met first."""
        name = self._grid.name(number)
        folder = f"{self._output}_{name}"
        if number not in self._folders:
            make_folder(folder)
            self._folders.add(number)
        return f"{folder}{os.sep}{name}_{tag}"


class _StatsRows:
    """Some rows of a table at a time, with their `row_id`."""

    def __init__(self, stats: FitsRows, ids: NDArray[np.int64]):
        self._extra = {} if "row_id" in (stats.dtype.names or ()) else {"row_id": ids}
        kinds = {name: values.dtype for name, values in self._extra.items()}
        self._header = extended_header(stats.header, stats.dtype, kinds)
        self._rows = stats.mapped()

    def file(self, rows: NDArray[np.int64]) -> bytes:
        """A whole file with these rows."""
        data = extended_rows(self._rows[rows], {name: values[rows] for name, values in self._extra.items()})
        return b"".join(
            [EMPTY_PRIMARY, with_value(self._header, "NAXIS2", len(rows)), data.tobytes(), padding(data.size)]
        )


def condense_results(folder: str | os.PathLike[str], stats_only: bool = False) -> list[Path]:
    """Condense the files of each region to one of each kind: `<folder>/<region>_{stats,pdf1d}.fits`, `_lnp.hd5`.

    Parameters
    ----------
    folder : path-like
        Holds a folder for each region.
    stats_only : bool
        Leave PDFs and samples.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If there are no regions, or their files do not fit together.
    """
    written: list[Path] = []
    for region, parts in _regions_of(Path(folder)):
        target = SubResult("", os.fspath(Path(folder) / region))
        stats = [part.read_stats() for part in parts]
        tags = [part.tag for part in parts]
        written.append(stack_stats(tags, stats, target.stats, sync=False, with_rest=False))
        kinds = [] if stats_only else [kind for kind in ("pdf1d", "lnp") if existing(parts, kind)]
        if "pdf1d" in kinds:
            files = [part.read_pdfs(table.n) for part, table in zip(parts, stats, strict=True)]
            stack_pdfs(files, target.pdf1d, sync=False)
            written.append(target.pdf1d)
        if "lnp" in kinds:
            join_samples(parts, [table.n for table in stats], target.lnp, sync=False)
            written.append(target.lnp)
    os.sync()
    return written


def _regions_of(folder: Path) -> Iterator[tuple[str, list[SubResult]]]:
    if not folder.is_dir():
        raise InputError("no such folder", folder)
    any_results = False
    for region in sorted((p for p in folder.iterdir() if p.is_dir()), key=lambda p: natural_key(p.name)):
        names = sorted((p.name for p in region.iterdir() if p.name.endswith(STATS)), key=natural_key)
        if names:
            any_results = True
            yield region.name, [_part(region, name) for name in names]
    if not any_results:
        raise InputError("no folder in it holds the results of a region (x_y_*_stats.fits)", folder)


def _part(region: Path, name: str) -> SubResult:
    """A file of a region: its tag is what follows the numbers of the region."""
    base = name[: -len(STATS)]
    return SubResult(_NAME.sub("", base, count=1), os.fspath(region / base))
