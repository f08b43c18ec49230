"""Dust transmissions run by run of wavelengths: those of many dust cells in, the few that make up all others out.

Through a short run of wavelengths all depths of one attenuation law dim the light by nearly the same curve. Some of the
transmissions, the skeleton, are then enough: each of the others is a linear combination of them, and so are the fluxes
behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats, Ints

# wavelengths of a run: their spectra stay in the cache while every band takes its part of them
LONGEST_RUN = 256
# shorter runs are not worth a skeleton
SHORTEST_RUN = 32
# largest error of a combination, relative to the transmission, at any wavelength
TOLERANCE = 1e-12
# what a combination adds and takes away, relative to the transmission: its rounding grows with it
LARGEST_TERMS = 100
# runs that need more seldom have a skeleton at all: those where dust is opaque
LARGEST_SKELETON = 64


@dataclass(frozen=True)
class DustSkeleton:
    """Transmissions of dust cells, their skeleton in runs of wavelengths, and how it makes up all of them.

    Attributes
    ----------
    transmission : (nlam, ncell)
        Fraction of the light that passes.
    starts : (nrun + 1,) int64
        First wavelength of each run, and nlam.
    n_skeleton : (nrun,) int64
        Transmissions in the skeleton of each run; 0 where all are better taken one by one.
    skeleton : (n,)
        Run by run (wavelength, member), the transmissions in the skeleton.
    coefficients : (m,)
        Run by run (cell, member), of the members of the skeleton in each transmission.
    """

    transmission: Floats
    starts: Ints
    n_skeleton: Ints
    skeleton: Floats
    coefficients: Floats

    @property
    def arguments(self) -> tuple[NDArray[Any], ...]:
        """As the kernel takes them."""
        return self.transmission, self.starts, self.n_skeleton, self.skeleton, self.coefficients


def make_dust_skeleton(transmission: Floats) -> DustSkeleton:
    """Divide the wavelengths into runs and find the skeleton of each.

    Parameters
    ----------
    transmission : (ncell, nlam)
        Fraction of the light that passes each dust cell.

    Returns
    -------
    DustSkeleton
    """
    n_lam = transmission.shape[1]
    runs = [
        run
        for start in range(0, n_lam, LONGEST_RUN)
        for run in _divided(transmission, start, min(start + LONGEST_RUN, n_lam))
    ]
    by_wavelength = np.ascontiguousarray(transmission.T)
    skeleton = [by_wavelength[start:stop, members] for start, stop, members, _ in runs]
    return DustSkeleton(
        by_wavelength,
        np.array([run[0] for run in runs] + [n_lam], dtype=np.int64),
        np.array([len(run[2]) for run in runs], dtype=np.int64),
        np.concatenate([of_run.ravel() for of_run in skeleton]),
        np.concatenate([coefficients.ravel() for *_, coefficients in runs]),
    )


def whole_runs(wavelengths: slice, n_lam: int) -> slice:
    """Some of `n_lam` wavelengths and their neighbours, such that they make the same runs as all would."""
    stop = -(-wavelengths.stop // LONGEST_RUN) * LONGEST_RUN
    return slice(wavelengths.start // LONGEST_RUN * LONGEST_RUN, min(stop, n_lam))


def _divided(transmission: Floats, start: int, stop: int) -> list[tuple[int, int, Ints, Floats]]:
    """Runs (start, stop, members, coefficients) between two wavelengths, halved where the skeleton is large."""
    members, coefficients = _find_skeleton(transmission[:, start:stop])
    if not 0 < 2 * len(members) <= len(transmission) and stop - start >= 2 * SHORTEST_RUN:
        middle = (start + stop) // 2
        return _divided(transmission, start, middle) + _divided(transmission, middle, stop)
    return [(start, stop, members, coefficients)]


def _find_skeleton(transmission: Floats) -> tuple[Ints, Floats]:
    """Cells of the skeleton (n,) of transmissions (ncell, length), and their coefficients in each (ncell, n).

    There is none where few do not meet the tolerance, or would be more work than all transmissions. The next member is
    always the transmission that the others leave the farthest outside (a QR decomposition with pivots: Businger & Golub
    1965, Num. Math. 7, 269).
    """
    nothing = np.empty(0, dtype=np.int64), np.empty((len(transmission), 0))
    largest = transmission.max(axis=1, keepdims=True)
    if not np.all(largest > 0):
        return nothing
    scaled = transmission / largest
    remainder = scaled.copy()
    members: list[int] = []
    n_cells, length = transmission.shape
    # more of them cost as much, once combined, as all transmissions
    most = min(4 * n_cells // 5, n_cells * length // (n_cells + length), LARGEST_SKELETON)
    next_try = 1
    while len(members) < most:
        farthest = int(np.argmax(np.max(np.abs(remainder), axis=1)))
        distance = np.linalg.norm(remainder[farthest])
        if distance == 0:
            break
        members.append(farthest)
        direction = remainder[farthest] / distance
        for _ in range(2):
            remainder -= np.outer(remainder @ direction, direction)
        if len(members) >= next_try and np.all(np.abs(remainder) <= TOLERANCE / 4 * scaled):
            cells = np.array(sorted(members))
            coefficients = (
                np.linalg.lstsq(scaled[cells].T, scaled.T, rcond=None)[0].T * largest / largest[cells].T
            )
            coefficients[cells] = np.eye(len(cells))
            error = np.abs(coefficients @ transmission[cells] - transmission)
            stable = np.abs(coefficients) @ transmission[cells] <= LARGEST_TERMS * transmission
            if np.all((error <= TOLERANCE * transmission) & stable):
                return cells, coefficients
            # one more seldom helps, and a try costs more than many
            next_try = 5 * len(members) // 4 + 1
    return nothing
