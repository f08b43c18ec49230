"""A star formation history and the part of their mass that SSPs keep in; the surviving stellar mass along time out."""

from __future__ import annotations

import numpy as np

from fastsed.arrays import Floats
from fastsed.models.sfh import ssp_bin_edges


def surviving_mass_history(
    t: Floats, sfr: Floats, lookback: Floats, ages: Floats, surviving: Floats
) -> Floats:
    """Mass that survives at some times in stars and remnants, of all that had formed by then.

    At each time, the history up to then is divided among the SSPs as in `fastsed.models.sfh.ssp_weights`.

    Parameters
    ----------
    t : ndarray (nt,)
        Ascending lookback times [yr].
    sfr : ndarray (n, nt)
        Star formation rates at these times [Msun/yr], linear in between.
    lookback : ndarray (m,)
        Lookback times [yr] of the masses.
    ages : ndarray (nage,)
        Ascending ages of the SSPs [yr].
    surviving : ndarray (nage,)
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
        row[:] = np.diff(formed[left] + since * (rates[left] + 0.5 * slope[left] * since)) @ surviving
    return masses
