"""Small text and JSON files of the commands: paths in, arrays and dictionaries out, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.atomic import atomic_write
from fastsed.errors import InputError
from fastsed.inputs.text import decode, read_bytes


def read_numbers(path: str | Path) -> NDArray[np.float64]:
    """The first number of each line (`#` begins a comment).

    Raises
    ------
    InputError
        For a file that cannot be read, has no numbers, or something else in their stead.
    """
    numbers = []
    for line, text in enumerate(decode(read_bytes(path)).splitlines(), 1):
        words = text.split("#", 1)[0].split()
        if not words:
            continue
        try:
            value = float(words[0])
        except ValueError:
            raise InputError(f"'{words[0]}' is not a number", path, line) from None
        if not np.isfinite(value):
            raise InputError(f"'{words[0]}' is not a finite number", path, line)
        numbers.append(value)
    if not numbers:
        raise InputError("no numbers", path)
    return np.array(numbers)


def read_json(path: str | Path) -> Any:
    """The content of a JSON file.

    Raises
    ------
    InputError
        For a file that cannot be read or is no JSON.
    """
    try:
        return json.loads(decode(read_bytes(path)))
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", path, error.lineno) from None
    except RecursionError:
        raise InputError("not JSON that can be read: nested too deeply", path) from None


def write_columns(path: str | Path, *columns: NDArray[np.float64]) -> None:
    """Columns of numbers, one row a line, with all their digits."""
    with atomic_write(path) as f:
        for row in zip(*columns, strict=True):
            f.write(" ".join(repr(float(value)) for value in row) + "\n")
