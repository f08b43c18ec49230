"""`fastsed-survey noise`: a grid, and artificial stars, in; the noise of each model out."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from fastsed.cli.survey.options import report
from fastsed.errors import UsageError
from fastsed.survey.absflux import read_absflux
from fastsed.survey.asts import read_artificial_stars
from fastsed.survey.noise_tables import write_noise_table
from fastsed.survey.observation_model import ObservationModel, write_noise_file
from fastsed.survey.sed_grid import SedGrid
from fastsed.survey.splinter import Splinter
from fastsed.survey.toothpick import BEAST1_RULES, BEAST2_RULES, DEFAULT_RULES, Toothpick, ToothpickRules
from fastsed.survey.trunchen import Trunchen
from fastsed.survey.vega import read_vega


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="MODEL")
    splinter = kinds.add_parser(
        "splinter", help="a fraction of the model flux, no artificial stars", allow_abbrev=False
    )
    splinter.add_argument("grid", metavar="GRID")
    splinter.add_argument(
        "--frac_unc", type=float, default=0.10, metavar="F", help="fraction (default %(default)s)"
    )
    _common(splinter)
    toothpick = kinds.add_parser("toothpick", help="each band by itself", allow_abbrev=False)
    trunchen = kinds.add_parser("trunchen", help="with the covariance between the bands", allow_abbrev=False)
    for kind in (toothpick, trunchen):
        kind.add_argument("grid", metavar="GRID")
        kind.add_argument(
            "ast", metavar="AST", help="table of artificial stars: <BAND>_IN, _RATE, _VEGA, CUT_FLAG"
        )
        kind.add_argument("--vega", required=True, metavar="FILE", help="fluxes of Vega: text, or vega.hd5")
        kind.add_argument(
            "--obs_colnames", nargs="+", metavar="C", help="<BAND>_RATE of each filter of the grid"
        )
        _common(kind)
    toothpick.add_argument(
        "--nfluxbins", type=int, metavar="N", help="bins in log flux (default 50; beast1: 30)"
    )
    toothpick.add_argument(
        "--min_per_bin", type=int, metavar="N", help="a bin needs more recovered stars (10; 5)"
    )
    toothpick.add_argument(
        "--ratio_cut", type=_ratio, metavar="R|none", help="chance alignments (default 2; none)"
    )
    toothpick.add_argument(
        "--extrapolate", choices=["zero", "constant"], help="beyond the bins (zero; constant)"
    )
    toothpick.add_argument("--statistic", choices=["percentile", "moments"], help="default percentile")
    toothpick.add_argument(
        "--table",
        action="store_true",
        help="write the tables of the bands, some kB, which fit and trim read as well",
    )
    toothpick.add_argument(
        "--use_mag", action="store_true", help="recovered magnitudes in place of rates (beast1)"
    )
    toothpick.add_argument("--compat", choices=["beast1", "beast2"], help="rules of BEAST 1.3.2 or HEAD")


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--absflux", metavar="FILE", help="fractional sigmas, or covariance, of the absolute flux calibration"
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="noise file (HDF5)")


def _ratio(text: str) -> float:
    return float("inf") if text == "none" else float(text)


def run(arguments: argparse.Namespace) -> None:
    """Write the noise file."""
    if arguments.kind == "toothpick" and arguments.use_mag and arguments.compat != "beast1":
        raise UsageError("--use_mag needs --compat beast1")
    with SedGrid(arguments.grid) as grid:
        model = _model(arguments, grid)
        if isinstance(model, Toothpick) and arguments.table:
            write_noise_table(model, grid.filters, arguments.output)
        else:
            write_noise_file(grid, model, arguments.output)
    report([Path(arguments.output)])


def _model(arguments: argparse.Namespace, grid: SedGrid) -> ObservationModel:
    absflux = None if arguments.absflux is None else read_absflux(arguments.absflux, len(grid.filters))
    if arguments.kind == "splinter":
        return Splinter(arguments.frac_unc, absflux)
    vega = read_vega(arguments.vega, grid.filters)
    trunchen = arguments.kind == "trunchen"
    magnitudes = trunchen or arguments.use_mag
    stars = read_artificial_stars(arguments.ast, grid.filters, arguments.obs_colnames, magnitudes)
    if trunchen:
        return Trunchen.from_stars(stars, vega, absflux)
    return Toothpick.from_stars(stars, vega, _rules(arguments), absflux)


def _rules(arguments: argparse.Namespace) -> ToothpickRules:
    rules = {None: DEFAULT_RULES, "beast1": BEAST1_RULES, "beast2": BEAST2_RULES}[arguments.compat]
    given = {
        "n_bins": arguments.nfluxbins,
        "min_per_bin": arguments.min_per_bin,
        "ratio_cut": arguments.ratio_cut,
        "extrapolate": arguments.extrapolate,
        "statistic": arguments.statistic,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    return replace(rules, use_magnitudes=arguments.use_mag, **changes)
