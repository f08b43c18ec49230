"""A physics grid in; a simulated field of stars, its image, and artificial stars measured in it, out.

Stars are drawn from the grid's weights, A_V between its values; their positions have a density gradient. What is
measured of a star is its flux, that of the neighbours inside of the aperture less their mean (crowding), and noise of
the sky and the calibration. So bias, scatter and completeness grow with the source density, as in a real field, and
artificial stars that are put through the same measurement know it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.models.stars.stellar_grid import StellarGrid

NOT_DETECTED = 99.999
CHUNK_POINTS = 16
MOST_NEIGHBOURS = 100
MOST_DRAWS = 200  # batches until a field counts as having too few stars to see


@dataclass(frozen=True)
class FieldOptions:
    """What a field is like.

    Attributes
    ----------
    n_stars : int
        Stars in the catalogue.
    ra, dec : float
        Centre [deg].
    size : float
        Side of the field [arcsec].
    gradient : float
        Ratio of the source densities of the east and west edges.
    cloud : float
        How closely A_V follows a dust cloud on the sky, between 0 (not at all) and 1.
    depth : float64 (n_filters,)
        Vega magnitudes at which the sky's noise is a fifth of the flux.
    calibration : float
        Scatter of each flux, relative to it.
    aperture : float
        Radius within which neighbours count [arcsec].
    detection : float
        Signal-to-noise, in quadrature over the bands, from which a star is recovered.
    pixel : float
        Of the image [arcsec].
    """

    n_stars: int
    depth: Floats
    ra: float = 80.9
    dec: float = -69.1
    size: float = 100.0
    gradient: float = 6.0
    cloud: float = 0.8
    calibration: float = 0.02
    aperture: float = 0.25
    detection: float = 8.0
    pixel: float = 0.25

    def __post_init__(self) -> None:
        for name, values in asdict(self).items():
            if not np.isfinite(values).all():
                raise InputError(f"{name} = {values} must be finite")
        positive = {
            "n_stars": self.n_stars,
            "size": self.size,
            "gradient": self.gradient,
            "pixel": self.pixel,
        }
        for name, value in positive.items():
            if not value > 0:
                raise InputError(f"{name} = {value:g} must be positive")
        for name, value in {"calibration": self.calibration, "aperture": self.aperture}.items():
            if value < 0:
                raise InputError(f"{name} = {value:g} must not be negative")
        if not 0.0 <= self.cloud <= 1.0:
            raise InputError(f"cloud = {self.cloud:g} must lie between 0 and 1")


@dataclass(frozen=True)
class Population:
    """Stars without positions.

    Attributes
    ----------
    flux : float64 (n, n_filters)
        [erg/s/cm2/Angstrom]
    parameters : dict of float64 (n,)
        Av, Rv, distance, and the columns of the isochrones.
    """

    flux: Floats
    parameters: dict[str, Floats]

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Population:
        """Some of the stars."""
        return Population(self.flux[rows], {name: values[rows] for name, values in self.parameters.items()})


@dataclass(frozen=True)
class Field:
    """A simulated field.

    Attributes
    ----------
    stars : Population
        Those of the catalogue, as they are.
    ra, dec : float64 (n,)
        [deg]
    measured : float64 (n, n_filters)
        Their fluxes, as they are measured [erg/s/cm2/Angstrom].
    """

    stars: Population
    ra: Floats
    dec: Floats
    measured: Floats


def draw_population(grid: StellarGrid, n: int, random: np.random.Generator) -> Population:
    """Stars with the probabilities of the grid's weights; A_V is uniform within the cell of its value.

    Fluxes between two values of A_V are interpolated in the logarithm.
    """
    star_weight, rest = grid.weights.weight
    star = random.choice(grid.n_stars, n, p=star_weight / star_weight.sum())
    cell = random.choice(rest.size, n, p=(rest / rest.sum()).ravel())
    point, near = np.divmod(cell, rest.shape[1])
    av_axis, position = grid.dust.av.values, grid.dust.index[point, 0]
    av = _within_cell(av_axis, position, random)
    low = np.clip(np.searchsorted(av_axis, av, side="right") - 1, 0, max(len(av_axis) - 2, 0))
    high = np.minimum(low + 1, len(av_axis) - 1)
    # dust points have A(V) outermost: the same R(V) and f_A are this far apart
    n_curves = grid.n_points // len(av_axis)
    curve = point % n_curves
    first, second = (_fluxes(grid, star, k * n_curves + curve) for k in (low, high))
    step = av_axis[high] - av_axis[low]
    fraction = np.divide(av - av_axis[low], step, out=np.zeros(n), where=step > 0.0)[:, None]
    flux = first ** (1.0 - fraction) * second**fraction / (0.1 * grid.distances[near, None]) ** 2
    parameters = {name: values[star] for name, values in grid.columns.items()}
    parameters |= {name: values[point] for name, values in grid.dust.columns.items()}
    parameters |= {"Av": av, "distance": grid.distances[near], "radius": grid.radius[star]}
    return Population(flux, parameters)


def _within_cell(axis: Floats, position: NDArray[np.intp], random: np.random.Generator) -> Floats:
    """A value in the cell of each position of an axis, not beyond the axis."""
    if len(axis) == 1:
        return axis[position]
    middles = (axis[1:] + axis[:-1]) / 2.0
    low, high = np.concatenate([[axis[0]], middles]), np.concatenate([middles, [axis[-1]]])
    return np.asarray(low[position] + random.random(len(position)) * (high - low)[position])


def _fluxes(grid: StellarGrid, star: NDArray[np.intp], point: NDArray[np.intp]) -> Floats:
    """Fluxes at 10 pc of stars behind dust points, chunk by chunk of the points."""
    flux = np.empty((len(star), len(grid.filters)))
    for first in range(0, grid.n_points, CHUNK_POINTS):
        points = slice(first, min(first + CHUNK_POINTS, grid.n_points))
        rows = np.flatnonzero((point >= points.start) & (point < points.stop))
        if len(rows):
            made = grid.fluxes(points)[..., : len(grid.filters)]
            flux[rows] = made[point[rows] - first, star[rows]]
    return flux


def sky_noise(options: FieldOptions, vega: Floats) -> Floats:
    """Noise of the sky in each band [erg/s/cm2/Angstrom]."""
    return np.asarray(vega * 10.0 ** (-0.4 * options.depth) / 5.0)


def simulate_field(grid: StellarGrid, vega: Floats, options: FieldOptions, seed: int) -> Field:
    """Draw a field.

    Parameters
    ----------
    grid : StellarGrid
    vega : float64 (n_filters,)
        Flux of Vega [erg/s/cm2/Angstrom].
    options : FieldOptions
    seed : int

    Raises
    ------
    InputError
        If hardly any star of the grid would be seen.
    """
    random, noise = np.random.default_rng(seed), sky_noise(options, vega)
    visible: list[Population] = []
    n = 0
    for _ in range(MOST_DRAWS):
        drawn = draw_population(grid, 10 * options.n_stars, random)
        seen = np.sqrt(((drawn.flux / noise) ** 2).sum(axis=1)) > options.detection
        visible.append(drawn.take(seen))
        n += int(seen.sum())
        # some are lost to crowding
        if n >= 1.5 * options.n_stars:
            break
    else:
        raise InputError(
            f"{MOST_DRAWS * 10 * options.n_stars} stars drawn, and only {n} bright enough to be seen"
        )
    names = visible[0].parameters
    stars = Population(
        np.concatenate([part.flux for part in visible]),
        {name: np.concatenate([part.parameters[name] for part in visible]) for name in names},
    )
    x, y = _positions(len(stars.flux), options, random)
    stars = stars.take(_behind_cloud(stars.parameters["Av"], x, y, options, random))
    density = source_density(x, options)
    measured, recovered = measure(stars.flux, density, stars.flux, noise, options, random)
    rows = np.flatnonzero(recovered)[: options.n_stars]
    if len(rows) < options.n_stars:
        raise InputError(
            f"only {len(rows)} of {options.n_stars} stars are recovered: the field is too crowded"
        )
    ra, dec = sky_positions(x[rows], y[rows], options)
    return Field(stars.take(rows), ra, dec, measured[rows])


def _positions(n: int, options: FieldOptions, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Arcsec from the centre, the density growing linearly from west to east."""
    low, high = 1.0, options.gradient
    u = random.random(n)
    # inverse of the cumulative distribution of a linear density
    flat = np.isclose(low, high)
    east = u if flat else (np.sqrt(low**2 + u * (high**2 - low**2)) - low) / (high - low)
    return (east - 0.5) * options.size, (random.random(n) - 0.5) * options.size


def _behind_cloud(
    a_v: Floats, x: Floats, y: Floats, options: FieldOptions, random: np.random.Generator
) -> NDArray[np.intp]:
    """Which star to put at each position, so that A_V is highest where a cloud is densest."""
    column = np.exp(-((x / 0.2) ** 2 + ((y - 0.5 * x) / 0.12) ** 2) / options.size**2 / 2.0)
    column += np.exp(
        -(((x - 0.3 * options.size) / 0.1) ** 2 + ((y + 0.3 * options.size) / 0.1) ** 2)
        / options.size**2
        / 2.0
    )

    def order(values: Floats) -> NDArray[np.intp]:
        rank = np.argsort(np.argsort(values, kind="stable"), kind="stable") / len(values)
        return np.argsort(
            options.cloud * rank + (1.0 - options.cloud) * random.random(len(values)), kind="stable"
        )

    star = np.empty(len(x), dtype=np.intp)
    star[order(column)] = order(a_v)
    return star


def source_density(x: Floats, options: FieldOptions) -> Floats:
    """Stars per arcsec2 at distances [arcsec] east of the centre."""
    mean = options.n_stars / options.size**2
    slope = np.clip(x / options.size + 0.5, 0.0, 1.0)
    return np.asarray(mean * (1.0 + (options.gradient - 1.0) * slope) / (0.5 * (1.0 + options.gradient)))


def sky_positions(x: Floats, y: Floats, options: FieldOptions) -> tuple[Floats, Floats]:
    """RA and Dec [deg] of arcsec from the centre."""
    return options.ra + x / 3600.0 / np.cos(np.radians(options.dec)), options.dec + y / 3600.0


def measure(
    flux: Floats,
    density: Floats,
    neighbours: Floats,
    noise: Floats,
    options: FieldOptions,
    random: np.random.Generator,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Measure stars in a crowded field.

    Parameters
    ----------
    flux : float64 (n, n_filters)
        What the stars are.
    density : float64 (n,)
        Source density where they are [arcsec^-2].
    neighbours : float64 (m, n_filters)
        Fluxes of the stars that may fall into the aperture.
    noise : float64 (n_filters,)
        Of the sky.
    options : FieldOptions
    random : Generator

    Returns
    -------
    measured : float64 (n, n_filters)
    recovered : bool (n,)
        Whether the star is bright enough, and not outshone by a neighbour.
    """
    expected = density * np.pi * options.aperture**2
    if expected.max(initial=0) > MOST_NEIGHBOURS:
        raise InputError(
            f"too crowded: an aperture of {options.aperture:g} arcsec holds {expected.max():.3g} neighbours; "
            f"at most {MOST_NEIGHBOURS} are simulated: a larger field, or fewer stars, is needed"
        )
    count = random.poisson(expected)
    owner = np.repeat(np.arange(len(flux)), count)
    other = neighbours[random.integers(0, len(neighbours), len(owner))] * random.random((len(owner), 1))
    blend = np.zeros_like(flux)
    np.add.at(blend, owner, other)
    brightest = np.zeros(len(flux))
    signal = np.sqrt(((other / noise) ** 2).sum(axis=1))
    np.maximum.at(brightest, owner, signal)
    mean = 0.5 * np.median(neighbours, axis=0) * expected[:, None]
    scatter = random.normal(size=flux.shape) * np.sqrt(noise**2 + (options.calibration * flux) ** 2)
    measured = flux + blend - mean + scatter
    star_signal = np.sqrt(((flux / noise) ** 2).sum(axis=1))
    seen = np.sqrt((np.maximum(measured, 0.0) ** 2 / noise**2).sum(axis=1)) > options.detection
    return measured, seen & (brightest < star_signal)


def catalogue(
    filters: tuple[str, ...], measured: Floats, vega: Floats, recovered: NDArray[np.bool_] | None = None
) -> dict[str, Floats]:
    """Columns `<BAND>_RATE` and `<BAND>_VEGA` of measured fluxes; 0 and 99.999 where a star is not recovered."""
    columns = {}
    for k, name in enumerate(filters):
        rate = measured[:, k] / vega[k]
        if recovered is not None:
            rate = np.where(recovered, rate, 0.0)
        magnitude = np.full(len(rate), NOT_DETECTED)
        positive = rate > 0.0
        magnitude[positive] = -2.5 * np.log10(rate[positive])
        band = name.rsplit("_", 1)[-1].upper()
        columns[f"{band}_RATE"], columns[f"{band}_VEGA"] = rate, magnitude
    return columns


def field_image(
    field: Field, options: FieldOptions, band: int, noise: float, seed: int
) -> tuple[Floats, dict[str, float | str]]:
    """An image of the field in one band, and the header of its world coordinates.

    Returns
    -------
    image : float64 (ny, nx)
        Flux a pixel [erg/s/cm2/Angstrom], each star a Gaussian of two pixels' width.
    header : dict
    """
    from scipy.ndimage import gaussian_filter

    n = int(np.ceil(options.size / options.pixel)) + 20
    centre = (n + 1) / 2.0
    scale = options.pixel / 3600.0
    x = centre - (field.ra - options.ra) * np.cos(np.radians(options.dec)) / scale
    y = centre + (field.dec - options.dec) / scale
    image = np.zeros((n, n))
    rows, columns = (
        np.clip(np.rint(y - 1), 0, n - 1).astype(int),
        np.clip(np.rint(x - 1), 0, n - 1).astype(int),
    )
    np.add.at(image, (rows, columns), field.stars.flux[:, band])
    random = np.random.default_rng(seed)
    image = np.asarray(gaussian_filter(image, 1.0)) + random.normal(0.0, noise / 5.0, image.shape) + noise
    header: dict[str, float | str] = {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": options.ra,
        "CRVAL2": options.dec,
    }
    header |= {"CRPIX1": centre, "CRPIX2": centre, "CDELT1": -scale, "CDELT2": scale}
    return image, header
