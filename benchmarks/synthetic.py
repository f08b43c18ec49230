"""Invented catalogues from the shipped library: `synthetic.py FOLDER SOURCES BANDS [KEY=value ...]` writes run.param
with run.cat, whose galaxies are models of the grid with 10 % noise. Rows are written as they are made.

A process of its own, so that its memory does not count as that of the fits.
"""

from __future__ import annotations

import sys
from contextlib import chdir
from pathlib import Path

import numpy as np

from fastsed.inputs.filters import read_filters
from fastsed.params import read_params
from fastsed.paths import share_dir
from fastsed.problem import prepare

CHUNK = 10_000
NOISE = 0.1
N_MODELS = 2_000
PARAMETERS = """CATALOG = 'run'
AB_ZEROPOINT = 23.9
FILTER_FORMAT = 1
SFH = 'del'
DUST_LAW = 'calzetti'
METAL = [0.02]
"""


def spread_filters(n: int) -> list[int]:
    """Numbers of n shipped filters between 0.3 and 8 um, evenly spread in their order of wavelength."""
    filters = read_filters(share_dir() / "FILTER.RES.latest", range(1, 314), 1)
    inside = sorted((f.mean_wavelength, f.number) for f in filters if 3e3 < f.mean_wavelength < 8e4)
    return [inside[i][1] for i in np.linspace(0, len(inside) - 1, n).round().astype(int)]


def write_rows(
    path: Path, numbers: list[int], flux: np.ndarray, error: np.ndarray, append: bool, first: int
) -> None:
    """Write or append sources (nsource, nband), of which the first gets the number `first`."""
    with path.open("a" if append else "w") as f:
        if not append:
            f.write("# id " + " ".join(f"F{n} E{n}" for n in numbers) + "\n")
        table = np.stack([flux, error], axis=2).reshape(len(flux), -1)
        line = "%d " + " ".join(["%.5g"] * table.shape[1]) + "\n"
        f.writelines(line % (first + i, *row) for i, row in enumerate(table.tolist()))


def some_models(parameter_file: Path, rng: np.random.Generator) -> np.ndarray:
    """Fluxes of random models at a few redshifts, (nmodel, nband), in microjansky up to a factor of each model."""
    problem = prepare(read_params(parameter_file, ["VERBOSE=0", "NO_CACHE=1", "N_SIM=0"]))
    n_z = len(problem.grid.axes.z)
    wanted = np.zeros(n_z, dtype=bool)
    wanted[rng.integers(n_z, size=8)] = True
    found = []
    for tile in problem.grid.tiles(wanted):
        chosen = rng.integers(tile.n_models, size=N_MODELS // 8)
        found.append(tile.flux[:, chosen].T)
    flux = np.concatenate(found) * np.array([f.mean_wavelength for f in problem.filters]) ** 2
    flux = flux[(flux > 0).any(axis=1)]
    return flux / flux.max(axis=1, keepdims=True)


def main() -> None:
    """Do what the command line says."""
    folder, n_sources, n_bands = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    overrides = sys.argv[4:]
    folder.mkdir(parents=True, exist_ok=True)
    parameter_file, catalogue = folder / "run.param", folder / "run.cat"
    parameter_file.write_text(PARAMETERS + "\n".join(overrides) + "\n")
    numbers = spread_filters(n_bands)
    rng = np.random.default_rng(0)
    write_rows(catalogue, numbers, np.ones((1, n_bands)), np.ones((1, n_bands)), False, 1)
    with chdir(folder):
        models = some_models(Path(parameter_file.name), rng)
    for first in range(0, n_sources, CHUNK):
        n = min(CHUNK, n_sources - first)
        flux = models[rng.integers(len(models), size=n)] * rng.lognormal(0, 1, (n, 1))
        error = NOISE * np.maximum(flux, 0.05 * flux.max(axis=1, keepdims=True))
        flux = flux + error * rng.standard_normal(flux.shape)
        write_rows(catalogue, numbers, flux, error, first > 0, first + 1)


if __name__ == "__main__":
    main()
