"""A small grid with every kind of data, and the slow way to fit it: helpers for tests of what follows the best fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import erfcx, log_ndtr

from fastsed.columns import output_columns
from fastsed.fitting.best_fit import BestFits, find_best_fits
from fastsed.fitting.delta_chi2 import AcceptableModels, DeltaChi2
from fastsed.fitting.monte_carlo import MonteCarlo
from fastsed.fitting.noise import Noise
from fastsed.fitting.observations import Observations
from fastsed.fitting.passes import simulated_chunks, walk, walk_best_first
from fastsed.inputs.catalog import Catalog
from fastsed.models.axes import history_axes, make_axes
from fastsed.models.grid import ModelGrid
from fastsed.models.tile import Rows
from fastsed.problem import Problem
from fastsed.uncertainties import Uncertainties, from_chi2, from_simulations, unknown_uncertainties
from tests.models.helpers import BANDS, make_filter, make_params

CHANNELS = [make_filter(low, low + 300.0, 2, number=0) for low in (5000.0, 5600.0, 6200.0, 7400.0)]
# enough for a projection of the data columns
CHANNELS += [make_filter(low, low + 80.0, 2, number=0) for low in np.arange(5000.0, 9300.0, 50.0).tolist()]
GRID = ("A_V_STEP=0.2", "LOG_AGE_STEP=0.4", "Z_MAX=2.3", "Z_STEP=0.4")


def make_problem(
    library, *keys, n=6, n_channels=0, components=(), needs_dust=False, n_threads=1, seed=0, first_z=0
):
    """A run on `n` galaxies: noisy models of the grid, some bands masked.

    `first_z`: the galaxies are at this redshift of the grid or beyond, and known to be.
    """
    params = make_params(library, "CATALOG=toy", *GRID, *keys)
    bands, rows = [*BANDS, *CHANNELS[:n_channels]], Rows(len(BANDS), n_channels, tuple(components))
    grid = ModelGrid(
        params, make_axes(params, history_axes(params)), bands, rows, needs_dust or bool(components), n_threads,
        several_passes=True,
    )  # fmt: skip
    data = observe(grid, n, seed, first_z)
    catalog = Catalog(
        [str(i + 1) for i in range(n)], np.array([b.number for b in bands]), data.value[:, rows.bands],
        np.sqrt(data.variance[:, rows.bands]), np.full(n, np.nan), np.ones(n, bool), np.zeros(n, bool),
    )  # fmt: skip
    return Problem(params, catalog, bands, None, grid, data, output_columns(params, {}))


def observe(grid: ModelGrid, n: int, seed: int, first_z: int = 0) -> Observations:
    """Noisy models of the grid as data, brighter and fainter; the window of a galaxy starts at `first_z`."""
    rng = np.random.default_rng(seed)
    models = all_models(grid, first_z)
    scale = 10 ** rng.uniform(8, 11, (n, 1))
    chosen = models.flux[:, rng.choice(len(models.ids), n)].T * scale
    floor = np.repeat(1e-3 * chosen[:, grid.rows.bands].max(axis=1, keepdims=True), grid.rows.count, axis=1)
    floor[:, grid.rows.luminosities] = 0.1 * scale * models.flux[grid.rows.luminosities].mean(axis=1)
    error = chosen * rng.uniform(0.02, 0.4, (n, 1)) + floor
    value = chosen + error * rng.standard_normal(chosen.shape)
    variance = error**2
    masked = rng.random(value.shape) < 0.1
    masked[:, :2] = False
    value[masked], variance[masked] = 0.0, np.inf
    first, last = np.full(n, first_z), np.full(n, len(grid.axes.z) - 1)
    return Observations(
        value, variance, grid.rows.n_main, np.zeros((len(grid.axes.z), grid.rows.count)),
        np.zeros(n, dtype=np.uint8), np.full(n, -1, dtype=np.int32), np.zeros(n), np.ones(n),
        first, last, first.copy(), last.copy(),
    )  # fmt: skip


@dataclass
class Models:
    """All models that are fitted: modelIDs, redshift indices, fluxes (ncolumn, n), dust (3, n) or None."""

    ids: np.ndarray
    iz: np.ndarray
    flux: np.ndarray
    dust: np.ndarray | None


def all_models(grid: ModelGrid, first_z: int = 0) -> Models:
    """Every model from a redshift on, by modelID. A grid of its own: no tiles are kept in the one that is tested."""
    own = ModelGrid(grid.params, grid.axes, grid.bands, grid.rows, grid.needs_dust)
    tiles = list(own.tiles(np.arange(len(grid.axes.z)) >= first_z))
    ids = np.concatenate([t.iz * grid.axes.models_per_redshift + t.ids for t in tiles])
    order = np.argsort(ids)
    iz = np.concatenate([np.full(t.n_models, t.iz) for t in tiles])
    flux = np.concatenate([t.flux[:, : t.n_models] for t in tiles], axis=1)
    dust = None
    if grid.needs_dust:
        dust = np.concatenate([t.dust[:, : t.n_models] for t in tiles], axis=1)[:, order]
    return Models(ids[order], iz[order], flux[:, order], dust)


def slow_fit(models: Models, data: Observations, row: int, noise=None, log_noise: float = 0.0):
    """chi2, scale and spectral scale of one source, or of one simulation of it, with all models.

    `noise` (ncolumn,) is added to the weighted data. chi2 is infinite outside of the redshift window.
    """
    value = data.value[row]
    weight = 1 / np.sqrt(data.variance[row] + (data.template_error * value) ** 2)  # (nz, ncolumn)
    y = weight * value
    if noise is not None:
        y = y + np.where(weight > 0, noise, 0.0)
    y, a = y[models.iz].T, weight[models.iz].T * models.flux

    def part(columns):
        scale = (y[columns] * a[columns]).sum(axis=0) / (a[columns] ** 2).sum(axis=0)
        return ((y[columns] - scale * a[columns]) ** 2).sum(axis=0), scale

    cut = data.n_main if data.own_spec_scale[row] else data.n_columns
    chi2, scale = part(slice(0, cut))
    spec_scale = scale
    if cut < data.n_columns:
        more, spec_scale = part(slice(cut, None))
        chi2 = chi2 + more
    component = int(data.log_component[row])
    if component >= 0:
        assert models.dust is not None
        with np.errstate(invalid="ignore"):
            light = np.log10(scale * np.maximum(models.dust[component], 1e-4))
        chi2 = chi2 + ((data.log_lir[row] - light) / data.log_error[row] + log_noise) ** 2
    inside = (data.first_z[row] <= models.iz) & (models.iz <= data.last_z[row])
    return np.where(inside, chi2, np.inf), scale, spec_scale


def add_log_prior(problem: Problem, rows, component: int, error: float = 0.15) -> None:
    """A logarithmic luminosity prior a factor of two above that of the best models of these sources."""
    models, data = all_models(problem.grid), problem.data
    for row in rows:
        chi2, scale, _ = slow_fit(models, data, row)
        best = int(np.argmin(chi2))
        data.log_component[row] = component
        data.log_lir[row] = np.log10(scale[best] * max(models.dust[component, best], 1e-4)) + 0.3
        data.log_error[row] = error


def simulate(grid, data: Observations, best: BestFits, noise: Noise, rows: slice, prune=True) -> MonteCarlo:
    """The simulations of the sources `rows`, in a pass of their own."""
    reducer = MonteCarlo(grid, data, noise, rows, prune)
    redshifts = data.redshifts_needed(len(grid.axes.z))
    if len(grid.axes.z) > 1 and grid.keeps(redshifts):
        walk_best_first(grid, redshifts, reducer, grid.axes.redshift_index(best.model_id[rows]))
    else:
        walk(grid, redshifts, [reducer], rows.stop - rows.start)
    return reducer


def acceptable(grid, data: Observations, best: BestFits, excess: float) -> AcceptableModels:
    """The models with chi2 - best < excess, in a pass of their own."""
    reducer = DeltaChi2(grid, data, excess, lambda: best)
    walk(grid, data.redshifts_needed(len(grid.axes.z)), [reducer], data.n_sources)
    return reducer.result()


def simulated_uncertainties(problem: Problem, visit=lambda sources: None) -> Uncertainties:
    """From simulations of all sources, in passes of their own."""
    best, uncertainties = find_best_fits(problem.grid, problem.data), unknown_uncertainties(problem)
    for rows in simulated_chunks(problem.data.n_sources, problem.params.n_sim):
        reducer = simulate(problem.grid, problem.data, best, problem.noise, rows)
        from_simulations(problem, uncertainties, reducer, rows, visit)
    return uncertainties


def chi2_uncertainties(problem: Problem, visit=lambda source: None) -> Uncertainties:
    """From the acceptable models of all sources, in a pass of their own."""
    best, uncertainties = find_best_fits(problem.grid, problem.data), unknown_uncertainties(problem)
    models = acceptable(problem.grid, problem.data, best, problem.params.save_bestchi)
    from_chi2(problem, uncertainties, best, models, visit)
    return uncertainties


def fit_with_limits(model, data, limited, limits):
    """Smallest chi2, its scale, and half of the derivative of chi2 as a function of the scale, by root finding.

    Model and data, and the model and the limits in the bands of these, are over their errors.
    """
    alone = (data @ model) / (model @ model)

    def slope(scale):
        hazard = np.sqrt(2 / np.pi) / erfcx(-(limits - scale * limited) * np.sqrt(0.5))
        return (model @ model) * scale - data @ model + limited @ hazard

    scale = brentq(slope, alone - 2 * abs(alone), alone + abs(alone), xtol=1e-300)
    chi2 = ((data - scale * model) ** 2).sum() - 2 * log_ndtr(limits - scale * limited).sum()
    return chi2, scale, slope
