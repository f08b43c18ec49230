"""`fastsed-survey grid-info`: all parts of a grid in; the ranges of its parameters out, for equal bins in all fits."""

from __future__ import annotations

import argparse
from pathlib import Path

from fastsed.cli.survey.options import report


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument("--grids", nargs="+", required=True, metavar="G", help="the grid, or all its parts")
    parser.add_argument("--noise", nargs="+", required=True, metavar="N", help="their noise models")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="for `fit --grid_info`")
    parser.add_argument("--compat", choices=["beast1"], help="biased fluxes on the scale of BEAST 1.3.2")


def run(arguments: argparse.Namespace) -> None:
    """Write the ranges."""
    from fastsed.survey.grid_info import grid_ranges, write_grid_info

    ranges = grid_ranges(arguments.grids, arguments.noise, compat=arguments.compat or "beast2")
    write_grid_info(arguments.output, ranges)
    report([Path(arguments.output)])
