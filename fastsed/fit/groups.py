"""Groups of similar models: directions of models in; the same side by side in groups, with their means, out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastsed._ext.chi2 import GROUP_SIZE
from fastsed._ext.groups import Shapes
from fastsed.padded import padded_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pair = tuple[Floats, NDArray[np.float32]]

# smaller than this beside a length of one, a coordinate is zero in single precision: its square would be slow
SMALLEST = 1e-15


@dataclass(frozen=True)
class Groups:
    """Models of a tile in groups of `GROUP_SIZE`; arrays of floats in double and in single precision.

    Attributes
    ----------
    rows : pair of (ncoordinate, ngroup * GROUP_SIZE)
        Models of unit length, once they are divided by `scale`.
    centres : pair of (ncoordinate, ngroup, padded)
        Means of the groups.
    scale : (ncoordinate,)
    place : (ngroup * GROUP_SIZE,) int64
        Which model each is. Models without flux have no group; the last group may hold a model several times.
    """

    rows: Pair
    centres: Pair
    scale: Floats
    place: Ints


def group_models(models: Floats, equal_axes: bool = False) -> Groups:
    """Put models together that resemble each other, whatever their brightness.

    Parameters
    ----------
    models : (ncoordinate, nmodel)
    equal_axes : bool
        Take the coordinates as they are; else each counts relative to its mean square over the models.
    """
    scale = np.ones(len(models))
    shapes = Shapes(models, scale, equal_axes)
    n_groups = -(-len(shapes) // GROUP_SIZE)
    rows, centres = _empty_pair(len(models), n_groups * GROUP_SIZE), _empty_pair(len(models), n_groups)
    place = np.empty(n_groups * GROUP_SIZE, dtype=np.int64)
    shapes.put_in_groups(GROUP_SIZE, SMALLEST, *rows, *centres, place)
    return Groups(rows, centres, scale, place)


def _empty_pair(n_rows: int, n: int) -> Pair:
    """Room for rows of n numbers in both precisions, and zeros behind them."""
    return padded_rows(n_rows, n), padded_rows(n_rows, n, np.float32)


def in_both_precisions(values: Floats) -> Pair:
    """Rows of numbers, padded with zeros for the longest vector, in double and in single precision."""
    padded, single = _empty_pair(*values.shape)
    padded[:, : values.shape[1]] = values
    single[:, : values.shape[1]] = values
    single[np.abs(single) < SMALLEST] = 0
    return padded, single
