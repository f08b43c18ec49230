"""Filter curves: an EAzY `FILTER.RES` file and filter numbers in, normalised responses out."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.inputs.header import split_row
from fastsed.inputs.wavelengths import SMALLEST_WAVELENGTH
from fastsed.text import decode, parse_number, read_bytes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Filter:
    """What a band, or a channel of a spectrograph, sees of a spectrum: flux = int response F_lambda dlambda.

    Attributes
    ----------
    number : int
        Position in the filter file, from 1; 0 for a channel of a spectrum.
    name : str
    lam : float64 (n,)
        Wavelength, strictly ascending [A].
    response : float64 (n,)
        Linear between the wavelengths, 0 beyond, with trapezoid integral 1; includes the factor lambda
        or lambda^2.
    mean_wavelength : float
        int lambda response dlambda [A].
    """

    number: int
    name: str
    lam: NDArray[np.float64]
    response: NDArray[np.float64]
    mean_wavelength: float


@dataclass(frozen=True)
class _Curve:
    """Where a curve is in the file: lines `start` to `stop` of its points."""

    name: str
    start: int
    stop: int


def read_filters(path: str | Path, numbers: Sequence[int], filter_format: int = 1) -> list[Filter]:
    """Read filter curves.

    Points that are out of order are sorted, keeping the order of those at the same wavelength; the
    latter, which draw a vertical edge, are set apart by the least step that a float knows.

    Parameters
    ----------
    path : path-like
        For each curve a line `npoint text`, then `npoint` lines `index wavelength[A] throughput`. The text may be
        anything; where it is two numbers, the index of the point below must be 0 or 1.
    numbers : sequence of int
        The curves to return, counted from 1 in the order of the file.
    filter_format : int
        1: response = lambda T; otherwise lambda^2 T.

    Returns
    -------
    list of Filter
        In the order of `numbers`.

    Raises
    ------
    InputError
        For a malformed file, numbers that it does not hold, or a curve without throughput.
    """
    log.info("reading filters from '%s'", path)
    lines, line_numbers = _content_lines(read_bytes(path))
    curves = _find_curves(path, lines, line_numbers)
    wanted = dict.fromkeys(int(number) for number in numbers)
    missing = [number for number in wanted if not 1 <= number <= len(curves)]
    if missing:
        raise InputError(f"has no filter {', '.join(map(str, missing))}: it holds 1 to {len(curves)}", path)
    log.info("found %d filters in the database, will use %d of them", len(curves), len(wanted))

    filters = {}
    for number in wanted:
        curve = curves[number - 1]
        lam, throughput = _read_points(path, number, curve, lines, line_numbers)
        filters[number] = _normalised(path, number, curve.name, lam, throughput, filter_format)
    return [filters[int(number)] for number in numbers]


def integrate(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Trapezoid integral of y over x."""
    return float(np.dot(np.diff(x), y[1:] + y[:-1]) / 2)


def _content_lines(data: bytes) -> tuple[list[bytes], Sequence[int]]:
    """The lines that are neither empty nor comments, and their numbers."""
    lines = data.splitlines()
    kept = [i for i, line in enumerate(lines) if (bare := line.lstrip()) and not bare.startswith(b"#")]
    if len(kept) == len(lines):
        return lines, range(1, len(lines) + 1)
    return [lines[i] for i in kept], [i + 1 for i in kept]


def _find_curves(path: str | Path, lines: list[bytes], line_numbers: Sequence[int]) -> list[_Curve]:
    """Walk from header to header."""
    curves: list[_Curve] = []
    at = 0
    while at < len(lines):
        words = lines[at].split(None, 1)
        name = decode(words[1]).strip() if len(words) > 1 else ""
        if not words[0].isdigit() or not _can_be_header(lines, at):
            previous = f" after filter {len(curves)}" if curves else ""
            raise InputError(
                f"expected a line 'number-of-points name'{previous}, found '{decode(lines[at]).strip()}'; "
                "is the number of points above it right?",
                path,
                line_numbers[at],
            )
        stop = at + 1 + int(words[0])
        if stop > len(lines):
            raise InputError(
                f"filter {len(curves) + 1} announces {int(words[0])} points, but the file ends after "
                f"{len(lines) - at - 1}",
                path,
                line_numbers[at],
            )
        curves.append(_Curve(name, at + 1, stop))
        at = stop
    if not curves:
        raise InputError("holds no filter curves", path)
    return curves


def _can_be_header(lines: list[bytes], at: int) -> bool:
    """Whether the line above a curve's points can be `npoint text`, though the text may be two numbers."""
    if _point(lines[at]) is None:
        return True
    following = _point(lines[at + 1]) if at + 1 < len(lines) else None
    return following is not None and following[0] in (0, 1)


def _point(line: bytes) -> list[float] | None:
    """The three numbers of a line `index wavelength throughput`; None where it is none."""
    words = split_row(line, comma=False)
    numbers = [parse_number(decode(word)) for word in words] if len(words) == 3 else [None]
    finite = [number for number in numbers if number is not None and math.isfinite(number)]
    return finite if len(finite) == 3 else None


def _read_points(
    path: str | Path, number: int, curve: _Curve, lines: list[bytes], line_numbers: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wavelengths, strictly ascending, and throughputs of a curve."""
    rows = []
    for i in range(curve.start, curve.stop):
        row = _point(lines[i])
        if row is None:
            raise InputError(
                f"filter {number} ({curve.name}): expected 'index wavelength throughput', found "
                f"'{decode(lines[i]).strip()}'",
                path,
                line_numbers[i],
            )
        rows.append(row)
    points = np.array(rows, dtype=np.float64).reshape(-1, 3)
    order = np.argsort(points[:, 1], kind="stable")
    if np.any(np.diff(order) < 0):
        log.warning(
            "filter %d (%s): its points are not in the order of wavelength; sorted", number, curve.name
        )
    lam, throughput = points[order, 1].copy(), points[order, 2].copy()
    for i in range(1, lam.size):
        if lam[i] <= lam[i - 1]:
            lam[i] = np.nextafter(lam[i - 1], np.inf)
    return lam, throughput


def _normalised(
    path: str | Path,
    number: int,
    name: str,
    lam: NDArray[np.float64],
    throughput: NDArray[np.float64],
    filter_format: int,
) -> Filter:
    """Weight a curve by the wavelength and bring it to unit integral."""
    with np.errstate(over="ignore", invalid="ignore"):
        response = throughput * (lam if filter_format == 1 else lam**2)
        total = integrate(lam, response)
    if not (total > 0 and np.isfinite(total)):
        raise InputError(f"filter {number} ({name}) has no throughput (its integral is {total:g})", path)
    response /= total
    mean = integrate(lam, lam * response)
    if mean < SMALLEST_WAVELENGTH:
        raise InputError(
            f"filter {number} ({name}) has a mean wavelength of {mean:g} A; wavelengths must be in Angstrom",
            path,
        )
    return Filter(number, name, lam, response, mean)
