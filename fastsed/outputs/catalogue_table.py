"""The output catalogue as a table: results in; columns with units and meanings, and files of every format, out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed._version import __version__
from fastsed.citations import citations
from fastsed.columns import confidence_labels
from fastsed.config.run import RunOptions
from fastsed.outputs.fout import unrounded_values, write_fout
from fastsed.outputs.paths import catalogue_paths
from fastsed.outputs.posterior_columns import PosteriorColumn, posterior_columns
from fastsed.quantities import Quantity
from fastsed.results import Results
from fastsed.tables.columns import Column

log = logging.getLogger(__name__)


def catalogue_columns(results: Results) -> Iterator[Column]:
    """Columns of the output catalogue: the values that the `.fout` file shows, in double precision without rounding.

    Yields
    ------
    Column
        Bounds of the intervals, then what the posterior tells, follow each quantity.
    """
    further: dict[str, list[PosteriorColumn]] = {}
    for column in posterior_columns(results):
        further.setdefault(column.after, []).append(column)
    for quantity in results.columns:
        unit = quantity.table_unit
        if quantity.name == "id":
            yield Column("id", id_values(results.ids), None, unit, quantity.meaning)
        elif quantity.kind == "other":
            yield Column(quantity.name, results.values[quantity.name], None, unit, quantity.meaning)
        else:
            values = unrounded_values(quantity, results.values[quantity.name])
            yield Column(quantity.name, values, None, unit, quantity.meaning)
            yield from _bounds(results, quantity)
        for column in further.get(quantity.name, ()):
            yield Column(column.name, column.values, None, column.unit, column.description)
    for column in further.get("", ()):
        yield Column(column.name, column.values, None, column.unit, column.description)


def _bounds(results: Results, quantity: Quantity) -> Iterator[Column]:
    """Bounds of a quantity."""
    if not results.intervals:
        return
    bounds = unrounded_values(quantity, results.intervals[quantity.name])
    if quantity.transform == "magnitude":
        bounds = bounds[..., ::-1]  # the lower flux is the upper magnitude
    for i, confidence in enumerate(confidence_labels(results.confidences)):
        for side, letter, end in ((0, "l", "Lower"), (1, "u", "Upper")):
            text = f"{end} bound of the {confidence} % interval of {quantity.name}."
            values = bounds[:, i, side]
            name = f"{letter}{confidence}_{quantity.name}"
            yield Column(name, values, None, quantity.table_unit, text)


def id_values(ids: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """Ids as a column: whole numbers where all are written as such (`7`, not `007`), else as they are."""
    values = np.array(ids)
    if values.dtype.kind != "U" or not len(values):
        return values
    try:
        numbers = values.astype(np.int64)
    except (ValueError, OverflowError):
        return values
    return numbers if np.array_equal(numbers.astype(values.dtype), values) else values


def catalogue_meta(
    results: Results, options: RunOptions | None = None, filters: Sequence[str] = ()
) -> dict[str, str | list[str]]:
    """What a table says of itself; no date, so that the same run gives the same bytes.

    Parameters
    ----------
    results : Results
    options : RunOptions, optional
        Of the run; without them there is neither a parameter file nor anything to cite.
    filters : sequence of str
        Names of the filters, as the filter file has them.
    """
    meta: dict[str, str | list[str]] = {"version": __version__, "parameters": options.path if options else ""}
    if options is not None:
        meta["citations"] = [
            f"{one.what}: {', '.join(one.keys) or one.note}" for one in citations(options, filters)
        ]
    return meta | {"comments": [line for line in results.provenance if line]}


def write_catalogue(results: Results, options: RunOptions, filters: Sequence[str] = ()) -> list[Path]:
    """Write the output catalogue in every format that OUTPUT_FORMAT names.

    Parameters
    ----------
    results : Results
    options : RunOptions
    filters : sequence of str
        Names of the filters, as the filter file has them.

    Returns
    -------
    list of Path
        Of the files.

    Raises
    ------
    InputError
        For a package that is not installed, and a file that cannot be written.
    """
    paths = catalogue_paths(options)
    columns: list[Column] = []
    for kind, path in paths.items():
        if kind == "fout":
            write_fout(results, path, options.output_precision)
        else:
            # takes a while to import
            from fastsed.tables.writers import write_table

            columns = columns or list(catalogue_columns(results))
            write_table(path, columns, catalogue_meta(results, options, filters), kind)
        log.info("wrote %s", path)
    return list(paths.values())
