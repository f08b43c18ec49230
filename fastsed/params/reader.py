"""Parameter files and `KEY=value` words: text in, entries and values out."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import Field, dataclass
from typing import Any, get_args

from fastsed.config.options import EXPECTED, OptionError
from fastsed.errors import InputError
from fastsed.expressions import shortened
from fastsed.text import parse_number, read_bytes

log = logging.getLogger(__name__)

COMMAND_LINE = "command line"
"""Stands for the file name in messages about a `KEY=value` of the command line."""

ALIASES = {"filters_format": "filter_format"}
_QUOTES = "'\"\u2018\u2019\u201c\u201d"  # also those of word processors


@dataclass(frozen=True)
class Entry:
    """A `key = value` and where it was written."""

    name: str
    value: str
    path: str
    line: int | None

    @property
    def place(self) -> str:
        """The file and the line, or the command line: as errors begin."""
        return self.path if self.line is None else f"{self.path}:{self.line}"

    def error(self, message: str) -> InputError:
        return InputError(message, self.path, self.line)


def file_entries(path: str | os.PathLike[str]) -> Iterator[Entry]:
    name = os.fspath(path)
    try:
        data = read_bytes(name)
    except InputError as error:
        raise InputError(f"the parameter file {error.message}", name) from None
    for number, raw in enumerate(data.splitlines(), start=1):
        # Paths may hold bytes that are not UTF-8: surrogateescape hands them back to the system unchanged.
        content = _without_comment(raw.decode("utf-8", "surrogateescape")).strip()
        if not content:
            continue
        if "=" not in content:
            raise InputError(
                f"expected 'KEY = value', found '{shortened(content, 80)}'{_guess(content)}", name, number
            )
        yield _entry(content, name, number)


def _guess(line: str) -> str:
    """What a file may be of which a line has no `=`."""
    if line.count(",") > 1:
        return "; this looks like a table of comma-separated values (CSV), not like a parameter file"
    numbers = [parse_number(word) for word in line.split()]
    if (len(numbers) > 2 and None not in numbers[1:]) or "id" in line.lower().split():
        return "; this looks like a catalogue, not like a parameter file"
    return ""


def override_entry(text: str) -> Entry:
    if "=" not in text:
        raise InputError(f"expected KEY=value, found '{text}'", COMMAND_LINE)
    return _entry(text, COMMAND_LINE, None)


def _entry(content: str, path: str, line: int | None) -> Entry:
    name, value = content.split("=", 1)
    lower = name.strip().lower()
    if not lower:
        raise InputError(f"no key before the '=' in '{content}'", path, line)
    return Entry(ALIASES.get(lower, lower), value.strip(), path, line)


def last_of_each(entries: Iterator[Entry]) -> dict[str, Entry]:
    last: dict[str, Entry] = {}
    for entry in entries:
        if entry.name in last:
            first = last.pop(entry.name).line
            log.warning(
                "%s:%s: %s was already set in line %s; this line counts",
                entry.path,
                entry.line,
                entry.name.upper(),
                first,
            )
        last[entry.name] = entry
    return last


def _without_comment(line: str) -> str:
    """The line up to the first `#` that is not within quotes."""
    if "#" not in line:
        return line
    quote, previous = "", "="
    for position, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and previous in "=[, \t":
            quote = character
        elif character == "#":
            return line[:position]
        previous = character
    # A quote that is never closed protects nothing.
    return line.partition("#")[0] if quote else line


def parse_text(row: Field[Any], kind: Any, text: str) -> Any:
    """The text of a value in the type of its option: a number, a text, a list.

    Raises
    ------
    OptionError
        Where it is none.
    """
    arguments = get_args(kind)
    if arguments:
        return _parse_list(row, arguments[0], text)
    if unquoted(text) == "" and row.metadata["choices"]:
        return row.default
    return _scalar(row, kind, text, text)


def _parse_list(row: Field[Any], kind: type, text: str) -> tuple[Any, ...]:
    if not text:
        return tuple(row.default)  # type: ignore[arg-type]
    if text.startswith("[") != text.endswith("]"):
        raise OptionError(row.name, "a list is written [a, b, c], on one line", text)
    items = [item.strip() for item in text.strip("[]").split(",")]
    if items[-1] == "":
        items.pop()
    return tuple(_scalar(row, kind, item, text) for item in items)


def unquoted(text: str) -> str:
    """A text without the quotes around it."""
    start = 1 if text and text[0] in _QUOTES else 0
    stop = -1 if len(text) > start and text[-1] in _QUOTES else None
    return text[start:stop]


def _scalar(row: Field[Any], kind: type, item: str, text: str) -> Any:
    """One value; `text` is all that was written."""
    if row.metadata["named"] and parse_number(unquoted(item).strip()) is None:
        return unquoted(item).strip()
    try:
        return _CONVERT[kind](unquoted(item))
    except ValueError:
        raise OptionError(row.name, f"expected {EXPECTED[kind]}", text) from None


def parse_custom_number(name: str, text: str) -> float:
    """A number of the range of a custom parameter; `name` is that of the key.

    Raises
    ------
    OptionError
        Where it is none.
    """
    try:
        return _number(unquoted(text))
    except ValueError:
        raise OptionError(name, f"expected {EXPECTED[float]}", text) from None


def _integer(text: str) -> int:
    value = _number(text)
    if not value.is_integer():
        raise ValueError(text)
    return int(value)


def _number(text: str) -> float:
    value = parse_number(text.strip())
    if value is None or not math.isfinite(value):
        raise ValueError(text)
    return value


_WORDS = {"false": False, "no": False, "off": False, "f": False, "n": False}
_WORDS |= {"true": True, "yes": True, "on": True, "t": True, "y": True}


def parse_flag(text: str) -> bool:
    """A yes or no: 0 or 1 in any form of a number, or a word for it, as Fortran writes it too (.true.).

    Raises
    ------
    ValueError
        For anything else.
    """
    word = text.strip().strip(".").lower()
    if word in _WORDS:
        return _WORDS[word]
    number = parse_number(text.strip())
    if number not in (0.0, 1.0):
        raise ValueError(text)
    return number == 1.0


_CONVERT: dict[type, Callable[[str], Any]] = {bool: parse_flag, int: _integer, float: _number, str: str}
