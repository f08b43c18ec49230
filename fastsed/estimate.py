"""What a run would take: its checked inputs in; lines on the grid, memory, output files and time out."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from fastsed.fit.best_fit import find_best_fits
from fastsed.fit.monte_carlo import MonteCarlo
from fastsed.fit.observations import Observations
from fastsed.fit.passes import SIMULATION_BYTES, simulated_chunks, walk_best_first
from fastsed.models.grid import KEEP_BYTES, TABLE_BYTES, TILE_BYTES, ModelGrid, Tile
from fastsed.outputs.chi2grid import size_text
from fastsed.pipeline import Setup
from fastsed.uncertainties import from_simulations, unknown_uncertainties

Ints = NDArray[np.int64]

# the trial makes tiles for this long, of this many redshifts, and fits them to this many sources
TRIAL_SECONDS = 0.5
TRIAL_REDSHIFTS = 12
TRIAL_SOURCES = 200
# Python with numpy, scipy and h5py
PROGRAM_BYTES = 60e6


def estimate(setup: Setup) -> list[str]:
    """Describe what a run would do; nothing is written.

    Some tiles are built and fitted to know the speed.

    Parameters
    ----------
    setup : Setup

    Returns
    -------
    list of str
        Lines for the terminal.

    Raises
    ------
    InputError
        If the models cannot be built.
    """
    lines = ["all inputs can be read", *_inputs(setup), *_grid(setup)]
    seconds = _seconds(setup)
    lines.append(_memory(setup))
    if setup.params.save_chi_grid:
        lines.append(f"chi2.grid: {size_text(setup.chi_grid_bytes)}")
    threads = setup.grid.n_threads
    # how many models a simulation may skip is only known when all have been seen
    about = "up to about" if setup.params.n_sim else "about"
    lines.append(f"time: {about} {time_text(seconds)} with {threads} thread{'s' * (threads > 1)}")
    return lines


def _inputs(setup: Setup) -> list[str]:
    data = setup.data
    n_channels, n_sim = data.n_columns - data.n_main, setup.params.n_sim
    each = f"data of each: {data.n_main} bands"
    each += f", {n_channels} spectral channels" if n_channels else ""
    each += f"; {n_sim} simulations" if n_sim else ""
    n_fittable = np.count_nonzero(setup.catalog.fittable)
    return [f"sources: {data.n_sources}, of which {n_fittable} can be fitted", each]


def _grid(setup: Setup) -> list[str]:
    axes = setup.grid.axes
    lines = [f"grid: {axes.size} models, of which {setup.n_models_in_use} are to be fitted"]
    width = max(map(len, axes.names))
    for name, values in axes.as_dict().items():
        span = f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g}"
        lines.append(f"  {name:{width}}  {len(values):6d}  {span}")
    return lines


def _memory(setup: Setup) -> str:
    arrays = (setup.catalog.flux, setup.catalog.error, setup.data.value, setup.data.variance)
    catalogue = sum(a.nbytes for a in arrays)
    in_flight = 2 * setup.grid.n_threads + 2 if setup.grid.n_threads > 1 else 1
    largest = min(TILE_BYTES, 8 * setup.data.n_columns * setup.grid.axes.models_per_redshift)
    models = in_flight * largest + TABLE_BYTES + KEEP_BYTES * setup.grid.several_passes
    simulations = min(SIMULATION_BYTES, 32 * setup.params.n_sim * setup.data.n_sources)
    parts = {"catalogue": catalogue, "models": models, "simulations": simulations}
    text = ", ".join(f"{name} {size_text(size)}" for name, size in parts.items() if size)
    return f"memory: less than {size_text(PROGRAM_BYTES + sum(parts.values()))} ({text})"


def _seconds(setup: Setup) -> float:
    """Time of the whole run, from a trial with a few redshifts and some of the sources."""
    wanted = setup.data.redshifts_needed(len(setup.grid.axes.z)) & (setup.grid.ages_at > 0)
    if not wanted.any():
        return 0.0
    grid = TrialGrid.of(setup, spread(wanted, TRIAL_REDSHIFTS))
    data = trial_data(setup.data, grid.chosen)
    with _silence():
        cold = _build(grid)
        grid.limit = cold.n_tiles
        warm = _build(grid)
        if not warm.n_tiles:
            return 0.0
        fitting = _fit_seconds(grid, data, setup) - _n_passes(setup, data.n_sources) * warm.seconds
    start = max(0.0, cold.first - warm.first) * len(grid.axes.metal)
    building = warm.per_model * setup.n_models_in_use * _n_builds(setup)
    pairs = setup.n_models_in_use * _sources_per_redshift(setup.data, wanted)
    trial_pairs = warm.n_models * _sources_per_redshift(data, grid.chosen)
    return start + building + max(0.0, fitting) * pairs / trial_pairs


def spread(wanted: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Of the redshifts marked, at most `count`, evenly spread, without the ends if others are left."""
    marked = np.flatnonzero(wanted)
    chosen = np.zeros_like(wanted)
    chosen[marked[(2 * np.arange(count) + 1) * len(marked) // (2 * count)]] = True
    return chosen


def trial_data(data: Observations, chosen: NDArray[np.bool_]) -> Observations:
    """Some of the sources that may lie at one of the redshifts chosen."""
    rows = np.flatnonzero(_n_redshifts(data, chosen))
    rows = rows[:: max(1, len(rows) // TRIAL_SOURCES)]
    return data.part(rows)


class TrialGrid(ModelGrid):
    """A few tiles of a grid: nothing is kept between passes, no cache is read or written."""

    chosen: NDArray[np.bool_]
    limit: int | None = None

    @classmethod
    def of(cls, setup: Setup, chosen: NDArray[np.bool_]) -> TrialGrid:
        """A grid of its own for the trial, with the redshifts chosen."""
        grid = setup.grid
        params = dataclasses.replace(setup.params, no_cache=True)
        trial = cls(params, grid.axes, grid.bands, grid.rows, grid.needs_dust, grid.n_threads)
        trial.chosen = chosen
        return trial

    def tiles(self, wanted: NDArray[np.bool_]) -> Iterator[Tile]:
        """No more than `limit` tiles, whatever is wanted."""
        return islice(super().tiles(self.chosen), self.limit)


@dataclass
class _Build:
    """How long it took to make some tiles: to the first one, and to the last."""

    first: float = 0.0
    seconds: float = 0.0
    n_tiles: int = 0
    n_models: int = 0
    n_first: int = 0

    @property
    def per_model(self) -> float:
        """Without what comes before the first tile, where there are others to tell."""
        if self.n_tiles > 1:
            return (self.seconds - self.first) / (self.n_models - self.n_first)
        return self.seconds / self.n_models


def _build(grid: TrialGrid) -> _Build:
    """Make tiles for a while."""
    start, done = time.perf_counter(), _Build()
    for tile in grid.tiles(grid.chosen):
        done.seconds = time.perf_counter() - start
        done.n_tiles += 1
        done.n_models += tile.n_models
        if done.n_tiles == 1:
            done.first, done.n_first = done.seconds, tile.n_models
        if done.seconds - done.first > TRIAL_SECONDS:
            break
    return done


def _fit_seconds(grid: TrialGrid, data: Observations, setup: Setup) -> float:
    """Time of the fit, and of the simulations if there are any, with the tiles of the trial."""
    start = time.perf_counter()
    best = find_best_fits(grid, data)
    if setup.params.n_sim:
        trial = dataclasses.replace(setup, grid=grid, data=data)
        uncertainties = unknown_uncertainties(trial)
        for rows in simulated_chunks(data.n_sources, setup.params.n_sim):
            monte_carlo = MonteCarlo(grid, data, trial.noise, rows)
            best_z = grid.axes.redshift_index(best.model[rows])
            walk_best_first(grid, grid.chosen, monte_carlo, best_z)
            from_simulations(trial, uncertainties, monte_carlo, rows, lambda simulated: None)
    return time.perf_counter() - start


def _n_passes(setup: Setup, n_sources: int) -> int:
    """How often the tiles are asked for: once to fit, twice for each group of sources that is simulated."""
    n_sim = setup.params.n_sim
    simulating = 2 * len(list(simulated_chunks(n_sources, n_sim))) if n_sim else 0
    return 1 + simulating


def _n_builds(setup: Setup) -> int:
    """How often the tiles are made."""
    small = 8 * setup.n_models_in_use * setup.data.n_columns <= KEEP_BYTES
    return 1 if small else _n_passes(setup, setup.data.n_sources)


@contextmanager
def _silence() -> Iterator[None]:
    """Notes and warnings of a trial run are not for the user."""
    logger = logging.getLogger("fastsed")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _n_redshifts(data: Observations, chosen: NDArray[np.bool_]) -> Ints:
    """How many of the redshifts chosen lie in the window of each source."""
    before = np.concatenate([[0], np.cumsum(chosen)])
    return np.where(data.last_z >= data.first_z, before[data.last_z + 1] - before[data.first_z], 0)


def _sources_per_redshift(data: Observations, chosen: NDArray[np.bool_]) -> float:
    """Mean number of sources that are fitted at one of the redshifts chosen."""
    return float(_n_redshifts(data, chosen).sum() / np.count_nonzero(chosen))


def time_text(seconds: float) -> str:
    """A duration for readers, no more exact than an extrapolation can be."""
    if seconds < 1:
        return "1 s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"
