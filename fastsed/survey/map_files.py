"""Products of the maps: a map in, FITS images, catalogues and `*_map.hd5` out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fastsed.survey.maps import DensityMap, measured_in_all_bands
from fastsed.survey.tables import stem, write_image, write_table
from fastsed.survey.tiles import TileMap, write_map

if TYPE_CHECKING:
    from fastsed.survey.background import BackgroundMap


def write_density(
    result: DensityMap, catalog: str | os.PathLike[str], compat: str | None = None, zero_maps: bool = False
) -> list[Path]:
    """Write the products of `sourceden` beside the catalogue.

    Parameters
    ----------
    result : DensityMap
    catalog : path-like
        Whose name without suffix begins the names of the products.
    compat : {"beast1", "beast2"}, optional
        `beast1`: names of release 1.3.2, and only sources with a flux in all bands in `_with_sourceden.fits`.
    zero_maps : bool
        Write the maps of sources without flux.

    Returns
    -------
    list of Path
        Of the files written.
    """
    start = stem(catalog)
    header = result.grid.wcs().to_header()
    images = {f"{start}_source_den_image.fits": result.density}
    old = compat == "beast1"
    if zero_maps or old:
        images[f"{start}_npts_zero_fluxes_image.fits"] = result.zero_fluxes[""]
        between = "" if old else "_npts_zero_fluxes_"
        bands = {name: image for name, image in result.zero_fluxes.items() if name}
        images |= {f"{start}{between}{name}_image.fits": image for name, image in bands.items()}
    for path, image in images.items():
        write_image(image, header, path)
    tables = {f"{start}_with_sourceden.fits": result.table}
    if old:
        tables = {
            f"{start}_with_sourceden_inc_zerofluxes.fits": result.table,
            f"{start}_with_sourceden.fits": result.table[measured_in_all_bands(result.table)],
        }
    for path, table in tables.items():
        write_table(table, path)
    write_map(TileMap.of_image(result.grid, result.density), f"{start}_sourceden_map.hd5")
    return [Path(path) for path in (*images, *tables, f"{start}_sourceden_map.hd5")]


def write_background(
    result: BackgroundMap, catalog: str | os.PathLike[str], folder: str | os.PathLike[str] = "."
) -> list[Path]:
    """Write the products of `background` beside the catalogue; `masked_reference_image.fits` goes into `folder`.

    Returns
    -------
    list of Path
        Of the files written.
    """
    start = stem(catalog)
    header = result.grid.wcs().to_header()
    masked = Path(folder) / "masked_reference_image.fits"
    write_image(result.masked_image, result.image_header, masked)
    write_image(result.background, header, f"{start}_background.fits")
    write_image(result.n_sources, header, f"{start}_nsources.fits")
    write_table(result.table, f"{start}_with_bg.fits")
    write_map(TileMap.of_image(result.grid, result.background), f"{start}_background_map.hd5")
    ends = ("background.fits", "nsources.fits", "with_bg.fits", "background_map.hd5")
    return [masked, *(Path(f"{start}_{end}") for end in ends)]
