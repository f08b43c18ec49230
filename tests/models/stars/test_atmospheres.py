"""Libraries of atmospheres: layouts that are read, inputs that are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastsed.models.stars.extinction import extinction_law
from tests.models.stars.small_stars import LAM, curves, library


def test_velocity_shifts_wavelengths():
    assert library().shifted(2997.92458).lam[0] == pytest.approx(905.0 * 1.01)


def test_a_band_cut_off_by_the_law_is_said(caplog):
    lib = library()
    short = replace(lib, lam=LAM * 0.25, spectra=lib.spectra)
    short.band_bases(curves()[2:], extinction_law("F99"), False, np.arange(3))
    assert "HST_ACS_WFC_F814W is cut off" in caplog.text
