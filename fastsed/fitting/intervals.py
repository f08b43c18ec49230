"""Confidence intervals: best models of the simulations, or chi2 of the grid, in; bounds out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from fastsed._ext.percentiles import interpolated_percentiles
from fastsed.arrays import Floats, Ints
from fastsed.config.fit import chi2_threshold

__all__ = [
    "chi2_threshold",
    "grid_percentiles",
    "interval_probabilities",
    "intervals_from_chi2",
    "medians_from_simulations",
    "percentiles_from_simulations",
    "property_percentiles",
]


def interval_probabilities(confidences: Sequence[float]) -> Floats:
    """Probabilities below the bounds of central intervals.

    Parameters
    ----------
    confidences : sequence of float
        In percent, in any order.

    Returns
    -------
    float64 array (nconfidence, 2)
        (1 - C)/2 and its complement, each rounded to single precision as in FAST++: 16 of 100 simulations are then
        more than the lower bound of 68 %.
    """
    fraction = np.asarray(confidences, dtype=np.float32).astype(np.float64) / 100
    lower = (0.5 * (1 - fraction)).astype(np.float32).astype(np.float64)
    upper = (1 - lower).astype(np.float32).astype(np.float64)
    return np.stack([lower, upper], axis=-1)


def grid_percentiles(
    indices: ArrayLike, values: ArrayLike, probabilities: ArrayLike, n_threads: int = 1
) -> Floats:
    """Percentiles of a grid parameter over the best models of the simulations.

    The histogram over the grid points, cumulated, is interpolated linearly: all simulations up to and
    including those at a grid point lie below it. Where the first point holds the probability, it is the answer;
    where a later one holds it exactly, the last of the points with no simulations after it.

    Parameters
    ----------
    indices : int array (nsource, nsim)
        Index of the best model along the axis; negative where a source was not fitted.
    values : array (nvalue,)
        Values of the axis, in any order.
    probabilities : array (nprobability,)
    n_threads : int

    Returns
    -------
    float64 array (nsource, nprobability)
        NaN for sources that were not fitted.
    """
    places = np.ascontiguousarray(indices, dtype=np.int64)
    axis = np.asarray(values, dtype=np.float64)
    order = np.argsort(axis)
    result = np.empty((len(places), np.size(probabilities)))
    levels = np.ravel(probabilities).astype(np.float64)
    interpolated_percentiles(places, np.argsort(order), axis[order], levels, result, n_threads)
    return result


def property_percentiles(values: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Percentiles of a property over the simulations: order statistics number floor(n * p), from 0.

    The product is of single precision, as in FAST++: 16 % of 100 is then 16, not 15.999 999 6.

    Parameters
    ----------
    values : array (nsource, nsim)
    probabilities : array (nprobability,)

    Returns
    -------
    float64 array (nsource, nprobability)
        NaN where a source was not fitted; of other sources, only the n finite values count.
    """
    ordered = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(ordered)
    if not finite.all():
        ordered = np.where(finite, ordered, np.nan)  # sorted to the end
    ordered = np.sort(ordered, axis=1)
    count = finite.sum(axis=1)[:, None]
    index = np.floor(count.astype(np.float32) * np.ravel(probabilities).astype(np.float32)).astype(np.intp)
    return np.take_along_axis(ordered, np.clip(index, 0, np.maximum(count - 1, 0)), axis=1)


def percentiles_from_simulations(
    indices: Mapping[str, ArrayLike],
    axes: Mapping[str, ArrayLike],
    properties: Mapping[str, ArrayLike],
    confidences: Sequence[float],
    n_threads: int = 1,
) -> dict[str, Floats]:
    """Confidence intervals from the best models of the simulations.

    Parameters
    ----------
    indices : mapping of str to int array (nsource, nsim)
        For each axis of the grid, the index of the best model of each simulation along it.
    axes : mapping of str to array
        Values of each of these axes.
    properties : mapping of str to array (nsource, nsim)
        Properties of these models, as stored (not as logarithms).
    confidences : sequence of float
        In percent.
    n_threads : int

    Returns
    -------
    dict of str to float64 array (nsource, nconfidence, 2)
        Lower and upper bound of each parameter and property.
    """
    probabilities = interval_probabilities(confidences)
    result = {name: grid_percentiles(i, axes[name], probabilities, n_threads) for name, i in indices.items()}
    result |= {name: property_percentiles(v, probabilities) for name, v in properties.items()}
    return {name: bounds.reshape(len(bounds), *probabilities.shape) for name, bounds in result.items()}


def medians_from_simulations(
    indices: Mapping[str, ArrayLike],
    axes: Mapping[str, ArrayLike],
    properties: Mapping[str, ArrayLike],
    n_threads: int = 1,
) -> dict[str, Floats]:
    """Medians of the simulations by the rules of the percentiles (BEST_FROM_SIM).

    Parameters are those of `percentiles_from_simulations`.

    Returns
    -------
    dict of str to float64 array (nsource,)
    """
    result = {name: grid_percentiles(i, axes[name], 0.5, n_threads)[:, 0] for name, i in indices.items()}
    return result | {name: property_percentiles(v, 0.5)[:, 0] for name, v in properties.items()}


def intervals_from_chi2(
    excess: Floats, values: Floats, confidences: Sequence[float], starts: Sequence[int] | Ints = (0,)
) -> Floats:
    """Ranges of the models of some sources whose chi2 is close enough to the best (Avni 1976, ApJ 210, 642).

    Parameters
    ----------
    excess : (nmodel,)
        chi2 of each model above the best of its source.
    values : (nquantity, nmodel)
        Parameters and properties of the models.
    confidences : sequence of float
        In percent, in any order.
    starts : (nsource,)
        Where the models of each source begin: each has some.

    Returns
    -------
    float64 array (nquantity, nsource, nconfidence, 2)
        Smallest and largest value among the models whose excess is below `chi2_threshold`; NaN where there is no such
        model.
    """
    result = np.full((len(values), len(starts), len(confidences), 2), np.nan)
    for i, confidence in enumerate(confidences):
        acceptable = excess < chi2_threshold(confidence)
        some = np.logical_or.reduceat(acceptable, starts)
        for side, (reduce, never) in enumerate(((np.minimum, np.inf), (np.maximum, -np.inf))):
            bounds = reduce.reduceat(np.where(acceptable, values, never), starts, axis=1)
            result[:, some, i, side] = bounds[:, some]
    return result
