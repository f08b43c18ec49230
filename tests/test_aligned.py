"""Rows that vectors and cache lines fit."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.aligned import aligned_rows, aligned_sets


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "expected"), [(0, 0), (1, 16), (15, 16), (16, 16), (17, 32), (1000, 1008)])
def test_rows_fill_whole_vectors(n, expected, dtype):
    # kept, so that each begins elsewhere
    found = [aligned_rows(3, n, dtype) for _ in range(20)]
    for rows in found:
        assert rows.shape == (3, expected)
        assert rows.dtype == dtype
        assert rows.flags.c_contiguous
        assert not rows[:, n:].any()
        assert expected == 0 or all(row.ctypes.data % 64 == 0 for row in rows)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sets_do_not_overlap(dtype):
    shapes = [(3, 17), (1, 1), (2, 0), (7, 64)]
    sets = aligned_sets(shapes, dtype)
    for number, (rows, (n_rows, n)) in enumerate(zip(sets, shapes, strict=True)):
        assert rows.shape == (n_rows, n + -n % 16)
        assert rows.dtype == dtype
        assert rows.size == 0 or rows.ctypes.data % 64 == 0
        assert not rows[:, n:].any()
        rows[:] = number
    assert all((rows == number).all() for number, rows in enumerate(sets))
    assert aligned_sets([], dtype) == []
