"""Screens run by run of wavelengths: transmissions of many screens in, the few that make up all others out.

Through a short run of wavelengths all depths of one attenuation law dim the light by nearly the same curve. Some of the
screens, the nodes, are then enough: each of the others is a mixture of them, and so are the fluxes behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats, Ints

# wavelengths of a run: their spectra stay in the cache while every band takes its share of them
LONGEST_RUN = 256
# shorter runs are not worth a mixture
SHORTEST_RUN = 32
# largest error of a mixture, relative to the screen, at any wavelength
TOLERANCE = 1e-12
# what a mixture adds and takes away, relative to the screen: its rounding grows with it
LARGEST_TERMS = 100
# runs that need more seldom have any: those where screens are opaque
MOST_NODES = 64


@dataclass(frozen=True)
class ScreenRuns:
    """Screens, their nodes in runs of wavelengths, and how these make up all screens.

    Attributes
    ----------
    passed : (nlam, nscreen)
        Fraction of the light that passes.
    starts : (nrun + 1,) int64
        First wavelength of each run, and nlam.
    n_nodes : (nrun,) int64
        0 where the screens are better taken one by one.
    nodes : (n,)
        Run by run (wavelength, node), the fraction that passes the nodes.
    mixtures : (m,)
        Run by run (screen, node), the shares of the nodes in each screen.
    """

    passed: Floats
    starts: Ints
    n_nodes: Ints
    nodes: Floats
    mixtures: Floats

    @property
    def arguments(self) -> tuple[NDArray[Any], ...]:
        """As the kernel takes them."""
        return self.passed, self.starts, self.n_nodes, self.nodes, self.mixtures


def make_screen_runs(passed: Floats) -> ScreenRuns:
    """Divide the wavelengths into runs and find their nodes.

    Parameters
    ----------
    passed : (nscreen, nlam)
        Fraction of the light that passes each screen.

    Returns
    -------
    ScreenRuns
    """
    n_lam = passed.shape[1]
    runs = [
        run
        for start in range(0, n_lam, LONGEST_RUN)
        for run in _divided(passed, start, min(start + LONGEST_RUN, n_lam))
    ]
    by_wavelength = np.ascontiguousarray(passed.T)
    nodes = [by_wavelength[start:stop, chosen] for start, stop, chosen, _ in runs]
    return ScreenRuns(
        by_wavelength,
        np.array([run[0] for run in runs] + [n_lam], dtype=np.int64),
        np.array([len(run[2]) for run in runs], dtype=np.int64),
        np.concatenate([one.ravel() for one in nodes]),
        np.concatenate([mixture.ravel() for *_, mixture in runs]),
    )


def whole_runs(wavelengths: slice, n_lam: int) -> slice:
    """Some of `n_lam` wavelengths and their neighbours, such that they make the same runs as all would."""
    stop = -(-wavelengths.stop // LONGEST_RUN) * LONGEST_RUN
    return slice(wavelengths.start // LONGEST_RUN * LONGEST_RUN, min(stop, n_lam))


def _divided(passed: Floats, start: int, stop: int) -> list[tuple[int, int, Ints, Floats]]:
    """Runs (start, stop, nodes, mixture) between two wavelengths, halved where they need many nodes."""
    chosen, mixture = _find_nodes(passed[:, start:stop])
    if not 0 < 2 * len(chosen) <= len(passed) and stop - start >= 2 * SHORTEST_RUN:
        middle = (start + stop) // 2
        return _divided(passed, start, middle) + _divided(passed, middle, stop)
    return [(start, stop, chosen, mixture)]


def _find_nodes(passed: Floats) -> tuple[Ints, Floats]:
    """Numbers of the nodes (n,) of screens (nscreen, length), and their shares in each screen (nscreen, n).

    There are none where few do not meet the tolerance, or would be more work than all screens. The next node is always
    the screen that the others leave the farthest outside (a QR decomposition with pivots: Businger & Golub 1965, Num.
    Math. 7, 269).
    """
    nothing = np.empty(0, dtype=np.int64), np.empty((len(passed), 0))
    largest = passed.max(axis=1, keepdims=True)
    if not np.all(largest > 0):
        return nothing
    scaled = passed / largest
    left = scaled.copy()
    chosen: list[int] = []
    n_screen, length = passed.shape
    # more of them cost as much, once mixed, as all screens
    most = min(4 * n_screen // 5, n_screen * length // (n_screen + length), MOST_NODES)
    next_try = 1
    while len(chosen) < most:
        farthest = int(np.argmax(np.max(np.abs(left), axis=1)))
        distance = np.linalg.norm(left[farthest])
        if distance == 0:
            break
        chosen.append(farthest)
        direction = left[farthest] / distance
        for _ in range(2):
            left -= np.outer(left @ direction, direction)
        if len(chosen) >= next_try and np.all(np.abs(left) <= TOLERANCE / 4 * scaled):
            numbers = np.array(sorted(chosen))
            shares = np.linalg.lstsq(scaled[numbers].T, scaled.T, rcond=None)[0].T
            mixture = shares * largest / largest[numbers].T
            mixture[numbers] = np.eye(len(numbers))
            exact = np.abs(mixture @ passed[numbers] - passed) <= TOLERANCE * passed
            stable = np.abs(mixture) @ passed[numbers] <= LARGEST_TERMS * passed
            if np.all(exact & stable):
                return numbers, mixture
            # one more seldom helps, and a try costs more than many
            next_try = 5 * len(chosen) // 4 + 1
    return nothing
