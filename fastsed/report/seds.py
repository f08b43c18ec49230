"""Figures of spectral energy distributions: data and best model of a source in, a figure out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastsed.arrays import Floats, Mask
from fastsed.constants import AB_ZEROPOINT
from fastsed.figure_style import (
    ACCENT,
    BAND,
    DATA,
    INK,
    MODEL,
    WIDTH,
    drawing,
    short_label,
    tidy,
    value_text,
)
from fastsed.report.source import Number, SourceSed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FluxUnit = Literal["fnu", "flambda"]

LIMIT_SIGMA = 2.0
"""Data below 1 sigma have no symbol on a logarithmic axis: an upper limit of so many sigma stands for them."""
_LIGHT_SPEED = 2.99792458e18
"""[Angstrom/s]"""
# [erg/s/cm2/Hz] of a microjansky, and the unit of fluxes [erg/s/cm2/Angstrom]
_MICROJANSKY, _FLUX_UNIT = 1e-29, 1e-19
_MICRON = 1e4
_FLUX_LABELS = {
    "fnu": r"$f_\nu$ [$\mu$Jy]",
    "flambda": r"$f_\lambda$ [10$^{-19}$ erg s$^{-1}$ cm$^{-2}$ $\AA^{-1}$]",
}
# below the data, for the curves, and above: fractions of their range
_FOOTROOM, _HEADROOM = 0.26, 0.18
# height of a line of text; heights of the panels over the width [inch]
_LINE = 0.16
_PANELS = (0.5, 0.15)


def plot_sed(source: SourceSed, width: float = WIDTH, flux: FluxUnit = "fnu") -> Figure:
    """Draw the data with their errors, the best model, residuals in sigma, the bands' curves and the main numbers.

    Parameters
    ----------
    source : SourceSed
    width : float
        [inch].
    flux : {"fnu", "flambda"}
        What the upper axis shows.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    strip = _LINE * (1 + _rows_of_text(source)) + 0.08
    # what the labels of the axes take
    panels = [size * width for size in _PANELS]
    with drawing(width, (strip + sum(panels) + 0.95) / width, hspace=0.0) as figure:
        text, top, bottom = figure.subplots(3, 1, height_ratios=[strip, *panels])
        bottom.sharex(top)
        top.set_xscale("log")
        top.set_yscale("log")
        _set_limits(top, source, flux)
        _draw_model(top, source, flux)
        _draw_data(top, source, _factor(source.band_wavelength, flux))
        _draw_curves(top, source)
        _label_top(top, source, flux)
        _draw_residuals(bottom, source)
        _write_text(text, source, 7 if width >= 4.5 else 6.2)
    return figure


def _factor(wavelength: Floats, flux: FluxUnit) -> Floats:
    """From 1e-19 erg/s/cm2/Angstrom to what is shown."""
    if flux == "flambda":
        return np.ones_like(wavelength)
    return _FLUX_UNIT * wavelength**2 / _LIGHT_SPEED / _MICROJANSKY


def _set_limits(axes: Any, source: SourceSed, flux: FluxUnit) -> None:
    """Wavelengths of the bands; fluxes of data and model in the bands."""
    factor = _factor(source.band_wavelength, flux)
    ends = [curve[0][[0, -1]] for curve in source.curves] or [source.band_wavelength[[0, -1]]]
    low, high = np.min(ends) / _MICRON / 1.05, np.max(ends) / _MICRON * 1.05
    axes.set_xlim(low, high)
    seen = np.isfinite(source.data_error)
    limits = (source.limit * factor)[np.isfinite(source.limit)]
    heights = np.concatenate([source.model_flux * factor, (_heights(source) * factor)[seen], limits])
    heights = np.log10(heights[heights > 0])
    if len(heights):
        extent = max(float(np.ptp(heights)), 0.5)
        axes.set_ylim(10 ** (heights.min() - _FOOTROOM * extent), 10 ** (heights.max() + _HEADROOM * extent))


def _detected(source: SourceSed) -> Mask:
    """Which data are shown as points: those of 1 sigma and more."""
    return np.isfinite(source.data_error) & (source.data_flux >= source.data_error) & (source.data_flux > 0)


def _limits(source: SourceSed) -> Mask:
    """Which data are shown as upper limits."""
    return np.isfinite(source.data_error) & ~_detected(source)


def _heights(source: SourceSed) -> Floats:
    """Where the symbols of the data are."""
    upper = np.maximum(source.data_flux, 0) + LIMIT_SIGMA * source.data_error
    return np.where(_detected(source), source.data_flux, upper)


def _draw_model(axes: Any, source: SourceSed, flux: FluxUnit) -> None:
    """The spectrum at full resolution, and its fluxes in the bands."""
    shown = (source.flux > 0) & (source.wavelength > 0)
    lam = source.wavelength[shown]
    axes.plot(
        lam / _MICRON,
        source.flux[shown] * _factor(lam, flux),
        color=MODEL,
        linewidth=0.6,
        zorder=1,
        label="best model",
        gid="model",
    )
    bands = source.is_band
    factor = _factor(source.band_wavelength, flux)
    axes.plot(
        source.band_wavelength[bands] / _MICRON,
        (source.model_flux * factor)[bands],
        linestyle="none",
        marker="s",
        markersize=6.5,
        markerfacecolor="none",
        markeredgecolor=ACCENT,
        markeredgewidth=1.1,
        zorder=3,
        label="model in the bands",
        gid="model in bands",
    )


def _draw_data(axes: Any, source: SourceSed, factor: Floats) -> None:
    """Bands as points with errors, or as limits; channels of a spectrum as a line."""
    lam = source.band_wavelength / _MICRON
    points = _detected(source) & source.is_band
    axes.errorbar(
        lam[points],
        (source.data_flux * factor)[points],
        yerr=(source.data_error * factor)[points],
        fmt="o",
        color=DATA,
        markersize=3.8,
        elinewidth=1.0,
        capsize=1.8,
        zorder=4,
        label="data",
        gid="data",
    )
    faint = _limits(source) & source.is_band
    heights = _heights(source) * factor
    _draw_limits(axes, lam[faint], heights[faint], f"below 1σ: {LIMIT_SIGMA:g}σ limit", "limits")
    given = source.limit > 0
    _draw_limits(axes, lam[given], (source.limit * factor)[given], "upper limit", "given limits")
    channels = ~source.is_band & np.isfinite(source.data_error) & (source.data_flux > 0)
    if channels.any():
        axes.plot(
            lam[channels],
            (source.data_flux * factor)[channels],
            color=DATA,
            linewidth=0.5,
            drawstyle="steps-mid",
            zorder=0.9,
            label="spectrum",
            gid="spectrum",
        )


def _draw_limits(axes: Any, wavelength: Floats, height: Floats, label: str, gid: str) -> None:
    """A bar says where each limit is, the arrow below that it is one."""
    if len(height):
        axes.errorbar(
            wavelength,
            height,
            yerr=0.35 * height,
            uplims=True,
            fmt="_",
            color=ACCENT if gid == "given limits" else DATA,
            markersize=6,
            elinewidth=1.0,
            capsize=1.8,
            zorder=4,
            label=label,
            gid=gid,
        )


def _draw_curves(axes: Any, source: SourceSed) -> None:
    """Curves of the bands along the foot."""
    foot = axes.get_xaxis_transform()
    for lam, response in source.curves:
        axes.fill_between(
            lam / _MICRON,
            0,
            0.11 * response,
            transform=foot,
            facecolor=BAND,
            alpha=0.35,
            edgecolor=INK,
            linewidth=0.35,
            zorder=0.5,
        )


def _label_top(axes: Any, source: SourceSed, flux: FluxUnit) -> None:
    """Scales and legend."""
    axes.set_ylabel(_FLUX_LABELS[flux])
    axes.tick_params(which="both", direction="in", labelbottom=False)
    axes.legend(loc="best", handlelength=1.4, borderaxespad=0.6)
    rest = axes.secondary_xaxis(
        "top",
        functions=(lambda lam: lam / (1 + source.redshift), lambda lam: lam * (1 + source.redshift)),
    )
    rest.set_xlabel(r"wavelength in the rest frame [$\mu$m]")
    _plain_ticks(rest.xaxis)
    if flux == "fnu":
        # with limits of its own: a function of a logarithmic axis has no ticks where fluxes are extreme
        low, high = axes.get_ylim()
        magnitudes = axes.twinx()
        magnitudes.set_ylim(AB_ZEROPOINT - 2.5 * np.log10(low), AB_ZEROPOINT - 2.5 * np.log10(high))
        magnitudes.set_ylabel("AB magnitude [mag]")
        magnitudes.minorticks_on()


def _rows_of_text(source: SourceSed) -> int:
    """Of the main numbers, in two columns."""
    return -(-len(source.numbers) // 2)


def _write_text(axes: Any, source: SourceSed, size: float) -> None:
    """Id and chi2 in a line, the main numbers in two columns below, on a panel of their own: they hide nothing."""
    axes.set_axis_off()
    n_rows = _rows_of_text(source)
    axes.text(0, 1 - 0.5 / (n_rows + 1), _heading(source), va="center", fontsize=size, fontweight="bold")
    for k, number in enumerate(source.numbers):
        column, row = divmod(k, n_rows)
        height = 1 - (row + 1.5) / (n_rows + 1)
        axes.text(column / 2, height, _number_text(number), va="center", fontsize=size)


def _plain_ticks(axis: Any) -> None:
    """Wavelengths as 0.2, 0.5, 1, 2, not as powers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(LogLocator(subs="all"))
    axis.set_minor_formatter(NullFormatter())


def _heading(source: SourceSed) -> str:
    """Id, chi2, and which intervals are given."""
    parts = [f"source {source.identity}".replace("$", r"\$"), f"reduced χ² = {source.chi2:.3g}"]
    if np.isfinite(source.confidence) and any(len(number.bounds) for number in source.numbers):
        parts.append(f"{source.confidence:g} % intervals")
    return "   ".join(parts)


def _number_text(number: Number) -> str:
    """A quantity, its value and its first interval: log M = 10.52 +0.10 -0.08."""
    low, high = number.bounds[0] if len(number.bounds) else (np.nan, np.nan)
    name, unit = number.quantity.name, " mag" if number.quantity.name in ("Av", "Av_bc") else ""
    digits = 4 if name in ("z", "metal") else 2
    return f"{short_label(name)} = {value_text(number.value, low, high, digits)}{unit}"


def _draw_residuals(axes: Any, source: SourceSed) -> None:
    """(data - model) / sigma below; values beyond the axis are marked at its edge."""
    residuals, lam = source.residuals, source.band_wavelength / _MICRON
    finite = residuals[np.isfinite(residuals)]
    reach = float(np.clip(1.25 * np.max(np.abs(finite), initial=2.4), 3, 8))
    axes.axhspan(-1, 1, color="0.9", zorder=0)
    axes.axhline(0, color=MODEL, linewidth=0.7)
    bands = source.is_band & np.isfinite(residuals)
    if (~source.is_band).any():
        axes.plot(
            lam[~source.is_band],
            np.clip(residuals[~source.is_band], -reach, reach),
            color=DATA,
            linewidth=0.4,
            drawstyle="steps-mid",
        )
    inside = bands & (np.abs(residuals) <= reach)
    axes.plot(lam[inside], residuals[inside], "o", color=DATA, markersize=3.8, gid="residuals")
    for marker, beyond, height in (("^", residuals > reach, 0.93), ("v", residuals < -reach, -0.93)):
        chosen = beyond & bands
        edge = np.full(chosen.sum(), height * reach)
        axes.plot(lam[chosen], edge, marker, color=ACCENT, markersize=4.5)
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("residual [σ]")
    axes.set_xlabel(r"observed wavelength [$\mu$m]")
    tidy(axes)
    _plain_ticks(axes.xaxis)
