"""Subgrids: a grid in, its parts out; the results of fits with each part in, those of a fit with all out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.fitting.stars.parameters import percentiles
from fastsed.survey.fit_layout import table_header
from fastsed.survey.fits_rows import FitsRows, RowWriter
from fastsed.survey.noise_file import NoiseFile, NoiseFileWriter
from fastsed.survey.pdf_files import CHUNK_BYTES, PdfImage, PdfWriter, same_bins
from fastsed.survey.results import SubResult
from fastsed.survey.sed_grid import BLOCK_ROWS, SedGrid, SedGridWriter
from fastsed.survey.star_contents import StarField
from fastsed.survey.star_groups import Samples, StarGroupWriter
from fastsed.survey.star_samples import StarSamples

_PERCENTILE = re.compile(r"(.+)_p(\d{1,2})")
# rows of a grid: of one subgrid they mean nothing without its number
_DROPPED = {"chi2min_indx", "specgrid_indx", "chi2min_fullgrid_indx"}
_OF_BEST = ("_Best", "Pmax_indx", "Pmax_fullgrid_indx", "fit_status")
_STARS = 500


def part_slices(n: int, n_part: int) -> list[slice]:
    """`n` rows in `n_part` consecutive parts, the first ones longer by one where they cannot be equal.

    Raises
    ------
    InputError
        If there are fewer rows than parts.
    """
    if not 1 <= n_part <= n:
        raise InputError(f"{n_part} parts of {n} models; from 1 to {n} are possible")
    each, longer = divmod(n, n_part)
    edges = np.cumsum([0, *([each + 1] * longer), *([each] * (n_part - longer))]).tolist()
    return [slice(edges[i], edges[i + 1]) for i in range(n_part)]


def split_grid(path: str | os.PathLike[str], n_part: int, pattern: str) -> list[Path]:
    """Write the rows of a grid in several files.

    Parameters
    ----------
    path : path-like
    n_part : int
    pattern : str
        Name of the parts; `{}` stands for their number, from 0.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If it is no grid, or has too few models.
    """
    written = []
    with SedGrid(path) as grid:
        for i, part in enumerate(part_slices(grid.n_models, n_part)):
            target = _part_name(pattern, i)
            arguments = (grid.wavelengths, grid.filters, grid.table_type)
            n = part.stop - part.start
            with SedGridWriter(target, n, *arguments, covariances=grid.has_covariances) as writer:
                for rows in _blocks(part):
                    extra = grid.read_covariances(rows) if grid.has_covariances else ()
                    writer.append(grid.read_seds(rows), grid.read_table(rows), *extra)
            written.append(target)
    return written


def split_noise(path: str | os.PathLike[str], n_part: int, pattern: str) -> list[Path]:
    """Write the rows of a noise model in several files, as `split_grid` does those of its grid."""
    written = []
    with NoiseFile(path) as noise:
        for i, part in enumerate(part_slices(noise.n_models, n_part)):
            target = _part_name(pattern, i)
            with NoiseFileWriter(target, part.stop - part.start) as writer:
                for rows in _blocks(part):
                    writer.append({name: noise.read(name, rows) for name in noise.names})
            written.append(target)
    return written


def _part_name(pattern: str, i: int) -> Path:
    if "{}" not in pattern:
        raise InputError(f"the name {pattern} needs {{}} where the number of the part goes")
    return Path(pattern.replace("{}", str(i)))


def _blocks(part: slice) -> Iterator[slice]:
    for first in range(part.start, part.stop, BLOCK_ROWS):
        yield slice(first, min(first + BLOCK_ROWS, part.stop))


def merge_subgrids(
    bases: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str], threshold: float = -10.0
) -> list[Path]:
    """Merge the results of fits of the same stars with the parts of a grid, to those of a fit with the whole grid.

    Parameters
    ----------
    bases : sequence of path-like
        Of `<base>_stats.fits`, `_pdf1d.fits`, `_lnp.hd5`, in the order of the parts; fitted with `do_not_normalize`
        and the same bins.
    output : path-like
        Begins the names of the products.
    threshold : float
        Samples further below the maximum of their star are left out (natural logarithm).

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If the results do not fit together.
    """
    if not threshold < 0:
        raise InputError(f"a threshold of {threshold:g}; it must be below 0")
    parts = [SubResult("", os.fspath(base)) for base in bases]
    target = SubResult("", os.fspath(output))
    _check_names([*parts, target])
    tables = [part.read_stats() for part in parts]
    for table in tables:
        if table.n != tables[0].n:
            raise InputError(f"{table.n} stars, but {tables[0].path.name} holds {tables[0].n}", table.path)
        _check_stars(table, tables[0])
    files = [part.read_pdfs(table.n) for part, table in zip(parts, tables, strict=True)]
    if not same_bins(files):
        names = ", ".join(str(part.pdf1d) for part in parts)
        raise InputError(f"the bins of {names} differ; fit all parts with the same --grid_info")
    rows = [table.rows() for table in tables]
    weights, norm = _weights(rows, tables)
    merged = _merge_pdfs(files, weights, target.pdf1d)
    _write_stats(rows, tables, weights, norm, merged, target.stats)
    _merge_samples(parts, tables[0].n, threshold, target.lnp)
    return [target.stats, target.pdf1d, target.lnp]


def _check_names(results: Sequence[SubResult]) -> None:
    """Refuse to count a part twice, or to write over one."""
    paths = [os.path.realpath(result.stats) for result in results]
    for i, path in enumerate(paths):
        if path in paths[:i]:
            raise InputError(
                "is named twice; each part counts once, and the output is no part", results[i].stats
            )


def _check_stars(table: FitsRows, first: FitsRows) -> None:
    """Refuse parts whose rows are other stars."""
    for name in ("RA", "DEC"):
        if name in (table.dtype.names or ()) and name in (first.dtype.names or ()):
            same = np.isclose(table.column(name), first.column(name), rtol=0, atol=1e-9, equal_nan=True)
            if not same.all():
                row = int(np.flatnonzero(~same)[0])
                raise InputError(f"row {row} is another star than in {first.path.name} ({name})", table.path)


def _weights(
    rows: Sequence[NDArray[Any]], tables: Sequence[FitsRows]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weight (n_part, n_star) of each part relative to the largest, and the logarithm of the sum of all."""
    for table in tables:
        for name in ("total_log_norm", "Pmax"):
            if name not in (table.dtype.names or ()):
                raise InputError(f"no column {name}", table.path)
    norms = np.stack([part["total_log_norm"].astype(float) for part in rows])
    norms[np.isnan(norms)] = -np.inf
    largest = norms.max(axis=0)
    base = np.where(np.isfinite(largest), largest, 0.0)
    weights = np.exp(norms - base)
    with np.errstate(divide="ignore"):
        return weights, np.log(weights.sum(axis=0)) + base


class _Pdf:
    """The merged PDF of a parameter: (n_star, n_bin) and the centres of its bins."""

    def __init__(self, images: Sequence[PdfImage], weights: NDArray[np.float64]):
        self._images, self._weights = images, weights
        self.centres = images[0].centres().astype(float)

    def rows(self, rows: slice) -> NDArray[np.float64]:
        """Of some stars."""
        total = np.zeros((len(self._weights[0][rows]), len(self.centres)))
        for image, weight in zip(self._images, self._weights, strict=True):
            total += np.where(weight[rows, None] > 0, weight[rows, None] * image.rows(rows), 0.0)
        sums = total.sum(axis=1, keepdims=True)
        mean: Floats = np.divide(total, sums, out=total, where=sums > 0)
        return mean

    def pieces(self) -> Iterator[NDArray[np.float64]]:
        """All stars, some at a time."""
        step = max(1, CHUNK_BYTES // (8 * len(self.centres)))
        for i in range(0, self._weights.shape[1], step):
            yield self.rows(slice(i, i + step))


def _merge_pdfs(
    files: Sequence[dict[str, PdfImage]], weights: NDArray[np.float64], path: Path
) -> dict[str, _Pdf]:
    """Write the merged PDFs."""
    pdfs = {name: _Pdf([images[name] for images in files], weights) for name in files[0]}
    with PdfWriter(path, square=True) as writer:
        for name, pdf in pdfs.items():
            shape = (weights.shape[1] + 1, len(pdf.centres))
            writer.write(name, shape, chain(pdf.pieces(), [pdf.centres[None]]))
    return pdfs


def _write_stats(
    rows: Sequence[NDArray[Any]],
    tables: Sequence[FitsRows],
    weights: NDArray[np.float64],
    norm: NDArray[np.float64],
    pdfs: dict[str, _Pdf],
    path: Path,
) -> None:
    maxima = np.stack([part["Pmax"].astype(float) for part in rows])
    best = np.where(weights > 0, maxima, -np.inf).argmax(axis=0)
    names = [
        name for name in rows[0].dtype.names or () if name not in _DROPPED and name != "best_gridsub_tag"
    ]
    columns: dict[str, NDArray[Any]] = {}
    for name in names:
        columns[name] = _merged_column(name, rows, tables, weights, best, pdfs)
    if "Pmax" in columns:
        columns["Pmax"] = maxima[best, np.arange(len(best))]
    columns["total_log_norm"] = norm
    columns["best_gridsub_tag"] = best.astype(np.int64)
    dtype = np.dtype(
        [(n, v.dtype if v.dtype.kind == "S" else v.dtype.newbyteorder(">")) for n, v in columns.items()]
    )
    merged = np.zeros(len(best), dtype=dtype)
    for name, values in columns.items():
        merged[name] = values
    with RowWriter(path, table_header(dtype, len(merged)), len(merged), tables[0].extensions()) as writer:
        writer.append(merged)


def _merged_column(
    name: str,
    rows: Sequence[NDArray[Any]],
    tables: Sequence[FitsRows],
    weights: NDArray[np.float64],
    best: NDArray[np.int64],
    pdfs: dict[str, _Pdf],
) -> NDArray[Any]:
    match = _PERCENTILE.fullmatch(name)
    if not (name.endswith(("_Exp", *_OF_BEST)) or match or name == "chi2min"):
        return rows[0][name]
    for part, table in zip(rows, tables, strict=True):
        if name not in (part.dtype.names or ()):
            raise InputError(f"no column {name}, unlike {tables[0].path}", table.path)
    stacked = np.stack([part[name] for part in rows])
    if name.endswith(_OF_BEST):
        return np.asarray(stacked[best, np.arange(len(best))])
    if name == "chi2min":
        smallest: NDArray[Any] = np.where(weights > 0, stacked, np.inf).min(axis=0)
        return smallest
    if match and match[1] in pdfs:
        pdf = pdfs[match[1]]
        pieces = [percentiles(piece, pdf.centres, [float(match[2])])[:, 0] for piece in pdf.pieces()]
        return np.concatenate([np.zeros(0), *pieces])
    total = np.where(weights > 0, weights * stacked, 0.0).sum(axis=0)
    sums = weights.sum(axis=0)
    mean: NDArray[Any] = np.divide(total, sums, out=np.zeros_like(total), where=sums > 0)
    return mean


def _merge_samples(parts: Sequence[SubResult], n_star: int, threshold: float, path: Path) -> None:
    """Write the samples of all parts that are near the maximum of their star, with the number of the part."""
    fields = {
        name: StarField(np.dtype(kind)) for name, kind in (("idx", "i8"), ("lnp", "f8"), ("subgrid", "i8"))
    }
    with ExitStack() as stack:
        readers = [stack.enter_context(part.open_lnp(n_star)) for part in parts]
        writer = stack.enter_context(StarGroupWriter(path, fields))
        for first in range(0, n_star, _STARS):
            stars = np.arange(first, min(first + _STARS, n_star))
            writer.append(_samples_of_all(readers, stars, fields, threshold))


def _samples_of_all(
    readers: Sequence[StarSamples], stars: NDArray[np.int64], fields: dict[str, StarField], threshold: float
) -> Samples:
    pieces = [reader.read(stars, fields) for reader in readers]
    star = np.concatenate([np.repeat(np.arange(len(stars)), piece.counts) for piece in pieces])
    part = np.repeat(np.arange(len(pieces)), [piece.counts.sum() for piece in pieces])
    lnp = np.concatenate([piece.columns["lnp"] for piece in pieces]).astype(float)
    rows = np.concatenate([piece.columns["idx"] for piece in pieces])
    largest = np.full(len(stars), -np.inf)
    valid = np.isfinite(lnp)
    np.maximum.at(largest, star[valid], lnp[valid])
    with np.errstate(invalid="ignore"):
        kept = np.flatnonzero(valid & (lnp - largest[star] > threshold))
    kept = kept[np.argsort(star[kept], kind="stable")]
    counts = np.bincount(star[kept], minlength=len(stars))
    return Samples(counts, {"idx": rows[kept], "lnp": lnp[kept], "subgrid": part[kept]})
