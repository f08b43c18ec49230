"""Distances and times against astropy and against the closed forms of an Einstein-de Sitter universe."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.models.cosmology import Cosmology

REDSHIFTS = np.array([0.0, 1e-3, 0.1, 0.5, 1.0, 2.0, 4.0, 9.0, 30.0])
# FAST rounds the parsec and the year: 3.09e19 km/Mpc and 3.155e16 s/Gyr, against 3.0856776e19 and 3.15576e16
HUBBLE_TIME_RATIO = (3.09 / 3.155) / (3.0856775815 / 3.15576)


@pytest.mark.parametrize(("h0", "omega_m"), [(70.0, 0.3), (67.7, 0.31), (73.0, 0.2)])
def test_flat_universe_against_astropy(h0, omega_m):
    from astropy.cosmology import FlatLambdaCDM

    ours, theirs = Cosmology(h0, omega_m, 1 - omega_m), FlatLambdaCDM(H0=h0, Om0=omega_m, Tcmb0=0)
    distance = theirs.luminosity_distance(REDSHIFTS).value
    np.testing.assert_allclose(ours.luminosity_distance(REDSHIFTS), distance, rtol=1e-10)
    lookback = theirs.lookback_time(REDSHIFTS).value * HUBBLE_TIME_RATIO
    np.testing.assert_allclose(ours.lookback_time(REDSHIFTS), lookback, rtol=1e-7, atol=1e-12)
    age = (theirs.age(REDSHIFTS) - theirs.age(1000.0)).value * HUBBLE_TIME_RATIO
    np.testing.assert_allclose(ours.age(REDSHIFTS), age, rtol=1e-6)


def test_matter_only_closed_forms():
    universe = Cosmology(50.0, 1.0, 0.0)
    a = 1 / (1 + REDSHIFTS)
    distance = 2 * 299792.458 / 50 / a * (1 - np.sqrt(a))
    np.testing.assert_allclose(universe.luminosity_distance(REDSHIFTS), distance, rtol=1e-10)
    hubble_time = 3.09 / 3.155e-3 / 50
    age = 2 / 3 * hubble_time * (a**1.5 - 1001.0**-1.5)
    np.testing.assert_allclose(universe.age(REDSHIFTS), age, rtol=1e-10)


def test_omega_l_has_its_own_place():
    # no curvature: with OMEGA_M -> 0, E is constant and the distance is (1+z) z c / (H0 sqrt(OMEGA_L))
    universe = Cosmology(70.0, 1e-12, 0.25)
    np.testing.assert_allclose(universe.luminosity_distance(1.0), 2 * 299792.458 / 70 / 0.5, rtol=1e-9)


def test_luminosity_to_flux():
    universe = Cosmology(70.0, 0.3, 0.7)
    z = np.array([[0.5], [2.0]])
    cm = universe.luminosity_distance(z) * 3.0856e24
    expected = 3.839e33 / (4 * np.pi * cm**2 * (1 + z)) / 1e-19
    np.testing.assert_allclose(universe.luminosity_to_flux(z), expected, rtol=1e-12)


def test_shapes():
    universe = Cosmology()
    assert universe.age(1.0).shape == ()
    assert universe.luminosity_distance(np.ones((2, 3))).shape == (2, 3)
    assert universe.luminosity_distance(0.0) == 0


@pytest.mark.parametrize("z", [0.0, [1.0, 0.0], -0.1])
def test_no_flux_without_distance(z):
    with pytest.raises(InputError, match="Z_MIN must be above 0"):
        Cosmology().luminosity_to_flux(z)


@pytest.mark.parametrize(
    ("arguments", "key"), [((0, 0.3, 0.7), "H0"), ((70, -1, 0.7), "OMEGA_M"), ((70, 0.3, np.nan), "OMEGA_L")]
)
def test_impossible_universe(arguments, key):
    with pytest.raises(InputError, match=key):
        Cosmology(*arguments)
