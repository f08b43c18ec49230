"""A whole run: parameters in, fitted catalogue and output files out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.fit.engine import Fits, fit
from fastsed.fit.observations import Observations, redshift_windows
from fastsed.inputs.catalog import Catalog, read_catalog, warn_unfittable
from fastsed.inputs.filters import Filter
from fastsed.inputs.photoz import PhotoZ, read_photoz
from fastsed.inputs.redshifts import Redshifts, resolve_redshifts
from fastsed.inputs.template_error import read_template_error
from fastsed.models.attenuation import dust_law
from fastsed.models.axes import Axes, few_redshifts, history_axes, make_axes
from fastsed.models.grid import ModelGrid, Rows
from fastsed.models.photometry import band_template_errors
from fastsed.models.properties import model_properties
from fastsed.outputs.columns import Column, output_columns
from fastsed.outputs.fout import build_header, write_fout
from fastsed.params import Params

if TYPE_CHECKING:
    from astropy.table import Table

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]


@dataclass
class Setup:
    """Everything that a fit needs, read and checked.

    Attributes
    ----------
    params : Params
    catalog : Catalog
    filters : list of Filter
        Of the catalogue's bands.
    photoz : PhotoZ or None
    grid : ModelGrid
    data : Observations
    columns : list of Column
        Of the output catalogue.
    """

    params: Params
    catalog: Catalog
    filters: list[Filter]
    photoz: PhotoZ | None
    grid: ModelGrid
    data: Observations
    columns: list[Column]

    @property
    def n_models_to_fit(self) -> int:
        """Models at the redshifts that any source needs, within the age of the Universe."""
        axes = self.grid.axes
        wanted = self.data.wanted_redshifts(len(axes.z))
        per_age = axes.models_per_redshift // len(axes.lage)
        return int(self.grid.ages_at[wanted].sum()) * per_age


def prepare(params: Params) -> Setup:
    """Read and check all inputs of a run.

    Raises
    ------
    InputError
        For anything wrong with the files or the parameters.
    """
    catalog, filters = read_catalog(params)
    photoz = _read_photoz(params, catalog)
    redshifts = resolve_redshifts(catalog, photoz, params.z_min, params.z_max)
    axes = _choose_axes(params, redshifts, photoz is not None)
    grid = ModelGrid(params, axes, filters, Rows(len(filters)), n_threads=params.n_threads())
    log.info(
        "the grid has %s models (%s)",
        f"{axes.size:_}".replace("_", " "),
        ", ".join(f"{name}: {count}" for name, count in zip(axes.names, axes.shape, strict=True)),
    )
    columns = output_columns(params, {i.name: i.kind for i in grid.indices})
    warn_unfittable(catalog)
    return Setup(
        params=params,
        catalog=catalog,
        filters=filters,
        photoz=photoz,
        grid=grid,
        data=_observations(params, catalog, filters, redshifts, axes),
        columns=columns,
    )


def _read_photoz(params: Params, catalog: Catalog) -> PhotoZ | None:
    """The `.zout` file beside the catalogue, where there is one."""
    path = Path(f"{params.catalog}.zout")
    if not path.exists():
        return None
    return read_photoz(path, catalog.ids, params.name_zphot, params.zphot_conf)


def _choose_axes(params: Params, redshifts: Redshifts, has_photoz: bool) -> Axes:
    """The axes of the grid; few galaxies with photometric redshifts bring their own redshift axis."""
    axes = make_axes(params, history_axes(params))
    few = has_photoz and not params.spectrum and params.n_sim == 0 and len(redshifts.z_spec) < len(axes.z)
    if not few:
        return axes
    known = np.where(np.isfinite(redshifts.z_spec), redshifts.z_spec, redshifts.z_phot)
    z = few_redshifts(axes.z, known)
    log.info("fewer galaxies than redshifts: fitting at the %d redshifts of the galaxies", len(z))
    return Axes(axes.names, (z, *axes.values[1:]))


def _observations(
    params: Params, catalog: Catalog, filters: list[Filter], redshifts: Redshifts, axes: Axes
) -> Observations:
    """One table of all data columns."""
    n = len(catalog.ids)
    first, last, best_first, best_last = redshift_windows(params, axes, redshifts, catalog.fittable)
    table = read_template_error(params.temp_err_file) if params.temp_err_file else None
    return Observations(
        value=np.ascontiguousarray(catalog.flux),
        variance=np.ascontiguousarray(catalog.error**2),
        n_main=catalog.flux.shape[1],
        template_error=band_template_errors(table, filters, axes.z),
        own_spec_scale=np.zeros(n, dtype=np.uint8),
        log_component=np.full(n, -1, dtype=np.int32),
        log_lir=np.zeros(n),
        log_error=np.ones(n),
        first_z=first,
        last_z=last,
        best_first_z=best_first,
        best_last_z=best_last,
    )


@dataclass
class Results:
    """What a fit found.

    Attributes
    ----------
    setup : Setup
    fits : Fits
    """

    setup: Setup
    fits: Fits

    @property
    def fitted(self) -> NDArray[np.bool_]:
        """Which sources have a fit, (nsource,)."""
        return self.fits.model >= 0

    @cached_property
    def values(self) -> dict[str, Floats]:
        """Value of each column for each source: linear masses, rates and luminosities; chi2 is reduced.

        Sources without a fit have NaN.
        """
        setup, fits = self.setup, self.fits
        rows = np.flatnonzero(self.fitted)
        models = fits.model[rows]
        found: dict[str, Floats] = {
            name: v.astype(float) for name, v in setup.grid.axes.parameters(models).items()
        }
        found |= scaled_properties(setup, models, fits.scale[rows], fits.spec_scale[rows])
        values = {name: np.full(len(fits.model), np.nan) for name in found}
        for name, v in found.items():
            values[name][rows] = v
        n_free = sum(n > 1 for n in setup.grid.axes.shape)
        values["chi2"] = fits.chi2 / np.maximum(1, setup.data.n_data() - n_free)
        values["nmodel"] = fits.n_models
        return values

    @property
    def path(self) -> Path:
        """Where the output catalogue goes."""
        p = self.setup.params
        name = p.output_file or Path(p.catalog).name
        return Path(p.output_dir) / f"{name}.fout"

    def write(self) -> Path:
        """Write the output catalogue.

        Returns
        -------
        Path
            Of the `.fout` file.
        """
        setup = self.setup
        p = setup.params
        header = build_header(
            p,
            setup.catalog.bands,
            dust_law(p.dust_law).describe(p.e_b, p.delta),
            setup.photoz is not None,
        )
        write_fout(
            self.path,
            header=header,
            ids=setup.catalog.ids,
            columns=setup.columns,
            values=self.values,
            precision=p.output_precision,
        )
        log.info("wrote %s", self.path)
        return self.path

    def to_table(self) -> Table:
        """The output catalogue as an `astropy.table.Table`, with the names, order and values of the `.fout` columns."""
        from astropy.table import Table

        from fastsed.outputs.fout import printed_values

        table = Table()
        for column in self.setup.columns:
            if column.name == "id":
                table["id"] = self.setup.catalog.ids
            elif column.name in ("chi2", "nmodel"):
                table[column.name] = self.values[column.name]
            else:
                table[column.name] = printed_values(column, self.values[column.name])
            table[column.name].description = column.meaning
        return table


def scaled_properties(
    setup: Setup, models: NDArray[np.int64], scale: Floats, spec_scale: Floats
) -> dict[str, Floats]:
    """Properties of models times the scales with which they fit, (n,) each; linear."""
    from fastsed.outputs.columns import property_columns

    values = model_properties(setup.grid, models)
    indices = {i.name: i.kind for i in setup.grid.indices}
    for column in property_columns(setup.params, indices):
        if column.scales:
            values[column.name] = values[column.name] * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        values["sscale"] = scale / spec_scale
    return values


def run(params: Params, progress: Callable[[int], None] | None = None) -> Results:
    """Fit a catalogue and write its output files.

    Parameters
    ----------
    params : Params
    progress : callable, optional
        Called with the number of models done, piece by piece.

    Returns
    -------
    Results

    Raises
    ------
    InputError
        For anything wrong with the inputs.
    """
    results = fit_prepared(prepare(params), progress)
    results.write()
    return results


def fit_prepared(setup: Setup, progress: Callable[[int], None] | None = None) -> Results:
    """Fit what `prepare` read; nothing is written."""
    fits = fit(setup.grid, setup.data, progress)
    results = Results(setup, fits)
    lost = int(np.sum(setup.catalog.fittable & ~results.fitted))
    if lost:
        if not setup.grid.ages_at.any():
            raise InputError(
                "no model can be fitted: every age is older than the Universe at every redshift; "
                "lower LOG_AGE_MIN or set NO_MAX_AGE = 1",
                setup.params.path or None,
            )
        log.warning("%d sources have no model to fit at their redshift; their rows hold NaN", lost)
    return results
