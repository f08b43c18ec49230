"""`fastsed-survey sourceden`: a catalogue in; maps of source density, and the catalogue with it, out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.options import add_catalog, add_compat, add_pixels, catalog, report


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    add_catalog(parser)
    add_pixels(parser)
    parser.add_argument(
        "--mag_name",
        default="F475W_VEGA",
        metavar="COLUMN",
        help="column of magnitudes (default: %(default)s)",
    )
    parser.add_argument(
        "--mag_cut",
        type=float,
        nargs=2,
        default=[24.5, 27.0],
        metavar=("MIN", "MAX"),
        help="count sources between these magnitudes (default: 24.5 27)",
    )
    parser.add_argument("--flag_name", metavar="COLUMN", help="count only sources whose flag is below 99")
    parser.add_argument(
        "--diffSpike", metavar="COLUMN", help="drop rows whose diffraction spike flag is not 0"
    )
    parser.add_argument(
        *("-erode_boundary", "--erode_boundary"),
        type=float,
        default=0.0,
        metavar="ARCSEC",
        help="shrink the limits of the map on each side",
    )
    parser.add_argument(
        "--zero_maps", action="store_true", help="also write maps of the number of sources with zero flux"
    )
    parser.add_argument("--plot", action="store_true", help="also write a picture of the map (PNG)")
    add_compat(parser)


def run(arguments: argparse.Namespace) -> None:
    """Make the maps and write them beside the catalogue."""
    from fastsed.survey.map_files import write_density
    from fastsed.survey.maps import DensityOptions, source_density
    from fastsed.survey.tables import named, read_table

    path = catalog(arguments)
    options = DensityOptions(
        mag_name=arguments.mag_name,
        mag_cut=tuple(arguments.mag_cut),
        flag_name=arguments.flag_name,
        spike_name=arguments.diffSpike,
        npix=arguments.npix,
        pixsize=arguments.pixsize,
        erode=arguments.erode_boundary,
        compat=arguments.compat,
    )
    table = read_table(path)
    with named(path):
        result = source_density(table, options)
    written = write_density(result, path, arguments.compat, arguments.zero_maps)
    if arguments.plot:
        from fastsed.survey.map_plots import plot_density

        written.append(plot_density(result, path))
    report(written)
