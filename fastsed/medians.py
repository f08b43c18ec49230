"""Values in, their median out, without `numpy.median`, which imports `numpy.ma`: as long as many a small step."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def median(values: ArrayLike) -> float:
    """Median of all values.

    Parameters
    ----------
    values : array_like
        Of any shape.

    Returns
    -------
    float
        NaN if there are no values, or one is NaN.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=None)
    if not ordered.size or np.isnan(ordered[-1]):
        return float("nan")
    middle = ordered.size // 2
    return float(ordered[middle] if ordered.size % 2 else (ordered[middle - 1] + ordered[middle]) / 2)
