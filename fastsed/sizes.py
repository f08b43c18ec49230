"""How many points and bytes the parameters ask for: exact whole numbers, refused where no run could hold them."""

from __future__ import annotations

import math

import numpy as np

from fastsed.errors import InputError

MAX_AXIS_POINTS = 100_000
"""Points of one axis of the grid."""

MAX_TABLE_POINTS = 1_000_000
"""Time steps of one star formation history."""

MAX_MODELS = 2**62
"""Models of a grid: their numbers, and positions in the order of ties, are 64-bit integers."""

MYR_OF_UNIVERSE = 20_000
"""More than any age of the Universe [Myr]."""


def counted_points(
    key: str, length: float, step: float, limit: int, path: str | None = None, *, single: bool = False
) -> int:
    """Number of points from one end of a range to the other, `step` apart, both ends included.

    Parameters
    ----------
    key : str
        Of the parameter file, for the message: the step.
    length, step : float
        Of the range, and between its points.
    limit : int
        Largest number allowed.
    path : str, optional
        Of the parameter file.
    single : bool
        Divide in single precision.

    Returns
    -------
    int
        round(length / step) + 1, halves away from zero.

    Raises
    ------
    InputError
        Where there are more than `limit`; it names the key and both numbers.
    """
    kind = np.float32 if single else np.float64
    with np.errstate(all="ignore"):
        quotient = float(kind(length) / kind(step))
    if not quotient + 1 <= limit:
        number = f"{quotient + 1:.3g}" if math.isfinite(quotient) else "endlessly many"
        allowed = f"{limit:_}".replace("_", " ")
        raise InputError(f"{key} = {step:g} gives {number} points, more than {allowed}", path)
    return math.floor(quotient + 0.5) + 1


def check_models(shape: dict[str, int], path: str | None = None) -> int:
    """Number of models of a grid with so many values along each axis.

    Raises
    ------
    InputError
        Where their numbers do not fit into 64 bits.
    """
    size = math.prod(shape.values())
    if size > MAX_MODELS:
        counts = ", ".join(f"{name}: {count}" for name, count in shape.items())
        raise InputError(
            f"the grid has too many models: {size:.3g} ({counts}); {MAX_MODELS:.3g} can be numbered", path
        )
    return size
