"""A grid in a file and other priors in; the same grid with other weights out, no flux computed again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.models.stars.priors import DEFAULTS, PriorModel
from fastsed.models.stars.weights import DustAxis, StellarPriors, distance_measure, stellar_factors
from fastsed.survey.sed_grid import SedGrid, SedGridWriter

WEIGHTS = ("weight", "prior_weight", "grid_weight")
STAR_COLUMNS = ("logA", "M_ini", "Z")
DUST_COLUMNS = ("Av", "Rv", "f_A")


@dataclass(frozen=True)
class GridPriors:
    """The priors of all axes of a grid (see `priors.check_prior`)."""

    stars: StellarPriors = field(default_factory=StellarPriors)
    av: PriorModel = field(default_factory=lambda: DEFAULTS["dust"])
    rv: PriorModel = field(default_factory=lambda: DEFAULTS["dust"])
    f_a: PriorModel = field(default_factory=lambda: DEFAULTS["dust"])


class GridAxes:
    """What the weights of the models of a grid depend on: its stars, distances and dust axes.

    Parameters
    ----------
    grid : SedGrid
        With the columns specgrid_indx, logA, M_ini, Z, and distance, Av, Rv, f_A where it has them.

    Raises
    ------
    InputError
        If a column is missing, or a star has several ages, masses or metallicities.
    """

    def __init__(self, grid: SedGrid):
        self.grid = grid
        columns = grid.read_columns(["specgrid_indx", *STAR_COLUMNS])
        _, first, star = np.unique(columns["specgrid_indx"], return_index=True, return_inverse=True)
        self.stars = {name: np.asarray(columns[name][first], dtype=np.float64) for name in STAR_COLUMNS}
        for name, values in self.stars.items():
            if not np.array_equal(values[star.ravel()], columns[name]):
                raise InputError(
                    f"its specgrid_indx does not tell stars apart: one has several {name}", grid.path
                )
        self._star = star.ravel()
        self.distances = self._distinct("distance")
        self.dust = [self._distinct(name) for name in DUST_COLUMNS]

    def _distinct(self, name: str) -> Floats:
        """Distinct values of a column; one where the grid has no such column."""
        return np.unique(self.grid.read_columns([name])[name]) if name in self.grid.columns else np.ones(1)

    def factors(self, priors: GridPriors, volume_only: bool = False) -> _Factors:
        """The factors of each star, of each distance, and of the values of each dust axis at each distance."""
        stellar = StellarPriors(mass={"name": "flat"}) if volume_only else priors.stars
        models = [DEFAULTS["dust"]] * 3 if volume_only else [priors.av, priors.rv, priors.f_a]
        stars = stellar_factors(self.stars, stellar)
        axes = [DustAxis(values, model) for values, model in zip(self.dust, models, strict=True)]
        return _Factors(
            stars.age * stars.mass * stars.met,
            distance_measure(self.distances, stellar.distance),
            [np.column_stack([axis.measure(float(d)) for d in self.distances]) for axis in axes],
        )

    def weights(self, factors: _Factors) -> Iterator[tuple[slice, Floats]]:
        """Weights of blocks of rows, not normalised."""
        names = [name for name in ("distance", *DUST_COLUMNS) if name in self.grid.columns]
        for rows in self.grid.blocks():
            columns = self.grid.read_columns(names, rows) if names else {}
            distance = np.zeros(rows.stop - rows.start, dtype=np.intp)
            if "distance" in columns:
                distance = np.searchsorted(self.distances, columns["distance"])
            weight = factors.star[self._star[rows]] * factors.distance[distance]
            for name, values, axis in zip(DUST_COLUMNS, self.dust, factors.dust, strict=True):
                if name in columns:
                    weight = weight * axis[np.searchsorted(values, columns[name]), distance]
            yield rows, weight


@dataclass(frozen=True)
class _Factors:
    star: Floats
    distance: Floats
    dust: list[Floats]


def reweight_grid(path: str | Path, priors: GridPriors, out: str | Path) -> float:
    """Write a grid with the weights of other priors: the absolute measure, with sum 1 over the models it has.

    Parameters
    ----------
    path : path-like
    priors : GridPriors
    out : path-like

    Returns
    -------
    float
        Fraction of the models with a weight above 0.

    Raises
    ------
    InputError
        If the grid lacks a column or is damaged, the priors exclude every model, or the file cannot be written.
    """
    with SedGrid(path) as grid:
        axes = GridAxes(grid)
        full, volume = axes.factors(priors), axes.factors(priors, volume_only=True)
        total, cells = (sum(float(weight.sum()) for _, weight in axes.weights(f)) for f in (full, volume))
        if not (total > 0.0 and np.isfinite(total)):
            raise InputError(
                f"the weights of the models sum to {total:g}: the priors exclude every model", path
            )
        types = {name: grid.table_type[name] for name in grid.columns} | dict.fromkeys(
            WEIGHTS, np.dtype("f8")
        )
        positive = 0
        writer = SedGridWriter(
            out, grid.n_models, grid.wavelengths, grid.filters, types, covariances=grid.has_covariances
        )
        with writer:
            for (rows, weight), (_, cell) in zip(axes.weights(full), axes.weights(volume), strict=True):
                table: dict[str, NDArray[Any]] = {name: grid.read_table(rows)[name] for name in grid.columns}
                table |= _weight_columns(weight / total, cell / cells)
                covariances = grid.read_covariances(rows) if grid.has_covariances else ()
                writer.append(grid.read_seds(rows), table, *covariances)
                positive += int(np.count_nonzero(weight > 0.0))
    return positive / grid.n_models


def _weight_columns(weight: Floats, cell: Floats) -> dict[str, Floats]:
    prior = np.divide(weight, cell, out=np.zeros_like(weight), where=cell > 0.0)
    return {"weight": weight, "prior_weight": prior, "grid_weight": cell}
