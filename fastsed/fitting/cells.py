"""The cells of the axes: values in; edges, widths by the midpoint rule, quantiles of weights out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats, Ints

# axes whose values are samples, not points of a continuous coordinate: their cells have no width
WITHOUT_WIDTH = ("metal",)


def cell_edges(values: ArrayLike) -> Floats:
    """Edges (n + 1,) of the cells around rising values (n,): midpoints; the end cells are symmetric about their values.

    A single value v has the cell [v - 0.5, v + 0.5].
    """
    v = np.asarray(values, dtype=np.float64)
    if len(v) == 1:
        return np.array([v[0] - 0.5, v[0] + 0.5])
    middle = 0.5 * (v[1:] + v[:-1])
    return np.concatenate([[2 * v[0] - middle[0]], middle, [2 * v[-1] - middle[-1]]])


def cell_widths(name: str, values: ArrayLike) -> Floats:
    """Widths (n,) of the cells of an axis, in the order of its values; 1 for single values and for metallicities."""
    v = np.asarray(values, dtype=np.float64)
    if len(v) == 1 or name in WITHOUT_WIDTH:
        return np.ones(len(v))
    order = np.argsort(v, kind="stable")
    widths = np.empty(len(v))
    widths[order] = np.diff(cell_edges(v[order]))
    return widths


def cell_quantiles(values: Floats, weights: Floats, probabilities: ArrayLike) -> Floats:
    """Quantiles of axes: weights cumulated over the cells in rising order, linear inside a cell.

    Parameters
    ----------
    values : (n,)
        Rising.
    weights : (nsource, n)
    probabilities : (nprobability,)

    Returns
    -------
    (nsource, nprobability)
        Within the first and the last value; NaN without any weight.
    """
    edges, levels = cell_edges(values), np.ravel(probabilities).astype(np.float64)
    upper = np.cumsum(weights, axis=1)
    total = upper[:, -1:]
    rows = np.arange(len(weights))
    result = np.full((len(weights), len(levels)), np.nan)
    for k, p in enumerate(levels):
        aim = p * total[:, 0]
        cell: Ints = np.argmax((upper >= aim[:, None]) & (weights > 0), axis=1)
        inside = weights[rows, cell]
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.clip((aim - (upper[rows, cell] - inside)) / inside, 0, 1)
        result[:, k] = edges[cell] + part * (edges[cell + 1] - edges[cell])
    result = np.clip(result, values[0], values[-1])
    return np.where(total > 0, result, np.nan)
