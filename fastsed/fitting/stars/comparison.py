"""Model noise: stars and models are compared by the models' own biases, errors or covariances."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fastsed._ext import stars as kernel
from fastsed.errors import InputError
from fastsed.fitting.stars.source import FullCovariance, ModelBlock

logger = logging.getLogger(__name__)

LARGEST_RATIO = 1e18
"""Flux/error from which single precision would not do: every model is compared in double precision then."""
SAMPLE = 1 << 15
"""Models from which typical errors are taken."""


class NoModel(InputError):
    """None of the models can be compared with a star."""


class ModelNoise:
    """Gathers what the comparison needs of each model.

    lnP = ln(weight / sum of the weights) - n/2 ln(2 pi) - sum ln|error| - chi2 / 2, and with a full covariance C
    -1/2 ln det C in place of the sum of the errors' logarithms (specification of BEAST's likelihood, Gordon et al.
    2016, ApJ 826, 104).

    Parameters
    ----------
    normalize : bool, optional
        Divide the weights by their sum; not for parts of a grid whose results are merged.
    full_covariance : bool, optional
        Use full covariances where the models have them.
    incomplete : {"drop", "refuse", "keep"}, optional
        What becomes of models that are not complete in every band.
    log_sum : float, optional
        ln of the sum of all weights, if the models are a part of a grid of which something was reported already.

    Attributes
    ----------
    is_full : bool
        Whether the records hold inverse covariances.
    padded : int
        Length of the first part of a record.
    unit : ndarray, shape (n_filters,)
        Powers of two that fluxes are multiplied by.
    """

    def __init__(
        self,
        normalize: bool = True,
        full_covariance: bool = True,
        incomplete: str = "drop",
        log_sum: float | None = None,
    ):
        self.normalize, self.full_covariance, self.incomplete = normalize, full_covariance, incomplete
        self._log_sum = log_sum
        self.is_full = False

    def start(self, n_filters: int, n_models: int) -> None:
        """Begin with the models of a source."""
        self.n_filters, self.n_models = n_filters, n_models
        self.padded = -(-(n_filters + 1) // 4) * 4
        self._records: NDArray[np.float64] | None = None
        self._valid = np.zeros(n_models, bool)
        self._smallest: list[NDArray[np.float64]] = []
        self.smallest = np.zeros(0)
        self._weights: list[float] = []
        self._n_incomplete = self._n_impossible = 0
        self.unit = np.ones(n_filters)

    def add(self, block: ModelBlock, biased: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        """Take some models; `biased` are their fluxes with the bias."""
        n, k = biased.shape
        full = block.covariance if self.full_covariance else None
        if self._records is None:
            self.is_full = full is not None
            second = k * (k + 1) // 2 if self.is_full else self.padded
            self._records = np.zeros((self.n_models, self.padded + second))
        records = self._records[block.first : block.first + n]
        records[:, :k] = biased
        self._weights.append(float(weights[weights > 0].sum()))
        with np.errstate(divide="ignore", invalid="ignore"):
            constant = np.log(np.where(weights > 0, weights, 0.0)) - 0.5 * k * np.log(2 * np.pi)
            if full is not None:
                constant += full.q_norm
                records[:, self.padded :] = _packed(full)
                self._smallest.append(_smallest_eigenvalue(full))
            else:
                error = np.abs(block.error)
                constant -= np.log(error).sum(axis=1)
                np.divide(1.0, error, out=records[:, self.padded : self.padded + k])
        records[:, k] = constant
        self._valid[block.first : block.first + n] = self._takes_part(block, records, weights)

    def _takes_part(
        self, block: ModelBlock, records: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Which models can be compared with a star."""
        possible = np.array(np.isfinite(records).all(axis=1), dtype=bool)
        self._n_impossible += int((~possible & (weights > 0)).sum())
        if block.completeness is None or self.incomplete == "keep":
            return possible
        complete = (block.completeness > 0).all(axis=1)
        self._n_incomplete += int((~complete).sum())
        possible &= complete
        return possible

    def finish(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Records of the models that take part, in units of `unit`, and their numbers.

        Returns
        -------
        records : ndarray, shape (n_valid, n)
            Fluxes with bias, the constant, zeros up to `padded`; then 1/errors, or the packed upper triangle of the
            inverse covariance with the elements off the diagonal twice.
        models : ndarray, shape (n_valid,)

        Raises
        ------
        InputError
            If there is none, or if incomplete models are refused.
        """
        if self._log_sum is None:
            self.report()
        models = np.flatnonzero(self._valid)
        if self._records is None or len(models) == 0:
            raise NoModel("no model can be fitted: none has a positive weight, finite fluxes and errors")
        records, self._records = self._records, None
        if len(models) < len(records):
            records = records[models]
        if self.is_full:
            self.smallest = np.concatenate(self._smallest)[models]
        if self.normalize:
            records[:, self.n_filters] -= self.log_sum()
        self._choose_units(records)
        return records, models

    def count(self, block: ModelBlock, biased: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        """Count models and their weights only, for `report` and `log_sum`."""
        self.n_models, self._records, self._valid = len(biased), None, np.zeros(len(biased), bool)
        self.add(replace(block, first=0), biased, weights)
        self._records, self._smallest = None, []

    def log_sum(self) -> float:
        """ln of the sum of the weights."""
        return float(np.log(np.sum(self._weights))) if self._log_sum is None else self._log_sum

    def report(self) -> None:
        """Say which models are left out, or refuse them."""
        if self._n_incomplete and self.incomplete == "refuse":
            raise InputError(
                f"{self._n_incomplete} models have a completeness of zero in a band: trim the grid first"
            )
        if self._n_incomplete:
            logger.warning("%d models are left out: their completeness is zero in a band", self._n_incomplete)
        if self._n_impossible:
            logger.warning(
                "%d models are left out: a flux or error is not finite, or zero", self._n_impossible
            )

    def _choose_units(self, records: NDArray[np.float64]) -> None:
        """Multiply fluxes by powers of two that bring them to about one; no digit changes."""
        k = self.n_filters
        step = max(1, len(records) // SAMPLE)
        typical = np.median(np.abs(records[::step, :k]), axis=0)
        power = np.where(typical > 0, -np.round(np.log2(np.where(typical > 0, typical, 1.0))), 0)
        self.unit = np.exp2(np.clip(power, -1000, 1000))
        records[:, :k] *= self.unit
        if not self.is_full:
            records[:, self.padded : self.padded + k] /= self.unit
            return
        first, second = np.triu_indices(k)
        records[:, self.padded :] /= self.unit[first] * self.unit[second]

    def typical_errors(self, records: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Flux/error of bright models and errors of faint ones, in each band: coordinates of likeness.

        Returns
        -------
        ratios, floors : ndarray, shape (n_filters,)
        """
        k = self.n_filters
        some = records[:: max(1, len(records) // SAMPLE)]
        inverse = some[:, self.padded : self.padded + k]
        if self.is_full:
            inverse = np.sqrt(np.abs(some[:, self.padded + _diagonal_of_triangle(k)]))
        ratios = np.percentile(np.abs(some[:, :k]) * inverse, 90, axis=0)
        floors = 1 / np.percentile(inverse, 99, axis=0)
        return np.clip(ratios, 0.1, 1e6), np.clip(np.nan_to_num(floors, posinf=1.0), 1e-30, 1e30)

    def needs_every_model(self, records: NDArray[np.float64]) -> bool:
        """Whether single precision does not do for a search."""
        k = self.n_filters
        if self.is_full:
            largest = np.sqrt(np.abs(records[:, self.padded + _diagonal_of_triangle(k)])).max()
            return bool((self.smallest < 0).any() or largest > LARGEST_RATIO)
        return bool(records[:, self.padded : self.padded + k].max() > LARGEST_RATIO)

    def build_tree(
        self,
        records: NDArray[np.float64],
        rows: NDArray[np.uint32],
        order: NDArray[np.uint32],
        n_threads: int,
    ) -> kernel.StarTree:
        """The tree over models in the order of likeness.

        Parameters
        ----------
        records : ndarray
            In that order.
        rows : uint32, shape (n_models,)
            Numbers of the models to be reported, in that order.
        order : uint32, shape (n_models,)
            What has been done to the records of `finish`.
        n_threads : int
        """
        smallest = np.ascontiguousarray(np.maximum(self.smallest, 0)[order]) if self.is_full else None
        every = self.needs_every_model(records)
        return kernel.StarTree(records, rows, self.n_filters, self.padded, smallest, every, n_threads)


def _diagonal_of_triangle(k: int) -> NDArray[np.int64]:
    """Where the diagonal is in a packed upper triangle with diagonal."""
    first, second = np.triu_indices(k)
    return np.flatnonzero(first == second)


def _packed(full: FullCovariance) -> NDArray[np.float64]:
    """Upper triangles with diagonal, elements off the diagonal twice."""
    n, k = full.diagonal.shape
    first, second = np.triu_indices(k)
    packed = np.empty((n, len(first)))
    packed[:, first == second] = full.diagonal
    packed[:, first != second] = 2 * full.off_diagonal
    return packed


def _smallest_eigenvalue(full: FullCovariance) -> NDArray[np.float64]:
    """c with d^T C^-1 d >= c sum (C^-1)_kk d_k^2: the smallest eigenvalue of C^-1 scaled to a unit diagonal."""
    n, k = full.diagonal.shape
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = 1 / np.sqrt(full.diagonal)
    matrix = np.tile(np.eye(k), (n, 1, 1))
    first, second = np.triu_indices(k, 1)
    with np.errstate(invalid="ignore", over="ignore"):
        matrix[:, first, second] = full.off_diagonal * scale[:, first] * scale[:, second]
    matrix[:, second, first] = matrix[:, first, second]
    odd = ~np.isfinite(matrix).all(axis=(1, 2))
    matrix[odd] = np.eye(k)
    smallest = np.linalg.eigvalsh(matrix)[:, 0].astype(np.float64) - 1e-10
    smallest[odd] = -1
    return smallest
