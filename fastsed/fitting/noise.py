"""The random numbers of the simulations: their number and a seed in; standard normals of every column out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastsed.arrays import Floats
from fastsed.models.tile import Rows


@dataclass
class Noise:
    """The random numbers of a run, the same for every source: standard normals.

    Attributes
    ----------
    data : (nsim, ncolumn)
    log_lir : (nsim,)
        For logarithmic luminosities.
    """

    data: Floats
    log_lir: Floats


def draw_noise(n_simulations: int, rows: Rows, seed: int) -> Noise:
    """Random numbers of a run.

    They are those of FAST++ for its seed, 42: row by row the bands, the channels and the luminosity.

    Parameters
    ----------
    n_simulations : int
    rows : Rows
        Of the data columns.
    seed : int
    """
    n_bands = rows.n_photometry + rows.n_channels
    drawn = polar_normals(n_simulations * (n_bands + 1), seed).reshape(n_simulations, n_bands + 1)
    data = np.empty((n_simulations, rows.count))
    data[:, rows.bands] = drawn[:, :n_bands]
    data[:, rows.luminosities] = drawn[:, n_bands:]
    return Noise(data, np.ascontiguousarray(drawn[:, n_bands]))


def polar_normals(n: int, seed: int) -> Floats:
    """Standard normals (n,) from a Mersenne Twister by the polar method (Marsaglia & Bray 1964, SIAM Review 6, 260).

    Two 32-bit words, the low one first, make a uniform number; both normals of a pair are used, the second
    coordinate's first. This is what the C++ standard library of GCC does.
    """
    words = np.random.RandomState(seed)
    results = np.empty(0)
    while len(results) < n:
        raw = np.frombuffer(words.bytes(16 * (n - len(results)) + 64), dtype="<u4").astype(float)
        x, y = (2 * (raw[0::2] + raw[1::2] * 2.0**32) / 2.0**64 - 1).reshape(-1, 2).T
        square = x**2 + y**2
        inside = (square <= 1) & (square > 0)
        x, y, square = x[inside], y[inside], square[inside]
        factor = np.sqrt(-2 * np.log(square) / square)
        results = np.concatenate([results, np.stack([y * factor, x * factor], axis=1).ravel()])
    return results[:n]
