"""Filter curves: an EAzY `FILTER.RES` file and filter numbers in, normalised responses out."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.filter_names import FilterNumber
from fastsed.inputs.header import split_row
from fastsed.inputs.wavelengths import SMALLEST_WAVELENGTH
from fastsed.text import decode, parse_number, read_bytes, whole_number

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Response:
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
    lam: Floats
    response: Floats
    mean_wavelength: float


@dataclass(frozen=True)
class Throughput:
    """A filter curve as its file has it.

    Attributes
    ----------
    number : int
        Position in the filter file, from 1; 0 for a curve of the user's.
    name : str
        Text of its header.
    lam : float64 (n,)
        Wavelength, strictly ascending [A].
    throughput : float64 (n,)
        Relative, linear between the wavelengths, 0 beyond.
    """

    number: int
    name: str
    lam: Floats
    throughput: Floats

    @property
    def width(self) -> float:
        """Width of the rectangle of the same height and area, int T dlambda / max T [A]."""
        return integrate(self.lam, self.throughput) / float(self.throughput.max())


@dataclass(frozen=True)
class _Section:
    """Where a curve is in the file: lines `start` to `stop` of its points."""

    name: str
    start: int
    stop: int


def read_filters(path: str | Path, numbers: Sequence[int], filter_format: int = 1) -> list[Response]:
    """Read filter curves and normalise them.

    Parameters
    ----------
    path : path-like
    numbers : sequence of int
    filter_format : int
        1: response = lambda T; otherwise lambda^2 T.

    Returns
    -------
    list of Response
        In the order of `numbers`.

    Raises
    ------
    InputError
        As `read_throughputs`, and for a curve without throughput or whose wavelengths are not in Angstrom.
    """
    curves = {curve.number: curve for curve in read_throughputs(path, numbers)}
    filters = {number: normalised(curve, filter_format, path) for number, curve in curves.items()}
    return [filters[int(number)] for number in numbers]


def read_throughputs(path: str | Path, numbers: Sequence[int] | None = None) -> list[Throughput]:
    """Read filter curves.

    Points that are out of order are sorted, keeping the order of those at the same wavelength; the
    latter, which draw a vertical edge, are set apart by the least step that a float knows.

    Parameters
    ----------
    path : path-like
        For each curve a line `npoint text`, then `npoint` lines `index wavelength[A] throughput`. The text may be
        anything; where it is two numbers, the index of the point below must be 0 or 1.
    numbers : sequence of int, optional
        The curves to return, counted from 1 in the order of the file; all of them by default. Those of the type
        `FilterNumber`, which were given by name, have to be the curves of fastsed's own database.

    Returns
    -------
    list of Throughput
        In the order of `numbers`.

    Raises
    ------
    InputError
        For a malformed file, numbers that it does not hold, or another curve under the number of a name.
    """
    log.info("reading filters from '%s'", path)
    lines, line_numbers = _content_lines(read_bytes(path))
    sections = _find_sections(path, lines, line_numbers)
    numbers = range(1, len(sections) + 1) if numbers is None else numbers
    missing = [number for number in dict.fromkeys(numbers) if not 1 <= number <= len(sections)]
    if missing:
        raise InputError(f"has no filter {', '.join(map(str, missing))}: it holds 1 to {len(sections)}", path)
    for number in numbers:
        if isinstance(number, FilterNumber):
            number.check_description(sections[number - 1].name, path)
    used = dict.fromkeys(int(number) for number in numbers)
    log.info("found %d filters in the database, will use %d of them", len(sections), len(used))
    curves = {}
    for number in used:
        section = sections[number - 1]
        lam, throughput = _read_points(path, number, section, lines, line_numbers)
        curves[number] = Throughput(number, section.name, lam, throughput)
    return [curves[int(number)] for number in numbers]


def integrate(x: Floats, y: Floats) -> float:
    """Trapezoid integral of y over x."""
    return float(np.dot(np.diff(x), y[1:] + y[:-1]) / 2)


def _content_lines(data: bytes) -> tuple[list[bytes], Sequence[int]]:
    """The lines that are neither empty nor comments, and their numbers."""
    lines = data.splitlines()
    if b"#" not in data and all(map(bytes.strip, lines)):
        return lines, range(1, len(lines) + 1)
    kept = [i for i, line in enumerate(lines) if (bare := line.lstrip()) and not bare.startswith(b"#")]
    return [lines[i] for i in kept], [i + 1 for i in kept]


def _find_sections(path: str | Path, lines: list[bytes], line_numbers: Sequence[int]) -> list[_Section]:
    """Walk from header to header."""
    sections: list[_Section] = []
    at = 0
    while at < len(lines):
        words = lines[at].split(None, 1)
        n_points = whole_number(words[0])
        name = decode(words[1]).strip() if len(words) > 1 else ""
        if n_points is None or not _can_be_header(lines, at):
            previous = f" after filter {len(sections)}" if sections else ""
            raise InputError(
                f"expected a line 'number-of-points name'{previous}, found '{decode(lines[at]).strip()}'; "
                "is the number of points above it right?",
                path,
                line_numbers[at],
            )
        stop = at + 1 + n_points
        if stop > len(lines):
            raise InputError(
                f"filter {len(sections) + 1} announces {decode(words[0])[:20]} points, but the file ends after "
                f"{len(lines) - at - 1}",
                path,
                line_numbers[at],
            )
        sections.append(_Section(name, at + 1, stop))
        at = stop
    if not sections:
        raise InputError("holds no filter curves", path)
    return sections


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
    path: str | Path, number: int, section: _Section, lines: list[bytes], line_numbers: Sequence[int]
) -> tuple[Floats, Floats]:
    """Wavelengths, strictly ascending, and throughputs of a section."""
    points = _plain_points(lines[section.start : section.stop])
    if points is None:
        points = _any_points(path, number, section, lines, line_numbers)
    order = np.argsort(points[:, 1], kind="stable")
    if np.any(np.diff(order) < 0):
        log.warning(
            "filter %d (%s): its points are not in the order of wavelength; sorted", number, section.name
        )
    lam, throughput = points[order, 1].copy(), points[order, 2].copy()
    for i in range(1, lam.size):
        if lam[i] <= lam[i - 1]:
            lam[i] = np.nextafter(lam[i - 1], np.inf)
    return lam, throughput


def _plain_points(lines: list[bytes]) -> Floats | None:
    """The points (n, 3) of lines of three plain numbers, read quickly; None if there are others."""
    rows = [line.split() for line in lines]
    if any(len(row) != 3 or b"_" in line for row, line in zip(rows, lines, strict=True)):
        return None
    try:
        points = np.array([float(word) for row in rows for word in row]).reshape(-1, 3)
    except ValueError:
        return None
    return points if np.isfinite(points).all() else None


def _any_points(
    path: str | Path, number: int, section: _Section, lines: list[bytes], line_numbers: Sequence[int]
) -> Floats:
    """The points (n, 3) of lines that may hold comments and other spellings of numbers."""
    rows = []
    for i in range(section.start, section.stop):
        row = _point(lines[i])
        if row is None:
            raise InputError(
                f"filter {number} ({section.name}): expected 'index wavelength throughput', found "
                f"'{decode(lines[i]).strip()}'",
                path,
                line_numbers[i],
            )
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def normalised(curve: Throughput, filter_format: int = 1, path: str | Path | None = None) -> Response:
    """Weight a curve by the wavelength and bring it to unit integral.

    Parameters
    ----------
    curve : Throughput
    filter_format : int
        1: response = lambda T; otherwise lambda^2 T.
    path : path-like, optional
        The file, for messages.

    Raises
    ------
    InputError
        For a curve without throughput, whose integrals are not finite, or whose wavelengths are not in Angstrom.
    """
    label = f"filter {curve.number} ({curve.name})" if curve.number else f"filter {curve.name}"
    with np.errstate(over="ignore", invalid="ignore"):
        response = curve.throughput * (curve.lam if filter_format == 1 else curve.lam**2)
        total = integrate(curve.lam, response)
        if total <= 0:
            raise InputError(f"{label} has no throughput (its integral is {total:g})", path)
        response /= total
        mean = integrate(curve.lam, curve.lam * response)
    if not (math.isfinite(total) and math.isfinite(mean) and np.isfinite(response).all()):
        raise InputError(f"{label} has wavelengths or throughputs that are too large", path)
    if mean < SMALLEST_WAVELENGTH:
        raise InputError(
            f"{label} has a mean wavelength of {mean:g} A; wavelengths must be in Angstrom", path
        )
    return Response(curve.number, curve.name, curve.lam, response, mean)
