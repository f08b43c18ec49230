"""Cuts of catalogues: photometry and artificial stars in, those measured in all bands inside the same area out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastsed.atomic import atomic_write
from fastsed.errors import InputError
from fastsed.extras import need
from fastsed.survey.maps import convex_hull
from fastsed.survey.tables import number_column, similar

if TYPE_CHECKING:
    from astropy.table import Table

_REGION_HEADER = """\
# Region file format: DS9 version 4.1
global color=green dashlist=8 3 width=1 font="helvetica 10 normal roman" select=1 highlite=1 dash=0 fixed=0 \
edit=1 move=1 delete=1 include=1 source=1
fk5
"""


def kept_rows(
    table: Table, partial_overlap: bool = False, flag_filters: Sequence[str] = ()
) -> NDArray[np.bool_]:
    """Which rows of a catalogue are kept.

    Parameters
    ----------
    table : astropy Table
        With columns `<BAND>_VEGA` and `<BAND>_RATE`.
    partial_overlap : bool
        Drop sources with zero flux in some bands but not in all (all: an artificial star that was not recovered).
    flag_filters : sequence of str
        Drop sources with zero flux in any of these bands.

    Returns
    -------
    bool (n,)

    Raises
    ------
    InputError
        If no criterion is given or a column is missing.
    """
    if not partial_overlap and not flag_filters:
        raise InputError("nothing to cut by: give partial_overlap, or flagged with bands")
    kept = np.ones(len(table), dtype=bool)
    if partial_overlap:
        zero = np.array([_rate(table, band) == 0 for band in _bands(table)])
        n_zero = zero.sum(axis=0)
        kept &= (n_zero == 0) | (n_zero == len(zero))
    for band in flag_filters:
        kept &= _rate(table, band) != 0
    return kept


def _bands(table: Table) -> list[str]:
    bands = [name[:-5] for name in table.colnames if "VEGA" in name.upper()]
    if not bands:
        raise InputError("no columns of magnitudes (BAND_VEGA), so that the bands are not known")
    return bands


def _rate(table: Table, band: str) -> NDArray[np.float64]:
    names = {name.upper(): name for name in table.colnames}
    name = f"{band}_RATE".upper()
    if name not in names:
        raise InputError(f"no column {band}_RATE; {similar(name, table.colnames)}")
    return number_column(table, names[name])


def sky_columns(table: Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right ascension and declination in degrees: columns RA and DEC, or the first whose names begin or go on so.

    Raises
    ------
    InputError
        If there are none.
    """
    columns = []
    for word in ("RA", "DEC"):
        names = [name for name in table.colnames if not name.upper().endswith("RATE")]
        ranked = [
            *(name for name in names if name.upper() == word),
            *(name for name in names if name.upper() == f"{word}_J2000"),
            *(name for name in names if name.upper().startswith(f"{word}_")),
            *(name for name in names if word in name.upper()),
        ]
        if not ranked:
            raise InputError(
                f"no column of positions ({word} or {word}_J2000); {similar(word, table.colnames)}"
            )
        columns.append(number_column(table, ranked[0]))
    return columns[0], columns[1]


def inside_hull(table: Table, survivors: Table) -> NDArray[np.bool_]:
    """Which rows of a table lie inside the convex hull of the positions of another.

    Raises
    ------
    InputError
        If the hull has no area.
    """
    shapely = need("shapely", "the hull of the catalogue")
    hull = convex_hull(np.column_stack(sky_columns(survivors)))
    if hull is None:
        raise InputError(
            f"the {len(survivors)} sources that are kept span no area, so that no artificial star can be"
        )
    polygon = shapely.Polygon(hull)
    shapely.prepare(polygon)
    inside: NDArray[np.bool_] = shapely.contains_xy(polygon, *sky_columns(table))
    return inside


def write_regions(table: Table, kept: NDArray[np.bool_], path: str | os.PathLike[str]) -> None:
    """Write circles of 0.1 arcsec for ds9: kept sources green, the others magenta.

    Raises
    ------
    InputError
        If there are no positions or the file cannot be written.
    """
    ra, dec = (values.tolist() for values in sky_columns(table))
    ends = np.where(kept, "", " # color=magenta").tolist()
    with atomic_write(path) as f:
        f.write(_REGION_HEADER)
        f.writelines(f'circle({r!r},{d!r},0.1"){end}\n' for r, d, end in zip(ra, dec, ends, strict=True))
