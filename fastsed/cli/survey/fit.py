"""`fastsed-survey fit`: a grid, its noise model, a catalogue in; stats, PDFs, samples of the posteriors out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.options import add_compat, report


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument(
        "grid",
        metavar="GRID",
        help="grid of model fluxes (HDF5 or FITS), whole or trimmed; or settings of `grid` (.toml)",
    )
    parser.add_argument("noise", metavar="NOISE", help="its noise model")
    parser.add_argument("catalog", metavar="CAT", help="catalogue of stars")
    parser.add_argument(
        "-o", "--output", required=True, metavar="BASE", help="begins the names of the products"
    )
    parser.add_argument("--vega", required=True, metavar="FILE", help="fluxes of Vega: text, or vega.hd5")
    parser.add_argument("--index", metavar="FILE", help="index list of `trim --index`: models that are used")
    parser.add_argument(
        "--obs_colnames", nargs="+", metavar="C", help="<BAND>_RATE of each filter of the grid"
    )
    _add_posterior(parser)
    parser.add_argument(
        "--surveyname", default="PHAT", metavar="S", help="begins the stars' names (%(default)s)"
    )
    parser.add_argument(
        "--save_every_npts",
        type=int,
        metavar="N",
        help="keep results after every N stars (default 1024, a fraction of a second; BEAST 100)",
    )
    parser.add_argument("--resume", "-r", action="store_true", help="go on with what an earlier run left")
    add_compat(parser)


def _add_posterior(parser: argparse.ArgumentParser) -> None:
    """What is computed and stored of the posteriors."""
    group = parser.add_argument_group("posteriors")
    group.add_argument(
        "--threshold",
        type=float,
        default=-10.0,
        metavar="LN",
        help="models count with ln P above the largest plus this (%(default)g)",
    )
    group.add_argument(
        "--lnp_npts",
        type=_number_or_all,
        default=500,
        metavar="N|all",
        help="models stored a star (%(default)s)",
    )
    group.add_argument(
        "--pdf_max_nbins", type=int, metavar="N", help="bins of a PDF (default 100; beast1: 50)"
    )
    group.add_argument(
        "--pdf2d_param_list", nargs="+", metavar="P", help="parameters of 2-D PDFs, or none (beast1: none)"
    )
    group.add_argument("--no_full_cov", action="store_true", help="ignore the covariances of a noise model")
    group.add_argument("--grid_info", metavar="FILE", help="ranges for the bins, of `grid-info`")
    group.add_argument(
        "--do_not_normalize", action="store_true", help="leave the sum of the weights out: for subgrids"
    )
    group.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the choice of stored models (%(default)s)"
    )


def _number_or_all(text: str) -> int | None:
    return None if text == "all" else int(text)


def run(arguments: argparse.Namespace) -> None:
    """Fit the stars."""
    from fastsed.fitting.stars.options import FitOptions
    from fastsed.fitting.stars.parameters import DEFAULT_2D
    from fastsed.survey.grid_info import read_grid_info
    from fastsed.survey.star_fits import StarFitSettings, fit_catalogue

    beast1 = arguments.compat == "beast1"
    pairs = arguments.pdf2d_param_list or (() if beast1 else DEFAULT_2D)
    max_bins = arguments.pdf_max_nbins if arguments.pdf_max_nbins is not None else 50 if beast1 else 100
    options = FitOptions(
        threshold=arguments.threshold,
        n_samples=arguments.lnp_npts,
        max_bins=max_bins,
        pairs=() if tuple(pairs) in (("none",), ("None",)) else tuple(pairs),
        normalize=not arguments.do_not_normalize,
        full_covariance=not arguments.no_full_cov,
        compat="beast1" if beast1 else "beast2",
        incomplete={"beast1": "keep", "beast2": "refuse"}.get(arguments.compat, "drop"),
        seed=arguments.seed,
        spans=read_grid_info(arguments.grid_info) if arguments.grid_info else None,
    )
    settings = StarFitSettings(
        arguments.grid, arguments.noise, arguments.catalog, arguments.vega, arguments.output, options,
        arguments.index, arguments.obs_colnames, arguments.surveyname, arguments.save_every_npts,
        arguments.compat,
    )  # fmt: skip
    report(fit_catalogue(settings, arguments.resume))
