"""A fit in brief: results in, a short table for the terminal out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastsed.results import Results

# name in the results, whether its logarithm is shown, label, format
_ROWS: tuple[tuple[str, bool, str, str], ...] = (
    ("z", False, "redshift", ".3f"),
    ("lmass", True, "log10 stellar mass [Msun]", ".2f"),
    ("lsfr", True, "log10 star formation rate [Msun/yr]", ".2f"),
    ("lssfr", True, "log10 specific rate [1/yr]", ".2f"),
    ("Av", False, "attenuation Av [mag]", ".2f"),
    ("chi2", False, "reduced chi2", ".2f"),
)
_LABEL_WIDTH = max(len(label) for _, _, label, _ in _ROWS)


def summary(results: Results) -> str:
    """How many galaxies were fitted, and where the bulk of each quantity lies.

    Parameters
    ----------
    results : Results

    Returns
    -------
    str
        Median, 16th and 84th percentile of redshift, mass, star formation rate, their ratio, Av and reduced
        chi2 over the galaxies that were fitted.
    """
    fitted = results.fitted
    lines = [f"{np.count_nonzero(fitted)} of {len(fitted)} galaxies fitted"]
    if fitted.any():
        lines += ["", f"{'':{_LABEL_WIDTH}}  {'median':>8}    16 % to 84 %"]
        lines += [_row(results.values[name][fitted], is_log, *how) for name, is_log, *how in _ROWS]
    return "\n".join(lines)


def _row(values: ArrayLike, is_log: bool, label: str, form: str) -> str:
    shown = np.asarray(values, dtype=np.float64)
    if is_log:
        with np.errstate(divide="ignore", invalid="ignore"):
            shown = np.log10(shown)
    # a rate of zero has no finite logarithm but counts as small: order statistics, not interpolation
    shown = shown[~np.isnan(shown)]
    if not len(shown):
        return f"{label:{_LABEL_WIDTH}}  {'-':>8}"
    low, median, high = np.percentile(shown, [16, 50, 84], method="nearest")
    return f"{label:{_LABEL_WIDTH}}  {median:8{form}}  {low:7{form}} to {high:<6{form}}".rstrip()
