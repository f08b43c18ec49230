"""Units of fluxes: fluxes, errors and the name of their unit in, F_lambda out."""

from __future__ import annotations

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.inputs.catalog import flux_factor

MICROJANSKY = 23.9
"""AB magnitude of a microjansky: the zero point of catalogues in this unit."""

# AB magnitude of one unit of f_nu
_ZERO_POINTS = {
    "njy": 31.4,
    "ujy": 23.9,
    "mjy": 16.4,
    "jy": 8.9,
    "nanomaggy": 22.5,
    "nmgy": 22.5,
    "maggy": 0.0,
    "mgy": 0.0,
}
_MAGNITUDES = ("abmag", "mag(ab)", "mag")
_LN10_04 = 0.4 * np.log(10.0)


def f_lambda(flux: Floats, error: Floats, unit: str, wavelength: float) -> tuple[Floats, Floats]:
    """Fluxes and errors as F_lambda.

    Parameters
    ----------
    flux, error : (nsource,)
        NaN where there is no measurement.
    unit : str
        "uJy" and other units of f_nu, units of F_lambda, as astropy writes them, or "ABmag": AB magnitudes and their
        errors.
    wavelength : float
        Mean wavelength of the band [Angstrom].

    Returns
    -------
    flux, error : (nsource,)
        [1e-19 erg/s/cm2/Angstrom].

    Raises
    ------
    InputError
        If the unit is none of a flux.
    """
    name = unit.strip().lower().replace("µ", "u").replace("μ", "u")
    if name in _MAGNITUDES:
        with np.errstate(over="ignore", under="ignore"):
            linear = 10 ** (0.4 * (MICROJANSKY - flux))
        factor = float(flux_factor(MICROJANSKY, np.array([wavelength]))[0])
        # first order: sigma_f / f = 0.4 ln 10 sigma_m
        return linear * factor, linear * error * _LN10_04 * factor
    if name in _ZERO_POINTS:
        factor = float(flux_factor(_ZERO_POINTS[name], np.array([wavelength]))[0])
        return flux * factor, error * factor
    factor = _factor_of(unit, wavelength)
    return flux * factor, error * factor


def _factor_of(unit: str, wavelength: float) -> float:
    """Factor of any other unit of flux that astropy knows."""
    from astropy import units

    try:
        parsed = units.Unit(unit)
    except (ValueError, TypeError) as error:
        raise InputError(f"unit '{unit}': not a unit of flux") from error
    target = units.Unit("1e-19 erg / (s cm2 Angstrom)")
    if parsed.is_equivalent(target):
        return float(parsed.to(target))
    if parsed.is_equivalent(units.Jy):
        return float(parsed.to(units.uJy)) * float(flux_factor(MICROJANSKY, np.array([wavelength]))[0])
    raise InputError(f"unit '{unit}': expected a unit of f_nu (uJy), of F_lambda, or ABmag")
