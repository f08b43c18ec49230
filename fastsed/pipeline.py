"""A whole run: options in; results, and output files, out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats, Ints
from fastsed.config.run import RunOptions
from fastsed.fitting.best_fit import BestFit, BestFits
from fastsed.fitting.lost import report_lost, report_without_posterior
from fastsed.fitting.observations import sum_in_window
from fastsed.fitting.passes import Pass, Product, Progress, runs, walk, walk_best_first
from fastsed.models.attenuation import dust_law
from fastsed.outputs.catalogue_table import write_catalogue
from fastsed.outputs.fout import ROWS_PER_BLOCK, build_header
from fastsed.outputs.paths import chi_grid_path, mock_path
from fastsed.outputs.preflight import check_outputs
from fastsed.outputs.source_files import SourceFiles
from fastsed.problem import Problem, prepare, wanted_properties
from fastsed.results import Results
from fastsed.threads import single_threaded_blas
from fastsed.uncertainties import (
    Uncertainties,
    from_chi2,
    from_simulations,
    scaled_properties,
    unknown_uncertainties,
)
from fastsed.verdict.finding import Finding, report
from fastsed.verdict.fits import FittedSources, fit_findings

if TYPE_CHECKING:
    from fastsed.fitting.posterior_estimates import PosteriorEstimates
    from fastsed.outputs.pdf_file import Posteriors

# what few runs ask for is imported where it is used: the others start faster
log = logging.getLogger(__name__)


def run(options: RunOptions, progress: Callable[[Problem], Progress | None] | None = None) -> Results | None:
    """Fit a catalogue and write all output files.

    Parameters
    ----------
    options : RunOptions
    progress : callable, optional
        Called with the problem before the fit; what it returns is called with the number of models done, piece by
        piece.

    Returns
    -------
    Results or None
        None with MAKE_SEDS: the spectra of its list are written then, and nothing is fitted.

    Raises
    ------
    InputError
        For anything wrong with the inputs.
    """
    problem = prepare(options)
    check_outputs(problem)
    if options.make_seds:
        from fastsed.outputs.make_seds import make_seds

        make_seds(problem)
        return None
    results = fit_problem(problem, progress(problem) if progress else None, write_files=True)
    write_catalogue(results, options, [band.name for band in problem.filters])
    return results


def fit_problem(problem: Problem, progress: Progress | None = None, write_files: bool = False) -> Results:
    """Fit what `prepare` read.

    Parameters
    ----------
    problem : Problem
    progress : callable, optional
        Called with the number of models done, piece by piece.
    write_files : bool
        Write the files that hold more than the catalogue (best fits, grids, simulations) as the options ask.

    Returns
    -------
    Results
        Not yet written as a catalogue.
    """
    # the threads are ours, a tile each: not BLAS's
    with single_threaded_blas():
        best, uncertainties, posterior = _fit(problem, progress, write_files)
        results = _results(problem, best, uncertainties, posterior)
        if problem.params.mock:
            results = _with_mocks(problem, results, write_files)
    report(problem.verdict, results.verdict[len(problem.verdict) :])
    return results


def _fit(
    problem: Problem, progress: Progress | None, write_files: bool
) -> tuple[BestFits, Uncertainties | None, PosteriorEstimates | None]:
    """Take the passes of the plan, and write the files of each source when its numbers are there."""
    p, best_fit = problem.params, BestFit(problem.grid, problem.data)
    uncertainties = unknown_uncertainties(problem) if p.n_sim or p.save_bestchi else None
    posteriors = _posteriors(problem, write_files) if p.posterior else None
    for step in problem.plan.passes:
        reducers = _reduce(problem, step, best_fit, progress, write_files)
        if "best fit" in step.products:
            best = best_fit.result()
            _report_lost(problem, best_fit)
            files = SourceFiles(problem, best) if write_files else None
        if "simulations" in step.products:
            assert uncertainties is not None
            write = files.write_simulated if files else _nothing
            from_simulations(problem, uncertainties, reducers["simulations"], step.rows, write)
        if "delta chi2" in step.products:
            assert uncertainties is not None
            write_acceptable = files.write_acceptable if files else _nothing
            acceptable = reducers["delta chi2"].result()
            from_chi2(problem, uncertainties, best, acceptable, write_acceptable)
        if posteriors is not None and "posterior" in step.products:
            if "best fit" not in step.products:
                first_z, last_z = reducers["posterior"].redshifts_of_best()
                best_fit.look_only_at(first_z, last_z, step.rows)
            posteriors.add(reducers["posterior"])
    if files:
        if uncertainties is None:
            files.write_best()
        files.write_best_fits()
        files.sync()
    with_intervals = p.n_sim or p.interval_from_chi2
    result = posteriors.result() if posteriors is not None else None
    if result is not None:
        report_without_posterior(best.fitted, result.lnz)
    return best, uncertainties if with_intervals else None, result


def _reduce(
    problem: Problem,
    step: Pass,
    best_fit: BestFit,
    progress: Callable[[int], None] | None,
    write_files: bool,
) -> dict[Product, Any]:
    """Walk over the tiles once; the reducers of the pass, which have seen them all."""
    p, grid, data = problem.params, problem.grid, problem.data
    reducers: dict[Product, Any] = {}
    with ExitStack() as stack:
        # the others may look at what this one has found so far: it comes first
        if "best fit" in step.products:
            reducers["best fit"] = best_fit
        # reducers are imported where they are wanted, so that a plain fit starts sooner
        if "simulations" in step.products:
            from fastsed.fitting.monte_carlo import MonteCarlo

            reducers["simulations"] = MonteCarlo(grid, data, problem.noise, step.rows)
        if "delta chi2" in step.products:
            from fastsed.fitting.delta_chi2 import DeltaChi2

            reducers["delta chi2"] = DeltaChi2(grid, data, p.save_bestchi, lambda: best_fit.so_far)
        if "posterior" in step.products:
            from fastsed.fitting.posterior import Posterior

            reducers["posterior"] = Posterior(grid, data, problem.described, problem.weighing, step.rows)
        if "full grid" in step.products and write_files:
            from fastsed.outputs.grid_file import chi_grid_reducer

            path = chi_grid_path(p)
            reducers["full grid"] = stack.enter_context(chi_grid_reducer(problem, path))
        if step.best_first:
            best_z = grid.axes.redshift_index(best_fit.so_far.model_id[step.rows])
            walk_best_first(grid, problem.plan.redshifts, reducers["simulations"], best_z, progress)
        else:
            n_sources = step.rows.stop - step.rows.start
            walk(grid, problem.plan.redshifts, list(reducers.values()), n_sources, progress)
    return reducers


def _posteriors(problem: Problem, write_files: bool) -> Posteriors:
    """What collects the posteriors of all sources."""
    from fastsed.outputs.pdf_file import Posteriors

    return Posteriors(problem, write_files)


def _with_mocks(problem: Problem, results: Results, write_files: bool) -> Results:
    """Take the mock test, and write its table."""
    from fastsed.mock import mock_columns
    from fastsed.outputs.mock_file import write_mock

    columns, n = list(mock_columns(problem, results.best)), problem.params.mock
    if write_files:
        path = write_mock(mock_path(problem.params), problem.catalog.ids, columns, n)
        log.info("wrote %s", path)
    return replace(results, mock={column.name: column.values.reshape(-1, n) for column in columns})


def _nothing(_: object) -> None:
    """Where no files are wanted."""


def _report_lost(problem: Problem, best_fit: BestFit) -> None:
    """Say which sources have no model, and why."""
    data = problem.data
    n_ages, n_models = (
        sum_in_window(at, data.best_first_z, data.best_last_z)
        for at in (problem.grid.ages_at, best_fit.n_models_at)
    )
    report_lost(problem.catalog.fittable, best_fit.so_far.fitted, n_ages, n_models, problem.params.path)


def _results(
    problem: Problem,
    best: BestFits,
    uncertainties: Uncertainties | None,
    posterior: PosteriorEstimates | None,
) -> Results:
    """What was found, as plain data."""
    p = problem.params
    intervals = uncertainties.intervals if uncertainties else {}
    values = _values(problem, best)
    if uncertainties is not None:
        values |= uncertainties.medians
    bands = problem.catalog.bands
    header = build_header(
        p,
        bands[bands > 0],
        dust_law(p.dust_law).describe(p.e_b, p.delta),
        problem.photoz.path if problem.photoz else "",
    )
    return Results(
        ids=problem.catalog.ids,
        columns=tuple(problem.columns),
        axes=problem.grid.axes.as_dict(),
        best=best,
        values=values,
        intervals=intervals,
        confidences=tuple(p.c_interval) if intervals else (),
        verdict=(*problem.verdict, *_findings(problem, best, values, intervals)),
        provenance=header.lines,
        posterior=posterior,
        percentiles=tuple(p.posterior_percentiles) if posterior is not None else (),
    )


def _values(problem: Problem, best: BestFits) -> dict[str, NDArray[Any]]:
    """Value of each axis and of each property of the catalogue for all sources; some sources at a time."""
    axes, n = problem.grid.axes, problem.data.n_sources
    # the verdict looks at the masses
    names = list(dict.fromkeys([*wanted_properties(problem), "lmass"]))
    # as they are printed: single precision
    values: dict[str, NDArray[Any]] = {
        name: np.full(n, np.nan, dtype=np.float32) for name in (*axes.names, *names)
    }
    for rows in runs(slice(0, n), ROWS_PER_BLOCK):
        fitted = np.flatnonzero(best.fitted[rows]) + rows.start
        models = best.model_id[fitted]
        result = scaled_properties(problem, models, best.scale[fitted], best.spec_scale[fitted], names)
        for name, v in (axes.parameters(models) | result).items():
            values[name][fitted] = v
    values["chi2"] = best.chi2 / np.maximum(1, _freedom(problem))
    values["nmodel"] = best.n_models
    return values


def _freedom(problem: Problem) -> Ints:
    """Degrees of freedom of each source, (nsource,): its data less the axes of more than one value."""
    return problem.data.n_data() - sum(n > 1 for n in problem.grid.axes.shape)


def _findings(
    problem: Problem, best: BestFits, values: dict[str, NDArray[Any]], intervals: dict[str, Floats]
) -> list[Finding]:
    """The verdict on the best fits."""
    rows, axes, data = np.flatnonzero(best.fitted), problem.grid.axes, problem.data
    sources = FittedSources(
        axes=axes.as_dict(),
        indices=dict(zip(axes.names, axes.indices(best.model_id[rows]), strict=True)),
        values={name: v[rows] for name, v in values.items()},
        intervals={name: v[rows] for name, v in intervals.items() if name in values},
        scale=best.scale[rows],
        freedom=_freedom(problem)[rows],
        free_redshift=(data.best_first_z < data.best_last_z)[rows],
    )
    return fit_findings(sources, problem.params.c_interval)
