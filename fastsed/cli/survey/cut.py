"""`fastsed-survey cut`: photometry and artificial stars in, those measured in all bands out."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from fastsed.cli.survey.options import report
from fastsed.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from astropy.table import Table
    from numpy.typing import NDArray

log = logging.getLogger("fastsed.survey")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument("input", metavar="IN", help="catalogue with columns BAND_VEGA and BAND_RATE")
    parser.add_argument("output", metavar="OUT", help="the same without the sources that are cut")
    parser.add_argument("--input_ast_file", metavar="FILE", help="artificial stars, to be cut likewise")
    parser.add_argument("--output_ast_file", metavar="FILE", help="those inside the area of the catalogue")
    parser.add_argument(
        "--partial_overlap",
        action="store_true",
        help="cut sources with zero flux in some bands but not in all",
    )
    parser.add_argument(
        "--flagged", action="store_true", help="cut sources with zero flux in any band of --flag_filter"
    )
    parser.add_argument("--flag_filter", nargs="+", default=[], metavar="BAND", help="bands, such as F475W")
    parser.add_argument(
        "--region_file", action="store_true", help="write IN.reg for ds9: kept sources green, others magenta"
    )
    parser.add_argument("--no_write", action="store_true", help="write no catalogue (with --region_file)")


def run(arguments: argparse.Namespace) -> None:
    """Cut the catalogue, then the artificial stars."""
    from fastsed.survey.cuts import inside_hull, kept_rows
    from fastsed.survey.tables import named, read_table

    _check(arguments)
    _keep_inputs(arguments)
    filters = arguments.flag_filter if arguments.flagged else []
    table = read_table(arguments.input)
    with named(arguments.input):
        kept = kept_rows(table, arguments.partial_overlap, filters)
        written = _write(arguments, table, kept, arguments.input, arguments.output)
    if arguments.input_ast_file:
        stars = read_table(arguments.input_ast_file)
        with named(arguments.input_ast_file):
            kept_stars = kept_rows(stars, arguments.partial_overlap, filters) & inside_hull(
                stars, table[kept]
            )
            written += _write(
                arguments, stars, kept_stars, arguments.input_ast_file, arguments.output_ast_file
            )
    report(written)


def _check(arguments: argparse.Namespace) -> None:
    if not arguments.partial_overlap and not arguments.flagged:
        raise UsageError("nothing to cut by: give --partial_overlap, or --flagged and --flag_filter BAND ...")
    if arguments.flagged != bool(arguments.flag_filter):
        raise UsageError("--flagged and --flag_filter BAND ... belong together")
    if (arguments.input_ast_file is None) != (arguments.output_ast_file is None) and not arguments.no_write:
        raise UsageError("--input_ast_file and --output_ast_file belong together")
    if arguments.no_write and not arguments.region_file:
        raise UsageError("--no_write without --region_file would write nothing")


def _keep_inputs(arguments: argparse.Namespace) -> None:
    """Refuse to write over a catalogue that is read: the rows that are cut would be lost."""
    inputs = {os.path.realpath(path) for path in (arguments.input, arguments.input_ast_file) if path}
    for path in (arguments.output, arguments.output_ast_file):
        if path and os.path.realpath(path) in inputs and not arguments.no_write:
            raise InputError("is read; name another file for the rows that are kept", path)


def _write(
    arguments: argparse.Namespace, table: Table, kept: NDArray[np.bool_], source: str, target: str
) -> list[Path]:
    from fastsed.survey.cuts import write_regions
    from fastsed.survey.tables import write_table

    log.info("%s: %d of %d rows kept", source, kept.sum(), len(kept))
    written = []
    if not arguments.no_write:
        write_table(table[kept], target)
        written.append(Path(target))
    if arguments.region_file:
        write_regions(table, kept, f"{source}.reg")
        written.append(Path(f"{source}.reg"))
    return written
