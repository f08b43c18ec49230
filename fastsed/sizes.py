"""How many points and bytes the parameters ask for: exact whole numbers, refused where no run could hold them."""

from __future__ import annotations

import ctypes
import math

from fastsed.errors import InputError

MAX_AXIS_POINTS = 100_000
"""Points of one axis of the grid."""

MAX_DUST_CELLS = 100_000
"""Pairs of A_V and A_V_BC: the attenuation of each is in memory at every wavelength."""

MAX_TABLE_POINTS = 1_000_000
"""Time steps of one star formation history."""

MAX_SIMULATIONS = 10_000_000
"""Simulations of a source: 32 bytes of each, and a random number per data column, are in memory."""

SINGLE_MAX = (2 - 2**-23) * 2.0**127
"""Largest number of single precision."""

MAX_MODELS = 2**62
"""Models of a grid: their numbers, and positions in the order of ties, are 64-bit integers."""

MYR_OF_UNIVERSE = 20_000
"""More than any age of the Universe [Myr]."""


def single(value: float) -> float:
    """A number rounded to single precision; infinite beyond `SINGLE_MAX`."""
    return ctypes.c_float(value).value


def counted_points(
    key: str, length: float, step: float, limit: int, path: str | None = None, *, in_single: bool = False
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
    in_single : bool
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
    if in_single:
        length, step = single(length), single(step)
    quotient = length / step if step else math.inf
    if in_single:
        quotient = single(quotient)
    if not quotient + 1 <= limit:
        number = f"{quotient + 1:.3g}" if math.isfinite(quotient) else "endlessly many"
        allowed = f"{limit:_}".replace("_", " ")
        raise InputError(f"{key} = {step:g} gives too many points: {number}, the limit is {allowed}", path)
    return math.floor(quotient + 0.5) + 1


def check_models(shape: dict[str, int], path: str | None = None) -> int:
    """Number of models of a grid with so many values along each axis.

    Raises
    ------
    InputError
        Where their numbers do not fit into 64 bits, or there are too many dust cells.
    """
    cells = shape.get("Av", 1) * shape.get("Av_bc", 1)
    if cells > MAX_DUST_CELLS:
        raise InputError(
            f"A_V and A_V_BC make too many pairs: {cells}, the limit is {MAX_DUST_CELLS}; "
            "change A_V_STEP or A_V_BC_STEP",
            path,
        )
    size = math.prod(shape.values())
    if size > MAX_MODELS:
        counts = ", ".join(f"{name}: {count}" for name, count in shape.items())
        raise InputError(
            f"the grid has too many models: {size:.3g} ({counts}); {MAX_MODELS:.3g} can be numbered", path
        )
    return size
