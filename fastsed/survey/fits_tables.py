"""Columns in; a FITS file with one binary table out, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fastsed.atomic import atomic_write
from fastsed.errors import InputError

LONGEST_NAME = 68


def write_fits_table(path: str | Path, columns: Mapping[str, Any]) -> None:
    """Write columns (name: array (n,)) as the first extension of a FITS file.

    Raises
    ------
    InputError
        If the file cannot be written, or FITS cannot hold the name of a column.
    """
    from astropy.io import fits

    for name in columns:
        if not (name.isascii() and name.isprintable() and len(name) <= LONGEST_NAME):
            raise InputError(f"FITS cannot hold a column called {name!r}", path)

    arrays = {name: np.asarray(values) for name, values in columns.items()}
    data = np.empty(
        len(next(iter(arrays.values()))), dtype=[(k, v.dtype, v.shape[1:]) for k, v in arrays.items()]
    )
    for name, values in arrays.items():
        data[name] = values
    with atomic_write(path, "wb") as f:
        fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(data)]).writeto(f)
