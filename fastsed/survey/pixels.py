"""Pixels of a map on the sky: limits of a catalogue and a size in, edges, world coordinates and pixel numbers out."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.errors import InputError

if TYPE_CHECKING:
    from astropy.wcs import WCS

log = logging.getLogger(__name__)

DEFAULT_NPIX = 10
# more would not fit an attribute of an HDF5 file
MAX_PIXELS = 8000


@dataclass(frozen=True)
class PixelGrid:
    """Edges of pixels in right ascension and declination.

    Attributes
    ----------
    ra_edges, dec_edges : float64 (n_x + 1,), (n_y + 1,)
        In degrees, ascending; right ascensions below 0 where the field lies across 0.
    padding : int
        Rows and columns that images have beyond the last edges (0 or 1, as in some versions of BEAST).
    centred_on_image : bool
        Whether the middle of the edges is the centre of the padded image (1.3.2) or of the pixels.
    """

    ra_edges: NDArray[np.float64]
    dec_edges: NDArray[np.float64]
    padding: int = 0
    centred_on_image: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Rows (declination) and columns (right ascension) of an image."""
        return len(self.dec_edges) - 1 + self.padding, len(self.ra_edges) - 1 + self.padding

    def wcs(self) -> WCS:
        """World coordinates of the images: a tangential projection whose x follows right ascension."""
        from astropy.wcs import WCS

        ra0 = (self.ra_edges[0] + self.ra_edges[-1]) / 2
        dec0 = (self.dec_edges[0] + self.dec_edges[-1]) / 2
        extra = self.padding if self.centred_on_image else 0
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.crval = [ra0, dec0]
        wcs.wcs.crpix = [(len(edges) - 1 + extra) / 2 + 0.5 for edges in (self.ra_edges, self.dec_edges)]
        wcs.wcs.cdelt = [
            abs((self.ra_edges[1] - self.ra_edges[0]) * math.cos(math.radians(dec0))),
            self.dec_edges[1] - self.dec_edges[0],
        ]
        wcs.wcs.set()
        return wcs

    def pixel_area(self) -> float:
        """Area of a pixel in arcsec^2."""
        return float(np.prod(self.wcs().wcs.cdelt)) * 3600**2

    def positions(self, ra: ArrayLike, dec: ArrayLike) -> NDArray[np.float64]:
        """Positions (n, 2) in pixels, (0, 0) at the lower corner of the first one."""
        sky = np.column_stack([np.asarray(ra, dtype=float), np.asarray(dec, dtype=float)])
        positions: NDArray[np.float64] = self.wcs().wcs_world2pix(sky, 1) - 0.5
        return positions

    def pixel_numbers(self, positions: NDArray[np.float64]) -> NDArray[np.int64]:
        """Number (row * columns + column) of the pixel of each position; -1 outside.

        A position on the edge between two pixels belongs to the first of them, so one on the very first edge belongs
        to none.
        """
        rows, columns = self.shape
        with np.errstate(invalid="ignore"):
            xy = np.ceil(positions) - 1
            inside = ((xy >= 0) & (xy < [columns, rows])).all(axis=1)
        numbers = np.full(len(positions), -1, dtype=np.int64)
        x, y = xy[inside].astype(np.int64).T
        numbers[inside] = y * columns + x
        return numbers


def unwrapped(ra: ArrayLike) -> NDArray[np.float64]:
    """Right ascensions without the jump at 0 of a field that lies across it."""
    values = np.asarray(ra, dtype=float)
    with np.errstate(invalid="ignore"):
        if np.ptp(values[np.isfinite(values)], axis=0) > 180 if np.isfinite(values).any() else False:
            return np.where(values > 180, values - 360, values)
    return values


def pixel_grid(
    ra: ArrayLike,
    dec: ArrayLike,
    npix: int | None = None,
    pixsize: float | None = None,
    erode: float = 0.0,
    compat: str | None = None,
) -> PixelGrid:
    """Pixels that cover a catalogue.

    Parameters
    ----------
    ra, dec : array_like (n,)
        Degrees.
    npix : int, optional
        Pixels in each direction; 10 if `pixsize` is not given either.
    pixsize : float, optional
        Size of the pixels in arcsec.
    erode : float
        Shrinks the limits by so many arcsec on each side.
    compat : {"beast1", "beast2"}, optional
        `beast1`: as BEAST 1.3.2 does (number of pixels rounded, images with a row and a column of padding).

    Raises
    ------
    InputError
        If there are no positions, both sizes are given, or the limits hold no pixel.
    """
    ra, dec = unwrapped(ra), np.asarray(dec, dtype=float)
    finite = np.isfinite(ra) & np.isfinite(dec)
    if not finite.any():
        raise InputError("no source has a position (RA, DEC)")
    if not finite.all():
        log.warning("%d sources without a position belong to no pixel", np.count_nonzero(~finite))
    if npix is not None and pixsize is not None:
        raise InputError("give either the number of pixels (npix) or their size (pixsize)")
    limits = np.array([[v[finite].min(), v[finite].max()] for v in (ra, dec)])
    if limits[1, 0] < -90 or limits[1, 1] > 90:
        raise InputError(
            f"declinations from {limits[1, 0]:g} to {limits[1, 1]:g} deg; they should be in degrees"
        )
    inner = limits + np.array([erode, -erode]) / 3600
    spans = inner[:, 1] - inner[:, 0]
    if (spans < 0).any() or (pixsize is None and (spans == 0).any()):
        raise InputError(
            f"no area is left of the field of {_size(limits)} arcsec"
            + (f" eroded by {erode:g} arcsec" if erode else "")
        )
    edges = (
        _edges_of_number(inner, DEFAULT_NPIX if npix is None else npix)
        if pixsize is None
        else _edges_of_size(limits, inner[:, 0], pixsize, compat == "beast1")
    )
    if max(map(len, edges)) > MAX_PIXELS:
        raise InputError(
            f"{len(edges[0]) - 1} x {len(edges[1]) - 1} pixels; at most {MAX_PIXELS} in each direction are possible"
        )
    old = compat == "beast1"
    return PixelGrid(edges[0], edges[1], padding=int(old), centred_on_image=old)


def _size(limits: NDArray[np.float64]) -> str:
    ra, dec = np.ptp(limits, axis=1) * 3600
    return f"{ra * math.cos(math.radians(limits[1].mean())):.3g} x {dec:.3g}"


def _edges_of_number(limits: NDArray[np.float64], npix: int) -> list[NDArray[np.float64]]:
    if npix < 1:
        raise InputError(f"{npix} pixels; at least 1 is needed")
    return [np.linspace(low, high, npix + 1) for low, high in limits]


def _edges_of_size(
    limits: NDArray[np.float64], start: NDArray[np.float64], pixsize: float, rounded: bool
) -> list[NDArray[np.float64]]:
    if not pixsize > 0:
        raise InputError(f"pixels of {pixsize:g} arcsec; the size must be above 0")
    step_dec = pixsize / 3600
    steps = [step_dec / math.cos(math.radians((limits[1, 0] + limits[1, 1]) / 2)), step_dec]
    edges = []
    for (low, high), first, step in zip(limits, start, steps, strict=True):
        n = (high - low) / step
        edges.append(first + np.arange(max(1, round(n) if rounded else math.ceil(n)) + 1) * step)
    return edges
