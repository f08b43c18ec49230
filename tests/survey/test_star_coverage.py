"""Coverage: the statistics of simulated stars hold the truth as often as they should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from fastsed.fitting.stars.options import FitOptions
from fastsed.fitting.stars.source import ArrayModels
from fastsed.survey.star_fits import StarFitSettings, fit_catalogue
from tests.survey.small_grids import names_of, write_catalogue, write_models

N_STARS = 2000
# ranges of the priors, which are flat in A_V, log age and log mass, and points of the grid along each
RANGES = {"Av": (0.0, 2.0, 40), "logA": (6.0, 8.0, 40), "log_mass": (0.0, 1.0, 80)}
# d log10(flux) / d parameter in each filter: dust reddens, age reddens and dims, mass brightens and blues
RESPONSE = np.array(
    [
        [-0.62, -0.51, -0.40, -0.31, -0.22, -0.13],
        [-0.55, -0.33, -0.42, -0.20, -0.06, -0.11],
        [2.10, 1.75, 1.30, 1.55, 0.85, 1.20],
    ]
)  # fmt: skip
# of the error: share of the flux, and floor
SHARE, FLOOR = 0.05, 2e-19


def fluxes(parameters: np.ndarray) -> np.ndarray:
    """F_lambda (n, nfilter) of stars with these A_V, log age and log mass, (n, 3)."""
    curvature = 0.04 * (parameters[:, 2:] - 0.5) * (parameters[:, 1:2] - 7)
    return 10 ** (-17 + (parameters - [1.0, 7.0, 0.5]) @ RESPONSE + curvature)


def observed(flux: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bias and error of the observation model."""
    return 0.03 * flux + 1e-20, SHARE * flux + FLOOR


def models() -> ArrayModels:
    """The grid: its points are in the middle of cells that fill the ranges of the priors."""
    axes = [low + (np.arange(n) + 0.5) * (high - low) / n for low, high, n in RANGES.values()]
    points = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
    flux = fluxes(points)
    bias, error = observed(flux)
    table = {"Av": points[:, 0], "logA": points[:, 1], "M_ini": 10 ** points[:, 2]}
    table |= {"weight": np.ones(len(points)), "specgrid_indx": np.arange(len(points), dtype=float)}
    return ArrayModels(names_of(6), flux, table, bias, error)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    """True parameters (nstar, 3), and the stats of their stars."""
    folder: Path = tmp_path_factory.mktemp("coverage")
    rng = np.random.default_rng(5)
    low, high, _ = np.array(list(RANGES.values())).T
    truth = low + (high - low) * rng.random((N_STARS, 3))
    flux = fluxes(truth)
    bias, error = observed(flux)
    write_models(folder, models())
    write_catalogue(folder / "cat.fits", flux + bias + error * rng.standard_normal(flux.shape))
    files = [folder / name for name in ("grid.hd5", "noise.hd5", "cat.fits", "vega.txt", "f")]
    options = replace(FitOptions(), n_samples=None, pairs=())
    fit_catalogue(StarFitSettings(*files, options))
    return truth, fits.getdata(folder / "f_stats.fits", 1)


@pytest.mark.parametrize("name", ["Av", "logA", "M_ini"])
def test_intervals_hold_the_truth(fitted: tuple[np.ndarray, np.ndarray], name: str) -> None:
    truth, stats = fitted
    low, high = stats[f"{name}_p16"], stats[f"{name}_p84"]
    true = dict(zip(("Av", "logA", "M_ini"), truth.T, strict=True))[name]
    first, last, n = RANGES["log_mass" if name == "M_ini" else name]
    if name == "M_ini":
        low, high = np.log10(low), np.log10(high)
    assert np.median(high - low) > 3 * (last - first) / n
    assert np.mean((low <= true) & (true <= high)) == pytest.approx(0.68, abs=0.03)
