"""`fastsed-survey init`: a folder in; a commented settings file in it out."""

from __future__ import annotations

import argparse
from pathlib import Path

from fastsed.cli.survey.options import report

NAME = "settings.toml"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument(
        "folder", metavar="DIR", help="working folder of a field; it is made if it is not there"
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the settings file, unless there is one."""
    from fastsed.atomic import atomic_write
    from fastsed.errors import InputError
    from fastsed.survey.workflow.template import TEMPLATE

    path = Path(arguments.folder) / NAME
    if path.exists():
        raise InputError("is there already, and is not overwritten", path)
    with atomic_write(path) as f:
        f.write(TEMPLATE)
    report([path])
