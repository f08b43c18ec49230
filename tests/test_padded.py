"""Rows that vectors and cache lines fit."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.padded import padded_rows


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "expected"), [(0, 0), (1, 16), (15, 16), (16, 16), (17, 32), (1000, 1008)])
def test_rows_fill_whole_vectors(n, expected, dtype):
    # kept, so that each begins elsewhere
    found = [padded_rows(3, n, dtype) for _ in range(20)]
    for rows in found:
        assert rows.shape == (3, expected)
        assert rows.dtype == dtype
        assert rows.flags.c_contiguous
        assert not rows[:, n:].any()
        assert expected == 0 or all(row.ctypes.data % 64 == 0 for row in rows)
