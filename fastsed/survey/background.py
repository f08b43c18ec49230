"""Background: a catalogue and a reference image in; the level around each source, and a map of it, out."""

from __future__ import annotations

import logging
import math
import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.extras import need
from fastsed.survey.pixels import PixelGrid, pixel_grid
from fastsed.survey.tables import number_column, open_fits, upper_case

if TYPE_CHECKING:
    from astropy.io.fits import HDUList, Header
    from astropy.table import Table
    from astropy.wcs import WCS

log = logging.getLogger(__name__)

# pixel coordinates whose distances to the sources are found at once
_CHUNK = 1 << 22
# sources whose circles are drawn before it is seen again which others have pixels of their own to cover
_SOURCES = 10_000


@dataclass(frozen=True)
class ReferenceImage:
    """An image of the field.

    Attributes
    ----------
    data : ndarray (n_y, n_x)
    wcs : astropy WCS
    original_header : astropy Header, optional
        Of the file.
    """

    data: NDArray[Any]
    wcs: WCS
    original_header: Header | None = None

    def header(self) -> Header:
        """Header of images on the same pixels."""
        return self.wcs.to_header() if self.original_header is None else self.original_header.copy()

    def positions(self, ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions (n, 2) in pixels, (0, 0) at the centre of the first one."""
        sky = np.column_stack([ra, dec])
        positions: NDArray[np.float64] = self.wcs.all_world2pix(sky, 0, quiet=True)
        return positions


def read_image(path: str | os.PathLike[str]) -> ReferenceImage:
    """Read the extension SCI of a FITS file, or the only image there is.

    Raises
    ------
    InputError
        If there is no such image or it has no world coordinates.
    """
    from astropy.wcs import WCS

    with open_fits(path) as hdus, warnings.catch_warnings():
        # old keywords and dates are mended; nothing that a user could do about
        warnings.simplefilter("ignore")
        hdu = hdus[_image_number(hdus, path)]
        wcs = WCS(hdu.header, fobj=hdus)
        if not wcs.has_celestial:
            raise InputError("its image has no celestial coordinates (CTYPE1, CTYPE2)", path)
        data = np.array(hdu.data)
        return ReferenceImage(data.astype(data.dtype.newbyteorder("=")), wcs, hdu.header.copy(strip=True))


def _image_number(hdus: HDUList, path: str | os.PathLike[str]) -> int:
    images = [i for i, hdu in enumerate(hdus) if hdu.is_image and hdu.header.get("NAXIS") == 2]
    named = [i for i in images if hdus[i].name == "SCI"]
    if named or len(images) == 1:
        return (named or images)[0]
    content = f"{len(images)} images, none of them named SCI" if images else "no image"
    raise InputError(f"{content}; the extension to use should be named SCI", path)


@dataclass(frozen=True)
class BackgroundOptions:
    """How the background is measured.

    Attributes
    ----------
    mask_radius : float
        Radius of the circles around sources that are left out, in pixels of the image.
    ann_width : float
        Width of the annulus around each circle in which the background is measured, in pixels.
    cat_filter : (str, float), optional
        Band and magnitude: only sources brighter than this in `BAND_VEGA` are left out.
    npix, pixsize : optional
        Number of pixels of the map in each direction, or their size in arcsec.
    compat : {"beast1", "beast2"}, optional
        Divide by the whole area of the annulus; images with a row and a column of padding.
    """

    mask_radius: float = 30.0
    ann_width: float = 20.0
    cat_filter: tuple[str, float] | None = None
    npix: int | None = None
    pixsize: float | None = None
    compat: str | None = None


@dataclass(frozen=True)
class BackgroundMap:
    """A map of the background and what it comes from.

    Attributes
    ----------
    table : astropy Table
        The catalogue, names in upper case, with columns `indiv_bg` and `bin_median_bg`.
    grid : PixelGrid
    background, n_sources : float64 (n_y, n_x)
        Median of the values of the sources in each pixel (0 without any), and number of sources.
    masked_image : ndarray
        The reference image, 0 where it is left out.
    image_header : astropy Header
    """

    table: Table
    grid: PixelGrid
    background: NDArray[np.float64]
    n_sources: NDArray[np.float64]
    masked_image: NDArray[Any]
    image_header: Header


def background_map(
    table: Table, image: ReferenceImage, options: BackgroundOptions | None = None, **changes: Any
) -> BackgroundMap:
    """Background around each source, and its median in the pixels of a map.

    Parameters
    ----------
    table : astropy Table
        With columns RA, DEC (deg).
    image : ReferenceImage
    options : BackgroundOptions, optional
    **changes
        Attributes of the options, instead of `options`.

    Returns
    -------
    BackgroundMap

    Raises
    ------
    InputError
        If a column is missing, or no map can be made.
    """
    options = BackgroundOptions(**changes) if options is None else options
    if not (options.mask_radius > 0 and options.ann_width > 0):
        raise InputError("the radius of the mask and the width of the annulus must be above 0")
    table = upper_case(table)
    ra, dec = (number_column(table, name) for name in ("RA", "DEC"))
    old = options.compat is not None
    grid = pixel_grid(ra, dec, options.npix, options.pixsize, compat=options.compat)
    grid = PixelGrid(grid.ra_edges, grid.dec_edges, int(old), grid.centred_on_image)
    positions = image.positions(ra, dec)
    bright = positions[_bright(table, options.cat_filter)]
    masked = near_sources(bright, options.mask_radius, image.data.shape) | np.isnan(image.data)
    values = annulus_means(image.data, masked, positions, options, whole_area=old)
    numbers = grid.pixel_numbers(grid.positions(ra, dec))
    medians, counts = group_medians(values, numbers, grid.shape[0] * grid.shape[1], with_nan=old)
    if (counts == 1).any():
        log.warning("%d pixels hold one source only", np.count_nonzero(counts == 1))
    table = table.copy(copy_data=False)
    table["indiv_bg"] = values
    table["bin_median_bg"] = np.where(numbers >= 0, medians[numbers], 0.0)
    return BackgroundMap(
        table,
        grid,
        medians.reshape(grid.shape),
        counts.reshape(grid.shape).astype(float),
        np.where(masked, 0, image.data),
        image.header(),
    )


def _bright(table: Table, cat_filter: tuple[str, float] | None) -> NDArray[np.bool_]:
    if cat_filter is None:
        return np.ones(len(table), dtype=bool)
    band, limit = cat_filter
    name = band.upper() if band.upper().endswith("_VEGA") else f"{band.upper()}_VEGA"
    with np.errstate(invalid="ignore"):
        bright: NDArray[np.bool_] = number_column(table, name, "--cat_filter") < limit
    return bright


def near_sources(positions: NDArray[np.float64], radius: float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels a circle around any source touches.

    Parameters
    ----------
    positions : float64 (n, 2)
        x, y in pixels, (0, 0) at the centre of the first one.
    radius : float
        Pixels.
    shape : (int, int)
        Of the image.
    """
    mask = np.zeros(shape, dtype=bool)
    positions = positions[_near_image(positions, radius + 1, shape)]
    for begin in range(0, len(positions), _SOURCES):
        some = positions[begin : begin + _SOURCES]
        # in a crowded field most circles are covered by those before
        _add_circles(mask, some[_any_in_square(~mask, some, radius + 1)], radius)
    return mask


def _add_circles(mask: NDArray[np.bool_], positions: NDArray[np.float64], radius: float) -> None:
    """Set the pixels of the mask that a circle around any of the positions touches."""
    shape = mask.shape
    n = math.ceil(radius + 0.5)
    offsets = np.arange(-n, n + 1)
    for begin in range(0, len(positions), step := max(1, _CHUNK // len(offsets) ** 2)):
        centres = positions[begin : begin + step]
        nearest = np.rint(centres).astype(np.int64)
        x, y = (nearest[:, i, None] + offsets for i in (0, 1))
        # distance from the source to the nearest point of the pixel
        dx, dy = (np.maximum(np.abs(p - centres[:, i, None]) - 0.5, 0) ** 2 for i, p in enumerate((x, y)))
        touched = dy[:, :, None] + dx[:, None, :] < radius**2
        inside = ((y >= 0) & (y < shape[0]))[:, :, None] & ((x >= 0) & (x < shape[1]))[:, None, :]
        i, j, k = np.nonzero(touched & inside)
        mask[y[i, j], x[i, k]] = True


def _any_in_square(
    left: NDArray[np.bool_], positions: NDArray[np.float64], half_side: float
) -> NDArray[np.bool_]:
    """Whether any pixel is left in a square around each position that is near the image, from sums over the image."""
    n_below = np.zeros((left.shape[0] + 1, left.shape[1] + 1), dtype=np.int64)
    np.cumsum(np.cumsum(left, axis=0, dtype=np.int64), axis=1, out=n_below[1:, 1:])
    first = np.floor(positions - half_side).astype(np.int64)
    last = np.ceil(positions + half_side).astype(np.int64) + 1
    (x1, y1), (x2, y2) = (np.clip(edge, 0, left.shape[::-1]).T for edge in (first, last))
    return np.asarray(n_below[y2, x2] - n_below[y1, x2] - n_below[y2, x1] + n_below[y1, x1] > 0)


def _near_image(positions: NDArray[np.float64], margin: float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    limits = np.array([shape[1], shape[0]]) - 0.5 + margin
    with np.errstate(invalid="ignore"):
        return np.asarray(((positions > -0.5 - margin) & (positions < limits)).all(axis=1))


def annulus_means(
    data: NDArray[Any],
    masked: NDArray[np.bool_],
    positions: NDArray[np.float64],
    options: BackgroundOptions,
    whole_area: bool = False,
) -> NDArray[np.float64]:
    """Mean of the image in an annulus around each source; the overlap with each pixel is exact.

    Parameters
    ----------
    data, masked : (n_y, n_x)
        The image and which of its pixels are left out.
    positions : float64 (n, 2)
        x, y in pixels.
    options : BackgroundOptions
    whole_area : bool
        Divide by the area of the annulus, not by that of its pixels that are left.

    Returns
    -------
    float64 (n,)
        NaN where no pixel is left.
    """
    aperture = need("photutils.aperture", "the background")
    inner, outer = options.mask_radius, options.mask_radius + options.ann_width
    values = np.full(len(positions), np.nan)
    weight = (~masked).astype(float)
    flux = np.where(masked, 0.0, data).astype(float)
    measurable = _near_image(positions, outer + 1, data.shape)
    if not whole_area:
        measurable[measurable] = _any_in_square(~masked, positions[measurable], outer + 1)
    for i in np.flatnonzero(measurable):
        annulus = aperture.CircularAnnulus(positions[i], inner, outer)
        overlap = annulus.to_mask(method="exact")
        image, cutout = overlap.get_overlap_slices(data.shape)
        if image is None:
            continue
        exact = overlap.data[cutout]
        area = annulus.area if whole_area else np.sum(exact * weight[image])
        if area > 0:
            values[i] = np.sum(exact * flux[image]) / area
    return values


def group_medians(
    values: NDArray[np.float64], groups: NDArray[np.int64], n_group: int, with_nan: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Median of the values of each group, and number of members.

    Parameters
    ----------
    values : float64 (n,)
    groups : int64 (n,)
        Group of each; negative for none.
    n_group : int
    with_nan : bool
        A NaN makes the median NaN; by default it is left out (and the median NaN if nothing else is there).

    Returns
    -------
    medians : float64 (n_group,)
        0 for groups without members.
    counts : int64 (n_group,)
    """
    member = groups >= 0
    counts = np.bincount(groups[member], minlength=n_group)
    invalid = np.bincount(groups[member & np.isnan(values)], minlength=n_group)
    kept = member & ~np.isnan(values)
    order = np.lexsort([values[kept], groups[kept]])
    ordered = values[kept][order]
    n = np.bincount(groups[kept], minlength=n_group)
    first = np.cumsum(n) - n
    medians = np.where(counts > 0, np.nan, 0.0)
    some = n > 0
    low, high = (first + (n - 1) // 2)[some], (first + n // 2)[some]
    medians[some] = (ordered[low] + ordered[high]) / 2
    if with_nan:
        medians[invalid > 0] = np.nan
    return medians, counts
