"""The header of a text table: its first lines in, the names of the columns and the form of the rows out."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastsed.errors import InputError
from fastsed.text import decode

log = logging.getLogger(__name__)

Accepts = Callable[[list[str]], bool]
"""Whether names hold the columns that a reader needs."""

_LINE = re.compile(rb"[^\r\n]*(?:\r\n?|\n)?")
_NUMBERED = re.compile(r"(\d+)\s+([^\W\d]\S*)")
_MOST_COMMENTS = 10_000


@dataclass(frozen=True)
class Header:
    """How a table is to be read.

    Attributes
    ----------
    names : list of str
    line : int
        Line of the names, from 1; the first of them if they have a line each.
    width : int
        Fields of the first row; the number of names where there is no row.
    comma : bool
        Whether fields are separated by commas.
    skip : int
        Lines to leave out at the top, where the line of the names is no comment.
    """

    names: list[str]
    line: int
    width: int
    comma: bool = False
    skip: int = 0


@dataclass(frozen=True)
class _Top:
    """The comments above the first row, without their `#`, and the first two rows: with their lines, from 1."""

    comments: list[tuple[int, str]]
    rows: list[tuple[int, str]]


def find_header(path: str | Path, data: bytes, accepts: Accepts) -> Header:
    """Find the line that names the columns.

    It is the first comment that names what the reader needs, with as many names as the first row has fields where there
    is such a one: titles above it are passed over, and of EAzY's two lines the one with `F<n>` and `E<n>` is taken.
    SExtractor's numbered comments, one per column, and a first line without `#` are understood too.

    Parameters
    ----------
    path : path-like
        For messages.
    data : bytes
        As from `read_bytes`.
    accepts : callable
        Whether a list of names holds what the reader needs.

    Raises
    ------
    InputError
        Where nothing can be a header.
    """
    top = _top_of(data)
    first_is_header = bool(top.rows) and any(accepts(names) for names in _names_in(top.rows[0][1]))
    skip = top.rows[0][0] if first_is_header else 0
    rows = top.rows[1:] if first_is_header else top.rows[:1]
    row = rows[0][1] if rows else ""
    named = [(line, names) for line, text in top.comments for names in _names_in(text)]
    if first_is_header:
        named += [(skip, names) for names in _names_in(top.rows[0][1])]
    numbered = _numbered_names(top.comments, row, accepts)
    accepted = [one for one in [*named, *numbered] if accepts(one[1])]
    exact = [one for one in accepted if len(one[1]) == _header(one[1], one[0], row, skip).width]
    for line, names in [*exact, *accepted, *numbered, *named]:
        if line != named[0][0]:
            log.info("%s: the columns are named in line %d", path, line)
        return _header(names, line, row, skip)
    raise InputError("has no header: the first line must start with '#' and name the columns", path)


def split_row(raw: bytes, comma: bool) -> list[bytes]:
    """Fields of a row; a `#` at the start of a word, and what follows it, is a comment."""
    if comma:
        return _split_commas(raw)
    fields = raw.split()
    for i, word in enumerate(fields if b"#" in raw else ()):
        if word.startswith(b"#"):
            return fields[:i]
    return fields


def _split_commas(raw: bytes) -> list[bytes]:
    raw = re.split(rb"(?:^|(?<=[\s,]))#", raw, maxsplit=1)[0].strip()
    if not raw:
        return []
    if b'"' not in raw:
        return [field.strip() for field in raw.split(b",")]
    # surrogateescape keeps bytes that are no UTF-8
    text = raw.decode("utf-8", "surrogateescape")
    fields = next(csv.reader([text], skipinitialspace=True))
    return [field.strip().encode("utf-8", "surrogateescape") for field in fields]


def _top_of(data: bytes) -> _Top:
    """Comments and rows at the top; where no comment stands above the rows, the first one further down."""
    comments: list[tuple[int, str]] = []
    rows: list[tuple[int, str]] = []
    has_comments = b"#" in data
    for line, raw in _content_lines(data):
        is_comment = raw.startswith(b"#")
        if is_comment and len(comments) < _MOST_COMMENTS and not (rows and comments):
            text = decode(raw).strip("# \t")
            comments += [(line, text)] if text else []
        elif not is_comment and len(rows) < 2:
            rows.append((line, decode(raw)))
        if len(rows) == 2 and (comments or not has_comments):
            break
    return _Top(comments, rows)


def _content_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines that are not empty, without the blanks around them, and their numbers; without splitting all of a file."""
    for line, match in enumerate(_LINE.finditer(data), start=1):
        stripped = match[0].strip()
        if stripped:
            yield line, stripped


def _names_in(text: str) -> Iterator[list[str]]:
    """The names that a line may hold: between blanks or, where it has commas, between them, or between either."""
    if "," not in text:
        yield text.split()
        return
    between = [name.strip().strip("\"'").strip() for name in text.split(",")]
    yield between[:-1] if between[-1] == "" else between
    yield re.split(r"[,\s]+", text.strip(", \t"))


def _numbered_names(
    comments: Sequence[tuple[int, str]], row: str, accepts: Accepts
) -> list[tuple[int, list[str]]]:
    """Line and names of SExtractor's header, `1 NUMBER ...`, `2 FLUX_APER ...`; empty where there is none.

    A column that is left out belongs to the one before it, an array: NAME, NAME_1, NAME_2. NUMBER is the ID, if
    nothing else is.
    """
    entries: list[tuple[int, int, str]] = []
    for line, text in comments:
        match = _NUMBERED.match(text)
        number = int(match[1][:9]) if match else 0
        if match and number == 1:
            entries = [(line, number, match[2])]
        elif match and entries and number > entries[-1][1]:
            entries.append((line, number, match[2]))
    last = entries[-1][1] if entries else 0
    width = len(split_row(row.encode("utf-8", "surrogateescape"), comma=False)) or last
    if len(entries) < 2 or last > width or width > _MOST_COMMENTS:
        return []
    names = []
    ends = [*(number for _, number, _ in entries[1:]), width + 1]
    for (_, number, name), end in zip(entries, ends, strict=True):
        names += [name] + [f"{name}_{i}" for i in range(1, end - number)]
    renamed = ["ID" if name.upper() == "NUMBER" else name for name in names]
    return [(entries[0][0], renamed if accepts(renamed) and not accepts(names) else names)]


def _header(names: list[str], line: int, row: str, skip: int) -> Header:
    """The header of these names, with the form of the rows after the first of them."""
    raw = row.encode("utf-8", "surrogateescape")
    by_blanks, by_commas = split_row(raw, comma=False), split_row(raw, comma=True)
    all_end_in_comma = len(by_blanks) > 1 and all(field.endswith(b",") for field in by_blanks[:-1])
    comma = (
        (all_end_in_comma or len(by_blanks) != len(names)) and b"," in raw and len(by_commas) >= len(names)
    )
    fields = by_commas if comma else by_blanks
    while comma and len(fields) > len(names) and not fields[-1]:
        fields.pop()
    return Header(names, line, len(fields) or len(names), comma, skip)
