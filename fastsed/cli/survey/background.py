"""`fastsed-survey background`: a catalogue and an image in; a map of the background, and the catalogue with it, out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.options import add_catalog, add_compat, add_pixels, catalog, report
from fastsed.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    add_catalog(parser)
    parser.add_argument(
        *("-reference", "--reference"),
        required=True,
        metavar="IMAGE",
        help="FITS image of the field; its extension SCI is used",
    )
    add_pixels(parser)
    parser.add_argument(
        "--mask_radius",
        type=float,
        default=30.0,
        metavar="PIXELS",
        help="radius around sources that is left out (default: %(default)g)",
    )
    parser.add_argument(
        "--ann_width",
        type=float,
        default=20.0,
        metavar="PIXELS",
        help="width of the annulus around that circle (default: %(default)g)",
    )
    parser.add_argument(
        "--cat_filter",
        nargs=2,
        metavar=("BAND", "MAG"),
        help="leave out only sources that are brighter than MAG in the column BAND_VEGA",
    )
    parser.add_argument("--plot", action="store_true", help="also write a picture of the maps (PNG)")
    add_compat(parser)


def run(arguments: argparse.Namespace) -> None:
    """Measure the background and write the products beside the catalogue."""
    from fastsed.survey.background import BackgroundOptions, background_map, read_image
    from fastsed.survey.map_files import write_background
    from fastsed.survey.tables import named, read_table

    path = catalog(arguments)
    options = BackgroundOptions(
        mask_radius=arguments.mask_radius,
        ann_width=arguments.ann_width,
        cat_filter=_cat_filter(arguments.cat_filter),
        npix=arguments.npix,
        pixsize=arguments.pixsize,
        compat=arguments.compat,
    )
    table, image = read_table(path), read_image(arguments.reference)
    with named(path):
        result = background_map(table, image, options)
    written = write_background(result, path)
    if arguments.plot:
        from fastsed.survey.map_plots import plot_background

        written.append(plot_background(result, path))
    report(written)


def _cat_filter(words: list[str] | None) -> tuple[str, float] | None:
    if words is None:
        return None
    try:
        return words[0], float(words[1])
    except ValueError:
        raise UsageError(f"--cat_filter {' '.join(words)}: {words[1]!r} is not a magnitude") from None
