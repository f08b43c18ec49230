"""`fastsed-survey prior`: a prior model and values in; the prior at these values out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.textfiles import read_json, read_numbers, write_columns
from fastsed.models.stars.priors import MODELS, prior_density


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("parameter", choices=list(MODELS), help="whose prior it is")
    parser.add_argument("model", metavar="MODEL.json", help='the model, for instance {"name": "flat"}')
    parser.add_argument(
        "values", metavar="X.txt", help="values, one a line (ages as log10 yr, distances in pc)"
    )
    parser.add_argument("--y", metavar="Y.txt", help="distance of each value [pc] (model `step`)")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="table: value, prior")


def run(arguments: argparse.Namespace) -> None:
    """Write the prior."""
    x = read_numbers(arguments.values)
    y = None if arguments.y is None else read_numbers(arguments.y)
    write_columns(arguments.output, x, prior_density(arguments.parameter, read_json(arguments.model), x, y))
