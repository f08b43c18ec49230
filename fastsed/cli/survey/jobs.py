"""`fastsed-survey jobs`: sub files in, job lists for batch systems out."""

from __future__ import annotations

import argparse
import logging
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastsed.cli.survey.options import report

if TYPE_CHECKING:
    from fastsed.survey.jobs import Job, Project, TrimTask

log = logging.getLogger("fastsed.survey")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    kinds = parser.add_subparsers(dest="job", metavar="KIND", required=True, title="kinds of jobs")
    trim = kinds.add_parser("trim", help="jobs that choose the models for each sub file", allow_abbrev=False)
    _add_common(trim)
    trim.add_argument("--num_subtrim", type=int, default=5, metavar="N", help="number of jobs (default: 5)")
    fit = kinds.add_parser("fit", help="jobs that fit each sub file", allow_abbrev=False)
    _add_common(fit)
    fit.add_argument(
        "--fit_options", default="", metavar="TEXT", help="further options of each fit, in one text"
    )
    fit.add_argument("--num_percore", type=int, default=2, metavar="N", help="fits in a job (default: 2)")
    fit.add_argument(
        "--grid_info",
        metavar="FILE",
        help="ranges of the whole grid: PDFs of all sub files get the same bins",
    )
    run_trim = kinds.add_parser("run-trim", help="do what a file of `jobs trim` lists", allow_abbrev=False)
    run_trim.add_argument("listing", metavar="FILE", help="such as P/trim_batch_jobs/BEAST_1")
    _add_catalogue_options(run_trim, required=True)
    for kind in (trim, fit, run_trim):
        kind.add_argument("-q", "--quiet", action="store_true", default=argparse.SUPPRESS, help="as above")


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("project", metavar="PROJECT", help="folder of the products; also begins their names")
    parser.add_argument(
        "catalogs", nargs="+", metavar="CAT", help="catalogue that was split, or its sub files"
    )
    parser.add_argument(
        *("--seds_fname", "--grid"), metavar="FILE", help="grid of models (default: P/P_seds.grid.hd5)"
    )
    parser.add_argument(
        "--noise",
        metavar="FILE",
        help="noise model, {} for the bin (default: P/P_noisemodel_BIN.grid.hd5, else P/P_noisemodel.grid.hd5)",
    )
    _add_catalogue_options(parser, required=False)
    parser.add_argument("--nice", type=int, metavar="N", help="priority of the jobs")
    parser.add_argument(
        "--prefix", metavar="LINES", help=r"lines to begin each job list with (\n between them)"
    )
    parser.add_argument(
        "--format",
        choices=["at", "slurm", "parallel"],
        default="at",
        help="system that runs the jobs (default: %(default)s)",
    )


def _add_catalogue_options(parser: argparse.ArgumentParser, required: bool) -> None:
    parser.add_argument("--vega", required=required, metavar="FILE", help="fluxes of Vega: text, or vega.hd5")
    parser.add_argument(
        "--obs_colnames", nargs="+", default=[], metavar="C", help="columns of the catalogue, one a filter"
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the job lists, or run one of `run-trim`."""
    {"trim": _trim, "fit": _fit, "run-trim": _run_trim}[arguments.job](arguments)


def _project(arguments: argparse.Namespace) -> Project:
    from fastsed.survey.jobs import Project

    columns = tuple(arguments.obs_colnames)
    files = (arguments.seds_fname, arguments.noise, arguments.vega)
    fit_options = tuple(shlex.split(getattr(arguments, "fit_options", "")))
    return Project(arguments.project, *files, columns, getattr(arguments, "grid_info", None), fit_options)


def _trim(arguments: argparse.Namespace) -> None:
    from fastsed.survey.job_files import write_trim_jobs

    files, jobs = write_trim_jobs(
        _project(arguments),
        arguments.catalogs,
        arguments.num_subtrim,
        arguments.nice,
        arguments.prefix,
        arguments.format,
    )
    _tell(files, jobs, "trim")


def _fit(arguments: argparse.Namespace) -> None:
    from fastsed.survey.job_files import write_fit_jobs

    files, jobs = write_fit_jobs(
        _project(arguments),
        arguments.catalogs,
        arguments.num_percore,
        arguments.nice,
        arguments.prefix,
        arguments.format,
    )
    _tell(files, jobs, "fit")


def _tell(files: Sequence[Path], jobs: Sequence[Job], what: str) -> None:
    """Say what is new and what it needs."""
    if not jobs:
        log.info("nothing left to %s", what)
        return
    for job in jobs:
        need = "" if math.isnan(job.memory) else f", about {job.memory / 1e9:.2g} GB"
        log.info("new: %s%s", job.name, need)
    report(files)
    start = {".joblist": "at -f {} now", ".slurm": "sbatch {}", ".parallel": "parallel < {}"}
    log.info("to start them: %s", "; ".join(start[path.suffix].format(path) for path in files[:3]))


def _run_trim(arguments: argparse.Namespace) -> None:
    from fastsed.cli.survey.main import main
    from fastsed.errors import InputError
    from fastsed.survey.job_files import read_listing
    from fastsed.survey.jobs import is_trimmed

    grid, columns, tasks = read_listing(arguments.listing)
    columns = arguments.obs_colnames or columns
    by_noise: dict[str, list[TrimTask]] = {}
    for task in tasks:
        if not is_trimmed(task.base):
            by_noise.setdefault(task.noise, []).append(task)
    for noise, group in by_noise.items():
        words = [
            "trim",
            grid,
            noise,
            *(task.catalogue for task in group),
            "--index",
            "--vega",
            arguments.vega,
        ]
        words += ["-o", *(task.base for task in group)]
        words += ["--obs_colnames", *columns] if columns else []
        if main(words):
            raise InputError(f"the sub files of {noise} could not be trimmed", arguments.listing)
