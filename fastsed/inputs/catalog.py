"""The photometric catalogue: `.cat` and `.translate` files in, fluxes in F_lambda and their filters out."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats, Ints, Mask
from fastsed.config.run import RunOptions
from fastsed.errors import InputError
from fastsed.filter_names import FilterNumber, filter_number, is_filter_name
from fastsed.inputs.filters import Response, read_filters
from fastsed.inputs.flux_units import MICROJANSKY_ZEROPOINT, BandUnits, flux_factor
from fastsed.inputs.header import split_row
from fastsed.inputs.tables import Columns, NamedTable, SourceTable, TextTable
from fastsed.paths import for_system
from fastsed.tables.formats import known_suffixes
from fastsed.text import decode, parse_number, read_bytes
from fastsed.verdict.finding import Finding, warned
from fastsed.verdict.photometry import Photometry, column_label, photometry_findings

log = logging.getLogger(__name__)

_FLUX_COLUMN = re.compile(r"F([0-9]{1,9})")
_LIMIT_COLUMN = re.compile(r"LIM([0-9]{1,9})")
_NAMED_COLUMN = re.compile(r"(TOT|LIM|F|E)(.+)")


SMALLEST, LARGEST = 1e-150, 1e150
"""Sizes of fluxes and errors whose squares are normal numbers of double precision."""


@dataclass
class Catalog:
    """Photometry of all sources.

    Attributes
    ----------
    ids : list of str
    bands : int (nband,)
        Filter numbers, from 1; 0 for the channels of a spectrum.
    flux, error : float64 (nsource, nband)
        F_lambda [1e-19 erg/s/cm2/A]. A masked band has error = inf and flux = 0.
    z_spec : float64 (nsource,)
        NaN where there is none.
    fittable : bool (nsource,)
        False for sources with an error of zero, or without any valid band.
    zero_error : bool (nsource,)
        The former of the two.
    findings : list of Finding
        What is unusual about the photometry, and what is not; of the former one was warned.
    limit, limit_error : float64 (nsource, nband), optional
        Upper limits in place of fluxes and their errors, infinite where there is none; None without any.
    """

    ids: list[str]
    bands: Ints
    flux: Floats
    error: Floats
    z_spec: Floats
    fittable: Mask
    zero_error: Mask
    findings: list[Finding] = field(default_factory=list)
    limit: Floats | None = None
    limit_error: Floats | None = None

    @classmethod
    def concatenated(cls, parts: Sequence[Catalog]) -> Catalog:
        """The parts of a catalogue as the whole, in order."""
        joined = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("flux", "error", "z_spec", "fittable", "zero_error")
        }
        if any(part.limit is not None for part in parts):
            for name, empty in (("limit", 0.0), ("limit_error", np.inf)):
                rows = [getattr(part, name) for part in parts]
                joined[name] = np.concatenate(
                    [
                        np.full(part.flux.shape, empty) if row is None else row
                        for part, row in zip(parts, rows, strict=True)
                    ]
                )
        ids = [one for part in parts for one in part.ids]
        return replace(parts[0], ids=ids, findings=[], **joined)

    def part(self, rows: Ints) -> Catalog:
        """The photometry of some of the sources."""
        names = ("flux", "error", "z_spec", "fittable", "zero_error", "limit", "limit_error")
        chosen = {name: getattr(self, name)[rows] for name in names if getattr(self, name) is not None}
        return replace(self, ids=[self.ids[row] for row in rows.tolist()], findings=[], **chosen)


@dataclass(frozen=True)
class _Columns:
    """Where the columns are in the header."""

    identity: int
    bands: list[int]
    flux: list[int]
    error: list[int]
    total: int | None
    z_spec: int | None
    limits: dict[int, int] = field(default_factory=dict)


def read_catalog(params: RunOptions) -> tuple[Catalog, list[Response]]:
    """Read the photometry that a parameter file names.

    Uses CATALOG, AB_ZEROPOINT, FILTERS_RES and FILTER_FORMAT, and the keys that tell whether a file per
    source will be written. Where SPECTRUM is set, `fastsed.inputs.spectra.with_spectra` has to follow.

    Returns
    -------
    catalog : Catalog
    filters : list of Response
        One per band, in the order of `catalog.bands`.

    Raises
    ------
    InputError
        For a missing file or column, a malformed row, unknown filters, or ids that cannot name files.
    """
    path = _catalog_path(params)
    log.info("reading fluxes from '%s'", path)
    translation = _find_translation(params.catalog_stem)
    table = _open_catalog(params, path, translation)
    translation.report(table.names)
    names = translation.apply(table.names)
    columns = _find_columns(table, names)
    if not columns.bands and not params.spectrum:
        raise InputError(
            "has no photometry: expected columns F<n> and E<n>, n the number of a filter in FILTERS_RES", path
        )
    filters = _read_filters(params, columns.bands, translation.named_filters(table.names))
    wavelengths = np.array([band.mean_wavelength for band in filters])

    read = _read_columns(table, columns)
    units = BandUnits(
        [table.names[i] for i in columns.flux], table.units(columns.flux), table.units(columns.error), path
    )
    if params.catalog_is_table:
        units.tell_missing(params.ab_zeropoint)
    flux, error, zero_point = _fluxes(units, columns, read.numbers, params.ab_zeropoint, wavelengths)
    ids = read.texts[0]
    if not ids:
        raise InputError("has a header but no sources", path)
    _check_ids(table, ids, params)
    limit = take_limits(flux, error, _limit_flags(table, columns, read.numbers))
    zero_error = mask_invalid(flux, error)
    photometry = _photometry(table, names, columns, read.numbers, flux, error)
    measured, factor = np.isfinite(error), flux_factor(zero_point, wavelengths)
    with np.errstate(over="ignore", under="ignore"):
        flux, error = flux * factor, error * factor
    mask_extreme(table, flux, error, measured, [table.names[i] for i in columns.flux])
    catalog = Catalog(
        ids=ids,
        bands=np.array(columns.bands, dtype=np.int64),
        flux=flux,
        error=error,
        z_spec=_known_redshifts(read.numbers, columns),
        fittable=fittable_sources(error, zero_error),
        zero_error=zero_error,
        findings=warned(photometry_findings(photometry, zero_point, table.names, names, path)),
    )
    catalog = with_limits(catalog, limit, factor)
    if not params.spectrum:
        warn_unfittable(catalog)
    log.info("fitting %s with %s each", counted(len(ids), "source"), counted(len(filters), "flux", "fluxes"))
    return catalog, filters


def take_limits(flux: Floats, error: Floats, flags: Mask | None) -> tuple[Floats, Floats] | None:
    """Take upper limits out of the fluxes, in place: they are not measured.

    Parameters
    ----------
    flux, error : (nsource, nband)
    flags : (nsource, nband) or None
        Which fluxes are limits.

    Returns
    -------
    limit, error : (nsource, nband)
        The error is infinite where there is no usable limit. None without any flag.
    """
    if flags is None or not flags.any():
        return None
    usable = flags & np.isfinite(flux) & np.isfinite(error) & (error > 0)
    limit, limit_error = np.where(usable, flux, 0.0), np.where(usable, error, np.inf)
    flux[flags], error[flags] = np.nan, np.inf
    return limit, limit_error


def with_limits(
    catalog: Catalog, limits: tuple[Floats, Floats] | None, factor: Floats | float = 1.0
) -> Catalog:
    """A catalogue with upper limits, from `take_limits`; `factor` brings them to F_lambda."""
    if limits is None:
        return catalog
    with np.errstate(over="ignore", under="ignore"):
        limit, error = limits[0] * factor, limits[1] * factor
    usable = (error >= SMALLEST) & (error <= LARGEST) & (np.abs(limit) <= LARGEST)
    log.info("of the fluxes, %d are upper limits", int(np.count_nonzero(usable)))
    return replace(catalog, limit=np.where(usable, limit, 0.0), limit_error=np.where(usable, error, np.inf))


def mask_invalid(flux: Floats, error: Floats) -> Mask:
    """Mask, in place, what is no measurement: error = inf and flux = 0.

    Not measured are bands with a negative error, or with a flux or an error that is not finite. An error
    of zero is masked too, since no weight can be made of it, and reported.

    Parameters
    ----------
    flux, error : float64 (nsource, nband)

    Returns
    -------
    bool (nsource,)
        Sources with a finite flux whose error is zero.
    """
    valid = np.isfinite(flux) & np.isfinite(error) & (error >= 0)
    zero = valid & (error == 0)
    masked = ~valid | zero
    flux[masked] = 0.0
    error[masked] = np.inf
    any_band: Mask = zero.any(axis=1)
    return any_band


def mask_extreme(
    table: NamedTable,
    flux: Floats,
    error: Floats,
    measured: Mask,
    names: Sequence[str],
    rows: Ints | None = None,
) -> None:
    """Mask, in place and with a warning, what has no square in double precision: error = inf and flux = 0.

    Parameters
    ----------
    table : NamedTable
        From which they come, for the message.
    flux, error : float64 (nrow, ncolumn)
        In the unit in which they are fitted.
    measured : bool (nrow, ncolumn)
        False where they are masked already.
    names : sequence of str, length ncolumn
        Columns of the fluxes.
    rows : int64 (nrow,), optional
        Rows of the table that these are; all of them by default.
    """
    size = np.abs(flux)
    usable = (
        ((flux == 0) | ((size >= SMALLEST) & (size <= LARGEST))) & (error >= SMALLEST) & (error <= LARGEST)
    )
    extreme = measured & ~usable
    if not extreme.any():
        return
    row, column = (int(i) for i in np.argwhere(extreme)[0])
    what = counted(
        int(extreme.sum()),
        "value is masked: it or its error is",
        "values are masked: they or their errors are",
    )
    text = (
        f"column {names[column]}: {what} too large or too small, beyond {SMALLEST:g} to {LARGEST:g} after conversion; "
        f"the first is {flux[row, column]:g} +- {error[row, column]:g}"
    )
    log.warning("%s", table.error(text, row if rows is None else int(rows[row])))
    flux[extreme] = 0.0
    error[extreme] = np.inf


def fittable_sources(error: Floats, zero_error: Mask) -> Mask:
    """Sources with at least one valid band and no error of zero: bool (nsource,)."""
    return np.isfinite(error).any(axis=1) & ~zero_error


def warn_unfittable(catalog: Catalog) -> None:
    """Say how many sources will not be fitted, and why."""
    beside = "" if catalog.limit is None else " beside upper limits"
    reasons = {
        "an error of zero": catalog.zero_error,
        f"want of any valid flux{beside}": ~catalog.fittable & ~catalog.zero_error,
    }
    for reason, affected in reasons.items():
        rows = np.flatnonzero(affected)
        if rows.size:
            first = ", ".join(catalog.ids[i] for i in rows[:5]) + (", ..." if rows.size > 5 else "")
            log.warning("%s not fitted for %s: %s", counted(rows.size, "source"), reason, first)


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number and its noun: "1 source", "2 sources"."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def _read_filters(params: RunOptions, bands: list[int], named: set[int]) -> list[Response]:
    """Curves of the bands; those that were named have to be in the database of the names."""
    numbers = [FilterNumber(band) if band in named else band for band in bands]
    return read_filters(params.filters_res, numbers, params.filter_format) if bands else []


def _catalog_path(params: RunOptions) -> str:
    """Path of the catalogue."""
    if not params.catalog:
        raise InputError("CATALOG is not set: it is the path of the photometric catalogue, without '.cat'")
    if params.catalog_is_table:
        return params.catalog_path
    return with_ending("CATALOG", params.catalog, ".cat", f"a table with the suffix {known_suffixes()}, or ")


def _open_catalog(params: RunOptions, path: str, translation: _Translation) -> NamedTable:
    """The catalogue, text or table."""
    if params.catalog_is_table:
        from fastsed.tables.readers import read_table

        return SourceTable(read_table(path))
    needs_bands = not params.spectrum
    return TextTable(path, lambda names: _names_sources(translation.apply(names), needs_bands))


def with_ending(key: str, value: str, ending: str, others: str = "") -> str:
    """Path of the file that a key names without its ending; `others` says, for messages, what else it may be.

    Raises
    ------
    InputError
        Where there is none, but the value itself is a file.
    """
    path = value + ending
    if Path(for_system(path)).is_file() or not Path(for_system(value)).is_file():
        return path
    if value.endswith(ending):
        raise InputError(f"does not exist: write {key} = '{value[: -len(ending)]}', without '{ending}'", path)
    raise InputError(
        f"does not exist, and '{value}' cannot take its place: {key} is {others}a text whose name ends in {ending}",
        path,
    )


@dataclass(frozen=True)
class _Translation:
    """What a `.translate` file says: FAST's name of each column."""

    path: Path | None
    names: dict[str, str]

    def get(self, name: str) -> str | None:
        """FAST's name of a column: of exactly this name, else of one that differs by the case of letters."""
        if name in self.names:
            return self.names[name]
        alike = {new for old, new in self.names.items() if old.upper() == name.upper()}
        return alike.pop() if len(alike) == 1 else None

    def apply(self, header: Sequence[str]) -> list[str]:
        """A header in FAST's names, upper case; filters that are named have their numbers."""
        return [_with_number((self.get(name) or name).upper()) for name in header]

    def named_filters(self, header: Sequence[str]) -> set[int]:
        """Numbers of the filters that stand in the header, or in its translation, by name."""
        matches = [_NAMED_COLUMN.fullmatch((self.get(name) or name).upper()) for name in header]
        return {int(filter_number(match[2])) for match in matches if match and is_filter_name(match[2])}

    def check(self, header: Sequence[str]) -> None:
        """Refuse pairs of a flux and an error whose filter is neither a number nor a known name.

        Raises
        ------
        InputError
            That lists the nearest names.
        """
        translated = [new for new in map(self.get, header) if new]
        for new in translated:
            name = new[1:]
            is_pair = new[:1].upper() == "F" and f"E{name}".upper() in map(str.upper, translated)
            if is_pair and not name.isdigit() and not is_filter_name(name):
                try:
                    filter_number(name)
                except InputError as error:
                    raise InputError(f"'{new}': {error.message}", self.path) from None

    def report(self, header: Sequence[str]) -> None:
        """Say how many names were translated."""
        if self.path is None:
            return
        used = sum(self.get(name) is not None for name in header)
        log.info("using column translation file '%s'", self.path)
        log.info("... translated %d column names (%d translations unused)", used, len(self.names) - used)
        self.check(header)
        if self.names and not used:
            log.warning("%s translates none of the catalogue's column names", self.path)


def _with_number(name: str) -> str:
    """A column of a filter that is named (`FSDSS_U`) under its number (`F156`); other names as they are."""
    match = _NAMED_COLUMN.fullmatch(name)
    return f"{match[1]}{filter_number(match[2])}" if match and is_filter_name(match[2]) else name


def _find_translation(catalog: str) -> _Translation:
    """The `.translate` file beside a catalogue; none is one without names.

    What follows the two names of a line is not used: EAzY reads factors of errors there.
    """
    path = Path(for_system(catalog + ".translate"))
    if not path.is_file():
        return _Translation(None, {})
    names: dict[str, str] = {}
    factors = 0
    for line, raw in enumerate(read_bytes(path).splitlines(), start=1):
        words = [decode(word) for word in split_row(raw.replace(b",", b" "), comma=False)]
        if len(words) == 1:
            raise InputError(f"expected 'name-in-the-catalog FAST-name', found '{words[0]}'", path, line)
        if words:
            names[words[0]] = words[1]
            factors += len(words) > 2 and parse_number(words[2]) not in (None, 1.0)
    if factors:
        log.warning("%s: the factors in the third column of %s are not used", path, counted(factors, "line"))
    return _Translation(path, names)


def _names_sources(names: Sequence[str], needs_bands: bool) -> bool:
    """Whether a header, in FAST's names, is that of a catalogue: ids and, where they are needed, fluxes with errors."""
    known = set(names)
    return "ID" in known and (
        not needs_bands or any(_FLUX_COLUMN.fullmatch(name) and f"E{name[1:]}" in known for name in known)
    )


def _find_columns(table: NamedTable, names: list[str]) -> _Columns:
    """Pair the columns of fluxes and errors, and find the others."""
    bands, flux, error = _band_columns(table.names, names)
    limits = _limit_columns(table.names, names, bands)
    values = [names[i] for i in (*flux, *error)]
    _check_names(table, names, {"ID", "Z_SPEC", *values, *(f"LIM{band}" for band in bands)})
    totals = [i for i, name in enumerate(names) if name in {f"TOT{band}" for band in bands}]
    if len(totals) > 1:
        log.warning("several columns TOT<n>: using %s, ignoring the others", table.names[totals[0]])
    return _Columns(
        identity=names.index("ID"),
        bands=bands,
        flux=flux,
        error=error,
        total=totals[0] if totals else None,
        z_spec=names.index("Z_SPEC") if "Z_SPEC" in names else None,
        limits=limits,
    )


def _band_columns(header: Sequence[str], names: list[str]) -> tuple[list[int], list[int], list[int]]:
    """Bands that have a flux and an error, and the positions of both; a warning for each column without its twin."""
    bands, flux, error = [], [], []
    for position, name in enumerate(names):
        match = _FLUX_COLUMN.fullmatch(name)
        if not match:
            twin = "F" + name[1:]
            if name.startswith("E") and _FLUX_COLUMN.fullmatch(twin) and twin not in names:
                log.warning("error column %s has no flux column %s and is ignored", header[position], twin)
        elif f"E{match[1]}" not in names:
            log.warning("flux column %s has no error column E%s and is ignored", header[position], match[1])
        else:
            bands.append(int(match[1]))
            flux.append(position)
            error.append(names.index(f"E{match[1]}"))
    return bands, flux, error


def _limit_columns(header: Sequence[str], names: list[str], bands: list[int]) -> dict[int, int]:
    """Index of a band -> position of its flags of upper limits."""
    limits = {}
    for position, name in enumerate(names):
        match = _LIMIT_COLUMN.fullmatch(name)
        if match and int(match[1]) in bands:
            limits[bands.index(int(match[1]))] = position
        elif match:
            log.warning("limit column %s has no flux column F%s and is ignored", header[position], match[1])
    return limits


def _check_names(table: NamedTable, names: list[str], used: set[str]) -> None:
    """Refuse a header that names a column twice, or no ID."""
    repeated = [name for name, count in Counter(names).items() if count > 1 and name in used]
    if repeated:
        raise InputError(f"its header names {', '.join(repeated)} more than once", table.path)
    if "ID" not in names:
        position = table.find("ID")  # where there is none, this says what there is instead
        raise InputError(
            f"has no column ID: its .translate file makes {names[position]} of column {table.names[position]}",
            table.path,
        )


def _limit_flags(table: NamedTable, columns: _Columns, numbers: Floats) -> Mask | None:
    """Which fluxes (nsource, nband) are upper limits, by the columns LIM<n>; None without such columns."""
    if not columns.limits:
        return None
    start = 2 * len(columns.bands) + (columns.total is not None)
    flags = np.zeros((len(numbers), len(columns.bands)), dtype=bool)
    for k, (band, position) in enumerate(columns.limits.items()):
        given = numbers[:, start + k]
        wrong = np.flatnonzero((given != 0) & (given != 1))
        if len(wrong):
            name = table.names[position]
            raise table.error(
                f"{name} is {given[wrong[0]]:g}: expected 1 for an upper limit, else 0", int(wrong[0])
            )
        flags[:, band] = given == 1
    return flags


def _read_columns(table: NamedTable, columns: _Columns) -> Columns:
    """The ids; fluxes, errors and, where there are such, factors to total fluxes, limits and redshifts."""
    optional = [i for i in (columns.total, *columns.limits.values(), columns.z_spec) if i is not None]
    return table.read(texts=[columns.identity], numbers=[*columns.flux, *columns.error, *optional])


def _fluxes(
    units: BandUnits, columns: _Columns, numbers: Floats, zero_point: float, wavelengths: Floats
) -> tuple[Floats, Floats, float]:
    """Total fluxes and errors, (nsource, nband) each, and their zero point: in microjansky if any column has a unit."""
    nband = len(columns.bands)
    flux, error = numbers[:, :nband].copy(), numbers[:, nband : 2 * nband].copy()
    if units.are_given:
        flux, error = units.to_microjansky(flux, error, zero_point, wavelengths)
        zero_point = MICROJANSKY_ZEROPOINT
    if columns.total is not None:
        total = numbers[:, [2 * nband]]
        with np.errstate(invalid="ignore", over="ignore"):
            flux *= total
            error *= total
    return flux, error, zero_point


def _known_redshifts(numbers: Floats, columns: _Columns) -> Floats:
    """Spectroscopic redshifts, NaN where there are none."""
    z_spec = np.full(len(numbers), np.nan)
    if columns.z_spec is not None:
        given = numbers[:, -1]
        measured = np.isfinite(given) & (given >= 0)
        z_spec[measured] = given[measured]
    return z_spec


def _photometry(
    table: NamedTable,
    names: list[str],
    columns: _Columns,
    numbers: Floats,
    flux: Floats,
    error: Floats,
) -> Photometry:
    """The fluxes as the verdict looks at them."""
    nband = len(columns.bands)
    flux_names, error_names = (
        [column_label(table.names[i], names[i]) for i in positions]
        for positions in (columns.flux, columns.error)
    )
    given_flux, given_error = numbers[:, :nband], numbers[:, nband : 2 * nband]
    photometry = Photometry(flux_names, error_names, given_flux, given_error, flux, error)
    if columns.total is None:
        return photometry
    band = columns.bands.index(int(names[columns.total].removeprefix("TOT")))
    return replace(
        photometry, total_name=table.names[columns.total], total=numbers[:, 2 * nband], total_band=band
    )


def _check_ids(table: NamedTable, ids: list[str], params: RunOptions) -> None:
    """Stop where ids have to be unique, or to name files, and do not."""
    file_per_source = (
        params.best_fit
        or params.best_sfhs
        or params.save_sim
        or params.save_bestchi > 0
        or bool(params.make_seds)
    )
    if file_per_source:
        for row, identity in enumerate(ids):
            if "/" in identity or "\\" in identity:
                raise table.error(f"the id '{identity}' cannot be part of a file name", row)
    if len(set(ids)) == len(ids):
        return
    first: dict[str, int] = {}
    for row, identity in enumerate(ids):
        if first.setdefault(identity, row) != row:
            break
    labels = table.label(first[identity]), table.label(row)
    if file_per_source or params.spectrum:
        why = "the files written for each source" if file_per_source else "the columns of the spectra"
        raise table.error(f"the id '{identity}' is also that of {labels[0]}; ids name {why}", row)
    log.warning(
        "%s: %d ids appear more than once, the first of them '%s' in %s and %s",
        table.path,
        len(ids) - len(set(ids)),
        identity,
        *labels,
    )
