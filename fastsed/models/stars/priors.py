"""Prior models, as dictionaries like BEAST's, and values in; prior densities out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.models.cells import cell_edges, cell_widths

PriorModel = Mapping[str, Any]

KROUPA_BREAKS = (0.08, 0.5, 1.0)  # Msun
KROUPA_SLOPES = (0.3, 1.3, 2.3, 2.3)
SALPETER_SLOPE = 2.35
_BINS = {"x", "values"}
_STEP = {"dist0", "amp1", "damp2", "lgsigma1", "lgsigma2"}
# parameter: {model: (keys it needs, keys it may have)}
MODELS: dict[str, dict[str, tuple[set[str], set[str]]]] = {
    "age": {
        "flat": (set(), {"amp"}),
        "flat_log": (set(), set()),
        "bins_histo": (_BINS, set()),
        "bins_interp": (_BINS, set()),
        "exponential": ({"tau"}, {"amp"}),
    },
    "mass": {
        "kroupa": (set(), {"alpha0", "alpha1", "alpha2", "alpha3"}),
        "salpeter": (set(), {"slope"}),
        "flat": (set(), set()),
    },
    "met": {"flat": (set(), {"amp"}), "bins_histo": (_BINS, set()), "bins_interp": (_BINS, set())},
    "distance": {"flat": (set(), {"amp"}), "absexponential": ({"dist0", "tau", "amp"}, set())},
    "dust": {
        "flat": (set(), {"amp"}),
        "lognormal": ({"mean", "sigma"}, {"N"}),
        "two_lognormal": ({"mean1", "sigma1", "mean2", "sigma2", "N1_to_N2"}, set()),
        "exponential": ({"a"}, {"N"}),
        "step": (_STEP, set()),
    },
}
DEFAULTS: dict[str, PriorModel] = {
    "age": {"name": "flat"},
    "mass": {"name": "kroupa"},
    "met": {"name": "flat"},
    "distance": {"name": "flat"},
    "dust": {"name": "flat"},
}


def check_prior(parameter: str, model: object) -> PriorModel:
    """The model, its keys spelled as in BEAST HEAD.

    Parameters
    ----------
    parameter : {"age", "mass", "met", "distance", "dust"}
    model : mapping
        `name` and the parameters of the model; the keys of BEAST 1.3.2 (`max_pos`, `N1`, ...) are understood.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        For a model that this parameter does not have, missing or unknown keys, values that are no numbers.
    """
    where = f"{parameter} prior"
    if not isinstance(model, Mapping) or not isinstance(model.get("name"), str):
        raise InputError(f'{where}: it must look like {{"name": "flat"}}, not {model!r}')
    name, models = model["name"], MODELS[parameter]
    if name not in models:
        raise InputError(f"{where}: unknown model '{name}': choose one of {', '.join(models)}")
    model = _renamed(model)
    needed, optional = models[name]
    given = set(model) - {"name"}
    if missing := sorted(needed - given):
        raise InputError(f"{where} '{name}': {', '.join(missing)} missing")
    if unknown := sorted(given - needed - optional):
        raise InputError(
            f"{where} '{name}': unknown key '{unknown[0]}' (it has: {_listing(needed | optional)})"
        )
    for key in sorted(given):
        _check_value(f"{where} '{name}': {key}", key, model[key])
    if name.startswith("bins"):
        _check_bins(f"{where} '{name}'", model)
    return model


def _renamed(model: PriorModel) -> dict[str, Any]:
    """With the keys of BEAST 1.3.2 replaced by those of HEAD."""
    names = {"max_pos": "mean", "max_pos1": "mean1", "max_pos2": "mean2"}
    renamed = {names.get(key, key): value for key, value in model.items()}
    if model["name"] == "two_lognormal" and {"N1", "N2"} <= set(renamed):
        first, second = renamed.pop("N1"), renamed.pop("N2")
        if not (_is_number(first) and _is_number(second)) or second == 0:
            raise InputError(
                f"dust prior 'two_lognormal': N1 = {first!r}, N2 = {second!r} must be positive numbers"
            )
        renamed["N1_to_N2"] = first / second
    return renamed


def _check_value(where: str, key: str, value: object) -> None:
    if key in _BINS:
        if not isinstance(value, Sequence) or isinstance(value, str) or not all(map(_is_number, value)):
            raise InputError(f"{where} must be a list of numbers, not {value!r}")
    elif not _is_number(value):
        raise InputError(f"{where} must be a number, not {value!r}")
    elif (key.startswith(("sigma", "lgsigma", "mean")) or key in {"tau", "amp1"}) and not value > 0:  # type: ignore[operator]
        raise InputError(f"{where} = {value!r} must be positive")


def _check_bins(where: str, model: PriorModel) -> None:
    x, values = model["x"], model["values"]
    if len(x) < 2 or np.any(np.diff(x) <= 0):
        raise InputError(f"{where}: x must have at least two ascending values, not {x!r}")
    lengths = {len(x)} if model["name"] == "bins_interp" else {len(x), len(x) - 1}
    if len(values) not in lengths:
        needed_lengths = " or ".join(map(str, sorted(lengths)))
        raise InputError(f"{where}: {len(x)} values of x need {needed_lengths} values, not {len(values)}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _listing(keys: set[str]) -> str:
    return ", ".join(sorted(keys)) or "none"


def prior_density(parameter: str, model: PriorModel, x: ArrayLike, y: ArrayLike | None = None) -> Floats:
    """A prior on the values of its axis, as BEAST HEAD evaluates it on a whole array.

    Parameters
    ----------
    parameter : {"age", "mass", "met", "distance", "dust"}
    model : mapping
        See `check_prior`.
    x : array_like (n,)
        log10(age/yr), initial masses [Msun], metallicities Z, distances [pc], or A(V), R(V), f_A.
    y : array_like (n,), optional
        Distances [pc] of the model `step`.

    Returns
    -------
    float64 (n,)
        Unnormalised. mass: the mean of the IMF over the cell, divided by its mean; `flat_log`: 1/dt, sum 1;
        `two_lognormal`: integral over the axis 1.

    Raises
    ------
    InputError
        For a bad model, values outside of its bins, or `y` missing.
    """
    model = check_prior(parameter, model)
    x = np.atleast_1d(np.asarray(x, dtype=np.float64))
    name = model["name"]
    if parameter == "mass":
        return mass_prior(model, x)
    if name == "step":
        return _step(model, x, y)
    if name.startswith("bins"):
        return _binned(model, x)
    if parameter == "age" and name == "flat_log":
        inverse = 1.0 / cell_widths(x, log=True)
        flat: Floats = inverse / inverse.sum()
        return flat
    if parameter == "age" and name == "exponential":
        declining: Floats = np.exp(-(10.0**x) / (model["tau"] * 1e9))
        return declining
    return _smooth(model, x)


def _smooth(model: PriorModel, x: Floats) -> Floats:
    if model["name"] == "flat":
        return np.full(len(x), float(model.get("amp", 1.0)))
    if model["name"] == "lognormal":
        density: Floats = model.get("N", 1.0) * lognormal(x, model["mean"], model["sigma"])
        return density
    if model["name"] == "absexponential":
        return np.asarray(model["amp"] * np.exp(-np.abs(x - model["dist0"]) / model["tau"]))
    if model["name"] == "exponential":
        return np.asarray(model.get("N", 1.0) * np.exp(-model["a"] * x))
    first = model["N1_to_N2"] * lognormal(x, model["mean1"], model["sigma1"])
    both = first + lognormal(x, model["mean2"], model["sigma2"])
    norm = np.trapezoid(both, x)
    # one value, or an axis on which the density vanishes, has no integral
    return np.asarray(both / norm if norm > 0.0 else both)


def lognormal(x: Floats, mode: float, sigma: float) -> Floats:
    """The lognormal density with its maximum at `mode`; 0 for x <= 0."""
    density = np.zeros(len(x))
    positive = x > 0.0
    value = x[positive]
    deviation = (np.log(value) - np.log(mode) - sigma**2) / sigma
    density[positive] = np.exp(-0.5 * deviation**2) / (value * sigma * np.sqrt(2.0 * np.pi))
    return density


def _step(model: PriorModel, x: Floats, y: ArrayLike | None) -> Floats:
    """One lognormal before the distance `dist0`, another beyond."""
    if y is None:
        raise InputError("the prior 'step' needs the distance of each value")
    distance = np.atleast_1d(np.asarray(y, dtype=np.float64))
    if len(distance) != len(x):
        raise InputError(f"the prior 'step' needs one distance a value, not {len(distance)} for {len(x)}")
    near = lognormal(x, model["amp1"], model["lgsigma1"])
    beyond = model["amp1"] + model["damp2"]
    if beyond <= 0.0:
        raise InputError(f"dust prior 'step': amp1 + damp2 = {beyond:g} must be positive")
    return np.where(distance < model["dist0"], near, lognormal(x, beyond, model["lgsigma2"]))


def _binned(model: PriorModel, x: Floats) -> Floats:
    edges, values = np.asarray(model["x"], float), np.asarray(model["values"], float)
    outside = ~((x >= edges[0]) & (x <= edges[-1]))
    if outside.any():
        raise InputError(
            f"the prior '{model['name']}' covers {edges[0]:g} to {edges[-1]:g}, not the value {x[outside][0]:g}"
        )
    if model["name"] == "bins_interp":
        interpolated: Floats = np.interp(x, edges, values)
        return interpolated
    # the value of the last edge is its own: 0 where only the bins have values
    padded = values if len(values) == len(edges) else np.append(values, 0.0)
    return padded[np.searchsorted(edges, x, side="right") - 1]


@dataclass(frozen=True)
class PowerLaws:
    """A continuous IMF of power laws: xi(m) = factor m^-slope from `lower` to the next segment's."""

    lower: tuple[float, ...]
    slopes: tuple[float, ...]
    factors: tuple[float, ...]

    def integral(self, low: ArrayLike, high: ArrayLike) -> Floats:
        """Integral of xi dm between masses [Msun] (arrays that broadcast)."""
        low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
        total = np.zeros(np.broadcast(low, high).shape)
        for start, stop, slope, factor in zip(
            self.lower, (*self.lower[1:], np.inf), self.slopes, self.factors, strict=True
        ):
            a, b = np.clip(low, start, stop), np.clip(high, start, stop)
            total += factor * _power_integral(a, b, slope)
        return total

    def density(self, mass: ArrayLike) -> Floats:
        """xi at masses [Msun]."""
        mass = np.asarray(mass, dtype=np.float64)
        k = np.searchsorted(self.lower, mass, side="right") - 1
        return np.asarray(np.array(self.factors)[k] * mass ** -np.array(self.slopes)[k])


def _power_integral(a: Floats, b: Floats, slope: float) -> Floats:
    if slope == 1.0:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(a == b, 0.0, np.log(b / a))
    power = 1.0 - slope
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(a == b, 0.0, (b**power - a**power) / power)


def initial_mass_function(model: PriorModel) -> PowerLaws:
    """Kroupa (2001, MNRAS 322, 231, equation 2), Salpeter (1955) or flat."""
    model = check_prior("mass", model)
    if model["name"] == "flat":
        return PowerLaws((0.0,), (0.0,), (1.0,))
    if model["name"] == "salpeter":
        return PowerLaws((0.0,), (float(model.get("slope", SALPETER_SLOPE)),), (1.0,))
    slopes = [float(model.get(f"alpha{k}", slope)) for k, slope in enumerate(KROUPA_SLOPES)]
    factors = [1.0]
    # xi = m^-alpha3 at the top; each segment below meets the one above at their break
    for k in (2, 1, 0):
        factors.insert(0, factors[0] * KROUPA_BREAKS[k] ** (slopes[k] - slopes[k + 1]))
    return PowerLaws((0.0, *KROUPA_BREAKS), tuple(slopes), tuple(factors))


def mass_cells(masses: Floats, imf: PowerLaws) -> Floats:
    """Edges (n + 1,) of the cells around ascending, distinct masses (n >= 2), between which the IMF has an integral."""
    edges = cell_edges(masses, positive=True)
    if edges[0] == 0.0 and not np.isfinite(imf.integral(0.0, edges[1])):
        edges[0] = 0.5 * masses[0]
    return edges


def mass_prior(model: PriorModel, masses: ArrayLike) -> Floats:
    """The mean of the IMF over the cell of each mass, divided by its mean over all masses.

    Equal masses have the same cell; a single mass has the prior 1.
    """
    masses = np.asarray(masses, dtype=np.float64)
    if len(masses) and not masses.min() > 0.0:
        raise InputError(f"initial mass {masses.min():g} must be positive")
    distinct, inverse = np.unique(masses, return_inverse=True)
    if len(distinct) < 2:
        return np.ones(len(masses))
    imf = initial_mass_function(model)
    edges = mass_cells(distinct, imf)
    mean = (imf.integral(edges[:-1], edges[1:]) / np.diff(edges))[inverse]
    return np.asarray(mean / mean.mean())
