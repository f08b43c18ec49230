"""Catalogues of stars and fluxes of Vega: columns by name, units, missing and foreign input."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.table import Table

from fastsed.errors import InputError
from fastsed.survey.star_catalogue import read_star_catalogue
from fastsed.survey.vega import read_vega

FILTERS = ("HST_ACS_WFC_F475W", "GALEX_NUV")


def write_vega(path: Path) -> Path:
    path.write_text("# filter flux\nGALEX_NUV 4e-9  # UV\n\nHST_ACS_WFC_F475W 5e-9\n")
    return path


def test_fluxes_are_rates_times_vega(tmp_path: Path) -> None:
    vega = write_vega(tmp_path / "vega.txt")
    table = Table({"nuv_rate": [1.0, -2.0], "F475W_RATE": [3.0, np.nan], "RA": [1.0, 2.0], "dec": [3.0, 4.0]})
    table["beast_idx"] = [7, 5]
    for name in ("c.fits", "c.csv", "c.ecsv"):
        table.write(tmp_path / name)
        stars = read_star_catalogue(tmp_path / name, FILTERS, vega)
        np.testing.assert_allclose(stars.fluxes, [[15e-9, 4e-9], [np.nan, -8e-9]])
        np.testing.assert_array_equal(stars.dec, [3, 4])
        np.testing.assert_array_equal(stars.beast_idx, [7, 5])
    stars = read_star_catalogue(tmp_path / "c.fits", FILTERS, vega, ["nuv_rate", "F475W_RATE"])
    np.testing.assert_allclose(stars.fluxes[0], [5e-9, 12e-9])


def test_without_positions(tmp_path: Path) -> None:
    Table({"NUV_RATE": [1.0], "F475W_RATE": [3.0], "RA": [3.0]}).write(tmp_path / "c.fits")
    stars = read_star_catalogue(tmp_path / "c.fits", FILTERS, write_vega(tmp_path / "vega.txt"))
    assert stars.ra is None
    assert stars.dec is None
    assert stars.beast_idx is None


def test_wrong_catalogues(tmp_path: Path) -> None:
    vega = write_vega(tmp_path / "vega.txt")
    Table({"NUV_RATE": [1.0]}).write(tmp_path / "one.fits")
    Table({"NUV_RATE": ["a"], "F475W_RATE": [1.0]}).write(tmp_path / "text.fits")
    (tmp_path / "no.fits").write_text("nothing")
    for name, message in {
        "one.fits": "has no column F475W_RATE",
        "text.fits": "NUV_RATE does not hold one number a row",
        "no.fits": "not a readable table",
        "absent.fits": "No such file",
    }.items():
        with pytest.raises(InputError, match=message):
            read_star_catalogue(tmp_path / name, FILTERS, vega)
    with pytest.raises(InputError, match="1 columns of fluxes named for 2 filters"):
        read_star_catalogue(tmp_path / "one.fits", FILTERS, vega, ["NUV_RATE"])


def test_vega_of_both_kinds_and_wrong_ones(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_vega(write_vega(tmp_path / "v.txt"), FILTERS), [5e-9, 4e-9])
    rows = np.array([(b"GALEX_NUV", 4e-9), (b"HST_ACS_WFC_F475W", 5e-9)], [("FNAME", "S20"), ("LUM", "f8")])
    with h5py.File(tmp_path / "vega.hd5", "w") as f:
        f["sed"] = rows
    np.testing.assert_array_equal(read_vega(tmp_path / "vega.hd5", FILTERS), [5e-9, 4e-9])
    with pytest.raises(InputError, match="no flux for the filter X"):
        read_vega(tmp_path / "vega.hd5", ["X"])
    (tmp_path / "bad.txt").write_text("A 1\nB one\n")
    with pytest.raises(InputError, match=r'bad.txt:2: "B one" is not'):
        read_vega(tmp_path / "bad.txt", ["A"])
    (tmp_path / "zero.txt").write_text("A 0\n")
    with pytest.raises(InputError, match="is 0, not a positive number"):
        read_vega(tmp_path / "zero.txt", ["A"])
