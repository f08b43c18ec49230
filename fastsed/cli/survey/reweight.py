"""`fastsed-survey reweight`: a grid and priors in; the same grid with the weights of these priors out."""

from __future__ import annotations

import argparse
import logging

from fastsed.cli.survey.textfiles import read_json
from fastsed.models.stars.priors import check_prior
from fastsed.models.stars.weights import StellarPriors
from fastsed.survey.reweighting import GridPriors, reweight_grid

log = logging.getLogger(__name__)

STARS = {"age": "flat", "mass": "kroupa", "met": "flat", "distance": "flat"}
DUST = {"av": "av", "rv": "rv", "fA": "f_a"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("grid", metavar="GRID", help="grid of model fluxes (HDF5 or FITS)")
    for name, default in (STARS | dict.fromkeys(DUST, "flat")).items():
        parser.add_argument(f"--{name}_prior", metavar="JSON", help=f"prior model (default {default})")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="the grid with other weights")


def run(arguments: argparse.Namespace) -> None:
    """Write the grid."""
    given = {
        name: read_json(getattr(arguments, f"{name}_prior"))
        for name in (*STARS, *DUST)
        if getattr(arguments, f"{name}_prior") is not None
    }
    stars = StellarPriors(**{name: model for name, model in given.items() if name in STARS})
    dust = {DUST[name]: check_prior("dust", model) for name, model in given.items() if name in DUST}
    fraction = reweight_grid(arguments.grid, GridPriors(stars, **dust), arguments.output)
    log.info("%s written: %.1f %% of the models have a weight", arguments.output, 100 * fraction)
