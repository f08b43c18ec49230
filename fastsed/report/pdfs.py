"""Figures of probability distributions of a source: samples in; histograms or a corner figure out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.figure_style import ACCENT, BAND, DATA, INK, WIDTH, drawing, label_of, tidy
from fastsed.models.cells import cell_edges
from fastsed.report.source import Marginal, Marginals, Samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_BINS = 30
_PERCENTILES = (16, 50, 84)
_COLUMNS = 3


def plot_pdf(marginals: Marginals, width: float = WIDTH) -> Figure:
    """Draw the distribution of each quantity, with its 16th, 50th and 84th percentile and the best fit.

    Parameters
    ----------
    marginals : Marginals
    width : float
        [inch].

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    InputError
        If matplotlib is not installed, or there is nothing to draw.
    """
    names = list(marginals.quantities)
    if not names or not marginals.distributions:
        raise InputError(f"the source '{marginals.identity}' has no distributions: nothing varies")
    n_columns = min(len(names), _COLUMNS if width >= 4 else 2)
    n_rows = -(-len(names) // n_columns)
    with drawing(width, 0.06 + 0.85 * n_rows / max(n_columns, 2)) as figure:
        panels = figure.subplots(n_rows, n_columns, squeeze=False)
        for axes, name in zip(panels.flat, names, strict=False):
            _histogram(axes, marginals.distributions.get(name), name)
            axes.set_xlabel(label_of(name, marginals.quantities[name].table_unit))
        for axes in panels.flat[len(names) :]:
            axes.set_visible(False)
        for axes in panels[:, 0]:
            axes.set_ylabel("probability per bin")
        figure.suptitle(_title(marginals), fontsize=8)
    return figure


def plot_corner(samples: Samples, width: float = WIDTH) -> Figure:
    """Draw the distributions of all quantities and of all their pairs.

    The area of a dot says how many samples have its pair of values.

    Parameters
    ----------
    samples : Samples
    width : float
        [inch].

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    InputError
        If matplotlib is not installed, or there are fewer than two quantities.
    """
    names = list(samples.values)
    _check(samples, names)
    if len(names) < 2:
        raise InputError("a corner figure needs at least two quantities that vary")
    n, marginals = len(names), marginals_of(samples)
    with drawing(width, 1.0, wspace=0.02, hspace=0.02) as figure:
        panels = figure.subplots(n, n, sharex="col", squeeze=False)
        for i, below in enumerate(names):
            for j, left in enumerate(names):
                axes = panels[i, j]
                if j > i:
                    axes.set_visible(False)
                elif i == j:
                    _histogram(axes, marginals.distributions.get(left), left)
                    axes.set_yticks([])
                else:
                    _dots(axes, samples, left, below)
                _corner_labels(axes, samples, i, j, names)
        figure.suptitle(_title(samples), fontsize=8)
    return figure


def _corner_labels(axes: Any, samples: Samples, i: int, j: int, names: Sequence[str]) -> None:
    """Labels on the outer panels only."""
    size = 7 if len(names) < 6 else 5.5
    axes.locator_params(nbins=3)
    axes.tick_params(labelsize=size - 0.5, labelbottom=i == len(names) - 1, labelleft=j == 0 < i)
    if i == len(names) - 1:
        axes.set_xlabel(label_of(names[j], samples.quantities[names[j]].table_unit), fontsize=size)
        axes.tick_params(axis="x", labelrotation=45)
    if j == 0 and i > 0:
        axes.set_ylabel(label_of(names[i], samples.quantities[names[i]].table_unit), fontsize=size)


def _check(samples: Samples, names: Sequence[str]) -> None:
    if not names or not len(samples.values[names[0]]):
        raise InputError(f"the source '{samples.identity}' has no distributions: nothing varies")


def _title(samples: Samples | Marginals) -> str:
    return f"source {samples.identity.replace('$', chr(92) + '$')}: {samples.origin}, best fit dashed"


def bin_edges(values: Floats, axis: Floats | None, most: int = _MOST_BINS) -> Floats:
    """Edges of bins: halfway between the values of an axis of the grid, else equal ones over the samples.

    Parameters
    ----------
    values : (n,)
        Finite samples.
    axis : (nvalue,) or None
        Values of the axis; several are taken together where there are more than `most` in the range of the samples.
    most : int
        Bins at most.
    """
    low, high = float(values.min()), float(values.max())
    if axis is not None and len(axis) > 1:
        edges = cell_edges(axis)
        first = max(int(np.searchsorted(edges, low, "right")) - 2, 0)
        last = min(int(np.searchsorted(edges, high, "left")) + 1, len(edges) - 1)
        kept = edges[first : last + 1]
        step = -(-(len(kept) - 1) // most)
        if step == 1:
            return np.asarray(kept)
    if high - low < 1e-9 * max(1.0, abs(high)):
        half = max(0.005 * abs(high), 0.005)
        return np.array([low - 3 * half, low - half, high + half, high + 3 * half])
    n_bins = int(np.clip(np.sqrt(len(values)), 8, most))
    return np.linspace(low, high, n_bins + 1)


def marginals_of(samples: Samples) -> Marginals:
    """The distribution of each quantity by itself."""
    distributions = {}
    for name, values in samples.values.items():
        finite = values[np.isfinite(values)]
        if len(finite):
            edges = bin_edges(finite, samples.axes.get(name))
            probability = np.histogram(finite, edges)[0] / len(finite)
            distributions[name] = Marginal(
                edges, probability, np.percentile(finite, _PERCENTILES), samples.best[name]
            )
    return Marginals(samples.identity, distributions, samples.quantities, samples.origin)


def _histogram(axes: Any, marginal: Marginal | None, name: str) -> None:
    axes.tick_params(which="both", top=True)
    if marginal is None:
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", fontsize=7)
        return
    axes.stairs(marginal.probability, marginal.edges, fill=True, facecolor=BAND, alpha=0.6, gid=name)
    axes.stairs(marginal.probability, marginal.edges, color=DATA, linewidth=0.9)
    for value, style in zip(marginal.percentiles, (":", "-", ":"), strict=True):
        axes.axvline(value, color=INK, linewidth=0.9, linestyle=style)
    if np.isfinite(marginal.best):
        axes.axvline(marginal.best, color=ACCENT, linewidth=1.2, linestyle="--")
    axes.set_ylim(bottom=0)
    axes.set_xlim(*_limits(marginal.best, marginal.edges))
    axes.locator_params(nbins=4)


def _limits(best: float, edges: Floats) -> tuple[float, float]:
    """The bins and the best fit."""
    low, high = float(edges[0]), float(edges[-1])
    if np.isfinite(best):
        low, high = min(low, best), max(high, best)
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def _dots(axes: Any, samples: Samples, across: str, up: str) -> None:
    pairs = np.stack([samples.values[across], samples.values[up]], axis=1)
    pairs, counts = np.unique(pairs[np.isfinite(pairs).all(axis=1)], axis=0, return_counts=True)
    if len(pairs):
        area = 60 * counts / max(counts.max(), 5)
        axes.scatter(*pairs.T, s=area, color=DATA, alpha=0.55, linewidths=0.3, edgecolors="white")
        for name, set_limits in ((across, axes.set_xlim), (up, axes.set_ylim)):
            finite = samples.values[name][np.isfinite(samples.values[name])]
            set_limits(*_limits(samples.best[name], bin_edges(finite, samples.axes.get(name))))
    axes.plot(samples.best[across], samples.best[up], "+", color=ACCENT, markersize=8, markeredgewidth=1.5)
    tidy(axes)
