"""Posteriors of stars as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FITTED, NO_VALID_FLUX, NO_MODEL = 1, 2, 3
"""Values of `status`: fitted; not fitted: a flux is not finite; not fitted: no model has a finite probability."""


@dataclass(frozen=True)
class LnpSamples:
    """Models with their posterior probabilities, those of one star after those of another.

    Attributes
    ----------
    counts : int64, shape (n_stars,)
    rows : int64, shape (sum of counts,)
        Rows of the grid.
    lnp, chi2 : float32, shape (sum of counts,)
    """

    counts: NDArray[np.int64]
    rows: NDArray[np.int64]
    lnp: NDArray[np.float32]
    chi2: NDArray[np.float32]


@dataclass(frozen=True)
class StarPosteriors:
    """What the fit of some stars comes to. Stars that are not fitted have NaN, rows -1, PDFs of zeros, no samples.

    Attributes
    ----------
    status : int16, shape (n_stars,)
        1: fitted; 2: not fitted, a flux is not finite; 3: not fitted, no model has a finite probability.
    best_row : int64, shape (n_stars,)
        Row of the most probable model.
    ln_p_max, total_log_norm, chi2_min : float64, shape (n_stars,)
        Largest ln(posterior); ln of the sum of the posteriors; smallest chi2 among the acceptable models.
    chi2_min_row : int64, shape (n_stars,)
    n_models : int64, shape (n_stars,)
        Number of acceptable models.
    expectation : float64, shape (n_stars, n_parameters)
    percentiles : float64, shape (n_stars, n_parameters, 3)
        At 16, 50, 84 percent.
    pdf1d : list of float64 ndarray, shape (n_stars, n_bins)
        One a parameter.
    pdf2d : list of float64 ndarray, shape (n_stars, n_bins_1, n_bins_2)
        One a pair of parameters.
    samples : LnpSamples
    """

    status: NDArray[np.int16]
    best_row: NDArray[np.int64]
    ln_p_max: NDArray[np.float64]
    total_log_norm: NDArray[np.float64]
    chi2_min: NDArray[np.float64]
    chi2_min_row: NDArray[np.int64]
    n_models: NDArray[np.int64]
    expectation: NDArray[np.float64]
    percentiles: NDArray[np.float64]
    pdf1d: list[NDArray[np.float64]]
    pdf2d: list[NDArray[np.float64]] = field(default_factory=list)
    samples: LnpSamples | None = None
