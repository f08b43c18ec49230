"""The observation model `trunchen`: repeated artificial stars in; a bias and a full covariance for any model out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.survey.asts import ArtificialStars

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

log = logging.getLogger(__name__)

MIN_STARS = 5  # a model needs more artificial stars, and more recovered ones, than this
NOT_RECOVERED = 90.0  # magnitude at and above which a band counts as not recovered
N_NEIGHBOURS = 10
SMALLEST_DISTANCE = 0.01  # dex
SMALLEST_EIGENVALUE = 1e-12  # of a correlation matrix


@dataclass(frozen=True)
class Trunchen:
    """Bias, covariance and completeness of a sparse set of models, interpolated between them.

    Attributes
    ----------
    flux : float64 (m, n_filters)
        Input fluxes of the models that were tested [erg/s/cm2/Angstrom].
    bias : float64 (m, n_filters)
    covariance : float64 (m, n_filters, n_filters)
    completeness : float64 (m,)
    absflux : float64 (n_filters, n_filters), optional
        Fractional covariance of the absolute calibration.
    """

    flux: Floats
    bias: Floats
    covariance: Floats
    completeness: Floats
    absflux: Floats | None = None

    @classmethod
    def from_stars(cls, stars: ArtificialStars, vega: Floats, absflux: Floats | None = None) -> Trunchen:
        """Group artificial stars by all of their input magnitudes, and measure each group.

        Parameters
        ----------
        stars : ArtificialStars
            With recovered magnitudes.
        vega : float64 (n_filters,)
            Flux of Vega [erg/s/cm2/Angstrom].
        absflux : float64 (n_filters, n_filters), optional

        Raises
        ------
        InputError
            If no model has enough recovered stars.
        """
        if stars.mag_out is None:
            raise InputError(
                "the table of artificial stars has no recovered magnitudes (columns <BAND>_VEGA)"
            )
        valid = np.asarray(np.isfinite(np.hstack([stars.mag_in, stars.rate])).all(axis=1))
        rates = stars.rate
        if not valid.any():
            raise InputError("no artificial star has input magnitudes and rates in all bands")
        if not valid.all():
            log.warning("%d artificial stars without a number left out", np.count_nonzero(~valid))
        mags, group = np.unique(stars.mag_in[valid], axis=0, return_inverse=True)
        order = np.argsort(group.ravel(), kind="stable")
        ends = np.cumsum(np.bincount(group.ravel(), minlength=len(mags)))
        recovered = np.asarray((stars.mag_out[valid] < NOT_RECOVERED).any(axis=1))
        kept = []
        for magnitudes, members in zip(mags, np.split(order, ends[:-1]), strict=True):
            good = members[recovered[members]]
            if len(good) > MIN_STARS:
                flux = 10.0 ** (-0.4 * magnitudes) * vega
                difference = rates[valid][good] * vega - flux
                kept.append(
                    (flux, difference.mean(axis=0), _covariance(difference), len(good) / len(members))
                )
        if not kept:
            raise InputError(
                f"no model has more than {MIN_STARS} recovered artificial stars of the same input magnitudes"
            )
        flux, bias, covariance, completeness = (np.array(part) for part in zip(*kept, strict=True))
        return cls(flux, bias, covariance, completeness, absflux)

    def evaluate(self, flux: Floats, model_covariance: Floats | None = None) -> tuple[Floats, Floats, Floats]:
        """Bias, covariance and completeness of models, from the 10 nearest in log flux, weighted by 1/distance.

        Parameters
        ----------
        flux : float64 (n, n_filters)
            [erg/s/cm2/Angstrom]
        model_covariance : float64 (n, n_filters, n_filters), optional
            Covariance of the absolute calibration of each model, in place of `absflux`.

        Returns
        -------
        bias : float64 (n, n_filters)
        covariance : float64 (n, n_filters, n_filters)
        completeness : float64 (n,)
        """
        index, weight = self._neighbours(flux)
        bias = np.einsum("nk,nkf->nf", weight, self.bias[index])
        covariance = np.einsum("nk,nkfg->nfg", weight, self.covariance[index])
        if model_covariance is not None:
            covariance += model_covariance
        elif self.absflux is not None:
            covariance += self.absflux * flux[:, :, None] * flux[:, None, :]
        return bias, covariance, np.einsum("nk,nk->n", weight, self.completeness[index])

    @cached_property
    def _tree(self) -> cKDTree:
        from scipy.spatial import cKDTree

        return cKDTree(np.log10(self.flux))

    def _neighbours(self, flux: Floats) -> tuple[NDArray[np.intp], Floats]:
        tiny = np.finfo(np.float64).tiny
        distance, index = self._tree.query(
            np.log10(np.maximum(flux, tiny)), np.arange(1, min(N_NEIGHBOURS, len(self.flux)) + 1)
        )
        weight = 1.0 / np.maximum(distance, SMALLEST_DISTANCE)
        return index, weight / weight.sum(axis=1, keepdims=True)

    def datasets(self, flux: Floats, model_covariance: Floats | None = None) -> dict[str, Floats]:
        """What a noise file holds of these models."""
        bias, covariance, completeness = self.evaluate(flux, model_covariance)
        diagonal, upper = np.arange(flux.shape[1]), np.triu_indices(flux.shape[1], 1)
        inverse, log_determinant = _inverse(covariance)
        return {
            "bias": bias,
            "error": np.sqrt(covariance[:, diagonal, diagonal]),
            "completeness": np.repeat(completeness[:, None], flux.shape[1], axis=1),
            "q_norm": -0.5 * log_determinant,
            "icov_diag": inverse[:, diagonal, diagonal],
            "icov_offdiag": inverse[:, upper[0], upper[1]],
            "cov_diag": covariance[:, diagonal, diagonal],
            "cov_offdiag": covariance[:, upper[0], upper[1]],
        }


def _covariance(difference: Floats) -> Floats:
    return np.atleast_2d(np.cov(difference, rowvar=False))


def _inverse(covariance: Floats) -> tuple[Floats, Floats]:
    """Inverse matrices and ln determinants, computed on the correlations.

    Fluxes of 1e-19 have variances far below the smallest number that float32 holds, and determinants of several bands
    below that of float64.
    """
    scale = np.sqrt(np.einsum("nff->nf", covariance))
    if not (scale > 0.0).all():
        raise InputError("the recovered fluxes of a band do not vary: it has no variance to invert")
    outer = scale[:, :, None] * scale[:, None, :]
    correlation = covariance / outer
    values, vectors = np.linalg.eigh(correlation)
    inverse, log_determinant = (
        np.empty_like(correlation),
        np.log(np.maximum(values, SMALLEST_EIGENVALUE)).sum(axis=1),
    )
    singular = values[:, 0] < SMALLEST_EIGENVALUE
    inverse[~singular] = np.linalg.inv(correlation[~singular])
    if singular.any():
        log.warning(
            "%d models with a singular covariance: its smallest eigenvalues are raised", singular.sum()
        )
        raised, v = np.maximum(values[singular], SMALLEST_EIGENVALUE), vectors[singular]
        inverse[singular] = np.einsum("nfk,nk,ngk->nfg", v, 1.0 / raised, v)
    return inverse / outer, log_determinant + 2.0 * np.log(scale).sum(axis=1)
