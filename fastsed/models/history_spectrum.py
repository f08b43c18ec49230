"""The spectrum of one star formation history, without a grid: a history and simple populations in; a spectrum out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastsed.arrays import Floats
from fastsed.constants import YEARS_PER_MYR
from fastsed.errors import InputError
from fastsed.inputs.history_table import History
from fastsed.library.types import Library
from fastsed.models.attenuation import attenuation_curve, transmission
from fastsed.models.cosmology import Cosmology
from fastsed.models.igm import igm_transmission
from fastsed.models.sfh import ssp_weights


@dataclass(frozen=True)
class HistorySpectrum:
    """Spectrum of a star formation history as it is observed, with its masses.

    Attributes
    ----------
    wavelength : (nlam,)
        At rest or, with a redshift, observed [Angstrom].
    flux : (nlam,)
        Luminosity density [Lsun/Angstrom] or, with a redshift, flux density [1e-19 erg/s/cm2/Angstrom].
    formed_mass, surviving_mass : float
        Stars formed up to the observation, and what is left of them in stars and remnants [Msun]; not scaled by
        `unit_mass`.
    sfr : float
        Star formation rate at the observation [Msun/yr].
    """

    wavelength: Floats
    flux: Floats
    formed_mass: float
    surviving_mass: float
    sfr: float


def history_spectrum(
    history: History,
    ssp: Library,
    *,
    av: float = 0.0,
    z: float | None = None,
    cosmology: Cosmology | None = None,
    igm: str | None = "madau95",
    unit_mass: bool = False,
) -> HistorySpectrum:
    """Sum simple stellar populations along a star formation history.

    The history is integrated exactly, as piecewise linear, over the ages that each simple population stands for
    (`fastsed.models.sfh.ssp_weights`).

    Parameters
    ----------
    history : History
        Rates [Msun/yr] at lookback times [yr]; see `fastsed.inputs.history_table.read_history`.
    ssp : Library
        Simple populations of one metallicity, from `fastsed.library.ssp.read_ssp`.
    av : float
        Attenuation in V [mag], by the law of Calzetti et al. (2000, ApJ 533, 682).
    z : float, optional
        Redshift at which to observe; by default the spectrum is at rest.
    cosmology : Cosmology, optional
        By default H0 = 70 km/s/Mpc, Omega_m = 0.3, Omega_L = 0.7.
    igm : {"madau95", "inoue14"} or None
        Absorption by the intergalactic medium; not at rest.
    unit_mass : bool
        Scale the spectrum to 1 Msun of stars formed.

    Returns
    -------
    HistorySpectrum

    Raises
    ------
    InputError
        For a negative attenuation, a redshift that is not above 0, a history without stars or one that begins
        before the oldest population of the library.

    Examples
    --------
    >>> history = read_history("history.txt", tobs=8000)  # doctest: +SKIP
    >>> spectrum = history_spectrum(history, read_ssp("bc03_lr_kr.hdf5", 0.02), av=0.5)  # doctest: +SKIP
    """
    check_values(av, z)
    oldest = history.lookback[-1]
    if oldest > ssp.ages[-1]:
        raise InputError(
            f"its first stars are {oldest / YEARS_PER_MYR:g} Myr old at the observation, but the library {ssp.source} "
            f"ends at {ssp.ages[-1] / YEARS_PER_MYR:g} Myr",
            history.source or None,
        )
    weights = ssp_weights(history.lookback, history.sfr[None], ssp.ages)[0]
    formed, surviving = float(weights.sum()), float(weights @ ssp.mass)
    if formed == 0:
        raise InputError("no stars form before the observation", history.source or None)
    if unit_mass:
        weights /= formed
    wavelength = ssp.lam
    flux = (weights @ ssp.sed) * transmission(attenuation_curve("calzetti", ssp.lam), av)
    if z is not None:
        flux = flux * (cosmology or Cosmology()).luminosity_to_flux(z) * igm_transmission(ssp.lam, z, igm)
        wavelength = ssp.lam * (1 + z)
    return HistorySpectrum(wavelength, np.asarray(flux), formed, surviving, float(history.sfr[0]))


def check_values(av: float, z: float | None) -> None:
    """Refuse an attenuation or a redshift that means nothing.

    Raises
    ------
    InputError
    """
    if av < 0:
        raise InputError(f"Av={av:g} is negative: dust takes light away")
    if z is not None and z <= 0:
        raise InputError(f"z={z:g} must be above 0; leave it out for the spectrum at rest")
