"""Draw docs/images/example.png, the picture of the README: the shipped example in, two panels out.

usage: python scripts/plot_example.py [OUT.png]        (needs `pip install fastsed[plot]`)
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import chdir
from pathlib import Path

import matplotlib as mpl
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

import fastsed
from fastsed.cli.main import copy_example

COLUMNS = ["id", "z", "lmass", "lsfr", "lssfr", "Av", "M121", "M158", "chi2"]
OVERRIDES = {"n_sim": 0, "rest_mag": (121, 158), "output_columns": COLUMNS, "output_precision": 0.0001}
INK, GRID = "#22262e", "#e6e8ec"


def fit_example() -> Table:
    """The example's galaxies, with absolute magnitudes in GALEX NUV (M121) and SDSS r (M158)."""
    with tempfile.TemporaryDirectory() as folder:
        parameter_file = copy_example(Path(folder))
        with chdir(folder):
            return fastsed.run(parameter_file.name, **OVERRIDES).table


def points(axes: Axes, x: object, y: object, colour: object, **colours: object) -> PathCollection:
    """One dot per galaxy."""
    style = {"s": 24, "linewidths": 0.35, "edgecolors": "white", "alpha": 0.95}
    return axes.scatter(x, y, c=colour, **style, **colours)


def draw(table: Table) -> Figure:
    """Mass against redshift, and colour against mass."""
    table = table[table["chi2"] < 10]
    colour = table["M121"] - table["M158"]
    figure = Figure(figsize=(9.2, 4.0), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, wspace=0.04)
    left, right = figure.subplots(1, 2)

    dots = points(left, table["z"], table["lmass"], colour, cmap="Spectral_r", vmin=1, vmax=6.5)
    figure.colorbar(dots, ax=left, pad=0.02, aspect=28, label="rest-frame NUV − r  [mag]", extend="both")
    left.set(xlabel="redshift", xlim=(0, 0.35), ylim=(8.6, 12.1))
    left.set_ylabel(r"$\log_{10}\,M_\star\,/\,M_\odot$")
    left.set_title("Stellar masses", loc="left")

    dots = points(right, table["lmass"], colour, table["lssfr"], cmap="viridis", vmin=-12.5, vmax=-9)
    label = r"$\log_{10}$ specific star formation rate  [yr$^{-1}$]"
    figure.colorbar(dots, ax=right, pad=0.02, aspect=28, label=label, extend="both")
    right.set(ylabel="rest-frame NUV − r  [mag]", xlim=(8.6, 12.1), ylim=(0.5, 7))
    right.set_xlabel(r"$\log_{10}\,M_\star\,/\,M_\odot$")
    right.set_title("Quiescent and star-forming galaxies", loc="left")

    for axes in (left, right):
        axes.grid(color=GRID, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=3)
    return figure


def main() -> None:
    default = Path(__file__).resolve().parent.parent / "docs" / "images" / "example.png"
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    target.parent.mkdir(parents=True, exist_ok=True)
    style = {
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
    }
    with mpl.rc_context(style):
        draw(fit_example()).savefig(target, dpi=120, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
