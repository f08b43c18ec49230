"""Models for artificial star tests: a grid of models in; distinct rows that cover its fluxes, or ages, out.

Every model gets a random number from the seed. Of each group (a bin of magnitude in a band, or an age) those with the
smallest numbers are candidates, so that one pass over the grid suffices, in memory that does not grow with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.models.stars.isochrones import FAINTEST
from fastsed.survey.sed_grid import SedGrid

Rows = NDArray[np.int64]
Limits = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class MagnitudeLimits:
    """Which models count.

    Attributes
    ----------
    brightest, faintest : float64 (n_filters,)
        Vega magnitudes, both excluded; infinite where there is no limit.
    n_inside : int
        Bands that must be within their limits; 0: no limits at all.
    """

    brightest: Floats
    faintest: Floats
    n_inside: int

    @classmethod
    def none(cls, n_filters: int) -> MagnitudeLimits:
        """No limits."""
        return cls(np.full(n_filters, -np.inf), np.full(n_filters, np.inf), 0)

    def inside(self, magnitudes: Floats) -> NDArray[np.bool_]:
        """Whether models (n, n_filters) count."""
        within = (magnitudes > self.brightest) & (magnitudes < self.faintest)
        return np.asarray(within.sum(axis=1) >= self.n_inside)


@dataclass(frozen=True)
class GridMagnitudes:
    """Vega magnitudes of the models of a grid, read block by block.

    Attributes
    ----------
    grid : SedGrid
    columns : int (n_filters,)
        Columns of the fluxes to use.
    vega : float64 (n_filters,)
        Flux of Vega [erg/s/cm2/Angstrom].
    limits : MagnitudeLimits
    seed : int
    """

    grid: SedGrid
    columns: NDArray[np.intp]
    vega: Floats
    limits: MagnitudeLimits
    seed: int

    def blocks(self) -> Iterator[tuple[Rows, Floats, Floats]]:
        """Row numbers, magnitudes and random numbers of the models that count (logL > -9, a flux in every band)."""
        random = np.random.default_rng(self.seed)
        for rows in self.grid.blocks():
            flux = self.grid.read_seds(rows)[:, self.columns]
            keys = random.random(len(flux))
            positive = (flux > 0.0).all(axis=1) & np.isfinite(flux).all(axis=1)
            if "logL" in self.grid.columns:
                positive &= self.grid.read_columns(["logL"], rows)["logL"] > FAINTEST
            magnitudes = -2.5 * np.log10(flux[positive] / self.vega)
            inside = self.limits.inside(magnitudes)
            yield (
                np.arange(rows.start, rows.stop)[positive][inside],
                magnitudes[inside],
                keys[positive][inside],
            )

    def magnitudes_of(self, chosen: Rows) -> Floats:
        """Magnitudes of some rows (ascending)."""
        parts = []
        for rows in self.grid.blocks():
            first, last = np.searchsorted(chosen, [rows.start, rows.stop])
            if last > first:
                flux = self.grid.read_seds(rows)[chosen[first:last] - rows.start][:, self.columns]
                parts.append(-2.5 * np.log10(flux / self.vega))
        return np.concatenate(parts)


@dataclass(frozen=True)
class FluxBins:
    """Models chosen to cover all bins of magnitude.

    Attributes
    ----------
    rows : int64 (n,)
        Rows of the grid, ascending, distinct.
    magnitudes : float64 (n, n_filters)
    edges : float64 (n_bins + 1, n_filters)
    counts : int64 (n_bins, n_filters)
        Chosen models in each bin.
    """

    rows: Rows
    magnitudes: Floats
    edges: Floats
    counts: NDArray[np.int64]


def choose_by_flux_bins(models: GridMagnitudes, n_bins: int, n_per_bin: int) -> FluxBins:
    """At least `n_per_bin` models, or all there are, in each of `n_bins` equal bins of magnitude of each band.

    Raises
    ------
    InputError
        If no model is within the limits.
    """
    n_filters = len(models.vega)
    low, high = np.full(n_filters, np.inf), np.full(n_filters, -np.inf)
    for _, magnitudes, _ in models.blocks():
        low = np.minimum(low, magnitudes.min(axis=0, initial=np.inf))
        high = np.maximum(high, magnitudes.max(axis=0, initial=-np.inf))
    if not np.isfinite(low).all():
        raise InputError("no model of the grid is within the limits of magnitude", models.grid.path)
    edges = np.linspace(low, high, n_bins + 1)
    best = _Smallest(n_bins * n_filters, n_per_bin)
    for rows, magnitudes, keys in models.blocks():
        codes = _bins_of(magnitudes, edges) + n_bins * np.arange(n_filters)
        for k in range(n_filters):
            best.add(codes[:, k], rows, keys)
    rows = best.rows()
    magnitudes = models.magnitudes_of(rows)
    codes = _bins_of(magnitudes, edges) + n_bins * np.arange(n_filters)
    chosen = _fewest(best, np.searchsorted(rows, best.row), codes, n_per_bin)
    rows, magnitudes, codes = rows[chosen], magnitudes[chosen], codes[chosen]
    counts = np.bincount(codes.ravel(), minlength=n_bins * n_filters).reshape(n_filters, n_bins).T
    return FluxBins(rows, magnitudes, edges, counts)


def _bins_of(magnitudes: Floats, edges: Floats) -> NDArray[np.int64]:
    """Bin of each magnitude (n, n_filters)."""
    last = len(edges) - 2
    bins = [np.clip(np.digitize(magnitudes[:, k], edges[1:, k]), 0, last) for k in range(edges.shape[1])]
    return np.column_stack(bins).astype(np.int64)


def _fewest(best: _Smallest, position: Rows, codes: NDArray[np.int64], n_per_bin: int) -> NDArray[np.bool_]:
    """Which candidates to take, the emptiest bins first; one that another bin has taken counts for all its bins."""
    taken = np.zeros(len(codes), dtype=bool)
    counts = np.zeros(best.n_groups, dtype=np.int64)
    sizes = np.bincount(best.group, minlength=best.n_groups)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    for group in np.argsort(sizes, kind="stable"):
        for candidate in position[starts[group] : starts[group + 1]]:
            if counts[group] >= n_per_bin:
                break
            if not taken[candidate]:
                taken[candidate] = True
                counts[codes[candidate]] += 1
    return taken


class _Smallest:
    """Of each group, the rows with the smallest keys; ties by row."""

    def __init__(self, n_groups: int, n_each: int):
        self.n_groups, self._n_each = n_groups, n_each
        self.group, self.row = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        self._key = np.zeros(0)

    def add(self, group: NDArray[np.int64], row: Rows, key: Floats) -> None:
        """Consider more rows. The groups are kept sorted."""
        group, row, key = (
            np.concatenate([old, new])
            for old, new in ((self.group, group), (self.row, row), (self._key, key))
        )
        order = np.lexsort([row, key, group])
        group = group[order]
        rank = np.arange(len(group)) - np.searchsorted(group, group)
        order = order[rank < self._n_each]
        self.group, self.row, self._key = group[rank < self._n_each], row[order], key[order]

    def rows(self) -> Rows:
        """All rows that are left, ascending and distinct."""
        return np.unique(self.row)


def choose_by_age(models: GridMagnitudes, n_per_age: int) -> Rows:
    """`n_per_age` models, or all there are, of each age of the grid (column logA).

    Returns
    -------
    int64 (n,)
        Rows of the grid, ascending, distinct.

    Raises
    ------
    InputError
        If no model is within the limits.
    """
    ages: dict[float, int] = {}
    best = _Smallest(0, n_per_age)
    for rows, _, keys in models.blocks():
        if len(rows):
            block = slice(int(rows[0]), int(rows[-1]) + 1)
            values = models.grid.read_columns(["logA"], block)["logA"][rows - rows[0]]
            distinct, which = np.unique(values, return_inverse=True)
            numbers = np.array([ages.setdefault(float(value), len(ages)) for value in distinct])
            best.add(numbers[which], rows, keys)
    if not len(best.row):
        raise InputError("no model of the grid is within the limits of magnitude", models.grid.path)
    return best.rows()


def choose_supplement(
    models: GridMagnitudes,
    n: int,
    colours: Mapping[tuple[int, int], tuple[float, float]],
    existing: set[tuple[str, ...]],
    existing_rows: Rows,
) -> Rows:
    """Up to `n` models within limits of magnitude and colour that an earlier list does not have.

    Parameters
    ----------
    models : GridMagnitudes
    n : int
    colours : mapping
        (band, other band): lowest and highest difference of their magnitudes.
    existing : set
        Magnitudes of the earlier list, as its texts.
    existing_rows : int64
        Its rows of the grid, where they are known.

    Raises
    ------
    InputError
        If no model is left.
    """
    best = _Smallest(1, n)
    for rows, magnitudes, keys in models.blocks():
        keep = ~np.isin(rows, existing_rows)
        for (a, b), (low, high) in colours.items():
            colour = magnitudes[:, a] - magnitudes[:, b]
            keep &= (colour > low) & (colour < high)
        if existing:
            keep[keep] = [row not in existing for row in magnitude_texts(magnitudes[keep])]
        best.add(np.zeros(int(keep.sum()), dtype=np.int64), rows[keep], keys[keep])
    if not len(best.row):
        raise InputError(
            "no model of the grid is within the limits and not in the list already", models.grid.path
        )
    return best.rows()


def magnitude_texts(magnitudes: Floats) -> list[tuple[str, ...]]:
    """Magnitudes (n, n_filters) as the list of artificial stars has them."""
    return [tuple(f"{value:.5f}" for value in row) for row in magnitudes]
