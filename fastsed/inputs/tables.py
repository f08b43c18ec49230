"""Text tables of whitespace-separated columns: a path in, header names, texts and a float array out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError

_CHUNK = 20_000
_BLANKS = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


@dataclass
class Table:
    """The columns of a table that were asked for.

    Attributes
    ----------
    texts : list of list of str
        One list of `nrow` texts per column of text.
    numbers : float64 (nrow, ncolumn)
        The columns of numbers, in the order asked for.
    """

    texts: list[list[str]]
    numbers: NDArray[np.float64]


def read_bytes(path: str | Path) -> bytes:
    """Content of a file.

    Raises
    ------
    InputError
        Where it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path) from error


def decode(raw: bytes) -> str:
    """Text of bytes: UTF-8 where they are, else Latin-1, which always works."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def read_header(path: str | Path) -> list[str]:
    """Column names of a table: the words of its first comment line that is not empty.

    Raises
    ------
    InputError
        Where there is no such line.
    """
    try:
        with open(path, "rb") as f:
            # Line ends of every system, without reading a large file whole.
            for raw in (piece for line in f for piece in line.splitlines()):
                content = raw.removeprefix(_BOM).strip(_BLANKS)
                if content.startswith(b"#") and content.strip(b"#" + _BLANKS):
                    return [decode(word) for word in content.lstrip(b"#").split()]
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path) from error
    raise InputError("has no header: the first line must start with '#' and name the columns", path)


def find_column(names: Sequence[str], wanted: str, path: str | Path) -> int:
    """Position of a column, whatever the case of its letters.

    Raises
    ------
    InputError
        Where it is missing, naming those that are there.
    """
    upper = [name.upper() for name in names]
    if wanted.upper() not in upper:
        raise InputError(f"has no column {wanted.upper()}; its header names {_shortened(names)}", path)
    return upper.index(wanted.upper())


def read_table(
    path: str | Path, names: Sequence[str], *, texts: Sequence[int] = (), numbers: Sequence[int] = ()
) -> Table:
    """Read columns of a table.

    Lines that start with `#` and empty lines are skipped; a `#` after a blank starts a comment. Every row
    has to have as many fields as there are names.

    Parameters
    ----------
    path : path-like
    names : sequence of str
        The names of all columns, as from `read_header`.
    texts, numbers : sequence of int
        Positions of the columns to return as text, and as numbers (`nan` and `inf` are numbers).

    Returns
    -------
    Table

    Raises
    ------
    InputError
        For a row with another number of fields, or a field that is no number; it names line and column.
    """
    data = read_bytes(path)
    if _is_plain(data):
        table = _read_fast(path, len(names), texts, numbers)
        if table is not None:
            return table
    return _read_carefully(path, data, names, texts, numbers)


def read_number_columns(path: str | Path, names: Sequence[str]) -> NDArray[np.float64]:
    """Read a headerless table of numbers, of which the first columns are `names`; more columns are ignored.

    Returns
    -------
    float64 (ncolumn, nrow)

    Raises
    ------
    InputError
        For a row with too few fields, a field that is no number, or a table without rows.
    """
    rows = []
    for line, fields in _rows(read_bytes(path)):
        if len(fields) < len(names):
            raise InputError(
                f"has {len(fields)} columns, expected {len(names)} ({', '.join(names)})", path, line
            )
        rows.append([_number(fields, i, names, path, line) for i in range(len(names))])
    if not rows:
        raise InputError(f"is empty: expected the columns {', '.join(names)}", path)
    return np.ascontiguousarray(np.array(rows).T)


def line_of_row(path: str | Path, row: int) -> int:
    """Number of the line (from 1) that holds a row (from 0) of the table."""
    for position, (line, _) in enumerate(_rows(read_bytes(path))):
        if position == row:
            return line
    raise IndexError(row)


def flags(path: str | Path, name: str, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """A column of 0 and 1 as booleans.

    Raises
    ------
    InputError
        For another value.
    """
    for row in np.flatnonzero((values != 0) & (values != 1))[:1]:
        raise InputError(
            f"column {name}: '{values[row]:g}' must be 0 or 1", path, line_of_row(path, int(row))
        )
    return np.asarray(values == 1)


def _is_plain(data: bytes) -> bool:
    """Whether numpy's reader takes the text as we do: ASCII, comments on lines of their own."""
    return data.isascii() and data.count(b"#") == data.count(b"\n#") + data.startswith(b"#")


def _read_fast(path: str | Path, ncolumn: int, texts: Sequence[int], numbers: Sequence[int]) -> Table | None:
    """Read with numpy's C parser; None where something is wrong with the table."""
    kinds = ["U1"] * ncolumn
    for i in numbers:
        kinds[i] = "f8"
    for i in texts:
        kinds[i] = "O"
    dtype = np.dtype([(str(i), kind) for i, kind in enumerate(kinds)])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "input contained no data"
            rows = np.atleast_1d(np.loadtxt(path, dtype=dtype, encoding="ascii"))
    except (ValueError, UnicodeError, OSError):
        return None
    values = np.empty((rows.size, len(numbers)))
    for k, i in enumerate(numbers):
        values[:, k] = rows[str(i)]
    return Table([rows[str(i)].tolist() for i in texts], values)


def _read_carefully(
    path: str | Path, data: bytes, names: Sequence[str], texts: Sequence[int], numbers: Sequence[int]
) -> Table:
    """Read row by row, so that a fault can be named."""
    columns: list[list[str]] = [[] for _ in texts]
    blocks: list[NDArray[np.float64]] = []
    values: list[list[float]] = []
    for line, fields in _rows(data):
        if len(fields) != len(names):
            raise InputError(f"has {len(fields)} columns, but the header names {len(names)}", path, line)
        for column, i in zip(columns, texts, strict=True):
            column.append(decode(fields[i]))
        values.append([_number(fields, i, names, path, line) for i in numbers])
        if len(values) == _CHUNK:
            blocks.append(np.array(values))
            values.clear()
    blocks.append(np.array(values, dtype=float).reshape(len(values), len(numbers)))
    return Table(columns, np.concatenate(blocks))


def _rows(data: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Line number and fields of each row."""
    for line, raw in enumerate(data.removeprefix(_BOM).splitlines(), start=1):
        fields = raw.split()
        for i, word in enumerate(fields if b"#" in raw else ()):
            if word.startswith(b"#"):
                del fields[i:]
                break
        if fields:
            yield line, fields


def _number(fields: list[bytes], i: int, names: Sequence[str], path: str | Path, line: int) -> float:
    try:
        if b"_" not in fields[i]:
            return float(fields[i])
    except ValueError:
        pass
    raise InputError(f"column {names[i]}: '{decode(fields[i])}' is not a number", path, line)


def _shortened(names: Sequence[str], most: int = 12) -> str:
    """A list of names that fits into a message."""
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")
