"""The name of a dust law and wavelengths in; attenuation curves A_lambda/A_V and transmissions out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats
from fastsed.errors import InputError

R_CALZETTI = 4.05
R_MILKY_WAY = 3.1
BUMP_CENTRE = 2175.0  # A
BUMP_WIDTH = 350.0  # A
V_BAND = 5500.0  # A
KRIEK_CONROY = (1.0, -0.1)  # E_B and delta


@dataclass(frozen=True)
class DustLaw:
    """One attenuation law: what it is called in the outputs, where it was published, and its curve."""

    title: str
    citation: str
    curve: Callable[[Floats, float, float], Floats]

    def describe(self, e_b: float, delta: float) -> str:
        """The `# Dust law:` text of the output catalogue (fixed width when the law has no parameters)."""
        return self.title.format(e_b=e_b, delta=delta).ljust(0 if "{" in self.title else 50)


def dust_law(name: str) -> DustLaw:
    """The law called `name` (any case).

    Raises
    ------
    InputError
        If there is no such law.
    """
    try:
        return DUST_LAWS[name.lower()]
    except KeyError:
        known = ", ".join(DUST_LAWS)
        raise InputError(f"unknown dust law DUST_LAW = '{name}': choose one of {known}") from None


def attenuation_curve(name: str, lam: ArrayLike, e_b: float = 1.0, delta: float = -0.2) -> Floats:
    """Attenuation relative to the V band.

    Parameters
    ----------
    name : str
        calzetti, mw, ccm89, noll, noll09 or kc.
    lam : array_like
        Rest wavelengths [A], any shape.
    e_b, delta : float
        Strength of the 2175 A bump and tilt of the slope (noll and noll09 only).

    Returns
    -------
    ndarray
        k = A_lambda / A_V >= 0, same shape as `lam`.

    Raises
    ------
    InputError
        If there is no such law.
    """
    curve = dust_law(name).curve(np.asarray(lam, dtype=np.float64), e_b, delta)
    return np.maximum(curve, 0.0)


def transmission(k: ArrayLike, a_v: ArrayLike) -> Floats:
    """Fraction 10^(-0.4 A_V k) of the light that passes (`k` and `a_v` broadcast)."""
    return np.asarray(10.0 ** (-0.4 * np.asarray(a_v) * np.asarray(k)))


def _calzetti(lam: Floats) -> Floats:
    """Calzetti et al. (2000), equation 4, not limited to the wavelengths where it was measured."""
    x = lam * 1e-4
    blue = -2.156 + 1.509 / x - 0.198 / x**2 + 0.011 / x**3
    red = -1.857 + 1.040 / x
    return np.maximum(2.659 * np.where(x <= 0.63, blue, red) / R_CALZETTI + 1.0, 0.0)


def _milky_way(lam: Floats, far_cubic: float) -> Floats:
    """Cardelli, Clayton & Mathis (1989), equations 2-5, with R_V = 3.1; the end pieces extend outwards.

    `far_cubic` is the cubic coefficient of a(x) in the far ultraviolet: -0.070 in the paper, 0 in FAST++.
    """
    x = 1e4 / lam
    pieces = [x < 1.1, x < 3.3, x < 8.0]
    far = np.polynomial.polynomial.polyval(x - 8.0, [-1.073, -0.628, 0.137, far_cubic])
    a = np.select(pieces, [0.574 * x**1.61, _optical_a(x), _ultraviolet_a(x)], far)
    b = np.select(pieces, [-0.527 * x**1.61, _optical_b(x), _ultraviolet_b(x)], _far_ultraviolet_b(x))
    return np.asarray(a + b / R_MILKY_WAY)


def _optical_a(x: Floats) -> Floats:
    coefficients = [1.0, 0.17699, -0.50447, -0.02427, 0.72085, 0.01979, -0.77530, 0.32999]
    return np.asarray(np.polynomial.polynomial.polyval(x - 1.82, coefficients))


def _optical_b(x: Floats) -> Floats:
    coefficients = [0.0, 1.41338, 2.28305, 1.07233, -5.38434, -0.62251, 5.30260, -2.09002]
    return np.asarray(np.polynomial.polynomial.polyval(x - 1.82, coefficients))


def _ultraviolet_a(x: Floats) -> Floats:
    y = np.maximum(x - 5.9, 0.0)
    bend = -0.04473 * y**2 - 0.009779 * y**3
    return np.asarray(1.752 - 0.316 * x - 0.104 / ((x - 4.67) ** 2 + 0.341) + bend)


def _ultraviolet_b(x: Floats) -> Floats:
    y = np.maximum(x - 5.9, 0.0)
    bend = 0.2130 * y**2 + 0.1207 * y**3
    return np.asarray(-3.090 + 1.825 * x + 1.206 / ((x - 4.62) ** 2 + 0.263) + bend)


def _far_ultraviolet_b(x: Floats) -> Floats:
    return np.asarray(np.polynomial.polynomial.polyval(x - 8.0, [13.670, 4.257, -0.420, 0.374]))


def _bump_noll(lam: Floats) -> Floats:
    """The profile that FAST uses: (l^2 - 2175^2) is not squared, which leaves nearly a constant."""
    wide = (lam * BUMP_WIDTH) ** 2
    return np.asarray(wide / ((lam**2 - BUMP_CENTRE**2) + wide))


def _bump_noll09(lam: Floats) -> Floats:
    """Drude profile of Noll et al. (2009), equation 10."""
    wide = (lam * BUMP_WIDTH) ** 2
    return np.asarray(wide / ((lam**2 - BUMP_CENTRE**2) ** 2 + wide))


def _modified_calzetti(bump: Callable[[Floats], Floats]) -> Callable[[Floats, float, float], Floats]:
    """Noll et al. (2009), equation 13: the Calzetti law with a bump and a tilt."""

    def curve(lam: Floats, e_b: float, delta: float) -> Floats:
        return (_calzetti(lam) + e_b / R_CALZETTI * bump(lam)) * (lam / V_BAND) ** delta

    return curve


DUST_LAWS: dict[str, DustLaw] = {
    "calzetti": DustLaw(
        "Calzetti (2000) dust attenuation law",
        "Calzetti et al. 2000, ApJ 533, 682",
        lambda lam, e_b, delta: _calzetti(lam),
    ),
    "mw": DustLaw(
        "Milky Way dust attenuation law",
        "Cardelli, Clayton & Mathis 1989, ApJ 345, 245 (far ultraviolet as in FAST++)",
        lambda lam, e_b, delta: _milky_way(lam, 0.0),
    ),
    "ccm89": DustLaw(
        "Cardelli et al. (1989) dust attenuation law",
        "Cardelli, Clayton & Mathis 1989, ApJ 345, 245",
        lambda lam, e_b, delta: _milky_way(lam, -0.070),
    ),
    "noll": DustLaw(
        "Noll et al. dust law, E_B={e_b:g}, delta={delta:g}",
        "Noll et al. 2009, A&A 507, 1793 (bump as in FAST)",
        _modified_calzetti(_bump_noll),
    ),
    "noll09": DustLaw(
        "Noll et al. (2009) dust law, E_B={e_b:g}, delta={delta:g}",
        "Noll et al. 2009, A&A 507, 1793",
        _modified_calzetti(_bump_noll09),
    ),
    "kc": DustLaw(
        "Kriek & Conroy (2013) average dust attenuation law",
        "Kriek & Conroy 2013, ApJ 775, L16 (bump as in FAST)",
        lambda lam, e_b, delta: _modified_calzetti(_bump_noll)(lam, *KRIEK_CONROY),
    ),
}
