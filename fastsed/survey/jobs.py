"""Batch jobs: sub files of a project in; which of them are to be trimmed or fitted, by which commands, out."""

from __future__ import annotations

import logging
import math
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fastsed.errors import InputError
from fastsed.hdf5_file import open_hdf5
from fastsed.survey.results import natural_key, tag_of
from fastsed.survey.status import count_rows, fit_states
from fastsed.survey.tables import stem

log = logging.getLogger(__name__)

# bytes that a fit or a trim needs: a start, and for each model of the grid
MEMORY_START, MEMORY_PER_MODEL = 200e6, 300.0


@dataclass(frozen=True)
class Project:
    """Names of the files of a project, as BEAST has them.

    Attributes
    ----------
    folder : str
        Its name is also that of the project.
    grid : str, optional
        Grid of models (default: `P/P_seds.grid.hd5`).
    noise : str, optional
        Noise model; `{}` stands for the bin (`bin1`, `SD0-1`). Default: the one of the bin if there is one, else
        that of the project.
    vega : str, optional
        File of Vega's fluxes.
    columns : tuple of str
        Columns of the catalogue, one a filter (default: those of the filters' names).
    grid_info : str, optional
        Ranges of the whole grid, which give the PDFs of all sub files the same bins.
    fit_options : tuple of str
        Further options of each fit.
    """

    folder: str
    grid: str | None = None
    noise: str | None = None
    vega: str | None = None
    columns: tuple[str, ...] = ()
    grid_info: str | None = None
    fit_options: tuple[str, ...] = ()

    @property
    def start(self) -> str:
        """What the names of all products begin with."""
        return os.path.join(self.folder, Path(os.path.abspath(self.folder)).name)

    def grid_file(self) -> str:
        """The grid of models."""
        return self.grid or f"{self.start}_seds.grid.hd5"

    def noise_file(self, tag: str) -> str:
        """The noise model of a sub file."""
        source_bin = tag.rsplit("_sub", 1)[0]
        if self.noise is not None:
            return self.noise.replace("{}", source_bin)
        names = [f"{self.start}_noisemodel_{source_bin}", f"{self.start}_noisemodel"]
        paths = [name + end for name in names for end in (".grid.hd5", ".hd5")]
        return next((path for path in paths if os.path.exists(path)), f"{self.start}_noisemodel.grid.hd5")

    def base(self, tag: str) -> str:
        """What the names of the products of a sub file begin with."""
        return f"{self.start}_{tag}"

    def vega_file(self) -> str:
        """The file of Vega's fluxes: as given, or found beside the project or among BEAST's libraries."""
        if self.vega is not None:
            return self.vega
        libraries = os.environ.get("BEAST_LIBS", os.path.expanduser("~/.beast"))
        folders = [self.folder, os.curdir, libraries]
        names = [
            os.path.normpath(os.path.join(f, name)) for f in folders for name in ("vega.txt", "vega.hd5")
        ]
        path = next((name for name in names if os.path.exists(name)), None)
        if path is None:
            log.warning("no file of Vega's fluxes found; the jobs expect vega.txt (--vega names another)")
        return path or "vega.txt"

    def options(self) -> list[str]:
        """Options that trims and fits have in common."""
        columns = ["--obs_colnames", *self.columns] if self.columns else []
        return ["--vega", self.vega_file(), *columns]


@dataclass(frozen=True)
class Job:
    """Commands that run one after the other.

    Attributes
    ----------
    name : str
        Of its sub files.
    commands : list of str
        Lines for a shell.
    memory : float
        Bytes that the largest of them needs.
    """

    name: str
    commands: list[str]
    memory: float


def sub_files(catalogues: Sequence[str]) -> list[str]:
    """Sub files of some catalogues, in natural order; those that are sub files themselves are taken as they are.

    Raises
    ------
    InputError
        If there are none.
    """
    paths: list[str] = []
    for catalogue in catalogues:
        if tag_of(catalogue) is not None:
            paths.append(catalogue)
            continue
        folder, name = os.path.split(stem(catalogue))
        names = os.listdir(folder or os.curdir) if os.path.isdir(folder or os.curdir) else []
        parts = [n for n in names if n.startswith(name) and n.endswith(".fits") and tag_of(n) is not None]
        if not parts:
            log.warning("%s has no sub files (%s_*_sub*.fits) and is left out", catalogue, stem(catalogue))
        paths += [os.path.join(folder, n) for n in parts]
    paths = sorted(dict.fromkeys(paths), key=natural_key)
    if not paths:
        raise InputError(f"no sub files of {', '.join(catalogues)}; `fastsed-survey split` makes them")
    return paths


def _tag(path: str) -> str:
    tag = tag_of(path)
    if tag is None:
        raise InputError("its name tells no sub file", path)
    return tag


def is_trimmed(base: str) -> bool:
    """Whether the products of a trim are there: an index list, or a trimmed grid and noise model of any version."""
    pairs = [("_index.hd5",), ("_seds_trim.grid.hd5", "_noisemodel_trim.grid.hd5")]
    pairs.append(("_sed_trim.grid.hd5", "_noisemodel_trim.hd5"))
    return any(all(os.path.exists(base + end) for end in ends) for ends in pairs)


@dataclass(frozen=True)
class TrimTask:
    """A sub file to be trimmed.

    Attributes
    ----------
    noise, catalogue, base : str
    """

    noise: str
    catalogue: str
    base: str


def trim_tasks(project: Project, catalogues: Sequence[str]) -> list[TrimTask]:
    """Sub files that hold stars and are not trimmed yet."""
    tasks = []
    for catalogue in sub_files(catalogues):
        tag = _tag(catalogue)
        if count_rows(catalogue) and not is_trimmed(project.base(tag)):
            tasks.append(TrimTask(project.noise_file(tag), catalogue, project.base(tag)))
    return tasks


def divided(tasks: Sequence[TrimTask], n_job: int) -> list[list[TrimTask]]:
    """The tasks in at most so many runs of consecutive ones, of equal length but for the last."""
    if n_job < 1:
        raise InputError(f"{n_job} jobs; at least 1 is needed")
    each = math.ceil(len(tasks) / min(n_job, len(tasks))) if tasks else 1
    return [list(tasks[i : i + each]) for i in range(0, len(tasks), each)]


def fit_jobs(
    project: Project, catalogues: Sequence[str], per_job: int, nice: int | None, log_folder: str
) -> list[Job]:
    """Jobs for the sub files whose fit is not done.

    Parameters
    ----------
    project : Project
    catalogues : sequence of str
    per_job : int
        Fits in a job.
    nice : int, optional
    log_folder : str
        Where the output of each fit goes.

    Returns
    -------
    list of Job
    """
    if per_job < 1:
        raise InputError(f"{per_job} fits in a job; at least 1 is needed")
    states = fit_states(project.folder, sub_files(catalogues))
    todo = [state for state in states if state.state != "done"]
    log.info("%d of %d sub files are fitted", len(states) - len(todo), len(states))
    options = project.options() if todo else []
    options += ["--grid_info", project.grid_info] if project.grid_info is not None else []
    jobs = []
    for i in range(0, len(todo), per_job):
        commands, memory = [], 0.0
        for state in todo[i : i + per_job]:
            tag = _tag(state.catalogue)
            models = _models(project, tag)
            words = ["fit", *models, state.catalogue, "-o", state.base, *options]
            words += [*project.fit_options, *_index_option(project, tag)] + (
                ["--resume"] if state.state == "resume" else []
            )
            commands.append(command(words, nice, os.path.join(log_folder, f"beast_fit_{tag}.log")))
            memory = max(memory, memory_of(project, tag))
        names = ", ".join(f"{_tag(state.catalogue)} ({state.state})" for state in todo[i : i + per_job])
        jobs.append(Job(names, commands, memory))
    return jobs


def _models(project: Project, tag: str) -> list[str]:
    """Grid and noise model for the fit of a sub file: trimmed ones where there are no index lists."""
    base = project.base(tag)
    if not os.path.exists(f"{base}_index.hd5"):
        for grid, noise in (("_seds", ".grid.hd5"), ("_sed", ".hd5")):
            pair = [f"{base}{grid}_trim.grid.hd5", f"{base}_noisemodel_trim{noise}"]
            if all(map(os.path.exists, pair)):
                return pair
    return [project.grid_file(), project.noise_file(tag)]


def _index_option(project: Project, tag: str) -> list[str]:
    index = f"{project.base(tag)}_index.hd5"
    return ["--index", index] if os.path.exists(index) else []


def command(words: Sequence[str], nice: int | None, output: str) -> str:
    """A line for a shell that runs `fastsed-survey` and keeps what it says."""
    start = [] if nice is None else ["nice", f"-n{nice}"]
    line = " ".join(shlex.quote(word) for word in [*start, "fastsed-survey", *words])
    return f"{line} > {shlex.quote(output)} 2>&1"


def memory_of(project: Project, tag: str | None = None) -> float:
    """Bytes that the fit of a sub file needs (or, without a tag, a trim); NaN where the grid is not there yet."""
    try:
        if tag is None:
            n = _rows(project.grid_file(), "seds")
        elif _index_option(project, tag):
            n = _rows(f"{project.base(tag)}_index.hd5", "fullgrid_idx")
        else:
            n = _rows(_models(project, tag)[0], "seds")
    except InputError:
        return math.nan
    return MEMORY_START + MEMORY_PER_MODEL * n


def _rows(path: str, name: str) -> int:
    return _rows_of_version(path, name, os.stat(path).st_mtime_ns if os.path.exists(path) else 0)


# thousands of sub files may share a grid
@lru_cache(maxsize=16)
def _rows_of_version(path: str, name: str, _changed: int) -> int:
    with open_hdf5(path) as f:
        return len(f[name]) if name in f else 0
