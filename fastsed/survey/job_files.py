"""Files of batch jobs: jobs in; job lists for `at`, slurm or GNU parallel out."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from fastsed.atomic import atomic_write
from fastsed.errors import InputError
from fastsed.survey.jobs import Job, Project, TrimTask, command, divided, fit_jobs, memory_of, trim_tasks

FORMATS = ("at", "slurm", "parallel")
_MODE = 0o744


def write_trim_jobs(
    project: Project,
    catalogues: Sequence[str],
    n_job: int = 5,
    nice: int | None = None,
    prefix: str | None = None,
    kind: str = "at",
) -> tuple[list[Path], list[Job]]:
    """Write the jobs that trim the models for the sub files that are not trimmed yet.

    Into `P/trim_batch_jobs/`: files `BEAST_1` ... of what to trim, and `BEAST_batch_trim.joblist`, a line for each.

    Parameters
    ----------
    project : Project
    catalogues : sequence of str
        Catalogues, or their sub files.
    n_job : int
    nice : int, optional
        Priority.
    prefix : str, optional
        Lines to begin the job list with.
    kind : {"at", "slurm", "parallel"}
        For which system.

    Returns
    -------
    files : list of Path
        To be submitted.
    jobs : list of Job
    """
    tasks = trim_tasks(project, catalogues)
    parts = divided(tasks, n_job)
    folder = Path(project.folder, "trim_batch_jobs")
    _make(folder)
    _remove(folder, ["BEAST_[0-9]*", "BEAST_batch_trim.*"])
    options = project.options() if tasks else []
    memory = memory_of(project) if tasks else math.nan
    jobs = []
    for i, part in enumerate(parts, start=1):
        listing = folder / f"BEAST_{i}"
        _write_listing(listing, project, part)
        output = os.path.join(folder, "logs", f"BEAST_trim_tr{i}.log")
        line = command(["jobs", "run-trim", os.fspath(listing), *options], nice, output)
        names = ", ".join(Path(task.catalogue).stem for task in part)
        jobs.append(Job(names, [line], memory))
    if not jobs:
        return [], []
    lines = [job.commands[0] for job in jobs]
    joblist = folder / "BEAST_batch_trim.joblist"
    _write_script(joblist, [*_prefix_lines(prefix), *lines])
    files = [joblist]
    if kind == "slurm":
        one = f'eval "$(sed -n "$((SLURM_ARRAY_TASK_ID + {len(_prefix_lines(prefix))}))p" {shlex.quote(str(joblist))})"'
        files = [_write_slurm(folder / "BEAST_batch_trim.slurm", [one], jobs, prefix)]
    elif kind == "parallel":
        files = [_write_parallel(folder / "BEAST_batch_trim.parallel", lines, prefix)]
    return files, jobs


def write_fit_jobs(
    project: Project,
    catalogues: Sequence[str],
    per_job: int = 2,
    nice: int | None = None,
    prefix: str | None = None,
    kind: str = "at",
) -> tuple[list[Path], list[Job]]:
    """Write the jobs that fit the sub files that are not done: `P/fit_batch_jobs/beast_batch_fit_K.joblist`.

    Parameters
    ----------
    project : Project
    catalogues : sequence of str
        Catalogues, or their sub files.
    per_job : int
        Fits in a job, one after the other.
    nice, prefix, kind
        As of `write_trim_jobs`.

    Returns
    -------
    files : list of Path
        To be submitted.
    jobs : list of Job
    """
    folder = Path(project.folder, "fit_batch_jobs")
    jobs = fit_jobs(project, catalogues, per_job, nice, os.path.join(folder, "logs"))
    _make(folder)
    _remove(folder, ["beast_batch_fit_*.joblist", "beast_batch_fit.*"])
    if not jobs:
        return [], []
    files = []
    for k, job in enumerate(jobs, start=1):
        files.append(folder / f"beast_batch_fit_{k}.joblist")
        _write_script(files[-1], [*_prefix_lines(prefix), *job.commands])
    if kind == "slurm":
        one = f"sh {shlex.quote(str(folder))}/beast_batch_fit_$SLURM_ARRAY_TASK_ID.joblist"
        files = [_write_slurm(folder / "beast_batch_fit.slurm", [one], jobs, None)]
    elif kind == "parallel":
        lines = [line for job in jobs for line in job.commands]
        files = [_write_parallel(folder / "beast_batch_fit.parallel", lines, prefix)]
    return files, jobs


def _make(folder: Path) -> None:
    try:
        (folder / "logs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made: {error.strerror or error}", folder) from error


def _remove(folder: Path, patterns: Sequence[str]) -> None:
    """Remove the job lists of an earlier call, whose jobs may be done by now."""
    for pattern in patterns:
        for path in folder.glob(pattern):
            path.unlink()


def _prefix_lines(prefix: str | None) -> list[str]:
    return prefix.replace("\\n", "\n").split("\n") if prefix else []


def _write_script(path: Path, lines: Sequence[str]) -> None:
    with atomic_write(path) as f:
        f.writelines(f"{line}\n" for line in lines)
    path.chmod(_MODE)


def _write_slurm(path: Path, lines: Sequence[str], jobs: Sequence[Job], prefix: str | None) -> Path:
    """An array of jobs, each of which runs the lines."""
    memory = max((job.memory for job in jobs if not math.isnan(job.memory)), default=math.nan)
    limits = [] if math.isnan(memory) else [f"#SBATCH --mem={math.ceil(memory / 2**20)}M"]
    head = ["#!/bin/bash", "#SBATCH -J fastsed", "#SBATCH -n 1", *limits, f"#SBATCH --array=1-{len(jobs)}"]
    _write_script(path, [*head, f"cd {shlex.quote(os.getcwd())}", *_prefix_lines(prefix), *lines])
    return path


def _write_parallel(path: Path, lines: Sequence[str], prefix: str | None) -> Path:
    """A line for each command, for `parallel < FILE`."""
    start = "".join(f"{line}; " for line in _prefix_lines(prefix))
    _write_script(path, [start + line for line in lines])
    return path


def _write_listing(path: Path, project: Project, tasks: Sequence[TrimTask]) -> None:
    """What to trim, as BEAST writes it: the grid, the columns if they are named, then noise, catalogue and base."""
    lines = [project.grid_file(), *([" ".join(project.columns)] if project.columns else [])]
    for task in tasks:
        names = [task.noise, task.catalogue, task.base]
        if any(" " in name for name in names):
            raise InputError("the names of files to be trimmed must not hold blanks", task.catalogue)
        lines.append(" ".join(names))
    with atomic_write(path) as f:
        f.writelines(f"{line}\n" for line in lines)


def read_listing(path: str | os.PathLike[str]) -> tuple[str, list[str], list[TrimTask]]:
    """Read what to trim, of ours or of BEAST.

    Returns
    -------
    grid : str
    columns : list of str
        Of the catalogue; empty if they are not named.
    tasks : list of TrimTask

    Raises
    ------
    InputError
        If it cannot be read or a line is wrong.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}", path) from error
    rows = [(i, line.split()) for i, line in enumerate(lines, start=1) if line.strip()]
    if len(rows) < 2:
        raise InputError("should hold the grid, then noise model, catalogue and base of each sub file", path)
    grid, rest = " ".join(rows[0][1]), rows[1:]
    columns = []
    if all(word.upper().endswith("_RATE") for word in rest[0][1]):
        columns, rest = rest[0][1], rest[1:]
    tasks = []
    for i, words in rest:
        # 1.3.2 also names the artificial stars, in the third place
        if len(words) not in (3, 4):
            raise InputError(f"{len(words)} words instead of noise model, catalogue and base", path, i)
        tasks.append(TrimTask(words[0], words[1], words[-1]))
    return grid, columns, tasks
