"""What a fit of a table needs: columns and models in; catalogue, data and model grid, checked, out."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.arrays import Floats, Mask, Singles
from fastsed.columns import output_columns
from fastsed.config.run import RunOptions
from fastsed.errors import InputError
from fastsed.filters import Filter, get
from fastsed.fitting.lost import check_fittable
from fastsed.fitting.observations import Observations, choose_rows, make_observations
from fastsed.galaxy_model import GalaxyModel, options_of
from fastsed.inputs.catalog import Catalog, counted, fittable_sources, take_limits, with_limits
from fastsed.inputs.filters import Response, read_filters
from fastsed.inputs.flux_units import f_lambda
from fastsed.inputs.redshifts import resolve_redshifts
from fastsed.inputs.template_error import TemplateError, check_curve, read_template_error
from fastsed.models.grid import ModelGrid
from fastsed.models.properties import need_spectra
from fastsed.problem import Problem, check_requests, wanted_properties
from fastsed.tables.columns import ColumnSource
from fastsed.tables.sources import as_source

log = logging.getLogger(__name__)

Bands = Mapping[Any, tuple[str, str]]
"""Filter, or column of an array of models -> (column of the fluxes, column of the errors)."""


@dataclass(frozen=True)
class Photometry:
    """The columns of a table that a fit uses.

    Attributes
    ----------
    ids : array (nsource,)
        As the table has them.
    flux, error : (nsource, nband)
        As the table has them; NaN where there is no measurement.
    units, error_units : list of str
        Of fluxes and errors of each band; errors without unit have that of the flux.
    z : (nsource,)
        Known redshifts; NaN where there is none.
    limits : (nsource, nband) bool or None
        Which fluxes are upper limits.
    """

    ids: NDArray[Any]
    flux: Floats
    error: Floats
    units: list[str]
    error_units: list[str]
    z: Floats
    limits: Mask | None = None


def read_photometry(
    table: Any,
    bands: Bands,
    identity: str | None = None,
    redshift: str | None = None,
    unit: str = "uJy",
    limits: Mapping[Any, str] | None = None,
) -> Photometry:
    """Read the columns of a table of any kind (`fastsed.tables.sources.as_source`).

    Parameters
    ----------
    table : object
    bands : mapping
        Values are pairs of column names, of fluxes and errors.
    identity, redshift : str, optional
        Names of columns.
    unit : str
        Of columns without a unit of their own.
    limits : mapping, optional
        Filter of `bands` -> name of a boolean column.

    Raises
    ------
    InputError
        For a missing column, or what is no number.
    TypeError
        If `bands` is no mapping to pairs of names, or `limits` to names.
    """
    source = as_source(table)
    for name, given in (("bands", bands), ("limits", limits or {})):
        if not isinstance(given, Mapping):
            raise TypeError(f"{name}: expected a mapping, not {type(given).__name__}")
    pairs = [_pair(band, names) for band, names in bands.items()]
    if not pairs:
        raise InputError("bands: no band is given")
    flux, errors = (source.read([pair[k] for pair in pairs]) for k in (0, 1))
    values, sigma = (np.stack([column.numbers() for column in columns], axis=1) for columns in (flux, errors))
    invalid = ~(np.isfinite(values) & np.isfinite(sigma) & (sigma > 0))
    values[invalid], sigma[invalid] = np.nan, np.nan
    return Photometry(
        ids=_ids(source, identity),
        flux=values,
        error=sigma,
        units=[column.unit or unit for column in flux],
        error_units=[column.unit for column in errors],
        z=_redshifts(source, redshift),
        limits=_limits(source, list(bands), limits) if limits else None,
    )


def _limits(source: ColumnSource, bands: list[Any], limits: Mapping[Any, str]) -> Mask:
    """Which fluxes (nsource, nband) are upper limits."""
    flags = np.zeros((source.n_rows, len(bands)), dtype=bool)
    for band, name in limits.items():
        if not isinstance(name, str):
            raise TypeError(f"limits[{band!r}]: expected the name of a column, not {type(name).__name__}")
        if band not in bands:
            raise InputError(f"limits[{band!r}]: there is no such filter in bands")
        (column,) = source.read([name])
        flags[:, bands.index(band)] = column.flags()
    return flags


def _pair(band: Any, names: Any) -> tuple[str, str]:
    if isinstance(names, str) or len(names) != 2:
        raise TypeError(f"bands[{band!r}]: expected the names of two columns, (flux, error), not {names!r}")
    return names[0], names[1]


def _ids(source: ColumnSource, name: str | None) -> NDArray[Any]:
    if name is None:
        return np.arange(1, source.n_rows + 1)
    (column,) = source.read([name])
    return column.values


def _redshifts(source: ColumnSource, name: str | None) -> Floats:
    if name is None:
        return np.full(source.n_rows, np.nan)
    (column,) = source.read([name])
    z = column.numbers()
    return np.where(np.isfinite(z) & (z >= 0), z, np.nan)


def catalog_of(photometry: Photometry, filters: Sequence[Response]) -> Catalog:
    """The photometry as F_lambda [1e-19 erg/s/cm2/Angstrom], masked where there is no measurement.

    Raises
    ------
    InputError
        For a unit that is none of a flux, or if no source can be fitted.
    """
    flux, error = np.empty_like(photometry.flux), np.empty_like(photometry.error)
    for band, (unit, curve) in enumerate(zip(photometry.units, filters, strict=True)):
        flux[:, band], error[:, band] = f_lambda(
            photometry.flux[:, band],
            photometry.error[:, band],
            unit,
            curve.mean_wavelength,
            photometry.error_units[band],
        )
    limits = take_limits(flux, error, photometry.limits)
    masked = ~(np.isfinite(flux) & np.isfinite(error) & (error > 0))
    flux[masked], error[masked] = 0.0, np.inf
    none = np.zeros(len(flux), dtype=bool)
    fittable = fittable_sources(error, none)
    check_fittable(fittable, none, "the table")
    if not fittable.all():
        lost = counted(int(np.count_nonzero(~fittable)), "source")
        beside = "" if limits is None else " beside upper limits"
        log.warning("%s without any valid flux%s: not fitted", lost, beside)
    # 0 is for the channels of spectra
    numbers = np.array([curve.number or -1 - k for k, curve in enumerate(filters)], dtype=np.int64)
    ids = [str(one) for one in photometry.ids.tolist()]
    return with_limits(Catalog(ids, numbers, flux, error, photometry.z, fittable, none), limits)


def filters_of(bands: Bands, options: RunOptions) -> list[Response]:
    """The filter of each band: of a number or a name of the database, or a curve of the user's own.

    Raises
    ------
    InputError
        For an unknown number or name.
    TypeError
        For anything else.
    """
    responses: list[Response] = []
    for band in bands:
        if isinstance(band, Filter | str):
            responses.append(get(band).response(options.filter_format))
        elif isinstance(band, int | np.integer) and not isinstance(band, bool):
            responses += read_filters(options.filters_res, [int(band)], options.filter_format)
        else:
            raise TypeError(f"bands: {band!r} is neither the number or name of a filter nor a fastsed.Filter")
    return responses


def template_error_of(
    given: str | os.PathLike[str] | tuple[ArrayLike, ArrayLike] | None,
) -> TemplateError | None:
    """The template error function: of a file, or of arrays of rest wavelengths [Angstrom] and relative errors.

    Raises
    ------
    InputError
        For a malformed file or array.
    """
    if given is None:
        return None
    if isinstance(given, str | os.PathLike):
        return read_template_error(os.fspath(given))
    lam, error = (np.asarray(values, dtype=np.float64) for values in given)
    check_curve("template_error", lam, error, "error")
    return TemplateError(lam, error)


def table_problem(
    photometry: Photometry,
    bands: Bands,
    model: GalaxyModel,
    template_error: TemplateError | None,
    fit_options: Mapping[str, Any],
) -> Problem:
    """Everything that the fit of a table of galaxies needs.

    Parameters
    ----------
    photometry : Photometry
    bands : mapping
    model : GalaxyModel
    template_error : TemplateError or None
    fit_options : mapping
        Options of `RunOptions` that say what is to be found.

    Raises
    ------
    InputError
        For anything wrong with the inputs.
    """
    options = RunOptions(**(options_of(model) | {"no_cache": True} | dict(fit_options)))
    filters = filters_of(bands, options)
    catalog = catalog_of(photometry, filters)
    rows = choose_rows(catalog, None)
    grid = ModelGrid(
        options,
        model.axes,
        filters,
        rows,
        n_threads=options.n_threads(),
        several_passes=options.several_passes,
    )
    z = model.axes.z
    redshifts = resolve_redshifts(catalog, None, float(z[0]), float(z[-1]))
    data = make_observations(options, model.axes, catalog, filters, None, redshifts, rows)
    problem = Problem(
        params=options,
        catalog=catalog,
        filters=filters,
        photoz=None,
        grid=grid,
        data=with_template_error(data, template_error, filters, z),
        columns=output_columns(options, {i.name: i.kind for i in grid.indices}),
    )
    check_requests(problem)
    grid.needs_rest = need_spectra(grid, wanted_properties(problem))
    return problem


def with_template_error(
    data: Observations, error: TemplateError | None, filters: Sequence[Response], z: Singles
) -> Observations:
    """The data beside models whose fluxes have an error."""
    if error is None:
        return data
    from fastsed.models.photometry import band_template_errors

    return replace(data, template_error=band_template_errors(error, list(filters), z))
