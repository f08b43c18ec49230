"""Tables in: an astropy or pandas table, a mapping of arrays or a path in; plain columns out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastsed.tables.columns import ColumnSource
from fastsed.tables.objects import columns_in_memory, frame_columns, is_of
from fastsed.tables.readers import read_table


def as_source(table: Any) -> ColumnSource:
    """The columns of a table of any kind that fastsed takes. The table is not changed.

    Parameters
    ----------
    table : path-like, astropy Table or QTable, pandas DataFrame, structured array, or mapping of str to array-like
        Paths are of FITS, ECSV, CSV, VOTable, HDF5 or Parquet files, told by their suffix. Columns may be masked, and
        may have units.

    Returns
    -------
    ColumnSource

    Raises
    ------
    InputError
        For a file that cannot be read, columns of unequal length, or two columns of one name.
    TypeError
        For anything else.
    """
    if isinstance(table, str | os.PathLike):
        return read_table(table)
    if is_of("astropy.table", "Table", table):
        return columns_in_memory({name: table[name] for name in table.colnames})
    if is_of("pandas", "DataFrame", table):
        return columns_in_memory(frame_columns(table))
    if isinstance(table, np.ndarray) and table.dtype.names:
        return columns_in_memory({name: table[name] for name in table.dtype.names})
    if isinstance(table, Mapping):
        return columns_in_memory({str(name): values for name, values in table.items()})
    raise TypeError(
        "a table must be an astropy Table, a pandas DataFrame, a mapping of names to arrays or the path of a file, "
        f"not {type(table).__name__}"
    )
