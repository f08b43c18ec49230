"""Absolute flux covariances, tables of artificial stars: what is read, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from fastsed.errors import InputError
from fastsed.survey.absflux import read_absflux
from fastsed.survey.asts import rate_columns, read_artificial_stars
from fastsed.survey.splinter import Splinter
from tests.survey.star_tests import FILTERS


def test_absflux(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("0.01 0.02\n")
    np.testing.assert_allclose(read_absflux(path, 2), np.diag([1e-4, 4e-4]))
    path.write_text("# one a line\n0.01\n0.02\n")
    np.testing.assert_allclose(read_absflux(path, 2), np.diag([1e-4, 4e-4]))
    path.write_text("1e-4, 1e-5\n1e-5, 4e-4\n")
    np.testing.assert_allclose(read_absflux(path, 2), [[1e-4, 1e-5], [1e-5, 4e-4]])
    path.write_text("0.3\n")
    np.testing.assert_allclose(read_absflux(path, 1), [[0.09]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3\n", r"shape \(3,\) for 2 filters"),
        ("1 2\n3\n", "rows have different lengths"),
        ("1 x\n", "a.txt:1"),
        ("1 0\n0 -1\n", "negative variance"),
        ("1 0.5\n0 1\n", "not symmetric"),
        ("nan 1\n", "not finite"),
        ("", "shape"),
    ],
)
def test_wrong_absflux(tmp_path, text, message):
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_absflux(path, 2)


def test_columns_of_artificial_stars(tmp_path):
    assert rate_columns(FILTERS) == ("F336W_RATE", "F475W_RATE", "F814W_RATE")
    names = ["W_F336W_RATE", "a_f475w_rate", "A_F814W_RATE"]
    table = Table({name[:-5] + end: [1.0, np.nan] for name in names for end in ("_IN", "_RATE")})
    table["CUT_FLAG"] = [0, 1]
    table.write(tmp_path / "ast.fits")
    stars = read_artificial_stars(tmp_path / "ast.fits", FILTERS, [name.upper() for name in names])
    np.testing.assert_array_equal(stars.mag_in, [[1.0] * 3, [np.nan] * 3])
    np.testing.assert_array_equal(stars.flagged, [False, True])
    assert stars.mag_out is None
    with pytest.raises(InputError, match="no column F336W_IN, F475W_IN, F814W_IN"):
        read_artificial_stars(tmp_path / "ast.fits", FILTERS)
    with pytest.raises(InputError, match="no column W_F336W_VEGA"):
        read_artificial_stars(tmp_path / "ast.fits", FILTERS, names, magnitudes=True)
    with pytest.raises(InputError, match="2 columns"):
        rate_columns(FILTERS, names[:2])
    with pytest.raises(InputError, match="does not end in _RATE"):
        rate_columns(["F1"], ["F1_FLUX"])


def test_numbers_that_no_measurement_has(tmp_path):
    names = ["F336W", "F475W", "F814W"]
    table = Table({f"{name}{end}": [1.0, 2.0] for name in names for end in ("_IN", "_RATE")})
    table["F336W_RATE"][0], table["F475W_IN"][1] = 1e200, -1e5
    table.write(tmp_path / "ast.fits")
    stars = read_artificial_stars(tmp_path / "ast.fits", FILTERS)
    assert np.isnan(stars.rate[0, 0])
    assert np.isnan(stars.mag_in[1, 1])
    assert np.isfinite(stars.rate[1]).all()


def test_splinter():
    flux = np.array([[1.0, 2.0]])
    bias, error, completeness = Splinter(0.3, np.diag([0.16, 0.0])).evaluate(flux)
    np.testing.assert_allclose(error, [[0.5, 0.6]])
    np.testing.assert_array_equal(bias, 0.0)
    np.testing.assert_array_equal(completeness, 1.0)
    with pytest.raises(InputError, match="must be positive"):
        Splinter(0.0)
