"""The axes of the parameter grid: parameters in, the values of each axis and the numbering of the models out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from fastsed._ext.ravel import unravel
from fastsed.arrays import Floats, Ints, Singles
from fastsed.config.models import ModelOptions
from fastsed.errors import InputError
from fastsed.sizes import MAX_AXIS_POINTS, check_models, counted_points, single

Role = Literal["redshift", "attenuation", "age", "metallicity", "history"]
"""What an axis stands for in the numbering of models, in the order that settles ties, and in the physics."""

REDSHIFT: Role = "redshift"
ATTENUATION: Role = "attenuation"
AGE: Role = "age"
METALLICITY: Role = "metallicity"
HISTORY: Role = "history"

_ROLES: dict[str, Role] = {
    "z": REDSHIFT, "Av": ATTENUATION, "Av_bc": ATTENUATION, "lage": AGE, "metal": METALLICITY,
}  # fmt: skip
FIXED_AXES = tuple(_ROLES)
"""The axes of every grid of galaxies, slowest first; those of the star formation history follow."""

SMALLEST_REDSHIFT = 0.00001
"""Galaxies nearer than this are put here where they bring their own redshift axis, as in FAST++."""

# FAST++'s exp(ln 10 x) is a little above the power of ten at whole x, where the next time step then begins
_LN10 = 2.30258509299404568


def role_of(name: str) -> Role:
    """What an axis stands for; all but the fixed ones are parameters of the star formation history."""
    return _ROLES.get(name, HISTORY)


def axis(low: float, high: float, step: float, name: str = "axis") -> Singles:
    """Points from `low` to `high`, both included, `step` apart, where FAST++ has them.

    The three numbers are rounded to single precision first, and their quotient too; it decides how many points there
    are. The points themselves are found in double precision, and then rounded.

    Parameters
    ----------
    low, high, step : float
        With `low` equal to `high` the step does not matter.
    name : str
        Of the axis, for messages.

    Returns
    -------
    ndarray of float32, shape (round((high - low) / step) + 1,)
        The last point is `high` itself, even where the steps do not end there. There are at least two, unless `low`
        is `high`.

    Raises
    ------
    InputError
        Where there would be too many.
    """
    first, last, spacing = single(low), single(high), single(step)
    if first == last:
        return np.array([first], dtype=np.float32)
    count = counted_points(
        f"{name.upper()}_STEP", single(last - first), spacing, MAX_AXIS_POINTS, in_single=True
    )
    return _distinct(_points(first, last, spacing, count), name, step)


def _points(low: float, high: float, step: float, count: int) -> Floats:
    """`count` points, or the two ends if that is more; the last one is `high`."""
    values = low + step * np.arange(max(count, 2), dtype=np.float64)
    values[-1] = high
    return values


def redshift_axis(z_min: float, z_max: float, step: float, logarithmic: bool) -> Singles:
    """Redshifts of the grid: equal steps in z, or in log10(1+z).

    A zero step, or a range shorter than half a step, gives the single redshift `z_min`. Steps in log10(1+z) are
    counted in double precision, as in FAST++.
    """
    first, last, spacing = (single(value) for value in (z_min, z_max, step))
    if spacing == 0 or single(last - first) < spacing / 2:
        return np.array([z_min], dtype=np.float32)
    if not logarithmic:
        return axis(z_min, z_max, step, "z")
    low, high = math.log10(1 + first), math.log10(1 + last)
    count = counted_points("Z_STEP", high - low, spacing, MAX_AXIS_POINTS)
    return _distinct(10.0 ** _points(low, high, spacing, count) - 1, "z", step)


def _distinct(points: Floats, name: str, step: float) -> Singles:
    """The points in single precision, which must not make two of them one."""
    values = points.astype(np.float32)
    same = np.flatnonzero(np.diff(values) <= 0)
    if len(same):
        raise InputError(
            f"{name.upper()}_STEP = {step:g} is too small: single precision, in which FAST++ keeps the grid, "
            f"does not tell points near {values[same[0]]:g} apart"
        )
    return values


def few_redshifts(z_axis: Singles, known: Floats) -> Singles:
    """The redshift axis for few galaxies with known redshifts: these, sorted, instead of the regular grid.

    Parameters
    ----------
    z_axis : (nz,) the regular axis
    known : (nsource,) spectroscopic, else photometric redshift; NaN where there is none
    """
    values = np.unique(np.maximum(known[np.isfinite(known)], SMALLEST_REDSHIFT).astype(np.float32))
    return values if len(values) else z_axis


@dataclass(frozen=True, eq=False)
class Axes:
    """The grid: modelID is the row-major index over `values`, the first axis being the slowest.

    Attributes
    ----------
    names : tuple of str
        z, Av, Av_bc, lage, metal, then those of the star formation history.
    values : tuple of float32 arrays
    """

    names: tuple[str, ...]
    values: tuple[Singles, ...]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each axis."""
        return tuple(len(v) for v in self.values)

    @cached_property
    def size(self) -> int:
        """Number of models, an exact Python integer."""
        return math.prod(self.shape)

    def of_role(self, *roles: Role) -> tuple[int, ...]:
        """Numbers of the axes that play these roles, role by role, each in the order of the axes."""
        return tuple(k for role in roles for k, name in enumerate(self.names) if role_of(name) == role)

    def sizes_of(self, *roles: Role) -> tuple[int, ...]:
        """Number of values of each of these axes."""
        return tuple(self.shape[k] for k in self.of_role(*roles))

    def values_of(self, name: str) -> Singles:
        """Values of an axis."""
        return self.values[self.names.index(name)]

    def with_values(self, values: Mapping[str, Singles]) -> Axes:
        """The same axes, some of them with other values."""
        return Axes(self.names, tuple(values.get(name, old) for name, old in self.as_dict().items()))

    @cached_property
    def z(self) -> Singles:
        """Redshifts."""
        return self.values_of("z")

    @cached_property
    def lage(self) -> Singles:
        """log10(age/yr)."""
        return self.values_of("lage")

    @cached_property
    def metal(self) -> Singles:
        """Metallicities."""
        return self.values_of("metal")

    @cached_property
    def cell_shape(self) -> tuple[int, ...]:
        """Number of values of Av and Av_bc, whose pairs are the dust cells."""
        return self.sizes_of(ATTENUATION)

    @cached_property
    def n_cells(self) -> int:
        """Number of dust cells."""
        return math.prod(self.cell_shape)

    @cached_property
    def history_names(self) -> tuple[str, ...]:
        """Names of the axes of the star formation history."""
        return tuple(self.names[k] for k in self.of_role(HISTORY))

    @cached_property
    def history_shape(self) -> tuple[int, ...]:
        """Number of values of each axis of the star formation history."""
        return self.sizes_of(HISTORY)

    @cached_property
    def n_history(self) -> int:
        """Number of star formation histories of one age."""
        return math.prod(self.history_shape)

    @cached_property
    def models_per_redshift(self) -> int:
        """Number of models of one redshift."""
        return math.prod(self.sizes_of(ATTENUATION, AGE, METALLICITY, HISTORY))

    def as_dict(self) -> dict[str, Singles]:
        """Name and values of each axis, in order."""
        return dict(zip(self.names, self.values, strict=True))

    def indices(self, model_ids: Ints, n_threads: int = 1) -> tuple[Ints, ...]:
        """Index along each axis of each model; -1 where there is none.

        Parameters
        ----------
        model_ids : int64 array
        n_threads : int
        """
        return self._unravel(model_ids, range(len(self.shape)), n_threads)[1]

    def _unravel(
        self, numbers: Ints, slowest_first: Sequence[int], n_threads: int
    ) -> tuple[Ints, tuple[Ints, ...]]:
        """modelIDs and indices along each axis of models that are numbered by the axes in another order."""
        sizes = np.array(self.shape)[list(slowest_first)]
        strides = np.array([math.prod(self.shape[k + 1 :]) for k in slowest_first])
        models = np.empty(numbers.shape, dtype=np.int64)
        result = np.empty((len(sizes), *numbers.shape), dtype=np.int64)
        unravel(
            np.ravel(numbers), sizes, strides, result.reshape(len(result), -1), models.reshape(-1), n_threads
        )
        return models, tuple(result[index] for index in np.argsort(slowest_first))

    def cells_and_populations(self, model_ids: Ints) -> tuple[Ints, Ints, Ints]:
        """Of models (n,), which pair (Av, Av_bc), which metallicity and, within it, which population, (n,) each."""
        rest, history = divided(model_ids, self.n_history)
        rest, imetal = divided(rest, len(self.metal))
        rest, ilage = divided(rest, len(self.lage))
        _, cell = divided(rest, self.n_cells)
        return cell, imetal, ilage * self.n_history + history

    def tie_order(self, imetal: int, ilage: Ints, history: Ints, cells: Ints) -> Ints:
        """Position, without z, in the order that settles ties: metal, history, lage, Av, Av_bc (fastest).

        `cells` (ncell, 1) number the pairs (Av, Av_bc); `ilage` and `history` are (n,). The result is (ncell, n).
        """
        return ((imetal * self.n_history + history) * len(self.lage) + ilage) * self.n_cells + cells

    def models_of_tie_order(self, order: Ints, n_threads: int = 1) -> tuple[Ints, tuple[Ints, ...]]:
        """modelID, and index along each axis, of each position ``tie_order * nz + iz``; -1 stays -1."""
        metal_first = self.of_role(METALLICITY, HISTORY, AGE, ATTENUATION, REDSHIFT)
        return self._unravel(order, metal_first, n_threads)

    def redshift_index(self, model_ids: Ints) -> Ints:
        """Index of the redshift of each model; negative for negative modelIDs, which stand for none."""
        return model_ids // self.models_per_redshift

    def parameters(self, model_ids: Ints) -> dict[str, Singles]:
        """Value of each grid parameter of each model."""
        places = self.indices(model_ids)
        return {n: v[i] for n, v, i in zip(self.names, self.values, places, strict=True)}

    def history_parameters(self, histories: Ints) -> dict[str, Floats]:
        """Values of the parameters of the star formation histories of given numbers (n,)."""
        if not self.history_shape:
            return {}
        places = np.unravel_index(histories, self.history_shape)
        named = zip(self.history_names, places, strict=True)
        return {name: self.values_of(name)[index].astype(float) for name, index in named}

    def nearest_redshift(self, z: Floats) -> Ints:
        """Index of the grid redshift nearest to each value, the lower one of two as near.

        Distances are in single precision, so that half-way values go where FAST++ takes them.
        """
        z = z.astype(np.float32)
        right = np.clip(np.searchsorted(self.z, z), 0, len(self.z) - 1)
        left = np.maximum(right - 1, 0)
        nearest = np.where(np.abs(self.z[left] - z) <= np.abs(self.z[right] - z), left, right)
        # a difference of single precision can be the same for one more neighbour
        while True:
            lower = np.maximum(nearest - 1, 0)
            moved = (np.abs(self.z[lower] - z) <= np.abs(self.z[nearest] - z)) & (lower < nearest)
            if not moved.any():
                return nearest.astype(np.int64)
            nearest = np.where(moved, lower, nearest)


def power_of_ten(exponent: float) -> float:
    """10**exponent as FAST++ computes it: times are compared with steps that it may just exceed."""
    return math.exp(_LN10 * exponent)


def make_axes(params: ModelOptions, history: Sequence[tuple[str, Singles]]) -> Axes:
    """The grid that the parameter file asks for.

    Parameters
    ----------
    params : ModelOptions
    history : list of (name, values)
        The axes of the star formation history, slowest first.
    """
    fixed = (
        redshift_axis(params.z_min, params.z_max, params.z_step, params.z_step_type == 1),
        axis(params.a_v_min, params.a_v_max, params.a_v_step, "a_v"),
        axis(params.a_v_bc_min, params.a_v_bc_max, params.a_v_bc_step, "a_v_bc"),
        axis(params.log_age_min, params.log_age_max, params.log_age_step, "log_age"),
        np.array(params.metal, dtype=np.float32),
    )
    axes = Axes(
        names=(*FIXED_AXES, *(name for name, _ in history)),
        values=(*fixed, *(values for _, values in history)),
    )
    check_models(dict(zip(axes.names, axes.shape, strict=True)), params.path or None)
    return axes


def history_axes(params: ModelOptions) -> list[tuple[str, Singles]]:
    """The axes of the star formation history: tau for FAST's own, the custom parameters for CUSTOM_SFH."""
    if params.custom_sfh:
        return [(name, axis(*params.custom_ranges[name.lower()], name)) for name in params.custom_params]
    if params.my_sfh:
        return []
    return [("ltau", axis(params.log_tau_min, params.log_tau_max, params.log_tau_step, "log_tau"))]


def divided(numbers: Ints, count: int) -> tuple[Ints, Ints]:
    """Quotient and remainder: numpy has vector code for the division alone."""
    if count == 1:
        return numbers, np.zeros_like(numbers)
    quotient = numbers // count
    return quotient, numbers - quotient * count
