"""`fastsed-survey extinction`: a law and wavelengths in; A(lambda) in magnitudes out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.textfiles import read_numbers, write_columns
from fastsed.errors import InputError
from fastsed.models.stars.extinction import RV_MILKY_WAY, extinction_law


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--law", required=True, metavar="LAW", help="G16, F99, G03_SMCBar, a class of dust_extinction, or A+B"
    )
    parser.add_argument("--wave", required=True, metavar="FILE", help="wavelengths, one a line [Angstrom]")
    parser.add_argument("--Av", type=float, required=True, metavar="AV", help="A(V) [mag]")
    parser.add_argument(
        "--Rv", type=float, default=RV_MILKY_WAY, metavar="RV", help="R(V) (default %(default)s)"
    )
    parser.add_argument(
        "--f_A",
        type=float,
        default=0.5,
        metavar="F",
        help="fraction of component A of a mixture (default %(default)s, as in BEAST)",
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="table: wavelength, A(lambda) [mag]"
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the curve."""
    wave = read_numbers(arguments.wave)
    if (wave <= 0.0).any():
        raise InputError(f"wavelength {wave.min():g} must be positive", arguments.wave)
    curve = extinction_law(arguments.law).relative(wave, arguments.Rv, arguments.f_A)
    write_columns(arguments.output, wave, arguments.Av * curve)
