"""Constants of physics and units, each once.

Those of FAST and FAST++ are rounded as their sources have them, sometimes differently from one place to the next: only
so do fits agree with theirs to the last printed digit. Stars have those of BEAST (`fastsed.models.stars.constants`).
"""

from __future__ import annotations

import math

YEARS_PER_MYR = 1e6
YEARS_PER_GYR = 1e9

SPEED_OF_LIGHT_KMS = 2.99792458e5
"""Of distances [km/s]: exact."""

SPEED_OF_LIGHT_OF_BROADENING_KMS = 2.99792e5
"""Of velocity dispersions [km/s], as FAST++ rounds it."""

SPEED_OF_LIGHT_OF_MAGNITUDES = 2.9979e18
"""Of rest-frame magnitudes [Angstrom/s], as FAST rounds it."""

SOLAR_LUMINOSITY = 3.839e33
"""[erg/s]; the Sun of Bruzual & Charlot's libraries has 3.826e33, but FAST takes this."""

CM_PER_MPC = 3.0856 * 1e24
"""As FAST rounds it."""

HUBBLE_TIME_GYR = 3.09 / 3.155e-3
"""1/H0 [Gyr] for H0 = 1 km/s/Mpc: 3.09e19 km per Mpc over 3.155e16 s per Gyr, as FAST rounds them."""

Z_BIG_BANG = 1000.0
"""Redshift from which FAST counts the age of the Universe."""

FLUX_UNIT = 1e-19
"""Unit of all flux densities within and in the output files [erg/s/cm2/Angstrom]."""

AB_ZEROPOINT = 23.9
"""AB magnitude of a microjansky."""

MAGNITUDE_FACTOR = 1e32 * 3.839e26 / (SPEED_OF_LIGHT_OF_MAGNITUDES * 3.0856e22**2) / (4 * math.pi * 1e-5**2)
"""Flux [microjansky] at 10 pc (1e-5 Mpc) of 1 Lsun/Angstrom (3.839e26 W) times lambda^2 [Angstrom^2]."""
