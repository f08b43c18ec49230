"""Spatial regions: results of sub files in, the results of the stars of each region out."""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.errors import InputError
from fastsed.survey.fits_rows import FitsRows, RowWriter, extended_header, extended_rows
from fastsed.survey.merging import join_samples, stack_stats
from fastsed.survey.pdf_files import stack_pdfs, write_pdf_rows
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
        return y * self.n_x + x

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
    grid = RegionGrid.of_field(merged.column("RA"), merged.column("DEC"), size)
    results = find_results(region_filebase)
    kinds = [] if stats_only else [kind for kind in ("pdf1d", "lnp") if existing(results, kind)]
    ids = _RowIds(merged)
    counts = np.zeros(grid.n_x * grid.n_y, dtype=np.int64)
    for result in results:
        stats = result.read_stats()
        numbers = grid.numbers(stats.column("RA"), stats.column("DEC"))
        counts += np.bincount(numbers, minlength=len(counts))
        _write_regions(grid, numbers, ids.of(result, stats), result, kinds, os.fspath(output_filebase))
    os.sync()
    image = Path(f"{output_filebase}_nstars.fits")
    write_image(counts.reshape(grid.n_y, grid.n_x), grid.wcs().to_header(), image)
    log.info("%d stars in %d regions of %g arcsec", counts.sum(), np.count_nonzero(counts), size)
    folders = [Path(f"{output_filebase}_{grid.name(i)}") for i in np.flatnonzero(counts).tolist()]
    return [*folders, image]


class _RowIds:
    """The `row_id` of the stars of each sub file."""

    def __init__(self, merged: FitsRows):
        names = merged.dtype.names or ()
        self._tags = merged.column("reorder_tag") if "reorder_tag" in names else None
        self._ids = merged.column("row_id") if "row_id" in names else np.arange(merged.n)
        self._next = 0

    def of(self, result: SubResult, stats: FitsRows) -> NDArray[np.int64]:
        """Its own, or those of the merged table's rows with its tag, or the next numbers."""
        first, self._next = self._next, self._next + stats.n
        if "row_id" in (stats.dtype.names or ()):
            return stats.column("row_id").astype(np.int64)
        if self._tags is not None:
            rows = np.flatnonzero(self._tags == result.tag.encode())
            if len(rows) == stats.n:
                return self._ids[rows].astype(np.int64)
        return np.arange(first, first + stats.n)


def _write_regions(
    grid: RegionGrid,
    numbers: NDArray[np.int64],
    ids: NDArray[np.int64],
    result: SubResult,
    kinds: list[str],
    output: str,
) -> None:
    """Write the files of one sub file, region by region."""
    stats = result.read_stats()
    order = np.argsort(numbers, kind="stable")
    regions, first = np.unique(numbers[order], return_index=True)
    edges = [*first.tolist(), len(order)]
    table = _RegionStats(stats, ids, order)
    pdfs = result.read_pdfs(stats.n) if "pdf1d" in kinds else {}
    samples = result.open_lnp(stats.n) if "lnp" in kinds else None
    try:
        for i, number in enumerate(regions.tolist()):
            name = grid.name(number)
            target = SubResult(result.tag, f"{output}_{name}/{name}_{result.tag}")
            target.stats.parent.mkdir(parents=True, exist_ok=True)
            table.write(slice(edges[i], edges[i + 1]), target.stats)
            rows = order[edges[i] : edges[i + 1]]
            if pdfs:
                write_pdf_rows(pdfs, rows, target.pdf1d, sync=False)
            if samples is not None:
                with StarGroupWriter(target.lnp, samples.fields, sync=False) as writer:
                    writer.append(samples.read(rows))
    finally:
        if samples is not None:
            samples.close()


class _RegionStats:
    """Rows of a table by region, with their `row_id`."""

    def __init__(self, stats: FitsRows, ids: NDArray[np.int64], order: NDArray[np.int64]):
        extra = {} if "row_id" in (stats.dtype.names or ()) else {"row_id": ids[order]}
        kinds = {name: values.dtype for name, values in extra.items()}
        self._header = extended_header(stats.header, stats.dtype, kinds)
        self._stats, self._order, self._extra = stats, order, extra

    def write(self, part: slice, path: Path) -> None:
        """Write some of the ordered rows."""
        rows = self._stats.rows(self._order[part])
        with RowWriter(path, self._header, len(rows), sync=False) as writer:
            writer.append(extended_rows(rows, {name: values[part] for name, values in self._extra.items()}))


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
    found = False
    for region in sorted((p for p in folder.iterdir() if p.is_dir()), key=lambda p: natural_key(p.name)):
        names = sorted((p.name for p in region.iterdir() if p.name.endswith(STATS)), key=natural_key)
        if names:
            found = True
            yield region.name, [_part(region, name) for name in names]
    if not found:
        raise InputError("no folder in it holds the results of a region (x_y_*_stats.fits)", folder)


def _part(region: Path, name: str) -> SubResult:
    """A file of a region: its tag is what follows the numbers of the region."""
    base = name[: -len(STATS)]
    return SubResult(_NAME.sub("", base, count=1), os.fspath(region / base))
