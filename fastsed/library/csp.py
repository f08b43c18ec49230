"""Composite populations (exp, del, tru): ages of SSPs in; weights, rates and masses out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError

SFHS = ("exp", "del", "tru")


def csp_weights(ages_ssp: ArrayLike, sfh: str, tau_yr: float, ages_out: ArrayLike) -> Floats:
    """Weights W that turn SSP spectra into spectra of composite populations: ``W @ ssp.sed``.

    The integral of SFR(T - a) S(a) da over 0 <= a <= T (Bruzual & Charlot 2003, eq. 1) is exact for
    SSPs S(a) that are linear in age between library ages (and constant outside them): each pair of
    neighbouring ages contributes moments of a polynomial times an exponential. Every term is positive, so
    no digits cancel, whatever the ratio of bin width to tau.

    Parameters
    ----------
    ages_ssp : array_like, shape (nage,)
        Ages of the SSPs [yr], ascending.
    sfh : {"exp", "del", "tru"}
        SFR(t) = exp(-t/tau)/tau; t/tau^2 exp(-t/tau); or 1/tau until t = tau, then 0. Each forms
        1 Msun in infinite time.
    tau_yr : float
        Time scale tau [yr].
    ages_out : array_like, shape (nout,)
        Times T since the onset of star formation [yr].

    Returns
    -------
    ndarray, shape (nout, nage)
        Mass formed [Msun] per SSP.

    Raises
    ------
    InputError
        If `sfh` is unknown, tau is not positive, or the SSP ages do not ascend.
    """
    _check_sfh(sfh, tau_yr)
    ages = np.asarray(ages_ssp, dtype=np.float64)
    times = np.atleast_1d(np.asarray(ages_out, dtype=np.float64))
    if ages.ndim != 1 or ages.size < 1 or np.any(np.diff(ages) <= 0) or ages[0] < 0:
        raise InputError("ages of simple stellar populations must be positive and ascend")
    nodes, owner = _padded(ages, times)
    young, old = (
        _truncated_bins(nodes, tau_yr, times) if sfh == "tru" else _decaying_bins(nodes, sfh, tau_yr, times)
    )
    by_node = np.zeros((times.size, nodes.size))
    by_node[:, :-1] += young
    by_node[:, 1:] += old
    weights = np.zeros((times.size, ages.size))
    np.add.at(weights.T, owner, by_node.T)
    return weights


def csp_history(sfh: str, tau_yr: float, times: ArrayLike) -> tuple[Floats, Floats]:
    """Star formation rate and mass formed so far of an exp, del or tru history.

    Parameters
    ----------
    sfh : {"exp", "del", "tru"}
    tau_yr : float
        Time scale [yr].
    times : array_like, shape (n,)
        Times since the onset [yr].

    Returns
    -------
    sfr : ndarray, shape (n,)
        [Msun/yr], for 1 Msun formed in infinite time.
    formed : ndarray, shape (n,)
        [Msun].
    """
    _check_sfh(sfh, tau_yr)
    t = np.atleast_1d(np.asarray(times, dtype=np.float64))
    x, formed = t / tau_yr, csp_formed(sfh, tau_yr, 0.0, t)
    if sfh == "tru":
        return (x <= 1) / tau_yr, formed
    rate = np.exp(-x) / tau_yr
    return (rate if sfh == "exp" else x * rate), formed


def csp_formed(sfh: str, tau_yr: float, start: ArrayLike, stop: ArrayLike) -> Floats:
    """Mass that an exp, del or tru history forms between two times, to all digits however late or short.

    Parameters
    ----------
    sfh : {"exp", "del", "tru"}
    tau_yr : float
        Time scale [yr].
    start, stop : array_like, broadcast against each other
        Times since the onset [yr], 0 <= start <= stop.

    Returns
    -------
    ndarray
        [Msun], for 1 Msun formed in infinite time.
    """
    _check_sfh(sfh, tau_yr)
    first, last = np.asarray(start, dtype=np.float64), np.asarray(stop, dtype=np.float64)
    if sfh == "tru":
        return (np.minimum(last, tau_yr) - np.minimum(first, tau_yr)) / tau_yr
    # no difference of masses formed so far, in which the digits of a late rate would be lost
    since, span = first / tau_yr, (last - first) / tau_yr
    if sfh == "exp":
        return np.exp(-since) * -np.expm1(-span)
    m0, m1, _ = _moments(span)
    return np.exp(-since) * span * (since * m0 + span * m1)


def _check_sfh(sfh: str, tau_yr: float) -> None:
    if sfh not in SFHS:
        raise InputError(f"star formation history '{sfh}' cannot be built; known are {', '.join(SFHS)}")
    if not (np.isfinite(tau_yr) and tau_yr > 0):
        raise InputError(f"star formation time scale is {tau_yr:g} yr; it must be positive")


def _padded(ages: Floats, times: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Bin edges that cover 0 to the largest time, and the SSP that each edge stands for."""
    nodes, owner = ages, np.arange(ages.size)
    if ages[0] > 0:
        nodes, owner = np.append(0.0, nodes), np.append(0, owner)
    if times.max(initial=0.0) > ages[-1]:
        nodes, owner = np.append(nodes, times.max()), np.append(owner, ages.size - 1)
    return nodes, owner


def _decaying_bins(nodes: Floats, sfh: str, tau: float, times: Floats) -> tuple[Floats, Floats]:
    """Mass that each bin gives to its younger and its older edge, each (nout, nbin), for exp and del.

    With b the bin's upper end clipped to T, d its clipped width and a = b - y d, the SFR is
    exp(-(T-b)/tau) exp(-y d/tau) / tau [times (T - b + y d)/tau for del], 0 <= y <= 1.
    """
    low, high, width = nodes[:-1], nodes[1:], np.diff(nodes)
    time = times[:, None]
    top = np.clip(time, low, high)
    d = (top - low) / tau
    since = np.maximum(time - top, 0.0) / tau
    m0, m1, m2 = _moments(d)
    fraction, gap = (top - low) / width, (high - top) / width
    decay = d * np.exp(-since)
    if sfh == "exp":
        return decay * (gap * m0 + fraction * m1), decay * fraction * (m0 - m1)
    young = since * (gap * m0 + fraction * m1) + d * (gap * m1 + fraction * m2)
    old = fraction * (since * (m0 - m1) + d * (m1 - m2))
    return decay * young, decay * old


def _truncated_bins(nodes: Floats, tau: float, times: Floats) -> tuple[Floats, Floats]:
    """The same for a constant SFR 1/tau during the first tau years: ages T - tau to T are populated."""
    low, high, width = nodes[:-1], nodes[1:], np.diff(nodes)
    time = times[:, None]
    top = np.clip(time, low, high)
    bottom = np.clip(time - tau, low, high)
    mass, middle = (top - bottom) / tau, 0.5 * (top + bottom)
    return mass * (high - middle) / width, mass * (middle - low) / width


def _moments(q: Floats) -> tuple[Floats, Floats, Floats]:
    """Integrals of y^n exp(-q y) over 0 <= y <= 1 for n = 0, 1, 2 and any q >= 0."""
    large = np.maximum(q, 1.0)
    tail = np.exp(-large)
    m0 = -np.expm1(-large) / large
    m1 = (m0 - tail) / large
    m2 = (2 * m1 - tail) / large
    small = np.minimum(q, 1.0)
    return tuple(  # type: ignore[return-value]
        np.where(q < 1.0, _moment_series(small, n), recurred) for n, recurred in enumerate((m0, m1, m2))
    )


def _moment_series(q: Floats, n: int) -> Floats:
    """Taylor series of the n-th moment, to double precision for 0 <= q <= 1."""
    total = np.zeros_like(q)
    term = np.ones_like(q)
    for k in range(19):
        total += term / (n + k + 1)
        term = term * (-q) / (k + 1)
    return total
