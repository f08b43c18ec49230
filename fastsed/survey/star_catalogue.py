"""Catalogues of stars: a table with fluxes relative to Vega in; fluxes, positions, names out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.foreign import parse_foreign
from fastsed.survey.fits_rows import FitsRows
from fastsed.survey.tables import is_fits, one_number_a_row
from fastsed.survey.vega import read_vega

CONVERSIONS = (b"TSCAL", b"TZERO", b"TNULL", b"THEAP")
"""Keywords of columns that are not stored as they are."""


@dataclass(frozen=True)
class StarCatalogue:
    """Stars to be fitted, in the order of the file.

    Attributes
    ----------
    path : Path
    fluxes : ndarray, shape (n_stars, n_filters)
        F_lambda [erg/s/cm2/Angstrom].
    ra, dec : ndarray, shape (n_stars,), or None
        [deg].
    beast_idx : ndarray, shape (n_stars,), or None
        Rows of a simulated catalogue before it was split.
    row_id : ndarray, shape (n_stars,), or None
        Rows of a catalogue before it was split.
    """

    path: Path
    fluxes: NDArray[np.float64]
    ra: NDArray[np.float64] | None = None
    dec: NDArray[np.float64] | None = None
    beast_idx: NDArray[np.int64] | None = None
    row_id: NDArray[np.int64] | None = None

    @property
    def n_stars(self) -> int:
        """Number of stars."""
        return len(self.fluxes)


def default_columns(filters: Sequence[str]) -> list[str]:
    """Names of the columns that hold fluxes relative to Vega: the last word of each filter and `_RATE`."""
    return [f"{name.rsplit('_', 1)[-1]}_RATE".upper() for name in filters]


def read_star_catalogue(
    path: str | PathLike[str],
    filters: Sequence[str],
    vega: str | PathLike[str],
    columns: Sequence[str] | None = None,
) -> StarCatalogue:
    """Read the stars of a catalogue.

    Parameters
    ----------
    path : path-like
        FITS, or any table that astropy reads. Case does not count in the names of columns.
    filters : sequence of str
        Filters of the grid, in its order.
    vega : path-like
        Fluxes of Vega: see `read_vega`.
    columns : sequence of str, optional
        Column of each filter with its flux relative to Vega; by default `default_columns`.

    Raises
    ------
    InputError
        If the file cannot be read, or lacks a column.
    """
    names = [name.upper() for name in columns] if columns else default_columns(filters)
    if len(names) != len(filters):
        raise InputError(
            f"{len(names)} columns of fluxes named for {len(filters)} filters ({' '.join(filters)})", path
        )
    table = read_table_columns(path, [*names, "RA", "DEC", "BEAST_IDX", "ROW_ID"])
    missing = [name for name in names if name not in table]
    if missing:
        raise InputError(f"has no column {', '.join(missing)} (--obs_colnames names the columns)", path)
    rates = np.column_stack([one_number_a_row(table[name], name, path) for name in names])
    ra, dec = (one_number_a_row(table[name], name, path) if name in table else None for name in ("RA", "DEC"))
    rows, ids = (table[name].astype(np.int64) if name in table else None for name in ("BEAST_IDX", "ROW_ID"))
    has_positions = ra is not None and dec is not None
    fluxes = rates * read_vega(vega, filters)
    positions = (ra, dec) if has_positions else (None, None)
    return StarCatalogue(Path(path), fluxes, *positions, rows, ids)


def read_table_columns(path: str | PathLike[str], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Those of some columns that a table has, by their names in upper case; masked values are NaN.

    Raises
    ------
    InputError
        If the file cannot be read as a table.
    """
    try:
        return _from_fits(path, names) if is_fits(path) else _from_table(path, names)
    except FileNotFoundError as error:
        raise InputError("cannot be read: no such file", path) from error
    except InputError:
        raise
    except Exception as error:  # parsers of damaged files raise nearly anything
        raise InputError(
            f"is not a readable table ({str(error).splitlines()[0] if str(error) else error})", path
        ) from error


def _from_fits(path: str | PathLike[str], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    plain = _from_plain_fits(path, names)
    if plain is not None:
        return plain
    from astropy.io import fits

    def parse() -> dict[str, NDArray[Any]]:
        with fits.open(path, memmap=False) as hdus:
            tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
            if not tables:
                raise InputError("holds no table", path)
            data = tables[0].data
            present = {name.upper(): name for name in reversed(tables[0].columns.names)}
            return {name: np.array(data[present[name]]) for name in names if name in present}

    return parse_foreign(parse, path, "a readable table")


def _from_plain_fits(path: str | PathLike[str], names: Sequence[str]) -> dict[str, NDArray[Any]] | None:
    """The same without astropy, which takes longer to start than most catalogues to read; None if it is needed."""
    try:
        table = FitsRows.open(path)
    except InputError:
        return None
    if any(key in table.header for key in CONVERSIONS):
        return None
    present = {name.upper(): name for name in reversed(table.dtype.names or ())}
    return {name: table.column(present[name]) for name in names if name in present}


def _from_table(path: str | PathLike[str], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    from astropy.table import Table

    table = Table.read(path)
    present = {name.upper(): name for name in reversed(table.colnames)}
    columns = {name: table[present[name]] for name in names if name in present}
    return {
        name: np.array(
            column.filled(np.nan) if hasattr(column, "filled") and column.dtype.kind == "f" else column
        )
        for name, column in columns.items()
    }
