"""FITS files as headers and bytes: for copies of rows of very many files, where astropy takes longer than the disk."""

from __future__ import annotations

import math
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fastsed.errors import InputError

BLOCK = 2880
_CARD = 80
_EQUALS = ord("=")
_END = b"END" + b" " * 77
_FORM = re.compile(r"(\d*)([LXBIJKAEDCMPQ])")
_TYPES = {
    "L": "i1",
    "B": "u1",
    "I": ">i2",
    "J": ">i4",
    "K": ">i8",
    "E": ">f4",
    "D": ">f8",
    "C": ">c8",
    "M": ">c16",
}
# FITS allows no more axes, and no more columns
_LIMIT = 999
_HEADER_LIMIT = 1000 * BLOCK


class Header:
    """A header.

    Parameters
    ----------
    data : bytes
        With the padding.
    """

    def __init__(self, data: bytes):
        self.data = data
        # backwards, so that the first card of each keyword is left
        starts = range(len(data) - _CARD, -1, -_CARD)
        self._places = {data[i : i + 8]: i for i in starts if data[i + 8] == _EQUALS}
        self._values: dict[str, Any] = {}

    def value(self, key: str) -> Any:
        """Value of a keyword: int, float, bool or str; None if it is not there or cannot be understood."""
        if key not in self._values:
            at = self._places.get(key.encode().ljust(8))
            text = None if at is None else self.data[at + 10 : at + _CARD].decode("latin-1").strip()
            self._values[key] = None if text is None else _parsed(text)
        return self._values[key]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data, slowest axis first.

        Raises
        ------
        TypeError, ValueError
            If a number is missing or none.
        """
        n_axes = int(self.value("NAXIS"))
        if not 0 <= n_axes <= _LIMIT:
            raise ValueError(n_axes)
        return tuple(int(self.value(f"NAXIS{i}")) for i in range(n_axes, 0, -1))

    @cached_property
    def data_size(self) -> int:
        """Bytes of the data, without padding.

        Raises
        ------
        TypeError, ValueError, OverflowError
            If a number is missing or none.
        """
        width = abs(int(self.value("BITPIX"))) // 8
        extra, groups = int(self.value("PCOUNT") or 0), int(self.value("GCOUNT") or 1)
        return width * groups * (extra + math.prod(self.shape)) if self.shape else 0


# images of one kind repeat their headers
_small_header = lru_cache(maxsize=4096)(Header)


@dataclass(frozen=True)
class Block:
    """A header and where its data are.

    Attributes
    ----------
    header : Header
    start : int
        Of the data in the file.
    """

    header: Header
    start: int

    @property
    def size(self) -> int:
        """Bytes of the data, without padding."""
        return self.header.data_size


def _parsed(text: str) -> Any:
    if text.isdecimal():
        return int(text)
    if text.startswith("'"):
        end = re.match(r"'((?:[^']|'')*)'", text)
        return end.group(1).replace("''", "'").rstrip() if end else text[1:]
    text = text.split("/")[0].strip()
    if text in ("T", "F"):
        return text == "T"
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return None


def _card(header: bytes, key: str) -> int:
    """Position of the card of a keyword, or -1."""
    word = key.encode().ljust(8) + b"="
    at = header.find(word)
    while at >= 0 and at % _CARD:
        at = header.find(word, at + 1)
    return at


def with_value(header: bytes, key: str, value: int) -> bytes:
    """The header with another number in a card that is there."""
    at = _card(header, key)
    if at < 0:
        raise ValueError(f"no card {key}")
    return header[:at] + card(key, value) + header[at + _CARD :]


def card(key: str, value: int | float | str | bool) -> bytes:
    """A card of 80 bytes."""
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        text = "'" + value.replace("'", "''").ljust(8) + "'"
    else:
        text = f"{value:>20}"
    return f"{key:<8}= {text}".ljust(_CARD).encode("latin-1")[:_CARD]


def header_bytes(cards: list[bytes]) -> bytes:
    """A header of these cards, with END and padding."""
    return pad(b"".join([*cards, _END]), b" ")


def cards_of(header: bytes) -> list[bytes]:
    """The cards of a header before END."""
    cards = [header[i : i + _CARD] for i in range(0, len(header), _CARD)]
    return cards[: cards.index(_END)]


def pad(data: bytes, fill: bytes = b"\0") -> bytes:
    """`data` and padding to whole blocks."""
    return data + fill * (-len(data) % BLOCK)


def padding(size: int) -> bytes:
    """The padding behind so many bytes of data."""
    return bytes(-size % BLOCK)


EMPTY_PRIMARY = header_bytes(
    [card("SIMPLE", True), card("BITPIX", 8), card("NAXIS", 0), card("EXTEND", True)]
)


def read_blocks(path: str | os.PathLike[str]) -> list[Block]:
    """Headers of a file and where their data are.

    Raises
    ------
    InputError
        If it is not there, no FITS file, or cut short.
    """
    try:
        size = Path(path).stat().st_size
        with open(path, "rb") as f:
            blocks, position = [], 0
            while position < size:
                block = _read_header(f, position, path)
                blocks.append(block)
                position = block.start + block.size + (-block.size % BLOCK)
                if block.start + block.size > size:
                    missing = block.start + block.size - size
                    message = (
                        f"cut short: the last {missing} bytes of extension {len(blocks) - 1} are missing"
                    )
                    raise InputError(message, path)
                f.seek(position)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path) from error
    if not blocks:
        raise InputError("not a FITS file: it is empty", path)
    return blocks


def _read_header(f: Any, position: int, path: str | os.PathLike[str]) -> Block:
    data = b""
    while True:
        piece = f.read(BLOCK)
        known = data or piece.startswith((b"SIMPLE  =", b"XTENSION="))
        if not known:
            if position:
                raise InputError(f"not a FITS file from byte {position} on", path)
            raise InputError("not a FITS file: it does not begin with SIMPLE", path)
        if len(piece) < BLOCK or len(data) > _HEADER_LIMIT:
            raise InputError("cut short: a header has no end", path)
        data += piece
        if any(piece[i : i + _CARD] == _END for i in range(0, BLOCK, _CARD)):
            break
    block = Block(_small_header(data) if len(data) == BLOCK else Header(data), position + len(data))
    try:
        size = block.size
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            "not a FITS file: a header whose NAXIS, BITPIX or sizes are no numbers", path
        ) from error
    if size < 0:
        raise InputError("not a FITS file: a header with negative sizes", path)
    return block


def table_dtype(block: Block, path: str | os.PathLike[str]) -> np.dtype[Any]:
    """Type of the rows of a binary table.

    Raises
    ------
    InputError
        If it is none, or has columns of variable length.
    """
    # tables of the same columns differ in their number of rows only
    header = block.header.data
    if block.header.value("NAXIS2"):
        header = with_value(header, "NAXIS2", 0)
    try:
        return _row_type(header)
    except InputError as error:
        raise InputError(error.message, path) from error


@lru_cache(maxsize=16)
def _row_type(data: bytes) -> np.dtype[Any]:
    """Type of the rows of a table with this header."""
    header = Header(data)
    n_fields = header.value("TFIELDS")
    if header.value("XTENSION") != "BINTABLE" or header.value("NAXIS") != 2 or header.value("BITPIX") != 8:
        raise InputError("its first extension is no binary table")
    if not isinstance(n_fields, int) or not 0 <= n_fields <= _LIMIT:
        raise InputError("a table whose number of columns (TFIELDS) is not known")
    fields: list[tuple[Any, ...]] = []
    for i in range(1, n_fields + 1):
        name, form = str(header.value(f"TTYPE{i}") or f"col{i}"), str(header.value(f"TFORM{i}"))
        match = _FORM.match(form)
        if match is None or match[2] in "PQ":
            raise InputError(f"column {name} has the format {form!r}, whose rows have no fixed length")
        repeat = int(match[1]) if match[1] else 1
        if match[2] == "A":
            fields.append((name, f"S{repeat}"))
        elif match[2] == "X":
            fields.append((name, "u1", (-(-repeat // 8),)))
        else:
            fields.append((name, _TYPES[match[2]]) if repeat == 1 else (name, _TYPES[match[2]], (repeat,)))
    try:
        dtype = np.dtype(fields)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"its columns cannot be told apart: {error}") from error
    if dtype.itemsize != header.shape[-1]:
        raise InputError(f"rows of {header.shape[-1]} bytes, but columns of {dtype.itemsize}")
    return dtype
