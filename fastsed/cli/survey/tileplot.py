"""`fastsed-survey tileplot`: a map and an image of the field in, a picture of both out."""

from __future__ import annotations

import argparse
from pathlib import Path

from fastsed.cli.survey.options import report


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument("map", metavar="MAP", help="map of source density or background (*_map.hd5)")
    parser.add_argument(
        *("-image", "--image"), required=True, metavar="IMAGE", help="FITS image; its extension SCI is used"
    )
    parser.add_argument("--colorbar", default="", metavar="LABEL", help="what the values are")
    parser.add_argument("--dpi", type=float, default=150.0, help="dots per inch (default: %(default)g)")
    parser.add_argument(
        *("-o", "--output"),
        metavar="FILE",
        help="picture (.pdf, .png, .svg; default: name of the map and _plot_overlay.pdf)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Draw the map on the image."""
    from fastsed.survey.background import read_image
    from fastsed.survey.map_plots import plot_tiles_on_image
    from fastsed.survey.tiles import read_map

    output = arguments.output or f"{Path(arguments.map).stem}_plot_overlay.pdf"
    tiles, image = read_map(arguments.map), read_image(arguments.image)
    report([plot_tiles_on_image(tiles, image, output, arguments.colorbar, arguments.dpi)])
