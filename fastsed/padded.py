"""Rows of numbers as the kernels want them: a shape in, room that fills whole vectors out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# numbers of the longest vector, in single precision
PADDING = 16
# a vector that crosses a cache line [bytes] takes two loads
LINE = 64


def padded_rows(n_rows: int, n: int, dtype: type[np.float64] | type[np.float32] = np.float64) -> NDArray[Any]:
    """Room for rows of n numbers, which begin with cache lines, and zeros that fill up their last vectors.

    Parameters
    ----------
    n_rows, n : int
    dtype : type

    Returns
    -------
    ndarray (n_rows, n rounded up to `PADDING`)
        The first n numbers of a row are not set.
    """
    shape = n_rows, n + -n % PADDING
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    memory = np.empty(size + LINE, dtype=np.uint8)
    start = -memory.ctypes.data % LINE
    rows = memory[start : start + size].view(dtype).reshape(shape)
    rows[:, n:] = 0
    return rows
