"""The library: parameter files, tables or arrays in, `Results` out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from fastsed import results as plain
from fastsed.array_problem import fit_array
from fastsed.arrays import Floats, Mask
from fastsed.config.run import RunOptions
from fastsed.errors import InputError
from fastsed.fitting.best_fit import BestFits
from fastsed.fitting.posterior_estimates import PosteriorEstimates
from fastsed.fitting.stars.options import FitOptions
from fastsed.galaxy_model import GalaxyModel
from fastsed.models.model_array import ModelArray
from fastsed.models.properties import property_names
from fastsed.models.spectrum import SpectrumBuilder
from fastsed.outputs.best_sfhs import best_history
from fastsed.outputs.catalogue_table import catalogue_columns, catalogue_meta
from fastsed.outputs.fout import write_fout
from fastsed.params import Params, read_params
from fastsed.pipeline import fit_problem
from fastsed.pipeline import run as run_pipeline
from fastsed.problem import Problem
from fastsed.quantities import axis_quantities, property_quantities
from fastsed.star_model import StarModel, StarResults, fit_stars
from fastsed.table_problem import read_photometry, table_problem, template_error_of
from fastsed.tables.sources import as_source
from fastsed.uncertainties import scaled_properties
from fastsed.verdict.finding import Finding

if TYPE_CHECKING:
    from astropy.table import Table
    from matplotlib.figure import Figure

    from fastsed.report.seds import FluxUnit

log = logging.getLogger(__name__)


_INTERVALS = (68,)
_AXES = {"redshift": "z", "metallicity": "metal", "log_age": "lage", "log_tau": "ltau"}
"""Keywords of GalaxyModel -> names of the axes."""


@dataclass(frozen=True)
class Sed:
    """Spectrum of the best model of a source, and its fluxes beside the data.

    Attributes
    ----------
    wavelength : (nlam,)
        Observed [Angstrom].
    flux : (nlam,)
        [1e-19 erg/s/cm2/Angstrom].
    band_wavelength : (nband,)
        Mean wavelength of each band [Angstrom].
    model_flux, data_flux, data_error : (nband,)
        [1e-19 erg/s/cm2/Angstrom]; a band without data has an infinite error.
    """

    wavelength: Floats
    flux: Floats
    band_wavelength: Floats
    model_flux: Floats
    data_flux: Floats
    data_error: Floats


@dataclass(frozen=True)
class Sfh:
    """Star formation history of the best model of a source.

    Attributes
    ----------
    time : (nt,)
        Since the Big Bang [yr]; the last is the time at which the source is seen.
    sfr : (nt,)
        Star formation rate [Msun/yr].
    """

    time: Floats
    sfr: Floats


class Results:
    """Best fits, with their properties, intervals and spectra.

    Not to be made directly: `fastsed.fit`, `fastsed.run` and `fastsed.merge` return it.

    Parameters
    ----------
    results : fastsed.results.Results
        The numbers.
    problem : fastsed.problem.Problem, optional
        Models and data that they come from, for spectra, histories and further quantities.
    """

    def __init__(self, results: plain.Results, problem: Problem | None = None):
        self._plain, self._problem_or_none = results, problem
        self._rows = {str(one): row for row, one in enumerate(results.ids)}

    def __repr__(self) -> str:
        n_fitted = int(np.count_nonzero(self.fitted))
        names = ", ".join(column.name for column in self._plain.columns)
        return f"<Results: {n_fitted} of {len(self)} sources fitted; {names}>"

    @property
    def _problem(self) -> Problem:
        """The models and data, for what is not in the table."""
        if self._problem_or_none is None:
            raise InputError("there are no spectra, histories or other quantities behind an array of models")
        return self._problem_or_none

    def __len__(self) -> int:
        return self._plain.n_sources

    @property
    def best(self) -> BestFits:
        """Best fits: `model_id`, `chi2` (not reduced), `scale`, ..., (nsource,) each."""
        return self._plain.best

    @property
    def posterior(self) -> PosteriorEstimates | None:
        """Posteriors: `mean`, `std` by name, `quantile(name, q)`, `pdf(name)`, `neff`, `lnz`; None without."""
        return self._plain.posterior

    @property
    def mock(self) -> Mapping[str, Floats]:
        """The mock test: `true_X`, `best_X`, `mean_X`, `std_X`, (nsource, nmock) each; empty without MOCK."""
        return self._plain.mock

    @property
    def fitted(self) -> Mask:
        """Which sources have a fit, (nsource,)."""
        return self._plain.fitted

    @property
    def verdict(self) -> tuple[Finding, ...]:
        """What is unusual, and what is not, about the inputs and the best fits."""
        return self._plain.verdict

    @cached_property
    def table(self) -> Table:
        """The output catalogue: names, order and values of the `.fout` columns, with units and descriptions."""
        from astropy.table import Table

        table = Table()
        for column in catalogue_columns(self._plain):
            table[column.name] = column.values
            table[column.name].unit = column.unit or None
            table[column.name].description = column.description
        table.meta.update(self._meta())
        return table

    def quantity(self, name: str) -> Floats:
        """Any axis or property of the best fits, also such as are no columns of the table.

        Parameters
        ----------
        name : str
            As in OUTPUT_COLUMNS.

        Returns
        -------
        float64 array (nsource,)
            As the column of this name, not rounded: log10 where the name begins with l, magnitudes for M<n>. NaN
            for sources without a fit.

        Raises
        ------
        InputError
            If there is no such quantity; of an array of models there are chi2 and nmodel alone.
        """
        if name in ("chi2", "nmodel"):
            return self._plain.values[name].astype(float)
        problem, best = self._problem, self.best
        indices = {index.name: index.kind for index in problem.grid.indices}
        known = [*axis_quantities(problem.params), *property_quantities(problem.params, indices)]
        by_name = {quantity.name: quantity for quantity in known}
        if name not in by_name:
            raise InputError(f"there is no quantity '{name}'; known are chi2, nmodel, {', '.join(by_name)}")
        values = np.full(len(self), np.nan)
        rows = np.flatnonzero(self.fitted)
        models = best.model_id[rows]
        if name in property_names(problem.grid):
            stored = scaled_properties(problem, models, best.scale[rows], best.spec_scale[rows], [name])
            values[rows] = stored[name]
        else:
            values[rows] = problem.grid.axes.parameters(models)[name]
        return np.asarray(by_name[name].shown(values))

    def sed(self, identity: Any) -> Sed:
        """Spectrum of the best model of a source.

        Parameters
        ----------
        identity : object
            Its id in the catalogue.

        Returns
        -------
        Sed
            In 1e-19 erg/s/cm2/Angstrom over observed wavelengths.

        Raises
        ------
        InputError
            If there is no such source, or it has no fit.
        """
        row, grid = self._row(identity), self._problem.grid
        model, scale = int(self.best.model_id[row]), float(self.best.scale[row])
        builder = SpectrumBuilder(grid)
        wavelength, flux = builder.observed(model)
        data, bands = self._problem.data, grid.rows.bands
        return Sed(
            wavelength=wavelength,
            flux=scale * flux,
            band_wavelength=np.array([band.mean_wavelength for band in grid.bands]),
            model_flux=scale * builder.band_fluxes(model),
            data_flux=data.value[row, bands],
            data_error=np.sqrt(data.variance[row, bands]),
        )

    def sfh(self, identity: Any, step: float = 10.0) -> Sfh:
        """Star formation history of the best model of a source.

        Parameters
        ----------
        identity : object
            Its id in the catalogue.
        step : float
            Between times [Myr].

        Returns
        -------
        Sfh
            From the first star to the observation.

        Raises
        ------
        InputError
            If there is no such source, or it has no fit.
        """
        row = self._row(identity)
        model, scale = int(self.best.model_id[row]), float(self.best.scale[row])
        return Sfh(*best_history(self._problem.grid, model, scale, step))

    def plot_sed(self, identity: Any, *, width: float = 5.0, flux: FluxUnit = "fnu") -> Figure:
        """Draw the spectral energy distribution of a source: data, best model, residuals, bands, main numbers.

        Parameters
        ----------
        identity : object
            Its id in the catalogue.
        width : float
            Of the figure [inch].
        flux : {"fnu", "flambda"}
            Microjansky, or 1e-19 erg/s/cm2/Angstrom.

        Returns
        -------
        matplotlib Figure
            `figure.savefig("sed.pdf")` writes it.

        Raises
        ------
        InputError
            If there is no such source, it has no fit, or matplotlib is not installed.
        """
        from fastsed.report.galaxies import sed_figure

        figure: Figure = sed_figure(self._plain, self._problem, self._row(identity), width, flux)
        return figure

    def plot_pdf(self, identity: Any, names: Sequence[str] = (), *, width: float = 5.0) -> Figure:
        """Draw the probability distributions of axes and properties of a source: posteriors, or else simulations.

        Without posteriors the simulations of this source are fitted for it: those of N_SIM and SEED, or 200 where
        N_SIM is 0.

        Parameters
        ----------
        identity : object
            Its id in the catalogue.
        names : sequence of str
            Of axes and properties; by default those columns of the catalogue that vary.
        width : float
            Of the figure [inch].

        Returns
        -------
        matplotlib Figure
            `figure.savefig("pdf.pdf")` writes it.

        Raises
        ------
        InputError
            If there is no such source or quantity, the source has no fit, or matplotlib is not installed.
        """
        from fastsed.report.galaxies import pdf_figure

        figure: Figure = pdf_figure(self._plain, self._problem, self._row(identity), names, width)
        return figure

    def plot_corner(self, identity: Any, names: Sequence[str] = (), *, width: float = 6.0) -> Figure:
        """Draw the distributions of axes and properties in the simulations of a source, and those of their pairs.

        Parameters
        ----------
        identity : object
            Its id in the catalogue.
        names : sequence of str
            Of axes and properties; by default those columns of the catalogue that vary.
        width : float
            Of the figure [inch].

        Returns
        -------
        matplotlib Figure
            `figure.savefig("corner.pdf")` writes it.

        Raises
        ------
        InputError
            If there is no such source or quantity, the source has no fit, or matplotlib is not installed.
        """
        from fastsed.report.galaxies import corner_figure

        figure: Figure = corner_figure(self._plain, self._problem, self._row(identity), names, width)
        return figure

    def plot_sfh(self, identity: Any, *, step: float = 10.0, width: float = 5.0) -> Figure:
        """Draw the star formation history of a source, with the median and the intervals of its simulations.

        Parameters
        ----------
        identity : object
            Its id in the catalogue.
        step : float
            Between times [Myr].
        width : float
            Of the figure [inch].

        Returns
        -------
        matplotlib Figure
            `figure.savefig("sfh.pdf")` writes it.

        Raises
        ------
        InputError
            If there is no such source, it has no fit, or matplotlib is not installed.
        """
        from fastsed.report.galaxies import history_figure

        figure: Figure = history_figure(self._plain, self._problem, self._row(identity), step, width)
        return figure

    def plot_mock(
        self, name: str, *, estimate: Literal["best", "mean"] | None = None, width: float = 5.0
    ) -> Figure:
        """Draw recovered against true values of the mock test, and their difference, with bias and scatter.

        Parameters
        ----------
        name : str
            Of an axis or property of the catalogue.
        estimate : {"best", "mean"}, optional
            What is compared with the truth; by default the mean of the posterior where there is one, else the best fit.
        width : float
            Of the figure [inch].

        Returns
        -------
        matplotlib Figure
            `figure.savefig("mock.pdf")` writes it.

        Raises
        ------
        InputError
            If there was no mock test (MOCK), it has no such quantity or estimate, or matplotlib is not installed.
        """
        from fastsed.report.mocks import mock_figure

        figure: Figure = mock_figure(self._plain, name, estimate, width)
        return figure

    def plot_catalogue(
        self, what: str = "overview", *, known_z: Floats | None = None, width: float | None = None
    ) -> Figure:
        """Draw the catalogue.

        Parameters
        ----------
        what : {"overview", "mass-redshift", "sfr-mass", "chi2", "edges", "photoz"}
            Which figure; "overview" has several panels.
        known_z : (nsource,), optional
            For "photoz": redshifts with which those of the fit are compared, NaN where unknown. Without them, the
            photometric redshifts of the `.zout` file are compared with the spectroscopic ones in it.
        width : float, optional
            Of the figure [inch].

        Returns
        -------
        matplotlib Figure
            `figure.savefig("catalogue.pdf")` writes it.

        Raises
        ------
        InputError
            For another figure, a missing column, or if matplotlib is not installed.
        """
        from fastsed.report.catalogue import catalogue_of
        from fastsed.report.overviews import catalogue_figure

        figure: Figure = catalogue_figure(
            catalogue_of(self._plain, self._problem_or_none), what, known_z, width
        )
        return figure

    def _row(self, identity: Any) -> int:
        row = self._rows.get(str(identity))
        if row is None:
            raise InputError(f"there is no source '{identity}'")
        if not self.fitted[row]:
            raise InputError(f"the source '{identity}' has no fit")
        return row

    def write(self, path: str | os.PathLike[str], format: str | None = None) -> Path:
        """Write the output catalogue.

        Parameters
        ----------
        path : path-like
            Its suffix tells the format: `.fout` as FAST, or a table with units and descriptions in FITS, ECSV, CSV,
            HDF5, Parquet or VOTable.
        format : {"fout", "fits", "ecsv", "csv", "hdf5", "parquet", "votable"}, optional
            In place of what the suffix tells.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InputError
            For another suffix or format, or if the file cannot be written.
        """
        from fastsed.tables.writers import write_table

        if format == "fout" or (format is None and Path(path).suffix.lower() == ".fout"):
            problem = self._problem_or_none
            return write_fout(self._plain, path, problem.params.output_precision if problem else 0.0)
        return write_table(path, list(catalogue_columns(self._plain)), self._meta(), format)

    def _meta(self) -> dict[str, str | list[str]]:
        """What a table of the results says of itself."""
        problem = self._problem_or_none
        if problem is None:
            return catalogue_meta(self._plain)
        return catalogue_meta(self._plain, problem.params, [band.name for band in problem.filters])


def fit(
    catalog: Any,
    model: GalaxyModel | ModelArray | StarModel,
    *,
    bands: Mapping[Any, Any],
    id: str | None = None,
    redshift: str | None = None,
    unit: str = "uJy",
    limits: Mapping[Any, str] | None = None,
    template_error: str | os.PathLike[str] | tuple[ArrayLike, ArrayLike] | None = None,
    n_sim: int = 0,
    intervals: Sequence[float] = _INTERVALS,
    seed: int = 42,
    posterior: bool | str = False,
    priors: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
    n_threads: int | None = None,
    progress: Callable[[int], None] | bool | None = None,
) -> Results | StarResults:
    """Fit every source of a table.

    Parameters
    ----------
    catalog : astropy Table or QTable, pandas DataFrame, mapping of arrays, or path-like
        Paths are of FITS, ECSV, CSV, VOTable, HDF5 or Parquet tables. It is not changed.
    model : GalaxyModel, ModelArray or StarModel
        The templates.
    bands : mapping
        Filter -> (column of the fluxes, column of the errors). A filter is a number or a name of the database, or a
        `fastsed.Filter`; with a `ModelArray`, a column of the array, from 0. Where flux or error is NaN or masked, or
        the error not positive, there is no measurement. With a `StarModel`: filter of the grid -> column of its fluxes.
    id : str, optional
        Column of identifiers; 1, 2, ... if not given.
    redshift : str, optional
        Column of known redshifts; where it is NaN, masked or negative, the redshift is free.
    unit : str
        Of columns that have no unit of their own: of f_nu ("uJy", "Jy", ...), of F_lambda, or "ABmag" for AB magnitudes
        with their errors. With a `ModelArray` it is that of the models, whatever it is; with a `StarModel` "vega", for
        fluxes relative to Vega's, or "erg/s/cm2/A".
    limits : mapping, optional
        Filter, as in `bands` -> boolean column: where it is true, the flux is an upper limit with its error. Not with a
        `StarModel`, nor with errors of the models of a `ModelArray`.
    template_error : path-like or (wavelength, error), optional
        Relative error of the models against rest wavelength [Angstrom].
    n_sim : int
        Monte Carlo simulations of each source, from which the intervals come.
    intervals : sequence of float
        Their probabilities in percent.
    seed : int
        Of the random numbers; 42 for those of FAST++.
    posterior : bool or {"profile", "marginal"}
        Describe the posteriors of axes and properties, or of the quantities of a `ModelArray`: each model at its best
        scale (True, "profile"), or integrated over the scale.
    priors : mapping, optional
        Axis -> prior, as the text of a key PRIOR_<AXIS> or a function of an array. Axes have the names of the columns
        or of the keywords of `GalaxyModel`.
    columns : sequence of str, optional
        Of the table of the results, as in OUTPUT_COLUMNS.
    n_threads : int, optional
        All that the process may use if not given.
    progress : callable or bool, optional
        Called with the number of models done (of stars, with a `StarModel`), piece by piece; True shows a bar.

    Returns
    -------
    Results
        In the order of the table.

    Raises
    ------
    InputError
        For anything wrong with the table or the models.
    TypeError
        For arguments of another type.
    """
    if not isinstance(model, GalaxyModel | ModelArray | StarModel):
        raise TypeError(
            f"model: expected a GalaxyModel, a ModelArray or a StarModel, not {type(model).__name__}"
        )
    if not isinstance(model, GalaxyModel):
        _refuse_but_for_galaxies(
            redshift=redshift, template_error=template_error, n_sim=n_sim, columns=columns, priors=priors
        )
    if isinstance(model, StarModel):
        if limits:
            raise InputError("limits: not with a StarModel")
        if posterior or tuple(intervals) != _INTERVALS:
            raise InputError(
                "posterior, intervals: fits of stars always have their posteriors, with 68 % intervals"
            )
        source = as_source(catalog)
        with _progress(progress, source.n_rows, "stars") as done:
            return fit_stars(source, model, bands, unit, id, FitOptions(seed=seed), n_threads, done)
    photometry = read_photometry(catalog, bands, id, redshift, unit, limits)
    options: dict[str, Any] = {
        "n_sim": n_sim,
        "c_interval": tuple(intervals),
        "seed": seed,
        "output_columns": tuple(columns or ()),
        "n_thread": n_threads or 0,
        **_posterior_options(posterior, priors),
    }
    if isinstance(model, ModelArray):
        with _progress(progress, len(model.flux)) as done:
            results = fit_array(photometry, list(bands), model, RunOptions(**options), done)
        return Results(results)
    problem = table_problem(photometry, bands, model, template_error_of(template_error), options)
    with _progress(progress, problem.plan.n_models) as done:
        results = fit_problem(problem, done)
    return Results(replace(results, ids=photometry.ids), problem)


def _posterior_options(posterior: bool | str, priors: Mapping[str, Any] | None) -> dict[str, Any]:
    """Options of `RunOptions` for the posteriors."""
    if posterior not in (False, True, "profile", "marginal"):
        raise InputError(f"posterior = {posterior!r}: expected True, False, 'profile' or 'marginal'")
    if priors is not None and not isinstance(priors, Mapping):
        raise TypeError(f"priors: expected a mapping, not {type(priors).__name__}")
    named: dict[str, Any] = {}
    for name, prior in (priors or {}).items():
        axis = _AXES.get(name.lower(), name.lower())
        if axis in named:
            raise InputError(f"priors: '{name}' is {axis}, which has a prior already")
        named[axis] = prior
    if named and not posterior:
        raise InputError("priors: they weigh posteriors, which need posterior=True")
    scale = posterior if isinstance(posterior, str) else "profile"
    return {"posterior": bool(posterior), "posterior_scale": scale, "priors": named}


def _refuse_but_for_galaxies(**given: Any) -> None:
    """What other models have no use for."""
    for name, value in given.items():
        if value:
            raise InputError(f"{name}: only with a GalaxyModel")


@contextmanager
def _progress(
    progress: Callable[[int], None] | bool | None, total: int, unit: str = "models"
) -> Iterator[Callable[[int], None] | None]:
    """What is called with the number of models, or of stars, done."""
    if progress is not True:
        yield progress or None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=f" {unit}", unit_scale=True, leave=False) as bar:
        yield lambda n: bar.update(n) and None


def run(
    path: str | os.PathLike[str] | Params | None = None,
    /,
    *,
    progress: Callable[[int], None] | bool | None = None,
    **keys: Any,
) -> Results | None:
    """Fit a catalogue as a parameter file says, and write the files that the command writes.

    Parameters
    ----------
    path : path-like or Params, optional
        A parameter file of FAST or FAST++, or what `read_params` made of one.
    progress : bool or callable, optional
        True shows a bar; a callable is called with the number of models done, piece by piece.
    **keys
        Values that replace those of the file; names in lower or upper case.

    Returns
    -------
    Results or None
        None with MAKE_SEDS: the spectra of its list are written then, and nothing is fitted.

    Raises
    ------
    InputError
        For anything wrong with the parameters or the inputs.
    """
    if isinstance(path, Params):
        params = replace(path, **{name.lower(): value for name, value in keys.items()})
    else:
        params = read_params(path, **keys)
    problems: list[Problem] = []

    with ExitStack() as stack:

        def begin(problem: Problem) -> Callable[[int], None] | None:
            problems.append(problem)
            return stack.enter_context(_progress(progress, problem.plan.n_models))

        results = run_pipeline(params, begin)
    return None if results is None else Results(results, problems[0])


def merge(parts: Sequence[Results]) -> Results:
    """Join the results of parts of a catalogue, all fitted alike.

    Parameters
    ----------
    parts : sequence of Results
        In the order of the catalogue.

    Returns
    -------
    Results
        Equal, bit by bit, to those of one fit of the whole catalogue.

    Raises
    ------
    InputError
        If there are none, or they are of different models, columns or intervals.
    """
    try:
        merged = plain.Results.concatenated([part._plain for part in parts])
    except ValueError as error:
        raise InputError(str(error)) from error
    problems = [part._problem_or_none for part in parts if part._problem_or_none is not None]
    return Results(merged, problems[0].joined(problems) if problems else None)
