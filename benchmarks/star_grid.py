"""Physics grids of stars against numpy: exp(-A) times all spectra, then a trapezoid a band, for each dust point."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import Report, Spread, main, options, scratch

LIBRARY = (40, 12)  # temperatures, gravities
N_WAVELENGTHS, N_STARS, N_BANDS = 1200, 2000, 6
REFERENCE_POINTS = 2


def inputs() -> tuple[Any, Any]:
    """An invented library of black bodies with stars, and the grid of them behind 400 to 500 dust points."""
    import numpy as np

    from fastsed.models.stars.atmospheres import Nodes, SpectralLibrary
    from fastsed.models.stars.dust_grid import DustGrid
    from fastsed.models.stars.extinction import extinction_law
    from fastsed.models.stars.filter_curves import filter_curve
    from fastsed.models.stars.stellar_grid import make_stellar_grid
    from fastsed.models.stars.weights import DustAxis

    lam = np.geomspace(1010.0, 33000.0, N_WAVELENGTHS)
    t, g = np.meshgrid(np.linspace(3.5, 4.6, LIBRARY[0]), np.linspace(0.0, 5.5, LIBRARY[1]), indexing="ij")
    spectra = 1e27 / lam**5 / np.expm1(np.minimum(1.4387769e8 / (lam * 10.0 ** t.reshape(-1, 1)), 600.0))
    library = SpectralLibrary(
        "black bodies", Nodes(t.ravel(), g.ravel(), np.full(t.size, 0.02)), lam, spectra
    )
    centres = np.geomspace(2700.0, 15400.0, N_BANDS)
    curves = [
        filter_curve(
            f"F{k}", x := np.linspace(0.88, 1.12, 80) * centre, 1.0 - ((x / centre - 1.0) / 0.12) ** 2
        )
        for k, centre in enumerate(centres)
    ]
    random = np.random.default_rng(1)
    mass = np.sort(random.uniform(0.8, 9.0, N_STARS))
    columns = {
        "logA": np.full(N_STARS, 8.0),
        "Z": np.full(N_STARS, 0.02),
        "M_ini": mass,
        "logL": 3.5 * np.log10(mass),
    }
    columns |= {"logT": 3.75 + 0.5 * np.log10(mass), "logg": 4.4 - 0.5 * np.log10(mass)}
    axes = (np.arange(0.0, 5.01, 0.1), np.arange(2.0, 6.1, 1.0), np.arange(0.0, 1.01, 0.25))
    dust = DustGrid(extinction_law("G16"), *(DustAxis(values) for values in axes))
    return library, make_stellar_grid(columns, [library], curves, np.array([7.8e5]), dust)


def reference(library: Any, grid: Any) -> None:
    """What is compared with, for a few dust points."""
    import numpy as np

    random = np.random.default_rng(2)
    spectra = random.random((grid.n_stars, len(library.lam)))
    throughput = random.random((N_BANDS, len(library.lam)))
    lam = library.lam
    for _ in range(REFERENCE_POINTS):
        dimmed = spectra * np.exp(-grid.dust.law.relative(lam, 3.0, 0.5))
        for curve in throughput:
            np.trapezoid(lam * curve * dimmed, lam, axis=1) / np.trapezoid(lam * curve, lam)


def per_model(n_models: int, runs: int, once: Callable[[], Any]) -> Spread:
    """Nanoseconds a model."""
    found = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        once()
        found.append((time.perf_counter() - start) / n_models * 1e9)
    return Spread.of(found[1:])


def run(args: argparse.Namespace, report: Report) -> None:
    """Time the models in memory, in a file, and by numpy."""
    from fastsed.survey.physics_grid import write_physics_grid

    library, grid = inputs()
    with scratch() as folder:
        path = Path(folder) / "grid.hd5"
        cases: dict[str, tuple[int, Callable[[], Any]]] = {
            "numpy": (grid.n_stars * REFERENCE_POINTS, lambda: reference(library, grid)),
            "in memory": (grid.n_models, lambda: [None for _ in grid.blocks()]),
            "in a file (BEAST's layout)": (grid.n_models, lambda: write_physics_grid(grid, path)),
        }
        times = {name: per_model(n, args.runs, once) for name, (n, once) in cases.items()}
    report.note(
        f"{grid.n_models} models, {N_BANDS} bands, {N_WAVELENGTHS} wavelengths, {library.nodes.z.size} spectra"
    )
    numpy = times["numpy"].median
    report.table(
        [
            {
                "": name,
                "ns a model": found,
                "times faster": numpy / found.median,
                "goal": None if name == "numpy" else 50,
            }
            for name, found in times.items()
        ]
    )


if __name__ == "__main__":
    main("star_grid", options("physics grids of stars against numpy", runs=3), run)
