"""Units of photometry, against astropy's own conversions."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.inputs.flux_units import BandUnits, f_lambda, flux_factor, flux_unit

WAVELENGTH = 5500.0
CGS = u.Unit("erg / (s cm2 Angstrom)")


@pytest.mark.parametrize(
    "text",
    [
        *("uJy", "nJy", "mJy", "Jy", "erg / (s cm2 Hz)", "W / (m2 Hz)", "10**-3 Jy", "microJansky", "µJy"),
        *("erg / (s cm2 Angstrom)", "W / (m2 um)", "erg s-1 cm-2 Angstrom-1"),
    ],
)
def test_fluxes(text):
    flux, error = f_lambda(np.array([3.0, -1.0]), np.array([0.5, 0.25]), text, WAVELENGTH)
    expected = ([3.0, -1.0] * u.Unit(text)).to(1e-19 * CGS, u.spectral_density(WAVELENGTH * u.AA)).value
    # FAST's velocity of light is rounded
    np.testing.assert_allclose(flux, expected, rtol=3e-5)
    np.testing.assert_allclose(error / [0.5, 0.25], expected / [3, -1], rtol=3e-5)


@pytest.mark.parametrize("text", ["1e-17 erg/s/cm2/A", "1e-17 erg s-1 cm-2 A-1", "10**-17 erg/(s cm2 A)"])
def test_an_a_is_an_angstrom(text):
    flux, _ = f_lambda(np.array([3.0]), np.ones(1), text, WAVELENGTH)
    np.testing.assert_allclose(flux, 300, rtol=1e-12)


@pytest.mark.parametrize("text", ["mag(AB)", "ABmag", "mag", "mag_ab", "mag(ST)", "STmag"])
def test_magnitudes(text):
    system = u.STmag if "ST" in text else u.ABmag
    flux, error = f_lambda(np.array([20.0, 25.0, 99.0]), np.array([0.1, 0.2, 99.0]), text, WAVELENGTH)
    expected = ([20.0, 25.0] * system).to(1e-19 * CGS, u.spectral_density(WAVELENGTH * u.AA)).value
    np.testing.assert_allclose(flux[:2], expected, rtol=3e-4)
    np.testing.assert_allclose(error[:2] / flux[:2], 0.4 * np.log(10) * np.array([0.1, 0.2]), rtol=1e-12)
    assert np.isnan(flux[2])


def test_nanomaggies():
    flux, _ = f_lambda(np.ones(1), np.ones(1), "nanomaggy", WAVELENGTH)
    expected, _ = f_lambda(np.array([22.5]), np.ones(1), "mag(AB)", WAVELENGTH)
    np.testing.assert_allclose(flux, expected, rtol=1e-12)
    assert flux_unit("nanomaggies") == flux_unit("nmgy")


def test_microjansky_stay_as_they_are():
    units = BandUnits(["a", "b"], ["uJy", ""], ["", ""])
    numbers = np.array([[1.1, 2.2], [3.3, 4.4]])
    flux, error = units.to_microjansky(numbers, numbers, 25.0, np.full(2, WAVELENGTH))
    np.testing.assert_array_equal(flux[:, 0], numbers[:, 0])
    np.testing.assert_allclose(flux[:, 1], numbers[:, 1] * 10 ** (0.4 * (23.9 - 25)), rtol=1e-12)
    np.testing.assert_array_equal(flux, error)
    single, _ = f_lambda(numbers[:, 0], numbers[:, 0], "uJy", WAVELENGTH)
    np.testing.assert_array_equal(single, numbers[:, 0] * flux_factor(23.9, np.array([WAVELENGTH])))


def test_errors_may_have_units_of_their_own(caplog):
    units = BandUnits(
        ["a", "b", "c"], ["uJy", "1e-19 erg/s/cm2/A", "mag"], ["nJy", "1e-18 erg/s/cm2/A", "mag(AB)"]
    )
    assert "magnitudes without a system are taken for AB: c" in caplog.text
    flux, error = units.to_microjansky(np.ones((1, 3)), np.ones((1, 3)), 25.0, np.full(3, WAVELENGTH))
    assert error[0, 0] == pytest.approx(1e-3 * flux[0, 0])
    assert error[0, 1] == pytest.approx(10 * flux[0, 1])
    assert flux[0, 1] * flux_factor(23.9, np.array(WAVELENGTH)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("flux", "error", "message"),
    [
        ("ct", "", "column a: no flux can be made of the unit 'ct': expected a flux density"),
        ("mag(Jy)", "", "no flux can be made of the unit"),
        ("gibberish!", "", "no flux can be made of the unit 'gibberish!'"),
        ("mag(AB)", "uJy", "in 'mag\\(AB\\)', but its error in 'uJy': expected units of one kind"),
        ("uJy", "erg / (s cm2 Angstrom)", "expected units of one kind"),
        ("", "uJy", "the error of column a has the unit 'uJy', but the flux has none"),
    ],
)
def test_units_that_are_none(flux, error, message):
    with pytest.raises(InputError, match=r"gal\.fits: .*" + message):
        BandUnits(["a"], [flux], [error], "gal.fits")
