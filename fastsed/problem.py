"""What a fit needs: options in; catalogue, model grid, data, columns of the output, all checked, out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fastsed.arrays import Ints
from fastsed.columns import output_columns
from fastsed.config.run import RunOptions
from fastsed.fitting.lost import check_fittable
from fastsed.fitting.noise import Noise, draw_noise
from fastsed.fitting.observations import Observations, choose_rows, make_observations
from fastsed.fitting.passes import Plan, Requests, plan_passes
from fastsed.inputs.catalog import Catalog, read_catalog, with_ending
from fastsed.inputs.filters import Response
from fastsed.inputs.luminosity import find_luminosities
from fastsed.inputs.photoz import PhotoZ, find_photoz, photoz_paths
from fastsed.inputs.redshifts import Redshifts, resolve_redshifts
from fastsed.inputs.sed_list import read_sed_list
from fastsed.inputs.spectra import read_spectra, with_spectra
from fastsed.inputs.working_directory import check_working_directory
from fastsed.models.attenuation import dust_law
from fastsed.models.axes import Axes, few_redshifts, history_axes, make_axes
from fastsed.models.cosmology import Cosmology
from fastsed.models.grid import ModelGrid
from fastsed.models.properties import need_spectra, property_names
from fastsed.quantities import Quantity
from fastsed.verdict.finding import Finding, warned
from fastsed.verdict.request import redshift_findings, request_findings

if TYPE_CHECKING:
    from fastsed.fitting.posterior import Weighing

log = logging.getLogger(__name__)


@dataclass
class Problem:
    """Everything that a fit needs, read and checked.

    Attributes
    ----------
    params : RunOptions
    catalog : Catalog
    filters : list of Response
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
    filters: list[Response]
    photoz: PhotoZ | None
    grid: ModelGrid
    data: Observations
    columns: list[Quantity]
    verdict: list[Finding] = field(default_factory=list)

    @property
    def n_models_in_use(self) -> int:
        """Models at the redshifts that any source needs, within the age of the Universe."""
        return self.grid.n_models_at(self.data.redshifts_needed(len(self.grid.axes.z)))

    @cached_property
    def noise(self) -> Noise:
        """The random numbers of the simulations."""
        return draw_noise(self.params.n_sim, self.grid.rows, self.params.seed)

    def joined(self, parts: Sequence[Problem]) -> Problem:
        """The problem of a whole catalogue, from those of its parts, whose models are the same.

        Photometric redshifts are those of all sources, or none where a part has none.
        """
        photoz = [part.photoz for part in parts if part.photoz is not None]
        return replace(
            self,
            catalog=Catalog.concatenated([part.catalog for part in parts]),
            data=Observations.concatenated([part.data for part in parts]),
            photoz=PhotoZ.concatenated(photoz) if len(photoz) == len(parts) else None,
            verdict=list(dict.fromkeys(finding for part in parts for finding in part.verdict)),
        )

    def part(self, rows: Ints) -> Problem:
        """The problem of some of the sources, by row; their fits are the same, to the last bit."""
        photoz = self.photoz
        return replace(
            self,
            catalog=self.catalog.part(rows),
            data=self.data.part(rows),
            photoz=photoz.part(rows) if photoz is not None else None,
            verdict=[],
        )

    @cached_property
    def plan(self) -> Plan:
        """The walks over the grid that the fit takes."""
        p = self.params
        n_described = len(self.described) if p.posterior else -1
        requests = Requests(p.n_sim, p.save_bestchi, p.save_chi_grid, n_described)
        return plan_passes(requests, self.grid, self.data)

    @property
    def described(self) -> list[Quantity]:
        """Properties of the output catalogue, which have posteriors as the axes have."""
        return [column for column in self.columns if column.kind not in ("grid", "other")]

    @cached_property
    def weighing(self) -> Weighing:
        """Priors and cell widths of the posteriors."""
        from fastsed.fitting.weighing import make_weighing

        return make_weighing(
            self.params.priors,
            self.grid.axes,
            self.catalog.ids,
            self.params.posterior_scale == "marginal",
            self.params.where,
        )


def wanted_properties(problem: Problem) -> list[str]:
    """Names of the properties that the output catalogue holds, or of all if other files will hold them."""
    names, p = property_names(problem.grid), problem.params
    if p.save_sim or p.save_bestchi:
        return names
    columns = {column.name for column in problem.columns}
    return [name for name in names if name in columns]


def prepare(params: RunOptions) -> Problem:
    """Read and check all inputs of a run.

    Raises
    ------
    InputError
        For anything wrong with the files or the parameters.
    """
    check_working_directory(params)
    universe = Cosmology(params.h0, params.omega_m, params.omega_l)
    asked = warned(request_findings(params, universe.age, bool(photoz_paths(params))))
    catalog, filters = read_catalog(params)
    if params.spectrum:
        spectra = read_spectra(
            with_ending("SPECTRUM", params.spectrum, ".spec"), catalog.ids, params.spec_lsf_file
        )
        catalog, filters = with_spectra(catalog, filters, spectra)
    if not params.make_seds:
        check_fittable(catalog.fittable, catalog.zero_error, params.catalog_path)
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
        several_passes=params.several_passes,
        cache_dir=params.output_dir,
    )
    log.info(
        "the grid has %s models (%s)",
        f"{axes.size:_}".replace("_", " "),
        ", ".join(f"{name}: {count}" for name, count in zip(axes.names, axes.shape, strict=True)),
    )
    log.info("attenuation by dust: %s", dust_law(params.dust_law).citation)
    problem = Problem(
        params=params,
        catalog=catalog,
        filters=filters,
        photoz=photoz,
        grid=grid,
        data=make_observations(params, axes, catalog, filters, luminosities, redshifts, rows),
        columns=output_columns(params, {i.name: i.kind for i in grid.indices}),
        verdict=[*asked, *catalog.findings, *warned(_known_redshifts(params, catalog, photoz, axes))],
    )
    grid.needs_rest = params.save_chi_grid or need_spectra(grid, wanted_properties(problem))
    check_requests(problem)
    return problem


def _known_redshifts(
    params: RunOptions, catalog: Catalog, photoz: PhotoZ | None, axes: Axes
) -> list[Finding]:
    """Findings on the redshifts that the inputs tell, before they are brought into the grid."""
    z_spec, z_phot = catalog.z_spec, None
    if photoz is not None:
        z_spec, z_phot = np.where(np.isnan(z_spec), photoz.z_spec, z_spec), photoz.z_phot
    path = photoz.path if photoz else ""
    return redshift_findings(z_spec, z_phot, axes.z.astype(float), params.force_zphot, path)


def check_requests(problem: Problem) -> None:
    """Find now what would otherwise stop the run later: formulas, libraries, the list of MAKE_SEDS, priors.

    Raises
    ------
    InputError
        If any of them is wrong.
    """
    p, grid = problem.params, problem.grid
    _ = grid.exclusion, grid.populations
    if p.make_seds:
        read_sed_list(p.make_seds, grid.axes.size)
    elif p.posterior:
        _ = problem.weighing


def _choose_axes(params: RunOptions, redshifts: Redshifts, photoz: PhotoZ | None) -> Axes:
    """The axes of the grid; few galaxies with photometric redshifts bring their own redshift axis."""
    axes = make_axes(params, history_axes(params))
    if photoz is None or params.spectrum or params.n_sim or photoz.n_values >= len(axes.z):
        return axes
    known = np.where(np.isfinite(redshifts.z_spec), redshifts.z_spec, redshifts.z_phot)
    z = few_redshifts(axes.z, known)
    log.info("fewer galaxies than redshifts: fitting at the %d redshifts of the galaxies", len(z))
    return axes.with_values({"z": z})
