"""What a run would take: its checked inputs in; lines on the grid, memory, output files and time out."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from fastsed.arrays import Mask
from fastsed.fitting.best_fit import BestFit
from fastsed.fitting.monte_carlo import MonteCarlo
from fastsed.fitting.observations import Observations, sum_in_window
from fastsed.fitting.passes import Reducer, batches, simulated_chunks, walk_best_first
from fastsed.memory import machine_bytes, memory_parts
from fastsed.models.axes import Axes
from fastsed.models.grid import ModelGrid
from fastsed.models.tile import Tile
from fastsed.outputs.chi2grid import size_text
from fastsed.outputs.grid_file import chi_grid_bytes
from fastsed.problem import Problem
from fastsed.uncertainties import from_simulations, unknown_uncertainties

if TYPE_CHECKING:
    from fastsed.fitting.posterior import Posterior

# the trial makes tiles for this long, of this many redshifts, and fits them to this many sources
TRIAL_SECONDS = 0.15
TRIAL_REDSHIFTS = 3
TRIAL_SOURCES = 240
TRIAL_SIMULATIONS = 100
# so often, of which the least time counts
TRIAL_REPEATS = 5
# values of the other axes, and time steps of all histories together
TRIAL_SCREENS = 48
TRIAL_AGES = 16
TRIAL_HISTORIES = 24
TRIAL_TIMES = 2_000_000


def preview(problem: Problem) -> list[str]:
    """Describe what a run would do; nothing is written.

    Some tiles are built and fitted to know the speed.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    list of str
        Lines for the terminal.

    Raises
    ------
    InputError
        If the models cannot be built.
    """
    lines = ["all inputs can be read", *_inputs(problem), *_grid(problem)]
    seconds = _seconds(problem)
    lines += _memory(problem)
    if problem.params.save_chi_grid:
        lines.append(f"chi2.grid: {size_text(chi_grid_bytes(problem))}")
    threads = problem.grid.n_threads
    # how many models simulations may skip, and how many count for posteriors, is only known when all have been seen
    about = "up to about" if problem.params.n_sim or problem.params.posterior else "about"
    lines.append(f"time: {about} {time_text(seconds)} with {threads} thread{'s' * (threads > 1)}")
    return lines


def _inputs(problem: Problem) -> list[str]:
    data = problem.data
    n_channels, n_sim = data.n_columns - data.n_main, problem.params.n_sim
    each = f"data of each: {data.n_main} bands"
    each += f", {n_channels} spectral channels" if n_channels else ""
    each += f"; {n_sim} simulations" if n_sim else ""
    n_fittable = np.count_nonzero(problem.catalog.fittable)
    return [f"sources: {data.n_sources}, of which {n_fittable} can be fitted", each]


def _grid(problem: Problem) -> list[str]:
    axes = problem.grid.axes
    lines = [f"grid: {axes.size} models, of which {problem.n_models_in_use} are to be fitted"]
    width = max(map(len, axes.names))
    for name, values in axes.as_dict().items():
        span = f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g}"
        lines.append(f"  {name:{width}}  {len(values):6d}  {span}")
    return lines


def _memory(problem: Problem) -> list[str]:
    """What the run may need at most, and a warning where the machine has less."""
    parts = memory_parts(problem)
    text = ", ".join(f"{name} {size_text(size)}" for name, size in parts.items() if size)
    needed, present = sum(parts.values()), machine_bytes()
    lines = [f"memory: less than {size_text(needed)} ({text})"]
    if needed > present:
        lines.append(f"warning: this machine has {size_text(present)} of memory, which may be too little")
    return lines


def _seconds(problem: Problem) -> float:
    """Time of the whole run, from a few models and sources."""
    redshift_mask = problem.plan.redshifts & (problem.grid.ages_at > 0)
    if not redshift_mask.any():
        return 0.0
    grid = TrialGrid.of(problem, spread(redshift_mask, TRIAL_REDSHIFTS))
    data = trial_data(problem.data, grid.chosen)
    with _silence():
        cold = _build(grid)
        grid.limit = cold.n_tiles
        warm = _build(grid)
        if not warm.n_tiles or not data.n_sources:
            return 0.0
        fitting, simulating = _fit_seconds(grid, data, problem, warm.seconds)
    first = problem.plan.passes[0].n_models
    start = max(0.0, cold.first - warm.first) * len(problem.grid.axes.metal)
    building = warm.per_model * first * _n_builds(problem)
    pairs = first * _sources_per_redshift(problem.data, redshift_mask)
    trial_pairs = warm.n_models * _sources_per_redshift(data, grid.chosen)
    return start + building + (fitting + simulating) * pairs / trial_pairs


def spread(redshift_mask: Mask, count: int) -> Mask:
    """Of the redshifts marked, at most `count`, evenly spread, without the ends if others are left."""
    marked = np.flatnonzero(redshift_mask)
    chosen = np.zeros_like(redshift_mask)
    chosen[marked[(2 * np.arange(count) + 1) * len(marked) // (2 * count)]] = True
    return chosen


def trial_data(data: Observations, chosen: Mask) -> Observations:
    """Some of the sources that may lie at one of the redshifts chosen."""
    rows = np.flatnonzero(sum_in_window(chosen, data.first_z, data.last_z))
    rows = rows[:: max(1, len(rows) // TRIAL_SOURCES)]
    return data.part(rows)


class TrialGrid(ModelGrid):
    """A few models of a grid: nothing is kept between passes, no cache is read or written."""

    chosen: Mask
    limit: int | None = None

    @classmethod
    def of(cls, problem: Problem, chosen: Mask) -> TrialGrid:
        """A grid of its own for the trial, with the redshifts chosen and few values of the other axes."""
        grid = problem.grid
        params = dataclasses.replace(problem.params, no_cache=True)
        n_ages = max(1, int(grid.ages_at[chosen].max(initial=0)))
        axes = few_models(grid.axes, n_ages, grid.most_time_steps if params.custom_sfh else 1)
        trial = cls(params, axes, grid.bands, grid.rows, grid.needs_dust, grid.n_threads, needs_rest=False)
        trial.chosen = chosen
        return trial

    def tiles(self, redshift_mask: Mask) -> Iterator[Tile]:
        """No more than `limit` tiles, whatever is wanted."""
        return islice(super().tiles(self.chosen), self.limit)


def few_models(axes: Axes, n_ages: int, n_times: int) -> Axes:
    """A grid with all redshifts, but only some values of the other axes.

    Parameters
    ----------
    axes : Axes
    n_ages : int
        How many of the ages, youngest first, may be used.
    n_times : int
        Time steps of each star formation history, which has to be evaluated on them.
    """
    n_histories = max(1, min(TRIAL_HISTORIES, TRIAL_TIMES // n_times))
    of_each = max(1, int(n_histories ** (1 / max(1, len(axes.history_names)))))
    ages = max(1, min(TRIAL_AGES, TRIAL_TIMES // (n_times * n_histories)))
    most = {"z": len(axes.z), "Av": TRIAL_SCREENS, "Av_bc": TRIAL_SCREENS // 4, "lage": ages, "metal": 1}
    usable = axes.as_dict() | {"lage": axes.lage[:n_ages]}
    few = {
        name: v[spread(np.ones(len(v), dtype=bool), most.get(name, of_each))] for name, v in usable.items()
    }
    return axes.with_values(few)


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


def _fit_seconds(
    grid: TrialGrid, data: Observations, problem: Problem, building: float
) -> tuple[float, float]:
    """Time of all fits and of all simulations with the models of the trial, which take the time `building` to make."""
    p, tiles = problem.params, list(grid.tiles(grid.chosen))
    fits = [BestFit(grid, data) for _ in range(TRIAL_REPEATS)]
    fitting = _update_seconds(fits, tiles, data.n_sources)
    if p.posterior:
        fitting += _update_seconds(_trial_posteriors(grid, data, problem), tiles, data.n_sources)
    # mocks are fitted as the sources are
    fitting *= 1 + p.mock
    if not p.n_sim:
        return fitting, 0.0
    best, few = fits[0].result(), min(p.n_sim, TRIAL_SIMULATIONS)
    trial = dataclasses.replace(problem, params=dataclasses.replace(p, n_sim=few), grid=grid, data=data)
    start = time.perf_counter()
    uncertainties = unknown_uncertainties(trial)
    for rows in simulated_chunks(data.n_sources, few):
        monte_carlo = MonteCarlo(grid, data, trial.noise, rows)
        walk_best_first(grid, grid.chosen, monte_carlo, grid.axes.redshift_index(best.model_id[rows]))
        from_simulations(trial, uncertainties, monte_carlo, rows, lambda simulated: None)
    simulating = max(0.0, time.perf_counter() - start - building)
    return fitting, simulating * p.n_sim / few


def _update_seconds(reducers: Sequence[Reducer], tiles: Sequence[Tile], n_sources: int) -> float:
    """The least time that one of some reducers of a kind takes for the models of tiles; others are disturbed."""
    times = []
    for reducer in reducers:
        prepared = [reducer.prepare(batch) for batch in batches(tiles, n_sources)]
        start = time.perf_counter()
        for batch in prepared:
            reducer.update(batch)
        times.append(time.perf_counter() - start)
    return min(times)


def _trial_posteriors(grid: TrialGrid, data: Observations, problem: Problem) -> list[Posterior]:
    """Reducers of posteriors with flat priors: these hardly change the time."""
    # imported where they are used: other runs start faster
    from fastsed.fitting.posterior import Posterior
    from fastsed.fitting.weighing import make_weighing

    weighing = make_weighing({}, grid.axes, (), problem.params.posterior_scale == "marginal", lambda _: None)
    everyone = slice(0, data.n_sources)
    return [Posterior(grid, data, problem.described, weighing, everyone) for _ in range(TRIAL_REPEATS)]


def _n_builds(problem: Problem) -> int:
    """How often the tiles are made."""
    return 1 if problem.grid.keeps(problem.plan.redshifts) else len(problem.plan.passes)


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


def _sources_per_redshift(data: Observations, chosen: Mask) -> float:
    """Mean number of sources that are fitted at one of the redshifts chosen."""
    return float(sum_in_window(chosen, data.first_z, data.last_z).sum() / np.count_nonzero(chosen))


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
