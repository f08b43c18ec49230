"""Small grids, noise models and catalogues in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.table import Table

from fastsed.fitting.stars.source import ArrayModels
from fastsed.survey.noise_file import NoiseFileWriter
from fastsed.survey.sed_grid import SedGridWriter
from tests.fitting.stars.reference import random_models, random_stars

VEGA = np.array([3e-9, 2e-9, 5e-9, 1e-9, 4e-10, 1e-10])


def names_of(n_filters: int) -> tuple[str, ...]:
    return tuple(f"HST_X_F{k}00W" for k in range(n_filters))


def write_models(folder: Path, models: ArrayModels, completeness: np.ndarray | None = None) -> None:
    """`grid.hd5`, `noise.hd5`, `vega.txt` in the folder."""
    n, k = models.seds.shape
    types = dict.fromkeys(models.table, "f8")
    with SedGridWriter(folder / "grid.hd5", n, np.arange(k) * 1000.0, names_of(k), types) as writer:
        writer.append(models.seds, models.table)
    sets = {"bias": models.bias, "error": models.error}
    sets["completeness"] = np.ones((n, k)) if completeness is None else completeness
    if models.covariance is not None:
        full = models.covariance
        sets |= {"q_norm": full.q_norm, "icov_diag": full.diagonal, "icov_offdiag": full.off_diagonal}
    with NoiseFileWriter(folder / "noise.hd5", n) as writer:
        writer.append(sets)
    lines = [f"{name} {float(flux)!r}\n" for name, flux in zip(names_of(k), VEGA, strict=False)]
    (folder / "vega.txt").write_text("".join(lines))


def write_catalogue(path: Path, fluxes: np.ndarray, positions: bool = True) -> None:
    """Stars with these fluxes."""
    table = Table()
    if positions:
        rng = np.random.default_rng(1)
        table["RA"], table["DEC"] = 11 + rng.random(len(fluxes)), -3 + rng.random(len(fluxes))
    for k, name in enumerate(names_of(fluxes.shape[1])):
        table[f"{name.rsplit('_', 1)[-1]}_RATE"] = fluxes[:, k] / VEGA[k]
    table.write(path, overwrite=True)


def small_field(folder: Path, n_stars: int = 30, error: str = "floor", n_filters: int = 3) -> ArrayModels:
    """Models and a catalogue `cat.fits` of stars that they fit."""
    models = random_models(70, 20, n_filters, 21, error)
    write_models(folder, models)
    write_catalogue(folder / "cat.fits", random_stars(models, n_stars, 22))
    return models
