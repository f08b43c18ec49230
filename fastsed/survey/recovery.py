"""Statistics of a fit and the truth of a simulated field in; how well the parameters are recovered out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.survey.star_catalogue import read_table_columns

PERCENTILES = ("p16", "p50", "p84")
MATCH = 0.01  # arcsec


@dataclass(frozen=True)
class Recovered:
    """One parameter of all stars.

    Attributes
    ----------
    name : str
    truth, low, middle, high : float64 (n,)
        True value; 16th, 50th, 84th percentile of its posterior.
    """

    name: str
    truth: Floats
    low: Floats
    middle: Floats
    high: Floats

    def offset(self) -> float:
        """Median of recovered minus true value."""
        return float(np.median(self.middle - self.truth))

    def scatter(self) -> float:
        """Half the 16-84 % range of the differences."""
        low, high = np.percentile(self.middle - self.truth, [16, 84])
        return float(high - low) / 2.0

    def inside(self) -> float:
        """Fraction of the stars whose 68 % interval holds the truth."""
        return float(np.mean((self.truth >= self.low) & (self.truth <= self.high)))


def compare_with_truth(stats: str | Path, truth: str | Path, names: tuple[str, ...]) -> list[Recovered]:
    """Match the stars of a stats file with a simulated field's by position.

    Parameters
    ----------
    stats, truth : path-like
    names : tuple of str
        Parameters, such as Av, logA, M_ini.

    Raises
    ------
    InputError
        If a file lacks a column, or a star is not in the simulated field.
    """
    columns = [f"{name}_{p}".upper() for name in names for p in PERCENTILES]
    fitted = _needed(stats, ["RA", "DEC", *columns])
    true = _needed(truth, ["RA", "DEC", *(name.upper() for name in names)])
    rows = _match(fitted["RA"], fitted["DEC"], true["RA"], true["DEC"], stats)
    return [
        Recovered(name, true[name.upper()][rows], *(fitted[f"{name}_{p}".upper()] for p in PERCENTILES))
        for name in names
    ]


def _needed(path: str | Path, names: list[str]) -> dict[str, Floats]:
    columns = read_table_columns(path, names)
    absent = [name for name in names if name not in columns]
    if absent:
        raise InputError(f"has no column {absent[0]}", path)
    return {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}


def _match(ra: Floats, dec: Floats, ra_true: Floats, dec_true: Floats, path: str | Path) -> NDArray[np.intp]:
    from scipy.spatial import cKDTree

    scale = 3600.0 * np.array([np.cos(np.radians(dec_true.mean())), 1.0])
    tree = cKDTree(np.column_stack([ra_true, dec_true]) * scale)
    distance, rows = tree.query(np.column_stack([ra, dec]) * scale)
    if (distance > MATCH).any():
        raise InputError(
            f"{np.count_nonzero(distance > MATCH)} of its stars are not in the simulated field", path
        )
    return np.asarray(rows)


def table_of(recovered: list[Recovered]) -> list[str]:
    """Lines of a table for the terminal."""
    lines = [f"{'parameter':10s}{'offset':>10s}{'scatter':>10s}{'in 68 %':>10s}"]
    lines += [
        f"{one.name:10s}{one.offset():10.3f}{one.scatter():10.3f}{100 * one.inside():9.0f}%"
        for one in recovered
    ]
    return lines
