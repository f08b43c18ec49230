"""How all figures look, and how they are written: an empty figure, colours, labels of quantities; PNG or PDF out."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsed.atomic import atomic_path
from fastsed.errors import InputError
from fastsed.extras import need

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe & Ito (2008, Color Universal Design): told apart with any colour vision; their luminances differ too
INK, MODEL, DATA, ACCENT, BAND = "#22262e", "#6e7681", "#0072b2", "#d55e00", "#56b4e9"
GRID = "#e6e8ec"
COLOURS = "viridis"
"""Perceptually uniform: its order is the same in grey."""
WIDTH = 5.0
"""Default width of a figure [inch]; a column of a journal is 3.5."""
DPI = 200

_STYLE = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "axes.linewidth": 0.7,
    "lines.linewidth": 1.0,
    "legend.frameon": False,
    "mathtext.default": "regular",
    "pdf.fonttype": 42,
    "savefig.dpi": DPI,
}
_LABELS = {
    "z": "redshift",
    "Av": "$A_V$ [mag]",
    "Av_bc": "$A_V$ of birth clouds [mag]",
    "lage": "log (age / yr)",
    "metal": "metallicity $Z$ [mass fraction]",
    "ltau": r"log ($\tau$ / yr)",
    "lscale": "log (scale factor)",
    "sscale": "scale of the spectrum",
    "lmass": r"log ($M_\bigstar$ / $M_\odot$)",
    "lsfr": r"log (SFR / $M_\odot$ yr$^{-1}$)",
    "lssfr": r"log (sSFR / yr$^{-1}$)",
    "lldust": r"log ($L_{dust}$ / $L_\odot$)",
    "lldust_bc": r"log ($L_{dust}$ of birth clouds / $L_\odot$)",
    "llion": r"log ($L_{ion}$ / $L_\odot$)",
    "lmform": r"log ($M_{formed}$ / $M_\odot$)",
    "la2t": r"log (age / $\tau$)",
    "chi2": r"reduced $\chi^2$",
}
_UNITS = {
    "dex(yr)": "log yr",
    "dex(solMass)": r"log $M_\odot$",
    "dex(solLum)": r"log $L_\odot$",
    "dex(solMass / yr)": r"log $M_\odot$ yr$^{-1}$",
    "dex(1 / yr)": r"log yr$^{-1}$",
    "mag(AB)": "AB mag",
    "Angstrom": r"$\AA$",
}


@contextmanager
def drawing(
    width: float = WIDTH, aspect: float = 0.75, hspace: float = 0.02, wspace: float = 0.02
) -> Iterator[Figure]:
    """A figure without a display; what is drawn inside the block has the style of all figures.

    Parameters
    ----------
    width : float
        [inch].
    aspect : float
        Height over width.
    hspace, wspace : float
        Between panels, as fractions of their size.

    Raises
    ------
    InputError
        If matplotlib is not installed, or the width is not above 0.
    """
    matplotlib = need("matplotlib", "a figure")
    if not 0 < width < 100:
        raise InputError(f"width = {width:g}: a width in inches is needed, above 0 and below 100")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, hspace=hspace, wspace=wspace)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, aspect * width), layout=layout)
        FigureCanvasAgg(figure)
        yield figure


def label_of(name: str, unit: str = "") -> str:
    """Label of an axis: the quantity, with its unit.

    Parameters
    ----------
    name : str
        Of the quantity, as in the output catalogue.
    unit : str
        As astropy writes it, for quantities that have no label here.
    """
    if name in _LABELS:
        return _LABELS[name]
    if re.fullmatch(r"M\d+", name):
        return f"{name} [AB mag]"
    text = name.replace("_", " ")
    return f"{text} [{_UNITS.get(unit, unit)}]" if unit else text


def short_label(name: str, unit: str = "") -> str:
    """Label of an axis, without its unit, for lines of text."""
    return re.sub(r"(?<=.) \[[^]]*\]$", "", label_of(name, unit))


def value_text(value: float, low: float = np.nan, high: float = np.nan, digits: int = 2) -> str:
    """A value with its interval, as mathtext: 10.52 +0.10 -0.08."""
    if not np.isfinite(value):
        return "none"
    shown = f"{value:.{digits}f}".replace("-", "\u2212")
    if not (np.isfinite(low) and np.isfinite(high)):
        return shown
    # a best fit may lie outside of its own interval: the bounds are given then, which have no signs to be wrong
    if low <= value <= high:
        return f"${value:.{digits}f}^{{+{high - value:.{digits}f}}}_{{-{value - low:.{digits}f}}}$"
    return f"{shown} [{low:.{digits}f}, {high:.{digits}f}]".replace("-", "\u2212")


def tidy(axes: Any) -> None:
    """A light grid below the data, ticks on all sides."""
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", top=True, right=True)


def scatter(axes: Any, x: NDArray[Any], y: NDArray[Any], colour: NDArray[Any] | str, **how: Any) -> Any:
    """One dot a source, smaller where there are many."""
    size = float(np.clip(4000 / max(len(x), 1), 1.5, 14))
    style = {
        "s": size,
        "linewidths": 0.2 if size > 6 else 0,
        "edgecolors": "white",
        "rasterized": len(x) > 2000,
    }
    return axes.scatter(x, y, c=colour, **style, **how)


def span(values: NDArray[Any], margin: float = 0.05, least: float = 1e-3) -> tuple[float, float]:
    """Limits of an axis around the finite values."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    extra = max(margin * (high - low), least * max(1.0, abs(high)))
    return low - extra, high + extra


def save_figure(figure: Any, path: str | os.PathLike[str], dpi: float = DPI) -> Path:
    """Write a figure; the suffix says in which format.

    Parameters
    ----------
    figure : matplotlib Figure
    path : path-like
        `.png`, `.pdf`, `.svg`, ...
    dpi : float
        Of pixels.

    Raises
    ------
    InputError
        For an unknown suffix, or if the file cannot be written.
    """
    kind = check_kind(path)
    matplotlib = need("matplotlib", "a figure")
    with atomic_path(path) as temporary, matplotlib.rc_context(_STYLE):
        figure.savefig(temporary, format=kind, dpi=dpi, metadata=_WITHOUT_DATE.get(kind))
    return Path(path)


_KINDS = ("png", "pdf", "svg", "eps", "jpg")
# the same results give the same file
_WITHOUT_DATE: dict[str, dict[str, None]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}


def png_of(figure: Any, dpi: float = 150) -> bytes:
    """A figure as PNG, the same wherever the same matplotlib draws it."""
    matplotlib = need("matplotlib", "a figure")
    buffer = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def check_kind(path: str | os.PathLike[str]) -> str:
    """The format that a suffix says.

    Raises
    ------
    InputError
        If it says none that matplotlib writes.
    """
    kind = Path(path).suffix.lstrip(".").lower()
    if kind not in _KINDS:
        raise InputError(f"figures are written as .{', .'.join(_KINDS)}; which one, the suffix says", path)
    return kind


def save_pages(figures: Sequence[Any], path: str | os.PathLike[str]) -> Path:
    """Write figures as the pages of one PDF.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    matplotlib = need("matplotlib", "a figure")
    from matplotlib.backends.backend_pdf import PdfPages

    with (
        atomic_path(path) as temporary,
        matplotlib.rc_context(_STYLE),
        PdfPages(temporary, metadata={"CreationDate": None}) as pages,
    ):
        for figure in figures:
            pages.savefig(figure)
    return Path(path)
