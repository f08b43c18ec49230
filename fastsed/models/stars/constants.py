"""Constants of the star grids, as BEAST HEAD has them (astropy's CODATA 2018 and IAU 2015 values)."""

from __future__ import annotations

L_SUN = 3.828e33  # erg/s
STEFAN_BOLTZMANN = 5.6703744191844314e-05  # erg/s/cm2/K4
R_SUN = 6.957e10  # cm
TEN_PARSEC = 3.0856775e19  # cm
SPEED_OF_LIGHT = 299_792.458  # km/s
Z_SUN = 0.0152  # Bressan et al. (2012), for tables that state [Fe/H]
