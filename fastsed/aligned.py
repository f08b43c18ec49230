"""Rows of numbers as the kernels want them: a shape in; aligned memory that fills whole vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# numbers of the longest vector, in single precision
PADDING = 16
# a vector that crosses a cache line [bytes] takes two loads
LINE = 64


def aligned_rows(
    n_rows: int, n: int, dtype: type[np.float64] | type[np.float32] = np.float64
) -> NDArray[Any]:
    """Memory for rows of n numbers, which begin with cache lines, and zeros that fill up their last vectors.

    Parameters
    ----------
    n_rows, n : int
    dtype : type

    Returns
    -------
    ndarray (n_rows, n rounded up to `PADDING`)
        The first n numbers of a row are not set.
    """
    (rows,) = aligned_sets([(n_rows, n)], dtype)
    return rows


def aligned_sets(
    shapes: Sequence[tuple[int, int]], dtype: type[np.float64] | type[np.float32] = np.float64
) -> list[NDArray[Any]]:
    """As `aligned_rows` for sets of rows, (n_rows, n) each, that are in one piece of memory."""
    padded = [(n_rows, n + -n % PADDING) for n_rows, n in shapes]
    size = sum(n_rows * n for n_rows, n in padded)
    memory = np.empty(size * np.dtype(dtype).itemsize + LINE, dtype=np.uint8)
    start = -memory.ctypes.data % LINE
    numbers = memory[start : len(memory) - LINE + start].view(dtype)
    sets, end = [], 0
    for (n_rows, n), (_, n_used) in zip(padded, shapes, strict=True):
        begin, end = end, end + n_rows * n
        rows = numbers[begin:end].reshape(n_rows, n)
        rows[:, n_used:] = 0
        sets.append(rows)
    return sets
