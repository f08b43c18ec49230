"""Merging: results of all sub files in, one table, file of PDFs and file of samples for the whole field out."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.survey.fits_rows import (
    FitsRows,
    RowWriter,
    common_dtype,
    convert_rows,
    extended_header,
    extended_rows,
    header_for,
)
from fastsed.survey.pdf_files import join_pdfs, same_bins, stack_pdfs
from fastsed.survey.results import SubResult, existing, find_results, row_ids
from fastsed.survey.star_contents import StarField
from fastsed.survey.star_groups import StarGroupWriter, fit_fields

log = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 24
# samples of so many stars are held at once
_STARS = 2000


def merge_results(filebase: str | os.PathLike[str], stats_only: bool = False) -> list[Path]:
    """Merge the results of all sub files; the rows of all products agree.

    Parameters
    ----------
    filebase : path-like
        See `find_results`; without trailing `_` it begins the names of the products.
    stats_only : bool
        Leave PDFs and samples.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If the sub files do not fit together or cannot be read.
    """
    results = find_results(filebase)
    output = os.fspath(filebase).rstrip("_")
    if output.endswith(os.sep) or not Path(output).name:
        raise InputError(f"{filebase} names a folder; the products need a name (a longer FILEBASE)")
    target = SubResult("", output)
    stats = [result.read_stats() for result in results]
    written = [stack_stats([result.tag for result in results], stats, target.stats)]
    log.info("%d sub files, %d stars", len(results), sum(table.n for table in stats))
    if stats_only:
        return written
    if existing(results, "pdf1d"):
        files = [result.read_pdfs(table.n) for result, table in zip(results, stats, strict=True)]
        if same_bins(files):
            join_pdfs(files, target.pdf1d)
        else:
            stack_pdfs(files, target.pdf1d)
        written.append(target.pdf1d)
    if existing(results, "lnp"):
        join_samples(results, [table.n for table in stats], target.lnp, with_root=True)
        written.append(target.lnp)
    return written


def stack_stats(
    tags: Sequence[str], tables: Sequence[FitsRows], path: Path, sync: bool = True, with_rest: bool = True
) -> Path:
    """Write the rows of tables one after the other, with the tag of each as column `reorder_tag`, and `row_id`.

    Parameters
    ----------
    tags : sequence of str
    tables : sequence of FitsRows
    path : Path
    sync : bool
        See `atomic_path`.
    with_rest : bool
        Copy the other extensions of the first table (the filters).

    Returns
    -------
    Path
    """
    dtype = common_dtype(tables)
    names = dtype.names or ()
    extra = {"reorder_tag": np.dtype(f"S{max(map(len, tags))}"), "row_id": np.dtype(np.int64)}
    extra = {name: kind for name, kind in extra.items() if name not in names}
    header = extended_header(header_for(tables[0], dtype), dtype, extra)
    rest = tables[0].extensions() if with_rest else b""
    step, first = max(1, _CHUNK_BYTES // dtype.itemsize), 0
    with RowWriter(path, header, sum(table.n for table in tables), rest, sync) as writer:
        for tag, table in zip(tags, tables, strict=True):
            ids = row_ids(table, first)
            for i in range(0, table.n, step):
                rows = convert_rows(table.rows(slice(i, i + step)), dtype)
                columns = {"reorder_tag": np.full(len(rows), tag.encode(), dtype=f"S{max(map(len, tags))}")}
                columns |= {"row_id": ids[i : i + step]}
                writer.append(extended_rows(rows, {name: columns[name] for name in extra}))
            first += table.n
    return path


def join_samples(
    results: Sequence[SubResult],
    numbers: Sequence[int],
    path: Path,
    with_root: bool = False,
    sync: bool = True,
) -> None:
    """Write the samples of several files one after the other, as `star_0`, `star_1`, ...

    Parameters
    ----------
    results : sequence of SubResult
    numbers : sequence of int
        Stars of each; one without samples gets an empty group.
    path : Path
    with_root : bool
        Copy the datasets of the root group (wavelengths, filters) from the first.
    sync : bool
        See `atomic_path`.

    Raises
    ------
    InputError
        If a file holds other datasets than the first with stars.
    """
    with ExitStack() as stack:
        fields, root = _fields_and_root(results, numbers)
        writer = stack.enter_context(StarGroupWriter(path, fields, root if with_root else None, sync))
        for result, n in zip(results, numbers, strict=True):
            with result.open_lnp(n) as samples:
                if n and samples.fields and samples.fields.keys() != fields.keys():
                    raise InputError(
                        f"stars hold {', '.join(samples.fields)}, others {', '.join(fields)}", result.lnp
                    )
                if n > len(samples.numbers):
                    log.warning("%s: %d of %d stars have no samples", result.lnp, n - len(samples.numbers), n)
                for i in range(0, n, _STARS):
                    writer.append(samples.read(np.arange(i, min(i + _STARS, n)), fields))


def _fields_and_root(
    results: Sequence[SubResult], numbers: Sequence[int]
) -> tuple[dict[str, StarField], dict[str, NDArray[Any]]]:
    """Fields and root datasets of the first file that holds a star."""
    for result, n in zip(results, numbers, strict=True):
        if n:
            with result.open_lnp(n) as samples:
                if samples.fields:
                    return samples.fields, samples.root
    return fit_fields(0), {}
