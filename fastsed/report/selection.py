"""Which sources a report shows: a catalogue in; rows of the best, the worst, those at edges and a sample out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastsed.arrays import Mask
from fastsed.report.catalogue import Catalogue
from fastsed.verdict.fits import USUAL_EDGES

# of the random sample
_SEED = 1


@dataclass(frozen=True)
class Group:
    """Some sources, and why these.

    Attributes
    ----------
    heading, why : str
    rows : tuple of int
    """

    heading: str
    why: str
    rows: tuple[int, ...]


def groups_of(catalogue: Catalogue, n: int) -> list[Group]:
    """At most `n` sources each: smallest chi2, largest chi2, at an edge of the grid, at random; none twice.

    Parameters
    ----------
    catalogue : Catalogue
        With the column chi2.
    n : int
    """
    fitted = np.flatnonzero(catalogue.fitted)
    if "chi2" not in catalogue.columns or not len(fitted) or n < 1:
        return []
    order = fitted[np.argsort(catalogue.columns["chi2"][fitted], kind="stable")]
    shuffled = np.random.default_rng(_SEED).permutation(fitted)
    edge = _at_unusual_edge(catalogue)
    taken: set[int] = set()
    groups = []
    for heading, why, rows in (
        ("Best fits", "The smallest reduced chi2.", order),
        ("Worst fits", "The largest reduced chi2.", order[::-1]),
        (
            "At an edge of the grid",
            f"A sample of the {int(edge.sum())} sources whose best model is at an end of an axis; no dust, the oldest "
            "age and the shortest history do not count.",
            shuffled[edge[shuffled]],
        ),
        ("Random sample", f"Of all {len(fitted)} fitted sources.", shuffled),
    ):
        chosen = [row for row in rows.tolist() if row not in taken][:n]
        taken.update(chosen)
        if chosen:
            groups.append(Group(heading, why, tuple(chosen)))
    return groups


def _at_unusual_edge(catalogue: Catalogue) -> Mask:
    """Sources at an end of an axis at which few are expected, (nsource,); known redshifts lie where they lie."""
    chosen = np.zeros(len(catalogue), dtype=bool)
    for name, (low, high) in catalogue.at_edge().items():
        if name in ("z", "metal"):
            continue
        for side, mask in (("MIN", low), ("MAX", high)):
            if (name, side) not in USUAL_EDGES:
                chosen |= mask
    return chosen
