"""Read a GALAXEV binary library: a `.ised` file in, a `Library` out; also the FAST name of such a file."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fastsed.arrays import Floats, Singles
from fastsed.errors import InputError
from fastsed.library.types import Library
from fastsed.library.validate import check_library

MAX_TIME_STEPS = 10000
"""More ages than this, and the byte order is taken to be the other one."""


def metal_tag(metal: float) -> str:
    """Metallicity as FAST writes it in file names: 0.02 -> '02', 0.0004 -> '0004'."""
    return f"{metal:g}".replace("0.", "")


def tau_tag(log_tau: float) -> str:
    """log10(tau) as FAST writes it in file names, with at least one decimal: 9 -> '9.0', 8.25 -> '8.25'."""
    tag = f"{log_tau:g}"
    return tag if "." in tag else tag + ".0"


def gridded_name(library: str, resolution: str, imf: str, metal: float, ltau: float) -> str:
    """Name of a pre-gridded library file, for instance ``bc03_lr_ch_z02_ltau8.5.ised``.

    Parameters
    ----------
    library, resolution, imf : str
    metal : float
        Mass fraction of metals.
    ltau : float
        log10 of the star formation time scale [yr].
    """
    return f"{library}_{resolution}_{imf}_z{metal_tag(metal)}_ltau{tau_tag(ltau)}.ised"


def metallicity_of_name(name: str) -> float:
    """Metallicity that a FAST file name tells (``..._z02_...``), NaN if it tells none."""
    result = re.search(r"_z(\d+)(?=[_.]|$)", name)
    return float("0." + result[1]) if result else float("nan")


def read_ised(path: str | PathLike[str], check_spectra: bool = True) -> Library:
    """Read a GALAXEV ``.ised`` file (Bruzual & Charlot 2003, MNRAS 344, 1000), of either byte order.

    Parameters
    ----------
    path : path-like
    check_spectra : bool
        False for those who will not look at the spectra: marks in the file between them are not looked at either.

    Returns
    -------
    Library
        Of kind "gridded". `mass` and `sfr` are the second and third of the file's closing records;
        `formed` is the running sum of sfr_i (age_i - age_(i-1)).

    Raises
    ------
    InputError
        If the file cannot be read, is truncated or is not a GALAXEV file.
    """
    with _opened(path) as file:
        return _read(file, path, check_spectra)


def _read(file: BinaryIO, path: str | PathLike[str], check_spectra: bool) -> Library:
    content = _mapped(file, path)
    order = _byte_order(content, path)
    records = _records(content, order, path)
    ages, info = _read_header(next(records).payload, order, path)
    lam = _counted_floats(next(records).payload, order, path, "wavelengths")
    sed, end = _spectra(content, order, path, next(records), ages.size, lam.size)
    if check_spectra:
        _check_spectra(file, order, path, sed, end)
    n_extra = 12 if info == 0 else 10
    records = _records(content, order, path, end, 3 + ages.size)
    extra = [
        _counted_floats(next(records).payload, order, path, f"closing record {k + 1}", ages.size)
        for k in range(n_extra)
    ]
    mass, sfr = extra[1], extra[2]
    formed = np.cumsum(sfr * np.diff(ages, prepend=ages[0]))
    metal = metallicity_of_name(Path(path).name)
    library = Library(ages, lam, sed, mass, sfr, formed, "gridded", metal, str(path))
    check_library(library, path, spectra=False)
    return library


@dataclass(frozen=True)
class _Record:
    """A Fortran record: where its payload starts, and the payload."""

    start: int
    payload: memoryview


def _opened(path: str | PathLike[str]) -> BinaryIO:
    try:
        return open(path, "rb", buffering=0)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path) from error


def _mapped(file: BinaryIO, path: str | PathLike[str]) -> memoryview:
    """The content of a file, read where it is looked at."""
    try:
        if os.fstat(file.fileno()).st_size == 0:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}", path) from error


def _spectra(
    content: memoryview, order: str, path: str | PathLike[str], first: _Record, n_ages: int, n_lam: int
) -> tuple[Singles, int]:
    """All spectra (nage, nlam) as a view of the file, and where the next record starts.

    The records of the spectra are equally long, so that only the spectra in use are ever read.
    """
    _counted_floats(first.payload, order, path, "fluxes of age 1", n_lam)
    size = len(first.payload)
    end = first.start - 4 + n_ages * (size + 8)
    if end > len(content):
        raise InputError("is truncated: it ends among its spectra", path)
    flux = np.ndarray((n_ages, n_lam), order + "f4", content, first.start + 4, (size + 8, 4))
    return flux, end


def _check_spectra(file: BinaryIO, order: str, path: str | PathLike[str], sed: Singles, end: int) -> None:
    """Raise an error if not all spectra (nage, nlam), which end at `end`, are in records like the first."""
    n_ages, n_lam = sed.shape
    step = sed.strides[0]
    # read, not mapped, lest a look at each spectrum maps them all: end of a record, start of the next, its count
    marks = [os.pread(file.fileno(), 12, end - 4 - left * step) for left in range(n_ages - 1, 0, -1)]
    marks.append(os.pread(file.fileno(), 4, end - 4))
    size = step - 8
    expected = np.array([size, size, n_lam] * (n_ages - 1) + [size])
    wrong = np.flatnonzero(np.frombuffer(b"".join(marks), order + "i4") != expected)
    if len(wrong):
        fault = f"the record of age {(wrong[0] + 2) // 3 + 1} is not like that of age 1"
        raise InputError(f"is damaged: {fault}", path)


def _byte_order(content: memoryview, path: str | PathLike[str]) -> str:
    """'<' or '>', whichever makes the number of ages sensible."""
    if len(content) < 8:
        raise InputError(f"is not a GALAXEV .ised file: it holds {len(content)} bytes only", path)
    for order in "<>":
        n_time = int(np.frombuffer(content, order + "i4", 1, 4)[0])
        if 0 <= n_time <= MAX_TIME_STEPS:
            return order
    raise InputError(
        f"is not a GALAXEV .ised file: its number of ages is not in 0-{MAX_TIME_STEPS} in either byte order",
        path,
    )


def _records(
    content: memoryview, order: str, path: str | PathLike[str], start: int = 0, number: int = 0
) -> Iterator[_Record]:
    """The Fortran records from `start` on; an error, not StopIteration, where the file ends too early."""
    while start + 4 <= len(content):
        number += 1
        size = int(np.frombuffer(content, order + "i4", 1, start)[0])
        end = start + 4 + size
        if size < 0 or (
            end + 4 <= len(content) and int(np.frombuffer(content, order + "i4", 1, end)[0]) != size
        ):
            raise InputError(f"is not a GALAXEV .ised file: record {number} is not a Fortran record", path)
        if end + 4 > len(content):
            break
        yield _Record(start + 4, content[start + 4 : end])
        start = end + 4
    raise InputError(f"is truncated: it ends in record {number or 1}", path)


def _read_header(record: memoryview, order: str, path: str | PathLike[str]) -> tuple[Floats, int]:
    """Ages [yr], and `info`, which is 0 in files that close with 12 records instead of 10."""
    ages = _counted_floats(record, order, path, "ages")
    imf = 4 + 4 * ages.size
    n_segments = int(np.frombuffer(record, order + "i4", 1, imf + 8)[0]) if len(record) >= imf + 12 else -1
    info = imf + 12 + 4 * 6 * n_segments + 12
    if n_segments < 0 or len(record) < info + 4:
        raise InputError("is not a GALAXEV .ised file: its first record has no initial mass function", path)
    return ages, int(np.frombuffer(record, order + "i4", 1, info)[0])


def _counted_floats(
    record: memoryview, order: str, path: str | PathLike[str], what: str, expected: int | None = None
) -> Floats:
    """The n float32 values that follow the count n at the start of a record."""
    count = int(np.frombuffer(record, order + "i4", 1)[0]) if len(record) >= 4 else -1
    if count < 1 or 4 + 4 * count > len(record):
        raise InputError(f"is not a GALAXEV .ised file: no {what} where they should be", path)
    if expected is not None and count != expected:
        raise InputError(f"is damaged: {count} values for the {what}, {expected} expected", path)
    # a signalling NaN, which is refused later, is no reason for a warning of numpy
    with np.errstate(invalid="ignore"):
        return np.frombuffer(record, order + "f4", count, 4).astype(np.float64)
