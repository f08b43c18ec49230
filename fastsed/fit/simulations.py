"""Monte Carlo simulations: tiles, data and best fits in; the best model of every simulation of every source out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fastsed._ext.chi2 import simulate, simulation_parts
from fastsed.fit.engine import Fits, Progress, kernel_arguments
from fastsed.fit.groups import Groups, Pair, group_models, in_both_precisions
from fastsed.fit.observations import Observations
from fastsed.fit.projection import FEWEST_COLUMNS, Projector
from fastsed.models.grid import ModelGrid, Rows, Tile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class Noise:
    """The random numbers of a run, the same for every source: standard normals.

    Attributes
    ----------
    data : (nsim, ncolumn)
    log_lir : (nsim,)
        For logarithmic luminosities.
    """

    data: Floats
    log_lir: Floats


def draw_noise(n_simulations: int, rows: Rows, seed: int) -> Noise:
    """Random numbers of a run.

    They are those of FAST++ for its seed, 42: row by row the bands, the channels and the luminosity.

    Parameters
    ----------
    n_simulations : int
    rows : Rows
        Of the data columns.
    seed : int
    """
    n_bands = rows.n_photometry + rows.n_channels
    drawn = polar_normals(n_simulations * (n_bands + 1), seed).reshape(n_simulations, n_bands + 1)
    data = np.empty((n_simulations, rows.count))
    data[:, rows.bands] = drawn[:, :n_bands]
    data[:, rows.luminosities] = drawn[:, n_bands:]
    return Noise(data, np.ascontiguousarray(drawn[:, n_bands]))


def polar_normals(n: int, seed: int) -> Floats:
    """Standard normals (n,) from a Mersenne Twister by the polar method (Marsaglia & Bray 1964, SIAM Review 6, 260).

    Two 32-bit words, the low one first, make a uniform number; both normals of a pair are used, the second
    coordinate's first. This is what the C++ standard library of GCC does.
    """
    words = np.random.RandomState(seed)
    found = np.empty(0)
    while len(found) < n:
        raw = np.frombuffer(words.bytes(16 * (n - len(found)) + 64), dtype="<u4").astype(float)
        x, y = (2 * (raw[0::2] + raw[1::2] * 2.0**32) / 2.0**64 - 1).reshape(-1, 2).T
        square = x**2 + y**2
        inside = (square <= 1) & (square > 0)
        x, y, square = x[inside], y[inside], square[inside]
        factor = np.sqrt(-2 * np.log(square) / square)
        found = np.concatenate([found, np.stack([y * factor, x * factor], axis=1).ravel()])
    return found[:n]


@dataclass
class Simulations:
    """Best fits of the simulations of some sources, (nsource, nsim) each.

    Attributes
    ----------
    model : int64
        modelID; -1 where nothing could be fitted.
    chi2, scale, spec_scale : float64
    """

    model: Ints
    chi2: Floats
    scale: Floats
    spec_scale: Floats


def fit_simulations(
    grid: ModelGrid,
    data: Observations,
    fits: Fits,
    noise: Noise,
    rows: slice,
    prune: bool = True,
    progress: Progress | None = None,
) -> Simulations:
    """Fit every simulation of the sources `rows`.

    Each simulation is the weighted data plus one row of the noise; it takes its own best model, at any redshift
    of the source's window. Models that the unperturbed chi2 shows cannot win any simulation are skipped (exactly:
    the winners are those of the full search).

    Parameters
    ----------
    grid : ModelGrid
    data : Observations
    fits : Fits
        Of the unperturbed data: their redshifts are searched first, which makes the others quick.
    noise : Noise
    rows : slice
        Sources to simulate, with start and stop.
    prune : bool
        False tries every model on every simulation.
    progress : callable, optional
        Called with the number of models done after each tile.

    Returns
    -------
    Simulations
        Of the sources `rows`.
    """
    simulator = Simulator(grid, data, noise, rows, prune)
    n_z = len(grid.axes.z)
    wanted = data.wanted_redshifts(n_z)
    best_z = np.where(fits.model >= 0, fits.model // grid.axes.models_per_redshift, -1)[rows]
    tiles: Iterable[tuple[Tile, Groups | None]]
    if n_z > 1 and grid.keeps(wanted):
        tiles = _at_best_redshifts(simulator, list(grid.tiles(wanted)), best_z, grid.n_threads)
    else:
        best_z[:] = -1
        tiles = ((tile, simulator.groups(tile)) for tile in grid.tiles(wanted))
    for tile, groups in tiles:
        simulator.take(tile, groups, best_z != tile.iz)
        if progress is not None:
            progress(tile.n_models)
    return simulator.found()


def _at_best_redshifts(
    simulator: Simulator, tiles: list[Tile], best_z: Ints, n_threads: int
) -> list[tuple[Tile, Groups | None]]:
    """Fit each tile to the sources whose best redshift, `best_z` (nsource,), it has; the tiles with their groups.

    Redshifts are taken side by side in threads: no source has two.
    """
    at: defaultdict[int, list[int]] = defaultdict(list)
    for number, tile in enumerate(tiles):
        at[tile.iz].append(number)
    found: dict[int, Groups | None] = {}

    def take(numbers: list[int]) -> None:
        for number in numbers:
            tile = tiles[number]
            found[number] = simulator.groups(tile)
            simulator.take(tile, found[number], best_z == tile.iz, n_threads=1)

    if n_threads == 1:
        for numbers in at.values():
            take(numbers)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(take, at.values()))
    return [(tile, found[number]) for number, tile in enumerate(tiles)]


class Simulator:
    """The simulations of the sources `rows`, brought up to date tile by tile.

    Parameters are those of `fit_simulations`.
    """

    def __init__(self, grid: ModelGrid, data: Observations, noise: Noise, rows: slice, prune: bool = True):
        self._grid, self._data, self._rows, self._prune = grid, data, rows, prune
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

    def groups(self, tile: Tile) -> Groups | None:
        """The models of a tile in groups; None where each source has coordinates of its own."""
        if self._data.n_columns >= FEWEST_COLUMNS:
            return None
        return group_models(tile.flux[:, : tile.n_models])

    def take(
        self,
        tile: Tile,
        groups: Groups | None = None,
        chosen: NDArray[np.bool_] | None = None,
        n_threads: int | None = None,
    ) -> None:
        """Fit one tile, with its `groups`, to all sources that may take its redshift.

        With `chosen` (nsource,) only to those among them; on `n_threads` instead of those of the grid.
        """
        n_threads = n_threads or self._grid.n_threads
        allowed = (self._data.first_z[self._rows] <= tile.iz) & (tile.iz <= self._data.last_z[self._rows])
        active = self._rows.start + np.flatnonzero(allowed if chosen is None else allowed & chosen)
        if groups is None:
            active = self._take_projected(tile, active, n_threads)
        if len(active):
            groups = groups or group_models(tile.flux[:, : tile.n_models])
            self._simulate(tile, active, groups, self._noise_of_columns, n_threads)

    def _simulate(
        self,
        tile: Tile,
        active: Ints,
        groups: Groups,
        noise: Pair,
        n_threads: int,
        coordinates: tuple[object, ...] | None = None,
    ) -> None:
        simulate(
            *kernel_arguments(self._grid, self._data, tile),
            active,
            self._rows.start,
            self._noise,
            self._log_noise,
            self._chi2,
            self._scale,
            self._spec_scale,
            self._order,
            self._reach2,
            (*groups.rows, *groups.centres, groups.scale, groups.place),
            noise,
            coordinates,
            self._prune,
            n_threads,
        )

    def _take_projected(self, tile: Tile, active: Ints, n_threads: int) -> Ints:
        """Fit one tile to sources in coordinates of the models as each sees them; those where it is not worth it."""
        if len(active) < 2 or n_threads == 1:
            worth_it = [self._project_and_simulate(tile, int(row), n_threads) for row in active]
        else:
            with ThreadPoolExecutor(n_threads) as pool:
                worth_it = list(pool.map(lambda row: self._project_and_simulate(tile, int(row), 1), active))
        return active[~np.array(worth_it, dtype=bool)]

    def _project_and_simulate(self, tile: Tile, row: int, n_threads: int) -> bool:
        """Fit one tile to one source in such coordinates; whether that is worth it."""
        data = self._data
        if data.own_spec_scale[row]:
            return False
        value = data.value[row]
        variance = data.variance[row] + (data.template_error[tile.iz] * value) ** 2
        root_weight = 1 / np.sqrt(variance)
        if row not in self._noise_power:
            self._noise_power[row] = (root_weight > 0) @ self._noise_rows**2
        found = self._projectors[row].project(
            tile, root_weight, value, self._noise_rows, self._noise_power[row]
        )
        if found is None:
            return False
        groups = group_models(found.models[:, : tile.n_models], equal_axes=True)
        coordinates = (found.data, found.total, found.slack)
        noise = in_both_precisions(found.noise)
        self._simulate(tile, np.array([row]), groups, noise, n_threads, coordinates)
        return True

    def found(self) -> Simulations:
        """The best fits, in the order in which the noise was drawn."""
        as_drawn = np.argsort(self._place)
        order, chi2, scale, spec_scale = (
            values[:, as_drawn] for values in (self._order, self._chi2, self._scale, self._spec_scale)
        )
        return Simulations(self._grid.axes.models_of_tie_order(order), chi2, scale, spec_scale)
