"""Isochrones and evolutionary tracks in; those of some ages, masses and metallicities, chosen or interpolated, out."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError

log = logging.getLogger(__name__)

FAINTEST = -9.0  # log L/Lsun: lower values stand for stars that have ended


def select_rows(columns: dict[str, Floats], rows: NDArray[np.bool_] | NDArray[np.intp]) -> dict[str, Floats]:
    """Some rows of every column."""
    return {name: values[rows] for name, values in columns.items()}


def without_faint(columns: dict[str, Floats]) -> dict[str, Floats]:
    """The stars with logL > -9; a warning says how many others there were."""
    bright = columns["logL"] > FAINTEST
    if not bright.all():
        log.warning("%d of %d stars left out: logL <= %g", np.count_nonzero(~bright), len(bright), FAINTEST)
    return select_rows(columns, bright)


def choose_isochrones(
    columns: dict[str, Floats], ages: Sequence[float] | None = None, metals: ArrayLike | None = None
) -> dict[str, Floats]:
    """Isochrones of the ages [min, max, step] (log yr) and of the metallicities, the nearest that the table has.

    Raises
    ------
    InputError
        If the table has none within half a step, or none of a metallicity within a tenth.
    """
    keep = np.ones(len(columns["logA"]), dtype=bool)
    if ages is not None:
        requested = axis_values("logt", ages)
        step = float(ages[2]) if len(ages) == 3 else 0.05
        keep &= _nearest(columns["logA"], requested, 0.5 * step + 1e-9, "isochrone of log age")
    if metals is not None:
        keep &= _nearest(
            columns["Z"], np.asarray(metals, dtype=np.float64), 0.1, "isochrone of Z", relative=True
        )
    return select_rows(columns, keep)


def _nearest(
    values: Floats, requested: Floats, tolerance: float, what: str, relative: bool = False
) -> NDArray[np.bool_]:
    distinct = np.unique(values)
    chosen = distinct[np.abs(np.subtract.outer(requested, distinct)).argmin(axis=1)]
    limit = tolerance * np.abs(requested) if relative else tolerance
    missing = np.abs(chosen - requested) > limit
    if missing.any():
        raise InputError(f"no {what} {requested[missing][0]:g}: the nearest is {chosen[missing][0]:g}")
    return np.isin(values, chosen)


def axis_values(name: str, setting: Sequence[object]) -> Floats:
    """Values of an axis given as [value], [min, max, step] or [min, max, step, "log"].

    Linear: min, min + step, ... below max + step/2. "log": step in log10, below max.

    Raises
    ------
    InputError
        For anything else.
    """
    numbers = [value for value in setting if isinstance(value, int | float) and not isinstance(value, bool)]
    log_scale = len(setting) == 4 and setting[3] == "log"
    if len(numbers) not in (1, 3) or len(numbers) != len(setting) - log_scale:
        raise InputError(
            f'{name} = {list(setting)!r} must be [value], [min, max, step] or [min, max, step, "log"]'
        )
    low, high, step = (
        float(value) for value in (numbers if len(numbers) == 3 else [numbers[0], numbers[0], 1.0])
    )
    if not (np.isfinite([low, high, step]).all() and high >= low and (step > 0.0 or high == low)):
        raise InputError(f"{name} = {list(setting)!r}: min <= max and a positive step are needed")
    if high == low:
        return np.array([low])
    if log_scale:
        if not low > 0.0:
            raise InputError(f"{name} = {list(setting)!r}: a logarithmic axis needs a positive minimum")
        return 10.0 ** np.arange(np.log10(low), np.log10(high), step)
    return np.arange(low, high + step / 2.0, step)


def interpolate_tracks(
    columns: dict[str, Floats], masses: Floats | None, metals: Floats | None, condense: bool = False
) -> dict[str, Floats]:
    """Evolutionary tracks at other masses and metallicities: linear at equal EEP, in mass, then in Z.

    Parameters
    ----------
    columns : dict of float64 (n,)
        Tracks, with a column `eep` (equivalent evolutionary point).
    masses : float64, optional
        Initial masses [Msun] of the tracks to make; by default those there are.
    metals : float64, optional
        Their Z.
    condense : bool
        Leave out points until log L or log T has changed by 0.05 along a track.

    Returns
    -------
    dict of float64

    Raises
    ------
    InputError
        Without `eep`, or for masses and metallicities beyond those of the tracks.
    """
    key = next((name for name in columns if name.lower() == "eep"), None)
    if key is None:
        raise InputError("evolutionary tracks need a column eep (equivalent evolutionary point)")
    if masses is not None:
        parts = [_along(group, "M_ini", masses, key) for group in _by_value(columns, "Z")]
        columns = _joined(parts)
    if metals is not None:
        columns = _joined([_along(group, "Z", metals, key) for group in _by_value(columns, "M_ini")])
    if condense:
        kept = [_condensed(track) for group in _by_value(columns, "Z") for track in _by_value(group, "M_ini")]
        columns = _joined(kept)
    return columns


def _by_value(columns: dict[str, Floats], name: str) -> list[dict[str, Floats]]:
    return [select_rows(columns, columns[name] == value) for value in np.unique(columns[name])]


def _joined(parts: list[dict[str, Floats]]) -> dict[str, Floats]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _along(columns: dict[str, Floats], axis: str, requested: Floats, eep: str) -> dict[str, Floats]:
    """Values of every column at other values of `axis`, at each EEP that both neighbours have."""
    there = np.unique(columns[axis])
    outside = (requested < there[0] * (1 - 1e-9)) | (requested > there[-1] * (1 + 1e-9))
    if outside.any():
        raise InputError(
            f"{axis} = {requested[outside][0]:g} is beyond the tracks ({there[0]:g} to {there[-1]:g})"
        )
    parts = []
    for value in requested:
        low = int(np.clip(np.searchsorted(there, value, side="right") - 1, 0, max(len(there) - 2, 0)))
        high = min(low + 1, len(there) - 1)
        first, second = (select_rows(columns, columns[axis] == there[k]) for k in (low, high))
        _, a, b = np.intersect1d(first[eep], second[eep], return_indices=True)
        step = there[high] - there[low]
        fraction = min(max((value - there[low]) / step, 0.0), 1.0) if step > 0 else 0.0
        part = {name: (1 - fraction) * first[name][a] + fraction * second[name][b] for name in columns}
        part[axis] = np.full(len(a), value)
        parts.append(part)
    return _joined(parts)


def _condensed(track: dict[str, Floats], step: float = 0.05) -> dict[str, Floats]:
    """Points of one track at which the path in log L or in log T has grown by another step, and both ends."""
    keep, last_l, last_t = [0], 0.0, 0.0
    path_l, path_t = (
        np.concatenate([[0.0], np.cumsum(np.abs(np.diff(track[name])))]) for name in ("logL", "logT")
    )
    for k in range(1, len(path_l)):
        if path_l[k] - last_l > step or path_t[k] - last_t > step or k == len(path_l) - 1:
            keep.append(k)
            last_l, last_t = path_l[k], path_t[k]
    return select_rows(track, np.array(keep))
