"""`fastsed-survey grid`: settings of the physics model in; the grid of model fluxes in BEAST's layout out."""

from __future__ import annotations

import argparse
import logging

from fastsed.survey.known_keys import known_keys
from fastsed.survey.physics_grid import KEYS, output_path, physics_grid, write_physics_grid
from fastsed.survey.settings import read_settings

log = logging.getLogger(__name__)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "keys of the settings:\n" + "\n".join(f"  {key:22s}{text}" for key, text in KEYS.items())
    parser.add_argument("settings", metavar="SETTINGS.toml")


def run(arguments: argparse.Namespace) -> None:
    """Write the grid."""
    settings = read_settings(arguments.settings)
    settings.check_keys(known_keys())
    grid, path = physics_grid(settings), output_path(settings)
    log.info(
        "%d models: %d stars, %d distances, %d dust points",
        *(grid.n_models, grid.n_stars, len(grid.distances), grid.n_points),
    )
    write_physics_grid(grid, path)
    log.info("%s written", path)
