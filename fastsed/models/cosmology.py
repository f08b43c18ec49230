"""Redshifts in; distances [Mpc], times [Gyr] and the luminosity-to-flux factor of a flat universe out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats
from fastsed.constants import (
    CM_PER_MPC,
    FLUX_UNIT,
    HUBBLE_TIME_GYR,
    SOLAR_LUMINOSITY,
    SPEED_OF_LIGHT_KMS,
    Z_BIG_BANG,
)
from fastsed.errors import InputError

# nodes and weights on [0, 1]; with ln(1+z) as variable, 64 nodes are exact to 1e-12 up to z = 1000
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_NODES, _WEIGHTS = 0.5 * (_NODES + 1.0), 0.5 * _WEIGHTS


@dataclass(frozen=True)
class Cosmology:
    """A flat universe of matter and a cosmological constant.

    Parameters
    ----------
    h0 : float
        Hubble constant [km/s/Mpc].
    omega_m, omega_l : float
        Density parameters of matter and of the cosmological constant; no curvature term is added when they do
        not sum to one (as in FAST).

    Notes
    -----
    Hogg (1999, astro-ph/9905116), equations 14, 15, 21 and 30, without radiation.
    """

    h0: float = 70.0
    omega_m: float = 0.3
    omega_l: float = 0.7

    def __post_init__(self) -> None:
        for key, value in (("H0", self.h0), ("OMEGA_M", self.omega_m)):
            if not (np.isfinite(value) and value > 0):
                raise InputError(f"{key} = {value} is not a universe: it must be a positive number")
        if not (np.isfinite(self.omega_l) and self.omega_l >= 0):
            raise InputError(
                f"OMEGA_L = {self.omega_l} is not a universe: it must be zero or a positive number"
            )

    def luminosity_distance(self, z: ArrayLike) -> Floats:
        """Luminosity distance [Mpc] at redshift `z` (any shape); zero at z = 0."""
        one_plus_z = 1.0 + np.asarray(z, dtype=np.float64)
        hubble_distance = SPEED_OF_LIGHT_KMS / self.h0
        return np.asarray(one_plus_z * hubble_distance * self._integral(one_plus_z, power=1))

    def lookback_time(self, z: ArrayLike) -> Floats:
        """Time [Gyr] between redshift `z` (any shape) and today."""
        one_plus_z = 1.0 + np.asarray(z, dtype=np.float64)
        return np.asarray(HUBBLE_TIME_GYR / self.h0 * self._integral(one_plus_z, power=0))

    def age(self, z: ArrayLike) -> Floats:
        """Age of the universe [Gyr] at redshift `z` (any shape), counted from z = 1000."""
        return np.asarray(self.lookback_time(Z_BIG_BANG) - self.lookback_time(z))

    def luminosity_to_flux(self, z: ArrayLike) -> Floats:
        """Factor from Lsun/A at rest to 1e-19 erg/s/cm2/A observed.

        Parameters
        ----------
        z : array_like
            Redshifts, any shape, all > 0.

        Returns
        -------
        ndarray
            L_sun / (4 pi (1 + z) dL^2) in the unit of the observed fluxes, same shape as `z`.

        Raises
        ------
        InputError
            For z <= 0: a source at no distance has no finite flux.
        """
        redshift = np.asarray(z, dtype=np.float64)
        if np.any(redshift <= 0):
            worst = float(redshift.min())
            raise InputError(f"a source at z = {worst:g} has no luminosity distance: Z_MIN must be above 0")
        area = 4.0 * np.pi * (1.0 + redshift) * self.luminosity_distance(redshift) ** 2
        return np.asarray(SOLAR_LUMINOSITY / FLUX_UNIT / CM_PER_MPC**2 / area)

    def _integral(self, one_plus_z: Floats, power: int) -> Floats:
        """Integral from 0 to z of (1+z)^(power-1) / E(z) dz = int (1+z)^power / E dln(1+z)."""
        log_end = np.log(one_plus_z)[..., None]
        x = np.exp(log_end * _NODES)
        expansion = np.sqrt(self.omega_m * x**3 + self.omega_l)
        return np.asarray((x**power / expansion) @ _WEIGHTS * log_end[..., 0])
