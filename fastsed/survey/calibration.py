"""Covariance of the absolute flux calibration with wavelength in; that between bands, for `--absflux`, out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats
from fastsed.atomic import atomic_write
from fastsed.errors import InputError
from fastsed.models.stars.filter_curves import FilterCurve
from fastsed.survey.tables import open_fits

ZERO_POINT = 4.9e-5  # variance that all bands have in common, 0.7 % squared, as BEAST adds it


def band_covariance(
    wave: Floats, covariance: Floats, curves: Sequence[FilterCurve], zero_point: float = ZERO_POINT
) -> Floats:
    """Fractional covariance of the fluxes in bands.

    A_kl = sum_ij C_ij T_k(i) T_l(j) / sum_ij T_k(i) T_l(j), of a flat spectrum, plus that of the zero point.

    Parameters
    ----------
    wave : float64 (n,)
        [Angstrom]
    covariance : float64 (n, n)
        Fractional.
    curves : sequence of FilterCurve
    zero_point : float
        Variance that all bands have in common.

    Returns
    -------
    float64 (n_filters, n_filters)

    Raises
    ------
    InputError
        If a filter lies outside of the wavelengths.
    """
    weights = np.array([curve.at(wave) for curve in curves])
    total = weights.sum(axis=1)
    for curve, value in zip(curves, total, strict=True):
        if not value > 0.0:
            raise InputError(
                f"filter {curve.name} lies outside of the {wave.min():g} to {wave.max():g} Angstrom covered"
            )
    weights /= total[:, None]
    return np.asarray(weights @ covariance @ weights.T + zero_point)


def read_calibration(path: str | Path) -> tuple[Floats, Floats]:
    """Read a covariance with wavelength: first row of WAVE (n) and COVAR (n, n) in the first table of a FITS file.

    This is the layout of BEAST's `hst_whitedwarf_frac_covar.fits`.

    Raises
    ------
    InputError
        If the file cannot be read or has another layout.
    """
    with open_fits(path) as hdus:
        tables = [hdu for hdu in hdus if getattr(hdu, "columns", None) is not None]
        names = {name.upper() for name in tables[0].columns.names} if tables else set()
        if not {"WAVE", "COVAR"} <= names or not len(tables[0].data):
            raise InputError("has no table with the columns WAVE and COVAR", path)
        wave = np.array(tables[0].data["WAVE"][0], dtype=np.float64).ravel()
        covariance = np.array(tables[0].data["COVAR"][0], dtype=np.float64)
    if covariance.size != wave.size**2:
        raise InputError(f"has {covariance.size} covariances for {wave.size} wavelengths", path)
    covariance = covariance.reshape(wave.size, wave.size)
    if not (np.isfinite(wave).all() and np.isfinite(covariance).all()):
        raise InputError("holds values that are no numbers", path)
    return wave, covariance


def write_absflux(matrix: Floats, filters: Sequence[str], path: str | Path) -> None:
    """Write a matrix as `noise --absflux` reads it."""
    with atomic_write(path) as f:
        f.write("# fractional covariance of the absolute flux calibration: " + " ".join(filters) + "\n")
        f.writelines(" ".join(map(repr, row)) + "\n" for row in matrix.tolist())
