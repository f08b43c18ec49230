"""Observed spectra: a `.spec` file, ids and a line spread function in, fluxes and channels out."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats, Ints, Mask
from fastsed.errors import InputError
from fastsed.inputs.catalog import (
    Catalog,
    counted,
    fittable_sources,
    mask_extreme,
    mask_invalid,
    warn_unfittable,
)
from fastsed.inputs.filters import Response, integrate
from fastsed.inputs.tables import TextTable, canonical_id, needs, read_number_columns
from fastsed.inputs.template_error import check_curve
from fastsed.inputs.wavelengths import LARGEST_WAVELENGTH, warn_unless_angstrom

log = logging.getLogger(__name__)

LAST_BIN = 2**53  # whole numbers beyond are not exact
UNIFORMITY = 0.05
"""Largest relative deviation of a step of WL from the mean step."""

LSF_POINTS = 81
"""Points on which the response of a channel with a line spread function is tabulated."""


@dataclass
class Spectra:
    """Spectra of the catalogue's sources, on a common set of channels.

    Attributes
    ----------
    channels : list of Response
        One per spectral element; their number is 0, their mean wavelength the centre of the element.
    low, up : float64 (nchannel,)
        Limits of each element [A].
    flux, error : float64 (nsource, nchannel)
        F_lambda [1e-19 erg/s/cm2/A]. Masked channels, and sources without a spectrum, have error = inf and
        flux = 0.
    zero_error : bool (nsource,)
        Sources with an error of zero, which cannot be fitted.
    """

    channels: list[Response]
    low: Floats
    up: Floats
    flux: Floats
    error: Floats
    zero_error: Mask


def read_spectra(path: str | Path, ids: Sequence[str], lsf_path: str | Path = "") -> Spectra:
    """Read spectra.

    Parameters
    ----------
    path : path-like
        Table with columns F<id> and E<id> per source, and either WL_LOW and WL_UP, the limits of each
        element, or WL, the centres of contiguous elements of equal width [A]. With TR, elements with 0 are
        left out. With BIN, the elements of a bin are combined.
    ids : sequence of str
        The catalogue's ids.
    lsf_path : path-like, optional
        Line spread function: two columns, wavelength and sigma [A].

    Raises
    ------
    InputError
        For missing columns, malformed rows, or wavelengths that do not make sense.
    """
    log.info("reading spectra from '%s'", path)
    table = TextTable(path, _names_elements)
    sources, flux_columns, error_columns = _pair_columns(path, table.names, ids)
    special = [name for name in ("WL", "WL_LOW", "WL_UP", "TR", "BIN") if table.has(name)]
    numbers = table.read(numbers=[*flux_columns, *error_columns, *map(table.find, special)]).numbers
    columns = {name: numbers[:, k - len(special)] for k, name in enumerate(special)}
    if not len(numbers):
        raise InputError("holds no spectral elements", path)

    used = table.flags("TR", columns["TR"]) if "TR" in columns else np.ones(len(numbers), dtype=bool)
    low, up = _element_limits(table, columns, used)
    warn_unless_angstrom(path, 0.5 * (low + up))
    nspectrum = len(sources)
    flux = numbers[used, :nspectrum].T.copy()
    error = numbers[used, nspectrum : 2 * nspectrum].T.copy()
    zero_error = mask_invalid(flux, error)
    names = [table.names[i] for i in flux_columns]
    mask_extreme(table, flux.T, error.T, np.isfinite(error.T), names, np.flatnonzero(used))
    log.info("found %s with %d spectral elements", counted(nspectrum, "spectrum", "spectra"), low.size)

    if "BIN" in columns:
        bins = _whole_numbers(table, columns["BIN"])[used]
        low, up, flux, error = _combine(bins, low, up, flux, error)
        log.info("rebinned the spectra to %d spectral elements", low.size)

    channels = _channels(low, up, lsf_path)
    spectra = Spectra(
        channels,
        low,
        up,
        flux=np.zeros((len(ids), low.size)),
        error=np.full((len(ids), low.size), np.inf),
        zero_error=np.zeros(len(ids), dtype=bool),
    )
    spectra.flux[sources], spectra.error[sources], spectra.zero_error[sources] = flux, error, zero_error
    return spectra


def with_spectra(
    catalog: Catalog, filters: list[Response], spectra: Spectra
) -> tuple[Catalog, list[Response]]:
    """Append the channels of the spectra to the bands, and say which sources cannot be fitted."""
    error = np.hstack([catalog.error, spectra.error])
    zero_error = catalog.zero_error | spectra.zero_error
    merged = replace(
        catalog,
        bands=np.concatenate([catalog.bands, np.zeros(len(spectra.channels), dtype=np.int64)]),
        flux=np.hstack([catalog.flux, spectra.flux]),
        error=error,
        zero_error=zero_error,
        fittable=fittable_sources(error, zero_error),
    )
    if catalog.limit is not None and catalog.limit_error is not None:
        merged = replace(
            merged,
            limit=np.hstack([catalog.limit, np.zeros_like(spectra.flux)]),
            limit_error=np.hstack([catalog.limit_error, np.full_like(spectra.error, np.inf)]),
        )
    warn_unfittable(merged)
    return merged, [*filters, *spectra.channels]


def lsf_sigma(path: str | Path, lam: Floats) -> Floats:
    """Width (n,) [A] of a line spread function at observed wavelengths `lam` (n,) [A]; constant outside it.

    Raises
    ------
    InputError
        If `path` is not a table of ascending wavelengths and widths.
    """
    known, sigma = read_number_columns(path, ["wavelength", "sigma"])
    check_curve(path, known, sigma, "sigma")
    warn_unless_angstrom(path, known)
    widths: Floats = np.interp(lam, known, sigma)
    return widths


def lsf_response(low: float, up: float, sigma: float) -> tuple[Floats, Floats]:
    """Response of an element to light of each wavelength: its top hat convolved with a Gaussian.

    Parameters
    ----------
    low, up, sigma : float
        Limits of the element and width of the line spread function [A].

    Returns
    -------
    lam, response : float64 (81,)
        Over the width of the element plus 7 sigma; trapezoid integral 1.
    """
    centre, width = 0.5 * (low + up), up - low
    half = 0.5 * (width + 7 * sigma)
    lam = np.linspace(centre - half, centre + half, LSF_POINTS)
    scale = math.sqrt(2) * sigma
    response = np.array([0.5 * (math.erf((up - x) / scale) - math.erf((low - x) / scale)) for x in lam])
    return lam, response / integrate(lam, response)


def _pair_columns(
    path: str | Path, header: list[str], ids: Sequence[str]
) -> tuple[list[int], list[int], list[int]]:
    """Rows of the catalogue that have a spectrum, and the columns of its flux and error."""
    upper = [name.upper() for name in header]
    rows = _rows_of(ids)
    sources, flux, error = [], [], []
    for position, name in enumerate(upper):
        if not name.startswith("F"):
            continue
        row = rows.get(name[1:], rows.get(canonical_id(name[1:])))
        if row is None:
            log.warning("spectrum %s: no source '%s' in the catalogue; ignored", header[position], name[1:])
        elif "E" + name[1:] not in upper:
            log.warning("spectrum %s has no error column E%s; ignored", header[position], name[1:])
        else:
            sources.append(row)
            flux.append(position)
            error.append(upper.index("E" + name[1:]))
    if len(set(sources)) < len(sources):
        raise InputError("its header names a source more than once", path)
    if not sources:
        raise InputError(
            "has no spectrum of a source of the catalogue: expected columns F<id> and E<id>", path
        )
    return sources, flux, error


def _rows_of(ids: Sequence[str]) -> dict[str, int]:
    """Row of each id in upper case and, where only one source has it, in the form that 1 and 1.0 share."""
    rows: dict[str, int] = {}
    number_of = Counter(map(canonical_id, ids))
    for row, identity in enumerate(ids):
        if number_of[canonical_id(identity)] == 1:
            rows[canonical_id(identity)] = row
    return rows | {identity.upper(): row for row, identity in enumerate(ids)}


def _names_elements(header: list[str]) -> bool:
    """Whether a header names what tells where the elements are."""
    return needs("WL")(header) or needs("WL_LOW", "WL_UP")(header)


def _element_limits(table: TextTable, columns: dict[str, Floats], used: Mask) -> tuple[Floats, Floats]:
    """Lower and upper limit of each element that is used."""
    if not used.any():
        raise InputError("every spectral element has TR = 0", table.path)
    if "WL" in columns and not {"WL_LOW", "WL_UP"} <= columns.keys():
        centre = columns["WL"]
        half = 0.5 * _uniform_step(table.path, centre, used)
        return centre[used] - half, centre[used] + half
    for name in ("WL_LOW", "WL_UP"):
        table.find(name)
    low, up = columns["WL_LOW"], columns["WL_UP"]
    for row in np.flatnonzero(used & ~((low > 0) & (up > low) & (up <= LARGEST_WAVELENGTH)))[:1]:
        raise table.error(
            f"a spectral element from {low[row]:g} to {up[row]:g} A: WL_UP must be above WL_LOW, and both "
            f"above 0 and at most {LARGEST_WAVELENGTH:g}",
            int(row),
        )
    return low[used].copy(), up[used].copy()


def _uniform_step(path: str | Path, centre: Floats, used: Mask) -> float:
    """Mean step of the elements in use or, where leaving some out makes gaps, of all of them."""
    if not (np.abs(centre) <= LARGEST_WAVELENGTH).all():
        raise InputError(
            f"column WL holds a wavelength that is not finite, or beyond {LARGEST_WAVELENGTH:g} A", path
        )
    for wavelengths in (centre[used], centre):
        steps = np.diff(wavelengths)
        if steps.size and steps.mean() != 0 and np.abs(steps / steps.mean() - 1).max() <= UNIFORMITY:
            return float(abs(steps.mean()))
    raise InputError(
        f"the steps of WL are not uniform to {UNIFORMITY:.0%}, so the widths of the spectral elements are "
        "not known; give their limits as WL_LOW and WL_UP",
        path,
    )


def _whole_numbers(table: TextTable, values: Floats) -> Ints:
    whole = (values >= 0) & (values <= LAST_BIN) & (values == np.round(values))
    for row in np.flatnonzero(~whole)[:1]:
        message = f"column BIN: '{values[row]:g}' must be a whole number from 0 to {LAST_BIN}"
        raise table.error(message, int(row))
    return values.astype(np.int64)


def _combine(
    bins: Ints,
    low: Floats,
    up: Floats,
    flux: Floats,
    error: Floats,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Combine the elements of each bin by inverse variance; bins come out in the order of their numbers."""
    order = np.argsort(bins, kind="stable")
    starts = np.flatnonzero(np.diff(bins[order], prepend=-1))
    with np.errstate(over="ignore", invalid="ignore"):
        weight = error[:, order] ** -2.0
        total = np.add.reduceat(weight, starts, axis=1)
        weighted = np.add.reduceat(weight * flux[:, order], starts, axis=1)
    valid = (total > 0) & np.isfinite(total) & np.isfinite(weighted)
    combined = np.divide(weighted, total, out=np.zeros_like(total), where=valid)
    combined_error = np.full_like(total, np.inf)
    combined_error[valid] = total[valid] ** -0.5
    return (
        np.minimum.reduceat(low[order], starts),
        np.maximum.reduceat(up[order], starts),
        combined,
        combined_error,
    )


def _channels(low: Floats, up: Floats, lsf_path: str | Path) -> list[Response]:
    """A filter per element: a top hat, or its convolution with the line spread function."""
    centre = 0.5 * (low + up)
    sigma = np.zeros_like(centre)
    if lsf_path:
        log.info("using the line spread function '%s'", lsf_path)
        sigma = lsf_sigma(lsf_path, centre)
    channels = []
    for i, (start, stop, spread) in enumerate(zip(low, up, sigma, strict=True)):
        if spread > 0:
            points, response = lsf_response(float(start), float(stop), float(spread))
        else:
            points, response = np.array([start, stop]), np.full(2, 1 / (stop - start))
        channels.append(Response(0, f"channel {i + 1}", points, response, float(centre[i])))
    return channels
