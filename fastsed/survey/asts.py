"""Artificial star tests: a table and column names in; input magnitudes and recovered fluxes of each band out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.survey.star_catalogue import default_columns, read_table_columns
from fastsed.survey.tables import one_number_a_row

FLAG = "CUT_FLAG"
LARGEST_MAGNITUDE, LARGEST_RATE = 200.0, 1e60
UNDETECTED = 80.0  # magnitudes at or above stand for no measurement


@dataclass(frozen=True)
class ArtificialStars:
    """Artificial stars, put into the images and measured again.

    Attributes
    ----------
    filters : tuple of str
    mag_in : float64 (n, n_filters)
        Vega magnitudes put in.
    rate : float64 (n, n_filters)
        Recovered flux over that of Vega; 0 = not recovered.
    mag_out : float64 (n, n_filters) or None
        Recovered Vega magnitudes, where the table has them.
    flagged : bool (n,)
        Rejected by the cuts of the catalogue (CUT_FLAG > 0): counts as not recovered.
    """

    filters: tuple[str, ...]
    mag_in: Floats
    rate: Floats
    mag_out: Floats | None
    flagged: NDArray[np.bool_]


def rate_columns(filters: Sequence[str], obs_colnames: Sequence[str] | None = None) -> tuple[str, ...]:
    """Catalogue columns of the filters: `obs_colnames`, or the last token of each filter with `_RATE`.

    Raises
    ------
    InputError
        If there is not one a filter, or one does not end in `_RATE`.
    """
    if obs_colnames is None:
        return tuple(default_columns(filters))
    if len(obs_colnames) != len(filters):
        raise InputError(
            f"{len(obs_colnames)} columns (--obs_colnames) for {len(filters)} filters: {' '.join(filters)}"
        )
    for name in obs_colnames:
        if not name.upper().endswith("_RATE"):
            raise InputError(f"column {name} (--obs_colnames) does not end in _RATE")
    return tuple(name.upper() for name in obs_colnames)


def read_artificial_stars(
    path: str | Path,
    filters: Sequence[str],
    obs_colnames: Sequence[str] | None = None,
    magnitudes: bool = False,
) -> ArtificialStars:
    """Read a table of artificial stars.

    Parameters
    ----------
    path : path-like
        FITS, or any table that astropy reads; columns `<BASE>_IN`, `<BASE>_RATE`, `<BASE>_VEGA`, CUT_FLAG.
    filters : sequence of str
    obs_colnames : sequence of str, optional
        `<BASE>_RATE` of each filter (see `rate_columns`).
    magnitudes : bool, optional
        `<BASE>_VEGA` is needed; without, `<BASE>_RATE` is.

    Returns
    -------
    ArtificialStars

    Raises
    ------
    InputError
        For a file that cannot be read or lacks a column.
    """
    bases = [name[: -len("_RATE")] for name in rate_columns(filters, obs_colnames)]
    band_columns = {end: [f"{base}{end}" for base in bases] for end in ("_IN", "_RATE", "_VEGA")}
    columns = read_table_columns(path, [*(name for names in band_columns.values() for name in names), FLAG])
    needed = ("_IN", "_VEGA") if magnitudes else ("_IN", "_RATE")
    absent = [name for end in needed for name in band_columns[end] if name not in columns]
    if absent:
        raise InputError(f"has no column {', '.join(absent)} (--obs_colnames names the columns)", path)
    stacks = {end: _stack(columns, names, path) for end, names in band_columns.items()}
    mag_in, rate = stacks["_IN"], stacks["_RATE"]
    if mag_in is None:
        raise InputError("names no filters", path)
    rate = np.full(mag_in.shape, np.nan) if rate is None else rate
    # numbers that no measurement has, and that have no square
    mag_in[np.abs(mag_in) > LARGEST_MAGNITUDE] = np.nan
    rate[np.abs(rate) > LARGEST_RATE] = np.nan
    flagged = np.asarray(columns[FLAG] > 0) if FLAG in columns else np.zeros(len(mag_in), dtype=bool)
    return ArtificialStars(tuple(filters), mag_in, rate, stacks["_VEGA"], flagged)


def _stack(columns: Mapping[str, NDArray[Any]], names: list[str], path: str | Path) -> Floats | None:
    """Columns side by side; None where one is absent."""
    if not all(name in columns for name in names):
        return None
    return np.column_stack([one_number_a_row(columns[name], name, path) for name in names])
