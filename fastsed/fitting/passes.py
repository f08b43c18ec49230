"""Walks over the model grid: tiles and data in; each batch of tiles shown to every reducer of the pass.

A reducer boils the models down to what is asked for of each source: its best fit, those of its simulations, the
models nearly as good as the best, or all of them. `plan_passes` says which reducers share a walk, and so how many walks
there are; progress bars, `--check` and the pipeline read the plan and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, Protocol, Self

import numpy as np

from fastsed.arrays import Ints, Mask
from fastsed.fitting.observations import Observations
from fastsed.models.template_grid import TemplateGrid
from fastsed.models.tile import Tile

Progress = Callable[[int], None]
Product = Literal["best fit", "simulations", "delta chi2", "full grid", "posterior"]

# tiles whose models stay in the processor's cache while one source after another takes them
BATCH_BYTES = 512 << 10
# flags of the sources that take some tiles
FLAG_BYTES = 1 << 20
# memory for the simulations of the sources that are treated together
SIMULATION_BYTES = 32 << 20
BYTES_PER_SIMULATION = 32
# memory for the histograms of the sources whose posteriors are found together; one of them is seldom larger
HISTOGRAM_BYTES = 256 << 20
BYTES_PER_HISTOGRAM = 8 << 10


class Reducer(Protocol):
    """What the models of a pass boil down to, for each source."""

    def prepare(self, tiles: Sequence[Tile]) -> Any:
        """A batch of tiles as `update` takes it: what can be done once for all sources."""

    def update(self, batch: Any) -> None:
        """Take the models of a batch into account."""

    def merge(self, other: Self) -> None:
        """Take into account what `other` has seen: other models, the same sources.

        The result is the same as that of one reducer that has seen them all.
        """

    def result(self) -> Any:
        """What has been found; for the models seen so far."""


@dataclass(frozen=True)
class Requests:
    """What is to be found beside the best fits.

    Attributes
    ----------
    n_simulations : int
        Monte Carlo simulations of each source.
    delta_chi2 : float
        Models with chi2 - best below it are collected; 0 for none. Not together with simulations.
    full_grid : bool
        chi2 of every model at every redshift.
    posterior : int
        Properties that are described by their posteriors, beside the axes; -1 for no posteriors.
    """

    n_simulations: int = 0
    delta_chi2: float = 0.0
    full_grid: bool = False
    posterior: int = -1


@dataclass(frozen=True)
class Pass:
    """One walk over the tiles.

    Attributes
    ----------
    products : frozenset of {"best fit", "simulations", "delta chi2", "full grid", "posterior"}
        What it finds.
    rows : slice
        Sources whose simulations are fitted, or posteriors found; all of them for what else is found.
    n_models : int
        Models it goes through.
    best_first : bool
        Whether the redshifts of the best fits come first, which lets the simulations skip most of the others. The tiles
        are in memory then.
    """

    products: frozenset[Product]
    rows: slice
    n_models: int
    best_first: bool = False


@dataclass(frozen=True)
class Plan:
    """The passes of a fit, in order.

    Attributes
    ----------
    passes : tuple of Pass
    redshifts : (nz,) bool
        Which redshifts are walked over.
    """

    passes: tuple[Pass, ...]
    redshifts: Mask

    @property
    def n_models(self) -> int:
        """Models to go through, all passes together."""
        return sum(step.n_models for step in self.passes)


def plan_passes(requests: Requests, grid: TemplateGrid, data: Observations) -> Plan:
    """Decide which reducers share a pass.

    Tiles that stay in memory cost nothing to walk over again, and simulations and models nearly as good as the best are
    found faster once the best fits are known, these once posteriors are. Others are shown to all reducers when they are
    made.
    """
    redshifts = (
        np.ones(len(grid.axes.z), bool) if requests.full_grid else data.redshifts_needed(len(grid.axes.z))
    )
    n_models = grid.n_models_at(redshifts)
    kept = grid.keeps(redshifts)
    everyone = slice(0, data.n_sources)
    chunks = list(simulated_chunks(data.n_sources, requests.n_simulations)) if requests.n_simulations else []
    first: set[Product] = {"best fit"}
    later: list[Pass] = []
    if requests.full_grid:
        first.add("full grid")
    if len(chunks) == 1 and not kept:
        first.add("simulations")
    else:
        best_first = kept and len(grid.axes.z) > 1
        later += [Pass(frozenset({"simulations"}), rows, n_models, best_first) for rows in chunks]
    if requests.delta_chi2 and not requests.n_simulations:
        if kept:
            later.append(Pass(frozenset({"delta chi2"}), everyone, n_models))
        else:
            first.add("delta chi2")
    posteriors: list[Pass] = []
    if requests.posterior >= 0:
        parts = list(runs(everyone, posteriors_together(requests.posterior)))
        if len(parts) == 1 and not kept:
            first.add("posterior")
        else:
            posteriors = [Pass(frozenset({"posterior"}), rows, n_models) for rows in parts]
    return Plan((*posteriors, Pass(frozenset(first), everyone, n_models), *later), redshifts)


def simulated_chunks(n_sources: int, n_simulations: int) -> Iterator[slice]:
    """Runs of sources whose simulations fit into memory together."""
    size = max(1, SIMULATION_BYTES // (BYTES_PER_SIMULATION * n_simulations))
    return runs(slice(0, n_sources), size)


def posteriors_together(n_properties: int) -> int:
    """Number of sources whose posteriors fit into memory together."""
    return max(64, HISTOGRAM_BYTES // (BYTES_PER_HISTOGRAM * max(1, n_properties)))


def runs(rows: slice, size: int) -> Iterator[slice]:
    """Rows in runs of at most `size`."""
    for start in range(rows.start, rows.stop, size):
        yield slice(start, min(start + size, rows.stop))


def walk(
    grid: TemplateGrid,
    redshifts: Mask,
    reducers: Sequence[Reducer],
    n_sources: int,
    progress: Progress | None = None,
) -> None:
    """Show the models of some redshifts (nz,) to reducers, in the order given for each batch of tiles.

    Parameters
    ----------
    grid : TemplateGrid
    redshifts : (nz,) bool
    reducers : sequence of Reducer
    n_sources : int
        Largest number of sources that a reducer treats.
    progress : callable, optional
        Called with the number of models done after each batch.
    """
    for tiles in batches(grid.tiles(redshifts), n_sources):
        for reducer in reducers:
            reducer.update(reducer.prepare(tiles))
        if progress is not None:
            progress(sum(tile.n_models for tile in tiles))


class StagedReducer(Reducer, Protocol):
    """A reducer whose sources may take some tiles before the others."""

    def update(self, batch: Any, chosen: Mask | None = None) -> None:
        """Take a batch into account; with `chosen` (ntile, nsource) for some sources only."""

    def redshift_indices(self, batch: Any) -> Ints:
        """Index of the redshift of each tile of a batch, (ntile, 1)."""


def walk_best_first(
    grid: TemplateGrid,
    redshifts: Mask,
    reducer: StagedReducer,
    best_z: Ints,
    progress: Progress | None = None,
) -> None:
    """As `walk`, for tiles that stay in memory: each source takes those of its redshift index `best_z` first."""
    n_sources = len(best_z)
    batched = [reducer.prepare(tiles) for tiles in batches(grid.tiles(redshifts), n_sources)]
    everything = list(chain.from_iterable(batched))
    n_together = tiles_with_flags(n_sources)
    for start in range(0, len(everything), n_together):
        few = everything[start : start + n_together]
        reducer.update(few, best_z == reducer.redshift_indices(few))
    for batch in batched:
        reducer.update(batch, best_z != reducer.redshift_indices(batch))
        if progress is not None:
            progress(sum(prepared.tile.n_models for prepared in batch))


def batches(tiles: Iterable[Tile], n_sources: int) -> Iterator[list[Tile]]:
    """Tiles that about fit into the cache together, if so many sources leave memory for their flags."""
    most = tiles_with_flags(n_sources)
    batch: list[Tile] = []
    size = 0
    for tile in tiles:
        batch.append(tile)
        size += tile.flux.nbytes
        if size >= BATCH_BYTES or len(batch) == most:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def tiles_with_flags(n_sources: int) -> int:
    """Number of tiles whose flags of the sources are few enough to be held together."""
    return max(1, FLAG_BYTES // max(1, n_sources))


def redshift_indices(tiles: Sequence[Tile]) -> Ints:
    """Index of the redshift of each tile, (ntile, 1)."""
    return np.array([[tile.iz] for tile in tiles])
