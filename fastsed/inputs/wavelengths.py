"""Wavelengths in other units than Angstrom: noticed where a file is read."""

from __future__ import annotations

import logging
from os import PathLike

from fastsed.arrays import Floats
from fastsed.medians import median

log = logging.getLogger(__name__)

SMALLEST_WAVELENGTH = 100.0
"""A typical wavelength below this, in Angstrom, tells that a file is in other units."""

LARGEST_WAVELENGTH = 1e15
"""Wavelengths of spectra are at most so long, in Angstrom: their integrals are numbers."""

_RANGES = ((0.01, "micron"), (1e-9, "m"))


def warn_unless_angstrom(path: str | PathLike[str], lam: Floats) -> None:
    """Warn of wavelengths whose median is too small to be in Angstrom, and say in which unit they may be.

    Parameters
    ----------
    path : path-like
        Of the file they come from.
    lam : float64 (n,)
        [A].
    """
    typical = median(lam) if lam.size else SMALLEST_WAVELENGTH
    if typical >= SMALLEST_WAVELENGTH:
        return
    unit = next((f"; are they in {name}?" for least, name in _RANGES if typical >= least), "")
    log.warning("%s: wavelengths must be in Angstrom, but their median is %g%s", path, typical, unit)
