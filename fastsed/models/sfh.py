"""Star formation histories on a lookback grid in; SSP weights, mean rates and shape quantities out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastsed._ext.sfh import banded_product, shape_quantities
from fastsed.arrays import Floats, Ints
from fastsed.constants import YEARS_PER_MYR
from fastsed.sfh_quantities import SfhQuantity

MAIN_SHARE = 0.68  # part of the stars that "most of the star formation" stands for


def years(myr: float) -> float:
    """A time step [yr] given in Myr, in single precision as in FAST++."""
    return float(np.float32(float(np.float32(myr)) * YEARS_PER_MYR))


def lookback_grid(age: float, step: float) -> Floats:
    """Lookback times k * step [yr], the last one at or just beyond `age` [yr]."""
    return np.arange(math.ceil(age / step) + 1, dtype=np.float64) * step


def ssp_bin_edges(ages: Floats) -> Floats:
    """Limits [yr] of the ages that each SSP stands for.

    Parameters
    ----------
    ages : ndarray (nage,)
        Ascending ages of the SSPs [yr].

    Returns
    -------
    ndarray (nage + 1,)
        0, the mid-points of neighbouring ages, and the last age.
    """
    return np.concatenate([[0.0], 0.5 * (ages[:-1] + ages[1:]), ages[-1:]])


def ssp_weights(t: Floats, sfr: Floats, ages: Floats, num_threads: int = 1) -> Floats:
    """Stars formed in the age bin of each SSP.

    Parameters
    ----------
    t : ndarray (nt,)
        Ascending lookback times from 0 [yr].
    sfr : ndarray (n, nt)
        Star formation rates at these times [Msun/yr].
    ages : ndarray (nage,)
        Ascending ages of the SSPs [yr].
    num_threads : int
        Threads to use; the result does not depend on it.

    Returns
    -------
    ndarray (n, nage)
        Integral [Msun] of the piecewise linear history over each bin of `ssp_bin_edges`, within `t`.
    """
    return _bin_integrals(t, sfr, ssp_bin_edges(ages), num_threads)


def mean_sfr(t: Floats, sfr: Floats, window: float, num_threads: int = 1) -> Floats:
    """Mean star formation rate [Msun/yr] of each row over the last `window` years.

    The integral over the history is divided by `window` also where the galaxy is younger; a window of 0 gives
    the instantaneous rate at lookback time 0.
    """
    if window == 0:
        return sfr[:, 0].copy()
    return _bin_integrals(t, sfr, np.array([0.0, window]), num_threads)[:, 0] / window


def sfh_quantities(t: Floats, sfr: Floats, quantities: Sequence[SfhQuantity], num_threads: int = 1) -> Floats:
    """Shape quantities of star formation histories (Schreiber et al. 2018, A&A 618, A85).

    Parameters
    ----------
    t : ndarray (nt,)
        Ascending lookback times from 0 [yr].
    sfr : ndarray (n, nt)
        Star formation rates at these times [Msun/yr].
    quantities : sequence of SfhQuantity
        What to compute.
    num_threads : int
        Threads to use; the result does not depend on it.

    Returns
    -------
    ndarray (n, len(quantities))
        Times [yr] and rates [Msun/yr], not logarithms. NaN for ratios of a history without stars.

        * tsf: length of the interval that holds 68% of the stars, grown from the peak by one sample at a time
          towards the larger rate (the younger side where they are equal)
        * past_sfr: mean rate in this interval
        * sfrX: mean rate over the last X Myr; brateX: the same over past_sfr
        * tquenchX: lookback time at which the rate was last above past_sfr / X; 0 when it still is
        * tformX: lookback time at which X% of the stars had formed
    """
    formed = np.array([q.argument / 100.0 for q in quantities if q.kind == "tform"])
    factors = np.array([q.argument for q in quantities if q.kind == "tquench"])
    shapes = np.empty((sfr.shape[0], 2 + formed.size + factors.size))
    shape_quantities(t, sfr, MAIN_SHARE, formed, factors, shapes, num_threads)
    span, past_sfr = shapes[:, 0], shapes[:, 1]
    formation_times = iter(shapes.T[2 : 2 + formed.size])
    quenching_times = iter(shapes.T[2 + formed.size :])

    out = np.empty((sfr.shape[0], len(quantities)))
    for column, quantity in zip(out.T, quantities, strict=True):
        match quantity.kind:
            case "tsf":
                column[:] = span
            case "past_sfr":
                column[:] = past_sfr
            case "tform":
                column[:] = next(formation_times)
            case "tquench":
                column[:] = next(quenching_times)
            case "sfr":
                column[:] = mean_sfr(t, sfr, quantity.argument * YEARS_PER_MYR, num_threads)
            case "brate":
                recent = mean_sfr(t, sfr, quantity.argument * YEARS_PER_MYR, num_threads)
                with np.errstate(divide="ignore", invalid="ignore"):
                    column[:] = recent / past_sfr
    return out


def _bin_integrals(t: Floats, sfr: Floats, edges: Floats, num_threads: int) -> Floats:
    """Integral (n, nbin) of the piecewise linear rows of `sfr` between neighbouring `edges`, within `t`."""
    weights, begin, first = _bin_operator(t, edges)
    out = np.empty((sfr.shape[0], edges.size - 1))
    banded_product(sfr, weights, begin, first, out, num_threads)
    return out


def _bin_operator(t: Floats, edges: Floats) -> tuple[Floats, Ints, Ints]:
    """The integrals as a banded matrix: `weights[begin[b] : begin[b + 1]]` act on samples from `first[b]` on.

    The union of `t` and `edges` cuts the time into pieces; on each, the integral of the straight line is a
    combination of the two samples around it.
    """
    inside = np.clip(edges, t[0], t[-1])
    cuts = np.union1d(t, inside)
    cuts = cuts[(cuts >= inside[0]) & (cuts <= inside[-1])]
    left, right = cuts[:-1], cuts[1:]
    segment = np.searchsorted(t, left, side="right") - 1
    piece_bin = np.searchsorted(inside, left, side="right") - 1
    t0, t1 = t[segment], t[segment + 1]
    length, middle = right - left, 0.5 * (left + right)
    early, late = length * (t1 - middle) / (t1 - t0), length * (middle - t0) / (t1 - t0)

    n_bin = edges.size - 1
    piece_start = np.searchsorted(piece_bin, np.arange(n_bin), side="left")
    piece_end = np.searchsorted(piece_bin, np.arange(n_bin), side="right")
    filled = piece_end > piece_start
    first, last = np.zeros(n_bin, dtype=np.int64), np.full(n_bin, -1, dtype=np.int64)
    first[filled] = segment[piece_start[filled]]
    last[filled] = segment[piece_end[filled] - 1] + 1
    begin = np.concatenate([[0], np.cumsum(last - first + 1)]).astype(np.int64)

    weights = np.zeros(int(begin[-1]))
    index = begin[piece_bin] + segment - first[piece_bin]
    np.add.at(weights, index, early)
    np.add.at(weights, index + 1, late)
    return weights, begin, first
