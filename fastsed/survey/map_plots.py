"""Pictures of maps: a map (and an image of the field) in, a PNG or PDF out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.extras import need
from fastsed.figure_style import save_figure
from fastsed.survey.tables import stem
from fastsed.survey.tiles import TileMap

if TYPE_CHECKING:
    from fastsed.survey.background import BackgroundMap, ReferenceImage
    from fastsed.survey.maps import DensityMap

# perceptually uniform, and distinguishable with any kind of colour vision
COLORS = "viridis"
DPI = 150


def _figure(**size: Any) -> Any:
    """A figure that needs no display."""
    need("matplotlib", "a picture")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained", **size)
    FigureCanvasAgg(figure)
    return figure


def _draw_tiles(figure: Any, axes: Any, tiles: TileMap, label: str, blank_zero: bool = False) -> None:
    """A map in right ascension (to the left) and declination (to the top)."""
    values = tiles.values.T
    values = np.where(values == 0, np.nan, values) if blank_zero else values
    mesh = axes.pcolormesh(tiles.ra_edges, tiles.dec_edges, values, cmap=COLORS, rasterized=True)
    axes.set_xlim(tiles.ra_edges[-1], tiles.ra_edges[0])
    axes.set_ylim(tiles.dec_edges[0], tiles.dec_edges[-1])
    axes.set_aspect(1 / np.cos(np.radians(tiles.dec_edges.mean())))
    axes.set_facecolor("0.85")
    axes.ticklabel_format(useOffset=False)
    axes.locator_params(nbins=4)
    axes.set_xlabel("right ascension [deg]")
    axes.set_ylabel("declination [deg]")
    figure.colorbar(mesh, ax=axes, label=label, shrink=0.85)


def plot_density(result: DensityMap, catalog: str | os.PathLike[str]) -> Path:
    """Draw a map of source densities, and how many sources have which; `<stem>_source_den.png`.

    Raises
    ------
    InputError
        If matplotlib is not installed or the file cannot be written.
    """
    figure = _figure(figsize=(11, 4.5))
    left, right = figure.subplots(1, 2, width_ratios=[1.3, 1])
    label = "source density [arcsec$^{-2}$]"
    _draw_tiles(figure, left, TileMap.of_image(result.grid, result.density), label, blank_zero=True)
    left.set_title("pixels without a density are grey", fontsize="small")
    _histogram(right, np.asarray(result.table["SourceDensity"]), label)
    return save_figure(figure, f"{stem(catalog)}_source_den.png", DPI)


def plot_background(result: BackgroundMap, catalog: str | os.PathLike[str]) -> Path:
    """Draw the map of the background, the sources per pixel and the individual values; `<stem>_background.png`.

    Raises
    ------
    InputError
        If matplotlib is not installed or the file cannot be written.
    """
    figure = _figure(figsize=(16, 4.5))
    first, second, third = figure.subplots(1, 3, width_ratios=[1.3, 1.3, 1])
    label = "background [units of the image]"
    _draw_tiles(figure, first, TileMap.of_image(result.grid, result.background), f"median {label}")
    _draw_tiles(figure, second, TileMap.of_image(result.grid, result.n_sources), "number of sources")
    _histogram(third, np.asarray(result.table["indiv_bg"]), label)
    return save_figure(figure, f"{stem(catalog)}_background.png", DPI)


def _histogram(axes: Any, values: NDArray[np.float64], label: str) -> None:
    values = values[np.isfinite(values)]
    axes.hist(values, bins=min(50, max(1, len(np.unique(values)))), color="#0072b2")
    axes.set_xlabel(label)
    axes.set_ylabel("number of sources")


def plot_tiles_on_image(
    tiles: TileMap,
    image: ReferenceImage,
    path: str | os.PathLike[str],
    label: str = "",
    dpi: float = DPI,
) -> Path:
    """Draw the tiles of a map, half transparent, on an image of the field.

    Parameters
    ----------
    tiles : TileMap
    image : ReferenceImage
    path : path-like
        Its suffix says which format.
    label : str
        What the values are.
    dpi : float

    Raises
    ------
    InputError
        If matplotlib is not installed, the image is empty, or the file cannot be written.
    """
    need("matplotlib", "a picture")
    from matplotlib.collections import PolyCollection

    if not dpi > 0:
        raise InputError(f"{dpi:g} dots per inch; it must be above 0")
    if not np.isfinite(image.data).any():
        raise InputError("the image has no valid pixel")
    height = 6.5 * image.data.shape[0] / image.data.shape[1]
    figure = _figure(figsize=(8, min(max(height, 3), 12)))
    axes = figure.add_subplot(projection=image.wcs)
    low, high = np.nanpercentile(image.data, [16, 99])
    axes.imshow(image.data, cmap="gray_r", vmin=low, vmax=high, origin="lower", interpolation="nearest")
    polygons = PolyCollection(
        list(_corners(tiles, image)), cmap=COLORS, alpha=0.3, edgecolors="face", linewidths=0.3
    )
    polygons.set_array(tiles.values.ravel())
    axes.add_collection(polygons)
    axes.set_xlabel("right ascension")
    axes.set_ylabel("declination")
    figure.colorbar(polygons, ax=axes, shrink=0.85, label=label or "background (arbitrary units)")
    return save_figure(figure, path, dpi)


def _corners(tiles: TileMap, image: ReferenceImage) -> NDArray[np.float64]:
    """Corners (n_tile, 4, 2) of the tiles in pixels of the image."""
    ra, dec = np.meshgrid(tiles.ra_edges, tiles.dec_edges, indexing="ij")
    nodes = image.positions(ra.ravel(), dec.ravel()).reshape(*ra.shape, 2)
    four = [nodes[:-1, :-1], nodes[1:, :-1], nodes[1:, 1:], nodes[:-1, 1:]]
    return np.stack(four, axis=2).reshape(-1, 4, 2)
