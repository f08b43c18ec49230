"""The data as the fit sees them: catalogue, redshifts and template errors in, one table of data columns out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from fastsed.arrays import Flags, Floats, Int32s, Ints, Mask
from fastsed.config.inputs import InputOptions
from fastsed.inputs.catalog import Catalog
from fastsed.inputs.filters import Response
from fastsed.inputs.luminosity import InfraredLuminosities
from fastsed.inputs.redshifts import Redshifts
from fastsed.inputs.template_error import read_template_error
from fastsed.models.axes import Axes
from fastsed.models.photometry import band_template_errors
from fastsed.models.tile import Rows

log = logging.getLogger(__name__)


@dataclass
class Observations:
    """Data of all sources, one column per band, linear luminosity or spectral channel.

    Attributes
    ----------
    value : (nsource, ncolumn)
        Flux [1e-19 erg/s/cm2/A] or luminosity [Lsun]; 0 where masked.
    variance : (nsource, ncolumn)
        Square of its error; infinite where masked.
    n_main : int
        Columns that share the main scale under AUTO_SCALE; spectral channels follow.
    template_error : (nz, ncolumn)
        Relative error of the models.
    own_spec_scale : (nsource,) uint8
        1 where the spectrum has a scale of its own.
    log_component : (nsource,) int32
        Component of a logarithmic luminosity prior (0 all, 1 birth clouds, 2 cirrus), -1 for none.
    log_lir, log_error : (nsource,)
        That prior: log10(L/Lsun) and its error [dex].
    first_z, last_z : (nsource,)
        Window of redshift indices, both included; empty (first > last) for sources that are not fitted.
    best_first_z, best_last_z : (nsource,)
        Window for the best fit alone.
    limit, limit_error : (nsource, ncolumn), optional
        Upper limits in place of data, and their errors, infinite where there is none; None without any.
    """

    value: Floats
    variance: Floats
    n_main: int
    template_error: Floats
    own_spec_scale: Flags
    log_component: Int32s
    log_lir: Floats
    log_error: Floats
    first_z: Ints
    last_z: Ints
    best_first_z: Ints
    best_last_z: Ints
    limit: Floats | None = None
    limit_error: Floats | None = None

    @property
    def n_sources(self) -> int:
        """Number of sources."""
        return len(self.value)

    @property
    def n_columns(self) -> int:
        """Number of data columns."""
        return int(self.value.shape[1])

    def n_data(self, rows: slice = slice(None)) -> Ints:
        """Number of valid data of each source, a logarithmic luminosity included."""
        counts: Ints = np.isfinite(self.variance[rows]).sum(axis=1) + (self.log_component[rows] >= 0)
        return counts

    def part(self, rows: slice | Ints) -> Observations:
        """The data of some of the sources."""
        return replace(self, **{name: getattr(self, name)[rows] for name in self._of_sources()})

    def _of_sources(self) -> list[str]:
        """Names of the attributes with a row for each source."""
        names = [f.name for f in fields(self) if f.name not in ("n_main", "template_error")]
        return [name for name in names if getattr(self, name) is not None]

    @classmethod
    def concatenated(cls, parts: Sequence[Observations]) -> Observations:
        """The data of the parts of a catalogue as those of the whole, in order."""
        if any(part.limit is not None for part in parts):
            parts = [part.with_limits() for part in parts]
        of_sources: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in parts[0]._of_sources()
        }
        return replace(parts[0], **of_sources)

    def with_limits(self) -> Observations:
        """The same, with arrays of upper limits even where there are none."""
        if self.limit is not None:
            return self
        return replace(self, limit=np.zeros(self.value.shape), limit_error=np.full(self.value.shape, np.inf))

    def redshifts_needed(self, n_z: int) -> Mask:
        """Which redshifts any source needs, (nz,)."""
        edges = np.zeros(n_z + 1, dtype=np.int64)
        for first, last in ((self.first_z, self.last_z), (self.best_first_z, self.best_last_z)):
            used = first <= last
            np.add.at(edges, first[used], 1)
            np.add.at(edges, last[used] + 1, -1)
        return np.cumsum(edges[:-1]) > 0


def sum_in_window(values_at: Ints | Mask, first_z: Ints, last_z: Ints) -> Ints:
    """Sum of `values_at` (nz,) over the redshift window of each source, (nsource,); 0 for an empty one."""
    before = np.concatenate([[0], np.cumsum(values_at)])
    return np.where(last_z >= first_z, before[np.maximum(last_z + 1, 0)] - before[first_z], 0)


def redshift_windows(
    params: InputOptions, axes: Axes, redshifts: Redshifts, fittable: Mask
) -> tuple[Ints, Ints, Ints, Ints]:
    """The redshift indices that each source may take.

    A spectroscopic redshift, or a photometric one under FORCE_ZPHOT, leaves the nearest grid redshift;
    ZPHOT_CONF leaves the interval; BEST_AT_ZPHOT holds the best fit, not the window, at the photometric redshift.

    Returns
    -------
    first, last, best_first, best_last : (nsource,) int64
    """
    n = len(fittable)
    first, last = np.zeros(n, dtype=np.int64), np.full(n, len(axes.z) - 1, dtype=np.int64)
    if params.zphot_conf:
        bounded = np.isfinite(redshifts.lower) & np.isfinite(redshifts.upper)
        first[bounded] = axes.nearest_redshift(redshifts.lower[bounded])
        last[bounded] = axes.nearest_redshift(redshifts.upper[bounded])
    fixed = redshifts.z_spec.copy()
    if params.force_zphot:
        fixed = np.where(np.isfinite(fixed), fixed, redshifts.z_phot)
    known = np.isfinite(fixed)
    first[known] = last[known] = axes.nearest_redshift(fixed[known])
    best_first, best_last = first.copy(), last.copy()
    if params.best_at_zphot:
        held = np.isfinite(redshifts.z_phot) & ~known
        best_first[held] = best_last[held] = axes.nearest_redshift(redshifts.z_phot[held])
    for window_end in (last, best_last):
        window_end[~fittable] = -1
    return first, last, best_first, best_last


def choose_rows(catalog: Catalog, luminosities: InfraredLuminosities | None) -> Rows:
    """Which data columns there are: bands, the dust components that any source has linear data of, channels."""
    n_channels = int(np.sum(catalog.bands == 0))
    components: tuple[int, ...] = ()
    if luminosities is not None:
        linear = np.isfinite(luminosities.error) & ~luminosities.log
        components = tuple(int(c) for c in np.unique(luminosities.component[linear]))
    return Rows(len(catalog.bands) - n_channels, n_channels, components)


def make_observations(
    params: InputOptions,
    axes: Axes,
    catalog: Catalog,
    filters: list[Response],
    luminosities: InfraredLuminosities | None,
    redshifts: Redshifts,
    rows: Rows,
) -> Observations:
    """Collect the data of all sources.

    Parameters
    ----------
    params : InputOptions
    axes : Axes
    catalog : Catalog
        With the channels of the spectra, if any, after the bands.
    filters : list of Response
        Of all bands and channels.
    luminosities : InfraredLuminosities or None
    redshifts : Redshifts
    rows : Rows
        From `choose_rows`.
    """
    n = len(catalog.ids)
    if rows.components:
        value, variance = np.zeros((n, rows.count)), np.full((n, rows.count), np.inf)
        value[:, rows.bands], variance[:, rows.bands] = catalog.flux, catalog.error**2
    else:
        value, variance = np.ascontiguousarray(catalog.flux), np.ascontiguousarray(catalog.error**2)
    log_component = np.full(n, -1, dtype=np.int32)
    log_lir, log_error = np.zeros(n), np.ones(n)
    if luminosities is not None:
        given = np.isfinite(luminosities.error)
        for component, row in zip(rows.components, rows.luminosities, strict=True):
            chosen = given & ~luminosities.log & (luminosities.component == component)
            value[chosen, row] = luminosities.value[chosen]
            variance[chosen, row] = luminosities.error[chosen] ** 2
        chosen = given & luminosities.log
        log_component[chosen] = luminosities.component[chosen]
        log_lir[chosen], log_error[chosen] = luminosities.value[chosen], luminosities.error[chosen]

    limit, limit_error = _limits(catalog, rows)
    has_spectrum = np.isfinite(variance[:, rows.n_main :]).any(axis=1)
    own_scale = _auto_scale(params, rows) & has_spectrum & np.isfinite(variance[:, : rows.n_main]).any(axis=1)
    first, last, best_first, best_last = redshift_windows(params, axes, redshifts, catalog.fittable)
    return Observations(
        value=value,
        variance=variance,
        n_main=rows.n_main,
        template_error=_template_errors(params, axes, filters, rows),
        own_spec_scale=own_scale.astype(np.uint8),
        log_component=log_component,
        log_lir=log_lir,
        log_error=log_error,
        first_z=first,
        last_z=last,
        best_first_z=best_first,
        best_last_z=best_last,
        limit=limit,
        limit_error=limit_error,
    )


def _limits(catalog: Catalog, rows: Rows) -> tuple[Floats | None, Floats | None]:
    """Upper limits and their errors in the columns of the data, (nsource, ncolumn) each; None without any."""
    if catalog.limit is None or catalog.limit_error is None:
        return None, None
    limit, error = (np.full((len(catalog.ids), rows.count), empty) for empty in (0.0, np.inf))
    limit[:, rows.bands], error[:, rows.bands] = catalog.limit, catalog.limit_error
    return limit, error


def _auto_scale(params: InputOptions, rows: Rows) -> bool:
    """Whether spectra have a scale of their own; without photometry there would be no other."""
    if params.auto_scale and rows.n_photometry == 0:
        log.warning("AUTO_SCALE needs photometry: it is switched off")
        return False
    return params.auto_scale


def _template_errors(params: InputOptions, axes: Axes, filters: list[Response], rows: Rows) -> Floats:
    """Relative error of the models in each data column, (nz, ncolumn)."""
    errors = np.zeros((len(axes.z), rows.count))
    parts = (
        (params.temp_err_file, slice(0, rows.n_photometry), filters[: rows.n_photometry]),
        (params.temp_err_spec_file, slice(rows.n_main, rows.count), filters[rows.n_photometry :]),
    )
    for path, columns, bands in parts:
        if path and bands:
            errors[:, columns] = band_template_errors(read_template_error(path), bands, axes.z)
    return errors
