"""`fastsed-survey condense`: folders of spatial regions in, one set of files for each region out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.options import report


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument(
        *("-d", "--filedir"), required=True, metavar="DIR", help="folder with a folder for each region"
    )
    parser.add_argument("--stats_only", action="store_true", help="leave PDFs and samples")


def run(arguments: argparse.Namespace) -> None:
    """Condense the results."""
    from fastsed.survey.regions import condense_results

    report(condense_results(arguments.filedir, arguments.stats_only))
