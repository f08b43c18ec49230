"""Isochrones, atmospheres, filters, dust, distances in; fluxes, columns and weights of all models, block by block, out.

A model is a star (a row of the isochrones) behind a dust point at a distance. The stars' fluxes are linear in those of
the library's nodes, so that the dust is applied to the nodes: one product a band with the transmissions of many dust
points, over the wavelengths of the band alone. Stars and distances follow by sparse weights and scalar factors.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.models.stars.atmospheres import Atmospheres, BandBasis, Scheme, bolometric_scale, library_of
from fastsed.models.stars.constants import L_SUN, R_SUN, STEFAN_BOLTZMANN, TEN_PARSEC
from fastsed.models.stars.dust_grid import DustGrid
from fastsed.models.stars.filter_curves import FilterCurve
from fastsed.models.stars.isochrones import select_rows
from fastsed.models.stars.model_weights import ModelWeights
from fastsed.models.stars.weights import StellarPriors
from fastsed.threads import available_threads, single_threaded_blas

if TYPE_CHECKING:
    from scipy.sparse import csr_array

log = logging.getLogger(__name__)

NodeFluxes = list[list[Floats]]
BLOCK_MODELS = 1 << 15
TABLE_ROWS = 1024  # rows that stay in the cache while their columns are set
CHUNK_POINTS = 16  # dust points whose fluxes are made together for single models
NO_FLUX = -100.0  # in place of the logarithm of a flux that is not positive


@dataclass(frozen=True)
class _Part:
    """Stars of one library: `interpolation` (n_stars, n_basis) of what `bases` give behind `curves` for each band."""

    stars: NDArray[np.intp]
    interpolation: csr_array
    bases: list[BandBasis]
    curves: list[Floats]


@dataclass(frozen=True)
class StellarGrid:
    """All models of a physics grid, made when they are asked for.

    Attributes
    ----------
    filters : tuple of str
    wavelengths : float64 (n_filters,)
        Effective wavelengths [Angstrom].
    columns : dict of float64 (n_stars,)
        Those of the isochrones.
    radius : float64 (n_stars,)
        [Rsun]
    distances : float64 (n_distances,)
        [pc]
    dust : DustGrid
    priors : StellarPriors
    beast2 : bool
    extra_bands : tuple of str
        Bands whose fluxes are columns of the table only.
    """

    filters: tuple[str, ...]
    wavelengths: Floats
    columns: dict[str, Floats]
    radius: Floats
    distances: Floats
    dust: DustGrid
    priors: StellarPriors = field(default_factory=StellarPriors)
    beast2: bool = False
    extra_bands: tuple[str, ...] = ()
    _parts: tuple[_Part, ...] = ()

    @property
    def bands(self) -> tuple[str, ...]:
        """All bands whose fluxes are computed: the filters, then those that are columns only."""
        return (*self.filters, *self.extra_bands)

    @property
    def n_stars(self) -> int:
        """Rows of the isochrones."""
        return len(self.radius)

    @property
    def n_points(self) -> int:
        """Dust points."""
        return len(self.dust.index)

    @property
    def n_models(self) -> int:
        """Models: stars times distances times dust points."""
        return self.n_stars * len(self.distances) * self.n_points

    def node_fluxes(self, points: slice) -> NodeFluxes:
        """Surface fluxes of the atmospheres behind some dust points, from which `star_fluxes` makes those of stars.

        Returns
        -------
        list of list of float64 (n_nodes, n_points)
            One list a library, one array a band.
        """
        return [
            [
                basis.weighted @ self.dust.transmission(curves, points)
                for basis, curves in zip(part.bases, part.curves, strict=True)
            ]
            for part in self._parts
        ]

    def star_fluxes(self, nodes: NodeFluxes, stars: slice) -> Floats:
        """Fluxes of some stars at 10 pc, from what `node_fluxes` gave.

        Returns
        -------
        float64 (n_points, n_stars, n_bands)
            [erg/s/cm2/Angstrom]
        """
        first, last, _ = stars.indices(self.n_stars)
        flux = np.empty((nodes[0][0].shape[1], last - first, len(self.bands)))
        for part, bands in zip(self._parts, nodes, strict=True):
            low, high = np.searchsorted(part.stars, [first, last])
            for k, band in enumerate(bands):
                flux[:, part.stars[low:high] - first, k] = (part.interpolation[low:high] @ band).T
        return flux

    def fluxes(self, points: slice) -> Floats:
        """Fluxes of all stars at 10 pc behind some dust points.

        Returns
        -------
        float64 (n_points, n_stars, n_bands)
            [erg/s/cm2/Angstrom]
        """
        return self.star_fluxes(self.node_fluxes(points), slice(0, self.n_stars))

    @cached_property
    def fluxes_without_dust(self) -> Floats:
        """Fluxes of all stars at 10 pc without dust (n_stars, n_bands)."""
        flux = np.empty((self.n_stars, len(self.bands)))
        for part in self._parts:
            for k, basis in enumerate(part.bases):
                flux[part.stars, k] = part.interpolation @ basis.without_dust
        return flux

    @cached_property
    def weights(self) -> ModelWeights:
        """The factors of the weights; change the priors with `dataclasses.replace` and nothing else is recomputed."""
        return ModelWeights.of(self.columns, self.distances, self.dust, self.priors, self.beast2)

    def table_type(self) -> np.dtype[Any]:
        """Columns of the table of models, in BEAST's order."""
        names = [
            *self.dust.columns,
            "distance",
            "radius",
            "weight",
            "prior_weight",
            "grid_weight",
            "specgrid_indx",
        ]
        names += self.columns
        names += [f"log{name}_{kind}" for kind in ("nd", "wd") for name in self.bands]
        return np.dtype([(name, "f8") for name in names])

    def blocks(self, threads: int | None = None) -> Iterator[tuple[Floats, NDArray[Any]]]:
        """Fluxes and table of the models, in order: dust points outermost, then distances, then stars.

        Parameters
        ----------
        threads : int, optional
            All cores by default; the numbers do not depend on it.

        Yields
        ------
        seds : float64 (n, n_filters)
        table : structured (n,)
            See `table_type`.
        """
        threads = available_threads() if threads is None else threads
        # everything that is cached must be there before threads ask for it
        _ = self.weights, self._star_rows
        with single_threaded_blas(), ThreadPoolExecutor(threads) as pool:
            queue: list[Future[tuple[Floats, NDArray[Any]]]] = []
            for points, distances in self._pieces():
                queue.append(pool.submit(self._block, points, distances))
                if len(queue) > threads:
                    yield queue.pop(0).result()
            for future in queue:
                yield future.result()

    def values(self, names: Sequence[str], models: NDArray[np.int64]) -> Floats:
        """Columns of some models, by their numbers in the order of `blocks`.

        Parameters
        ----------
        names : sequence of str
            Of the columns of `table_type`.
        models : int64 (n,)

        Returns
        -------
        float64 (n, n_names)
        """
        point, rest = np.divmod(models, len(self.distances) * self.n_stars)
        distance, star = np.divmod(rest, self.n_stars)
        out, dust = np.empty((len(models), len(names))), self.dust.columns
        weights = {
            "weight": self.weights.weight,
            "prior_weight": self.weights.prior,
            "grid_weight": self.weights.grid,
        }
        dimmed = [k for k, name in enumerate(names) if name in self._dimmed]
        bare = {f"log{name}_nd" for name in self.bands}
        if dimmed:
            out[:, dimmed] = self._log_fluxes(point, star, [self._dimmed[names[k]] for k in dimmed])
        for k, name in enumerate(names):
            if name in dust:
                out[:, k] = dust[name][point]
            elif name == "distance":
                out[:, k] = self.distances[distance]
            elif name in weights:
                out[:, k] = weights[name][0][star] * weights[name][1][point, distance]
            elif k not in dimmed:
                out[:, k] = self._star_rows[star, self._names.index(name)]
            if name in self._dimmed or name in bare:
                shift = -2.0 * np.log10(0.1 * self.distances[distance])
                np.add(out[:, k], shift, out=out[:, k], where=out[:, k] != NO_FLUX)
        return out

    @cached_property
    def _dimmed(self) -> dict[str, int]:
        """Filter of each column of fluxes with dust."""
        return {f"log{name}_wd": k for k, name in enumerate(self.bands)}

    def _log_fluxes(self, point: NDArray[np.int64], star: NDArray[np.int64], filters: list[int]) -> Floats:
        """log10 of fluxes at 10 pc of stars behind dust points (n, n_filters), chunk by chunk of the points."""
        flux = np.empty((len(star), len(filters)))
        for first in range(0, self.n_points, CHUNK_POINTS):
            rows = np.flatnonzero((point >= first) & (point < first + CHUNK_POINTS))
            if len(rows):
                made = self.fluxes(slice(first, min(first + CHUNK_POINTS, self.n_points)))
                flux[rows] = made[(point[rows] - first)[:, None], star[rows, None], np.array(filters)]
        return _log_flux(flux)

    def _pieces(self) -> Iterator[tuple[slice, slice]]:
        """Dust points and distances of each block, of about BLOCK_MODELS rows (as few as one distance has)."""
        n_distances = len(self.distances)
        step = max(1, BLOCK_MODELS // (self.n_stars * n_distances))
        # the fluxes of a point are computed again for each part of its distances
        distances = max(1, min(n_distances, 4 * BLOCK_MODELS // self.n_stars))
        for first in range(0, self.n_points, step):
            for near in range(0, n_distances, distances):
                yield (
                    slice(first, min(first + step, self.n_points)),
                    slice(near, min(near + distances, n_distances)),
                )

    def _block(self, points: slice, distances: slice) -> tuple[Floats, NDArray[Any]]:
        at_ten_parsec = self.fluxes(points)
        dimming = (0.1 * self.distances[distances]) ** -2.0
        seds = at_ten_parsec[:, None, :, : len(self.filters)] * dimming[:, None, None]
        table = np.empty((len(at_ten_parsec), len(dimming), self.n_stars, len(self._names)))
        log_flux = _log_flux(at_ten_parsec)
        for first in range(0, self.n_stars, TABLE_ROWS):
            stars = slice(first, first + TABLE_ROWS)
            for d, point in enumerate(range(points.start, points.stop)):
                for j in range(len(dimming)):
                    self._fill(table[d, j, stars], log_flux[d, stars], point, distances.start + j, stars)
        return seds.reshape(-1, len(self.filters)), table.view(self.table_type()).reshape(-1)

    def _fill(self, rows: Floats, log_flux: Floats, point: int, distance: int, stars: slice) -> None:
        """Set the rows of some stars (n, n_columns): what only the star tells, then the rest."""
        rows[:] = self._star_rows[stars]
        for position, values in enumerate(self.dust.columns.values()):
            rows[:, position] = values[point]
        start = len(self.dust.columns)
        rows[:, start] = self.distances[distance]
        for k, (star, rest) in enumerate((self.weights.weight, self.weights.prior, self.weights.grid)):
            np.multiply(star[stars], rest[point, distance], out=rows[:, start + 2 + k])
        shift, n_filters = -2.0 * np.log10(0.1 * self.distances[distance]), len(self.bands)
        bare, dimmed = rows[:, -2 * n_filters : -n_filters], rows[:, -n_filters:]
        np.add(bare, shift, out=bare, where=bare != NO_FLUX)
        np.add(log_flux, shift, out=dimmed)
        dimmed[log_flux == NO_FLUX] = NO_FLUX

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return self.table_type().names or ()

    @cached_property
    def _star_rows(self) -> Floats:
        """Rows of the table (n_stars, n_columns) with what depends on the star alone."""
        rows = np.zeros((self.n_stars, len(self._names)))
        known = self.columns | {"radius": self.radius, "specgrid_indx": np.arange(self.n_stars)}
        known |= {
            f"log{name}_nd": _log_flux(self.fluxes_without_dust[:, k]) for k, name in enumerate(self.bands)
        }
        for name, values in known.items():
            rows[:, self._names.index(name)] = values
        return rows


def _log_flux(flux: Floats) -> Floats:
    return np.log10(flux, out=np.full(flux.shape, NO_FLUX), where=flux > 0.0)


def make_stellar_grid(
    isochrones: Mapping[str, Floats],
    libraries: Sequence[Atmospheres],
    curves: Sequence[FilterCurve],
    distances: Floats,
    dust: DustGrid,
    priors: StellarPriors | None = None,
    beast2: bool = False,
    extra_curves: Sequence[FilterCurve] = (),
) -> StellarGrid:
    """Put a physics grid together.

    Parameters
    ----------
    isochrones : mapping of float64 (n,)
        Stars: logA, M_ini, logL, logT, logg, Z and whatever else shall be a column (see `read_isochrones`).
    libraries : sequence of SpectralLibrary or BandFluxLibrary
        A star belongs to the first whose boundary contains it, else to the first whose boundary with margins does.
    curves : sequence of FilterCurve
    distances : float64 (n_distances,)
        [pc]
    dust : DustGrid
    priors : StellarPriors, optional
    beast2 : bool
        As BEAST HEAD: PEGASE's interpolation with exchanged metallicities, its band integrals and weights.
    extra_curves : sequence of FilterCurve
        Bands whose fluxes are to be columns of the table only.

    Returns
    -------
    StellarGrid

    Raises
    ------
    InputError
        If no star is left, or the inputs do not fit together.
    """
    if not libraries:
        raise InputError("no atmospheres")
    if not (len(distances) and np.isfinite(distances).all() and (distances > 0.0).all()):
        raise InputError("distances must be positive")
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in isochrones.items()}
    library = library_of(libraries, columns["logT"], columns["logg"])
    kept = np.flatnonzero(library >= 0)
    if len(kept) < len(library):
        n = len(library)
        log.warning("%d of %d stars left out: they are outside of the atmospheres", n - len(kept), n)
    if not len(kept):
        raise InputError("no star of the isochrones lies inside of the atmospheres")
    columns, library = select_rows(columns, kept), library[kept]
    _warn_of_metals(libraries, columns["Z"], library)
    area = (
        L_SUN * 10.0 ** columns["logL"] / (4.0 * np.pi * STEFAN_BOLTZMANN * 10.0 ** (4.0 * columns["logT"]))
    )
    parts = [
        _part(
            libraries[k], [*curves, *extra_curves], columns, area, np.flatnonzero(library == k), dust, beast2
        )
        for k in np.unique(library)
    ]
    return StellarGrid(
        tuple(curve.name for curve in curves),
        np.array([libraries[0].effective_wavelength(curve, dust.law) for curve in curves]),
        columns,
        np.sqrt(area) / R_SUN,
        np.asarray(distances, dtype=np.float64),
        dust,
        priors or StellarPriors(),
        beast2,
        tuple(curve.name for curve in extra_curves),
        tuple(parts),
    )


def _warn_of_metals(libraries: Sequence[Atmospheres], z: Floats, library: NDArray[np.intp]) -> None:
    for k, atmospheres in enumerate(libraries):
        metals, ours = atmospheres.nodes.z, z[library == k]
        beyond = (ours < metals.min() * (1 - 1e-6)) | (ours > metals.max() * (1 + 1e-6))
        if beyond.any():
            log.warning(
                "%d stars have the nearest metallicity of %s: their Z is beyond its %g to %g",
                *(beyond.sum(), atmospheres.name, metals.min(), metals.max()),
            )


def _part(
    atmospheres: Atmospheres,
    curves: Sequence[FilterCurve],
    columns: Mapping[str, Floats],
    area: Floats,
    stars: NDArray[np.intp],
    dust: DustGrid,
    beast2: bool,
) -> _Part:
    """Interpolation of the stars of one library, and the bands of the nodes that it needs."""
    from scipy.sparse import csr_array

    scheme: Scheme = "pegase" if beast2 else "columns"
    log_t = columns["logT"][stars]
    index, weight = atmospheres.nodes.weights(log_t, columns["logg"][stars], columns["Z"][stars], scheme)
    if not beast2:
        # what is interpolated is the shape of the spectrum: the luminosity is that of the star
        weight *= bolometric_scale(log_t)[:, None] / bolometric_scale(atmospheres.nodes.log_t[index])
    weight *= (area[stars] / TEN_PARSEC**2)[:, None]
    used = np.unique(index[weight > 0.0])
    rows = np.repeat(np.arange(len(stars)), index.shape[1])
    position = np.searchsorted(used, index).ravel().clip(max=len(used) - 1)
    matrix = csr_array((weight.ravel(), (rows, position)), shape=(len(stars), len(used)))
    matrix.eliminate_zeros()
    bases = atmospheres.band_bases(curves, dust.law, beast2, used)
    if len(stars) < len(used):
        # fewer stars than nodes: interpolate once and for all
        bases = [BandBasis(b.lam, matrix @ b.weighted, matrix @ b.without_dust) for b in bases]
        matrix = csr_array(np.eye(len(stars)))
    return _Part(stars, matrix, bases, [dust.curves(basis.lam) for basis in bases])
