"""`fastsed-survey reorder`: results of sub files in, a folder of results for each spatial region out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.options import report


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument(
        *("-s", "--stats_filename"), required=True, metavar="FILE", help="merged stats of the whole field"
    )
    parser.add_argument(
        *("-r", "--region_filebase"), required=True, metavar="BASE", help="begins the names of the results"
    )
    parser.add_argument(
        *("-o", "--output_filebase"), required=True, metavar="BASE", help="begins the names of the folders"
    )
    parser.add_argument(
        *("-p", "--reg_size"),
        type=float,
        default=10.0,
        metavar="ARCSEC",
        help="size of the regions (default: %(default)g)",
    )
    parser.add_argument("--stats_only", action="store_true", help="leave PDFs and samples")


def run(arguments: argparse.Namespace) -> None:
    """Divide the results."""
    from fastsed.survey.regions import reorder_results

    written = reorder_results(
        arguments.stats_filename,
        arguments.region_filebase,
        arguments.output_filebase,
        arguments.reg_size,
        arguments.stats_only,
    )
    report(written)
