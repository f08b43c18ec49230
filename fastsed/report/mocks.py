"""Figure of a mock test: true and recovered values of a quantity in, figure out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastsed.errors import InputError
from fastsed.figure_style import ACCENT, DATA, INK, WIDTH, drawing, label_of, scatter, short_label, span, tidy
from fastsed.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fastsed.arrays import Floats

ESTIMATES = ("best", "mean")
"""What is compared with the truth: the best fit, or the mean of the posterior."""


@dataclass(frozen=True)
class Recovery:
    """How well mocks recover a quantity.

    Attributes
    ----------
    n : int
        Mocks with a finite true and recovered value.
    bias : float
        Median of recovered minus true.
    low, high : float
        16th and 84th percentile of recovered minus true.
    """

    n: int
    bias: float
    low: float
    high: float

    @property
    def scatter(self) -> float:
        """Half of the range from `low` to `high`."""
        return (self.high - self.low) / 2


def recovery(true: Floats, recovered: Floats) -> Recovery:
    """Compare recovered with true values of any shape; pairs of which one is not finite do not count.

    Raises
    ------
    InputError
        If there is no pair.
    """
    both = np.isfinite(true) & np.isfinite(recovered)
    if not both.any():
        raise InputError("the mock test has no finite value to compare")
    low, median, high = np.percentile((recovered - true)[both], [16, 50, 84])
    return Recovery(int(both.sum()), float(median), float(low), float(high))


def mock_figure(results: Results, name: str, estimate: str | None = None, width: float = WIDTH) -> Figure:
    """Draw recovered against true values of a mock test, and their difference, with bias and scatter.

    Parameters
    ----------
    results : Results
        Of a fit with MOCK.
    name : str
        Of an axis or property of the catalogue.
    estimate : {"best", "mean"}, optional
        What is compared with the truth; by default the mean of the posterior where there is one, else the best fit.
    width : float
        [inch].

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    InputError
        If there was no mock test, it has no such quantity or estimate or no finite value of it, or matplotlib is not
        installed.
    """
    kind = _checked_estimate(results, name, estimate)
    true, recovered = results.mock[f"true_{name}"], results.mock[f"{kind}_{name}"]
    quality = recovery(true, recovered)
    unit = {quantity.name: quantity.table_unit for quantity in results.columns}.get(name, "")
    what = "best fit" if kind == "best" else "mean of the posterior"
    both = np.isfinite(true) & np.isfinite(recovered)
    true, recovered = true[both], recovered[both]
    with drawing(width, 1.1, hspace=0.0) as figure:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        limits = span(np.concatenate([true, recovered]))
        top.plot(limits, limits, color=INK, linewidth=0.8)
        bottom.axhline(0, color=INK, linewidth=0.8)
        bottom.axhspan(quality.low, quality.high, color=ACCENT, alpha=0.2, linewidth=0)
        bottom.axhline(quality.bias, color=ACCENT, linestyle="--")
        for axes, values in ((top, recovered), (bottom, recovered - true)):
            scatter(axes, true, values, DATA)
            tidy(axes)
        top.set(ylabel=what, xlim=limits, ylim=limits)
        reach = 1.05 * max(
            float(np.percentile(np.abs(recovered - true), 99.5)), abs(quality.low), abs(quality.high), 1e-3
        )
        bottom.set(xlabel=f"true {label_of(name, unit)}", ylabel="difference", ylim=(-reach, reach))
        text = (
            f"{short_label(name, unit)}, {quality.n} mocks: bias {quality.bias:+.3f}, "
            f"scatter {quality.scatter:.3f} (half of 16 to 84 %)"
        )
        top.set_title(text.replace("-", "\u2212"), loc="left", fontsize=7.5)
    return figure


def _checked_estimate(results: Results, name: str, estimate: str | None) -> str:
    """Which estimate is drawn; what is not there is an error."""
    if not results.mock:
        raise InputError("there is no mock test: fit with MOCK = 10, say")
    if f"true_{name}" not in results.mock:
        known = ", ".join(key.removeprefix("true_") for key in results.mock if key.startswith("true_"))
        raise InputError(f"the mock test has no quantity '{name}'; it has {known}")
    if estimate is None:
        return "mean" if f"mean_{name}" in results.mock else "best"
    if estimate not in ESTIMATES:
        raise InputError(f"estimate = '{estimate}': must be one of {', '.join(ESTIMATES)}")
    if f"{estimate}_{name}" not in results.mock:
        raise InputError("the mock test has no means: fit with POSTERIOR = 1")
    return estimate
