"""Spectra and a velocity dispersion, or any Gaussian width, in; broadened spectra out."""

from __future__ import annotations

import numpy as np

from fastsed.arrays import Floats
from fastsed.constants import SPEED_OF_LIGHT_OF_BROADENING_KMS
from fastsed.errors import InputError
from fastsed.models.cells import cell_edges

REACH = 5.0  # sigmas
_BLOCK = 64


def broaden(lam: Floats, sed: Floats, sigma_kms: float) -> Floats:
    """Convolve spectra with the Gaussian of a velocity dispersion.

    Parameters
    ----------
    lam : ndarray (nlam,)
        Ascending wavelengths [A].
    sed : ndarray (n, nlam)
        Spectra.
    sigma_kms : float
        Velocity dispersion (standard deviation) [km/s]; 0 leaves the spectra as they are.

    Returns
    -------
    ndarray (n, nlam)
        Convolved with sigma = lambda v / c: see `convolve`.

    Raises
    ------
    InputError
        If the dispersion is negative or not a number.
    """
    if not (np.isfinite(sigma_kms) and sigma_kms >= 0):
        raise InputError(f"APPLY_VDISP = {sigma_kms} is not a velocity dispersion: give km/s, 0 or more")
    if sigma_kms == 0:
        return sed.copy()
    return convolve(lam, sed, lam * (sigma_kms / SPEED_OF_LIGHT_OF_BROADENING_KMS))


def convolve(lam: Floats, sed: Floats, sigma: Floats) -> Floats:
    """Convolve spectra with a Gaussian whose width changes along the wavelength.

    Parameters
    ----------
    lam : ndarray (nlam,)
        Ascending wavelengths [A].
    sed : ndarray (n, nlam)
        Spectra.
    sigma : ndarray (nlam,)
        Standard deviation of the Gaussian at each wavelength [A]; where it is 0 the spectra stay as they are.

    Returns
    -------
    ndarray (n, nlam)
        At each wavelength the sum over samples, weighted by the integral of its Gaussian between the
        mid-points of neighbouring samples, up to 5 sigma.
    """
    if lam.size < 2:
        return sed.copy()
    out = np.empty(sed.shape)
    for begin in range(0, lam.size, _BLOCK):
        rows = slice(begin, min(begin + _BLOCK, lam.size))
        columns, weights = _operator_rows(lam, rows, sigma[rows, None])
        np.matmul(sed[:, columns], weights.T, out=out[:, rows])
    return out


def _operator_rows(lam: Floats, rows: slice, sigma: Floats) -> tuple[slice, Floats]:
    """Weights (nrow, ncolumn) of the samples `columns` in the broadened samples `rows`; widths (nrow, 1)."""
    from scipy.special import ndtr

    # no weight is renormalised beyond the outermost samples
    edges = cell_edges(lam)
    centre = lam[rows, None]
    first = int(np.searchsorted(edges, (centre - REACH * sigma).min(), side="right")) - 1
    last = int(np.searchsorted(edges, (centre + REACH * sigma).max(), side="left"))
    columns = slice(max(first, 0), min(last, lam.size))
    # infinite without width: all weight stays where it is
    with np.errstate(divide="ignore"):
        deviation = (edges[columns.start : columns.stop + 1] - centre) / sigma
    return columns, np.diff(ndtr(np.clip(deviation, -REACH, REACH)), axis=1)
