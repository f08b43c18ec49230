"""`fastsed-survey trim`: a grid, its noise model, sub files in; the models that can look like their stars out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.options import add_compat, report
from fastsed.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument("grid", metavar="GRID", help="grid of model fluxes (HDF5 or FITS)")
    parser.add_argument("noise", metavar="NOISE", help="its noise model")
    parser.add_argument("catalogs", nargs="+", metavar="CAT", help="sub files of stars")
    parser.add_argument(
        "-o",
        "--output",
        nargs="+",
        required=True,
        metavar="BASE",
        help="begins the names of the products of each CAT",
    )
    parser.add_argument("--vega", required=True, metavar="FILE", help="fluxes of Vega: text, or vega.hd5")
    parser.add_argument(
        "--obs_colnames", nargs="+", metavar="C", help="<BAND>_RATE of each filter of the grid"
    )
    parser.add_argument(
        "--sigma_fac",
        type=float,
        default=3.0,
        metavar="S",
        help="margin in units of the errors (%(default)g)",
    )
    parser.add_argument(
        "--n_detected",
        type=int,
        default=4,
        metavar="N",
        help="beast1: bands with a positive error (%(default)s)",
    )
    parser.add_argument(
        "--index",
        action="store_true",
        help="write index lists, for `fit --index`, in place of trimmed copies",
    )
    add_compat(parser)


def run(arguments: argparse.Namespace) -> None:
    """Trim the grid."""
    from fastsed.survey.trimming import SubFile, TrimRules, trim_grid

    if len(arguments.output) != len(arguments.catalogs):
        raise UsageError(f"{len(arguments.catalogs)} catalogues, but {len(arguments.output)} names after -o")
    sub_files = [SubFile(c, base) for c, base in zip(arguments.catalogs, arguments.output, strict=True)]
    rules = TrimRules(arguments.sigma_fac, arguments.n_detected, arguments.compat)
    report(
        trim_grid(
            arguments.grid,
            arguments.noise,
            sub_files,
            arguments.vega,
            rules,
            arguments.index,
            arguments.obs_colnames,
        )
    )
