"""A star formation history and the mass that SSPs keep in; the living stellar mass along time out."""

from __future__ import annotations

import numpy as np

from fastsed.arrays import Floats
from fastsed.models.sfh import ssp_bin_edges


def living_history(t: Floats, sfr: Floats, lookback: Floats, ages: Floats, living: Floats) -> Floats:
    """Mass of the stars that live at some times, of all those that had formed by then.

    At each time, the history up to then is shared out among the SSPs as in `fastsed.models.sfh.ssp_weights`.

    Parameters
    ----------
    t : ndarray (nt,)
        Ascending lookback times [yr].
    sfr : ndarray (n, nt)
        Star formation rates at these times [Msun/yr], linear in between.
    lookback : ndarray (m,)
        Lookback times [yr] at which the mass is wanted.
    ages : ndarray (nage,)
        Ascending ages of the SSPs [yr].
    living : ndarray (nage,)
        Part of the mass formed that is left at these ages.

    Returns
    -------
    ndarray (n, m)
        [Msun]; zero before the history begins.
    """
    # the stars of each age bin formed between these lookback times
    cuts = np.clip(lookback[:, None] + ssp_bin_edges(ages), t[0], t[-1])
    left = np.clip(np.searchsorted(t, cuts, side="right") - 1, 0, len(t) - 2)
    since = cuts - t[left]
    masses = np.empty((len(sfr), len(lookback)))
    for row, rates in zip(masses, sfr, strict=True):
        formed = np.concatenate([[0.0], np.cumsum(0.5 * (rates[1:] + rates[:-1]) * np.diff(t))])
        slope = np.diff(rates) / np.diff(t)
        row[:] = np.diff(formed[left] + since * (rates[left] + 0.5 * slope[left] * since)) @ living
    return masses
