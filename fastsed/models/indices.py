"""A file of continuum indices in; their wavelength windows, and index values from mean fluxes in them, out.

The mean flux in a window is linear in the spectrum: a family of spectra times `window_weights` gives all
means at once, and `combine` makes an index of them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from os import PathLike
from typing import Literal

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.inputs.wavelengths import warn_unless_angstrom
from fastsed.text import decode, parse_number, read_bytes

Window = tuple[float, float]

_FORM = {
    "abs": "abs, line_low, line_up, cont1_low, cont1_up[, cont2_low, cont2_up]",
    "ratio": "ratio, low1, up1, low2, up2",
}
_COUNTS = {"abs": (4, 6), "ratio": (4,)}


@dataclass(frozen=True)
class Index:
    """One continuum index.

    Attributes
    ----------
    name : str
        Its name, as in the file.
    kind : {"abs", "ratio"}
        An equivalent width [A], positive in absorption, or a flux ratio.
    windows : tuple of (float, float)
        For `abs`: the line, then one or two continuum windows; for `ratio`: denominator, numerator [A].
    """

    name: str
    kind: Literal["abs", "ratio"]
    windows: tuple[Window, ...]


def read_indices(path: str | PathLike[str]) -> list[Index]:
    """Read a file of lines `name = type, low, up, ...` (`#` starts a comment).

    Raises
    ------
    InputError
        With the line, if a line has another form, a window is empty, or a name appears twice.
    """
    indices: dict[str, Index] = {}
    for number, raw in enumerate(read_bytes(os.fspath(path)).splitlines(), start=1):
        line = decode(raw).partition("#")[0].strip()
        if not line:
            continue
        try:
            index = _parse_index(line)
            if index.name in indices:
                raise InputError(f"index '{index.name}' is defined twice: give each its own name")
        except InputError as error:
            raise InputError(error.message, path, number) from None
        indices[index.name] = index
    warn_unless_angstrom(
        path, np.array([edge for index in indices.values() for edge in np.ravel(index.windows)])
    )
    return list(indices.values())


def window_weights(lam: Floats, windows: list[Window]) -> Floats:
    """The mean fluxes in windows as a matrix.

    Parameters
    ----------
    lam : ndarray (nlam,)
        Ascending wavelengths of the spectra [A].
    windows : list of (low, up)
        Wavelength windows [A].

    Returns
    -------
    ndarray (nlam, nwindow)
        `sed @ weights` is the mean over each window of the piecewise linear spectrum (exact).

    Raises
    ------
    InputError
        If a window leaves the range of `lam`.
    """
    weights = np.zeros((lam.size, len(windows)))
    left, right, step = lam[:-1], lam[1:], np.diff(lam)
    for column, (low, up) in enumerate(windows):
        if low < lam[0] or up > lam[-1]:
            covered = f"{lam[0]:g} to {lam[-1]:g} A"
            raise InputError(f"the index window {low:g} to {up:g} A is not within the library's {covered}")
        start, end = np.clip(left, low, up), np.clip(right, low, up)
        length, middle = end - start, 0.5 * (start + end)
        weights[:-1, column] += length * (right - middle) / step
        weights[1:, column] += length * (middle - left) / step
        weights[:, column] /= up - low
    return weights


def combine(index: Index, means: Floats) -> Floats:
    """The value of an index.

    Parameters
    ----------
    index : Index
        What to compute.
    means : ndarray (..., nwindow)
        Mean fluxes in `index.windows`, in their order.

    Returns
    -------
    ndarray (...)
        `abs`: width of the line times (1 - mean line flux / continuum at the line's centre) [A], the
        continuum being the first window's mean or the straight line through two windows (Balogh et al. 1999,
        ApJ 527, 54: under the line it integrates to the width times its value at the centre);
        `ratio`: second over first.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if index.kind == "ratio":
            return np.asarray(means[..., 1] / means[..., 0])
        line = index.windows[0]
        return np.asarray((line[1] - line[0]) * (1.0 - means[..., 0] / _continuum(index.windows, means)))


def _continuum(windows: tuple[Window, ...], means: Floats) -> Floats:
    """Continuum at the centre of the line (the first window)."""
    if len(windows) == 2:
        return np.asarray(means[..., 1])
    line, first, second = (0.5 * (low + up) for low, up in windows)
    fraction = (line - first) / (second - first)
    return np.asarray(means[..., 1] * (1.0 - fraction) + means[..., 2] * fraction)


def _parse_index(line: str) -> Index:
    """One definition, without comment."""
    name, equal, definition = (part.strip() for part in line.partition("="))
    if not equal or not name or re.search(r"\s", name):
        raise InputError(
            f"'{line}' is not an index: expected 'name = type, low, up, ...', no blanks in the name"
        )
    kind, *fields = (field.strip() for field in definition.split(","))
    kind = kind.lower()
    if kind not in _FORM:
        raise InputError(f"index '{name}' has the unknown type '{kind}': choose abs or ratio")
    if len(fields) not in _COUNTS[kind]:
        raise InputError(f"index '{name}' has {len(fields)} wavelengths: expected '{_FORM[kind]}'")
    edges = [_wavelength(name, field) for field in fields]
    windows = tuple(zip(edges[::2], edges[1::2], strict=True))
    for low, up in windows:
        if not 0 < low < up:
            raise InputError(
                f"index '{name}' has the window {low:g} to {up:g} A: it must ascend from above 0"
            )
    if len(windows) == 3 and sum(windows[1]) == sum(windows[2]):
        raise InputError(f"index '{name}' has two continuum windows with the same centre: use only one")
    return Index(name, "abs" if kind == "abs" else "ratio", windows)


def _wavelength(name: str, field: str) -> float:
    value = parse_number(field)
    if value is None or not np.isfinite(value):
        raise InputError(f"index '{name}' has '{field}' where a wavelength in Angstrom is expected")
    return value
