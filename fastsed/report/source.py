"""What the figures of a single source show: results and problem in; plain numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastsed.arrays import Floats, Ints, Mask
from fastsed.errors import InputError
from fastsed.fitting.monte_carlo import MonteCarlo, Simulations
from fastsed.fitting.noise import draw_noise
from fastsed.fitting.passes import walk
from fastsed.models.spectrum import SpectrumBuilder
from fastsed.outputs.best_sfhs import best_history, history_percentiles
from fastsed.problem import Problem
from fastsed.quantities import Quantity, axis_quantities, property_quantities
from fastsed.results import Results
from fastsed.threads import single_threaded_blas
from fastsed.uncertainties import scaled_properties

DEFAULT_SIMULATIONS = 200
"""Simulations of a source whose run had none."""
# of posteriors: fraction of the largest probability; bins
_NEGLIGIBLE, _MOST_BINS = 1e-3, 40
MAIN_QUANTITIES = ("z", "lmass", "lsfr", "lssfr", "Av", "lage", "ltau", "metal")


@dataclass(frozen=True)
class Number:
    """A quantity of a source.

    Attributes
    ----------
    quantity : Quantity
    value : float
        As shown: logarithms and magnitudes where the quantity has them.
    bounds : (nconfidence, 2)
        Of its intervals, as shown.
    """

    quantity: Quantity
    value: float
    bounds: Floats


@dataclass(frozen=True)
class SourceSed:
    """Data and best model of a source; bands come before the channels of a spectrum.

    Attributes
    ----------
    identity : str
    redshift : float
    wavelength, flux : (nlam,)
        Best model, observed [Angstrom, 1e-19 erg/s/cm2/Angstrom].
    is_band : (nband,) bool
        False for channels of a spectrum.
    band_wavelength : (nband,)
        Mean wavelength [Angstrom].
    model_flux, data_flux, data_error, total_error : (nband,)
        [1e-19 erg/s/cm2/Angstrom]; errors are infinite where there is no datum. The total error includes the template
        error; chi2 rests on it. Channels are scaled to the photometry, where the fit did so (AUTO_SCALE).
    limit : (nband,)
        Upper limits of the catalogue, which are no data; NaN where there is none.
    curves : list of (wavelength, response)
        Of the bands [Angstrom]; 1 at the largest.
    numbers : list of Number
    chi2 : float
        Reduced.
    confidence : float
        Of the first intervals of the numbers, in percent; NaN without any.
    """

    identity: str
    redshift: float
    wavelength: Floats
    flux: Floats
    is_band: Mask
    band_wavelength: Floats
    model_flux: Floats
    data_flux: Floats
    data_error: Floats
    total_error: Floats
    limit: Floats
    curves: list[tuple[Floats, Floats]]
    numbers: list[Number]
    chi2: float
    confidence: float

    @property
    def residuals(self) -> Floats:
        """(data - model) / total error, (nband,); NaN where there is no datum."""
        with np.errstate(invalid="ignore"):
            residuals = (self.data_flux - self.model_flux) / self.total_error
        return np.where(np.isfinite(self.total_error), residuals, np.nan)


def numbers_of(results: Results, problem: Problem, row: int) -> list[Number]:
    """The main quantities of a source, unless their axis has one value only; a known redshift has no interval."""
    by_name = {quantity.name: quantity for quantity in results.columns}
    varying, numbers = free_quantities(results, problem, row), []
    for name in MAIN_QUANTITIES:
        if name not in by_name or (name != "z" and name not in varying):
            continue
        quantity = by_name[name]
        known = name in varying and name in results.intervals
        bounds = results.intervals[name][row] if known else np.empty((0, 2))
        shown = np.sort(quantity.shown(bounds), axis=1)
        numbers.append(Number(quantity, float(quantity.shown(results.values[name][row])), shown))
    return numbers


def sed_of(results: Results, problem: Problem, row: int) -> SourceSed:
    """Data and best model of a fitted source.

    Parameters
    ----------
    results : Results
    problem : Problem
    row : int
        Of a source that has a fit.
    """
    grid, data, best = problem.grid, problem.data, results.best
    model, scale, rows = int(best.model_id[row]), float(best.scale[row]), problem.grid.rows.bands
    builder = SpectrumBuilder(grid)
    wavelength, flux = builder.observed(model)
    iz = int(grid.axes.redshift_index(np.array([model]))[0])
    is_band = problem.catalog.bands > 0
    factor = np.where(is_band, 1.0, scale / float(best.spec_scale[row]))
    value, error = data.value[row, rows] * factor, np.sqrt(data.variance[row, rows]) * factor
    bands = [band for band, real in zip(grid.bands, is_band, strict=True) if real]
    return SourceSed(
        identity=str(results.ids[row]),
        redshift=float(grid.axes.z[iz]),
        wavelength=wavelength,
        flux=scale * flux,
        is_band=is_band,
        band_wavelength=np.array([band.mean_wavelength for band in grid.bands]),
        model_flux=scale * builder.band_fluxes(model),
        data_flux=value,
        data_error=error,
        total_error=np.hypot(error, data.template_error[iz, rows] * value),
        limit=_given_limits(problem, row),
        curves=[(band.lam, band.response / band.response.max()) for band in bands],
        numbers=numbers_of(results, problem, row),
        chi2=float(results.values["chi2"][row]),
        confidence=float(results.confidences[0]) if results.confidences else np.nan,
    )


def _given_limits(problem: Problem, row: int) -> Floats:
    """Upper limits of a source in all bands and channels; NaN where there is none."""
    data, rows = problem.data, problem.grid.rows.bands
    if data.limit is None or data.limit_error is None:
        return np.full(len(problem.grid.bands), np.nan)
    return np.where(np.isfinite(data.limit_error[row, rows]), data.limit[row, rows], np.nan)


@dataclass(frozen=True)
class Samples:
    """Models of a source, as likely as often they are there.

    Attributes
    ----------
    identity : str
    values : dict of str to (n,)
        Of axes and properties, as shown.
    best : dict of str to float
        Of the best fit.
    quantities : dict of str to Quantity
    axes : dict of str to (nvalue,)
        Values of the axes of the grid, as shown.
    origin : str
        What the samples are, in words.
    """

    identity: str
    values: dict[str, Floats]
    best: dict[str, float]
    quantities: dict[str, Quantity]
    axes: dict[str, Floats]
    origin: str


@dataclass(frozen=True)
class Marginal:
    """Distribution of one quantity.

    Attributes
    ----------
    edges : (nbin + 1,)
    probability : (nbin,)
        Of each bin.
    percentiles : (3,)
        At 16, 50, 84 percent.
    best : float
        Of the best fit.
    """

    edges: Floats
    probability: Floats
    percentiles: Floats
    best: float


@dataclass(frozen=True)
class Marginals:
    """Distributions of the quantities of a source.

    Attributes
    ----------
    identity : str
    distributions : dict of str to Marginal
        Without quantities that have no finite value.
    quantities : dict of str to Quantity
    origin : str
        What the distributions rest on, in words.
    """

    identity: str
    distributions: dict[str, Marginal]
    quantities: dict[str, Quantity]
    origin: str


@dataclass(frozen=True)
class SourceSimulations:
    """Best models of the simulations of some sources.

    Attributes
    ----------
    rows : (nsource,) int64
        Of the sources.
    simulations : Simulations
    """

    rows: Ints
    simulations: Simulations

    def models(self, i: int) -> tuple[Ints, Floats, Floats]:
        """modelIDs, scales, scales of the spectrum of the i-th of the sources."""
        model = self.simulations.model[i]
        fitted = model >= 0
        return model[fitted], self.simulations.scale[i, fitted], self.simulations.spec_scale[i, fitted]


def simulate_sources(problem: Problem, rows: Sequence[int]) -> SourceSimulations:
    """Fit the simulations of some sources alone.

    They are those of the run (N_SIM, SEED), or 200 where it had none; so what comes out is what the run's intervals
    rest on.

    Parameters
    ----------
    problem : Problem
    rows : sequence of int
        Of fitted sources.
    """
    p, grid = problem.params, problem.grid
    chosen = np.asarray(rows, dtype=np.int64)
    data = problem.data.part(chosen)
    noise = problem.noise if p.n_sim else draw_noise(DEFAULT_SIMULATIONS, grid.rows, p.seed)
    with single_threaded_blas():
        reducer = MonteCarlo(grid, data, noise, slice(0, len(chosen)))
        walk(grid, data.redshifts_needed(len(grid.axes.z)), [reducer], len(chosen))
        return SourceSimulations(chosen, reducer.result())


def samples_of(
    results: Results, problem: Problem, simulated: SourceSimulations, i: int, names: Sequence[str]
) -> Samples:
    """Axes and properties of the simulations of the i-th of some sources.

    Parameters
    ----------
    results : Results
    problem : Problem
    simulated : SourceSimulations
    i : int
    names : sequence of str
        Of axes and properties.

    Raises
    ------
    InputError
        For an unknown name.
    """
    grid, row = problem.grid, int(simulated.rows[i])
    indices = {index.name: index.kind for index in grid.indices}
    axes, properties = axis_quantities(problem.params), property_quantities(problem.params, indices)
    known = {quantity.name: quantity for quantity in (*axes, *properties)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"there is no quantity '{unknown[0]}'; known are {', '.join(known)}")
    model, scale, spec_scale = simulated.models(i)
    # the best fit as the last one, so that both are computed alike
    model = np.append(model, results.best.model_id[row])
    scale = np.append(scale, results.best.scale[row])
    spec_scale = np.append(spec_scale, results.best.spec_scale[row])
    property_names = [name for name in names if name not in grid.axes.names]
    stored = dict(grid.axes.parameters(model)) | (
        scaled_properties(problem, model, scale, spec_scale, property_names) if property_names else {}
    )
    shown = {name: np.asarray(known[name].shown(stored[name])) for name in names}
    return Samples(
        identity=str(results.ids[row]),
        values={name: values[:-1] for name, values in shown.items()},
        best={name: float(values[-1]) for name, values in shown.items()},
        quantities={name: known[name] for name in names},
        axes={name: np.asarray(v, dtype=float) for name, v in grid.axes.as_dict().items()},
        origin=f"{len(model) - 1} simulations",
    )


def posteriors_of(results: Results, row: int, names: Sequence[str]) -> Marginals | None:
    """Posteriors of columns of the catalogue; None where the fit had none of one of them.

    Parameters
    ----------
    results : Results
    row : int
        Of a fitted source.
    names : sequence of str
    """
    posterior = results.posterior
    columns = {quantity.name: quantity for quantity in results.columns}
    if posterior is None or not set(names) <= set(posterior.names) & set(columns):
        return None
    marginals = {}
    for name in names:
        edges, probability = posterior.pdf(name)
        if np.isfinite(probability[row]).all() and probability[row].any():
            best = float(columns[name].shown(results.values[name][row]))
            quantiles = np.asarray(posterior.quantile(name, [0.16, 0.5, 0.84])[row], dtype=float)
            marginals[name] = Marginal(*_likely_bins(edges, probability[row]), quantiles, best)
    quantities = {name: columns[name] for name in names}
    return Marginals(str(results.ids[row]), marginals, quantities, "posterior")


def _likely_bins(edges: Floats, probability: Floats) -> tuple[Floats, Floats]:
    """The bins that are not negligible, several taken together where there are many."""
    likely = np.flatnonzero(probability > _NEGLIGIBLE * probability.max())
    first, last = int(likely[0]), int(likely[-1]) + 1
    step = -(-(last - first) // _MOST_BINS)
    starts = np.arange(first, last, step)
    together = np.add.reduceat(probability[:last], starts)
    return np.asarray(edges[np.append(starts, last)], dtype=float), together


def free_quantities(results: Results, problem: Problem, row: int) -> list[str]:
    """Quantities of the catalogue that may vary: not axes of a single value, nor a known redshift."""
    data = problem.data
    fixed_z = data.first_z[row] == data.last_z[row]
    names = [quantity.name for quantity in results.columns if quantity.kind != "other"]
    return [
        name for name in names if len(results.axes.get(name, (0, 1))) > 1 and not (name == "z" and fixed_z)
    ]


@dataclass(frozen=True)
class SourceHistory:
    """Star formation history of a source.

    Attributes
    ----------
    identity : str
    redshift : float
    time : (nt,)
        Since the Big Bang [yr]; the last is the time at which the source is seen.
    sfr : (nt,)
        Of the best model [Msun/yr].
    median : (nt,)
        Of the simulations.
    bounds : (nt, nconfidence, 2)
        Intervals.
    confidences : tuple of float
        [percent]
    origin : str
        What median and bounds rest on.
    """

    identity: str
    redshift: float
    time: Floats
    sfr: Floats
    median: Floats
    bounds: Floats
    confidences: tuple[float, ...]
    origin: str


def history_of(
    results: Results,
    problem: Problem,
    row: int,
    simulated: SourceSimulations,
    i: int,
    step: float,
) -> SourceHistory:
    """History of the best model of a source, and how uncertain it is.

    Parameters
    ----------
    results : Results
    problem : Problem
    row : int
    simulated : SourceSimulations
    i : int
        Index of the source among those simulated.
    step : float
        Between times [Myr].
    """
    grid, model, scale = problem.grid, int(results.best.model_id[row]), float(results.best.scale[row])
    time, sfr = best_history(grid, model, scale, step)
    confidences = tuple(results.confidences) or (68.0, 95.0)
    models, scales, _ = simulated.models(i)
    median, bounds = history_percentiles(grid, time, (models, scales), confidences)
    iz = grid.axes.redshift_index(np.array([model]))[0]
    return SourceHistory(
        identity=str(results.ids[row]),
        redshift=float(grid.axes.z[iz]),
        time=time,
        sfr=sfr,
        median=median,
        bounds=bounds,
        confidences=confidences,
        origin=f"{len(models)} simulations",
    )
