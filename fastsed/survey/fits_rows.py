"""Rows of FITS tables as they are on the disk: files in, rows of some of them, with more columns, out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from fastsed.atomic import atomic_path
from fastsed.errors import InputError
from fastsed.survey.fits_blocks import (
    EMPTY_PRIMARY,
    Block,
    card,
    cards_of,
    header_bytes,
    padding,
    read_blocks,
    table_dtype,
    with_value,
)

# rows of so many bytes are held in memory
_IN_MEMORY = 1 << 28
_FORMS = {"f8": "D", "f4": "E", "i8": "K", "i4": "J", "i2": "I", "u1": "B", "i1": "L", "c8": "C", "c16": "M"}


@dataclass(frozen=True)
class FitsRows:
    """The first table of a FITS file.

    Attributes
    ----------
    path : Path
    dtype : numpy.dtype
        Of its rows, in FITS's byte order.
    n : int
        Number of rows.
    header : bytes
    rest : tuple of Block
        Extensions after it.
    """

    path: Path
    dtype: np.dtype[Any]
    n: int
    header: bytes
    start: int
    rest: tuple[Block, ...]

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> FitsRows:
        """Find the table of a file.

        Raises
        ------
        InputError
            If the file cannot be read or holds no table.
        """
        blocks = read_blocks(path)
        if len(blocks) < 2:
            raise InputError("holds no table", path)
        table = blocks[1]
        dtype = table_dtype(table, path)
        return cls(
            Path(path), dtype, table.header.shape[0], table.header.data, table.start, tuple(blocks[2:])
        )

    def rows(self, rows: slice | NDArray[np.int64] | None = None) -> NDArray[Any]:
        """Some rows, all by default: structured, in FITS's byte order."""
        if self.n == 0:
            return np.zeros(0, dtype=self.dtype)
        if rows is None:
            return np.fromfile(self.path, self.dtype, self.n, offset=self.start)
        mapped = np.memmap(self.path, self.dtype, "r", self.start, (self.n,))
        return np.array(mapped[rows])

    def mapped(self) -> NDArray[Any]:
        """All rows: in memory, or mapped from the file where there are very many bytes."""
        if self.n * self.dtype.itemsize <= _IN_MEMORY:
            return self.rows()
        return np.memmap(self.path, self.dtype, "r", self.start, (self.n,))

    def column(self, name: str) -> NDArray[Any]:
        """A column, in the machine's byte order.

        Raises
        ------
        InputError
            If it is not there.
        """
        return self.columns([name])[0]

    def columns(self, names: Sequence[str]) -> list[NDArray[Any]]:
        """Columns, in the machine's byte order; the file is read once.

        Raises
        ------
        InputError
            If one of them is not there.
        """
        for name in names:
            if name not in (self.dtype.names or ()):
                raise InputError(f"no column {name}", self.path)
        columns = [np.empty(self.n, dtype=self.dtype[name].newbyteorder("=")) for name in names]
        step = max(1, (1 << 24) // self.dtype.itemsize)
        for i in range(0, self.n, step):
            start = self.start + i * self.dtype.itemsize
            rows = np.fromfile(self.path, self.dtype, min(step, self.n - i), offset=start)
            for name, values in zip(names, columns, strict=True):
                values[i : i + step] = rows[name]
        return columns

    def extensions(self) -> bytes:
        """The extensions after the table, whole."""
        with open(self.path, "rb") as f:
            pieces = []
            for block in self.rest:
                f.seek(block.start)
                pieces += [block.header.data, f.read(block.size), padding(block.size)]
        return b"".join(pieces)


def extended_header(header: bytes, dtype: np.dtype[Any], extra: Mapping[str, np.dtype[Any]]) -> bytes:
    """The header of a table of these rows with more columns at the end.

    Parameters
    ----------
    header : bytes
        Of a table with the rows `dtype`.
    dtype : numpy.dtype
    extra : dict of numpy.dtype
        More columns by name.
    """
    fields = len(dtype.names or ())
    cards = cards_of(header)
    for i, (name, kind) in enumerate(extra.items(), start=fields + 1):
        form = f"{kind.itemsize}A" if kind.kind == "S" else _FORMS[kind.str[1:]]
        cards += [card(f"TTYPE{i}", name), card(f"TFORM{i}", form)]
    width = dtype.itemsize + sum(kind.itemsize for kind in extra.values())
    data = with_value(header_bytes(cards), "NAXIS1", width)
    return with_value(data, "TFIELDS", fields + len(extra))


def extended_rows(rows: NDArray[Any], extra: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """Bytes (n, width) of rows with more columns at the end."""
    n = len(rows)
    parts = [rows.view(np.uint8).reshape(n, -1) if n else np.zeros((0, rows.dtype.itemsize), dtype=np.uint8)]
    for values in extra.values():
        stored = np.ascontiguousarray(values)
        stored = stored.astype(stored.dtype.newbyteorder(">"))
        parts.append(stored.view(np.uint8).reshape(n, stored.dtype.itemsize))
    return np.hstack(parts)


class RowWriter:
    """Writes a FITS table whose number of rows is known before.

    Parameters
    ----------
    path : path-like
    header : bytes
        Of the table, with any number of rows.
    n : int
    rest : bytes
        Extensions after the table.
    sync : bool
        See `atomic_path`.
    """

    def __init__(
        self, path: str | os.PathLike[str], header: bytes, n: int, rest: bytes = b"", sync: bool = True
    ):
        self._path, self._n, self._rest, self._sync = Path(path), n, rest, sync
        self._header = with_value(header, "NAXIS2", n)
        self._size, self._stack = 0, ExitStack()
        self._file: IO[bytes]

    def __enter__(self) -> Self:
        temporary = self._stack.enter_context(atomic_path(self._path, self._sync))
        self._file = self._stack.enter_context(open(temporary, "wb"))
        self._file.write(EMPTY_PRIMARY + self._header)
        return self

    def append(self, rows: NDArray[Any]) -> None:
        """Write rows: structured, or bytes (n, width)."""
        data = rows.tobytes()
        self._size += len(data)
        self._file.write(data)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: Any
    ) -> bool | None:
        if kind is None:
            self._file.write(padding(self._size) + self._rest)
        return self._stack.__exit__(kind, value, trace)


def common_dtype(tables: Sequence[FitsRows]) -> np.dtype[Any]:
    """Type of rows that hold those of all tables: the columns of the first, texts as wide as the widest.

    Raises
    ------
    InputError
        If one of the tables has other columns.
    """
    first = tables[0]
    if all(table.dtype == first.dtype for table in tables):
        return first.dtype
    names = first.dtype.names or ()
    fields: list[tuple[str, Any, tuple[int, ...]]] = []
    for name in names:
        kinds = []
        for table in tables:
            if set(table.dtype.names or ()) != set(names):
                odd = min(set(table.dtype.names or ()) ^ set(names))
                has = "has" if odd in (table.dtype.names or ()) else "lacks"
                raise InputError(f"{has} a column {odd}, unlike {first.path}", table.path)
            kinds.append(table.dtype[name])
        if len({kind.shape for kind in kinds}) > 1:
            raise InputError(f"column {name} is not as long as in other files", first.path)
        bases = [kind.base for kind in kinds]
        fields.append((name, np.result_type(*bases).newbyteorder(">"), kinds[0].shape))
    return np.dtype(fields)


def convert_rows(rows: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Rows as another type with the same columns."""
    if rows.dtype == dtype:
        return rows
    converted = np.zeros(len(rows), dtype=dtype)
    for name in dtype.names or ():
        converted[name] = rows[name]
    return converted


def header_for(table: FitsRows, dtype: np.dtype[Any]) -> bytes:
    """Header of a table of rows `dtype`, with the units and notes of `table`."""
    if dtype == table.dtype:
        return table.header
    header = table.header
    cards = cards_of(header)
    forms = {f"TFORM{i}": _form(dtype[name]) for i, name in enumerate(dtype.names or (), start=1)}
    cards = [card(key, forms[key]) if (key := c[:8].decode("latin-1").strip()) in forms else c for c in cards]
    return with_value(header_bytes(cards), "NAXIS1", dtype.itemsize)


def _form(kind: np.dtype[Any]) -> str:
    repeat = int(np.prod(kind.shape)) if kind.shape else 1
    base = kind.base
    if base.kind == "S":
        return f"{base.itemsize}A"
    return f"{repeat if repeat > 1 else ''}{_FORMS.get(base.str[1:], 'D')}"
