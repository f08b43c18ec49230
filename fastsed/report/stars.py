"""Figures of fitted stars: the products of `fastsed-survey fit`, or of BEAST, in; figures out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastsed.arrays import Floats, Mask
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
    span,
    tidy,
)
from fastsed.survey.fits_rows import FitsRows
from fastsed.survey.parameter_labels import label_of
from fastsed.survey.pdf_files import read_pdfs
from fastsed.survey.results import STATS
from fastsed.survey.vega import read_vega
from fastsed.text import whole_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ST_ZEROPOINT = -21.10
"""ST magnitude of 1 erg/s/cm2/Angstrom (Koornneef et al. 1986, Highlights of Astronomy 7, 833)."""
PARAMETERS = ("Av", "Rv", "f_A", "logA", "M_ini", "Z", "distance", "logT", "logg", "logL")
# of the values of the stats file: of a map, and of colours
_STATISTIC = "p50"
# from so many stars on, maps are medians in pixels of about _STARS_A_PIXEL
_MANY_STARS, _STARS_A_PIXEL = 3000, 8
# bins of a smaller fraction of the largest probability are not shown
_NEGLIGIBLE = 1e-3


@dataclass(frozen=True)
class StarTable:
    """The stats file of a fit of stars.

    Attributes
    ----------
    path : Path
    columns : FitsRows
    filters : tuple of str
    fitted : (nstar,) bool
    """

    path: Path
    columns: FitsRows
    filters: tuple[str, ...]
    fitted: Mask

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> StarTable:
        """Find the columns of a stats file.

        Raises
        ------
        InputError
            If it cannot be read or is none.
        """
        rows = FitsRows.open(path)
        names = list(rows.dtype.names or ())
        first = next((i for i, name in enumerate(names) if name.endswith("_Best")), None)
        if first is None or "Pmax" not in names:
            raise InputError("is no stats file of a fit of stars: it has no columns X_Best and Pmax", path)
        others = ("Name", "RA", "DEC", "beast_idx", "row_id")
        filters = tuple(name for name in names[:first] if name not in others and rows.dtype[name].kind == "f")
        chi2 = rows.column("chi2min").astype(float)
        fitted = np.isfinite(chi2)
        if "fit_status" in names:
            fitted &= rows.column("fit_status") == 1
        return cls(Path(path), rows, filters, fitted)

    def __len__(self) -> int:
        return self.columns.n

    def number(self, name: str) -> Floats:
        """A column (nstar,), NaN for stars without a fit where it is a result.

        Raises
        ------
        InputError
            If there is no such column.
        """
        if name not in (self.columns.dtype.names or ()):
            raise InputError(f"has no column {name}", self.path)
        return np.asarray(self.columns.column(name), dtype=np.float64)

    def parameter(self, name: str) -> Floats:
        """Median of the posterior of a parameter, (nstar,); NaN for stars without a fit."""
        return np.where(self.fitted, self.number(f"{name}_{_STATISTIC}"), np.nan)

    def magnitude(self, band: str, vega: str | os.PathLike[str] | None = None) -> Floats:
        """Magnitude of the stars in a band, (nstar,): Vega's system with its fluxes, ST without."""
        if band not in self.filters:
            raise InputError(f"has no band {band}; there are {', '.join(self.filters)}", self.path)
        flux = self.number(band)
        with np.errstate(divide="ignore", invalid="ignore"):
            magnitude = -2.5 * np.log10(np.where(flux > 0, flux, np.nan))
        if vega is not None:
            return np.asarray(magnitude + 2.5 * np.log10(read_vega(vega, [band])[0]))
        return magnitude + ST_ZEROPOINT

    def row(self, identity: str) -> int:
        """Row of a star, by its name or its number from 0.

        Raises
        ------
        InputError
            If there is no such star.
        """
        names = [name.decode("utf-8", "replace").strip() for name in self.columns.column("Name").tolist()]
        if identity in names:
            return names.index(identity)
        row = whole_number(identity)
        if row is not None and row < len(self):
            return row
        raise InputError(
            f"there is no star '{identity}': a name, or a row from 0 to {len(self) - 1}", self.path
        )


def is_star_table(path: str | os.PathLike[str]) -> bool:
    """Whether the name of a file is that of a stats file."""
    return Path(path).name.endswith(STATS)


def _band_label(name: str) -> str:
    return name.split("_")[-1]


def plot_cmd(
    stars: StarTable,
    width: float = WIDTH,
    bands: tuple[str, str, str] | None = None,
    colour: str = "logT",
    vega: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw the colour-magnitude diagram of the stars; those that are fitted coloured by a parameter.

    Parameters
    ----------
    stars : StarTable
    width : float
        [inch].
    bands : (blue, red, magnitude), optional
        The last two bands, and the last one, by default.
    colour : str
        Parameter.
    vega : path-like, optional
        Fluxes of Vega: magnitudes are Vega's then, else ST.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    InputError
        If matplotlib is not installed, or a column is missing.
    """
    if bands is None:
        if len(stars.filters) < 2:
            raise InputError("a colour needs two bands", stars.path)
        bands = (stars.filters[-2], stars.filters[-1], stars.filters[-1])
    blue, red, height = (stars.magnitude(band, vega) for band in bands)
    system = "ST mag" if vega is None else "Vega mag"
    with drawing(width, 0.95) as figure:
        axes = figure.subplots()
        size = float(np.clip(4000 / max(len(stars), 1), 1, 14))
        missed = ~stars.fitted
        if missed.any():
            label = f"not fitted ({missed.sum()})"
            axes.scatter(
                (blue - red)[missed], height[missed], s=size, c=MODEL, marker="x", linewidths=0.6, label=label
            )
            axes.legend(loc="upper left")
        values = stars.parameter(colour)
        dots = axes.scatter(
            (blue - red)[stars.fitted],
            height[stars.fitted],
            s=size,
            c=values[stars.fitted],
            cmap=COLOURS,
            linewidths=0,
            rasterized=len(stars) > 2000,
            gid="stars",
        )
        figure.colorbar(dots, ax=axes, pad=0.015, aspect=28, label=label_of(colour))
        axes.set_xlabel(f"{_band_label(bands[0])} \u2212 {_band_label(bands[1])} [{system}]")
        axes.set_ylabel(f"{_band_label(bands[2])} [{system}]")
        axes.set_xlim(*span(blue - red))
        axes.set_ylim(*span(height)[::-1])
        axes.set_title(f"{int(stars.fitted.sum())} of {len(stars)} stars fitted")
        tidy(axes)
    return figure


def plot_star_map(stars: StarTable, width: float = 7.0, names: Sequence[str] = ()) -> Figure:
    """Draw maps of parameters on the sky: a dot a star or, of many stars, medians in pixels.

    Parameters
    ----------
    stars : StarTable
    width : float
        [inch]; below 5, the maps are one below the other.
    names : sequence of str
        Parameters; A_V and the age by default, as far as they are there.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    InputError
        If matplotlib is not installed, or there are no positions.
    """
    ra, dec = stars.number("RA"), stars.number("DEC")
    good = np.isfinite(ra) & np.isfinite(dec) & stars.fitted
    if not good.any():
        raise InputError("no fitted star has a position", stars.path)
    known = stars.columns.dtype.names or ()
    names = names or [name for name in ("Av", "logA") if f"{name}_{_STATISTIC}" in known]
    if not names:
        raise InputError("has neither Av_p50 nor logA_p50; say which parameters to map (--names)", stars.path)
    rows, columns = (1, len(names)) if width >= 5 else (len(names), 1)
    with drawing(width, 0.9 * rows / columns) as figure:
        for axes, name in zip(figure.subplots(rows, columns, squeeze=False).flat, names, strict=True):
            shown = _draw_map(axes, ra[good], dec[good], stars.parameter(name)[good])
            figure.colorbar(shown, ax=axes, pad=0.02, shrink=0.8, aspect=24, label=label_of(name))
            axes.set_xlim(*span(ra[good], least=1e-6)[::-1])
            axes.set_ylim(*span(dec[good], least=1e-6))
            axes.set_aspect(1 / np.cos(np.radians(np.median(dec[good]))))
            axes.ticklabel_format(useOffset=False)
            axes.locator_params(nbins=4)
            axes.tick_params(axis="x", labelrotation=30)
            axes.set(xlabel="right ascension [deg]", ylabel="declination [deg]")
    return figure


def _draw_map(axes: Any, ra: Floats, dec: Floats, values: Floats) -> Any:
    axes.set_facecolor("0.93")
    if len(ra) < _MANY_STARS:
        size = float(np.clip(6000 / len(ra), 2, 25))
        return axes.scatter(ra, dec, c=values, s=size, cmap=COLOURS, linewidths=0, gid="stars")
    n = max(int(np.sqrt(len(ra) / _STARS_A_PIXEL)), 2)
    edges = [np.linspace(*span(x, 0, 1e-7), n + 1) for x in (ra, dec)]
    return axes.pcolormesh(*edges, pixel_medians(ra, dec, values, edges).T, cmap=COLOURS, rasterized=True)


def pixel_medians(x: Floats, y: Floats, values: Floats, edges: list[Floats]) -> Floats:
    """Median of the values in each pixel, (nx, ny); NaN where there is none."""
    shape = tuple(len(edge) - 1 for edge in edges)
    bins = [
        np.clip(np.searchsorted(edge, v, "right") - 1, 0, n - 1)
        for edge, v, n in zip(edges, (x, y), shape, strict=True)
    ]
    pixel = np.ravel_multi_index(bins, shape)
    order = np.argsort(pixel, kind="stable")
    filled, starts = np.unique(pixel[order], return_index=True)
    medians = np.full(shape, np.nan)
    medians.flat[filled] = [np.nanmedian(part) for part in np.split(values[order], starts[1:])]
    return medians


def plot_star_pdf(stars: StarTable, identity: str, width: float = WIDTH) -> Figure:
    """Draw the posteriors of the parameters of a star, from the `_pdf1d.fits` beside the stats file.

    Parameters
    ----------
    stars : StarTable
    identity : str
        Name of the star, or its row.
    width : float
        [inch].

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    InputError
        If matplotlib is not installed, there is no such star, it has no fit, or there are no PDFs.
    """
    row = stars.row(identity)
    if not stars.fitted[row]:
        raise InputError(f"the star '{identity}' has no fit", stars.path)
    path = Path(str(stars.path)[: -len(STATS)] + "_pdf1d.fits")
    images = read_pdfs(path)
    if next(iter(images.values())).n_star != len(stars):
        raise InputError(f"does not hold the PDFs of the {len(stars)} stars of {stars.path.name}", path)
    names = [name for name in PARAMETERS if name in images and images[name].n_bin > 1]
    if not names:
        raise InputError("holds PDFs of none of the parameters " + ", ".join(PARAMETERS), path)
    columns = 3 if width >= 4 else 2
    n_rows = -(-len(names) // columns)
    with drawing(width, 0.06 + 0.85 * n_rows / columns) as figure:
        panels = figure.subplots(n_rows, columns, squeeze=False)
        for axes, name in zip(panels.flat, names, strict=False):
            centres, probability = pdf_of_star(images[name].planes(slice(row, row + 1))[0])
            axes.fill_between(centres, probability, step="mid", color=BAND, alpha=0.6, linewidth=0)
            axes.step(centres, probability, where="mid", color=DATA, gid=name)
            for statistic, style in (("p16", ":"), ("p50", "-"), ("p84", ":")):
                axes.axvline(
                    stars.number(f"{name}_{statistic}")[row], color=INK, linewidth=0.9, linestyle=style
                )
            best = stars.number(f"{name}_Best")[row]
            axes.axvline(best, color=ACCENT, linestyle="--", linewidth=1.2)
            likely = centres[probability > _NEGLIGIBLE * probability.max()]
            axes.set(xlabel=label_of(name), ylim=(0, None), xlim=span(np.append(likely, best), 0.15))
            axes.locator_params(nbins=4)
        for axes in panels.flat[len(names) :]:
            axes.set_visible(False)
        for axes in panels[:, 0]:
            axes.set_ylabel("probability per bin")
        figure.suptitle(f"star {identity}: posterior, best fit dashed".replace("$", r"\$"), fontsize=8)
    return figure


def pdf_of_star(planes: Floats) -> tuple[Floats, Floats]:
    """Bin centres and probabilities, which sum up to 1, of the rows (n_bin, 2) of a star, bins in order."""
    probability, centres = np.asarray(planes, dtype=float).T
    order = np.argsort(centres, kind="stable")
    total = probability.sum()
    return centres[order], probability[order] / (total if total > 0 else 1.0)
