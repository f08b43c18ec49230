"""`fastsed-survey import-settings`: settings of BEAST in; a settings file for `run` out."""

from __future__ import annotations

import argparse
from pathlib import Path

from fastsed.cli.survey.options import report


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument(
        "file", metavar="FILE", help="beast_settings.txt or datamodel.py; it is read, not executed"
    )
    parser.add_argument("-o", "--output", required=True, metavar="SETTINGS.toml", help="settings for `run`")


def run(arguments: argparse.Namespace) -> None:
    """Write the settings file."""
    from fastsed.atomic import atomic_write
    from fastsed.survey.workflow.beast_settings import read_beast_settings, to_toml

    values = read_beast_settings(arguments.file)
    name = Path(arguments.file).name
    with atomic_write(arguments.output) as f:
        f.write(f"# Made of BEAST's {name}; `fastsed-survey init` shows further keys.\n{to_toml(values)}")
    report([Path(arguments.output)])
