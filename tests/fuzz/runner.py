"""Damaged inputs, each read under limits of time and memory in processes that may die: numbers in, findings out."""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import multiprocessing.pool
import os
import random
import resource
import shutil
import signal
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from tests.fuzz.targets import Target, find_targets

SECONDS = 10.0
"""Processor time that a damaged file of some kilobytes may take."""
PATIENCE_SECONDS = 120.0
"""The same by the clock, on a machine however busy."""
MEGABYTES = 1024
"""What it may take beyond what the process has after its imports."""

READY = "ready"

Job = tuple[str, int]
"""Name of a target and number of an input; with the seed of the run they make the input."""


@dataclass(frozen=True)
class Finding:
    """An input that ended in something else than success or a clear error."""

    target: str
    number: int
    what: str
    details: str = ""


def make_input(target: Target, seeds: list[bytes], seed: int, number: int) -> bytes:
    """The damaged file: the same for the same target, seed and number."""
    rng = random.Random(f"{target.name} {seed} {number}")
    return target.damage(rng, rng.choice(seeds))


def fuzz(names: list[str], inputs: int, seed: int, processes: int, keep: Path | None = None) -> list[Finding]:
    """Read damaged inputs, of each target as many as its weight says.

    Parameters
    ----------
    names : list of str
        Of targets; all without any.
    inputs : int
        In all.
    seed : int
    processes : int
    keep : Path, optional
        Folder for the inputs that are found.
    """
    jobs = _jobs(find_targets(names), inputs)
    shares = [jobs[i::processes] for i in range(processes)]
    with multiprocessing.pool.ThreadPool(processes) as pool:
        parts = pool.starmap(_supervise, [(share, seed) for share in shares])
    findings = sorted((one for part in parts for one in part), key=lambda one: (one.target, one.number))
    if keep is not None:
        _keep(findings, seed, keep)
    return findings


def _jobs(targets: list[Target], inputs: int) -> list[Job]:
    """Inputs of all targets, mixed, so that the processes have equal work."""
    total = sum(target.weight for target in targets)
    counts = [max(1, round(inputs * target.weight / total)) for target in targets]
    numbered = [(i / n, target.name, i) for target, n in zip(targets, counts, strict=True) for i in range(n)]
    return [(name, i) for _, name, i in sorted(numbered)][:inputs]


def _supervise(jobs: list[Job], seed: int) -> list[Finding]:
    """Have a process read the inputs, and another one the rest where it dies."""
    context = multiprocessing.get_context("spawn")
    findings: list[Finding] = []
    done = 0
    while done < len(jobs):
        receiver, sender = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(jobs[done:], seed, sender))
        worker.start()
        sender.close()
        answers = _received(receiver)
        if next(answers, None) != READY:
            raise RuntimeError(
                "a reader refuses the files as they are before any damage, or cannot be run at all"
            )
        for finding in answers:
            done += 1
            if isinstance(finding, Finding):
                findings.append(finding)
        worker.join()
        if done < len(jobs):
            name, number = jobs[done]
            late = worker.exitcode in (-signal.SIGALRM, -signal.SIGPROF)
            died = "takes too long" if late else f"process died: {worker.exitcode}"
            findings.append(Finding(name, number, died))
            done += 1
    return findings


def _received(receiver: Connection) -> Iterator[Finding | str | None]:
    with contextlib.suppress(EOFError):
        while True:
            yield receiver.recv()


# --- in the process ---------------------------------------------------------------------------------------


def _work(jobs: list[Job], seed: int, sender: Connection) -> None:
    """Read the inputs one after the other and send what was found, or None, after each."""
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    logging.disable(logging.CRITICAL)
    targets = {target.name: target for target in find_targets({name for name, _ in jobs})}
    with tempfile.TemporaryDirectory() as folder:
        seeds: dict[str, list[bytes]] = {}
        for name, target in targets.items():
            (Path(folder) / name).mkdir()
            seeds[name] = target.seeds(Path(folder) / name)
            # what is imported only once is imported now, before memory is limited
            for data in seeds[name]:
                (Path(folder) / name / target.file).write_bytes(data)
                target.read(Path(folder) / name / target.file)
        _limit_memory()
        os.chdir(folder)
        sender.send(READY)
        for name, number in jobs:
            data = make_input(targets[name], seeds[name], seed, number)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)
            outcome = _outcome(targets[name], Path(folder) / name, data)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            sender.send(outcome and Finding(name, number, *outcome))
    sender.close()


def _limit_memory() -> None:
    with open("/proc/self/statm") as f:
        used = int(f.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEGABYTES * 2**20,) * 2)


def _outcome(target: Target, folder: Path, data: bytes) -> tuple[str, str] | None:
    """Name and details of what should not have happened; None for success or a clear error."""
    from fastsed.errors import FastsedError

    path = folder / target.file
    path.write_bytes(data)
    output = io.StringIO()
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(output):
        warnings.simplefilter("always")
        try:
            with contextlib.redirect_stderr(output):
                target.read(path)
        except FastsedError as error:
            if "\x00" in str(error) or len(str(error)) > 5000:
                return "unreadable message", repr(str(error)[:200])
        except (Exception, SystemExit) as error:
            trace = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(trace.filename).name}:{trace.lineno}"
            return f"{type(error).__name__} at {place}", "".join(traceback.format_exception(error)[-8:])
    if caught:
        place = f"{Path(caught[0].filename).name}:{caught[0].lineno}"
        return f"{caught[0].category.__name__} at {place}", str(caught[0].message)
    if "Traceback" in output.getvalue():
        return "traceback", output.getvalue()
    return None


def _keep(findings: list[Finding], seed: int, folder: Path) -> None:
    """Write the inputs that were found, to be read by hand."""
    for name in {finding.target for finding in findings}:
        (target,) = find_targets([name])
        work = folder / f"{name}.seeds"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        seeds = target.seeds(work)
        for number in (finding.number for finding in findings if finding.target == name):
            (folder / f"{name}-{seed}-{number}-{target.file}").write_bytes(
                make_input(target, seeds, seed, number)
            )
        shutil.rmtree(work)
