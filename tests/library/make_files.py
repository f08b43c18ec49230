"""Small library files of known content, written from numpy arrays: helpers of the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastsed.library.types import Library

AGES = np.array([0.0, 1e6, 3e6, 1e7, 1e8, 1e9, 1e10])
LAM = np.array([91.0, 912.0, 1500.0, 3000.0, 5500.0, 8000.0, 2e4, 1.6e6])
LIVING = np.array([1.0, 1.0, 0.98, 0.9, 0.75, 0.6, 0.5])
SED = np.random.default_rng(3).uniform(0.1, 1.0, (AGES.size, LAM.size)).astype(np.float32).astype(np.float64)


def simple(metal: float = 0.02, scale: float = 1.0, **provenance: str) -> Library:
    """A simple population of known content."""
    zero, one = np.zeros(AGES.size), np.ones(AGES.size)
    names = {"LIBRARY": "toy", "RESOLUTION": "lr", "IMF": "ch"} | provenance
    return Library(AGES, LAM, scale * SED, LIVING, zero, one, "ssp", metal, "test", names)


def ised_records(
    order: str = "<",
    info: int = 0,
    n_extra: int = 12,
    mass: NDArray | None = None,
    sfr: NDArray | None = None,
) -> list[bytes]:
    """Payloads of the Fortran records of a GALAXEV file; two IMF segments."""

    def i4(*values: int) -> bytes:
        return np.array(values, order + "i4").tobytes()

    def f4(values: object) -> bytes:
        return np.asarray(values, order + "f4").tobytes()

    head = i4(AGES.size) + f4(AGES) + f4([0.1, 100.0]) + i4(2) + f4(np.arange(12.0)) + f4([1.0, 1.0, 0.0])
    records = [head + i4(info) + b"any text, any length", i4(LAM.size) + f4(LAM)]
    records += [i4(LAM.size) + f4(row) + i4(2) + f4([7.0, 8.0]) for row in SED]
    closing = [np.full(AGES.size, 100.0 + k) for k in range(n_extra)]
    closing[1] = LIVING if mass is None else mass
    closing[2] = np.arange(AGES.size) * 1e-9 if sfr is None else sfr
    return records + [i4(AGES.size) + f4(values) for values in closing]


def write_records(path: Path, records: list[bytes], order: str = "<") -> Path:
    """Wrap payloads in Fortran record markers."""
    mark = [np.array([len(one)], order + "i4").tobytes() for one in records]
    path.write_bytes(b"".join(m + one + m for m, one in zip(mark, records, strict=True)))
    return path


def ascii_text(total_mass: float = 1.0, closing: int = 12) -> str:
    """A `.ised_ASCII` file; two IMF segments, line strengths, lines broken at odd places."""

    def block(values: object) -> str:
        values = np.atleast_1d(values)
        text = [f"{value:.9e}" for value in values]
        return (
            f" {len(values)} " + "\n".join(" ".join(text[i : i + 3]) for i in range(0, len(text), 3)) + "\n"
        )

    head = block(AGES) + " 0.1 100. 2\n" + " ".join(["1.5"] * 12) + "\n"
    head += f" {total_mass} 1. 0. 1. 1. 0. 0. 0. 0. 0.\n N more text 12 3\n id 5 6\n iop T\n stelib F 9\n"
    body = block(LAM) + "".join(block(row) + block([1.0, 2.0]) for row in SED)
    tail = [LIVING * total_mass if k == 1 else np.zeros(AGES.size) for k in range(closing)]
    return head + body + "".join(block(values) for values in tail)


def write_fits(path: Path, **replace: NDArray) -> Path:
    """The FITS twin: one row of vectors."""
    from astropy.table import Table

    columns = {"AGE": AGES, "MASS": LIVING, "LAMBDA": LAM, "SED": SED} | replace
    Table({name: values[None] for name, values in columns.items()}).write(path, overwrite=True)
    return path
