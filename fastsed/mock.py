"""Mock test: the best models of a fit, with noise, fitted again: a problem and its results in; a table out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastsed.arrays import Floats, Ints
from fastsed.fitting.best_fit import BestFits, find_best_fits
from fastsed.fitting.observations import Observations
from fastsed.fitting.passes import runs, walk
from fastsed.fitting.posterior import Posterior
from fastsed.fitting.posterior_estimates import PosteriorEstimates
from fastsed.models.grid import ModelGrid
from fastsed.models.tile import Tile
from fastsed.problem import Problem
from fastsed.uncertainties import scaled_properties

# mock sources that are fitted together
MOCKS_TOGETHER = 4096
FAINTEST_DUST = 1e-4


@dataclass(frozen=True)
class MockColumn:
    """One column of the table.

    Attributes
    ----------
    name : str
    values : (nsource x nmock,)
        The mocks of a source follow one another.
    unit, description : str
    """

    name: str
    values: Floats
    unit: str
    description: str


class ModelData:
    """Reducer: what the data of each source would be if its model were true, for a scale of one.

    Parameters
    ----------
    grid : ModelGrid
    model_id : (nsource,)
        -1 for none.
    """

    def __init__(self, grid: ModelGrid, model_id: Ints):
        self._iz = grid.axes.redshift_index(model_id)
        self._number = model_id - self._iz * grid.axes.models_per_redshift
        self.value = np.full((len(model_id), grid.rows.count), np.nan)
        self.dust = np.full((len(model_id), 3), np.nan)

    def prepare(self, tiles: Sequence[Tile]) -> Sequence[Tile]:
        """The tiles as they are."""
        return tiles

    def update(self, tiles: Sequence[Tile]) -> None:
        """Look up the models that some tiles hold."""
        for tile in tiles:
            rows = np.flatnonzero(self._iz == tile.iz)
            order = np.argsort(tile.ids)
            at = np.minimum(np.searchsorted(tile.ids, self._number[rows], sorter=order), len(order) - 1)
            columns = order[at]
            here = tile.ids[columns] == self._number[rows]
            self.value[rows[here]] = tile.flux[:, columns[here]].T
            if tile.dust is not None:
                self.dust[rows[here]] = tile.dust[:, columns[here]].T

    def merge(self, other: ModelData) -> None:
        """Take the models that another part of the grid holds."""
        for name in ("value", "dust"):
            mine, theirs = getattr(self, name), getattr(other, name)
            np.copyto(mine, theirs, where=np.isnan(mine))

    def result(self) -> Floats:
        """Fluxes, luminosities and channels (nsource, ncolumn)."""
        return self.value


def mock_columns(problem: Problem, best: BestFits) -> Iterator[MockColumn]:
    """Fit mocks of all sources.

    Parameters
    ----------
    problem : Problem
        MOCK of its options says how many mocks each source has.
    best : BestFits
        Of the sources.

    Yields
    ------
    MockColumn
        The true and the recovered values of each axis and property of the catalogue; NaN for sources without a fit.
    """
    grid, n = problem.grid, problem.params.mock
    needed = problem.data.redshifts_needed(len(grid.axes.z))
    true = ModelData(grid, best.model_id)
    walk(grid, needed, [true], problem.data.n_sources)
    fits: list[BestFits] = []
    posteriors: list[PosteriorEstimates] = []
    for rows in runs(slice(0, problem.data.n_sources), max(1, MOCKS_TOGETHER // n)):
        data = _mock_data(problem, best, true, rows)
        redshifts = None
        if problem.params.posterior:
            weighing = problem.weighing.repeated(rows, n)
            reducer = Posterior(grid, data, problem.described, weighing, slice(0, data.n_sources))
            walk(grid, needed, [reducer], data.n_sources)
            redshifts = reducer.redshifts_of_best()
            posteriors.append(reducer.result((), with_pdfs=False))
        fits.append(find_best_fits(grid, data, redshifts))
    known = _shown_values(problem, best)
    recovered = _shown_values(problem, BestFits.concatenated(fits))
    posterior = PosteriorEstimates.concatenated(posteriors) if posteriors else None
    for quantity in problem.columns:
        name, unit = quantity.name, quantity.table_unit
        if name not in known:
            continue
        yield MockColumn(f"true_{name}", np.repeat(known[name], n), unit, f"{name} of the model of the mock.")
        yield MockColumn(f"best_{name}", recovered[name], unit, f"{name} of the best fit.")
        if posterior is not None:
            yield MockColumn(f"mean_{name}", posterior.mean[name], unit, f"Mean of the posterior of {name}.")
            text = f"Standard deviation of the posterior of {name}."
            yield MockColumn(f"std_{name}", posterior.std[name], "", text)


def _mock_data(problem: Problem, best: BestFits, true: ModelData, rows: slice) -> Observations:
    """Mocks of some sources: their best models with the noise of their data."""
    data, n = problem.data, problem.params.mock
    scale = np.repeat(best.scale[rows, None], data.n_columns, axis=1)
    scale[:, data.n_main :] = np.where(
        data.own_spec_scale[rows, None] > 0, best.spec_scale[rows, None], best.scale[rows, None]
    )
    drawn = np.array([_noise(problem, row, n, data.n_columns + 1) for row in range(rows.start, rows.stop)])
    noise = drawn.reshape(-1, data.n_columns + 1)
    few = data.part(np.repeat(np.arange(rows.start, rows.stop), n))
    measured = np.isfinite(few.variance)
    model = np.repeat(scale * true.value[rows], n, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(measured, model + np.sqrt(few.variance) * noise[:, :-1], 0.0)
        component = np.maximum(few.log_component, 0)
        dust = np.maximum(
            np.repeat(true.dust[rows], n, axis=0)[np.arange(len(few.value)), component], FAINTEST_DUST
        )
        log_lir = np.log10(np.repeat(best.scale[rows], n) * dust) + few.log_error * noise[:, -1]
    lost = np.repeat(~best.fitted[rows], n)
    windows: dict[str, Any] = {
        name: np.where(lost, end, getattr(few, name))
        for name, end in (("first_z", 0), ("last_z", -1), ("best_first_z", 0), ("best_last_z", -1))
    }
    return replace(
        few,
        value=np.nan_to_num(value),
        log_lir=np.where(few.log_component >= 0, log_lir, few.log_lir),
        **windows,
    )


def _noise(problem: Problem, row: int, n: int, n_columns: int) -> Floats:
    """Standard normals (nmock, ncolumn) of a source, which follow from SEED and its id."""
    words = str(problem.catalog.ids[row]).encode("utf-8", "surrogateescape")
    return np.random.default_rng([problem.params.seed, *words]).standard_normal((n, n_columns))


def _shown_values(problem: Problem, best: BestFits) -> dict[str, Floats]:
    """Values of all axes and properties of the catalogue as they are shown, not rounded; NaN without a fit."""
    rows, names = np.flatnonzero(best.fitted), [q.name for q in problem.described]
    models = best.model_id[rows]
    stored = scaled_properties(problem, models, best.scale[rows], best.spec_scale[rows], names)
    stored |= {name: v.astype(np.float64) for name, v in problem.grid.axes.parameters(models).items()}
    values: dict[str, Floats] = {}
    for quantity in problem.columns:
        if quantity.name in stored:
            values[quantity.name] = np.full(len(best.model_id), np.nan)
            values[quantity.name][rows] = quantity.shown(stored[quantity.name])
    return values
