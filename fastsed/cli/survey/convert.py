"""`fastsed-survey convert`: isochrones, atmospheres, filters as users have them in; files of the survey out."""

from __future__ import annotations

import argparse
import logging

from fastsed.errors import UsageError
from fastsed.models.stars.constants import Z_SUN
from fastsed.survey.converters import (
    convert_band_fluxes,
    convert_filters,
    convert_isochrones,
    write_columns_table,
    write_filters,
)
from fastsed.survey.spectra_folder import FACTORS, FolderOptions, read_folder, write_library

log = logging.getLogger(__name__)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="WHAT")
    isochrones = kinds.add_parser(
        "isochrones", help="PARSEC's CMD tables, MIST, lachesis-grids -> CSV or FITS", allow_abbrev=False
    )
    isochrones.add_argument("inputs", nargs="+", metavar="FILE")
    isochrones.add_argument(
        "--logt", nargs=3, type=float, metavar=("MIN", "MAX", "STEP"), help="ages to take [log10 yr]"
    )
    isochrones.add_argument("--z", nargs="+", type=float, metavar="Z", help="metallicities to take")
    atmospheres = kinds.add_parser(
        "atmospheres", help="a folder of two-column spectra -> HDF5", allow_abbrev=False
    )
    atmospheres.add_argument("input", metavar="FOLDER")
    atmospheres.add_argument(
        "--pattern", default="*", metavar="GLOB", help="files of the folder (default all)"
    )
    atmospheres.add_argument(
        "--names", metavar="REGEX", help="how names tell (?P<teff>), (?P<logg>), (?P<z>) or (?P<feh>)"
    )
    atmospheres.add_argument("--z", type=float, metavar="Z", help="metallicity, where names do not tell it")
    fluxes = kinds.add_parser("fluxes", help="a table of fluxes by band -> CSV or FITS", allow_abbrev=False)
    fluxes.add_argument("input", metavar="TABLE", help="columns Teff, logg, Z (or [Fe/H]) and fluxes")
    fluxes.add_argument("--bands", nargs="+", required=True, metavar="COLUMN=FILTER")
    for kind in (atmospheres, fluxes):
        kind.add_argument(
            "--factor",
            type=_factor,
            default=1.0,
            metavar="F",
            help="to surface flux: a number, pi or 4pi (default 1)",
        )
    for kind in (isochrones, atmospheres):
        kind.add_argument(
            "--solar_z", type=float, default=Z_SUN, metavar="Z", help="Z of [Fe/H] = 0 (%(default)s)"
        )
    filters = kinds.add_parser("filters", help="two-column filter curves -> HDF5", allow_abbrev=False)
    filters.add_argument("inputs", nargs="+", metavar="FILE")
    filters.add_argument("--names", nargs="+", metavar="NAME", help="names (default: those of the files)")
    for kind in (isochrones, atmospheres, fluxes, filters):
        kind.add_argument("-o", "--output", required=True, metavar="OUT")


def _factor(text: str) -> float:
    return FACTORS[text] if text in FACTORS else float(text)


def run(arguments: argparse.Namespace) -> None:
    """Write the file."""
    kind, out = arguments.kind, arguments.output
    if kind == "isochrones":
        columns = convert_isochrones(arguments.inputs, arguments.logt, arguments.z, arguments.solar_z)
        write_columns_table(columns, out)
        log.info("%s written: %d stars", out, len(columns["Z"]))
    elif kind == "atmospheres":
        options = FolderOptions(
            arguments.factor, arguments.names, arguments.z, arguments.solar_z, arguments.pattern
        )
        library = read_folder(arguments.input, options)
        write_library(library, out)
        log.info("%s written: %d spectra of %d wavelengths", out, *library.spectra.shape)
    elif kind == "fluxes":
        columns = convert_band_fluxes(arguments.input, _pairs(arguments.bands), arguments.factor)
        write_columns_table(columns, out)
        log.info("%s written", out)
    else:
        curves = convert_filters(arguments.inputs, arguments.names)
        write_filters(curves, out)
        log.info("%s written: %d filters", out, len(curves))


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        column, equals, name = text.rpartition("=")
        if not (equals and column and name):
            raise UsageError(f"'{text}' is not COLUMN=FILTER")
        pairs[column] = name
    return pairs
