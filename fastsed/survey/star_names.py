"""Names of stars from their positions: survey, right ascension and declination in; BEAST's names out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastsed.fitting.stars.parameters import Compat

NO_NAME = b"noname"
# decimals of the seconds of time and of arc
DECIMALS: dict[Compat, tuple[int, int]] = {"beast2": (4, 3), "beast1": (2, 2)}


def star_names(
    survey: str,
    ra: NDArray[np.float64] | None,
    dec: NDArray[np.float64] | None,
    n_stars: int,
    compat: Compat = "beast2",
) -> NDArray[np.bytes_]:
    """`SURVEY Jhhmmss.ssss+ddmmss.sss`, rounded; `noname` where there is no position.

    Parameters
    ----------
    survey : str
    ra, dec : ndarray, shape (n_stars,), or None
        [deg].
    n_stars : int
    compat : {"beast2", "beast1"}, optional
        HEAD: four and three decimals; 1.3.2: two of each.

    Returns
    -------
    ndarray of bytes, shape (n_stars,)
    """
    if ra is None or dec is None:
        return np.full(n_stars, NO_NAME)
    time_decimals, arc_decimals = DECIMALS[compat]
    known = on_the_sky(ra, dec)
    hours = _sexagesimal(np.where(known, ra, 0) % 360 / 15, time_decimals, 24)
    degrees = _sexagesimal(np.abs(np.where(known, dec, 0)), arc_decimals, None)
    signs = np.where(np.signbit(dec), "-", "+").tolist()
    names = [
        f"{survey} J{h}{sign}{d}" if is_known else NO_NAME.decode()
        for h, sign, d, is_known in zip(hours, signs, degrees, known.tolist(), strict=True)
    ]
    return np.array([name.encode("ascii", "replace") for name in names], dtype=bytes)


def on_the_sky(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which right ascensions and declinations [deg] are positions."""
    with np.errstate(invalid="ignore"):
        known: NDArray[np.bool_] = np.isfinite(ra) & (np.abs(dec) <= 90)
    return known


def _sexagesimal(values: NDArray[np.float64], decimals: int, turn: int | None) -> list[str]:
    """Two digits each of units, minutes, seconds, and the decimals of these; `turn` units are none."""
    scale = 10**decimals
    ticks = np.rint(values * 3600 * scale).astype(np.int64)
    if turn is not None:
        ticks %= turn * 3600 * scale
    seconds, rest = np.divmod(ticks, scale)
    minutes, seconds = np.divmod(seconds, 60)
    units, minutes = np.divmod(minutes, 60)
    parts = zip(units.tolist(), minutes.tolist(), seconds.tolist(), rest.tolist(), strict=True)
    return [f"{u:02d}{m:02d}{s:02d}.{r:0{decimals}d}" for u, m, s, r in parts]
