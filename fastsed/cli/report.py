"""The command `fastsed-report`: a parameter file, or a result, in; a page of HTML out."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from fastsed._version import __version__
from fastsed.atomic import atomic_write
from fastsed.cli.messages import Progress, run_command, start_logging
from fastsed.errors import InputError, UsageError
from fastsed.threads import wait_briefly

if TYPE_CHECKING:
    from fastsed.report.page import Page

PROGRAM = "fastsed-report"
FIGURES = 3
"""Sources of each group that are shown by default."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit status comes back, as `run_command` says."""
    wait_briefly()
    return run_command(PROGRAM, _run, argv)


def make_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Write a report as one HTML page that needs no network: verdict, overview, sortable table, spectra "
        "of the best, the worst, edge and random sources, settings, provenance, citations.",
        epilog="Examples: fastsed-report fast.param N_SIM=100; fastsed-report out.fout -o out.html",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a parameter file, whose catalogue is fitted (with its cache of models, where there is one); or a result "
        "(.fout, .ecsv, .csv, .fits), of which there are no spectra",
    )
    parser.add_argument(
        "words", nargs="*", metavar="KEY=value", help="values that replace those of the parameter file"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="HTML",
        help="the page (default: FILE_report.html in the working directory)",
    )
    parser.add_argument(
        "--figures",
        type=int,
        default=FIGURES,
        metavar="N",
        help=f"sources shown of each of the four groups (default: {FIGURES})",
    )
    parser.add_argument(
        "--known-z", type=Path, metavar="TABLE", help="table with id and z_spec, to compare redshifts with"
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _run(argv: Sequence[str] | None) -> int:
    options = make_parser().parse_intermixed_args(argv)
    for word in options.words:
        if "=" not in word.lstrip("="):
            raise UsageError(f"expected KEY=value, found '{word}'")
    if options.figures < 0:
        raise UsageError(f"--figures {options.figures}: a number of sources is needed, 0 or more")
    start_logging(logging.WARNING)
    from fastsed.extras import need
    from fastsed.outputs.preflight import check_output
    from fastsed.report.page import html_of

    need("matplotlib", "a report")
    path = Path(options.file)
    if not path.is_file():
        raise InputError("there is no such file", path)
    target = options.output if options.output is not None else Path(f"{path.stem}_report.html")
    check_output(target)
    with ExitStack() as stack:
        page = _page(options, path, stack)
    with atomic_write(target, "w") as f:
        f.write(html_of(page))
    print(f"wrote {target}")
    return 0


def _page(options: argparse.Namespace, path: Path, stack: ExitStack) -> Page:
    """The contents of the report."""
    from fastsed.report.catalogue import is_catalogue, read_catalogue, read_known_redshifts
    from fastsed.report.contents import report_on_catalogue, report_on_fit

    if is_catalogue(path):
        if options.words:
            raise UsageError(f"{options.words[0]}: keys are of parameter files, and {path} is a result")
        catalogue = read_catalogue(path)
        known = read_known_redshifts(options.known_z, catalogue.ids) if options.known_z else None
        return report_on_catalogue(catalogue, known)
    from fastsed.params import read_params
    from fastsed.report.galaxies import fit_file

    params = read_params(str(path), options.words)
    results, problem = fit_file(
        params, (), lambda problem: stack.enter_context(Progress(problem.plan.n_models, params.verbose))
    )
    ids = [str(one) for one in results.ids]
    known = read_known_redshifts(options.known_z, ids) if options.known_z else None
    return report_on_fit(results, problem, options.figures, known)
