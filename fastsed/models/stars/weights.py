"""Ages, masses, metallicities, distances of stellar models and priors in; the weight of each model out.

The weight of a model is its prior density times the volume of its cell: a sum over models is then an integral over
the parameters, whatever their sampling. Each axis is a factor of its own (`StellarFactors`), so that a prior can be
exchanged without the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.models.cells import axis_weights, cell_widths
from fastsed.models.stars.priors import (
    DEFAULTS,
    PriorModel,
    check_prior,
    initial_mass_function,
    mass_cells,
    prior_density,
)

Columns = Mapping[str, Floats]


@dataclass(frozen=True)
class StellarPriors:
    """The prior models of the stellar axes (see `priors.check_prior`)."""

    age: PriorModel = field(default_factory=lambda: DEFAULTS["age"])
    mass: PriorModel = field(default_factory=lambda: DEFAULTS["mass"])
    met: PriorModel = field(default_factory=lambda: DEFAULTS["met"])
    distance: PriorModel = field(default_factory=lambda: DEFAULTS["distance"])

    def __post_init__(self) -> None:
        for name in ("age", "mass", "met", "distance"):
            object.__setattr__(self, name, check_prior(name, getattr(self, name)))


@dataclass(frozen=True)
class StellarFactors:
    """What each axis contributes to the weight of a model; each (n,), not normalised."""

    age: Floats
    mass: Floats
    met: Floats
    distance: Floats

    def product(self) -> Floats:
        """The weights, with sum 1.

        Raises
        ------
        InputError
            If no model has a positive weight.
        """
        return normalised(self.age * self.mass * self.met * self.distance)


@dataclass(frozen=True)
class SplitWeights:
    """Weights as BEAST HEAD stores them: `weight` = `prior` x `grid`, each (n,)."""

    weight: Floats
    prior: Floats
    grid: Floats


def normalised(weights: Floats, of: str = "models") -> Floats:
    """Weights `of` something divided by their sum.

    Raises
    ------
    InputError
        If the sum is not positive and finite.
    """
    total = float(weights.sum())
    if not (total > 0.0 and np.isfinite(total)):
        raise InputError(f"the weights of the {of} sum to {total:g}: the priors exclude every model")
    return weights / total


def stellar_factors(columns: Columns, priors: StellarPriors) -> StellarFactors:
    """The absolute measure of each model: p(t) dt, integral of the IMF over the mass cell, p(Z) dZ, p(d) dd.

    Parameters
    ----------
    columns : mapping of float64 (n,)
        `logA` (log10 yr), `M_ini` [Msun], `Z`, and `distance` [pc] where there is one.
    priors : StellarPriors

    Returns
    -------
    StellarFactors

    Raises
    ------
    InputError
        For missing columns or values that are not finite.
    """
    age, mass, met, distance = _axes(columns)
    return StellarFactors(
        age=_on_distinct(age, lambda x: _age_measure(x, priors.age)),
        mass=_mass_measure([met, distance, age], mass, priors.mass),
        met=_on_distinct(met, lambda x: prior_density("met", priors.met, x) * cell_widths(x)),
        distance=_on_distinct(distance, lambda x: distance_measure(x, priors.distance)),
    )


def distance_measure(distances: Floats, model: PriorModel) -> Floats:
    """p(d) dd of distinct distances [pc]."""
    return prior_density("distance", model, distances) * cell_widths(distances)


def _axes(columns: Columns) -> tuple[Floats, Floats, Floats, Floats]:
    for name in ("logA", "M_ini", "Z"):
        if name not in columns:
            raise InputError(f"the stellar models have no column {name} (there are: {', '.join(columns)})")
    axes = [np.asarray(columns[name], dtype=np.float64) for name in ("logA", "M_ini", "Z")]
    axes.append(np.asarray(columns.get("distance", np.ones(len(axes[0]))), dtype=np.float64))
    for name, values in zip(("logA", "M_ini", "Z", "distance"), axes, strict=True):
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise InputError(f"column {name}, row {bad[0] + 1}: {values[bad[0]]} is not a finite number")
    if len(axes[1]) and not axes[1].min() > 0.0:
        raise InputError(f"column M_ini: initial mass {axes[1].min():g} must be positive")
    return axes[0], axes[1], axes[2], axes[3]


def _on_distinct(values: Floats, function: Callable[[Floats], Floats]) -> Floats:
    """A function of the distinct values, ascending, spread over all of them."""
    distinct, inverse = np.unique(values, return_inverse=True)
    return np.asarray(function(distinct)[inverse])


def _age_measure(log_age: Floats, model: PriorModel) -> Floats:
    """p(t) dt of ascending ages; `flat_log` has p dt = width in log age."""
    if model["name"] == "flat_log":
        return cell_widths(log_age)
    return prior_density("age", model, log_age) * cell_widths(log_age, log=True)


def groups_of(keys: list[Floats]) -> list[NDArray[np.intp]]:
    """Row numbers of each distinct combination of the keys, ascending within a group."""
    if not len(keys[0]):
        return []
    order = np.lexsort(keys[::-1])
    change = np.zeros(len(order) - 1, dtype=bool)
    for key in keys:
        change |= np.diff(key[order]) != 0
    return np.split(order, np.flatnonzero(change) + 1)


def _mass_measure(keys: list[Floats], mass: Floats, model: PriorModel) -> Floats:
    """Integral of the IMF over the cell of each mass of its isochrone, which equal masses share out evenly.

    An isochrone of one mass counts 1.
    """
    imf, measure = initial_mass_function(model), np.ones(len(mass))
    for rows in groups_of(keys):
        distinct, inverse, copies = np.unique(mass[rows], return_inverse=True, return_counts=True)
        cells = np.ones(1)
        if len(distinct) > 1:
            edges = mass_cells(distinct, imf)
            cells = imf.integral(edges[:-1], edges[1:])
        measure[rows] = (cells / copies)[inverse]
    return measure


def beast2_weights(columns: Columns, priors: StellarPriors) -> SplitWeights:
    """Weights as BEAST HEAD computes them.

    Age and mass have cell widths and priors relative to their mean, per isochrone; metallicity and distance have no
    effect. Where a metallicity and distance has more distinct ages than masses (tracks), the two swap roles. An
    isochrone of one mass has weight 0.

    Parameters
    ----------
    columns, priors
        As in `stellar_factors`.

    Returns
    -------
    SplitWeights
    """
    age, mass, met, distance = _axes(columns)
    prior, grid = np.ones(len(age)), np.ones(len(age))
    for at_distance in groups_of([distance]):
        tracks = len(np.unique(age[at_distance])) > len(np.unique(mass[at_distance]))
        first = _Axis("mass", priors.mass, mass) if tracks else _Axis("age", priors.age, age)
        second = _Axis("age", priors.age, age) if tracks else _Axis("mass", priors.mass, mass)
        for rows in groups_of([met[at_distance]]):
            _beast2_metallicity(at_distance[rows], first, second, prior, grid)
    return SplitWeights(prior * grid, prior, grid)


@dataclass(frozen=True)
class _Axis:
    parameter: str
    model: PriorModel
    values: Floats

    def weights(self, values: Floats) -> tuple[Floats, Floats]:
        """Prior and relative cell width of distinct values."""
        return prior_density(self.parameter, self.model, values), axis_weights(
            values, self.parameter == "age"
        )


def _beast2_metallicity(
    rows: NDArray[np.intp], first: _Axis, second: _Axis, prior: Floats, grid: Floats
) -> None:
    distinct, inverse = np.unique(first.values[rows], return_inverse=True)
    first_prior, first_grid = first.weights(distinct)
    for k in range(len(distinct)):
        members = rows[inverse == k]
        if len(members) < 2:
            prior[members] = grid[members] = 0.0
            continue
        values, copies = np.unique(second.values[members], return_inverse=True)
        second_prior, second_grid = second.weights(values)
        prior[members] = first_prior[k] * second_prior[copies]
        grid[members] = first_grid[k] * second_grid[copies]


@dataclass(frozen=True)
class DustAxis:
    """One axis of the dust: its values (n,) and its prior."""

    values: Floats
    model: PriorModel = field(default_factory=lambda: DEFAULTS["dust"])

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", check_prior("dust", self.model))

    @property
    def needs_distance(self) -> bool:
        """Whether the prior depends on the distance."""
        return bool(self.model["name"] == "step")

    def density(self, distance: float) -> Floats:
        """The prior (n,) at a distance [pc]."""
        return prior_density("dust", self.model, self.values, np.full(len(self.values), distance))

    def measure(self, distance: float) -> Floats:
        """p dx of each value (n,)."""
        return self.density(distance) * cell_widths(self.values)
