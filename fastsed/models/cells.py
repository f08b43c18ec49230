"""Values of an axis in; the cells around them, cut at the midpoints, out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats


def cell_edges(values: ArrayLike, positive: bool = False) -> Floats:
    """Edges of the cells around ascending values: midpoints; the end cells are symmetric about their values.

    Parameters
    ----------
    values : array_like (n,)
        Ascending. A single value v has the cell [v - 0.5, v + 0.5].
    positive : bool
        A negative first edge becomes half the first value.

    Returns
    -------
    float64 (n + 1,)
    """
    x = np.asarray(values, dtype=np.float64)
    if len(x) == 1:
        return np.array([x[0] - 0.5, x[0] + 0.5])
    middle = 0.5 * (x[1:] + x[:-1])
    edges = np.concatenate([[2 * x[0] - middle[0]], middle, [2 * x[-1] - middle[-1]]])
    if positive and edges[0] < 0.0:
        edges[0] = 0.5 * x[0]
    return edges


def cell_widths(values: ArrayLike, log: bool = False) -> Floats:
    """Widths of the cells around values in any order; a single value has width 1.

    Parameters
    ----------
    values : array_like (n,)
    log : bool
        The values are log10; widths are those of 10^value.

    Returns
    -------
    float64 (n,)
        In the order of `values`.
    """
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return np.ones(len(x))
    order = np.argsort(x, kind="stable")
    edges = cell_edges(x[order])
    widths = np.empty(len(x))
    widths[order] = np.diff(10.0**edges if log else edges)
    return widths


def axis_weights(values: ArrayLike, log: bool = False) -> Floats:
    """Widths of the cells, divided by their mean (see `cell_widths`)."""
    widths = cell_widths(values, log)
    mean = widths.mean() if len(widths) else 1.0
    # values that all coincide have no width to tell them apart
    return widths / mean if mean > 0.0 else np.ones(len(widths))
