"""`fastsed-survey split`: a catalogue in; files for each source density, and sub files sorted by flux, out."""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING

from fastsed.cli.survey.options import add_compat, report
from fastsed.errors import UsageError
from fastsed.text import whole_number

if TYPE_CHECKING:
    from pathlib import Path

    from astropy.table import Table

    from fastsed.survey.splitting import Part, SubFiles
    from fastsed.survey.tiles import Binning, TileMap

log = logging.getLogger("fastsed.survey")


def _number_or_none(text: str) -> int | None:
    if text.lower() == "none":
        return None
    number = whole_number(text)
    if not number:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number above 0 nor none")
    return number


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument("catalog", metavar="CAT", help="catalogue with source densities or positions")
    parser.add_argument(
        "--map",
        metavar="MAP",
        help="*_map.hd5 whose bins count (default: integers of the column SourceDensity)",
    )
    parser.add_argument("--ast", metavar="FILE", help="artificial stars to split by the same map")
    parser.add_argument(
        "--n_per_file",
        type=_number_or_none,
        default=6250,
        metavar="N",
        help="sources in a sub file, or none (default: 6250)",
    )
    parser.add_argument(
        "--min_n_subfile", type=_number_or_none, metavar="M", help="at least so many sub files in each bin"
    )
    parser.add_argument(
        "--sort_col",
        default="F475W_RATE",
        metavar="COLUMN",
        help="sort sub files by it (default: %(default)s)",
    )
    bins = parser.add_argument_group("bins of a map (default: each tile is a bin of its own)")
    bins.add_argument("--sd_binmode", choices=["linear", "log"], default="linear")
    bins.add_argument("--sd_Nbins", type=int, metavar="N", help="number of bins")
    bins.add_argument("--sd_binwidth", type=float, metavar="W", help="width of linear bins")
    bins.add_argument("--sd_custom", type=float, nargs="+", metavar="E", help="edges of bins")
    parser.add_argument(
        "--no_positions",
        action="store_true",
        help="a simulated catalogue: one bin, rows numbered in beast_idx",
    )
    add_compat(parser)


def run(arguments: argparse.Namespace) -> None:
    """Split the catalogue, and the artificial stars."""
    from fastsed.survey.splitting import SubFiles
    from fastsed.survey.tables import read_table

    _check(arguments)
    old = arguments.compat == "beast1"
    sub_files = SubFiles(arguments.sort_col, arguments.n_per_file, arguments.min_n_subfile, extra_file=old)
    table = read_table(arguments.catalog)
    if arguments.no_positions:
        report(_split_simulated(arguments, table, sub_files))
        return
    tiles = None
    if arguments.map:
        from fastsed.survey.tiles import read_map

        tiles = read_map(arguments.map)
    report(_split(arguments, table, sub_files, tiles))


def _check(arguments: argparse.Namespace) -> None:
    if arguments.ast and not arguments.map:
        raise UsageError("--ast needs --map: the map says which density is where")
    if arguments.no_positions and (arguments.map or arguments.ast):
        raise UsageError("--no_positions: a catalogue without positions cannot be split by a map")
    numbers = [arguments.sd_Nbins, arguments.sd_binwidth, arguments.sd_custom]
    if not arguments.map and any(option is not None for option in numbers):
        raise UsageError("--sd_Nbins, --sd_binwidth and --sd_custom are for the bins of a --map")


def _split_simulated(arguments: argparse.Namespace, table: Table, sub_files: SubFiles) -> list[Path]:
    import numpy as np

    from fastsed.survey.split_files import write_manifest, write_parts
    from fastsed.survey.splitting import sort_values, split_rows
    from fastsed.survey.tables import named

    with named(arguments.catalog):
        flux = sort_values(table, arguments.sort_col)
        parts = split_rows(["bin0"], np.zeros(len(table), dtype=np.int64), flux, sub_files)
    table["beast_idx"] = np.arange(len(table))
    written = write_parts(table, parts, arguments.catalog, whole_bins=False)
    return [*written, write_manifest(table, parts, arguments.catalog)]


def _split(
    arguments: argparse.Namespace, table: Table, sub_files: SubFiles, tiles: TileMap | None
) -> list[Path]:
    import numpy as np

    from fastsed.survey.split_files import write_manifest, write_parts
    from fastsed.survey.splitting import density_bins, map_bins, sort_values, split_rows
    from fastsed.survey.tables import named

    by_density = tiles is None or arguments.compat == "beast1"
    binning, as_beast = _binning(arguments), arguments.compat is not None
    with named(arguments.catalog):
        if by_density or tiles is None:
            tags, bins = density_bins(table)
        else:
            tags, bins = map_bins(table, tiles, binning, as_beast)
        parts = split_rows(tags, bins, sort_values(table, arguments.sort_col), sub_files)
    if arguments.compat is None and "row_id" not in table.colnames:
        table["row_id"] = np.arange(len(table))
    written = write_parts(table, parts, arguments.catalog)
    written.append(write_manifest(table, parts, arguments.catalog))
    if arguments.ast and tiles is not None:
        written += _split_stars(arguments, tiles, binning, parts)
    return written


def _binning(arguments: argparse.Namespace) -> Binning:
    from fastsed.survey.tiles import Binning

    edges = tuple(arguments.sd_custom) if arguments.sd_custom is not None else None
    return Binning(arguments.sd_binmode, arguments.sd_Nbins, arguments.sd_binwidth, edges)


def _split_stars(
    arguments: argparse.Namespace, tiles: TileMap, binning: Binning, parts: list[Part]
) -> list[Path]:
    from fastsed.survey.split_files import write_stars
    from fastsed.survey.splitting import bin_rows, map_bins, stars_in_tiles
    from fastsed.survey.tables import named, read_table

    stars = read_table(arguments.ast)
    with named(arguments.ast):
        if arguments.compat == "beast1":
            rows = stars_in_tiles(stars, tiles)
        else:
            rows = dict(bin_rows(*map_bins(stars, tiles, binning, arguments.compat is not None)))
    without = [part.tag for part in parts if not len(rows.get(part.tag, ()))]
    if without:
        log.warning("%s: no artificial star for the sources of %s", arguments.ast, ", ".join(without))
    return write_stars(stars, rows, arguments.ast)
