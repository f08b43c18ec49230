"""Positions for artificial stars: a catalogue's footprint and a map in; positions in each bin of the map out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.extras import need
from fastsed.survey.maps import convex_hull
from fastsed.survey.tiles import TileMap

if TYPE_CHECKING:
    from astropy.wcs import WCS

log = logging.getLogger(__name__)

SPREAD = 3.0  # pixels beyond the smallest distance from a star
ROUNDS = 200  # of draws until a bin counts as lying outside


@dataclass(frozen=True)
class Footprint:
    """Where artificial stars may be put: a polygon around a centre.

    Attributes
    ----------
    ra, dec : float
        Centre [deg].
    polygon : shapely geometry
        In arcsec east and north of the centre.
    """

    ra: float
    dec: float
    polygon: Any

    @classmethod
    def of(
        cls, ra: Floats, dec: Floats, erode: float = 0.0, boundary: tuple[ArrayLike, ArrayLike] | None = None
    ) -> Footprint:
        """The convex hull of sources, eroded, and within a boundary.

        Parameters
        ----------
        ra, dec : float64 (n,)
            Sources [deg].
        erode : float
            Width that the hull loses [arcsec].
        boundary : (ra, dec), optional
            Corners of another polygon, in their order [deg].

        Raises
        ------
        InputError
            If nothing is left.
        """
        shapely = need("shapely", "the footprint of artificial stars")
        centre = float(np.mean(ra)), float(np.mean(dec))
        hull = convex_hull(_offsets(ra, dec, *centre))
        if hull is None:
            raise InputError("the sources span no area to put artificial stars in")
        polygon = shapely.Polygon(hull).buffer(-erode)
        if boundary is not None:
            corners = _offsets(np.asarray(boundary[0], float), np.asarray(boundary[1], float), *centre)
            polygon = polygon.intersection(shapely.Polygon(corners).buffer(0))
        if polygon.is_empty:
            raise InputError("nothing is left of the footprint of the catalogue to put artificial stars in")
        return cls(*centre, polygon)

    def contains(self, ra: Floats, dec: Floats) -> NDArray[np.bool_]:
        """Whether positions [deg] lie inside."""
        shapely = need("shapely", "the footprint of artificial stars")
        x, y = _offsets(ra, dec, self.ra, self.dec).T
        return np.asarray(shapely.contains_xy(self.polygon, x, y))


def _offsets(ra: Floats, dec: Floats, ra0: float, dec0: float) -> Floats:
    """Arcsec east and north of a centre (n, 2)."""
    east = (ra - ra0 + 180.0) % 360.0 - 180.0
    return np.column_stack([3600.0 * np.cos(np.radians(dec0)) * east, 3600.0 * (dec - dec0)])


def positions_in_bins(
    tiles: TileMap, bins: NDArray[np.int64], footprint: Footprint, n: int, seed: int
) -> list[tuple[int, Floats]]:
    """`n` random positions in the tiles of each bin of a map, inside of the footprint.

    Tiles are as likely as each other, as in BEAST. A bin whose tiles lie outside is left out, with a warning.

    Parameters
    ----------
    tiles : TileMap
    bins : int64 (n_tiles,)
        Bin of each tile.
    footprint : Footprint
    n : int
    seed : int

    Returns
    -------
    list of (bin, float64 (n, 2))
        Ra and Dec [deg].

    Raises
    ------
    InputError
        If all tiles lie outside.
    """
    placed, random = [], np.random.default_rng(seed)
    for number in np.unique(bins):
        positions = _inside_tiles(tiles, np.flatnonzero(bins == number), footprint, n, random)
        if positions is None:
            log.warning(
                "bin %d of the map lies outside of the footprint: it gets no artificial stars", number
            )
        else:
            placed.append((int(number), positions))
    if not placed:
        raise InputError("no tile of the map lies inside of the footprint of the catalogue")
    return placed


def _inside_tiles(
    tiles: TileMap, numbers: NDArray[np.intp], footprint: Footprint, n: int, random: np.random.Generator
) -> Floats | None:
    n_dec = len(tiles.dec_edges) - 1
    parts: list[Floats] = []
    missing = n
    for _ in range(ROUNDS):
        draws = max(2 * missing, 1000)
        i_ra, i_dec = np.divmod(random.choice(numbers, draws), n_dec)
        ra, dec = (
            edges[i] + random.random(draws) * (edges[i + 1] - edges[i])
            for edges, i in ((tiles.ra_edges, i_ra), (tiles.dec_edges, i_dec))
        )
        inside = footprint.contains(ra, dec)
        parts.append(np.column_stack([ra, dec])[inside][:missing])
        missing -= len(parts[-1])
        if missing == 0:
            return np.concatenate(parts)
    return None


def positions_beside_stars(x: Floats, y: Floats, n: int, separation: float, seed: int) -> Floats:
    """Pixels at a distance of `separation` to `separation` + 3 from random stars, in random directions.

    Stars nearer to the edge of the field than that are not used.

    Returns
    -------
    float64 (n, 2)

    Raises
    ------
    InputError
        If no star is far enough from the edges.
    """
    margin = separation + SPREAD
    inner = np.ones(len(x), dtype=bool)
    for values in (x, y):
        inner &= (values > values.min() + margin) & (values < values.max() - margin)
    if not inner.any():
        raise InputError(f"no star is more than {margin:g} pixels from the edge of the field")
    random = np.random.default_rng(seed)
    stars = random.integers(0, inner.sum(), n)
    radius, angle = separation + SPREAD * random.random(n), 2.0 * np.pi * random.random(n)
    return np.column_stack(
        [x[inner][stars] + radius * np.cos(angle), y[inner][stars] + radius * np.sin(angle)]
    )


def read_wcs(path: str | Path, extension: int | str | None = None) -> WCS:
    """The world coordinates of an image: of `extension`, else of SCI, else of the first HDU that has some.

    Raises
    ------
    InputError
        If the image cannot be read or has no celestial coordinates.
    """
    import warnings

    from astropy.io import fits
    from astropy.wcs import WCS

    from fastsed.survey.tables import open_fits

    with open_fits(path) as hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names: Sequence[Any] = [extension] if extension is not None else ["SCI", *range(len(hdus))]
        for name in names:
            try:
                wcs = WCS(hdus[name].header)
            except (KeyError, IndexError, ValueError, fits.VerifyError):
                continue
            if wcs.has_celestial:
                return wcs.celestial
    raise InputError("has no image with celestial coordinates", path)
