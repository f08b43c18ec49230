"""Spectra and a velocity dispersion in; broadened spectra out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError

Array = NDArray[np.float64]

SPEED_OF_LIGHT_KMS = 2.99792e5
REACH = 5.0  # sigmas
_BLOCK = 64


def broaden(lam: Array, sed: Array, sigma_kms: float) -> Array:
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
        At each wavelength the sum over samples, weighted by the integral of a Gaussian (sigma = lambda v / c)
        between the mid-points of neighbouring samples, up to 5 sigma.

    Raises
    ------
    InputError
        If the dispersion is negative or not a number.
    """
    if not (np.isfinite(sigma_kms) and sigma_kms >= 0):
        raise InputError(f"APPLY_VDISP = {sigma_kms} is not a velocity dispersion: give km/s, 0 or more")
    if sigma_kms == 0 or lam.size < 2:
        return sed.copy()
    out = np.empty(sed.shape)
    for begin in range(0, lam.size, _BLOCK):
        rows = slice(begin, min(begin + _BLOCK, lam.size))
        columns, weights = _operator_rows(lam, rows, sigma_kms)
        np.matmul(sed[:, columns], weights.T, out=out[:, rows])
    return out


def _operator_rows(lam: Array, rows: slice, sigma_kms: float) -> tuple[slice, Array]:
    """Weights (nrow, ncolumn) of the samples `columns` in the broadened samples `rows`."""
    from scipy.special import ndtr

    edges = _edges(lam)
    centre = lam[rows, None]
    sigma = centre * (sigma_kms / SPEED_OF_LIGHT_KMS)
    first = int(np.searchsorted(edges, centre[0, 0] - REACH * sigma[0, 0], side="right")) - 1
    last = int(np.searchsorted(edges, centre[-1, 0] + REACH * sigma[-1, 0], side="left"))
    columns = slice(max(first, 0), min(last, lam.size))
    deviation = (edges[columns.start : columns.stop + 1] - centre) / sigma
    return columns, np.diff(ndtr(np.clip(deviation, -REACH, REACH)), axis=1)


def _edges(lam: Array) -> Array:
    """Limits of the samples: mid-points; the outermost are mirrored, and no weight is renormalised there."""
    middle = 0.5 * (lam[:-1] + lam[1:])
    return np.concatenate([[2 * lam[0] - middle[0]], middle, [2 * lam[-1] - middle[-1]]])
