"""`fastsed-survey split-grid`: a grid and its noise model in, their rows in several files out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.options import report
from fastsed.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument("grid", metavar="GRID", help="grid of model fluxes")
    parser.add_argument("--noise", metavar="NOISE", help="its noise model, to be split likewise")
    parser.add_argument("-n", "--number", type=int, required=True, metavar="N", help="number of parts")
    parser.add_argument(
        *("-o", "--output"),
        nargs="+",
        required=True,
        metavar="PATTERN",
        help="names of the parts of the grid, and of the noise model; {} stands for their number",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the parts."""
    from fastsed.survey.subgrids import split_grid, split_noise

    if len(arguments.output) != (2 if arguments.noise else 1):
        raise UsageError("-o: one PATTERN for the grid, and a second one with --noise")
    written = split_grid(arguments.grid, arguments.number, arguments.output[0])
    if arguments.noise:
        written += split_noise(arguments.noise, arguments.number, arguments.output[1])
    report(written)
