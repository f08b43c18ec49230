"""Figures of single galaxies: results, problem and row in; a figure out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastsed.errors import InputError
from fastsed.params import Params
from fastsed.pipeline import fit_problem
from fastsed.problem import Problem, prepare
from fastsed.report.histories import plot_sfh
from fastsed.report.pdfs import marginals_of, plot_corner, plot_pdf
from fastsed.report.seds import FluxUnit, plot_sed
from fastsed.report.source import (
    Samples,
    free_quantities,
    history_of,
    posteriors_of,
    samples_of,
    sed_of,
    simulate_sources,
)
from fastsed.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# a corner figure of more quantities is too small to read
_MOST_IN_CORNER = 6
# they follow from others of the catalogue
_DERIVED = ("la2t", "lssfr", "lscale")


def fit_file(
    params: Params,
    ids: Sequence[str] = (),
    progress: Callable[[Problem], Callable[[int], None] | None] | None = None,
) -> tuple[Results, Problem]:
    """Fit a catalogue as a parameter file says, or some of its sources alone; nothing is written.

    Parameters
    ----------
    params : Params
    ids : sequence of str
        Sources to fit; all by default.
    progress : callable, optional
        Called with the problem; what it returns, with the number of models done, piece by piece.

    Raises
    ------
    InputError
        For anything wrong with the inputs, an unknown source, or MAKE_SEDS, with which nothing is fitted.
    """
    if params.make_seds:
        raise InputError(
            "MAKE_SEDS is set: nothing is fitted with it, so there is nothing to draw",
            params.where("make_seds"),
        )
    problem = prepare(params)
    if ids:
        problem = problem.part(_rows_of(problem, ids))
    return fit_problem(problem, progress(problem) if progress else None), problem


def _rows_of(problem: Problem, ids: Sequence[str]) -> Any:
    known = {str(one): row for row, one in enumerate(problem.catalog.ids)}
    for one in ids:
        if one not in known:
            raise InputError(f"there is no source '{one}'", problem.params.catalog_path)
    return np.array([known[one] for one in dict.fromkeys(ids)], dtype=np.int64)


def row_of_fitted(results: Results, identity: str) -> int:
    """Row of a source.

    Raises
    ------
    InputError
        If there is none, or it has no fit.
    """
    row = next((row for row, one in enumerate(results.ids) if str(one) == identity), None)
    if row is None or not results.fitted[row]:
        raise InputError(
            f"the source '{identity}' has no fit" if row is not None else f"there is no source '{identity}'"
        )
    return row


def sed_figure(results: Results, problem: Problem, row: int, width: float, flux: FluxUnit = "fnu") -> Figure:
    """The figure of `fastsed.Results.plot_sed`."""
    return plot_sed(sed_of(results, problem, row), width, flux)


def pdf_figure(results: Results, problem: Problem, row: int, names: Sequence[str], width: float) -> Figure:
    """The figure of `fastsed.Results.plot_pdf`."""
    names = names or free_quantities(results, problem, row)
    posteriors = posteriors_of(results, row, names)
    if posteriors is None:
        posteriors = marginals_of(_samples(results, problem, row, names))
    return plot_pdf(posteriors, width)


def corner_figure(results: Results, problem: Problem, row: int, names: Sequence[str], width: float) -> Figure:
    """The figure of `fastsed.Results.plot_corner`."""
    if not names:
        names = free_quantities(results, problem, row)
        if len(names) > _MOST_IN_CORNER:
            names = [name for name in names if name not in _DERIVED][:_MOST_IN_CORNER]
    return plot_corner(_samples(results, problem, row, names), width)


def history_figure(results: Results, problem: Problem, row: int, step: float, width: float) -> Figure:
    """The figure of `fastsed.Results.plot_sfh`."""
    simulated = simulate_sources(problem, [row])
    return plot_sfh(history_of(results, problem, row, simulated, 0, step), width)


def _samples(results: Results, problem: Problem, row: int, names: Sequence[str]) -> Samples:
    simulated = simulate_sources(problem, [row])
    return samples_of(results, problem, simulated, 0, names or free_quantities(results, problem, row))
