"""Figures of a fitted field: a colour-magnitude diagram, a map of A_V, recovered against true parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastsed.arrays import Floats
from fastsed.extras import need
from fastsed.figure_style import save_figure
from fastsed.models.cells import cell_edges
from fastsed.survey.parameter_labels import label_of

if TYPE_CHECKING:
    from fastsed.survey.recovery import Recovered

DPI = 150
N_BINS = 40


def plot_colour_magnitude(
    colour: Floats, magnitude: Floats, a_v: Floats, names: tuple[str, str], path: str | Path
) -> None:
    """Draw a colour-magnitude diagram, the stars coloured by their A_V.

    Parameters
    ----------
    colour, magnitude, a_v : float64 (n,)
    names : (str, str)
        What is on the axes. Stars without a number on one of them are not drawn.
    path : path-like
        PNG or PDF.
    """
    seen = np.isfinite(colour) & np.isfinite(magnitude)
    colour, magnitude, a_v = colour[seen], magnitude[seen], a_v[seen]
    figure, axes = _figure(1)
    points = axes[0].scatter(
        colour, magnitude, c=a_v, s=3, cmap="viridis", vmax=np.percentile(a_v, 98), linewidths=0
    )
    low, high = np.percentile(colour, [0.5, 99.5])
    margin = 0.1 * (high - low)
    axes[0].set(xlabel=f"{names[0]} [mag]", ylabel=f"{names[1]} [mag]", xlim=(low - margin, high + margin))
    axes[0].invert_yaxis()
    axes[0].locator_params(axis="x", nbins=6)
    figure.colorbar(points, label=label_of("Av"))
    save_figure(figure, path, DPI)


def plot_sky(ra: Floats, dec: Floats, values: Floats, label: str, path: str | Path) -> None:
    """Draw the medians of a quantity of the stars in hexagons on the sky."""
    figure, axes = _figure(1)
    east = (ra - ra.mean()) * np.cos(np.radians(dec.mean())) * 3600.0
    north = (dec - dec.mean()) * 3600.0
    hexagons = axes[0].hexbin(east, north, values, gridsize=16, reduce_C_function=np.median, cmap="viridis")
    axes[0].set(xlabel="east [arcsec]", ylabel="north [arcsec]", aspect="equal")
    axes[0].invert_xaxis()
    figure.colorbar(hexagons, label=label)
    save_figure(figure, path, DPI)


def plot_recovered(recovered: list[Recovered], path: str | Path) -> None:
    """Draw recovered against true parameters, a panel each."""
    colors = need("matplotlib.colors", "a figure")
    counted = [_counts(one) for one in recovered]
    shades = colors.LogNorm(1, max(float(counts.max()) for counts, _, _ in counted))
    figure, axes = _figure(len(recovered))
    for one, (counts, true_edges, edges), panel in zip(recovered, counted, axes, strict=True):
        mesh = panel.pcolormesh(
            true_edges, edges, np.where(counts > 0, counts, np.nan).T, norm=shades, cmap="viridis"
        )
        low, high = max(true_edges[0], edges[0]), min(true_edges[-1], edges[-1])
        panel.plot([low, high], [low, high], color="black", linewidth=0.8)
        label = r"log (initial mass / $M_\odot$)" if one.name == "M_ini" else label_of(one.name)
        panel.set(xlabel=f"true {label}", ylabel=f"recovered {label}")
    figure.colorbar(mesh, label="stars")
    save_figure(figure, path, DPI)


def _counts(one: Recovered) -> tuple[Floats, Floats, Floats]:
    """Stars in cells of a true and its recovered parameter, and the edges of both."""
    truth, middle = (np.log10(v) if one.name == "M_ini" else v for v in (one.truth, one.middle))
    low, high = np.percentile(np.concatenate([truth, middle]), [0.5, 99.5])
    edges = np.linspace(low, high, N_BINS + 1)
    drawn = np.unique(truth)
    true_edges = edges
    if 2 < len(drawn) <= N_BINS:
        # truths on the points of a grid: a column for each
        true_edges = cell_edges(drawn)
    return np.histogram2d(truth, middle, (true_edges, edges))[0], true_edges, edges


def _figure(n: int) -> tuple[Any, list[Any]]:
    figure_module = need("matplotlib.figure", "a figure")
    figure = figure_module.Figure(figsize=(4.2 * n, 3.6), layout="constrained")
    axes = figure.subplots(1, n)
    return figure, list(np.atleast_1d(axes))
