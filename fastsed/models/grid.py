"""The model grid as tiles: parameters in; band fluxes of one redshift and a block of populations at a time out."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from threading import Lock

import numpy as np

from fastsed._ext.photometry import BandWindows
from fastsed.aligned import PADDING, aligned_rows
from fastsed.arrays import Floats, Ints, Mask
from fastsed.config.models import ModelOptions
from fastsed.errors import InputError
from fastsed.inputs.filters import Response, read_filters
from fastsed.models.attenuation import attenuation_curve
from fastsed.models.axes import Axes, power_of_ten
from fastsed.models.cache import ModelCache
from fastsed.models.cosmology import Cosmology
from fastsed.models.custom import CustomPopulations
from fastsed.models.exclusion import Exclusion
from fastsed.models.igm import igm_transmission
from fastsed.models.indices import Index, read_indices, window_weights
from fastsed.models.photometry import rest_magnitude_weights
from fastsed.models.populations import Basis, GriddedPopulations, Populations
from fastsed.models.sfh import years
from fastsed.models.tables import (
    DustTransmission,
    FluxTables,
    RestTables,
    make_dust_transmission,
    make_rest_tables,
)
from fastsed.models.tile import Rows, Tile

log = logging.getLogger(__name__)


# a tile of fluxes aims at this many bytes
TILE_BYTES = 8 << 20
# flux tables T kept between blocks of populations
TABLE_BYTES = 48 << 20
# spectra of populations, and their rest-frame tables, that are in memory together
BASIS_BYTES = 128 << 20
# tiles kept from one pass to the next
KEEP_BYTES = 48 << 20
# weights of bands that are kept between blocks of populations
WINDOW_BYTES = 8 << 20


@dataclass
class Metal:
    """One metallicity of the grid: its populations and what is kept of their spectra.

    The latter is made when it is first asked for, from spectra that are read then.
    """

    index: int
    populations: Populations
    make_rest: Callable[[Basis], RestTables]
    in_parts: bool = False

    @cached_property
    def rest(self) -> RestTables:
        """Its rest-frame tables."""
        return self.make_rest(self.populations.basis())

    def rest_of(self, numbers: Ints) -> tuple[RestTables, Ints]:
        """Rest-frame tables that hold some populations, and their columns there if populations are spectra.

        Where the tables of all populations would take too much memory, they are made for these (n,) alone.
        """
        if self.in_parts:
            return self.make_rest(self.populations.basis_of(numbers)), np.arange(len(numbers))
        return self.rest, numbers


@dataclass
class ModelGrid:
    """All models of a run.

    Parameters
    ----------
    params : ModelOptions
    axes : Axes
    bands : list of Response
        Photometric bands, then spectral channels.
    rows : Rows
    needs_dust : bool
        Whether tiles carry dust luminosities.
    n_threads : int
    several_passes : bool
        Whether tiles will be asked for more than once; they are kept then, if they are small.
    needs_rest : bool
        Whether rest-frame quantities will be asked for: they are made while the spectra are at hand.
    cache_dir : str
        Folder of the model caches.
    """

    params: ModelOptions
    axes: Axes
    bands: list[Response]
    rows: Rows
    needs_dust: bool = False
    n_threads: int = 1
    several_passes: bool = False
    needs_rest: bool = True
    cache_dir: str = ""
    metals: dict[int, Metal] = field(default_factory=dict)
    _kept: tuple[Mask, list[Tile]] | None = None
    _dust_transmission: tuple[Floats, DustTransmission] | None = None

    @cached_property
    def cosmology(self) -> Cosmology:
        """The universe of the parameter file."""
        return Cosmology(self.params.h0, self.params.omega_m, self.params.omega_l)

    @cached_property
    def populations(self) -> list[Populations]:
        """Populations of each metallicity."""
        kind = CustomPopulations if self.params.custom_sfh else GriddedPopulations
        # float32 axis values as the decimals that were written
        return [kind(self.params, self.axes, round(float(metal), 7)) for metal in self.axes.metal]

    @cached_property
    def cache(self) -> ModelCache | None:
        """The files that keep tiles from one run to the next; None with NO_CACHE."""
        return None if self.params.no_cache else ModelCache(self)

    @cached_property
    def exclusion(self) -> Exclusion:
        """The models that GRID_EXCLUDE leaves out."""
        return Exclusion(self.params.grid_exclude, self.axes, self.params.where("grid_exclude"))

    @cached_property
    def indices(self) -> list[Index]:
        """Continuum indices asked for."""
        return read_indices(self.params.continuum_indices) if self.params.continuum_indices else []

    @cached_property
    def magnitude_bands(self) -> list[Response]:
        """Filters of the rest-frame magnitudes asked for."""
        p = self.params
        return read_filters(p.filters_res, list(p.rest_mag), p.filter_format) if p.rest_mag else []

    @cached_property
    def age_limit(self) -> Floats:
        """log10 of the age of the Universe [yr] at each redshift."""
        return np.log10(self.cosmology.age(self.axes.z.astype(float))) + 9

    @cached_property
    def ages_at(self) -> Ints:
        """Number of ages, youngest first, that fit into the Universe at each redshift."""
        if self.params.no_max_age:
            return np.full(len(self.axes.z), len(self.axes.lage), dtype=np.int64)
        return np.searchsorted(self.axes.lage, self.age_limit, side="right").astype(np.int64)

    def n_models_at(self, redshifts: Mask) -> int:
        """Number of models at some redshifts (nz,), within the age of the Universe there."""
        per_age = self.axes.models_per_redshift // len(self.axes.lage)
        return int(self.ages_at[redshifts].sum()) * per_age

    @property
    def most_time_steps(self) -> int:
        """Time steps of the longest history of a formula."""
        return math.ceil(power_of_ten(float(self.axes.lage[-1])) / years(self.params.custom_sfh_step)) + 1

    @property
    def fluxes_per_redshift(self) -> Floats:
        """Flux [1e-19 erg/s/cm2/A] of 1 Lsun/A at each redshift."""
        return self.cosmology.luminosity_to_flux(self.axes.z.astype(float))

    def dust_transmission(self, lam: Floats) -> DustTransmission:
        """Transmission of the dust cells at rest wavelengths `lam`: the last ones, where these are the same."""
        if self._dust_transmission is None or not np.array_equal(lam, self._dust_transmission[0]):
            p = self.params
            dust = make_dust_transmission(
                lam,
                lambda x: attenuation_curve(p.dust_law, x, p.e_b, p.delta),
                self.axes.values_of("Av"),
                self.axes.values_of("Av_bc"),
                p.differential_a_v,
            )
            self._dust_transmission = lam, dust
        return self._dust_transmission[1]

    def igm(self, lam: Floats, z: float) -> Floats:
        """Transmission of the intergalactic medium at rest wavelengths `lam`."""
        return igm_transmission(lam, z, None if self.params.no_igm else self.params.igm)

    def metal(self, index: int) -> Metal:
        """One metallicity."""
        if index not in self.metals:
            populations = self.populations[index]
            in_parts = len(list(islice(populations.parts(self._part_limit(populations)), 2))) > 1
            self.metals[index] = Metal(index, populations, self._make_rest, in_parts)
        return self.metals[index]

    def _part_limit(self, populations: Populations) -> int:
        """Number of populations whose spectra and rest-frame tables are in memory together."""
        n_tables = 3 + len(self.magnitude_bands) + sum(len(index.windows) for index in self.indices)
        each = populations.bytes_each + 8 * n_tables * self.axes.n_cells * (
            self.needs_rest or self.needs_dust
        )
        return max(PADDING, BASIS_BYTES // max(each, 1))

    def _make_rest(self, basis: Basis) -> RestTables:
        functionals = [rest_magnitude_weights(basis.lam, band) for band in self.magnitude_bands]
        functionals += [row for i in self.indices for row in window_weights(basis.lam, list(i.windows)).T]
        weights = np.array(functionals).reshape(len(functionals), len(basis.lam))
        return make_rest_tables(basis, self.dust_transmission(basis.lam), weights, self.params.lambda_ion)

    def tiles(self, redshift_mask: Mask) -> Iterator[Tile]:
        """Tiles of the redshifts marked in `redshift_mask` (nz,), metallicity by metallicity, block by block.

        The same tiles in the same order for any number of threads; with several, the next ones are made while one
        is fitted.
        """
        if self._kept is not None and np.array_equal(self._kept[0], redshift_mask):
            yield from self._kept[1]
            return
        keep = self.keeps(redshift_mask)
        kept: list[Tile] = []
        for tile in self._cached_or_made(redshift_mask):
            if keep:
                kept.append(tile)
            yield tile
        if keep:
            self._kept = redshift_mask.copy(), kept

    def _cached_or_made(self, redshift_mask: Mask) -> Iterable[Tile]:
        """Tiles of the model cache, if there is a good one, else made on the way into a new one."""
        made = self._made(np.flatnonzero(redshift_mask & (self.ages_at > 0)))
        if self.cache is None:
            return made
        return self.cache.read(redshift_mask) or self.cache.written(
            redshift_mask, made, self._bytes(redshift_mask)
        )

    def keeps(self, redshift_mask: Mask) -> bool:
        """Whether the tiles of some redshifts are few enough to stay in memory between passes."""
        return self.several_passes and self._bytes(redshift_mask) <= KEEP_BYTES

    def _bytes(self, redshift_mask: Mask) -> int:
        """Size of the tiles of some redshifts."""
        return self.n_models_at(redshift_mask) * 8 * (self.rows.count + 2 + 3 * self.needs_dust)

    def _made(self, redshifts: Ints) -> Iterator[Tile]:
        """Tiles, made on the way."""
        if self.n_threads == 1:
            for job in self._jobs(redshifts):
                yield from job()
                del job  # it holds the spectra of its metallicity
            return
        with ThreadPoolExecutor(self.n_threads) as pool:
            queue: deque[Future[list[Tile]]] = deque()
            for job in self._jobs(redshifts):
                queue.append(pool.submit(job))
                if len(queue) > 2 * self.n_threads:
                    yield from queue.popleft().result()
            while queue:
                yield from queue.popleft().result()

    def _jobs(self, redshifts: Ints) -> Iterator[Callable[[], list[Tile]]]:
        """One piece of work per metallicity, block of populations and redshift."""
        if len(redshifts) == 0:
            return
        n_ages = int(self.ages_at[redshifts].max(initial=0))
        for index, populations in enumerate(self.populations):
            metal = self.metal(index)
            self._check_ages(populations, n_ages)
            for part in populations.parts(self._part_limit(populations)):
                if part[0] < n_ages * self.axes.n_history:
                    yield from self._jobs_of_part(metal, part, redshifts)

    def _jobs_of_part(
        self, metal: Metal, part: tuple[int, int], redshifts: Ints
    ) -> Iterator[Callable[[], list[Tile]]]:
        """The same for populations whose spectra are in memory together."""
        basis = metal.populations.basis(*part)
        rest = None
        if self.needs_dust or (self.needs_rest and not metal.in_parts):
            rest = metal.make_rest(basis)
            if not metal.in_parts:
                metal.rest = rest
        tables = FluxTables(basis, self.bands, self.dust_transmission, self.axes.z[redshifts])
        del basis
        made = _TableStore(self, tables, part[0], rest)
        for block in self._blocks(metal, tables.dust.n_cells, part):
            for iz in redshifts:
                if self.ages_at[iz] * self.axes.n_history > block.numbers[0]:
                    yield partial(make_tile, self, made, block, int(iz))

    def _blocks(self, metal: Metal, n_cells: int, part: tuple[int, int]) -> Iterator[Block]:
        """The populations of a part that GRID_EXCLUDE leaves, in blocks that make tiles of a good size."""
        columns = max(1, len(self.bands))
        limit = max(PADDING, TILE_BYTES // (8 * columns * n_cells))
        if self.params.max_queued_fits and "max_queued_fits" in self.params.explicit:
            limit = max(1, min(limit, self.params.max_queued_fits // n_cells))
        for start, stop in metal.populations.ranges(limit, *part):
            numbers = np.arange(start, stop, dtype=np.int64)
            kept = self.exclusion.keep_populations(numbers, metal.index)
            if kept.any():
                yield Block(metal, start, stop, numbers[kept])

    def _check_ages(self, populations: Populations, n_ages: int) -> None:
        """The library must cover the ages that are fitted."""
        if n_ages == 0:
            return
        youngest, oldest = populations.usable_ages()
        ages = 10.0 ** self.axes.lage[[0, n_ages - 1]].astype(float)
        if ages[0] < youngest * (1 - 1e-5) or ages[1] > oldest * (1 + 1e-5):
            raise InputError(
                f"the library {populations.sources[0]} covers log(age/yr) = {np.log10(max(youngest, 1)):.2f} to "
                f"{np.log10(oldest):.2f}, but the grid asks for {self.axes.lage[0]:g} to "
                f"{self.axes.lage[n_ages - 1]:g}: change LOG_AGE_MIN or LOG_AGE_MAX",
                self.params.path or None,
            )


@dataclass
class Block:
    """Some populations of one metallicity: those of `numbers`, all from start to stop (excluded)."""

    metal: Metal
    start: int
    stop: int
    numbers: Ints
    lock: Lock = field(default_factory=Lock)
    result: Floats | None = None

    def weights(self) -> Floats | None:
        """Share of each basis spectrum in each population, (n, nbasis); found once, by whoever asks first."""
        with self.lock:
            if self.result is None:
                self.result = self._find_weights()
            return self.result

    def _find_weights(self) -> Floats | None:
        populations = self.metal.populations
        # a formula is evaluated much faster on the whole range
        if 4 * len(self.numbers) < self.stop - self.start:
            return populations.weights(self.numbers)
        weights = populations.weights_of_range(self.start, self.stop)
        if weights is None or len(weights) == len(self.numbers):
            return weights
        return weights[self.numbers - self.start]


class _TableStore:
    """Flux tables T of a part of the populations, kept between blocks as far as memory allows.

    Where populations are spectra themselves, the first of the part is number `first`, and so in the tables.
    """

    def __init__(self, grid: ModelGrid, tables: FluxTables, first: int, rest: RestTables | None):
        self._grid, self.tables, self.first, self.rest = grid, tables, first, rest
        self._factors = grid.fluxes_per_redshift
        self._kept: dict[int, Floats] = {}
        self._room = TABLE_BYTES
        self._found: dict[tuple[int, int], BandWindows] = {}
        self._room_of_windows = WINDOW_BYTES
        self._lock = Lock()

    def fill(self, iz: int, which: slice, bands: slice, out: Floats) -> None:
        """Fluxes (nband, ncell, n) of the basis spectra `which`."""
        self.tables.fluxes(self._windows(iz, bands), which, out)

    def _windows(self, iz: int, bands: slice) -> BandWindows:
        """Weights of some bands at a redshift, the same for all blocks of populations."""
        key = iz, bands.start
        with self._lock:
            if key in self._found:
                return self._found[key]
        z = float(self._grid.axes.z[iz])
        # from luminosity to observed flux
        transmission = self._grid.igm(self.tables.basis.lam, z) * self._factors[iz]
        windows = self.tables.windows(z, transmission, bands)
        with self._lock:
            if windows.nbytes <= self._room_of_windows:
                self._found[key] = windows
                self._room_of_windows -= windows.nbytes
        return windows

    def whole(self, iz: int) -> Floats:
        """Fluxes (nband, ncell, nbasis) of all basis spectra."""
        with self._lock:
            if iz in self._kept:
                return self._kept[iz]
        n_basis = self.tables.basis.sed.shape[1]
        table = np.empty((len(self.tables.bands), self.tables.dust.n_cells, n_basis))
        self.fill(iz, slice(0, n_basis), slice(0, len(table)), table)
        with self._lock:
            if table.nbytes <= self._room:
                self._kept[iz] = table
                self._room -= table.nbytes
        return table


def make_tile(grid: ModelGrid, store: _TableStore, block: Block, iz: int) -> list[Tile]:
    """The tile of a redshift and a block of populations: none, if no model of it is fitted, or one."""
    axes, metal = grid.axes, block.metal
    n_populations = int(np.searchsorted(block.numbers, grid.ages_at[iz] * axes.n_history))
    numbers = block.numbers[:n_populations]
    keep = grid.exclusion.keep_models(iz, numbers, metal.index)
    if keep is not None and not keep.any():
        return []
    n_cells = store.tables.dust.n_cells
    n_models = n_cells * n_populations
    rows = grid.rows
    flux = aligned_rows(rows.count, n_models)
    weights = block.weights()
    for bands, own_rows in rows.parts:
        # a view of some rows as tables, (nband, ncell, npopulation)
        tables = flux[own_rows, :n_models].reshape(-1, n_cells, n_populations)
        if weights is None:
            _fill_gridded(store, iz, numbers - store.first, bands, tables)
        else:
            _fill_custom(store.whole(iz)[bands], weights[:n_populations], tables)
    dust = None
    if grid.needs_dust:
        assert store.rest is not None
        dust = _dust(store.rest, numbers - store.first, weights, flux.shape[1])
    if dust is not None:
        for component, row in zip(rows.components, rows.luminosities, strict=True):
            flux[row] = dust[component]

    ids, order = _numbering(axes, metal.index, numbers)
    if keep is not None and not keep.all():
        kept = keep.ravel()
        flux = _selected(flux[:, :n_models], kept)
        dust = None if dust is None else _selected(dust[:, :n_models], kept)
        ids, order = ids[kept], order[kept]
    return [Tile(iz, ids, order, flux, dust)]


def _fill_gridded(store: _TableStore, iz: int, numbers: Ints, bands: slice, out: Floats) -> None:
    """Fluxes (nband, ncell, npopulation) of populations that are basis spectra themselves."""
    which = slice(int(numbers[0]), int(numbers[-1]) + 1)
    if len(numbers) == which.stop - which.start:
        store.fill(iz, which, bands, out)
        return
    dense = np.empty((*out.shape[:2], which.stop - which.start))
    store.fill(iz, which, bands, dense)
    out[:] = dense[:, :, numbers - which.start]


def _fill_custom(table: Floats, weights: Floats, out: Floats) -> None:
    """Fluxes (nband, ncell, npopulation): table (nband, ncell, nbasis) times weights (npopulation, nbasis)."""
    # SSPs older than the galaxies have no weight
    used = np.flatnonzero(np.any(weights, axis=0))
    stop = int(used[-1]) + 1 if len(used) else 1
    flat, shares = table.reshape(-1, table.shape[2])[:, :stop], weights[:, :stop].T
    if out.flags.c_contiguous:
        np.matmul(flat, shares, out=out.reshape(len(flat), -1))
    else:
        out[:] = (flat @ shares).reshape(out.shape)


def _dust(rest: RestTables, columns: Ints, weights: Floats | None, stride: int) -> Floats:
    """Dust luminosities (3, stride): all, birth clouds, cirrus."""
    dust = np.zeros((3, stride))
    for row, table in enumerate((rest.absorbed, rest.absorbed_young)):
        values = table[:, columns] if weights is None else table @ weights[: len(columns)].T
        dust[row, : values.size] = values.ravel()
    dust[2] = dust[0] - dust[1]
    return dust


def _selected(rows: Floats, keep: Mask) -> Floats:
    """The kept models of each row, padded."""
    kept = int(keep.sum())
    out = aligned_rows(len(rows), kept)
    out[:, :kept] = rows[:, keep]
    return out


def _numbering(axes: Axes, imetal: int, numbers: Ints) -> tuple[Ints, Ints]:
    """modelIDs within a redshift, and positions in the tie order, of (cell, population), flattened."""
    n_metal, n_history = len(axes.metal), axes.n_history
    ilage, history = np.divmod(numbers, n_history)
    cells = np.arange(axes.n_cells, dtype=np.int64)[:, None]
    ids = cells * (len(axes.lage) * n_metal * n_history) + ((ilage * n_metal + imetal) * n_history + history)
    return ids.ravel(), axes.tie_order(imetal, ilage, history, cells).ravel()
