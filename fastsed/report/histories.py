"""Figures of star formation histories: the history of a source in, a figure out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastsed.figure_style import ACCENT, BAND, DATA, WIDTH, drawing, tidy
from fastsed.report.source import SourceHistory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GYR = 1e9
# decades below the peak that are shown
_DECADES = 4.0


def plot_sfh(history: SourceHistory, width: float = WIDTH) -> Figure:
    """Draw the star formation history of the best model, with median and band of the simulations.

    Parameters
    ----------
    history : SourceHistory
    width : float
        [inch].

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    with drawing(width, 0.62) as figure:
        axes = figure.subplots()
        time, floor = history.time / _GYR, _floor(history)
        # the widest band first
        order = np.argsort(history.confidences)[::-1]
        for shade, k in zip(np.linspace(0.25, 0.55, len(order)), order, strict=True):
            low, high = np.maximum(history.bounds[:, k], floor / 10).T
            axes.fill_between(
                time,
                low,
                high,
                color=BAND,
                alpha=shade,
                linewidth=0,
                label=f"{history.confidences[k]:g} % of {history.origin}",
            )
        axes.plot(time, history.median, color=DATA, label="median of the simulations", gid="median")
        axes.plot(
            time, history.sfr, color=ACCENT, linestyle="--", linewidth=1.3, label="best model", gid="best"
        )
        axes.set_yscale("log")
        axes.set_xlim(0, time[-1])
        top = max(float(np.nanmax(history.sfr)), float(np.nanmax(history.bounds, initial=0.0)))
        axes.set_ylim(floor, 3 * top if top > 0 else 1.0)
        axes.set_xlabel("time since the Big Bang [Gyr]")
        axes.set_ylabel(r"star formation rate [$M_\odot$ yr$^{-1}$]")
        axes.set_title(
            f"source {history.identity.replace('$', chr(92) + '$')} at redshift {history.redshift:.4g}"
        )
        tidy(axes)
        axes.tick_params(which="both", top=False)
        lookback = axes.secondary_xaxis("top", functions=(lambda t: time[-1] - t, lambda t: time[-1] - t))
        lookback.set_xlabel("look-back time from the source [Gyr]")
        axes.legend(loc="best")
    return figure


def _floor(history: SourceHistory) -> float:
    """Smallest rate that is shown: rates that are nothing have no logarithm."""
    peak = float(np.nanmax(history.sfr, initial=0.0))
    return peak / 10**_DECADES if peak > 0 else 1e-4
