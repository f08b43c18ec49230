"""`fastsed-survey absflux`: a covariance with wavelength and filters in; the covariance between the bands out."""

from __future__ import annotations

import argparse

from fastsed.survey.calibration import ZERO_POINT, band_covariance, read_calibration, write_absflux
from fastsed.survey.filter_files import read_filter_curves


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("covariance", metavar="COVAR.fits", help="table with WAVE and COVAR, such as BEAST's")
    parser.add_argument(
        "--filter_curves", required=True, metavar="FILE", help="HDF5 library of filter curves"
    )
    parser.add_argument(
        "--filters", nargs="+", required=True, metavar="NAME", help="in the order of the grid"
    )
    parser.add_argument(
        "--zero_point",
        type=float,
        default=ZERO_POINT,
        metavar="V",
        help="common variance (default %(default)s)",
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="matrix, for `noise --absflux`")


def run(arguments: argparse.Namespace) -> None:
    """Write the matrix."""
    wave, covariance = read_calibration(arguments.covariance)
    curves = read_filter_curves(arguments.filter_curves, arguments.filters)
    write_absflux(
        band_covariance(wave, covariance, curves, arguments.zero_point), arguments.filters, arguments.output
    )
