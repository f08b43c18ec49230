"""Small text and JSON files of the commands: paths in, arrays and dictionaries out, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.atomic import atomic_write
from fastsed.errors import InputError
from fastsed.survey.text_columns import read_number_rows
from fastsed.text import decode, read_bytes


def read_numbers(path: str | Path) -> NDArray[np.float64]:
    """The first number of each line (see `read_number_rows`)."""
    return read_number_rows(path, 1, "a number")[:, 0]


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
