"""Confidence intervals of a run: a set-up and its best fits in; bounds of every column, and what they rest on, out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats, Ints
from fastsed.fitting.best_fit import BestFits
from fastsed.fitting.intervals import (
    intervals_from_chi2,
    medians_from_simulations,
    percentiles_from_simulations,
)
from fastsed.fitting.passes import runs
from fastsed.models.properties import model_properties, single
from fastsed.problem import Problem, wanted_properties
from fastsed.quantities import property_quantities

if TYPE_CHECKING:
    from fastsed.fitting.delta_chi2 import AcceptableModels
    from fastsed.fitting.monte_carlo import MonteCarlo, Simulations

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


def unknown_uncertainties(problem: Problem) -> Uncertainties:
    """Those of all sources before their simulations."""
    names = [*problem.grid.axes.names, *wanted_properties(problem)]
    n_confidences = len(problem.params.c_interval)
    return Uncertainties.unknown(names, problem.data.n_sources, n_confidences, problem.params.best_from_sim)


def scaled_properties(
    problem: Problem, models: Ints, scale: Floats, spec_scale: Floats, names: Sequence[str] | None = None
) -> dict[str, Floats]:
    """Properties of models times the scales with which they fit; linear.

    Parameters
    ----------
    problem : Problem
    models : (n,) int64
        modelIDs.
    scale, spec_scale : (n,)
    names : sequence of str, optional
        Of the properties; all by default.
    """
    values = model_properties(problem.grid, models, names)
    for column in property_quantities(problem.params, {i.name: i.kind for i in problem.grid.indices}):
        if column.scales and column.name in values:
            values[column.name] = single(values[column.name] * scale)
    if "sscale" in values:
        with np.errstate(divide="ignore", invalid="ignore"):
            values["sscale"] = single(scale / spec_scale)
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


def _described(problem: Problem, rows: slice, simulations: Simulations) -> SimulatedSources:
    """Look up parameters and properties of all best models."""
    model = simulations.model
    indices = dict(zip(problem.grid.axes.names, simulations.indices, strict=True))
    fitted = model >= 0
    # a slice makes no copies
    known = slice(None) if fitted.all() else np.flatnonzero(fitted)
    scales = simulations.scale.ravel()[known], simulations.spec_scale.ravel()[known]
    properties = scaled_properties(problem, model.ravel()[known], *scales, wanted_properties(problem))
    for name, values in properties.items():
        everywhere = np.full(model.size, np.nan)
        everywhere[known] = values
        properties[name] = everywhere.reshape(model.shape)
    return SimulatedSources(rows, simulations, indices, properties)


def from_simulations(
    problem: Problem,
    uncertainties: Uncertainties,
    monte_carlo: MonteCarlo,
    rows: slice,
    visit: Callable[[SimulatedSources], None],
) -> None:
    """Fill in the intervals of some sources, and their medians for BEST_FROM_SIM, from Monte Carlo simulations.

    Parameters
    ----------
    problem : Problem
    uncertainties : Uncertainties
        Of all sources.
    monte_carlo : MonteCarlo
        Which has seen all tiles.
    rows : slice
        The sources it simulated.
    visit : callable
        Called with the simulations of some sources at a time, in order.
    """
    params, axes = problem.params, problem.grid.axes.as_dict()
    n_threads = problem.grid.n_threads
    for few in runs(rows, max(1, DESCRIBED_BYTES // (8 * params.n_sim))):
        sources = _described(problem, few, monte_carlo.result(few))
        bounds = percentiles_from_simulations(
            sources.indices, axes, sources.properties, params.c_interval, n_threads
        )
        for name, values in bounds.items():
            uncertainties.intervals[name][few] = values
        if params.best_from_sim:
            medians = medians_from_simulations(sources.indices, axes, sources.properties, n_threads)
            for name, values in medians.items():
                uncertainties.medians[name][few] = values
        visit(sources)


@dataclass
class AcceptableModelsOfSource:
    """The acceptable models of one source, by modelID.

    Attributes
    ----------
    row : int
        Which source.
    models : (n,) of dtype `ROW` (acceptable.pyx)
    names : sequence of str
        Axes, and properties.
    values : (nquantity, n)
        Of `names`, as stored.
    """

    row: int
    models: NDArray[np.void]
    names: Sequence[str]
    values: Floats


def from_chi2(
    problem: Problem,
    uncertainties: Uncertainties,
    best: BestFits,
    acceptable: AcceptableModels,
    visit: Callable[[AcceptableModelsOfSource], None],
) -> None:
    """Fill in the intervals of all sources from the models with chi2 - best < SAVE_BESTCHI.

    Parameters
    ----------
    problem : Problem
    uncertainties : Uncertainties
    best : BestFits
    acceptable : AcceptableModels
    visit : callable
        Called with the acceptable models of each fitted source, in order.
    """
    params, axes = problem.params, problem.grid.axes
    names = [*axes.names, *wanted_properties(problem)]
    with acceptable:
        for first, starts, models in acceptable.batches():
            parameters = axes.parameters(models["model"])
            scales = models["scale"], models["spec_scale"]
            properties = scaled_properties(problem, models["model"], *scales, wanted_properties(problem))
            values = np.stack([*parameters.values(), *properties.values()], dtype=np.float64)
            some = np.flatnonzero(np.diff(starts))
            for i in some:
                these = slice(starts[i], starts[i + 1])
                visit(AcceptableModelsOfSource(first + int(i), models[these], names, values[:, these]))
            if len(some) and params.interval_from_chi2:
                excess = models["chi2"] - best.chi2[models["source"]]
                bounds = intervals_from_chi2(excess, values, params.c_interval, starts[some])
                for name, of_sources in zip(names, bounds, strict=True):
                    uncertainties.intervals[name][first + some] = of_sources
