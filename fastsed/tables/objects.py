"""Columns of tables in memory: of astropy, pandas, numpy or plain lists in; numpy values and masks out."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Mask
from fastsed.errors import InputError
from fastsed.tables.columns import ColumnInfo, ColumnSource, Loaded


def is_of(module: str, name: str, value: Any) -> bool:
    """Whether an object is of a class of a package, which is not imported to find out."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))


def columns_in_memory(columns: Mapping[str, Any]) -> ColumnSource:
    """A source of columns that are in memory.

    Parameters
    ----------
    columns : mapping of str to array-like (n_row,)
        Arrays, masked arrays, quantities, columns of astropy, Series of pandas, lists.

    Raises
    ------
    InputError
        Where there is none, or where their lengths differ.
    """
    if not columns:
        raise InputError("the table has no columns")
    lengths = {name: _length(name, column) for name, column in columns.items()}
    first, n_rows = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length != n_rows:
            raise InputError(f"column {name} has {length} rows, but column {first} has {n_rows}")

    def load(names: Sequence[str]) -> Loaded:
        return {name: plain(columns[name]) for name in names}

    return ColumnSource({name: column_info(column) for name, column in columns.items()}, n_rows, load)


def frame_columns(frame: Any) -> dict[str, Any]:
    """The columns of a pandas DataFrame, after its index where that has a name.

    Raises
    ------
    InputError
        Where two columns have one name.
    """
    names = [str(name) for name in frame.columns]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"the DataFrame has more than one column {name}")
    index = {} if frame.index.name in (None, *names) else {str(frame.index.name): frame.index.to_series()}
    return index | {name: frame.iloc[:, i] for i, name in enumerate(names)}


def column_info(column: Any) -> ColumnInfo:
    """Unit and description of a column or quantity of astropy; empty ones for other columns."""
    unit, description = (
        getattr(column, "unit", None),
        getattr(getattr(column, "info", None), "description", ""),
    )
    return ColumnInfo("" if unit is None else str(unit), description if isinstance(description, str) else "")


def plain(column: Any) -> tuple[NDArray[Any], Mask | None]:
    """Values in native byte order, and where they are missing, of a column of any kind.

    Returns
    -------
    values : array (n_row, ...)
    mask : bool (n_row, ...) or None
        None where no value is missing but as NaN.
    """
    if is_of("pandas", "Series", column):
        return _plain_series(column)
    mask = getattr(column, "mask", None)
    values = getattr(column, "unmasked", column)  # of astropy's masked quantities
    values = getattr(values, "value", values)  # of quantities
    data = native(np.asarray(np.ma.getdata(values)))
    if mask is None or not np.any(mask):
        return data, None
    missing = np.broadcast_to(np.asarray(mask, dtype=bool), data.shape).copy()
    return np.where(missing, "", data) if data.dtype.kind == "U" else data, missing


def native(values: NDArray[Any]) -> NDArray[Any]:
    """Values in native byte order; bytes as texts; objects that are all texts, or all numbers, as such."""
    if values.dtype.kind == "S":
        try:
            return np.char.decode(values, "utf-8")
        except UnicodeDecodeError:
            return np.char.decode(values, "latin-1")
    if values.dtype.kind == "O" and values.ndim == 1:
        kinds = {type(value) for value in values}
        return np.array(values.tolist()) if len(kinds) == 1 and kinds <= {str, int, float, bool} else values
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _plain_series(series: Any) -> tuple[NDArray[Any], Mask | None]:
    """As `plain`: missing values get one of the others, so that the type stays."""
    missing = series.isna().to_numpy()
    values = series.to_numpy()
    if values.dtype.kind != "O" or missing.all():
        return native(values), missing if missing.any() and values.dtype.kind != "f" else None
    filled = values.copy()
    filled[missing] = values[np.flatnonzero(~missing)[0]]
    return native(filled), missing if missing.any() else None


def _length(name: str, column: Any) -> int:
    try:
        return len(column)
    except TypeError:
        raise InputError(f"column {name} is a single value; one value per row is expected") from None
