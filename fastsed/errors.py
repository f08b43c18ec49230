"""The errors a user may see: a message in, one clear line out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from os import PathLike

# a word of a damaged file may be as long as the file
LONG_WORD = re.compile(r"(\S{100})\S{200,}")


def shortened(names: Sequence[str], most: int = 12) -> str:
    """A list of names that fits into a message."""
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")


class FastsedError(Exception):
    """Anything that ends a run with one message and exit status 1."""

    exit_status = 1


class UsageError(FastsedError):
    """The command line itself is wrong (exit status 2)."""

    exit_status = 2


class InputError(FastsedError, ValueError):
    """Something the user handed in is wrong.

    Parameters
    ----------
    message : str
        What is wrong, with the value, and what would be right.
    path : path-like, optional
        The file at fault.
    line : int, optional
        Its line, counted from 1.
    """

    def __init__(self, message: str, path: str | PathLike[str] | None = None, line: int | None = None):
        self.message, self.path, self.line = message, path, line
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(printable(where + LONG_WORD.sub(r"\1...", message)))


def printable(text: str) -> str:
    """Text with what no terminal should get (control characters, halves of surrogate pairs) as escapes."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
