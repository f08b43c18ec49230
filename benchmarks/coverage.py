"""Coverage: how often intervals of simulations, of chi2 and of posteriors hold the truth of mock galaxies.

The parameters of the galaxies lie inside the cells of the grid; their models are those of a finer one. One redshift,
eight bands, errors of 30 % in all of them.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from astropy.table import Table
from common import Report, main, options, scratch

import fastsed
from fastsed.inputs.filters import read_filters
from fastsed.models.axes import history_axes, make_axes
from fastsed.models.grid import ModelGrid, Rows
from fastsed.models.properties import model_properties
from fastsed.params import read_params

BANDS = (121, 156, 157, 158, 159, 160, 161, 163)
UNIT = "1e-19 erg / (s cm2 Angstrom)"
COMMON = {"sfh": "del", "no_cache": 1, "z_min": 0.1, "z_max": 0.1, "log_tau_min": 9.5, "log_tau_max": 9.5}
FINE = {
    "a_v_min": 0.007, "a_v_max": 2.987, "a_v_step": 0.02,
    "log_age_min": 8.203, "log_age_max": 9.997, "log_age_step": 0.013,
}  # fmt: skip
GRID = {
    "a_v_min": 0, "a_v_max": 3, "a_v_step": 0.04, "log_age_min": 8.2, "log_age_max": 10, "log_age_step": 0.02
}  # fmt: skip


def mock_galaxies(n: int) -> tuple[Table, dict[str, np.ndarray]]:
    """A catalogue, and the true A_V, log age and log mass."""
    rng = np.random.default_rng(7)
    params = read_params(None, **COMMON, **FINE)
    bands = read_filters(params.filters_res, list(BANDS), params.filter_format)
    grid = ModelGrid(params, make_axes(params, history_axes(params)), bands, Rows(len(bands), 0))
    tiles = list(grid.tiles(np.ones(1, bool)))
    ids = np.concatenate([tile.ids for tile in tiles])
    flux = np.concatenate([tile.flux[:, : tile.n_models] for tile in tiles], axis=1)
    chosen, factor = rng.integers(0, len(ids), n), 10 ** rng.uniform(8, 10, n)
    model = (flux[:, chosen] * factor).T
    # errors that tell the brightness of a galaxy, but not which model it is
    error = 0.3 * model[:, [4]] * np.median(flux / flux[4], axis=1)
    value = model + error * rng.standard_normal(model.shape)
    table = Table({"id": np.arange(1, n + 1)})
    for k, band in enumerate(BANDS):
        table[f"F{band}"], table[f"E{band}"] = value[:, k], error[:, k]
        table[f"F{band}"].unit = table[f"E{band}"].unit = UNIT
    parameters = grid.axes.parameters(ids)
    mass = model_properties(grid, ids, ["lmass"])["lmass"]
    truth = {"Av": parameters["Av"], "lage": parameters["lage"], "lmass": np.log10(mass)}
    truth = {name: values[chosen].astype(float) for name, values in truth.items()}
    truth["lmass"] += np.log10(factor)
    return table, truth


def intervals(table: Table, method: str, name: str) -> tuple[tuple[float, np.ndarray, np.ndarray], ...]:
    """Per cent, lower and upper bounds."""
    if method == "posteriors":
        pairs = ((68, "p16", "p84"), (95, "p2.5", "p97.5"))
    else:
        pairs = ((68, "l68", "u68"), (95, "l95", "u95"))
    return tuple((p, np.asarray(table[f"{a}_{name}"]), np.asarray(table[f"{b}_{name}"])) for p, a, b in pairs)


def run(args: argparse.Namespace, report: Report) -> None:
    """Fit the same galaxies three ways."""
    catalogue, truth = mock_galaxies(args.galaxies)
    methods = {
        "simulations": {"n_sim": args.simulations, "c_interval": (68, 95)},
        "chi2": {"interval_from_chi2": 1, "c_interval": (68, 95), "n_sim": 0},
        "posteriors": {"posterior": 1, "posterior_percentiles": (2.5, 16, 84, 97.5), "n_sim": 0},
    }
    rows = []
    with scratch() as folder:
        os.chdir(folder)
        catalogue.write(Path(folder) / "mock.ecsv")
        for method, keys in methods.items():
            found = fastsed.run(None, catalog="mock.ecsv", verbose=0, **COMMON, **GRID, **keys)
            for name, true in truth.items():
                row = {"method": method, "quantity": name}
                for percent, low, high in intervals(found.table, method, name):
                    inside = 100 * np.mean((low <= true) & (true <= high))
                    row[f"in the {percent} % interval"] = f"{inside:.1f} %"
                    row[f"median width, {percent} %"] = float(np.median(high - low))
                rows.append(row)
        os.chdir("/")
    report.table(rows)


if __name__ == "__main__":
    parser = options("how often intervals hold the truth", runs=1)
    parser.add_argument("--galaxies", type=int, default=1000, help="mock galaxies (default: 1000)")
    parser.add_argument("--simulations", type=int, default=200, help="simulations of each (default: 200)")
    main("coverage", parser, run)
