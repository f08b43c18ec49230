"""Band fluxes as linear functions of a rest-frame spectrum: filters and wavelengths in, weights out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastsed._ext.photometry import band_weights
from fastsed.arrays import Floats, Singles
from fastsed.constants import MAGNITUDE_FACTOR
from fastsed.inputs.filters import Response
from fastsed.inputs.template_error import TemplateError
from fastsed.medians import median


@dataclass(frozen=True)
class BandWeights:
    """Weights of a run of wavelengths: the band flux is ``sed[start:stop] @ values``."""

    start: int
    stop: int
    values: Floats


def band_integral(lam: Floats, stretch: float, band: Response) -> BandWeights:
    """Weights of the band-averaged flux density of a spectrum.

    The integral of response times spectrum is a trapezoid on the union of the points of both, each taken as
    piecewise linear.

    Parameters
    ----------
    lam : (nlam,) rest wavelengths [Angstrom]
    stretch : float
        1+z: observed over rest wavelengths.
    band : Response

    Returns
    -------
    BandWeights
        Empty where the band is not wholly inside the spectrum: its flux is then zero.
    """
    weights = np.zeros(len(lam))
    start, stop = band_weights(lam, stretch, band.lam, band.response, weights)
    return BandWeights(start, stop, weights[start:stop])


def rest_magnitude_weights(lam: Floats, band: Response) -> Floats:
    """Weights (nlam,) that give the flux [microjansky] at 10 pc of a rest-frame spectrum [Lsun/Angstrom]."""
    w = band_integral(lam, 1.0, band)
    weights = np.zeros(len(lam))
    weights[w.start : w.stop] = w.values * MAGNITUDE_FACTOR * band.mean_wavelength**2
    return weights


def total_weights(lam: Floats, up_to: float = np.inf) -> Floats:
    """Weights (nlam,) of the integral of a piecewise-linear spectrum, up to the wavelength `up_to` [Angstrom]."""
    start, end = np.minimum(lam[:-1], up_to), np.minimum(lam[1:], up_to)
    length, fraction = end - start, (0.5 * (start + end) - lam[:-1]) / np.diff(lam)
    weights = np.zeros(len(lam))
    weights[:-1] += length * (1 - fraction)
    weights[1:] += length * fraction
    return weights


def band_template_errors(table: TemplateError | None, bands: list[Response], z: Singles) -> Floats:
    """Relative template error of each band at each redshift.

    Parameters
    ----------
    table : TemplateError or None
        Rest wavelengths and relative errors; None: no error.
    bands : list of nband filters
    z : (nz,) redshifts

    Returns
    -------
    ndarray, shape (nz, nband)
        The band average of the error at the redshifted wavelengths. Where the band leaves the table: its first
        value for bands bluer than the median wavelength of the table, its last for others.
    """
    errors = np.zeros((len(z), len(bands)))
    if table is None:
        return errors
    middle = median(table.lam)
    for b, band in enumerate(bands):
        outside = table.error[0] if band.mean_wavelength < middle else table.error[-1]
        for i, stretch in enumerate(1.0 + z.astype(float)):
            w = band_integral(table.lam, stretch, band)
            errors[i, b] = table.error[w.start : w.stop] @ w.values if w.stop else outside
    return errors
