"""Tables of named columns, as text or of other formats: a path in, header names, texts and a float array out."""

from __future__ import annotations

import logging
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats, Mask
from fastsed.errors import InputError, shortened
from fastsed.inputs.header import Accepts, find_header, split_row
from fastsed.paths import for_system
from fastsed.tables.columns import ColumnSource
from fastsed.text import decode, means_missing, parse_number, read_bytes

log = logging.getLogger(__name__)

_CHUNK = 20_000


@dataclass
class Columns:
    """The columns of a table that were asked for.

    Attributes
    ----------
    texts : list of list of str
        One list of `nrow` texts per column of text.
    numbers : float64 (nrow, ncolumn)
        The columns of numbers, in the order asked for; NaN where a value is missing.
    """

    texts: list[list[str]]
    numbers: Floats


class NamedTable(ABC):
    """A table whose header is known, and whose columns can be read.

    Attributes
    ----------
    path : path-like
    names : list of str
        Of all columns.
    """

    path: str | Path
    names: list[str]

    @abstractmethod
    def read(self, *, texts: Sequence[int] = (), numbers: Sequence[int] = ()) -> Columns:
        """Read the columns at some positions, as text and as numbers.

        Raises
        ------
        InputError
            For a row with another number of fields, or a field that is no number; it names line and column.
        """

    @abstractmethod
    def error(self, message: str, row: int) -> InputError:
        """An error that names the place of a row (from 0)."""

    @abstractmethod
    def label(self, row: int) -> str:
        """How the user finds a row (from 0): "line 5", "row 3"."""

    def units(self, positions: Sequence[int]) -> list[str]:
        """Units of columns, as the table has them; empty texts where there are none."""
        return [""] * len(positions)

    def has(self, name: str) -> bool:
        """Whether there is a column of this name, whatever the case of its letters."""
        return name.upper() in (known.upper() for known in self.names)

    def find(self, name: str) -> int:
        """Position of a column, whatever the case of its letters.

        Raises
        ------
        InputError
            Where it is missing, naming those that are there, or where two columns have this name.
        """
        upper = [known.upper() for known in self.names]
        if name.upper() not in upper:
            raise InputError(
                f"has no column {name.upper()}; its header names {shortened(self.names)}", self.path
            )
        if upper.count(name.upper()) > 1:
            raise InputError(f"its header names {name.upper()} more than once", self.path)
        return upper.index(name.upper())

    def flags(self, name: str, values: Floats) -> Mask:
        """A column of 0 and 1 as booleans.

        Raises
        ------
        InputError
            For another value.
        """
        for row in np.flatnonzero((values != 0) & (values != 1))[:1]:
            raise self.error(f"column {name}: '{values[row]:g}' must be 0 or 1", int(row))
        return np.asarray(values == 1)


class TextTable(NamedTable):
    """A table of columns between blanks or commas.

    Lines that start with `#` and empty lines are skipped; a `#` after a blank starts a comment. Every row has to have
    as many fields as the first one. If these are more than the names, those at the end have no name and are ignored
    with a warning. Words such as INDEF or NULL are missing numbers, counted in a warning.

    Parameters
    ----------
    path : path-like
    accepts : callable
        Whether a list of names holds what the reader needs: it tells the header from titles.

    Raises
    ------
    InputError
        Where the file cannot be read or has no header.
    """

    def __init__(self, path: str | Path, accepts: Accepts):
        self.path = path
        self._data = read_bytes(path)
        self._header = find_header(path, self._data, accepts)
        self.names = self._header.names
        self._missing: list[tuple[int, str]] = []

    def read(self, *, texts: Sequence[int] = (), numbers: Sequence[int] = ()) -> Columns:
        """As `NamedTable.read`; `nan` and `inf` are numbers."""
        unnamed = self._header.width - len(self.names)
        if unnamed > 0:
            log.warning("%s: unnamed columns at the end are ignored: %d of them", self.path, unnamed)
        columns = self._read_fast(texts, numbers) if self._is_plain() else None
        return columns or self._read_carefully(texts, numbers)

    def line_of_row(self, row: int) -> int:
        """Number of the line (from 1) that holds a row (from 0)."""
        for position, (line, _) in enumerate(self._rows()):
            if position == row:
                return line
        raise IndexError(row)

    def label(self, row: int) -> str:
        """As `NamedTable.label`."""
        return f"line {self.line_of_row(row)}"

    def error(self, message: str, row: int) -> InputError:
        """An error that names the line of a row (from 0)."""
        return InputError(message, self.path, self.line_of_row(row))

    def _is_plain(self) -> bool:
        """Whether numpy's reader takes the text as we do: ASCII, comments on lines of their own."""
        data = self._data
        own_lines = data.count(b"#") == data.count(b"\n#") + data.startswith(b"#")
        one_way = not self._header.comma and self._header.width >= len(self.names)
        return (
            own_lines and one_way and data.isascii() and os.path.getsize(for_system(self.path)) == len(data)
        )

    def _read_fast(self, texts: Sequence[int], numbers: Sequence[int]) -> Columns | None:
        """Read with numpy's C parser; None where something is wrong with the table."""
        kinds = ["U1"] * self._header.width
        for i in numbers:
            kinds[i] = "f8"
        for i in texts:
            kinds[i] = "O"
        dtype = np.dtype([(str(i), kind) for i, kind in enumerate(kinds)])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # "input contained no data"
                rows = np.loadtxt(
                    for_system(self.path), dtype=dtype, encoding="ascii", skiprows=self._header.skip
                )
        except (ValueError, UnicodeError, OSError):
            return None
        rows = np.atleast_1d(rows)
        values = np.empty((rows.size, len(numbers)))
        for k, i in enumerate(numbers):
            values[:, k] = rows[str(i)]
        return Columns([rows[str(i)].tolist() for i in texts], values)

    def _read_carefully(self, texts: Sequence[int], numbers: Sequence[int]) -> Columns:
        """Read row by row, so that a fault can be named."""
        columns: list[list[str]] = [[] for _ in texts]
        blocks: list[Floats] = []
        values: list[list[float]] = []
        self._missing.clear()
        for line, fields in self._rows():
            self._check_width(line, len(fields))
            for column, i in zip(columns, texts, strict=True):
                column.append(decode(fields[i]))
            values.append([self._number(fields[i], i, line) for i in numbers])
            if len(values) == _CHUNK:
                blocks.append(np.array(values))
                values.clear()
        blocks.append(np.array(values, dtype=float).reshape(len(values), len(numbers)))
        self._warn_of_missing()
        return Columns(columns, np.concatenate(blocks))

    def _check_width(self, line: int, count: int) -> None:
        expected, named = self._header.width, len(self.names)
        if count < named or (count != named and count != expected):
            raise InputError(f"has {count} columns, but the header names {named}", self.path, line)
        if count != expected:
            raise InputError(f"has {count} columns, but the first row {expected}", self.path, line)

    def _rows(self) -> Iterator[tuple[int, list[bytes]]]:
        """Line number and fields of each row."""
        header = self._header
        for line, raw in enumerate(self._data.splitlines(), start=1):
            if line <= header.skip:
                continue
            fields = split_row(raw, header.comma)
            while header.comma and len(fields) > header.width and not fields[-1]:
                fields.pop()
            if fields:
                yield line, fields

    def _number(self, field: bytes, i: int, line: int) -> float:
        text = decode(field)
        number = parse_number(text)
        if number is not None:
            return number
        if means_missing(text):
            self._missing.append((line, text))
            return np.nan
        raise InputError(f"column {self.names[i]}: '{text}' is not a number", self.path, line)

    def _warn_of_missing(self) -> None:
        if self._missing:
            line, text = self._missing[0]
            shown, others = f"'{text}'" if text else "an empty field", len(self._missing) - 1
            more = f", as do {others} more" if others else ""
            log.warning("%s:%d: %s counts as a missing value%s", self.path, line, shown, more)


class SourceTable(NamedTable):
    """A table of any format but text.

    Parameters
    ----------
    source : ColumnSource
    """

    def __init__(self, source: ColumnSource):
        self.path = os.fspath(source.path or "the table")
        self.names = source.names
        self._source = source

    def read(self, *, texts: Sequence[int] = (), numbers: Sequence[int] = ()) -> Columns:
        """As `NamedTable.read`."""
        columns = self._source.read([self.names[i] for i in (*texts, *numbers)])
        values = np.empty((self._source.n_rows, len(numbers)))
        for k, column in enumerate(columns[len(texts) :]):
            values[:, k] = column.numbers()
        return Columns([column.texts() for column in columns[: len(texts)]], values)

    def units(self, positions: Sequence[int]) -> list[str]:
        """As `NamedTable.units`."""
        return [str(self._source.info[self.names[i]].unit) for i in positions]

    def label(self, row: int) -> str:
        """As `NamedTable.label`."""
        return f"row {row + 1}"

    def error(self, message: str, row: int) -> InputError:
        """An error that names a row (counted from 0, named from 1)."""
        return InputError(f"row {row + 1}: {message}", self.path)


def needs(*names: str) -> Callable[[list[str]], bool]:
    """A test whether a header names all of these columns, whatever the case of their letters."""
    required = {name.upper() for name in names}
    return lambda header: required <= {name.upper() for name in header}


def same_id(one: str, other: str) -> bool:
    """Whether two ids are the same text or the same number: 1, 1.0 and 1e0."""
    if one == other:
        return True
    first, second = _exact_number(one), _exact_number(other)
    return first is not None and first == second


def canonical_id(identity: str) -> str:
    """The id in a form that is the same for 1, 1.0 and 1e0; upper case."""
    number = _exact_number(identity)
    return identity.upper() if number is None else str(number.normalize())


def read_number_columns(path: str | Path, names: Sequence[str]) -> Floats:
    """Read a headerless table of numbers, of which the first columns are `names`; more columns are ignored.

    Fields are separated by blanks or commas. A first line without any number is taken for names.

    Returns
    -------
    float64 (ncolumn, nrow)

    Raises
    ------
    InputError
        For a row with too few fields, a field that is no number, or a table without rows.
    """
    lines = enumerate(read_bytes(path).splitlines(), start=1)
    split = ((line, split_row(raw.replace(b",", b" "), comma=False)) for line, raw in lines)
    rows = [(line, list(map(decode, fields))) for line, fields in split if fields]
    if rows and not any(parse_number(text) is not None or means_missing(text) for text in rows[0][1]):
        line, fields = rows.pop(0)
        log.info("%s:%d: '%s' is taken for the names of the columns", path, line, " ".join(fields)[:80])
    if not rows:
        raise InputError(f"is empty: expected the columns {', '.join(names)}", path)
    values = [_numbers_of_row(path, line, fields, names) for line, fields in rows]
    return np.ascontiguousarray(np.array(values, dtype=np.float64).T)


def _numbers_of_row(path: str | Path, line: int, fields: list[str], names: Sequence[str]) -> list[float]:
    if len(fields) < len(names):
        raise InputError(f"has {len(fields)} columns, expected {len(names)} ({', '.join(names)})", path, line)
    numbers = []
    for name, text in zip(names, fields, strict=False):
        number = parse_number(text)
        if number is None:
            raise InputError(f"column {name}: '{text}' is not a number", path, line)
        numbers.append(number)
    return numbers


def _exact_number(text: str) -> Decimal | None:
    if not text.isascii() or "_" in text or len(text) > 28:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 40 else None
