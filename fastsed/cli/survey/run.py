"""`fastsed-survey run`: the settings of a field in; all steps that are not up to date done."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    from fastsed.survey.workflow.template import key_list

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = key_list()
    parser.add_argument(
        "settings", metavar="SETTINGS.toml", help="settings of the field (`init` writes some)"
    )
    parser.add_argument(
        "--all-local", action="store_true", help="trim and fit here, in place of stopping for a batch system"
    )


def run(arguments: argparse.Namespace) -> None:
    """Go through the steps."""
    from fastsed.errors import InputError
    from fastsed.survey.workflow.field import Field
    from fastsed.survey.workflow.runner import Workflow

    path = Path(arguments.settings)
    if not path.is_file():
        raise InputError("there is no such settings file; `fastsed-survey init DIR` writes one", path)
    with contextlib.chdir(path.resolve().parent):
        Workflow(Field.read(path.name), _step, arguments.all_local).run()


def _step(words: Sequence[str]) -> None:
    """Run another subcommand; its errors are ours."""
    from fastsed.cli.survey.main import run_step

    run_step(words)
