"""Cells around the values of an axis."""

from __future__ import annotations

import numpy as np

from fastsed.models.cells import axis_weights, cell_edges, cell_widths


def test_edges_are_midpoints_and_the_ends_symmetric():
    np.testing.assert_allclose(cell_edges([1.0, 2.0, 4.0]), [0.5, 1.5, 3.0, 5.0])
    np.testing.assert_allclose(cell_edges([1.0, 5.0], positive=True), [0.5, 3.0, 7.0])
    np.testing.assert_allclose(cell_edges([1.0, 3.0], positive=True), [0.0, 2.0, 4.0])


def test_widths_in_any_order():
    np.testing.assert_allclose(cell_widths([4.0, 1.0, 2.0]), [2.0, 1.0, 1.5])
    np.testing.assert_allclose(cell_widths([0.0, 2.0], log=True), [10 - 0.1, 1000 - 10])


def test_single_values_have_weight_one():
    for log in (False, True):
        np.testing.assert_array_equal(axis_weights([3.0], log), [1.0])
    assert axis_weights([]).shape == (0,)
    np.testing.assert_array_equal(axis_weights([2.0, 2.0]), [1.0, 1.0])


def test_relative_to_their_mean():
    w = axis_weights([1.0, 2.0, 4.0])
    assert w.mean() == 1.0
    np.testing.assert_allclose(w, np.array([1.0, 1.5, 2.0]) / 1.5)
