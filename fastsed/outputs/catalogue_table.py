"""The output catalogue as a table: results in; names, values, units and meanings of its columns out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.columns import confidence_labels
from fastsed.outputs.fout import printed_bounds, printed_values
from fastsed.outputs.posterior_columns import PosteriorColumn, posterior_columns
from fastsed.quantities import Quantity
from fastsed.results import Results


@dataclass(frozen=True)
class TableColumn:
    """One column of a table.

    Attributes
    ----------
    name : str
    values : (nsource,)
    unit : str
        As astropy and the VO write it; empty for pure numbers.
    description : str
    """

    name: str
    values: NDArray[Any]
    unit: str
    description: str


def catalogue_columns(results: Results) -> Iterator[TableColumn]:
    """Columns of the output catalogue, with the values that the `.fout` file shows.

    Yields
    ------
    TableColumn
        Bounds of the intervals, then what the posterior tells, follow each quantity.
    """
    further: dict[str, list[PosteriorColumn]] = {}
    for column in posterior_columns(results):
        further.setdefault(column.after, []).append(column)
    for quantity in results.columns:
        unit = quantity.table_unit
        if quantity.name == "id":
            yield TableColumn("id", np.array(results.ids), unit, quantity.meaning)
        elif quantity.kind == "other":
            yield TableColumn(quantity.name, results.values[quantity.name], unit, quantity.meaning)
        else:
            values = printed_values(quantity, results.values[quantity.name])
            yield TableColumn(quantity.name, values, unit, quantity.meaning)
            yield from _bounds(results, quantity)
            for column in further.get(quantity.name, ()):
                yield TableColumn(column.name, column.values, column.unit, column.description)
    for column in further.get("", ()):
        yield TableColumn(column.name, column.values, column.unit, column.description)


def _bounds(results: Results, quantity: Quantity) -> Iterator[TableColumn]:
    """Printed bounds of a quantity."""
    if not results.intervals:
        return
    bounds = printed_bounds(quantity, results.intervals[quantity.name])
    for i, confidence in enumerate(confidence_labels(results.confidences)):
        for side, letter, end in ((0, "l", "Lower"), (1, "u", "Upper")):
            text = f"{end} bound of the {confidence} % interval of {quantity.name}."
            values = bounds[:, i, side]
            yield TableColumn(f"{letter}{confidence}_{quantity.name}", values, quantity.table_unit, text)
