"""`fastsed-survey axis-weights`: values of an axis in; the relative widths of their cells out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.textfiles import read_numbers, write_columns
from fastsed.models.cells import axis_weights


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("values", metavar="X.txt", help="values, one a line")
    parser.add_argument(
        "--log", action="store_true", help="the values are log10; widths are those of 10^value"
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="table: value, cell width / mean width"
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the weights."""
    x = read_numbers(arguments.values)
    write_columns(arguments.output, x, axis_weights(x, arguments.log))
