"""The first columns of a text file in; an array of finite numbers out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.text import decode, read_bytes


def read_number_rows(path: str | Path, n_columns: int, what: str, skip: int = 0) -> NDArray[np.float64]:
    """The first numbers of each line, between blanks or commas (`#` begins a comment).

    Parameters
    ----------
    path : path-like
    n_columns : int
    what : str
        What a line should be, for messages: "a wavelength and a flux".
    skip : int
        Lines at the beginning that are not looked at.

    Returns
    -------
    float64 (n, n_columns)

    Raises
    ------
    InputError
        For a file that cannot be read, has no numbers, or something else in their stead.
    """
    rows = []
    for line, text in enumerate(decode(read_bytes(path)).splitlines()[skip:], 1 + skip):
        words = text.split("#", 1)[0].replace(",", " ").split()
        if not words:
            continue
        try:
            row = [float(word) for word in words[:n_columns]]
        except ValueError:
            row = []
        if len(row) < n_columns or not np.isfinite(row).all():
            raise InputError(f"'{text.strip()[:60]}' is not {what}", path, line)
        rows.append(row)
    if not rows:
        raise InputError("no numbers", path)
    return np.array(rows)
