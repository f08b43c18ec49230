"""`fastsed-survey weights`: a table of stellar models and priors in; the table with their weights out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.textfiles import read_json
from fastsed.models.stars.weights import StellarPriors, beast2_weights, stellar_factors
from fastsed.survey.fits_tables import write_fits_table
from fastsed.survey.model_tables import read_model_table

PRIORS = {"age": "flat", "mass": "kroupa", "met": "flat", "distance": "flat"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("table", metavar="TABLE", help="stellar models: logA, M_ini, Z and, if any, distance")
    for name, default in PRIORS.items():
        parser.add_argument(f"--{name}_prior", metavar="JSON", help=f"prior model (default {default})")
    parser.add_argument(
        "--compat",
        choices=["beast2"],
        help="as BEAST HEAD: relative to the mean of each isochrone, with both factors",
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT.fits", help="the table with a column `weight`"
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the table."""
    columns = read_model_table(arguments.table)
    files = {name: getattr(arguments, f"{name}_prior") for name in PRIORS}
    priors = StellarPriors(**{name: read_json(path) for name, path in files.items() if path is not None})
    if arguments.compat == "beast2":
        split = beast2_weights(columns, priors)
        new = {"weight": split.weight, "prior_weight": split.prior, "grid_weight": split.grid}
    else:
        new = {"weight": stellar_factors(columns, priors).product()}
    write_fits_table(arguments.output, columns | new)
