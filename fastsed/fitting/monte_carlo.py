"""Monte Carlo simulations: tiles, data and best fits in; the best model of every simulation of every source out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fastsed._ext.simulate import simulate, simulation_parts
from fastsed._ext.views import SpaceView, TileView
from fastsed.arrays import Floats, Ints, Mask
from fastsed.fitting.groups import Pair, group_models, group_sets, in_both_precisions
from fastsed.fitting.kernel_views import data_view, tile_view
from fastsed.fitting.noise import Noise
from fastsed.fitting.observations import Observations
from fastsed.fitting.passes import redshift_indices
from fastsed.fitting.projection import FEWEST_COLUMNS, Projector
from fastsed.models.template_grid import TemplateGrid
from fastsed.models.tile import Tile


@dataclass
class Simulations:
    """Best fits of the simulations of some sources, (nsource, nsim) each.

    Attributes
    ----------
    model : int64
        modelID; -1 where nothing could be fitted.
    indices : tuple of int64
        Place of each model along each axis; -1 likewise.
    chi2, scale, spec_scale : float64
    """

    model: Ints
    indices: tuple[Ints, ...]
    chi2: Floats
    scale: Floats
    spec_scale: Floats


def rounding_of_chi2(chi2: Floats, total: Floats) -> Floats:
    """Two chi2 closer than this tie: the rule of the kernels (`rounding_of` in chi2_exact.h)."""
    return 1e-13 * (chi2 + np.sqrt(chi2 * total)) + 1e-26 * total


@dataclass(frozen=True)
class PreparedTile:
    """A tile, and its models as the kernel wants them.

    Attributes
    ----------
    tile : Tile
    view : TileView
    space : SpaceView or None
        None where each source has coordinates of its own.
    """

    tile: Tile
    view: TileView
    space: SpaceView | None


class MonteCarlo:
    """Reducer: the best fits of the simulations of the sources `rows`.

    Each simulation is the weighted data plus one row of the noise; it takes its own best model, at any redshift
    of the source's window. Models that the unperturbed chi2 shows cannot win any simulation are skipped (exactly:
    the winners are those of the full search).

    Parameters
    ----------
    grid : TemplateGrid
    data : Observations
    noise : Noise
    rows : slice
        Sources to simulate, with start and stop.
    prune : bool
        False tries every model on every simulation.
    """

    def __init__(self, grid: TemplateGrid, data: Observations, noise: Noise, rows: slice, prune: bool = True):
        self._grid, self._data, self._rows, self._prune = grid, data, rows, prune
        self._data_view = data_view(data)
        shape = (rows.stop - rows.start, len(noise.data))
        # simulations of similar length share their bounds
        self._place = np.argsort(np.sum(noise.data**2, axis=1), kind="stable")
        self._noise = np.ascontiguousarray(noise.data[self._place])
        self._log_noise = np.ascontiguousarray(noise.log_lir[self._place])
        self._noise_rows = np.ascontiguousarray(self._noise.T)
        self._noise_power: dict[int, Floats] = {}
        self._projectors: defaultdict[int, Projector] = defaultdict(Projector)
        self._chi2, self._scale, self._spec_scale = (np.full(shape, np.nan) for _ in range(3))
        self._order = np.full(shape, -1, dtype=np.int64)
        self._reach2 = np.full((shape[0], simulation_parts(shape[1])), np.inf)

    @cached_property
    def _noise_of_columns(self) -> Pair:
        """The noise, where the data columns themselves are the coordinates."""
        return in_both_precisions(self._noise_rows)

    def prepare(self, tiles: Sequence[Tile]) -> list[PreparedTile]:
        """Tiles with their models in groups, which the kernel bounds together."""
        spaces: list[SpaceView | None] = [None] * len(tiles)
        if self._data.n_columns < FEWEST_COLUMNS:
            spaces = [*self._spaces_of_columns(tiles)]
        views = [tile_view(self._grid, tile) for tile in tiles]
        return [PreparedTile(*one) for one in zip(tiles, views, spaces, strict=True)]

    def _spaces_of_columns(self, tiles: Sequence[Tile]) -> list[SpaceView]:
        """The models of tiles, where the data columns themselves are the coordinates."""
        groups = group_sets([tile.flux[:, : tile.n_models] for tile in tiles], self._grid.n_threads)
        return [SpaceView(g.rows, g.centres, g.scale, g.position, self._noise_of_columns) for g in groups]

    def redshift_indices(self, batch: Sequence[PreparedTile]) -> Ints:
        """Index of the redshift of each tile of a batch, (ntile, 1)."""
        return redshift_indices([prepared.tile for prepared in batch])

    def update(self, tiles: Sequence[PreparedTile], chosen: Mask | None = None) -> None:
        """Fit a batch to all sources that may take its redshifts; with `chosen` (ntile, nsource) to some of them."""
        iz = self.redshift_indices(tiles)
        in_window = (self._data.first_z[self._rows] <= iz) & (iz <= self._data.last_z[self._rows])
        if chosen is not None:
            in_window &= chosen
        for prepared, sources in zip(tiles, in_window, strict=True):
            if prepared.space is None:
                self._take_projected(prepared, sources)
        left = [int(k) for k in np.flatnonzero(in_window.any(axis=1))]
        views = [tiles[k].view for k in left]
        spaces = [tiles[k].space or self._spaces_of_columns([tiles[k].tile])[0] for k in left]
        self._simulate(views, spaces, in_window[left], self._grid.n_threads)

    def _simulate(self, tiles: list[TileView], spaces: list[SpaceView], chosen: Mask, n_threads: int) -> None:
        simulate(
            tiles,
            self._data_view,
            spaces,
            chosen.view(np.uint8),
            self._rows.start,
            self._noise,
            self._log_noise,
            self._chi2,
            self._scale,
            self._spec_scale,
            self._order,
            self._reach2,
            self._prune,
            n_threads,
        )

    def _take_projected(self, prepared: PreparedTile, sources: Mask) -> None:
        """Fit a tile to sources (nsource,) in coordinates of the models as each sees them.

        Those where it is not worth it are left in `sources`.
        """
        n_threads = self._grid.n_threads
        active = [int(source_index) for source_index in np.flatnonzero(sources)]
        if len(active) < 2 or n_threads == 1:
            worth_it = [
                self._project_and_simulate(prepared, source_index, n_threads) for source_index in active
            ]
        else:
            with ThreadPoolExecutor(n_threads) as pool:
                worth_it = list(
                    pool.map(
                        lambda source_index: self._project_and_simulate(prepared, source_index, 1), active
                    )
                )
        sources[active] = ~np.array(worth_it, dtype=bool)

    def _project_and_simulate(self, prepared: PreparedTile, source_index: int, n_threads: int) -> bool:
        """Fit one tile to the source at a place among those simulated in such coordinates; whether that is worth it."""
        data, tile, row = self._data, prepared.tile, self._rows.start + source_index
        if data.own_spec_scale[row]:
            return False
        value = data.value[row]
        variance = data.variance[row] + (data.template_error[tile.iz] * value) ** 2
        root_weight = 1 / np.sqrt(variance)
        if row not in self._noise_power:
            self._noise_power[row] = (root_weight > 0) @ self._noise_rows**2
        results = self._projectors[row].project(
            tile, root_weight, value, self._noise_rows, self._noise_power[row]
        )
        if results is None:
            return False
        groups = group_models(results.models[:, : tile.n_models], equal_axes=True)
        noise = in_both_precisions(results.noise)
        space = SpaceView(
            groups.rows,
            groups.centres,
            groups.scale,
            groups.position,
            noise,
            results.data,
            results.total,
            results.slack,
        )
        chosen = np.zeros((1, len(self._chi2)), dtype=bool)
        chosen[0, source_index] = True
        self._simulate([prepared.view], [space], chosen, n_threads)
        return True

    def merge(self, other: MonteCarlo) -> None:
        """Take the best fits of another part of the grid where they are better."""
        for i in range(len(self._chi2)):
            tolerance = rounding_of_chi2(self._chi2[i], self._simulated_power(i, other._order[i]))
            ties = (other._chi2[i] <= self._chi2[i] + tolerance) & (other._order[i] < self._order[i])
            better = other._chi2[i] < self._chi2[i] - tolerance
            taken = (other._order[i] >= 0) & ((self._order[i] < 0) | better | ties)
            for mine, theirs in zip(self._fits(), other._fits(), strict=True):
                mine[i, taken] = theirs[i, taken]

    def _fits(self) -> tuple[Floats, Floats, Floats, Ints]:
        """The best fits so far, (nsource, nsim) each; simulations in the order of their length."""
        return self._chi2, self._scale, self._spec_scale, self._order

    def _simulated_power(self, i: int, order: Ints) -> Floats:
        """Sum of the squares of the simulated data (nsim,) of the i-th source, at the redshifts of `order`."""
        data, row = self._data, self._rows.start + i
        iz = np.maximum(order, 0) % len(self._grid.axes.z)
        value = data.value[row]
        variance = data.variance[row] + (data.template_error[iz] * value) ** 2
        simulated = value / np.sqrt(variance) + self._noise
        lengths: Floats = np.sum(np.where(np.isfinite(variance), simulated, 0.0) ** 2, axis=1)
        return lengths

    def result(self, rows: slice | None = None) -> Simulations:
        """The best fits, in the order in which the noise was drawn: of all sources, or of some rows of the data."""
        mine = slice(None)
        if rows is not None:
            mine = slice(rows.start - self._rows.start, rows.stop - self._rows.start)
        as_drawn = np.argsort(self._place)
        order, chi2, scale, spec_scale = (
            np.take(values[mine], as_drawn, axis=1)
            for values in (self._order, self._chi2, self._scale, self._spec_scale)
        )
        model, indices = self._grid.axes.models_of_tie_order(order, self._grid.n_threads)
        return Simulations(model, indices, chi2, scale, spec_scale)
