"""`fastsed-survey inspect`: files in; what they are and hold, on the terminal."""

from __future__ import annotations

import argparse

from fastsed.survey.inspection import describe


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("files", nargs="+", metavar="FILE")


def run(arguments: argparse.Namespace) -> None:
    """Describe the files."""
    for path in arguments.files:
        print(f"{path}: " + "\n".join(describe(path)))
