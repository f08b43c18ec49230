"""Figures of whole catalogues: columns of results in, figures out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.figure_style import (
    ACCENT,
    BAND,
    COLOURS,
    DATA,
    INK,
    MODEL,
    WIDTH,
    drawing,
    label_of,
    scatter,
    short_label,
    span,
    tidy,
)
from fastsed.report.catalogue import Catalogue

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUTLIER = 0.15
"""|dz|/(1+z) above which a photometric redshift counts as an outlier."""
OVERVIEW_WIDTH = 7.2
"""Default width of the overview [inch]: both columns of a page."""
# decades below the largest rate that are shown
_RATE_RANGE = 5.0


def plot_overview(catalogue: Catalogue, width: float) -> Figure:
    """Draw mass against redshift, rate against mass, chi2 and edges of the grid, as far as the columns are there.

    Parameters
    ----------
    catalogue : Catalogue
    width : float
        [inch]; below 5, the panels are one below the other.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    InputError
        If matplotlib is not installed, or none of it is there.
    """
    panels = [
        panel
        for panel in _PANELS.values()
        if all(name in catalogue.columns for name in panel.needed) and (panel.needed or catalogue.at_edge())
    ]
    if not panels:
        raise InputError(f"{catalogue.name}: has none of the columns z, lmass, lsfr, chi2: nothing to draw")
    n_columns = 1 if width < 5 or len(panels) == 1 else 2
    n_rows = -(-len(panels) // n_columns)
    with drawing(width, 0.74 * n_rows / n_columns) as figure:
        axes = figure.subplots(n_rows, n_columns, squeeze=False)
        for one, panel in zip(axes.flat, panels, strict=False):
            panel.draw(figure, one, catalogue)
        for one in axes.flat[len(panels) :]:
            one.set_visible(False)
        n_fitted = int(catalogue.fitted.sum())
        figure.suptitle(
            f"{catalogue.name}: {n_fitted} of {len(catalogue)} sources fitted".replace("$", r"\$")
        )
    return figure


def _coloured(figure: Any, axes: Any, catalogue: Catalogue, x: Floats, y: Floats, name: str) -> None:
    """Dots coloured by a column, if it is there."""
    if name not in catalogue.columns:
        scatter(axes, x, y, DATA)
        return
    colour = catalogue.get(name)
    finite = colour[np.isfinite(colour)]
    low, high = np.percentile(finite, [2, 98]) if len(finite) else (0.0, 1.0)
    if name in ("lssfr", "lsfr"):
        low = max(low, high - 4)
    dots = scatter(axes, x, y, colour, cmap=COLOURS, vmin=low, vmax=max(high, low + 1e-6))
    ends = (bool((finite < low).any()), bool((finite > high).any()))
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get(ends, "neither")
    bar = figure.colorbar(dots, ax=axes, pad=0.015, aspect=28, extend=extend)
    bar.set_label(label_of(name, catalogue.units.get(name, "")))


def _mass_redshift(figure: Any, axes: Any, catalogue: Catalogue) -> None:
    z, mass = catalogue.get("z"), catalogue.get("lmass")
    _coloured(figure, axes, catalogue, z, mass, "lssfr")
    axes.set(xlabel=label_of("z"), ylabel=label_of("lmass"), xlim=span(z), ylim=span(mass))
    tidy(axes)


def _sfr_mass(figure: Any, axes: Any, catalogue: Catalogue) -> None:
    mass, rate = catalogue.get("lmass"), catalogue.get("lsfr")
    top = float(np.nanmax(rate)) if np.isfinite(rate).any() else 0.0
    floor = max(top - _RATE_RANGE, float(np.nanmin(rate)) if np.isfinite(rate).any() else 0.0)
    with np.errstate(invalid="ignore"):
        below = rate < floor
    shown = np.where(below, np.nan, rate)
    _coloured(figure, axes, catalogue, mass, shown, "z")
    axes.set(xlabel=label_of("lmass"), ylabel=label_of("lsfr"), xlim=span(mass))
    axes.set_ylim(floor - 0.09 * (top - floor + 0.1), top + 0.05 * (top - floor + 0.1))
    if below.any():
        edge = np.full(int(below.sum()), floor - 0.05 * (top - floor))
        axes.plot(mass[below], edge, "v", color=MODEL, markersize=2.5, linestyle="none", rasterized=True)
        axes.set_title(
            f"▾ {below.sum()} sources below log SFR = {floor:.1f}".replace("-", "\u2212"), loc="left"
        )
    tidy(axes)


def _chi2(_figure: Any, axes: Any, catalogue: Catalogue) -> None:
    chi2 = catalogue.get("chi2")
    positive = chi2[np.isfinite(chi2) & (chi2 > 0)]
    axes.set(xlabel=label_of("chi2"), ylabel="number of sources")
    if not len(positive):
        axes.text(0.5, 0.5, "no chi2 above 0", transform=axes.transAxes, ha="center")
        return
    low, high = np.log10(positive.min()), np.log10(positive.max())
    edges = np.logspace(low, max(high, low + 0.1), int(np.clip(np.sqrt(len(positive)), 8, 40)) + 1)
    # rounding must not lose the extremes
    edges[0], edges[-1] = min(edges[0], positive.min()), max(edges[-1], positive.max())
    counts, _ = np.histogram(positive, edges)
    axes.stairs(counts, edges, fill=True, facecolor=BAND, alpha=0.6, gid="chi2")
    axes.stairs(counts, edges, color=DATA)
    median = float(np.median(positive))
    axes.axvline(1, color=INK, linestyle=":", label="1")
    axes.axvline(median, color=ACCENT, linestyle="--", label=f"median {median:.3g}")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.legend()
    tidy(axes)


def _edges(_figure: Any, axes: Any, catalogue: Catalogue) -> None:
    at_edge, n = catalogue.at_edge(), max(int(catalogue.fitted.sum()), 1)
    if not at_edge:
        raise InputError(f"{catalogue.name}: the axes of the grid are not known: no edges to draw")
    names = list(at_edge)[::-1]
    position = np.arange(len(names))
    for offset, side, colour, hatch, text in (
        (0.2, 0, DATA, "", "lower end"),
        (-0.2, 1, "#e69f00", "///", "upper end"),
    ):
        percent = [100 * at_edge[name][side].sum() / n for name in names]
        bars = axes.barh(
            position + offset,
            percent,
            0.36,
            color=colour,
            hatch=hatch,
            edgecolor=INK,
            linewidth=0.5,
            label=text,
        )
        axes.bar_label(bars, [f"{value:.3g}" for value in percent], padding=2, fontsize=6.5)
    axes.set_yticks(position, [short_label(name) for name in names])
    axes.set(xlabel="sources at the ends of the axes [%]", xlim=(0, 112))
    axes.legend(loc="best")
    tidy(axes)
    axes.grid(visible=False, axis="y")


@dataclass(frozen=True)
class RedshiftQuality:
    """How well photometric redshifts agree with known ones.

    Attributes
    ----------
    n : int
        Sources that have both.
    bias : float
        Median of dz = (z_phot - z_known) / (1 + z_known).
    nmad : float
        1.48 times the median of |dz - median(dz)| (Brammer et al. 2008, ApJ 686, 1503).
    outliers : float
        Fraction with |dz| > 0.15 (Ilbert et al. 2009, ApJ 690, 1236).
    """

    n: int
    bias: float
    nmad: float
    outliers: float


def redshift_quality(z_phot: Floats, z_known: Floats) -> RedshiftQuality:
    """Compare redshifts; pairs of which one is not finite do not count.

    Raises
    ------
    InputError
        If there is no pair.
    """
    both = np.isfinite(z_phot) & np.isfinite(z_known)
    if not both.any():
        raise InputError("no source has both a photometric and a known redshift")
    dz = (z_phot[both] - z_known[both]) / (1 + z_known[both])
    bias = float(np.median(dz))
    # 1.4826 makes it the standard deviation of a normal distribution
    nmad = 1.4826 * float(np.median(np.abs(dz - bias)))
    return RedshiftQuality(int(both.sum()), bias, nmad, float(np.mean(np.abs(dz) > OUTLIER)))


def plot_photoz(
    z_phot: Floats, z_known: Floats, width: float = WIDTH, label: str = "photometric redshift"
) -> Figure:
    """Draw photometric against known redshifts, and their difference, with bias, NMAD and fraction of outliers.

    Parameters
    ----------
    z_phot, z_known : (nsource,)
        NaN where there is none.
    width : float
        [inch].
    label : str
        Of the photometric redshifts.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    InputError
        If matplotlib is not installed, or there is nothing to compare.
    """
    quality = redshift_quality(z_phot, z_known)
    with np.errstate(invalid="ignore"):
        dz = (z_phot - z_known) / (1 + z_known)
        outlier = np.abs(dz) > OUTLIER
    with drawing(width, 1.15, hspace=0.0) as figure:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        limits = span(np.concatenate([z_phot, z_known])[np.tile(np.isfinite(dz), 2)])
        line = np.array(limits)
        top.plot(line, line, color=INK, linewidth=0.8)
        for sign in (-1, 1):
            top.plot(line, line + sign * OUTLIER * (1 + line), color=INK, linewidth=0.8, linestyle=":")
            bottom.axhline(sign * OUTLIER, color=INK, linewidth=0.8, linestyle=":")
        bottom.axhline(0, color=INK, linewidth=0.8)
        for axes, values in ((top, z_phot), (bottom, dz)):
            scatter(axes, z_known[~outlier], values[~outlier], DATA)
            scatter(axes, z_known[outlier], values[outlier], ACCENT, marker="D")
            tidy(axes)
        top.set(ylabel=label, ylim=limits, xlim=limits)
        bottom.set(xlabel="known redshift", ylabel=r"$\Delta z$ / (1 + z)")
        reach = max(1.3 * OUTLIER, 1.1 * float(np.nanmax(np.abs(dz))))
        bottom.set_ylim(-min(reach, 1.0), min(reach, 1.0))
        text = (
            f"{quality.n} sources: bias {quality.bias:+.4f}, NMAD {quality.nmad:.4f},\n"
            f"{100 * quality.outliers:.1f} % outliers (|Δz| / (1 + z) > {OUTLIER})"
        )
        top.set_title(text.replace("-", "\u2212"), loc="left", fontsize=7.5)
    return figure


class _Panel(NamedTuple):
    """A panel of the overview, also a figure alone: what draws it, the columns it needs, its height over width."""

    draw: Callable[[Any, Any, Catalogue], None]
    needed: tuple[str, ...]
    aspect: float


_PANELS = {
    "mass-redshift": _Panel(_mass_redshift, ("z", "lmass"), 0.72),
    "sfr-mass": _Panel(_sfr_mass, ("lmass", "lsfr"), 0.72),
    "chi2": _Panel(_chi2, ("chi2",), 0.65),
    "edges": _Panel(_edges, (), 0.55),
}
KINDS = ("overview", *_PANELS, "photoz")
"""Figures of catalogues."""


def catalogue_figure(
    catalogue: Catalogue, what: str, known_z: Floats | None = None, width: float | None = None
) -> Figure:
    """Draw one of the figures of `KINDS`.

    Parameters
    ----------
    catalogue : Catalogue
    what : str
    known_z : (nsource,), optional
        For "photoz": what the redshifts of the fit are compared with. Without it, photometric redshifts that were given
        to the fit are compared with the known ones beside them, or the fit's with a column z_spec of the table.
    width : float, optional
        [inch].

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    InputError
        For another figure, a missing column, or if matplotlib is not installed.
    """
    if width is None:
        width = OVERVIEW_WIDTH if what == "overview" else WIDTH
    if what == "overview":
        return plot_overview(catalogue, width)
    if what in _PANELS:
        with drawing(width, _PANELS[what].aspect) as figure:
            _PANELS[what].draw(figure, figure.subplots(), catalogue)
        return figure
    if what != "photoz":
        raise InputError(f"there is no figure '{what}' of catalogues; there are {', '.join(KINDS)}")
    of_fit = "redshift of the fit"
    if known_z is not None:
        known = np.asarray(known_z, dtype=float)
        return plot_photoz(catalogue.get("z"), known, width, of_fit)
    if catalogue.known_z is None:
        raise InputError(
            f"{catalogue.name}: no known redshifts to compare with: give them (known_z, --known-z)"
        )
    if catalogue.given_z is not None:
        return plot_photoz(catalogue.given_z, catalogue.known_z, width)
    return plot_photoz(catalogue.get("z"), catalogue.known_z, width, of_fit)
