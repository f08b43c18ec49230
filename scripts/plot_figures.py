"""Draw the figures of docs/figures.md: those that `fastsed-plot` makes of the shipped example, small.

usage: python scripts/plot_figures.py [FOLDER]        (needs `pip install fastsed[plot]`; default: docs/images)
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import chdir
from pathlib import Path

import fastsed
from fastsed.cli.main import copy_example
from fastsed.figure_style import save_figure

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SOURCE = "6"
DPI = 110


def main() -> None:
    target = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else IMAGES
    with tempfile.TemporaryDirectory() as folder:
        parameter_file = copy_example(Path(folder))
        with chdir(folder):
            results = fastsed.run(parameter_file.name, verbose=False, c_interval=[68, 95])
            mocks = fastsed.run(parameter_file.name, verbose=False, n_sim=0, posterior=True, mock=5)
    figures = {
        "sed": results.plot_sed(SOURCE),
        "corner": results.plot_corner(SOURCE, ["lage", "Av", "lmass", "lsfr"], width=5),
        "sfh": results.plot_sfh(SOURCE),
        "overview": results.plot_catalogue(),
        "mock": mocks.plot_mock("lmass"),
    }
    for name, figure in figures.items():
        save_figure(figure, target / f"figure-{name}.png", DPI)


if __name__ == "__main__":
    main()
