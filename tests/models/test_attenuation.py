"""Dust laws against numbers printed in, or computed by hand from, the papers."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.models.attenuation import DUST_LAWS, attenuation_curve, dust_law, transmission


@pytest.mark.parametrize(
    ("lam", "expected"),
    [
        # equation 4 of Calzetti et al. (2000) over R_V = 4.05, evaluated with a pocket calculator
        (1500.0, 1 + 2.659 * (-2.156 + 10.06 - 8.8 + 3.2592593) / 4.05),
        (5500.0, 1 + 2.659 * (-2.156 + 2.7436364 - 0.6545455 + 0.0661157) / 4.05),
        (6300.0, 1 + 2.659 * (-2.156 + 2.3952381 - 0.4988662 + 0.0439922) / 4.05),
        (6301.0, 1 + 2.659 * (-1.857 + 1.6505317) / 4.05),
        (22000.0, 1 + 2.659 * (-1.857 + 0.4727273) / 4.05),
        (50000.0, 0.0),
    ],
)
def test_calzetti(lam, expected):
    assert attenuation_curve("calzetti", lam) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("x", "ratio"),
    [
        # the B band: A_B - A_V = A_V / R_V
        (1 / 0.44, 1 + 1 / 3.1),
        # Cardelli, Clayton & Mathis (1989), Table 3, R_V = 3.1: U V R I J H K L
        (2.78, 1.569),
        (1.82, 1.000),
        (1.43, 0.751),
        (1.11, 0.479),
        (0.80, 0.282),
        (0.63, 0.190),
        (0.46, 0.114),
        (0.29, 0.056),
        # equations 4a, 4b at 4.6 and 7 per micron, 5 at 10 per micron, by hand
        (4.6, -0.0022651 + 9.8835915 / 3.1),
        (
            7.0,
            1.752
            - 2.212
            - 0.0180410
            - 0.0541233
            - 0.0130158
            + (9.685 + 0.2018410 + 0.25773 + 0.1606517) / 3.1,
        ),
        (10.0, -2.341 + 23.496 / 3.1),
    ],
)
def test_milky_way(x, ratio):
    assert attenuation_curve("ccm89", 1e4 / x) == pytest.approx(ratio, abs=2.5e-3)


def test_milky_way_pieces_join():
    for x in (1.1, 3.3, 5.9, 8.0):
        low, high = attenuation_curve("mw", 1e4 / np.array([x - 1e-9, x + 1e-9]))
        assert low == pytest.approx(high, rel=5e-3)


def test_noll09_bump():
    # at the centre the Drude profile is 1; it is 1/2 where |l^2 - 2175^2| = 350 l
    tilt = (2175.0 / 5500.0) ** -0.3
    calzetti = attenuation_curve("calzetti", 2175.0)
    got = attenuation_curve("noll09", 2175.0, e_b=2.0, delta=-0.3)
    assert got == pytest.approx((calzetti + 2.0 / 4.05) * tilt, rel=1e-12)
    half = np.sqrt(175.0**2 + 2175.0**2) + 175.0
    rise = attenuation_curve("noll09", half, e_b=2.0, delta=0.0) - attenuation_curve("calzetti", half)
    assert rise == pytest.approx(1.0 / 4.05, rel=1e-12)


def test_noll_bracket_is_not_squared():
    # FAST's form: at 1000 A the profile is 1e6 W^2 / (1e6 - 2175^2 + 1e6 W^2) with W^2 = 122500
    profile = 1.225e11 / (1e6 - 4730625.0 + 1.225e11)
    expected = (attenuation_curve("calzetti", 1000.0) + 2.0 / 4.05 * profile) * (1000.0 / 5500.0) ** -0.4
    assert attenuation_curve("noll", 1000.0, e_b=2.0, delta=-0.4) == pytest.approx(expected, rel=1e-12)


def test_noll_without_bump_and_tilt_is_calzetti():
    lam = np.geomspace(912.0, 1e5, 50)
    for name in ("noll", "noll09"):
        same = attenuation_curve(name, lam, e_b=0.0, delta=0.0)
        np.testing.assert_allclose(same, attenuation_curve("calzetti", lam), rtol=1e-14)


def test_kriek_conroy_is_one_member_of_noll():
    lam = np.geomspace(912.0, 1e5, 50)
    member = attenuation_curve("noll", lam, e_b=1.0, delta=-0.1)
    np.testing.assert_array_equal(attenuation_curve("kc", lam, e_b=7.0, delta=3.0), member)


@pytest.mark.parametrize("name", DUST_LAWS)
def test_every_law_is_defined_everywhere(name):
    lam = np.geomspace(10.0, 1e8, 500).reshape(2, 250)
    k = attenuation_curve(name.upper(), lam)
    assert k.shape == lam.shape
    assert np.all(np.isfinite(k))
    assert np.all(k >= 0)
    assert dust_law(name).citation


def test_transmission():
    np.testing.assert_allclose(transmission(np.array([0.0, 1.0, 2.5]), 2.0), [1.0, 10**-0.8, 10**-2])
    assert transmission(np.ones(3), np.ones((4, 1))).shape == (4, 3)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("calzetti", "Calzetti (2000) dust attenuation law              "),
        ("mw", "Milky Way dust attenuation law                    "),
        ("kc", "Kriek & Conroy (2013) average dust attenuation law"),
        ("noll", "Noll et al. dust law, E_B=2, delta=-0.4"),
    ],
)
def test_header_text(name, text):
    assert dust_law(name).describe(2.0, -0.4) == text


def test_unknown_law():
    with pytest.raises(
        InputError, match=r"DUST_LAW = 'smc': choose one of calzetti, mw, ccm89, noll, noll09, kc"
    ):
        attenuation_curve("smc", 5500.0)
