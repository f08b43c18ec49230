"""The name of an extinction law and wavelengths in; A(lambda)/A(V) out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError

log = logging.getLogger(__name__)

# (wavelengths [A], R(V)) -> A(lambda)/A(V)
Curve = Callable[[Floats, float], Floats]

RV_SMC_BAR = 2.74  # Gordon et al. (2003)
RV_MILKY_WAY = 3.1
FITZPATRICK_RV = (2.0, 6.0)
ULTRAVIOLET = 2700.0  # A: the formula of the ultraviolet holds below, a spline above
# names that other programs use
ALIASES = {
    "Gordon16_RvFALaw": "G16",
    "Fitzpatrick99": "F99",
    "Gordon03_SMCBar": "G03_SMCBar",
}


@dataclass(frozen=True)
class ExtinctionLaw:
    """One law, or the mixture of two.

    Attributes
    ----------
    name : str
    shortest, longest : float
        Wavelengths between which the law is defined [A].
    curve : callable
        (wavelengths [A], R(V)) -> A/A(V) of the law, or of component A of a mixture.
    depends_on_rv : bool
        Whether R(V) shapes `curve`.
    other : callable, optional
        The curve of component B of a mixture; None for a plain law.
    rv_other : float
        R(V) of component B.
    """

    name: str
    shortest: float
    longest: float
    curve: Curve
    depends_on_rv: bool = True
    other: Curve | None = None
    rv_other: float = RV_SMC_BAR

    @property
    def is_mixture(self) -> bool:
        """Whether the fraction f_A of component A matters."""
        return self.other is not None

    def rv_a(self, rv: float, f_a: float) -> float:
        """R(V) of component A, from 1/Rv = f_A/Rv_A + (1 - f_A)/Rv_B (3.1 where f_A = 0, which leaves it open).

        Raises
        ------
        InputError
            If no positive Rv_A gives this R(V).
        """
        if not self.is_mixture:
            return rv
        if f_a == 0.0:
            return RV_MILKY_WAY
        inverse = 1.0 / rv - (1.0 - f_a) / self.rv_other
        if inverse <= 0.0:
            raise InputError(f"no mixture with f_A = {f_a:g} has R(V) = {rv:g}: component B alone gives less")
        return f_a / inverse

    def valid(self, rv: float, f_a: float, rv_limits: tuple[float, float], slack: float = 0.0) -> bool:
        """Whether a mixture's Rv_A stays between the extremes of the R(V) axis (always true for a plain law).

        `slack` is what 1/R(V) may miss a limit by, relative to it.
        """
        if not self.is_mixture:
            return True
        part = (1.0 - f_a) / self.rv_other
        # written as in the literature: Rv_A from the quotient would miss points on the limits by rounding
        low, high = f_a / rv_limits[1] + part, f_a / rv_limits[0] + part
        return low * (1.0 - slack) <= 1.0 / rv <= high * (1.0 + slack)

    def inside(self, lam: ArrayLike) -> NDArray[np.bool_]:
        """Mask of the wavelengths [A] strictly inside the range of the law."""
        lam = np.asarray(lam, dtype=np.float64)
        return (lam > self.shortest) & (lam < self.longest)

    def relative(self, lam: ArrayLike, rv: float = RV_MILKY_WAY, f_a: float = 1.0) -> Floats:
        """A(lambda)/A(V).

        Parameters
        ----------
        lam : array_like (n,)
            Wavelengths [A].
        rv : float
            R(V) = A(V)/E(B-V) of the mixture as a whole.
        f_a : float
            Fraction of component A (mixtures only).

        Returns
        -------
        float64 (n,)

        Raises
        ------
        InputError
            For wavelengths or parameters out of range.
        """
        lam = np.atleast_1d(np.asarray(lam, dtype=np.float64))
        self._check(lam, rv, f_a)
        if self.other is None:
            return self.curve(lam, rv)
        curve = (1.0 - f_a) * self.other(lam, self.rv_other)
        return curve if f_a == 0.0 else curve + f_a * self.curve(lam, self.rv_a(rv, f_a))

    def _check(self, lam: Floats, rv: float, f_a: float) -> None:
        x, limits = 1e4 / lam, (1e4 / self.longest, 1e4 / self.shortest)
        tolerance = 1e-12
        bad = ~((x >= limits[0] * (1 - tolerance)) & (x <= limits[1] * (1 + tolerance)))
        if bad.any():
            raise InputError(
                f"wavelength {lam[bad][0]:g} A is outside of the law {self.name}, "
                f"which holds from {self.shortest:g} to {self.longest:g} A"
            )
        if not rv > 0.0:
            raise InputError(f"R(V) = {rv:g} must be positive")
        if not 0.0 <= f_a <= 1.0:
            raise InputError(f"f_A = {f_a:g} must lie between 0 and 1")


def extinction_law(name: str) -> ExtinctionLaw:
    """The law called `name`.

    Parameters
    ----------
    name : str
        `G16` (mixture of F99 and G03_SMCBar: Gordon et al. 2016, ApJ 826, 104), `F99` (Fitzpatrick 1999, PASP
        111, 63), `G03_SMCBar` (Gordon et al. 2003, ApJ 594, 279), any class of the package dust_extinction, or
        `A+B`: a mixture whose component A depends on R(V) and whose component B is an average curve.

    Returns
    -------
    ExtinctionLaw

    Raises
    ------
    InputError
        If there is no such law, or dust_extinction is needed and absent.
    """
    name = _plain_name(name)
    if name == "G16":
        return _mixture("G16", _simple_law("F99"), _simple_law("G03_SMCBar"))
    if "+" in name:
        first, second = (_plain_name(part) for part in name.split("+", 1))
        return _mixture(name, _simple_law(first), _simple_law(second))
    return _simple_law(name)


def _plain_name(name: str) -> str:
    """Without what BEAST puts before the names of laws, and its other names for them."""
    for prefix in ("Generalized_RvFALaw:", "dustextpkg_"):
        name = name.strip().removeprefix(prefix)
    return ALIASES.get(name, name)


def _mixture(name: str, a: ExtinctionLaw, b: ExtinctionLaw) -> ExtinctionLaw:
    if not a.depends_on_rv:
        raise InputError(f"mixture {name}: component A ({a.name}) must depend on R(V)")
    if b.depends_on_rv:
        raise InputError(f"mixture {name}: component B ({b.name}) must be an average curve, without R(V)")
    shortest, longest = max(a.shortest, b.shortest), min(a.longest, b.longest)
    return ExtinctionLaw(name, shortest, longest, a.curve, True, b.curve, b.rv_other)


def _simple_law(name: str) -> ExtinctionLaw:
    if name == "F99":
        return ExtinctionLaw("F99", 1000.0, 1e4 / 0.3, fitzpatrick99)
    if name == "G03_SMCBar":
        return ExtinctionLaw("G03_SMCBar", 1000.0, 1e4 / 0.3, gordon03_smc_bar, depends_on_rv=False)
    return _packaged_law(name)


def fitzpatrick99(lam: Floats, rv: float) -> Floats:
    """A/A(V) of the Milky Way: Fitzpatrick (1999), with the constants of its table 4 as corrected since.

    Parameters
    ----------
    lam : float64 (n,) [A]
    rv : float
        R(V); measured between 2 and 6, extrapolated with a warning beyond.
    """
    if not FITZPATRICK_RV[0] - 1e-9 <= rv <= FITZPATRICK_RV[1] + 1e-9:
        log.warning("F99 was measured for R(V) from 2 to 6; R(V) = %.3g is an extrapolation", rv)
    c2 = -0.824 + 4.717 / rv
    c1 = 2.030 - 3.007 * c2
    ultraviolet = partial(_ultraviolet, c=(c1 + rv, c2, 3.23, 0.41), x0=4.596, gamma=0.99)
    knots = np.array([0.0, *(1e4 / np.array([26500.0, 12200.0, 6000.0, 5470.0, 4670.0, 4110.0]))])
    values = [
        0.0,
        0.26469 * rv / 3.1,
        0.82925 * rv / 3.1,
        -0.422809 + 1.00270 * rv + 2.13572e-4 * rv**2,
        -0.0513540 + 1.00216 * rv - 7.35778e-5 * rv**2,
        0.700127 + 1.00184 * rv - 3.32598e-5 * rv**2,
        1.19456 + 1.01707 * rv - 5.46959e-3 * rv**2 + 7.97809e-4 * rv**3 - 4.45636e-5 * rv**4,
    ]
    return _joined(lam, knots, np.array(values), ultraviolet) / rv


def gordon03_smc_bar(lam: Floats, rv: float = RV_SMC_BAR) -> Floats:
    """A/A(V) of the bar of the Small Magellanic Cloud: Gordon et al. (2003), tables 3 and 4; `rv` has no effect."""
    c1, c2, c3, c4 = np.array([-4.959, 2.264, 0.389, 0.461]) / RV_SMC_BAR
    ultraviolet = partial(_ultraviolet, c=(1.0 + c1, c2, c3, c4), x0=4.6, gamma=1.0)
    knots = np.array([0.0, *(1.0 / np.array([2.198, 1.65, 1.25, 0.81, 0.65, 0.55, 0.44, 0.37]))])
    values = np.array([0.0, 0.11, 0.169, 0.25, 0.567, 0.801, 1.0, 1.374, 1.672])
    return _joined(lam, knots, values, ultraviolet)


def _ultraviolet(x: Floats, c: tuple[float, float, float, float], x0: float, gamma: float) -> Floats:
    """Fitzpatrick & Massa (1990): line, bump and far-ultraviolet rise, in x [1/micron]."""
    bump = x**2 / ((x**2 - x0**2) ** 2 + gamma**2 * x**2)
    far = np.maximum(x - 5.9, 0.0)
    return np.asarray(c[0] + c[1] * x + c[2] * bump + c[3] * (0.5392 * far**2 + 0.05644 * far**3))


def _joined(lam: Floats, knots: Floats, values: Floats, ultraviolet: Callable[[Floats], Floats]) -> Floats:
    """The formula of the ultraviolet, and a cubic spline through the knots and two of its points beyond."""
    from scipy.interpolate import CubicSpline

    x = 1e4 / lam
    ends = 1e4 / np.array([ULTRAVIOLET, 2600.0])
    spline = CubicSpline(np.concatenate([knots, ends]), np.concatenate([values, ultraviolet(ends)]))
    return np.asarray(np.where(x >= ends[0], ultraviolet(x), spline(x)))


def _packaged_law(name: str) -> ExtinctionLaw:
    """A class of dust_extinction by its name."""
    model, takes_rv = _packaged_class(name)
    low, high = (float(limit) for limit in model.x_range)
    rv_low, rv_high = (float(limit) for limit in model.Rv_range) if takes_rv else (0.0, np.inf)
    average_rv = float(getattr(model, "Rv", np.nan)) if not takes_rv else np.nan

    def curve(lam: Floats, rv: float) -> Floats:
        from astropy import units

        if not rv_low - 1e-9 <= rv <= rv_high + 1e-9:
            raise InputError(
                f"the law {name} is defined for R(V) from {rv_low:g} to {rv_high:g}, not for {rv:g}"
            )
        instance = model(Rv=min(max(rv, rv_low), rv_high)) if takes_rv else model()
        # limits are wavenumbers: a wavelength on the limit may miss it by rounding
        wavenumbers = np.clip(1e4 / lam, low, high) / units.micron
        return np.asarray(instance(wavenumbers), dtype=np.float64)

    rv_other = average_rv if np.isfinite(average_rv) else RV_MILKY_WAY
    return ExtinctionLaw(name, 1e4 / high, 1e4 / low, curve, takes_rv, rv_other=rv_other)


def _packaged_class(name: str) -> tuple[Any, bool]:
    """The class, and whether it takes R(V)."""
    try:
        from dust_extinction import averages, grain_models, parameter_averages
    except ModuleNotFoundError:
        raise InputError(
            f"the extinction law '{name}' is not built in (G16, F99, G03_SMCBar are); "
            "others come with the package dust_extinction: pip install 'fastsed[survey]'"
        ) from None
    for module in (parameter_averages, averages, grain_models):
        if name in module.__all__ and name != "G16":
            return getattr(module, name), module is parameter_averages
    known = ["G16", *parameter_averages.__all__, *averages.__all__, *grain_models.__all__]
    raise InputError(
        f"unknown extinction law '{name}': choose one of {', '.join(dict.fromkeys(known))}, or A+B"
    )
