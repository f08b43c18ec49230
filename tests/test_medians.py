"""The median, against numpy's."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fastsed.medians import median


@pytest.mark.parametrize(
    "values",
    [
        [3.0],
        [2.0, 1.0],
        [5, 3, 1, 4, 2],
        [[1.0, 2.0], [3.0, 7.0]],
        [1.0, np.inf, 2.0, -np.inf],
        [np.inf, 1.0],
        [1.0, np.nan, 2.0],
        np.random.default_rng(1).normal(size=1001),
        np.random.default_rng(2).lognormal(0, 30, 1000),
    ],
)
def test_as_numpy_has_it(values):
    np.testing.assert_array_equal(median(values), np.median(values))


def test_of_nothing():
    assert np.isnan(median([]))


def test_numpy_ma_is_not_imported():
    code = "import sys; from fastsed.medians import median; median([1.0, 2.0]); assert 'numpy.ma' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
