"""One check for the libraries of all formats: a `Library` in, an error where its numbers cannot be."""

from __future__ import annotations

from os import PathLike

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.errors import InputError
from fastsed.library.types import Library

KINDS = ("ssp", "gridded")
SHORTEST_END = 1000.0
"""No library ends at shorter wavelengths [Angstrom]; one in micron does."""
MASS_ROUNDING = 1e-3
"""By which a surviving fraction may exceed 1: files round."""


def check_library(library: Library, path: str | PathLike[str], spectra: bool = True) -> None:
    """Refuse a library whose numbers cannot be those of stellar populations.

    Ages and wavelengths must ascend, wavelengths be in Angstrom, spectra, masses and rates be finite and not negative,
    the surviving fraction of simple populations be at most 1, and all shapes agree.

    Parameters
    ----------
    library : Library
    path : path-like
        The file it was read from, for messages.
    spectra : bool
        False where spectra are looked at later (`check_spectra`), as they are read.

    Raises
    ------
    InputError
    """
    if library.kind not in KINDS:
        raise InputError(
            f"is damaged: its kind is '{library.kind[:40]}', not one of {', '.join(KINDS)}", path
        )
    check_axis(library.ages, "ages", path)
    positive = library.ages[library.ages > 0]
    if np.any(np.diff(library.ages) == 0) or positive.size < (2 if library.kind == "gridded" else 1):
        raise InputError("is damaged: its ages must differ, and be above 0 but for the first", path)
    check_wavelengths(library.lam, path)
    shape = library.ages.size, library.lam.size
    if library.sed.shape != shape:
        raise InputError(f"is damaged: its spectra have the shape {library.sed.shape}, not {shape}", path)
    for values, what in (
        (library.mass, "surviving masses"),
        (library.sfr, "star formation rates"),
        (library.formed, "formed masses"),
    ):
        if values.shape != library.ages.shape:
            raise InputError(f"is damaged: it has {values.size} {what} for {library.ages.size} ages", path)
        _check_amounts(values, what, path)
    if library.kind == "ssp" and library.mass.max() > 1 + MASS_ROUNDING:
        largest = f"{library.mass.max():g} of the formed mass"
        raise InputError(f"is damaged: a surviving mass is {largest}; simple populations have 0 to 1", path)
    if spectra:
        check_spectra(library.sed, path)


def check_axis(values: ArrayLike, what: str, path: str | PathLike[str]) -> None:
    """Refuse ages or wavelengths that are not an ascending list of finite numbers from 0 or above."""
    axis = np.asarray(values)
    good = axis.ndim == 1 and axis.size > 0 and bool(np.all(np.isfinite(axis)))
    if not (good and axis[0] >= 0 and np.all(np.diff(axis) >= 0)):
        raise InputError(f"is damaged: its {what} are not an ascending list of positive numbers", path)


def check_wavelengths(lam: ArrayLike, path: str | PathLike[str]) -> None:
    """Refuse wavelengths that do not ascend, or cannot be in Angstrom."""
    check_axis(lam, "wavelengths", path)
    last = float(np.asarray(lam)[-1])
    if last < SHORTEST_END:
        raise InputError(
            f"its wavelengths end at {last:g}: they must be in Angstrom (not micron or nm)", path
        )


_BITS_OF_INFINITY = np.uint32(0x7F800000)


def check_spectra(sed: NDArray[np.floating], path: str | PathLike[str]) -> None:
    """Refuse spectra that are not finite, also in single precision, or negative."""
    _check_amounts(sed, "spectra", path)


def _check_amounts(values: NDArray[np.floating], what: str, path: str | PathLike[str]) -> None:
    if not values.size or _all_plain(values):
        return
    # NaN compares as false
    if not (values.min() >= 0 and values.max() <= np.finfo(np.float32).max):
        wrong = values[~((values >= 0) & (values <= np.finfo(np.float32).max))]
        raise InputError(
            f"is damaged: its {what} hold {wrong.flat[0]:g}, and {wrong.size} such values in all; "
            "they must be finite and not negative",
            path,
        )


def _all_plain(values: NDArray[np.floating]) -> bool:
    """Whether single-precision numbers are finite and not negative, in one pass; False where this is not so simple."""
    if values.dtype != np.float32 or not values.dtype.isnative:
        return False
    # as whole numbers, their bits are in the same order; those of infinity, NaN and negative numbers come after
    return bool(values.view(np.uint32).max() < _BITS_OF_INFINITY)
