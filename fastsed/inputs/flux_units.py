"""Units of photometry: fluxes or magnitudes with the units of their columns in; fluxes of one scale out."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError

log = logging.getLogger(__name__)

MICROJANSKY_ZEROPOINT = 23.9
"""AB magnitude of a microjansky, as FAST has it."""

_JY_FACTOR = 1e19 * 1e-29 * 2.9979e8 / 1e-12 / 1e10
"""F_lambda in 1e-19 erg/s/cm2/A of 1 microjansky at 1 micron, with FAST's value of c."""

_F_LAMBDA = "1e-19 erg / (s cm2 Angstrom)"
_LARGEST_MAGNITUDE = 90.0
_SPELLINGS = {
    **{"abmag": "mag(AB)", "mag_ab": "mag(AB)", "mag": "mag(AB)", "stmag": "mag(ST)"},
    **{
        "ujy": "uJy",
        "mujy": "uJy",
        "microjy": "uJy",
        "njy": "nJy",
        "jy": "Jy",
        "nanomaggies": "nmgy",
        "maggies": "mgy",
    },
}
_EXPECTED = "expected a flux density (uJy, erg / (s cm2 Angstrom), nmgy, ...) or AB magnitudes (mag(AB))"


@dataclass(frozen=True)
class FluxUnit:
    """What a unit of photometry means.

    Attributes
    ----------
    kind : {"f_nu", "f_lambda"}
        Flux density per frequency or per wavelength.
    factor : float
        Microjansky (f_nu) or 1e-19 erg/s/cm2/A (f_lambda) of a value of 1; of magnitude 0 where they are magnitudes.
    magnitudes : bool
    """

    kind: Literal["f_nu", "f_lambda"]
    factor: float
    magnitudes: bool = False


def flux_factor(ab_zeropoint: float, wavelength: Floats | np.float64) -> Floats:
    """Factor from catalogue fluxes (f_nu) to F_lambda.

    Parameters
    ----------
    ab_zeropoint : float
        AB magnitude of a catalog flux of 1.
    wavelength : float64 (nband,)
        Mean wavelength of each band [A].

    Returns
    -------
    float64 (nband,)
        F_lambda [1e-19 erg/s/cm2/A] of a catalog flux of 1.
    """
    microjansky = 10 ** (0.4 * (MICROJANSKY_ZEROPOINT - ab_zeropoint))
    return np.asarray(microjansky * _JY_FACTOR / (wavelength * 1e-4) ** 2)


def flux_unit(text: str) -> FluxUnit:
    """What a unit of photometry means.

    Parameters
    ----------
    text : str
        As astropy, FITS or the VO write it, and as it is often written: `uJy`, `erg/s/cm2/A`, `1e-17 erg/(s cm2 A)`,
        `nanomaggy`, `mag(AB)`, `ABmag`. Magnitudes without a system are AB.

    Raises
    ------
    InputError
        For another unit.
    """
    from astropy import units as u

    key = text.strip().lower()
    # `A` is an ampere to astropy, but an Angstrom to those who write of fluxes
    spellings = (_SPELLINGS.get(key, text), re.sub(r"(?<![A-Za-z])A(?![A-Za-z])", "Angstrom", text))
    for spelling in spellings:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of several slashes
            result = _meaning(u.Unit(spelling, parse_strict="silent"))
        if result is not None:
            return result
    raise InputError(f"no flux can be made of the unit '{text}': {_EXPECTED}")


def _meaning(unit: Any) -> FluxUnit | None:
    """What a unit of astropy means; None for one that is none of photometry."""
    from astropy import units as u

    if isinstance(unit, u.MagUnit):
        if unit.physical_unit == u.AB:
            return FluxUnit("f_nu", 10 ** (0.4 * MICROJANSKY_ZEROPOINT), magnitudes=True)
        if unit.physical_unit == u.ST:
            return FluxUnit("f_lambda", float(u.ST.to(u.Unit(_F_LAMBDA))), magnitudes=True)
    elif isinstance(unit, u.UnitBase) and not isinstance(unit, u.UnrecognizedUnit):
        if unit.is_equivalent(u.Jy):
            return FluxUnit("f_nu", float(unit.to(u.uJy)))
        if unit.is_equivalent(u.Unit(_F_LAMBDA)):
            return FluxUnit("f_lambda", float(unit.to(u.Unit(_F_LAMBDA))))
        if unit.is_equivalent(u.mgy):
            return FluxUnit("f_nu", float(unit.to(u.mgy)) * 10 ** (0.4 * MICROJANSKY_ZEROPOINT))
    return None


def unit_pair(flux: str, error: str = "") -> tuple[FluxUnit, FluxUnit]:
    """Units of a flux and of its error, which has that of the flux where it has none.

    Raises
    ------
    InputError
        For a unit that is none of photometry, and for magnitudes whose errors are no magnitudes.
    """
    first = flux_unit(flux)
    second = flux_unit(error) if error else first
    # of magnitudes the zero point does not matter to the error
    if first.magnitudes != second.magnitudes or (not first.magnitudes and first.kind != second.kind):
        raise InputError(f"the flux is in '{flux}', but its error in '{error}': expected units of one kind")
    return first, first if first.magnitudes else second


def f_lambda(
    flux: Floats, error: Floats, unit: str, wavelength: float, error_unit: str = ""
) -> tuple[Floats, Floats]:
    """Fluxes and errors of a band as F_lambda.

    Parameters
    ----------
    flux, error : float64 (nsource,)
        NaN where there is no measurement. Magnitudes beyond +-90, as 99 for a source that is not detected, are none.
    unit, error_unit : str
        As `flux_unit` takes them; errors without unit have that of the flux.
    wavelength : float
        Mean wavelength of the band [A].

    Returns
    -------
    flux, error : float64 (nsource,)
        [1e-19 erg/s/cm2/A].

    Raises
    ------
    InputError
        As `unit_pair`.
    """
    units = unit_pair(unit, error_unit)
    flux, error, _ = _microjansky(flux, error, units, wavelength)
    factor = float(flux_factor(MICROJANSKY_ZEROPOINT, np.float64(wavelength)))
    return flux * factor, error * factor


@dataclass(frozen=True)
class BandUnits:
    """Units of the fluxes and errors of all bands of a catalogue.

    Parameters
    ----------
    names : sequence of str
        Columns of the fluxes, for messages.
    flux, error : sequence of str
        Units of the columns; empty where they have none. Errors without unit have that of the flux.
    path : path-like, optional
        The catalogue, for messages.

    Raises
    ------
    InputError
        For a unit that is none of photometry, magnitudes whose errors are no magnitudes, and an error with a unit whose
        flux has none.
    """

    names: Sequence[str]
    flux: Sequence[str]
    error: Sequence[str]
    path: str | PathLike[str] | None = None

    def __post_init__(self) -> None:
        for i in range(len(self.names)):
            self._pair(i)
        plain = [
            name for name, unit in zip(self.names, self.flux, strict=True) if unit.strip().lower() == "mag"
        ]
        if plain:
            log.warning("%s: magnitudes without a system are taken for AB: %s", self.path, ", ".join(plain))

    @property
    def are_given(self) -> bool:
        """Whether any column has a unit."""
        return any(self.flux) or any(self.error)

    def tell_missing(self, ab_zeropoint: float) -> None:
        """Note the columns that have no unit, which are in that of AB_ZEROPOINT."""
        plain = [name for name, unit in zip(self.names, self.flux, strict=True) if not unit.strip()]
        if plain:
            which = "the fluxes have" if len(plain) == len(self.names) else f"{', '.join(plain)} have"
            log.info(
                "%s: %s no unit: that of AB_ZEROPOINT = %g is taken, the magnitude of a flux of 1",
                self.path,
                which,
                ab_zeropoint,
            )

    def _pair(self, i: int) -> tuple[FluxUnit, FluxUnit] | None:
        """Units of a flux and of its error; None where they have none."""
        flux, error = self.flux[i].strip(), self.error[i].strip()
        if not flux and error:
            raise InputError(
                f"the error of column {self.names[i]} has the unit '{error}', but the flux has none",
                self.path,
            )
        try:
            return unit_pair(flux, error) if flux else None
        except InputError as problem:
            raise InputError(f"column {self.names[i]}: {problem.message}", self.path) from None

    def to_microjansky(
        self, flux: Floats, error: Floats, ab_zeropoint: float, wavelength: Floats
    ) -> tuple[Floats, Floats]:
        """Fluxes and errors in microjansky.

        Parameters
        ----------
        flux, error : float64 (nsource, nband)
            In the units of their columns. Magnitudes beyond +-90, as 99 for a source that is not detected, are missing.
        ab_zeropoint : float
            Of the columns without a unit.
        wavelength : float64 (nband,)
            Mean wavelength of each band [A].

        Returns
        -------
        flux, error : float64 (nsource, nband)
            NaN where they are missing; the error of a magnitude m is ln(10)/2.5 dm times the flux.
        """
        converted_flux, converted_error = np.empty_like(flux), np.empty_like(error)
        plain = 10 ** (0.4 * (MICROJANSKY_ZEROPOINT - ab_zeropoint))
        n_missing = 0
        for i in range(len(self.names)):
            pair = self._pair(i) or (FluxUnit("f_nu", plain),) * 2
            converted_flux[:, i], converted_error[:, i], missing = _microjansky(
                flux[:, i], error[:, i], pair, float(wavelength[i])
            )
            n_missing += missing
        if n_missing:
            log.warning("%s: %d magnitudes beyond +-90 count as missing", self.path, n_missing)
        return converted_flux, converted_error


def _microjansky(
    flux: Floats, error: Floats, units: tuple[FluxUnit, FluxUnit], wavelength: float
) -> tuple[Floats, Floats, int]:
    """Fluxes and errors of a band in microjansky, and how many magnitudes stand for none."""
    n_missing = 0
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if units[0].magnitudes:
            missing = np.abs(flux) >= _LARGEST_MAGNITUDE
            n_missing = int(missing.sum())
            flux = np.where(missing, np.nan, 10 ** (-0.4 * flux))
            # first order: df / f = ln(10) / 2.5 dm
            error = np.log(10) / 2.5 * flux * error
        factors = [unit.factor for unit in units]
        if units[0].kind == "f_lambda":
            # as much as FAST's constants make the same F_lambda of again
            per_microjansky = float(flux_factor(MICROJANSKY_ZEROPOINT, np.float64(wavelength)))
            factors = [factor / per_microjansky for factor in factors]
        return flux * factors[0], error * factors[1], n_missing
