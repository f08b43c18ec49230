"""Groups of similar models: directions of models in; the same side by side in groups, with their means, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fastsed._ext.groups import Grouping, find_groups
from fastsed._ext.views import GROUP_SIZE
from fastsed.aligned import aligned_sets
from fastsed.arrays import Floats, Ints, Singles

Pair = tuple[Floats, Singles]

# smaller than this beside a length of one, a coordinate is zero in single precision: its square would be slow
SMALLEST = 1e-15


@dataclass(frozen=True)
class Groups:
    """Models of a tile in groups of `GROUP_SIZE`; arrays of floats in double and in single precision.

    Attributes
    ----------
    rows : pair of (ncoordinate, at least ngroup * GROUP_SIZE)
        Models of unit length, once they are divided by `scale`.
    centres : pair of (ncoordinate, ngroup, padded)
        Means of the groups.
    scale : (ncoordinate,)
    position : (ngroup * GROUP_SIZE,) int64
        Which model each is. Models without flux have no group; the last group may hold a model several times.
    """

    rows: Pair
    centres: Pair
    scale: Floats
    position: Ints


def group_models(models: Floats, equal_axes: bool = False) -> Groups:
    """Put models together that resemble each other, whatever their brightness.

    Parameters
    ----------
    models : (ncoordinate, nmodel)
    equal_axes : bool
        Take the coordinates as they are; else each counts relative to its mean square over the models.
    """
    return group_sets([models], 1, equal_axes)[0]


def group_sets(sets: Sequence[Floats], n_threads: int, equal_axes: bool = False) -> list[Groups]:
    """As `group_models` for several sets of models, each by one of the threads."""
    buffers = _rooms([models.shape for models in sets])
    result = [
        Grouping(models, buffer.scale, buffer.rows, buffer.centres, SMALLEST, buffer.position)
        for models, buffer in zip(sets, buffers, strict=True)
    ]
    find_groups(result, GROUP_SIZE, equal_axes, n_threads)
    return [
        replace(buffer, position=buffer.position[: grouping.n_groups * GROUP_SIZE])
        for buffer, grouping in zip(buffers, result, strict=True)
    ]


def _rooms(shapes: Sequence[tuple[int, ...]]) -> list[Groups]:
    """Room for groups of all models of sets (ncoordinate, nmodel)."""
    n_groups = [-(-n // GROUP_SIZE) for _, n in shapes]
    rows = _empty_pairs([(ndim, n * GROUP_SIZE) for (ndim, _), n in zip(shapes, n_groups, strict=True)])
    centres = _empty_pairs([(ndim, n) for (ndim, _), n in zip(shapes, n_groups, strict=True)])
    return [
        Groups(own_rows, own_centres, np.ones(len(own_rows[0])), np.empty(n * GROUP_SIZE, dtype=np.int64))
        for own_rows, own_centres, n in zip(rows, centres, n_groups, strict=True)
    ]


def _empty_pairs(shapes: Sequence[tuple[int, int]]) -> list[Pair]:
    """Room for rows of numbers in both precisions, and zeros behind them."""
    return list(zip(aligned_sets(shapes), aligned_sets(shapes, np.float32), strict=True))


def in_both_precisions(values: Floats) -> Pair:
    """Rows of numbers, padded with zeros for the longest vector, in double and in single precision."""
    ((padded, single),) = _empty_pairs([values.shape])
    padded[:, : values.shape[1]] = values
    single[:, : values.shape[1]] = values
    single[np.abs(single) < SMALLEST] = 0
    return padded, single
