"""Confidence intervals of a run: a set-up and its best fits in; bounds of every column, and what they rest on, out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastsed.fit.engine import Fits, Progress
from fastsed.fit.good_models import GoodModelCollector, GoodModels, collect_good_models
from fastsed.fit.intervals import intervals_from_chi2, medians_from_simulations, percentiles_from_simulations
from fastsed.fit.simulations import Simulations, Simulator, draw_noise, fit_simulations
from fastsed.models.properties import model_properties, property_names
from fastsed.outputs.columns import property_columns

if TYPE_CHECKING:
    from fastsed.pipeline import Setup

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# memory for the simulations of the sources that are treated together
SIMULATION_BYTES = 32 << 20
BYTES_PER_SIMULATION = 32
# one quantity of the simulations that are described together: it should stay in the processor's cache
DESCRIBED_BYTES = 256 << 10


@dataclass
class Uncertainties:
    """What is known beyond the best fits.

    Attributes
    ----------
    intervals : dict of str to (nsource, nconfidence, 2)
        Lower and upper bound of each axis and each of `wanted_properties`, as stored (not logarithms).
    medians : dict of str to (nsource,)
        Medians of the simulations; empty without BEST_FROM_SIM.
    """

    intervals: dict[str, Floats]
    medians: dict[str, Floats]

    @classmethod
    def unknown(
        cls, names: list[str], n_sources: int, n_confidences: int, with_medians: bool
    ) -> Uncertainties:
        """All NaN."""
        return cls(
            {name: np.full((n_sources, n_confidences, 2), np.nan) for name in names},
            {name: np.full(n_sources, np.nan) for name in names} if with_medians else {},
        )


def wanted_properties(setup: Setup) -> list[str]:
    """Names of the properties that the output catalogue holds, or of all if other files will hold them."""
    names, p = property_names(setup.grid), setup.params
    if p.save_sim or p.save_bestchi:
        return names
    columns = {column.name for column in setup.columns}
    return [name for name in names if name in columns]


def scaled_properties(
    setup: Setup, models: Ints, scale: Floats, spec_scale: Floats, names: Sequence[str] | None = None
) -> dict[str, Floats]:
    """Properties of models times the scales with which they fit; linear.

    Parameters
    ----------
    setup : Setup
    models : (n,) int64
        modelIDs.
    scale, spec_scale : (n,)
    names : sequence of str, optional
        Of the properties; all by default.
    """
    values = model_properties(setup.grid, models, names)
    for column in property_columns(setup.params, {i.name: i.kind for i in setup.grid.indices}):
        if column.scales and column.name in values:
            values[column.name] = values[column.name] * scale
    if "sscale" in values:
        with np.errstate(divide="ignore", invalid="ignore"):
            values["sscale"] = scale / spec_scale
    return values


@dataclass
class SimulatedSources:
    """The simulations of some sources, with the properties of their models.

    Attributes
    ----------
    rows : slice
        Which sources.
    simulations : Simulations
    indices : dict of str to int64 (nsource, nsim)
        Place of each model along each axis; -1 where nothing was fitted.
    properties : dict of str to (nsource, nsim)
        As stored; NaN where nothing was fitted.
    """

    rows: slice
    simulations: Simulations
    indices: dict[str, Ints]
    properties: dict[str, Floats]

    def typical(self) -> Ints:
        """For each source, the simulation nearest to all others: smallest summed distance in grid indices."""
        points = np.stack(list(self.indices.values()), axis=-1).astype(float)
        chosen = np.zeros(len(points), dtype=np.int64)
        for i, p in enumerate(points):
            square = np.sum(p**2, axis=1)
            distance = np.sqrt(np.maximum(square[:, None] + square - 2 * (p @ p.T), 0))
            chosen[i] = int(np.argmin(distance.sum(axis=1)))
        return chosen


def _described(setup: Setup, rows: slice, simulations: Simulations) -> SimulatedSources:
    """Look up parameters and properties of all best models."""
    model = simulations.model
    indices = dict(zip(setup.grid.axes.names, simulations.indices, strict=True))
    fitted = model >= 0
    # a slice makes no copies
    known = slice(None) if fitted.all() else np.flatnonzero(fitted)
    scales = simulations.scale.ravel()[known], simulations.spec_scale.ravel()[known]
    properties = scaled_properties(setup, model.ravel()[known], *scales, wanted_properties(setup))
    for name, values in properties.items():
        everywhere = np.full(model.size, np.nan)
        everywhere[known] = values
        properties[name] = everywhere.reshape(model.shape)
    return SimulatedSources(rows, simulations, indices, properties)


def simulates_in_passing(setup: Setup) -> bool:
    """Whether the simulations can be fitted in the same pass over the tiles as the data.

    Not where the tiles stay in memory anyway (several passes prune better), or the sources come in several runs.
    """
    params, data, grid = setup.params, setup.data, setup.grid
    if not params.n_sim or len(list(simulated_chunks(data.n_sources, params.n_sim))) != 1:
        return False
    return not grid.keeps(data.wanted_redshifts(len(grid.axes.z)))


def simulator_for(setup: Setup) -> Simulator | None:
    """Simulations for the same pass over the tiles as the data; None where they need their own."""
    if not simulates_in_passing(setup):
        return None
    params, data, grid = setup.params, setup.data, setup.grid
    return Simulator(grid, data, draw_noise(params.n_sim, grid.rows, params.seed), slice(0, data.n_sources))


def from_simulations(
    setup: Setup,
    fits: Fits,
    visit: Callable[[SimulatedSources], None],
    simulator: Simulator | None = None,
    progress: Progress | None = None,
) -> Uncertainties:
    """Intervals, and medians for BEST_FROM_SIM, from Monte Carlo simulations.

    Parameters
    ----------
    setup : Setup
    fits : Fits
    visit : callable
        Called with the simulations of some sources at a time, in order.
    simulator : Simulator, optional
        From `simulator_for`, if it has seen all tiles.
    progress : callable, optional
    """
    params, data, axes = setup.params, setup.data, setup.grid.axes.as_dict()
    names = [*axes, *wanted_properties(setup)]
    found = Uncertainties.unknown(names, data.n_sources, len(params.c_interval), params.best_from_sim)
    noise = draw_noise(params.n_sim, setup.grid.rows, params.seed) if simulator is None else None
    n_threads = setup.grid.n_threads
    for rows in simulated_chunks(data.n_sources, params.n_sim):
        if noise is not None:
            simulator = fit_simulations(setup.grid, data, fits, noise, rows, progress=progress)
        assert simulator is not None
        for few in _runs(rows, max(1, DESCRIBED_BYTES // (8 * params.n_sim))):
            sources = _described(setup, few, simulator.found(few))
            bounds = percentiles_from_simulations(
                sources.indices, axes, sources.properties, params.c_interval, n_threads
            )
            for name, values in bounds.items():
                found.intervals[name][few] = values
            if params.best_from_sim:
                medians = medians_from_simulations(sources.indices, axes, sources.properties, n_threads)
                for name, values in medians.items():
                    found.medians[name][few] = values
            visit(sources)
    return found


def simulated_chunks(n_sources: int, n_simulations: int) -> Iterator[slice]:
    """Runs of sources whose simulations fit into memory together."""
    size = max(1, SIMULATION_BYTES // (BYTES_PER_SIMULATION * n_simulations))
    return _runs(slice(0, n_sources), size)


def _runs(rows: slice, size: int) -> Iterator[slice]:
    """Rows in runs of at most `size`."""
    for start in range(rows.start, rows.stop, size):
        yield slice(start, min(start + size, rows.stop))


@dataclass
class GoodSource:
    """The good models of one source, by modelID.

    Attributes
    ----------
    row : int
        Which source.
    model : (n,) int64
    chi2, scale, spec_scale : (n,)
    properties : dict of str to (n,)
        As stored.
    """

    row: int
    model: Ints
    chi2: Floats
    scale: Floats
    spec_scale: Floats
    properties: dict[str, Floats]


def collector_for(setup: Setup) -> GoodModelCollector | None:
    """Collector of good models for the same pass over the tiles as the fit; None where tiles stay in memory anyway."""
    if not setup.params.save_bestchi or setup.params.n_sim:
        return None
    if setup.grid.keeps(setup.data.wanted_redshifts(len(setup.grid.axes.z))):
        return None
    return GoodModelCollector(setup.grid, setup.data, setup.params.save_bestchi)


def from_chi2(
    setup: Setup,
    fits: Fits,
    visit: Callable[[GoodSource], None],
    collector: GoodModelCollector | None = None,
    progress: Progress | None = None,
) -> Uncertainties:
    """Intervals from all models with chi2 - best < SAVE_BESTCHI.

    Parameters
    ----------
    setup : Setup
    fits : Fits
    visit : callable
        Called with the good models of each fitted source, in order.
    collector : GoodModelCollector, optional
        From `collector_for`, if it has seen all tiles.
    progress : callable, optional
    """
    params, axes = setup.params, setup.grid.axes
    names = [*axes.names, *wanted_properties(setup)]
    found = Uncertainties.unknown(names, setup.data.n_sources, len(params.c_interval), False)
    good = (
        collector.found(fits)
        if collector is not None
        else collect_good_models(setup.grid, setup.data, fits, params.save_bestchi, progress)
    )
    with good:
        for source in _good_sources(setup, good):
            visit(source)
            parameters = axes.parameters(source.model)
            values = np.stack([*parameters.values(), *source.properties.values()], axis=1)
            bounds = intervals_from_chi2(source.chi2, values, params.c_interval, float(fits.chi2[source.row]))
            for name, pair in zip(names, bounds, strict=True):
                found.intervals[name][source.row] = pair
    return found


def _good_sources(setup: Setup, good: GoodModels) -> Iterator[GoodSource]:
    """The good models source by source, those of a batch being described together."""
    for first, starts, rows in good.batches():
        scales = rows["scale"], rows["spec_scale"]
        properties = scaled_properties(setup, rows["model"], *scales, wanted_properties(setup))
        for i, (start, stop) in enumerate(pairwise(starts)):
            if start == stop:
                continue
            own = rows[start:stop]
            yield GoodSource(
                row=first + i,
                model=own["model"].copy(),
                chi2=own["chi2"].copy(),
                scale=own["scale"].copy(),
                spec_scale=own["spec_scale"].copy(),
                properties={name: values[start:stop] for name, values in properties.items()},
            )
