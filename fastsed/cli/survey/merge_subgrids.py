"""`fastsed-survey merge-subgrids`: results of fits with the parts of a grid in, those of the whole grid out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.options import report


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument(
        "bases", nargs="+", metavar="BASE", help="BASE_stats.fits and so on, in the parts' order"
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="begins the names of the products"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=-10.0,
        metavar="T",
        help="leave out samples further below the maximum (default: %(default)g)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Merge the results."""
    from fastsed.survey.subgrids import merge_subgrids

    report(merge_subgrids(arguments.bases, arguments.output, arguments.threshold))
