"""Tables of stellar models (CSV, text, ECSV, FITS, Parquet): a path in, columns of numbers out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError, shortened
from fastsed.text import decode, read_bytes, read_content

ASTROPY_SUFFIXES = (".fits", ".fit", ".fits.gz", ".ecsv", ".vot", ".xml", ".parquet")


def read_model_table(path: str | Path) -> dict[str, Floats]:
    """The columns of numbers of a table.

    Parameters
    ----------
    path : path-like
        FITS, ECSV, VOTable and Parquet by their suffix; anything else is text: CSV with a first line of names, or
        columns separated by blanks whose names stand in the last comment line before the data or in the first line.

    Returns
    -------
    dict of float64 (n,)
        In the order of the file; columns of text are left out.

    Raises
    ------
    InputError
        For a file that cannot be read, holds no rows, or a value that is no number.
    """
    by_suffix = str(path).lower().endswith(ASTROPY_SUFFIXES)
    columns = _read_astropy(path) if by_suffix else _read_text(path)
    if not columns or not len(next(iter(columns.values()))):
        raise InputError("no rows of numbers", path)
    return columns


def _read_astropy(path: str | Path) -> dict[str, Floats]:
    import warnings

    from astropy.table import Table

    read_content(path)  # a missing file has its own message
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kwargs: dict[str, Any] = {} if ".fit" not in str(path).lower() else {"mask_invalid": False}
            table = Table.read(path, **kwargs)
    except Exception as error:
        raise InputError(f"cannot be read as a table: {_first_line(error)}", path) from error
    columns = {}
    for name in table.colnames:
        values = table[name]
        if values.dtype.kind in "fiub" and values.ndim == 1:
            filled = (
                values.filled(np.nan) if hasattr(values, "filled") and values.dtype.kind == "f" else values
            )
            columns[str(name)] = np.ascontiguousarray(np.asarray(filled, dtype=np.float64))
    return columns


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _read_text(path: str | Path) -> dict[str, Floats]:
    comment = header = ""
    rows: list[str] = []
    lines: list[int] = []
    for line, text in enumerate(decode(read_bytes(path)).splitlines(), 1):
        text = text.strip()
        if text.startswith("#"):
            comment = text.lstrip("#").strip() if not rows else comment
        elif text and not header and not _is_number(_split(text)[0]):
            header = text
        elif text:
            rows.append(text)
            lines.append(line)
    if not rows:
        return {}
    names = [name.strip(' "') for name in _split(header or comment)]
    fields = [_split(row) for row in rows]
    for line, row in zip(lines, fields, strict=True):
        if len(row) != len(names):
            raise InputError(
                f"{len(row)} values in a table of {len(names)} columns ({shortened(names)})", path, line
            )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"two columns are called '{twice}'", path)
    columns = {}
    for k, name in enumerate(names):
        if _is_number(fields[0][k]):
            columns[name] = _numbers([row[k] for row in fields], name, path, lines)
    return columns


def _split(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")] if "," in text else text.split()


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _numbers(words: list[str], name: str, path: str | Path, lines: list[int]) -> Floats:
    try:
        return np.array(words, dtype=np.float64)
    except ValueError:
        bad = next(k for k, word in enumerate(words) if not _is_number(word))
        raise InputError(f"column {name}: '{words[bad]}' is not a number", path, lines[bad]) from None
