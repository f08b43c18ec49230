"""A picture of filter curves: filters in, an image file out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastsed.atomic import atomic_path
from fastsed.errors import InputError
from fastsed.filters import Filter
from fastsed.tables.formats import require

IMAGES = {".png": {}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
"""Suffixes of pictures, and what keeps the date out of them."""

_MICRON = 1e4
# beyond this ratio of wavelengths the axis is logarithmic
_WIDE = 4.0
_MOST_LABELS = 20
# what is less than this of the peak does not widen the axis
_FAINT = 1e-3


def check_image(path: str | os.PathLike[str]) -> None:
    """Check that a picture can be drawn, and in the format that its suffix says.

    Raises
    ------
    InputError
        For another suffix, and where matplotlib is not installed.
    """
    if Path(path).suffix.lower() not in IMAGES:
        raise InputError(f"a picture must end in one of {', '.join(IMAGES)}", path)
    require("matplotlib", "pictures", extra="plot")


def draw_filters(filters: Sequence[Filter], path: str | os.PathLike[str]) -> None:
    """Draw curves, each relative to its peak, against wavelength in micron.

    Parameters
    ----------
    filters : sequence of Filter
    path : path-like
        Ends in .png, .pdf or .svg.

    Raises
    ------
    InputError
        As `check_image`, and where the file cannot be written.
    """
    check_image(path)
    from matplotlib import colormaps, rc_context
    from matplotlib.figure import Figure

    ordered = sorted(filters, key=lambda one: one.mean_wavelength)
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    colours = colormaps["turbo"](np.linspace(0.08, 0.92, len(ordered)))
    for one, colour in zip(ordered, colours, strict=True):
        lam, height = one.wavelength / _MICRON, one.transmission / one.transmission.max()
        axes.plot(lam, height, color=colour, label=one.name)
        axes.fill_between(lam, height, color=colour, alpha=0.15, linewidth=0)
    _set_limits(axes, ordered)
    axes.set(xlabel="wavelength [micron]", ylabel="transmission / peak", ylim=(0, 1.05))
    if len(ordered) <= _MOST_LABELS:
        figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    suffix = Path(path).suffix.lower()
    # a fixed salt: the same filters give the same file
    with rc_context({"svg.hashsalt": "fastsed"}), atomic_path(path) as temporary:
        figure.savefig(temporary, format=suffix[1:], dpi=150, metadata=IMAGES[suffix])


def _set_limits(axes: Any, filters: Sequence[Filter]) -> None:
    """From the first to the last wavelength with some transmission."""
    seen = [one.wavelength[one.transmission > _FAINT * one.transmission.max()] for one in filters]
    low, high = min(lam[0] for lam in seen) / _MICRON, max(lam[-1] for lam in seen) / _MICRON
    if high > _WIDE * low:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("{x:g}")
        axes.set_xlim(low / 1.1, high * 1.1)
    else:
        margin = 0.05 * (high - low)
        axes.set_xlim(low - margin, high + margin)
