"""The cells of the axes of the grid: values and weights in; widths and quantiles out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats, Ints
from fastsed.models.cells import cell_edges, cell_widths

# axes whose values are samples, not points of a continuous coordinate: their cells have no width
WITHOUT_WIDTH = ("metal",)


def axis_widths(name: str, values: ArrayLike) -> Floats:
    """Widths (n,) of the cells of an axis, in the order of its values; 1 for single values and for metallicities."""
    return np.ones(np.size(values)) if name in WITHOUT_WIDTH else cell_widths(values)


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
