"""Groups of similar models: directions of models in; the same side by side in groups, with their means, out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastsed._ext.chi2 import GROUP_SIZE
from fastsed._ext.groups import order_in_groups

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pair = tuple[Floats, NDArray[np.float32]]

# the longest vector
PADDING = 16
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
    length = np.sqrt(np.sum(models**2, axis=0))
    lit = np.flatnonzero(length > 0)
    shapes = np.take(models, lit, axis=1) / length[lit]
    scale = np.ones(len(models))
    if not equal_axes and len(lit):
        mean_square = np.mean(shapes**2, axis=1)
        scale[mean_square > 0] = np.sqrt(mean_square[mean_square > 0])
        shapes /= scale[:, None]
        shapes /= np.sqrt(np.sum(shapes**2, axis=0))
    place = np.arange(len(lit), dtype=np.int32)
    order_in_groups(shapes.astype(np.float32), place, GROUP_SIZE)
    place = np.concatenate([place, np.repeat(place[-1:], -len(place) % GROUP_SIZE)])
    rows = np.take(shapes, place, axis=1)
    means = rows.reshape(len(rows), -1, GROUP_SIZE).mean(axis=2)
    return Groups(in_both_precisions(rows), in_both_precisions(means), scale, lit[place])


def in_both_precisions(values: Floats) -> Pair:
    """Rows of numbers, padded with zeros for the longest vector, in double and in single precision."""
    padded = np.zeros((len(values), values.shape[1] + -values.shape[1] % PADDING))
    padded[:, : values.shape[1]] = values
    single = padded.astype(np.float32)
    single[np.abs(single) < SMALLEST] = 0
    return padded, single
