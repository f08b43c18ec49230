"""Coverage: posteriors of mock galaxies with parameters inside the cells hold the truth as often as they should."""

import numpy as np

from fastsed.api import fit
from fastsed.galaxy_model import GalaxyModel, axis
from fastsed.inputs.filters import read_filters
from fastsed.models.axes import history_axes, make_axes
from fastsed.models.grid import ModelGrid, Rows
from fastsed.models.properties import model_properties
from fastsed.params import read_params

NUMBERS = (121, 156, 157, 158, 159, 160, 161, 163)
N = 4000


def true_models():
    """Fluxes (nband, n), Av, lage and mass of finely spaced models."""
    keys = [
        "SFH=del",
        "NO_CACHE=1",
        "Z_MIN=0.1",
        "Z_MAX=0.1",
        "LOG_TAU_MIN=9.5",
        "LOG_TAU_MAX=9.5",
        "SFR_AVG=100",
    ]
    keys += ["A_V_MIN=0.007", "A_V_MAX=2.987", "A_V_STEP=0.02", "LOG_AGE_MIN=8.203", "LOG_AGE_MAX=9.997"]
    params = read_params(None, [*keys, "LOG_AGE_STEP=0.013"])
    bands = read_filters(params.filters_res, list(NUMBERS), params.filter_format)
    grid = ModelGrid(params, make_axes(params, history_axes(params)), bands, Rows(len(bands), 0))
    tiles = list(grid.tiles(np.ones(1, bool)))
    ids = np.concatenate([tile.ids for tile in tiles])
    flux = np.concatenate([tile.flux[:, : tile.n_models] for tile in tiles], axis=1)
    parameters = grid.axes.parameters(ids)
    mass = model_properties(grid, ids, ["lmass"])["lmass"]
    return flux, parameters["Av"].astype(float), parameters["lage"].astype(float), mass


def test_intervals_hold_the_truth():
    rng = np.random.default_rng(7)
    flux, av, lage, mass = true_models()
    chosen = rng.integers(0, len(av), N)
    factor = 10 ** rng.uniform(8, 10, N)
    model = (flux[:, chosen] * factor).T
    # errors that tell the brightness of a galaxy, but not which model it is
    shape = np.median(flux / flux[4], axis=1)
    error = 0.3 * model[:, [4]] * shape
    value = model + error * rng.standard_normal(model.shape)
    table = {f"f{b}": value[:, k] for k, b in enumerate(NUMBERS)}
    table |= {f"e{b}": error[:, k] for k, b in enumerate(NUMBERS)}
    grid = GalaxyModel(
        sfh="delayed", log_tau=9.5, log_age=axis(8.2, 10, 0.02), av=axis(0, 3, 0.04), redshift=0.1, sfr_avg=100
    )  # fmt: skip
    bands = {b: (f"f{b}", f"e{b}") for b in NUMBERS}
    unit = "1e-19 erg / (s cm2 Angstrom)"
    found = fit(table, grid, bands=bands, unit=unit, posterior=True).posterior
    truth = {"Av": av[chosen], "lage": lage[chosen], "lmass": np.log10(mass[chosen] * factor)}
    for name, cell in (("Av", 0.04), ("lage", 0.02)):
        assert np.median(found.std[name]) > cell
    for name, true in truth.items():
        for q, share, most in (((0.16, 0.84), 0.68, 0.03), ((0.025, 0.975), 0.95, 0.02)):
            low, high = found.quantile(name, q).T
            inside = np.mean((low <= true) & (true <= high))
            assert abs(inside - share) < most, (name, share, inside)
