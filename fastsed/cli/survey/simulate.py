"""`fastsed-survey simulate`: settings in; a simulated field, or artificial stars measured in it, out."""

from __future__ import annotations

import argparse

from fastsed.cli.survey.options import report
from fastsed.survey.known_keys import known_keys
from fastsed.survey.settings import read_settings
from fastsed.survey.simulated_files import KEYS, write_measured_stars, write_simulation


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    lines = [f"  {key:22s}{text}" for key, text in KEYS.items()]
    parser.epilog = "\n".join(["keys of the settings, besides those of `grid`:", *lines])
    parser.add_argument("settings", metavar="SETTINGS.toml")
    parser.add_argument(
        "--asts",
        metavar="LIST",
        help="measure these artificial stars (<project>_inputAST.txt) in the simulated field",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the field, or the table of artificial stars."""
    settings = read_settings(arguments.settings)
    settings.check_keys(known_keys())
    if arguments.asts is None:
        report(write_simulation(settings))
    else:
        report([write_measured_stars(settings, arguments.asts)])
