"""A whole run: parameters in, fitted catalogue and output files out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsed.config.run import RunOptions
from fastsed.fit.best_fit import BestFit, BestFits
from fastsed.fit.delta_chi2 import DeltaChi2
from fastsed.fit.lost import ages_in_window, check_fittable, report_lost
from fastsed.fit.monte_carlo import MonteCarlo, Noise, draw_noise
from fastsed.fit.observations import Observations, choose_rows, make_observations
from fastsed.fit.passes import Pass, Plan, Product, Requests, plan_passes, walk, walk_best_first
from fastsed.inputs.catalog import Catalog, read_catalog, with_ending
from fastsed.inputs.filters import Filter
from fastsed.inputs.luminosity import find_luminosities
from fastsed.inputs.photoz import PhotoZ, find_photoz
from fastsed.inputs.redshifts import Redshifts, resolve_redshifts
from fastsed.inputs.spectra import read_spectra, with_spectra
from fastsed.inputs.working_directory import check_working_directory
from fastsed.make_seds import make_seds, read_sed_list
from fastsed.models.attenuation import dust_law
from fastsed.models.axes import Axes, few_redshifts, history_axes, make_axes
from fastsed.models.grid import ModelGrid
from fastsed.models.properties import need_spectra, property_names
from fastsed.models.sfh import parse_sfh_quantities
from fastsed.outputs.chi2grid import check_space, full_grid_size
from fastsed.outputs.columns import confidence_labels, output_columns
from fastsed.outputs.fout import ROWS_PER_BLOCK, FoutWriter, build_header, printed_bounds, printed_values
from fastsed.outputs.grid_file import chi_grid_reducer
from fastsed.outputs.preflight import check_outputs
from fastsed.outputs.source_files import SourceFiles
from fastsed.quantities import Quantity
from fastsed.threads import single_threaded_blas
from fastsed.uncertainties import (
    Uncertainties,
    from_chi2,
    from_simulations,
    scaled_properties,
    unknown_uncertainties,
    wanted_properties,
)
from fastsed.verdict.finding import Finding, report, warned
from fastsed.verdict.fits import FittedSources, fit_findings
from fastsed.verdict.request import redshift_findings, request_findings

if TYPE_CHECKING:
    from astropy.table import Table

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]


@dataclass
class Setup:
    """Everything that a fit needs, read and checked.

    Attributes
    ----------
    params : RunOptions
    catalog : Catalog
    filters : list of Filter
        Of the catalogue's bands.
    photoz : PhotoZ or None
    grid : ModelGrid
    data : Observations
    columns : list of Quantity
        Of the output catalogue.
    verdict : list of Finding
        What is known before the fit; the unusual ones have been warned of.
    """

    params: RunOptions
    catalog: Catalog
    filters: list[Filter]
    photoz: PhotoZ | None
    grid: ModelGrid
    data: Observations
    columns: list[Quantity]
    verdict: list[Finding] = field(default_factory=list)

    @property
    def chi_grid_bytes(self) -> int:
        """Size of a whole `chi2.grid`."""
        return full_grid_size(self.grid.axes.as_dict(), property_names(self.grid), self.data.n_sources)

    def output_path(self, ending: str, named: bool = True) -> Path:
        """Path of an output file: OUTPUT_DIR / OUTPUT_FILE plus `ending`, or the ending alone."""
        p = self.params
        name = Path(p.output_file or p.catalog).name if named else ""
        return Path(p.output_dir) / f"{name}{ending}"

    @property
    def n_models_in_use(self) -> int:
        """Models at the redshifts that any source needs, within the age of the Universe."""
        return self.grid.n_models_at(self.data.redshifts_needed(len(self.grid.axes.z)))

    @cached_property
    def noise(self) -> Noise:
        """The random numbers of the simulations."""
        return draw_noise(self.params.n_sim, self.grid.rows, self.params.seed)

    @cached_property
    def plan(self) -> Plan:
        """The walks over the grid that the fit takes."""
        p = self.params
        return plan_passes(Requests(p.n_sim, p.save_bestchi, p.save_chi_grid), self.grid, self.data)


def prepare(params: RunOptions) -> Setup:
    """Read and check all inputs of a run.

    Raises
    ------
    InputError
        For anything wrong with the files or the parameters.
    """
    check_working_directory(params)
    asked = warned(request_findings(params))
    catalog, filters = read_catalog(params)
    if params.spectrum:
        spectra = read_spectra(
            with_ending("SPECTRUM", params.spectrum, ".spec"), catalog.ids, params.spec_lsf_file
        )
        catalog, filters = with_spectra(catalog, filters, spectra)
    if not params.make_seds:
        check_fittable(catalog.fittable, catalog.zero_error, f"{params.catalog}.cat")
    luminosities = find_luminosities(params, catalog.ids)
    photoz = find_photoz(params, catalog.ids)
    redshifts = resolve_redshifts(catalog, photoz, params.z_min, params.z_max)
    axes = _choose_axes(params, redshifts, photoz)
    rows = choose_rows(catalog, luminosities)
    grid = ModelGrid(
        params,
        axes,
        filters,
        rows,
        needs_dust=luminosities is not None,
        n_threads=params.n_threads(),
        several_passes=params.n_sim > 0 or params.save_bestchi > 0 or params.save_chi_grid,
        cache_dir=params.output_dir,
    )
    log.info(
        "the grid has %s models (%s)",
        f"{axes.size:_}".replace("_", " "),
        ", ".join(f"{name}: {count}" for name, count in zip(axes.names, axes.shape, strict=True)),
    )
    log.info("attenuation by dust: %s", dust_law(params.dust_law).citation)
    setup = Setup(
        params=params,
        catalog=catalog,
        filters=filters,
        photoz=photoz,
        grid=grid,
        data=make_observations(params, axes, catalog, filters, luminosities, redshifts, rows),
        columns=output_columns(params, {i.name: i.kind for i in grid.indices}),
        verdict=[*asked, *catalog.findings, *warned(_known_redshifts(params, catalog, photoz, axes))],
    )
    grid.needs_rest = params.save_chi_grid or need_spectra(grid, wanted_properties(setup))
    _check_requests(setup)
    return setup


def _known_redshifts(
    params: RunOptions, catalog: Catalog, photoz: PhotoZ | None, axes: Axes
) -> list[Finding]:
    """Findings on the redshifts that the inputs tell, before they are brought into the grid."""
    z_spec, z_phot = catalog.z_spec, None
    if photoz is not None:
        z_spec, z_phot = np.where(np.isnan(z_spec), photoz.z_spec, z_spec), photoz.z_phot
    path = photoz.path if photoz else ""
    return redshift_findings(z_spec, z_phot, axes.z.astype(float), params.force_zphot, path)


def _check_requests(setup: Setup) -> None:
    """Find now what would otherwise stop the run later: formulas, libraries, quantities, lists, room on the disk."""
    p, grid = setup.params, setup.grid
    parse_sfh_quantities(p.sfh_quantities)
    _ = grid.exclusion, grid.populations
    if p.make_seds:
        read_sed_list(p.make_seds, grid.axes.size)
    elif p.save_chi_grid:
        check_space(setup.output_path("chi2.grid", named=False), setup.chi_grid_bytes)


def _choose_axes(params: RunOptions, redshifts: Redshifts, photoz: PhotoZ | None) -> Axes:
    """The axes of the grid; few galaxies with photometric redshifts bring their own redshift axis."""
    axes = make_axes(params, history_axes(params))
    if photoz is None or params.spectrum or params.n_sim or photoz.n_values >= len(axes.z):
        return axes
    known = np.where(np.isfinite(redshifts.z_spec), redshifts.z_spec, redshifts.z_phot)
    z = few_redshifts(axes.z, known)
    log.info("fewer galaxies than redshifts: fitting at the %d redshifts of the galaxies", len(z))
    return Axes(axes.names, (z, *axes.values[1:]))


@dataclass
class Results:
    """What a fit found.

    Attributes
    ----------
    setup : Setup
    best : BestFits
    uncertainties : Uncertainties or None
        None without simulations or INTERVAL_FROM_CHI2.
    """

    setup: Setup
    best: BestFits
    uncertainties: Uncertainties | None = None

    @property
    def fitted(self) -> NDArray[np.bool_]:
        """Which sources have a fit, (nsource,)."""
        return self.best.fitted

    @cached_property
    def values(self) -> dict[str, Floats]:
        """Value of each parameter and property for each source: linear masses, rates and luminosities; chi2 is reduced.

        Sources without a fit have NaN. With BEST_FROM_SIM these are the medians of the simulations.
        """
        return self._values_of(slice(0, len(self.best.model)), property_names(self.setup.grid))

    def _values_of(self, rows: slice, names: list[str]) -> dict[str, Floats]:
        """The `values` of some sources: parameters, and some of the properties."""
        setup, best = self.setup, self.best
        fitted = np.flatnonzero(self.fitted[rows])
        models = best.model[rows][fitted]
        scale, spec_scale = (v[rows][fitted] for v in (best.scale, best.spec_scale))
        found: dict[str, Floats] = {n: v.astype(float) for n, v in setup.grid.axes.parameters(models).items()}
        found |= scaled_properties(setup, models, scale, spec_scale, names)
        values = {name: np.full(rows.stop - rows.start, np.nan) for name in found}
        for name, v in found.items():
            values[name][fitted] = v
        if self.uncertainties is not None:
            values |= {name: medians[rows] for name, medians in self.uncertainties.medians.items()}
        n_free = sum(n > 1 for n in setup.grid.axes.shape)
        values["chi2"] = best.chi2[rows] / np.maximum(1, setup.data.n_data(rows) - n_free)
        values["nmodel"] = best.n_models[rows]
        return values

    @property
    def verdict(self) -> list[Finding]:
        """What is known before the fit, then what the fit told; the unusual ones were warned of."""
        return [*self.setup.verdict, *self.findings]

    @cached_property
    def findings(self) -> list[Finding]:
        """The verdict on the best fits."""
        setup, rows = self.setup, np.flatnonzero(self.fitted)
        axes, data = setup.grid.axes, setup.data
        intervals = self.uncertainties.intervals if self.uncertainties else {}
        values = self._values_of(slice(0, data.n_sources), ["lmass"])
        fitted = FittedSources(
            axes=axes.as_dict(),
            indices=dict(zip(axes.names, axes.indices(self.best.model[rows]), strict=True)),
            values={name: v[rows] for name, v in values.items()},
            intervals={name: v[rows] for name, v in intervals.items() if name in values},
            scale=self.best.scale[rows],
            freedom=data.n_data()[rows] - sum(n > 1 for n in axes.shape),
            free_redshift=(data.best_first_z < data.best_last_z)[rows],
        )
        return fit_findings(fitted, setup.params.c_interval)

    @property
    def path(self) -> Path:
        """Where the output catalogue goes."""
        return self.setup.output_path(".fout")

    def write(self) -> Path:
        """Write the output catalogue.

        Returns
        -------
        Path
            Of the `.fout` file.
        """
        setup, p = self.setup, self.setup.params
        header = build_header(
            p,
            setup.catalog.bands[setup.catalog.bands > 0],
            dust_law(p.dust_law).describe(p.e_b, p.delta),
            setup.photoz.path if setup.photoz else "",
        )
        intervals = self.uncertainties.intervals if self.uncertainties else None
        confidences = p.c_interval if intervals else ()
        names, longest = wanted_properties(setup), max(map(len, setup.catalog.ids), default=0)
        with FoutWriter(self.path, header, setup.columns, confidences, p.output_precision, longest) as writer:
            for start in range(0, len(setup.catalog.ids), ROWS_PER_BLOCK):
                rows = slice(start, min(start + ROWS_PER_BLOCK, len(setup.catalog.ids)))
                own = {name: v[rows] for name, v in intervals.items()} if intervals else None
                writer.append_rows(setup.catalog.ids[rows], self._values_of(rows, names), own)
        log.info("wrote %s", self.path)
        return self.path

    def to_table(self) -> Table:
        """The output catalogue as an `astropy.table.Table`: names, order and values of the `.fout` columns."""
        from astropy.table import Table

        table = Table()
        for column in self.setup.columns:
            if column.name == "id":
                table["id"] = self.setup.catalog.ids
            elif column.kind == "other":
                table[column.name] = self.values[column.name]
            else:
                table[column.name] = printed_values(column, self.values[column.name])
                for label, bounds in self._bounds(column):
                    table[label] = bounds
            table[column.name].description = column.meaning
        return table

    def _bounds(self, column: Quantity) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Printed bounds of a column, with their labels."""
        if self.uncertainties is None:
            return
        bounds = printed_bounds(column, self.uncertainties.intervals[column.name])
        for i, confidence in enumerate(confidence_labels(self.setup.params.c_interval)):
            for side, label in enumerate("lu"):
                yield f"{label}{confidence}_{column.name}", bounds[:, i, side]


def run(params: RunOptions, progress: Callable[[int], None] | None = None) -> Results | None:
    """Fit a catalogue and write all output files.

    Parameters
    ----------
    params : RunOptions
    progress : callable, optional
        Called with the number of models done, piece by piece.

    Returns
    -------
    Results or None
        None with MAKE_SEDS: the spectra of its list are written then, and nothing is fitted.

    Raises
    ------
    InputError
        For anything wrong with the inputs.
    """
    setup = prepare(params)
    check_outputs(setup)
    if params.make_seds:
        make_seds(setup)
        return None
    results = fit_prepared(setup, progress, write_files=True)
    results.write()
    return results


def fit_prepared(
    setup: Setup, progress: Callable[[int], None] | None = None, write_files: bool = False
) -> Results:
    """Fit what `prepare` read.

    Parameters
    ----------
    setup : Setup
    progress : callable, optional
        Called with the number of models done, piece by piece.
    write_files : bool
        Write the files that hold more than the catalogue (best fits, grids, simulations) as the parameters ask.

    Returns
    -------
    Results
        Not yet written as a catalogue.
    """
    # the threads are ours, a tile each: not BLAS's
    with single_threaded_blas():
        results = _fit(setup, progress, write_files)
        report(setup.verdict, results.findings)
        return results


def _fit(setup: Setup, progress: Callable[[int], None] | None, write_files: bool) -> Results:
    """As `fit_prepared`."""
    p, best_fit = setup.params, BestFit(setup.grid, setup.data)
    uncertainties = unknown_uncertainties(setup) if p.n_sim or p.save_bestchi else None
    for step in setup.plan.passes:
        reducers = _reduce(setup, step, best_fit, progress, write_files)
        if "best fit" in step.products:
            best = best_fit.result()
            _report_lost(setup, best)
            files = SourceFiles(setup, best) if write_files else None
        if "simulations" in step.products:
            assert uncertainties is not None
            write = files.write_simulated if files else _nothing
            from_simulations(setup, uncertainties, reducers["simulations"], step.rows, write)
        if "delta chi2" in step.products:
            assert uncertainties is not None
            write_acceptable = files.write_acceptable if files else _nothing
            acceptable = reducers["delta chi2"].result()
            from_chi2(setup, uncertainties, best, acceptable, write_acceptable)
    if files:
        if uncertainties is None:
            files.write_best()
        files.write_best_fits()
        files.sync()
    with_intervals = p.n_sim or p.interval_from_chi2
    return Results(setup, best, uncertainties if with_intervals else None)


def _reduce(
    setup: Setup,
    step: Pass,
    best_fit: BestFit,
    progress: Callable[[int], None] | None,
    write_files: bool,
) -> dict[Product, Any]:
    """Walk over the tiles once; the reducers of the pass, which have seen them all."""
    p, grid, data = setup.params, setup.grid, setup.data
    reducers: dict[Product, Any] = {}
    with ExitStack() as stack:
        # the others may look at what this one has found so far: it comes first
        if "best fit" in step.products:
            reducers["best fit"] = best_fit
        if "simulations" in step.products:
            reducers["simulations"] = MonteCarlo(grid, data, setup.noise, step.rows)
        if "delta chi2" in step.products:
            reducers["delta chi2"] = DeltaChi2(grid, data, p.save_bestchi, lambda: best_fit.so_far)
        if "full grid" in step.products and write_files:
            path = setup.output_path("chi2.grid", named=False)
            reducers["full grid"] = stack.enter_context(chi_grid_reducer(setup, path))
        if step.best_first:
            best_z = grid.axes.redshift_index(best_fit.so_far.model[step.rows])
            walk_best_first(grid, setup.plan.redshifts, reducers["simulations"], best_z, progress)
        else:
            n_sources = step.rows.stop - step.rows.start
            walk(grid, setup.plan.redshifts, list(reducers.values()), n_sources, progress)
    return reducers


def _nothing(_: object) -> None:
    """Where no files are wanted."""


def _report_lost(setup: Setup, best: BestFits) -> None:
    """Say which sources have no model, and why."""
    data = setup.data
    n_ages = ages_in_window(setup.grid.ages_at, data.best_first_z, data.best_last_z)
    report_lost(setup.catalog.fittable, best.fitted, n_ages, best.n_models, setup.params.path)
