"""Monte Carlo simulations: tiles, data and best fits in; the best model of every simulation of every source out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastsed._ext.chi2 import simulate, simulation_parts
from fastsed.fit.engine import Fits, Progress, kernel_arguments
from fastsed.fit.observations import Observations
from fastsed.fit.projection import FEWEST_COLUMNS, project
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
    sweeps = 2 if n_z > 1 and grid.keeps(wanted) else 1
    for sweep in range(sweeps):
        for tile in grid.tiles(wanted):
            chosen = (best_z == tile.iz) == (sweep == 0) if sweeps == 2 else None
            simulator.take(tile, chosen)
            if progress is not None and sweep == sweeps - 1:
                progress(tile.n_models)
        simulator.sort()
    return simulator.found()


class Simulator:
    """The simulations of the sources `rows`, brought up to date tile by tile.

    Parameters are those of `fit_simulations`.
    """

    def __init__(self, grid: ModelGrid, data: Observations, noise: Noise, rows: slice, prune: bool = True):
        self._grid, self._data, self._noise, self._rows, self._prune = grid, data, noise, rows, prune
        shape = (rows.stop - rows.start, len(noise.data))
        self._noise_rows = np.ascontiguousarray(noise.data.T)
        self._noise_power: dict[int, Floats] = {}
        self._norm = np.sqrt(np.sum(noise.data**2, axis=1))
        self._draws = np.tile(np.argsort(self._norm, kind="stable").astype(np.int32), (shape[0], 1))
        self._chi2, self._scale, self._spec_scale = (np.full(shape, np.nan) for _ in range(3))
        self._order = np.full(shape, -1, dtype=np.int64)
        self._reach2 = np.full((shape[0], simulation_parts(shape[1])), np.inf)

    def take(self, tile: Tile, chosen: NDArray[np.bool_] | None = None) -> None:
        """Fit one tile, to all sources that may take its redshift or to those `chosen` (nsource,) among them."""
        allowed = (self._data.first_z[self._rows] <= tile.iz) & (tile.iz <= self._data.last_z[self._rows])
        active = self._rows.start + np.flatnonzero(allowed if chosen is None else allowed & chosen)
        if self._data.n_columns < FEWEST_COLUMNS:
            self._simulate(tile, active, None)
            return
        for row in active:
            self._simulate(tile, np.array([row]), self._space(tile, int(row)))

    def _simulate(self, tile: Tile, active: Ints, space: object) -> None:
        simulate(
            *kernel_arguments(self._grid, self._data, tile),
            active,
            self._rows.start,
            self._noise.data,
            self._noise_rows,
            self._noise.log_lir,
            self._draws,
            self._chi2,
            self._scale,
            self._spec_scale,
            self._order,
            self._reach2,
            space,
            self._prune,
            self._grid.n_threads,
        )

    def _space(self, tile: Tile, row: int) -> object:
        """Coordinates of the tile's models as one source sees them; None to take the data columns themselves."""
        data = self._data
        if data.own_spec_scale[row]:
            return None
        value = data.value[row]
        variance = data.variance[row] + (data.template_error[tile.iz] * value) ** 2
        root_weight = 1 / np.sqrt(variance)
        if row not in self._noise_power:
            self._noise_power[row] = (root_weight > 0) @ self._noise_rows**2
        found = project(tile.flux, root_weight, value, self._noise_rows, self._noise_power[row])
        return None if found is None else (found.models, found.data, found.noise, found.total, found.slack)

    def sort(self) -> None:
        """Put simulations side by side that models at the same distance may win: it makes the pruning sharp."""
        reach = np.sqrt(self._chi2) + self._norm[self._draws]
        place = np.argsort(reach, axis=1, kind="stable")
        kept = (self._draws, self._chi2, self._scale, self._spec_scale, self._order)
        self._draws, self._chi2, self._scale, self._spec_scale, self._order = (
            np.ascontiguousarray(np.take_along_axis(values, place, axis=1)) for values in kept
        )
        self._reach2[:] = np.inf

    def found(self) -> Simulations:
        """The best fits, in the order in which the noise was drawn."""
        as_drawn = np.argsort(self._draws, axis=1)
        order, chi2, scale, spec_scale = (
            np.take_along_axis(values, as_drawn, axis=1)
            for values in (self._order, self._chi2, self._scale, self._spec_scale)
        )
        return Simulations(self._grid.axes.models_of_tie_order(order), chi2, scale, spec_scale)
