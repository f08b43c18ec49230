"""Uncertainty of the absolute flux calibration: a text file in, a fractional covariance matrix out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.text import decode, read_bytes


def read_absflux(path: str | Path, n_filters: int) -> Floats:
    """Read a vector of fractional sigmas or a matrix of fractional covariances.

    Returns
    -------
    float64 (n_filters, n_filters)

    Raises
    ------
    InputError
        For a file that cannot be read, or another number of filters.
    """
    rows = []
    for line, text in enumerate(decode(read_bytes(path)).splitlines(), 1):
        words = text.split("#", 1)[0].replace(",", " ").split()
        try:
            if words:
                rows.append([float(word) for word in words])
        except ValueError:
            raise InputError(f"'{text.strip()[:60]}' is not a row of numbers", path, line) from None
    if len({len(row) for row in rows}) > 1:
        raise InputError("its rows have different lengths", path)
    try:
        return fractional_covariance(
            np.squeeze(np.array(rows)) if n_filters > 1 else np.ravel(rows), n_filters
        )
    except InputError as error:
        raise InputError(error.message, path) from None


def fractional_covariance(values: ArrayLike, n_filters: int) -> Floats:
    """The matrix of a vector of fractional sigmas, or the matrix itself.

    Raises
    ------
    InputError
        For another shape, values that are not finite, a negative variance, or a matrix that is not symmetric.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.shape not in ((n_filters,), (n_filters, n_filters)):
        raise InputError(f"an absolute flux covariance of shape {values.shape} for {n_filters} filters")
    matrix = np.diag(values**2) if values.ndim == 1 else values
    if not np.isfinite(matrix).all() or (np.diag(matrix) < 0.0).any():
        raise InputError(
            "an absolute flux covariance with values that are not finite, or a negative variance"
        )
    if not np.allclose(matrix, matrix.T, rtol=1e-6, atol=0.0):
        raise InputError("an absolute flux covariance that is not symmetric")
    return matrix
