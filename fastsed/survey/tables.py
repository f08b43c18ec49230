"""Catalogues: a FITS (or other) table in, an astropy table out, and back."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsed.atomic import atomic_path
from fastsed.errors import InputError
from fastsed.foreign import parse_foreign

if TYPE_CHECKING:
    from astropy.io.fits import HDUList
    from astropy.table import Table

log = logging.getLogger(__name__)

_FITS_SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz")


def is_fits(path: str | os.PathLike[str]) -> bool:
    """Whether the name is that of a FITS file."""
    return str(path).lower().endswith(_FITS_SUFFIXES)


def stem(path: str | os.PathLike[str]) -> str:
    """The path without its suffix (`.fits`, `.fits.gz`, `.csv` ...)."""
    text = os.fspath(path)
    for suffix in sorted(_FITS_SUFFIXES, key=len, reverse=True):
        if text.lower().endswith(suffix):
            return text[: -len(suffix)]
    return os.path.splitext(text)[0]


_FITS = "a readable FITS file"


@contextmanager
def open_fits(path: str | os.PathLike[str], memmap: bool = True) -> Iterator[HDUList]:
    """Open a FITS file whose HDUs are all there.

    Raises
    ------
    InputError
        If it is not there, no FITS file, or cut short.
    """
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyWarning

    file = Path(path)
    if not file.is_file():
        raise InputError("no such file", path)

    def visit() -> None:
        with fits.open(file, memmap=True) as hdus:
            for hdu in hdus:
                hdu.verify("silentfix")

    # whatever a damaged header leads to has ended before this process looks at it
    parse_foreign(visit, file, _FITS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)
            with fits.open(file, memmap=memmap) as hdus:
                _check_length(hdus, file)
                yield hdus
    except InputError:
        raise
    except Exception as error:  # parsers of damaged files raise nearly anything
        raise InputError(f"not a readable FITS file, or cut short: {_first_line(error)}", path) from error


@contextmanager
def named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Add the name of a file to the InputErrors of what is done with its table."""
    try:
        yield
    except InputError as error:
        if str(error) != error.message:
            raise
        raise InputError(error.message, path) from error


def _check_length(hdus: HDUList, path: Path) -> None:
    size = path.stat().st_size
    if path.suffix in (".gz", ".fz"):
        return
    for i, hdu in enumerate(hdus):
        position = hdu.fileinfo()
        if position is not None and position["datLoc"] + hdu.size > size:
            missing = position["datLoc"] + hdu.size - size
            raise InputError(f"cut short: the last {missing} bytes of extension {i} are missing", path)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read the first table of a file; NaN values are not masked.

    Parameters
    ----------
    path : path-like
        FITS, or any other format whose suffix astropy knows (`.csv`, `.ecsv`, `.vot`, `.hdf5`).

    Raises
    ------
    InputError
        If it cannot be read or holds no table.
    """
    from astropy.table import Table

    if is_fits(path):
        with open_fits(path) as hdus:
            return _read_hdu(hdus, path)
    if not Path(path).is_file():
        raise InputError("no such file", path)
    try:
        return Table.read(path)
    except Exception as error:
        raise InputError(f"not a table that can be read: {_first_line(error)}", path) from error


def _read_hdu(hdus: HDUList, path: str | os.PathLike[str]) -> Table:
    from astropy.io import fits
    from astropy.table import Table

    for hdu in hdus:
        if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
            table = Table.read(hdu, format="fits", mask_invalid=False, unit_parse_strict="silent")
            _make_native(table)
            return table
    raise InputError("holds no table", path)


def _make_native(table: Table) -> None:
    """Numbers in the byte order of the machine, in memory: arithmetic on FITS's order is slow."""
    for name in table.colnames:
        dtype = table[name].dtype
        if dtype.kind in "iufc" and not dtype.isnative:
            table[name] = table[name].astype(dtype.newbyteorder("="))


def write_table(table: Table, path: str | os.PathLike[str], sync: bool = True) -> None:
    """Write a table as FITS; the file appears whole or not at all.

    Parameters
    ----------
    table : astropy Table
    path : path-like
    sync : bool
        See `atomic_path`.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    with atomic_path(path, sync) as temporary:
        table.write(temporary, format="fits", overwrite=True)


def upper_case(table: Table) -> Table:
    """The table with its column names in upper case.

    Raises
    ------
    InputError
        If two names then are the same.
    """
    names = [name.upper() for name in table.colnames]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(f"two columns differ in the case of their name only: {min(twice)}")
    table = table.copy(copy_data=False)
    for old, new in zip(table.colnames, names, strict=True):
        if old != new:
            table.rename_column(old, new)
    return table


def column(table: Table, name: str, option: str | None = None) -> NDArray[Any]:
    """A column as an array.

    Parameters
    ----------
    table : astropy Table
    name : str
    option : str, optional
        What names the column, for the message that it is not there.

    Raises
    ------
    InputError
        If it is not there; the message names similar ones.
    """
    if name not in table.colnames:
        hint = f" ({option} names another)" if option else ""
        raise InputError(f"no column {name!r}{hint}; {similar(name, table.colnames)}")
    values = table[name]
    if hasattr(values, "filled") and values.dtype.kind == "f":
        values = values.filled(np.nan)
    return np.asarray(values)


def number_column(table: Table, name: str, option: str | None = None) -> NDArray[np.float64]:
    """A column of numbers as an array; see `column`.

    Raises
    ------
    InputError
        If it is not there, or does not hold one number a row.
    """
    return one_number_a_row(column(table, name, option), name)


def one_number_a_row(
    values: NDArray[Any], name: str, path: str | os.PathLike[str] | None = None
) -> NDArray[np.float64]:
    """The values of a column as float64.

    Raises
    ------
    InputError
        If they are texts, or several a row.
    """
    if values.dtype.kind not in "fiub" or values.ndim != 1:
        raise InputError(f"its column {name} does not hold one number a row", path)
    return values.astype(np.float64)


def similar(name: str, names: list[str]) -> str:
    """What to say about the names there are instead."""
    import difflib

    upper = {n.upper(): n for n in names}
    near = [upper[n] for n in difflib.get_close_matches(name.upper(), list(upper), n=3)]
    end = name.rsplit("_", 1)[-1].upper()
    near = near or [n for n in names if n.upper().endswith(f"_{end}")]
    return f"there is {', '.join((near or names)[:6])}" if names else "there are no columns"


def write_image(data: NDArray[Any], header: Any, path: str | os.PathLike[str]) -> None:
    """Write an image as the primary HDU of a FITS file."""
    from astropy.io import fits

    with atomic_path(path) as temporary:
        fits.PrimaryHDU(data, header=header).writeto(temporary, overwrite=True)
