"""`fastsed-survey merge`: results of sub files in; one table, one file of PDFs and one of samples out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.options import report


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument("filebase", metavar="FILEBASE", help="begins the names FILEBASE*_stats.fits")
    parser.add_argument("--stats_only", action="store_true", help="leave PDFs and samples")


def run(arguments: argparse.Namespace) -> None:
    """Merge the results."""
    from fastsed.survey.merging import merge_results

    report(merge_results(arguments.filebase, arguments.stats_only))
