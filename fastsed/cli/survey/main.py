"""The command `fastsed-survey`: a subcommand and its options in; the products of that step out."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from types import ModuleType

from fastsed._version import __version__
from fastsed.cli.messages import run_command, start_logging

PROGRAM = "fastsed-survey"
EXAMPLE_FOLDER = "fastsed-survey-example"

# subcommand: (module in this folder, what it does). A module has `configure(parser)` and `run(arguments)`;
# it is imported only when it is asked for, so that the others start fast
COMMANDS: dict[str, tuple[str, str]] = {
    "sourceden": ("sourceden", "map the source density of a catalogue and add it to each source"),
    "background": ("background", "map the background of an image and add it to each source"),
    "tileplot": ("tileplot", "draw a map on an image of the field"),
    "cut": ("cut", "cut sources that are not measured in all bands, and artificial stars outside the field"),
    "split": ("split", "split a catalogue by source density, and by flux into sub files"),
    "extinction": ("extinction", "an extinction curve A(lambda) in magnitudes"),
    "prior": ("prior", "a prior model at given values"),
    "axis-weights": ("axis_weights", "relative widths of the cells of an axis"),
    "weights": ("weights", "weights of a table of stellar models"),
    "grid": ("grid", "the physics model: a grid of stars, distances and dust"),
    "reweight": ("reweight", "a grid with the weights of other priors"),
    "ast-inputs": ("ast_inputs", "the list of artificial stars to put into the images"),
    "noise": ("noise", "the observation model: splinter, toothpick or trunchen"),
    "trim": ("trim", "choose the models that can look like the stars of sub files"),
    "grid-info": ("grid_info", "ranges of the parameters of a grid, or of all its parts, for equal bins"),
    "fit": ("fit", "fit the stars of a catalogue: statistics, PDFs and samples of their posteriors"),
    "split-grid": ("split_grid", "split a grid, and its noise model, into parts"),
    "merge-subgrids": ("merge_subgrids", "merge the results of fits with the parts of a grid"),
    "merge": ("merge", "merge the results of all sub files"),
    "reorder": ("reorder", "divide the results of sub files into spatial regions"),
    "condense": ("condense", "condense the files of each spatial region"),
    "simulate": ("simulate", "a simulated field, with its truth and artificial stars"),
    "absflux": ("absflux", "the covariance of the absolute flux calibration between bands"),
    "convert": ("convert", "isochrones, atmospheres, filters as users have them, to the formats used here"),
    "inspect": ("inspect", "what a file is and holds"),
    "status": ("status", "tell which sub files are fitted, begun, or not begun"),
    "jobs": ("jobs", "job lists that trim and fit all sub files on a batch system"),
    "init": ("init", "write a commented settings file for a field"),
    "import-settings": ("import_settings", "make a settings file of BEAST's"),
    "run": ("run", "the whole workflow of a field, step by step"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit status comes back, as `run_command` says."""
    return run_command(PROGRAM, _run, argv)


def _run(argv: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    name = next((word for word in words if not word.startswith("-")), None)
    parser = make_parser([] if name is None else [name])
    arguments = parser.parse_args(words)
    if arguments.example is not None:
        from fastsed.cli.survey.example import run_example

        start_logging(logging.INFO)
        run_example(arguments.example, _run)
        return 0
    if arguments.command is None:
        parser.error("which step? (`fastsed-survey --help` lists them)")
    start_logging(logging.WARNING if arguments.quiet else logging.INFO)
    _module(arguments.command).run(arguments)
    return 0


def run_step(words: Sequence[str]) -> None:
    """Run a step within another one; its errors are not caught."""
    _module(words[0]).run(make_parser([words[0]]).parse_args(words))


def _module(step: str) -> ModuleType:
    return import_module(f"fastsed.cli.survey.{COMMANDS[step][0]}")


def make_parser(steps: Collection[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """Options of the command; those of a step only where it is among `steps`, whose modules are imported."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Catalogues of resolved stars, from the photometry to spatial regions of posteriors.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "--example",
        nargs="?",
        const=EXAMPLE_FOLDER,
        metavar="DIR",
        help=f"simulate a field in DIR (default: {EXAMPLE_FOLDER}) and take it through all steps",
    )
    parser.set_defaults(quiet=False)
    subparsers = parser.add_subparsers(dest="command", metavar="STEP", title="steps")
    for step, (module, meaning) in COMMANDS.items():
        sub = subparsers.add_parser(step, help=meaning, description=meaning, allow_abbrev=False)
        sub.add_argument("-q", "--quiet", action="store_true", help="say nothing but warnings and errors")
        if step in steps:
            import_module(f"fastsed.cli.survey.{module}").configure(sub)
    return parser
