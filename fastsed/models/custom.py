"""Populations of CUSTOM_SFH: an SSP, a formula and the grid in; SSP weights, masses and histories out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from threading import local

import numpy as np

from fastsed.arrays import Floats, Ints
from fastsed.config.models import ModelOptions
from fastsed.expressions import Expression, parse_key
from fastsed.library.find import find_ssp, missing_library
from fastsed.library.ssp import read_library
from fastsed.models.axes import Axes, power_of_ten
from fastsed.models.populations import Basis, Masses, broadened
from fastsed.models.sfh import lookback_grid, mean_sfr, ssp_weights, years
from fastsed.models.surviving import surviving_mass_history
from fastsed.sizes import single

# one array of histories on their time steps
HISTORY_BYTES = 16 << 20


class CustomPopulations:
    """Populations whose star formation history is a formula of time and of the custom parameters.

    Parameters
    ----------
    params : ModelOptions
    axes : Axes
    metal : float
    """

    def __init__(self, params: ModelOptions, axes: Axes, metal: float):
        self._params, self._axes, self._metal = params, axes, metal
        self._formula = history_formula(params)
        # what each thread keeps from one range to the next
        self._local = local()
        where = (params.library_dir, params.library, params.resolution, params.imf)
        result = find_ssp(*where, metal)
        if result is None:
            raise missing_library(*where, metal)
        self._path, self._file_metal = result
        # of the SSPs, once they are read
        self._ages, self._surviving, self._n_wavelengths = np.empty(0), np.empty(0), 0
        self.sources = [str(self._path)]

    def files(self) -> list[Path]:
        """The files read, whose content shapes the models."""
        return [self._path]

    def basis(self, start: int = 0, stop: int | None = None) -> Basis:
        """The SSPs, of which all populations are made; the young ones first."""
        ssp = read_library(self._path, self._file_metal)
        self._ages, self._surviving, self._n_wavelengths = ssp.ages, ssp.mass, len(ssp.lam)
        n_young = 0
        if self._params.differential_a_v:
            oldest = power_of_ten(single(self._params.log_bc_age_max))
            n_young = int(np.searchsorted(ssp.ages, oldest, side="right"))
        basis = Basis(ssp.lam, np.ascontiguousarray(ssp.sed.T, dtype=np.float32), n_young)
        return broadened(basis, self._params.apply_vdisp)

    def usable_ages(self) -> tuple[float, float]:
        """Youngest and oldest age [yr] of a population; stars older than the last SSP are left out, as in FAST++."""
        return 0.0, np.inf

    def basis_of(self, numbers: Ints) -> Basis:
        """The SSPs."""
        return self.basis()

    @property
    def bytes_each(self) -> int:
        """None: the SSPs do not depend on the number of populations."""
        return 0

    @property
    def n_wavelengths(self) -> int:
        """Wavelengths of the SSPs."""
        self._ssp_ages()
        return self._n_wavelengths

    @property
    def n_ages(self) -> int:
        """Ages of the SSPs."""
        return len(self._ssp_ages())

    def parts(self, limit: int) -> Iterator[tuple[int, int]]:
        """All populations at once."""
        yield 0, len(self._axes.lage) * self._axes.n_history

    def ranges(self, limit: int, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, int]]:
        """Runs of populations of one age, at most about `limit` long, that `weights_of_range` makes fast."""
        n_history = self._axes.n_history
        for ilage in range(len(self._axes.lage)):
            # the histories of a run are in memory together, on their time steps
            most = min(limit, self._histories_at_once(ilage))
            # whole vectors of populations leave no padding between the rows of a tile
            for low, high in aligned_ranges(self._axes.history_shape, max(most // 16 * 16, 1)):
                yield ilage * n_history + low, ilage * n_history + high

    def _histories_at_once(self, ilage: int) -> int:
        """Histories of one age that are sampled together."""
        n_times = power_of_ten(float(self._axes.lage[ilage])) / years(self._params.custom_sfh_step) + 2
        return max(1, int(HISTORY_BYTES / (8 * n_times)))

    def weights_of_range(self, start: int, stop: int) -> Floats:
        """SSP weights (stop - start, nssp) of one of `ranges`."""
        ilage, first = divmod(start, self._axes.n_history)
        parameters = range_parameters(self._axes, first, first + stop - start)
        t, sfr = self._sampled(ilage, self._same_arrays(parameters), stop - start)
        return ssp_weights(t, sfr, self._ssp_ages())

    def _same_arrays(self, parameters: dict[str, Floats]) -> dict[str, Floats]:
        """The same values in the arrays of the last range, where they are equal: parts of the formula are kept then."""
        kept = self._local.__dict__.setdefault("parameters", {})
        for name, values in parameters.items():
            if not (name in kept and np.array_equal(kept[name], values)):
                kept[name] = values
        return {name: kept[name] for name in parameters}

    def weights(self, numbers: Ints) -> Floats:
        """SSP weights (n, nssp) of the populations `numbers`."""
        weights = np.empty((len(numbers), len(self._ssp_ages())))
        for rows, t, sfr in self.histories(numbers):
            weights[rows] = ssp_weights(t, sfr, self._ssp_ages())
        return weights

    def masses(self, numbers: Ints) -> Masses:
        """Masses and star formation rates of the populations `numbers`."""
        weights = self.weights(numbers)
        sfr = np.empty(len(numbers))
        for rows, t, rates in self.histories(numbers):
            sfr[rows] = mean_sfr(t, rates, years(self._params.sfr_avg))
        return Masses(weights @ self._surviving, sfr, weights.sum(axis=1) * self._surviving[0])

    def history(self, number: int, lookback: Floats) -> Floats:
        """SFR [Msun/yr] of one population at times `lookback` [yr] before it is observed; 0 before it was born."""
        ilage, ihistory = divmod(number, self._axes.n_history)
        age = power_of_ten(float(self._axes.lage[ilage]))
        values: dict[str, Floats] = dict(self._axes.history_parameters(np.array([ihistory])))
        values["lage"] = np.array([float(self._axes.lage[ilage])])
        values["t"] = lookback if self._params.custom_sfh_lookback else age - lookback
        return np.where(lookback <= age, self._formula.evaluate(values), 0.0)

    def written_rates(self, numbers: Ints, t: Floats) -> Floats:
        """SFR (n, m) [Msun/yr] for BEST_SFHS, at times `t` (m,) [yr] since the Big Bang; the last is now.

        As in FAST++, which takes the times themselves, youngest first, for lookback times; this is right up to
        a fraction of their step. It then scales the history so that the SSPs, given these samples, have the
        surviving mass of the model.
        """
        rates = self._rates(numbers, t)
        sampled = ssp_weights(t[-1] - t[::-1], rates, self._ssp_ages()) @ self._surviving
        target = self.masses(numbers).surviving
        scale = np.divide(target, sampled, out=np.ones_like(target), where=sampled > 0)
        return rates[:, ::-1] * scale[:, None]

    def written_masses(self, numbers: Ints, t: Floats) -> Floats:
        """Surviving stellar mass (n, m) [Msun] at these times."""
        ages = self._ssp_ages()
        result = np.empty((len(numbers), len(t)))
        for rows, lookback, sfr in self.histories(numbers):
            result[rows] = surviving_mass_history(lookback, sfr, t[-1] - t, ages, self._surviving)
        return result

    def _rates(self, numbers: Ints, lookback: Floats) -> Floats:
        """SFR (n, m) [Msun/yr] of populations at lookback times (m,) [yr]; 0 before the birth."""
        ilage, ihistory = np.divmod(numbers, self._axes.n_history)
        lage = self._axes.lage[ilage].astype(float)[:, None]
        age = 10.0**lage
        values = {n: v[:, None] for n, v in self._axes.history_parameters(ihistory).items()}
        values["lage"] = lage
        values["t"] = lookback if self._params.custom_sfh_lookback else np.maximum(age - lookback, 0.0)
        # a galaxy as old as the Universe may miss its first time by the rounding of a float32 age
        return np.where(lookback <= age * (1 + 1e-5), self._formula.evaluate(values), 0.0)

    def _ssp_ages(self) -> Floats:
        if not len(self._ages):
            self.basis()
        return self._ages

    def histories(self, numbers: Ints) -> Iterator[tuple[Ints, Floats, Floats]]:
        """Rows of `numbers` of one age, their lookback grid (nt,) [yr] and histories (nrow, nt) [Msun/yr]."""
        ilage, ihistory = np.divmod(numbers, self._axes.n_history)
        for one in np.unique(ilage).tolist():
            of_age, most = np.flatnonzero(ilage == one), self._histories_at_once(one)
            for start in range(0, len(of_age), most):
                rows = of_age[start : start + most]
                parameters = {n: v[:, None] for n, v in self._axes.history_parameters(ihistory[rows]).items()}
                t, sfr = self._sampled(one, parameters, len(rows))
                yield rows, t, sfr

    def _sampled(self, ilage: int, parameters: dict[str, Floats], count: int) -> tuple[Floats, Floats]:
        """Lookback grid (nt,) and the formula on it, (count, nt), from arrays that broadcast with time as last axis."""
        times = self._local.__dict__.setdefault("times", {})
        if ilage not in times:
            lage = float(self._axes.lage[ilage])
            age = power_of_ten(lage)
            t = lookback_grid(age, years(self._params.custom_sfh_step))
            times.clear()
            times[ilage] = t, t if self._params.custom_sfh_lookback else age - t, np.array(lage)
        t, time, log_age = times[ilage]
        shape = np.broadcast_shapes(*(p.shape for p in parameters.values()), t.shape)
        memo = self._local.__dict__.setdefault("memo", {})
        sfr = self._formula.evaluate({**parameters, "lage": log_age, "t": time}, memo)
        return t, np.ascontiguousarray(np.broadcast_to(sfr, shape).reshape(count, len(t)))


def history_formula(params: ModelOptions) -> Expression:
    """The formula of CUSTOM_SFH, parsed.

    Raises
    ------
    ExpressionError
        If it is malformed, or uses another name than t, lage and the custom parameters.
    """
    names = ["t", "lage", *params.custom_params]
    return parse_key("CUSTOM_SFH", params.custom_sfh, names, params.where("custom_sfh"))


def aligned_ranges(shape: tuple[int, ...], limit: int) -> Iterator[tuple[int, int]]:
    """Split the row-major index over `shape` into runs of at most `limit` that are boxes of the axes.

    Each run holds some consecutive values of one axis and all values of those after it, so that a formula of the
    axes can be evaluated factor by factor.
    """
    split, inner = len(shape), 1
    while split > 0 and inner * shape[split - 1] <= limit:
        split -= 1
        inner *= shape[split]
    if split == 0:
        yield 0, inner
        return
    count, step = shape[split - 1], max(1, limit // inner)
    for outer in range(math.prod(shape[: split - 1])):
        for low in range(0, count, step):
            yield (outer * count + low) * inner, (outer * count + min(low + step, count)) * inner


def range_parameters(axes: Axes, start: int, stop: int) -> dict[str, Floats]:
    """Values of the history axes over one of `aligned_ranges`, shaped to broadcast, time being one more last axis."""
    shape = axes.history_shape
    if not shape:
        return {}
    low = np.unravel_index(start, shape)
    high = np.unravel_index(stop - 1, shape)
    parameters = {}
    for i, name in enumerate(axes.history_names):
        along = [1] * (len(shape) + 1)
        along[i] = -1
        parameters[name] = axes.values_of(name)[int(low[i]) : int(high[i]) + 1].astype(float).reshape(along)
    return parameters
