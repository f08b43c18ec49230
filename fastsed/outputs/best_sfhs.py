"""BEST_SFHS: best models, simulations and allowed models of sources in; `best_fits/*.sfh` out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats, Ints
from fastsed.constants import YEARS_PER_GYR
from fastsed.fitting.intervals import interval_probabilities, property_percentiles
from fastsed.models.grid import ModelGrid
from fastsed.models.populations import Populations
from fastsed.outputs.paths import BEST_FITS, source_path
from fastsed.outputs.sfhs import sfh_times, write_sfh
from fastsed.problem import Problem

log = logging.getLogger(__name__)

Models = tuple[Ints, Floats]
"""modelIDs (n,), and the scales (n,) with which they fit."""

# histories that are in memory at a time, on the fine grid on which they are integrated
_BLOCK = 256


def _cosmic_ages(grid: ModelGrid) -> Floats:
    """Age of the Universe at each redshift of the grid [yr]."""
    return grid.cosmology.age(grid.axes.z.astype(float)) * YEARS_PER_GYR


class SfhWriter:
    """Writes the star formation histories of sources, one after the other.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem):
        self._setup = problem
        self._ages = _cosmic_ages(problem.grid)

    def write(
        self,
        source: int,
        model: int,
        scale: float,
        simulations: Models | None = None,
        allowed: Sequence[Models] | None = None,
    ) -> None:
        """Write the history of the best model of a source, and how uncertain it is.

        Parameters
        ----------
        source : int
            Row of the catalogue.
        model : int
            modelID of the best model.
        scale : float
        simulations : (models, scales), optional
            Best models of the simulations. They give the median and, without `allowed`, the intervals.
        allowed : sequence of (models, scales), optional
            For each confidence of C_INTERVAL, the models whose chi2 is close enough to the best. Their
            extremes are the intervals.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        p, grid = self._setup.params, self._setup.grid
        t = sfh_times(float(self._ages[model // grid.axes.models_per_redshift]), p.sfh_output_step)
        along = _Histories(grid, p.sfh_output == "mass", t)
        median, intervals = None, None
        if simulations is not None:
            median, intervals = along.percentiles(simulations, p.c_interval)
        if allowed is not None:
            intervals = np.stack([along.extremes(result) for result in allowed], axis=1)
        write_sfh(
            source_path(p, self._setup.catalog.ids[source], "sfh"),
            t,
            along.scaled((np.array([model]), np.array([scale])))[0],
            quantity="mass" if p.sfh_output == "mass" else "sfr",
            median=median,
            intervals=intervals,
            confidences=p.c_interval if intervals is not None else (),
        )


def write_best_sfhs(problem: Problem, models: Ints, scales: Floats) -> int:
    """Write the star formation histories of the best models of all sources, without uncertainties.

    Parameters
    ----------
    problem : Problem
    models : (nsource,) int64
        modelIDs; negative where there is no fit.
    scales : (nsource,)

    Returns
    -------
    int
        Number of sources written.
    """
    writer = SfhWriter(problem)
    fitted = np.flatnonzero(models >= 0).tolist()
    for source in fitted:
        writer.write(source, int(models[source]), float(scales[source]))
    folder = Path(problem.params.output_dir) / BEST_FITS
    log.info("wrote the star formation histories of %d sources to '%s'", len(fitted), folder)
    return len(fitted)


def best_history(grid: ModelGrid, model_id: int, scale: float, step: float) -> tuple[Floats, Floats]:
    """Star formation history of one model.

    Parameters
    ----------
    grid : ModelGrid
    model_id : int
    scale : float
    step : float
        Between times [Myr].

    Returns
    -------
    time, sfr : (nt,)
        Time since the Big Bang [yr], and the rate [Msun/yr].
    """
    t = sfh_times(float(_cosmic_ages(grid)[model_id // grid.axes.models_per_redshift]), step)
    result = (np.array([model_id]), np.array([scale]))
    return t, _Histories(grid, False, t).scaled(result)[0]


def history_percentiles(
    grid: ModelGrid, time: Floats, result: Models, confidences: Sequence[float]
) -> tuple[Floats, Floats]:
    """Median (nt,) and bounds (nt, nconfidence, 2) of the star formation rates [Msun/yr] of models at times [yr]."""
    return _Histories(grid, False, time).percentiles(result, confidences)


class _Histories:
    """SFR, or surviving masses, of models at times (nt,) [yr] since the Big Bang; the last is now."""

    def __init__(self, grid: ModelGrid, mass: bool, t: Floats):
        self._grid, self._mass, self._t = grid, mass, t

    def scaled(self, result: Models) -> Floats:
        """The history of each of the models, (n, nt)."""
        models, scales = result
        values = np.empty((len(models), len(self._t)))
        for rows, index, blocks in self._by_population(models):
            values[rows] = np.concatenate([block for _, block in blocks])[index]
        return values * scales[:, None]

    def percentiles(self, result: Models, confidences: Sequence[float]) -> tuple[Floats, Floats]:
        """Median (nt,) and bounds (nt, nconfidence, 2) over simulations."""
        probabilities = np.append(interval_probabilities(confidences).ravel(), np.float32(0.5))
        at = property_percentiles(self.scaled(result).T, probabilities)
        return at[:, -1], at[:, :-1].reshape(len(at), len(confidences), 2)

    def extremes(self, result: Models) -> Floats:
        """Smallest and largest value at each time, (nt, 2); NaN without models."""
        models, scales = result
        if not len(models):
            return np.full((len(self._t), 2), np.nan)
        low, high = np.full(len(self._t), np.inf), np.full(len(self._t), -np.inf)
        for rows, index, blocks in self._by_population(models):
            smallest, largest = np.full(len(models), np.inf), np.full(len(models), -np.inf)
            np.minimum.at(smallest, index, scales[rows])
            np.maximum.at(largest, index, scales[rows])
            for part, block in blocks:
                for edge in (smallest[part], largest[part]):
                    values = block * edge[:, None]
                    low, high = np.minimum(low, values.min(axis=0)), np.maximum(high, values.max(axis=0))
        return np.stack([low, high], axis=-1)

    def _by_population(self, models: Ints) -> Iterator[tuple[Ints, Ints, Iterator[tuple[slice, Floats]]]]:
        """Per metallicity: rows of its models, place of each among its populations, histories of these."""
        _, metals, numbers = self._grid.axes.cells_and_populations(models)
        for metal in np.unique(metals):
            rows = np.flatnonzero(metals == metal)
            distinct, index = np.unique(numbers[rows], return_inverse=True)
            yield rows, index, self._blocks(self._grid.populations[metal], distinct)

    def _blocks(self, populations: Populations, numbers: Ints) -> Iterator[tuple[slice, Floats]]:
        """Histories (n, nt) of the populations of a metallicity, and which of `numbers` they are."""
        for start in range(0, len(numbers), _BLOCK):
            part = slice(start, min(start + _BLOCK, len(numbers)))
            if self._mass:
                yield part, populations.written_masses(numbers[part], self._t)
            else:
                yield part, populations.written_rates(numbers[part], self._t)
