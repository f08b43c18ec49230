"""A tabulated star formation history: a text or FITS table in; rates at lookback times out."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats
from fastsed.constants import YEARS_PER_MYR
from fastsed.errors import InputError
from fastsed.foreign import parse_foreign
from fastsed.inputs.tables import read_number_columns

LONGEST_MYR = 1e5
"""Times above this, in Myr, tell that the table is in years."""


@dataclass(frozen=True)
class History:
    """A star formation history, linear between its samples.

    Attributes
    ----------
    lookback : (n,)
        Ascending times before the observation [yr], from 0.
    sfr : (n,)
        [Msun/yr].
    source : str
        The file it comes from, for messages.
    """

    lookback: Floats
    sfr: Floats
    source: str = ""


def read_history(path: str | PathLike[str], tobs: float | None = None) -> History:
    """Read a star formation history, as seen at the time of observation.

    Parameters
    ----------
    path : path-like
        Text or FITS table of times [Myr] and star formation rates [Msun/yr]; in FITS, columns T and SFR.
    tobs : float, optional
        Time of observation [Myr]; what the table has later is left out. By default the times of the table count
        back from the observation.

    Raises
    ------
    InputError
        For a table that cannot be read, times that do not ascend from 0 or above or are no Myr, negative
        rates, or an observation outside the table.
    """
    path = Path(path)
    t, sfr = _read_fits(path) if path.name.endswith(".fits") else _read_text(path)
    _check_table(t, sfr, path)
    if tobs is None:
        if t[0] > 0:
            raise InputError(
                f"begins at the lookback time {t[0]:g}: with lookback=1 it must begin at 0", path
            )
        return History(t * YEARS_PER_MYR, sfr, str(path))
    if not t[0] < tobs <= t[-1]:
        raise InputError(
            f"covers the times {t[0]:g} to {t[-1]:g} Myr, but the observation is at tobs={tobs:g}", path
        )
    before = t < tobs
    times, rates = np.append(t[before], tobs), np.append(sfr[before], np.interp(tobs, t, sfr))
    lookback = (tobs - times[::-1]) * YEARS_PER_MYR
    return History(lookback, np.ascontiguousarray(rates[::-1]), str(path))


def _check_table(t: Floats, sfr: Floats, path: Path) -> None:
    """Refuse what is no history."""
    if len(t) < 2:
        raise InputError("has one row only: a history needs at least two times", path)
    if not (np.isfinite(t).all() and np.isfinite(sfr).all()):
        raise InputError("holds a time or star formation rate that is not finite", path)
    down = np.flatnonzero(np.diff(t) <= 0)
    if len(down):
        raise InputError(f"times must ascend, but {t[down[0] + 1]:g} follows {t[down[0]]:g}", path)
    if t[0] < 0:
        raise InputError(f"begins at the time {t[0]:g}: times must not be negative", path)
    if t[-1] > LONGEST_MYR:
        raise InputError(
            f"goes up to the time {t[-1]:g}: times must be in Myr, at most {LONGEST_MYR:g}", path
        )
    if (sfr < 0).any():
        raise InputError(f"holds a negative star formation rate, {sfr[sfr < 0][0]:g}", path)


def _read_text(path: Path) -> tuple[Floats, Floats]:
    t, sfr = read_number_columns(path, ["t", "sfr"])
    return t, sfr


def _read_fits(path: Path) -> tuple[Floats, Floats]:
    from astropy.io import fits

    def parse() -> tuple[Floats, Floats]:
        with fits.open(path) as hdus:
            t, sfr = (np.array(hdus[1].data[name], dtype=np.float64).ravel() for name in ("T", "SFR"))
        return t, sfr

    t, sfr = parse_foreign(parse, path, "a table with columns T and SFR")
    if len(t) != len(sfr):
        raise InputError(f"has {len(t)} times, but {len(sfr)} star formation rates", path)
    return t, sfr
