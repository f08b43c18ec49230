"""Star formation histories: rates or masses along cosmic time in; `.sfh` text files out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats
from fastsed.columns import confidence_labels
from fastsed.models.sfh import years
from fastsed.outputs.columnfile import write_columns
from fastsed.sizes import MAX_TABLE_POINTS, counted_points

_FIRST_TIME = 1e6

# what SFH_OUTPUT asks for: title of the best fit, and name in the titles of median and bounds
_TITLES = {"sfr": ("SFR(t) (Msol/yr)", "SFR"), "mass": ("Mstar(t) (Msol)", "Mstar")}


def sfh_times(age_of_universe: float, step: float) -> Floats:
    """Times at which histories are written: every `step` from 1 Myr; the last is the moment of observation.

    As along the axes of the grid, the number of steps is rounded and the last one stretched.

    Parameters
    ----------
    age_of_universe : float
        At the redshift of the source, yr.
    step : float
        SFH_OUTPUT_STEP, Myr.

    Returns
    -------
    float64 array (n,)
        Time since the Big Bang, yr.
    """
    spacing = years(step)
    count = counted_points("SFH_OUTPUT_STEP", age_of_universe - _FIRST_TIME, spacing, MAX_TABLE_POINTS)
    return np.append(_FIRST_TIME + spacing * np.arange(max(count - 1, 1)), age_of_universe)


def write_sfh(
    path: str | os.PathLike[str],
    t: ArrayLike,
    best: ArrayLike,
    *,
    quantity: Literal["sfr", "mass"] = "sfr",
    median: ArrayLike | None = None,
    intervals: ArrayLike | None = None,
    confidences: Sequence[float] = (),
) -> None:
    """Write the history of the best fit, and what simulations or chi2 say about its uncertainty.

    Parameters
    ----------
    path : path-like
    t : array (n,)
        Time since the Big Bang, yr.
    best : array (n,)
        Star formation rate, Msol/yr, or stellar mass, Msol.
    quantity : {"sfr", "mass"}
        SFH_OUTPUT.
    median : array (n,), optional
        Of the simulations, at each time.
    intervals : array (n, nconfidence, 2), optional
        Bounds at each time.
    confidences : sequence of float
        Of the intervals, in percent.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    title, short = _TITLES[quantity]
    titles, columns = ["t", title], [t, best]
    if median is not None:
        titles.append(f"med_{short}")
        columns.append(median)
    if intervals is not None:
        titles += [f"{side}{label}_{short}" for label in confidence_labels(confidences) for side in "lu"]
        columns += list(np.reshape(intervals, (len(np.atleast_1d(t)), -1)).T)
    write_columns(path, " ".join(titles), columns)
