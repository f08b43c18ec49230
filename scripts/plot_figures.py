"""Draw the figures of docs/: those that `fastsed-plot` makes of the shipped example, small, and one of three methods.

usage: python scripts/plot_figures.py [FOLDER]        (needs `pip install fastsed[plot]`; default: docs/images)
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

import fastsed
from fastsed.cli.main import copy_example
from fastsed.figure_style import ACCENT, BAND, DATA, drawing, label_of, save_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SOURCE = "6"
DPI = 110


def three_methods(parameter_file: str, name: str = "lmass") -> Figure:
    """What simulations, chi2 and the posterior tell of a quantity of one galaxy."""
    common = {"verbose": False, "c_interval": [68, 95]}
    simulated = fastsed.run(parameter_file, n_sim=2000, save_sim=True, output_file="sims", **common)
    near = fastsed.run(parameter_file, n_sim=0, interval_from_chi2=True, output_file="near", **common)
    percentiles = (2.5, 16, 84, 97.5)
    weighed = fastsed.run(
        parameter_file,
        verbose=False,
        n_sim=0,
        posterior=True,
        posterior_percentiles=percentiles,
        output_file="w",
    )
    row = list(map(str, weighed.table["id"])).index(SOURCE)
    bounds = {
        "simulations": [simulated.table[f"{end}_{name}"][row] for end in ("l95", "l68", "u68", "u95")],
        r"$\Delta\chi^2$": [near.table[f"{end}_{name}"][row] for end in ("l95", "l68", "u68", "u95")],
        "posterior": [weighed.table[f"p{percent:g}_{name}"][row] for percent in percentiles],
    }
    edges, pdf = weighed.posterior.pdf(name)
    (draws,) = fits.getdata(f"best_fits/gst_{SOURCE}.sims.fits", 1)
    values = np.log10(draws["RESULT"][list(draws["PARAMS"]).index(name)])
    low, high = min(b[0] for b in bounds.values()) - 0.05, max(b[3] for b in bounds.values()) + 0.05
    with drawing(3.5, 0.9) as figure:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.3))
        top.hist(
            values, bins=40, range=(low, high), density=True, histtype="step", color=DATA, label="simulations"
        )
        top.stairs(pdf[row] / np.diff(edges), edges, fill=True, color=BAND, alpha=0.6, label="posterior")
        best = weighed.table[name][row]
        top.axvline(best, color=ACCENT, linestyle="--", label="best fit")
        top.set_ylabel("probability density")
        top.legend(loc="upper left")
        bottom.axvline(best, color=ACCENT, linestyle="--")
        for y, (method, (l95, l68, u68, u95)) in enumerate(reversed(bounds.items())):
            colour = {"simulations": DATA, "posterior": BAND}.get(method, "black")
            bottom.plot([l95, u95], [y, y], color=colour, linewidth=1.2)
            bottom.plot([l68, u68], [y, y], color=colour, linewidth=4, solid_capstyle="butt")
        bottom.set_yticks(range(3), reversed(bounds))
        bottom.set_ylim(-0.6, 2.6)
        bottom.set_xlim(low, high)
        bottom.set_xlabel(label_of(name))
        tidy(top)
    return figure


def main() -> None:
    target = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else IMAGES
    with tempfile.TemporaryDirectory() as folder:
        parameter_file = copy_example(Path(folder))
        with chdir(folder):
            results = fastsed.run(parameter_file.name, verbose=False, c_interval=[68, 95])
            methods = three_methods(parameter_file.name)
            mocks = fastsed.run(parameter_file.name, verbose=False, n_sim=0, posterior=True, mock=5)
    figures = {
        "sed": results.plot_sed(SOURCE),
        "corner": results.plot_corner(SOURCE, ["lage", "Av", "lmass", "lsfr"], width=5),
        "sfh": results.plot_sfh(SOURCE),
        "overview": results.plot_catalogue(),
        "mock": mocks.plot_mock("lmass"),
        "methods": methods,
    }
    for name, figure in figures.items():
        save_figure(figure, target / f"figure-{name}.png", DPI)


if __name__ == "__main__":
    main()
