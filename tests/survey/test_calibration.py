"""The covariance between bands against its double sum, and the files that are refused."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from fastsed.cli.survey.main import main
from fastsed.errors import InputError
from fastsed.survey.absflux import read_absflux
from fastsed.survey.calibration import ZERO_POINT, band_covariance, read_calibration
from tests.models.stars.small_stars import NAMES, curves, write_filters

WAVE = np.linspace(1500.0, 10000.0, 60)
SIGMA = 0.01 + 1e-6 * WAVE
COVARIANCE = np.outer(SIGMA, SIGMA) * np.exp(-np.abs(np.subtract.outer(WAVE, WAVE)) / 3000)


def write(path, wave=WAVE, covariance=COVARIANCE):
    Table({"WAVE": [wave], "COVAR": [covariance]}).write(path, overwrite=True)


def test_double_sum(tmp_path, capsys):
    write(tmp_path / "c.fits")
    write_filters(tmp_path / "filters.hd5")
    arguments = [
        "--filter_curves",
        str(tmp_path / "filters.hd5"),
        "--filters",
        *NAMES,
        "-o",
        str(tmp_path / "a.txt"),
    ]
    assert main(["absflux", str(tmp_path / "c.fits"), *arguments]) == 0
    got = read_absflux(tmp_path / "a.txt", 3)
    for k, one in enumerate(curves()):
        for m, other in enumerate(curves()):
            weight = np.outer(one.at(WAVE), other.at(WAVE))
            expected = (weight * COVARIANCE).sum() / weight.sum() + ZERO_POINT
            assert got[k, m] == pytest.approx(expected, rel=1e-12)
    assert np.linalg.eigvalsh(got).min() > 0


def test_wrong_files(tmp_path):
    with pytest.raises(InputError, match="lies outside of the 20000 to 28500 Angstrom"):
        band_covariance(WAVE + 18500, COVARIANCE, curves())
    write(tmp_path / "c.fits", covariance=COVARIANCE[:, :5])
    with pytest.raises(InputError, match="300 covariances for 60 wavelengths"):
        read_calibration(tmp_path / "c.fits")
    write(tmp_path / "c.fits", wave=np.where(WAVE > 9000, np.nan, WAVE))
    with pytest.raises(InputError, match="no numbers"):
        read_calibration(tmp_path / "c.fits")
    Table({"x": [1.0]}).write(tmp_path / "x.fits")
    with pytest.raises(InputError, match="no table with the columns WAVE and COVAR"):
        read_calibration(tmp_path / "x.fits")
    (tmp_path / "y.fits").write_bytes(b"SIMPLE")
    with pytest.raises(InputError, match=r"y\.fits"):
        read_calibration(tmp_path / "y.fits")
