"""What a report tells: a fit, or a catalogue of results, in; the contents of the page out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastsed._version import __version__
from fastsed.arrays import Floats
from fastsed.citations import bibtex, citations
from fastsed.config.run import RunOptions
from fastsed.errors import InputError
from fastsed.figure_style import png_of
from fastsed.params import key_fields
from fastsed.paths import for_system
from fastsed.problem import Problem
from fastsed.report.catalogue import Catalogue, catalogue_of
from fastsed.report.overviews import catalogue_figure
from fastsed.report.page import Page, Picture, TableColumn
from fastsed.report.pdfs import marginals_of, plot_pdf
from fastsed.report.seds import plot_sed
from fastsed.report.selection import Group, groups_of
from fastsed.report.source import (
    SourceSimulations,
    free_quantities,
    posteriors_of,
    samples_of,
    sed_of,
    simulate_sources,
)
from fastsed.results import Results

_OVERVIEW_WIDTH = 900
# decimals beyond which columns are shown with as many digits as they need
_MOST_DECIMALS = 4


def report_on_fit(
    results: Results, problem: Problem, figures_per_group: int, known_z: Floats | None = None
) -> Page:
    """The full report of a fit.

    Parameters
    ----------
    results : Results
    problem : Problem
    figures_per_group : int
        Sources shown of the best, the worst, those at edges, and at random.
    known_z : (nsource,), optional
        Redshifts to compare with.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    catalogue, p = catalogue_of(results, problem), problem.params
    page = _page_of(catalogue, known_z)
    page.title = f"{catalogue.name}: report of the fit"
    page.lead = f"{p.path or 'parameters'}: {len(problem.filters)} bands, fitted by fastsed {__version__}"
    page.cards.append((f"{problem.grid.axes.size:,}", "models in the grid"))
    page.verdict = list(results.verdict)
    page.settings = settings_of(p)
    page.provenance = [*results.provenance, "", *_files(p)]
    page.bibtex = bibtex(citations(p, [band.name for band in problem.filters]))
    groups = groups_of(catalogue, figures_per_group)
    _add_sources(page, results, problem, groups)
    if not p.n_sim and results.posterior is None:
        page.notes.append(
            "No distributions are shown: there are no simulations (N_SIM = 0) and no posteriors."
        )
    return page


def report_on_catalogue(catalogue: Catalogue, known_z: Floats | None = None) -> Page:
    """The report of a table of results, which has no spectra.

    Parameters
    ----------
    catalogue : Catalogue
    known_z : (nsource,), optional
        Redshifts to compare with.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    page = _page_of(catalogue, known_z)
    page.title, page.lead = f"{catalogue.name}: report of the results", "A table of results"
    page.provenance = list(catalogue.provenance)
    page.notes.append(
        "This report is of a table of results: it has no spectra, distributions, verdict and settings. "
        "`fastsed-report FILE.param` fits again and shows them."
    )
    # what else to cite, only the parameter file tells
    page.bibtex = bibtex(citations()[:1])
    return page


def _page_of(catalogue: Catalogue, known_z: Floats | None) -> Page:
    """What is shown of every catalogue."""
    page = Page("", "", columns=_table_columns(catalogue), cards=_cards(catalogue))
    has_overview = {"z", "lmass"} <= set(catalogue.columns) or "chi2" in catalogue.columns
    if has_overview and catalogue.fitted.any():
        figure = catalogue_figure(catalogue, "overview")
        page.overview.append(Picture(png_of(figure), "The catalogue", width=_OVERVIEW_WIDTH))
    try:
        figure = catalogue_figure(catalogue, "photoz", known_z)
    except InputError:
        # there is nothing to compare; what was asked for is an error
        if known_z is not None:
            raise
    else:
        page.overview.append(Picture(png_of(figure), "Photometric against known redshifts"))
    return page


def _cards(catalogue: Catalogue) -> list[tuple[str, str]]:
    cards = [(f"{len(catalogue):,}", "sources"), (f"{int(catalogue.fitted.sum()):,}", "with a fit")]
    for name, form, what in (
        ("z", ".3f", "median redshift"),
        ("lmass", ".2f", "median log stellar mass [Msun]"),
        ("lsfr", ".2f", "median log SFR [Msun/yr]"),
        ("chi2", ".3g", "median reduced chi2"),
    ):
        if name in catalogue.columns and catalogue.fitted.any():
            median = float(np.nanmedian(catalogue.get(name)))
            cards.append((f"{median:{form}}".replace("-", "\u2212"), what))
    return cards


def _table_columns(catalogue: Catalogue) -> list[TableColumn]:
    columns = [TableColumn("id", "", "Identifier of the source.", catalogue.ids)]
    for name, values in catalogue.columns.items():
        unit, meaning = catalogue.units.get(name, ""), catalogue.meanings.get(name, "")
        columns.append(TableColumn(name, unit, meaning, values, decimals_of(values)))
    return columns


def decimals_of(values: Floats) -> int:
    """Decimals with which all values are told, -1 where four are not enough.

    Values may have been rounded in single precision.
    """
    finite = values[np.isfinite(values)]
    for decimals in range(_MOST_DECIMALS + 1):
        if np.all(np.abs(np.round(finite, decimals) - finite) <= 1e-6 * np.maximum(1, np.abs(finite))):
            return decimals
    return -1


def _add_sources(page: Page, results: Results, problem: Problem, groups: Sequence[Group]) -> None:
    """Figures of some sources, and links from the table to them."""
    rows = [row for group in groups for row in group.rows]
    simulated = simulate_sources(problem, rows) if problem.params.n_sim and rows else None
    for group in groups:
        pictures = []
        for row in group.rows:
            anchor = f"source-{row}"
            page.links[row] = anchor
            pictures += _pictures(results, problem, row, simulated, rows.index(row), anchor)
        page.sources.append((group.heading, group.why, pictures))


def _pictures(
    results: Results, problem: Problem, row: int, simulated: SourceSimulations | None, i: int, anchor: str
) -> list[Picture]:
    """The spectrum of a source, and its distributions where there are simulations."""
    identity = str(results.ids[row])
    pictures = [Picture(png_of(plot_sed(sed_of(results, problem, row))), f"Source {identity}", anchor)]
    names = free_quantities(results, problem, row)
    marginals = posteriors_of(results, row, names)
    if marginals is None and simulated is not None:
        marginals = marginals_of(samples_of(results, problem, simulated, i, names))
    if marginals is not None and marginals.distributions:
        pictures.append(Picture(png_of(plot_pdf(marginals)), f"Distributions of source {identity}"))
    return pictures


def settings_of(options: RunOptions) -> list[tuple[str, str]]:
    """Keys of the parameter file whose values are not the default ones, with their values."""
    default = type(options)()
    changed = [
        (row.name.upper(), getattr(options, row.name))
        for row in key_fields().values()
        if getattr(options, row.name) != getattr(default, row.name)
    ]
    return [(key, _shown(value)) for key, value in changed]


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _files(options: RunOptions) -> list[str]:
    """The program, and digests of the files that the results rest on most."""
    lines = [f"report written by fastsed {__version__}"]
    for path in (options.path, options.catalog_path):
        if path and Path(for_system(path)).is_file():
            digest = hashlib.sha256(Path(for_system(path)).read_bytes()).hexdigest()
            lines.append(f"SHA-256 of {path}: {digest}")
    return lines
