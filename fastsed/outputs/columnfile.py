"""Plain columns of numbers: arrays in, a text file in FAST++'s layout out."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fastsed.atomic import atomic_write

_CELL = "%13g"


def write_columns(
    path: str | os.PathLike[str], header: str, columns: Sequence[ArrayLike], sync: bool = False
) -> None:
    """Write one header line and right-aligned columns of six significant digits.

    Parameters
    ----------
    path : path-like
    header : str
        Without the leading "# ".
    columns : sequence of array (n,)
    sync : bool
        As of `atomic_path`; most files of columns are one of thousands.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    # single precision: no exponent has three digits, so that a number never fills its column
    with np.errstate(over="ignore"):
        table = np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=1)
    line = _CELL * table.shape[1] + "\n"
    with atomic_write(path, sync=sync) as f:
        f.write(f"# {header}\n")
        f.write(line * len(table) % tuple(table.ravel().tolist()))
