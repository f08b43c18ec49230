"""What a run would take: its checked inputs in; lines on the grid, memory, output files and time out."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastsed.fit.engine import fit
from fastsed.fit.observations import Observations
from fastsed.models.grid import TABLE_BYTES, TILE_BYTES, ModelGrid
from fastsed.models.properties import property_names
from fastsed.run import Setup

Ints = NDArray[np.int64]

# the trial stops after this long, or after this many redshifts
TRIAL_SECONDS = 1.0
TRIAL_REDSHIFTS = 4
# Python with numpy, scipy and h5py
PROGRAM_BYTES = 60e6


def estimate(setup: Setup) -> list[str]:
    """Describe what a run would do; nothing is written.

    Some tiles in the middle of the grid are built and fitted to know the speed.

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
        lines.append(f"chi2.grid: {size_text(chi_grid_bytes(setup))}")
    threads = setup.grid.n_threads
    lines.append(f"time: about {time_text(seconds)} with {threads} thread{'s' * (threads > 1)}")
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
    lines = [f"grid: {axes.size} models, of which {setup.n_models_to_fit} are to be fitted"]
    width = max(map(len, axes.names))
    for name, values in axes.as_dict().items():
        span = f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g}"
        lines.append(f"  {name:{width}}  {len(values):6d}  {span}")
    return lines


def chi_grid_bytes(setup: Setup) -> int:
    """Size of `chi2.grid`, but for its header."""
    return 4 * setup.grid.axes.size * (1 + len(property_names(setup.grid))) * setup.data.n_sources


def _memory(setup: Setup) -> str:
    arrays = (setup.catalog.flux, setup.catalog.error, setup.data.value, setup.data.variance)
    catalogue = sum(a.nbytes for a in arrays)
    in_flight = 2 * setup.grid.n_threads + 2 if setup.grid.n_threads > 1 else 1
    largest = min(TILE_BYTES, 8 * setup.data.n_columns * setup.grid.axes.models_per_redshift)
    models = in_flight * largest + TABLE_BYTES
    return (
        f"memory: less than {size_text(PROGRAM_BYTES + catalogue + models)} "
        f"(catalogue {size_text(catalogue)}, models {size_text(models)})"
    )


class _Enough(Exception):
    """The trial has run long enough."""


@dataclass
class _Trial:
    """When how many models were done; stops the fit that calls it when it has run long enough."""

    start: float = field(default_factory=time.perf_counter)
    done: list[int] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    def __call__(self, n_models: int) -> None:
        self.done.append(n_models)
        self.at.append(time.perf_counter() - self.start)
        if self.at[-1] > TRIAL_SECONDS + self.at[0]:
            raise _Enough

    def seconds_per_model(self) -> float:
        """Without what happens before the first tile, where there are others to tell."""
        if len(self.done) > 1:
            return (self.at[-1] - self.at[0]) / sum(self.done[1:])
        return self.at[0] / self.done[0] if self.done else 0.0


def _seconds(setup: Setup) -> float:
    """Time of the whole run, from a trial in the middle of the grid."""
    n_z = len(setup.grid.axes.z)
    data = _part(setup.data, _middle(setup.data.wanted_redshifts(n_z) & (setup.grid.ages_at > 0)))
    wanted = data.wanted_redshifts(n_z)
    if not wanted.any():
        return 0.0
    grid = _without_cache(setup)
    with _silence():
        building, fitting = _build(grid, wanted), _fit(grid, data)
    if not building.done:
        return 0.0
    build = building.seconds_per_model()
    per_pair = max(0.0, fitting.seconds_per_model() - build) / max(1.0, _sources_per_redshift(data, n_z))
    start = max(0.0, building.at[0] - build * building.done[0]) * len(grid.axes.metal)
    return start + setup.n_models_to_fit * (build + per_pair * _sources_per_redshift(setup.data, n_z))


def _middle(wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of the redshifts marked, a few in the middle, without gaps between the first and the last."""
    marked = np.flatnonzero(wanted)
    start = max(0, (len(marked) - TRIAL_REDSHIFTS) // 2)
    chosen = np.zeros_like(wanted)
    if len(marked):
        chosen[marked[start] : marked[start : start + TRIAL_REDSHIFTS][-1] + 1] = True
    return chosen


def _part(data: Observations, chosen: NDArray[np.bool_]) -> Observations:
    """The same observations with windows cut to the redshifts chosen, a run of them."""
    places = np.flatnonzero(chosen)
    low, high = (places[0], places[-1]) if len(places) else (0, -1)

    def cut(first: Ints, last: Ints) -> tuple[Ints, Ints]:
        first, last = np.maximum(first, low), np.minimum(last, high)
        empty = last < first
        return np.where(empty, 0, first), np.where(empty, -1, last)

    first, last = cut(data.first_z, data.last_z)
    best_first, best_last = cut(data.best_first_z, data.best_last_z)
    return dataclasses.replace(
        data, first_z=first, last_z=last, best_first_z=best_first, best_last_z=best_last
    )


def _without_cache(setup: Setup) -> ModelGrid:
    """A grid of its own, that neither reads nor writes a cache."""
    params = dataclasses.replace(setup.params, no_cache=True)
    return dataclasses.replace(setup.grid, params=params, metals={})


def _build(grid: ModelGrid, wanted: NDArray[np.bool_]) -> _Trial:
    """Make tiles, fit nothing."""
    trial = _Trial()
    with suppress(_Enough):
        for tile in grid.tiles(wanted):
            trial(tile.n_models)
    return trial


def _fit(grid: ModelGrid, data: Observations) -> _Trial:
    """Make tiles and fit them."""
    trial = _Trial()
    with suppress(_Enough):
        fit(grid, data, trial)
    return trial


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


def _sources_per_redshift(data: Observations, n_z: int) -> float:
    """Mean number of sources that a redshift is fitted to, where there are any."""
    lengths = np.maximum(0, data.last_z - data.first_z + 1)
    return float(lengths.sum() / max(1, np.count_nonzero(data.wanted_redshifts(n_z))))


def size_text(size: float) -> str:
    """A number of bytes for readers: two digits and a unit."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"


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
