"""Source densities: a catalogue in; a map, and the catalogue with the density around each source out."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.survey.pixels import PixelGrid, pixel_grid
from fastsed.survey.tables import number_column, upper_case

if TYPE_CHECKING:
    from astropy.table import Table

log = logging.getLogger(__name__)

# pixels of which less than this fraction lies inside the field have no density
MIN_FRACTION = 0.5
# flags from this value on mean: do not use
BAD_FLAG = 99


@dataclass(frozen=True)
class DensityOptions:
    """Which sources count, and on which pixels.

    Attributes
    ----------
    mag_name : str
        Column of magnitudes.
    mag_cut : (float, float)
        Sources with magnitudes between these, both included, are counted.
    flag_name : str, optional
        Column of flags; sources with 99 or more are not counted.
    spike_name : str, optional
        Column of diffraction spike flags; rows with other values than 0 are dropped altogether.
    npix, pixsize : optional
        Number of pixels in each direction, or their size in arcsec.
    erode : float
        Shrinks the limits of the map by so many arcsec on each side.
    compat : {"beast1", "beast2"}, optional
    """

    mag_name: str = "F475W_VEGA"
    mag_cut: tuple[float, float] = (24.5, 27.0)
    flag_name: str | None = None
    spike_name: str | None = None
    npix: int | None = None
    pixsize: float | None = None
    erode: float = 0.0
    compat: str | None = None


@dataclass(frozen=True)
class DensityMap:
    """The map of source densities and the catalogue it comes from.

    Attributes
    ----------
    table : astropy Table
        The catalogue, names in upper case, with a column `SourceDensity` in arcsec^-2.
    grid : PixelGrid
    density : float64 (n_y, n_x)
        Sources per arcsec^2.
    zero_fluxes : dict of float64 (n_y, n_x)
        Number of sources without flux, by column (`..._RATE`), and in any of them (key "").
    """

    table: Table
    grid: PixelGrid
    density: NDArray[np.float64]
    zero_fluxes: dict[str, NDArray[np.float64]] = field(default_factory=dict)


def source_density(table: Table, options: DensityOptions | None = None, **changes: Any) -> DensityMap:
    """Number of sources per arcsec^2 in the pixels of a map, and around each source.

    Parameters
    ----------
    table : astropy Table
        With columns RA, DEC (deg), the magnitudes, and `..._RATE` for the maps of sources without flux.
    options : DensityOptions, optional
    **changes
        Attributes of the options, instead of `options`: ``source_density(table, pixsize=5.0)``.

    Returns
    -------
    DensityMap

    Raises
    ------
    InputError
        If a column is missing, or no map can be made.
    """
    options = DensityOptions(**changes) if options is None else options
    table = upper_case(table)
    if options.spike_name:
        table = table[number_column(table, options.spike_name.upper(), "--diffSpike") == 0]
    if not len(table):
        raise InputError(
            "the catalogue holds no source" + (" but diffraction spikes" if options.spike_name else "")
        )
    ra, dec = number_column(table, "RA"), number_column(table, "DEC")
    counted = _counted(table, options)
    old = options.compat == "beast1"
    grid = pixel_grid(ra, dec, options.npix, options.pixsize, options.erode, options.compat)
    positions = grid.positions(ra, dec)
    numbers = grid.pixel_numbers(positions)
    n = _counts(grid, numbers[counted])
    if not n.any():
        log.warning(
            "no source has %s between %g and %g: all densities are 0",
            options.mag_name.upper(),
            *options.mag_cut,
        )
    area = grid.pixel_area()
    density = n / area if old else _inside_hull(n / area, positions, grid)
    table = table.copy(copy_data=False)
    table["SourceDensity"] = np.where(numbers >= 0, density.ravel()[numbers], 0.0)
    zero_fluxes = _zero_fluxes(table, grid, numbers)
    if old:
        zero_fluxes = _cumulative(table, grid, np.where(n.ravel()[numbers] > 0, numbers, -1))
    return DensityMap(table, grid, density, zero_fluxes)


def _counted(table: Table, options: DensityOptions) -> NDArray[np.bool_]:
    low, high = options.mag_cut
    mag = number_column(table, options.mag_name.upper(), "--mag_name")
    with np.errstate(invalid="ignore"):
        counted: NDArray[np.bool_] = (mag >= low) & (mag <= high)
        if options.flag_name:
            counted &= number_column(table, options.flag_name.upper(), "--flag_name") < BAD_FLAG
    return counted


def _counts(grid: PixelGrid, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Number of sources in each pixel, as an image."""
    n_pixel = grid.shape[0] * grid.shape[1]
    return np.bincount(numbers[numbers >= 0], minlength=n_pixel).reshape(grid.shape).astype(float)


def _inside_hull(
    density: NDArray[np.float64], positions: NDArray[np.float64], grid: PixelGrid
) -> NDArray[np.float64]:
    """Densities per area inside the field; 0 where less than half of a pixel is."""
    fraction = hull_fractions(positions, grid.shape)
    enough = fraction > MIN_FRACTION
    return np.where(enough, density / np.where(enough, fraction, 1.0), 0.0)


def hull_fractions(positions: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Fraction of each pixel inside the convex hull of the positions.

    Parameters
    ----------
    positions : float64 (n, 2)
        In pixels.
    shape : (int, int)
        Rows and columns of the image.

    Returns
    -------
    float64 (rows, columns)
    """
    from fastsed.extras import need

    shapely = need("shapely", "the area of pixels inside the field")
    hull = convex_hull(positions)
    if hull is None:
        log.warning("all sources lie on one line: the field has no area, and all densities are 0")
        return np.zeros(shape)
    y, x = np.indices(shape).reshape(2, -1)
    polygon = shapely.Polygon(hull)
    pixels = shapely.box(x, y, x + 1, y + 1)
    areas = np.ones(len(pixels))
    shapely.prepare(polygon)
    edge = ~shapely.covers(polygon, pixels)
    areas[edge] = shapely.area(shapely.intersection(polygon, pixels[edge]))
    return areas.reshape(shape)


def convex_hull(positions: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Corners (m, 2) of the convex hull of positions (n, 2), or None if it has no area."""
    from scipy.spatial import ConvexHull, QhullError

    positions = positions[np.isfinite(positions).all(axis=1)]
    try:
        corners: Floats = positions[ConvexHull(positions).vertices]
        return corners
    except (QhullError, ValueError):
        return None


def rate_columns(table: Table) -> list[str]:
    """Columns of fluxes in units of Vega's."""
    return [name for name in table.colnames if name.upper().endswith("RATE")]


def _zero_fluxes(table: Table, grid: PixelGrid, numbers: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    zero = {name: number_column(table, name) == 0 for name in rate_columns(table)}
    images = {name: _counts(grid, numbers[mask]) for name, mask in zero.items()}
    any_band = np.any(list(zero.values()), axis=0) if zero else np.zeros(len(table), dtype=bool)
    return {"": _counts(grid, numbers[any_band]), **images}


def _cumulative(table: Table, grid: PixelGrid, numbers: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """The maps of BEAST 1.3.2: of each band, the sources without flux in it or in any band before."""
    images, zero = {}, np.zeros(len(table), dtype=bool)
    for name in rate_columns(table):
        zero = zero | (number_column(table, name) == 0)
        images[name] = _counts(grid, numbers[zero])
    return {"": _counts(grid, numbers[zero]), **images}


def measured_in_all_bands(table: Table) -> NDArray[np.bool_]:
    """Which sources have a flux other than 0 in all bands."""
    masks = [number_column(table, name) != 0 for name in rate_columns(table)]
    return np.all(masks, axis=0) if masks else np.ones(len(table), dtype=bool)
