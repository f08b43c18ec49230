"""The runs whose times with FAST++ are known: modes and the peer's figures in; a table with the ratios out."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from common import (
    Report,
    Skip,
    Spread,
    copy_inputs,
    fit_once,
    high_resolution_library,
    on_processors,
    repeat,
    scratch,
    shared_files,
    with_threads,
)


@dataclass(frozen=True)
class Mode:
    """One way to do a run.

    Attributes
    ----------
    name : str
    overrides : tuple of str
        KEY=value of the parameter file.
    peer : float
        Seconds of FAST++ with one thread.
    goal : float or None
        The ratio we want.
    peer_two_threads : float or None
        Its wall time in its best mode with two threads.
    """

    name: str
    overrides: tuple[str, ...]
    peer: float
    goal: float | None = None
    peer_two_threads: float | None = None


NO_CACHE = ("N_SIM=0", "NO_CACHE=1")
CACHE = ("N_SIM=0", "NO_CACHE=0")


def compare(
    args: argparse.Namespace, report: Report, name: str, modes: list[Mode], threads: list[int]
) -> None:
    """Time the modes of a benchmark run and print them beside the peer's figures."""
    if not (args.bench / name).is_dir():
        raise Skip(f"the benchmark runs ({args.bench}) are not here")
    shared = args.bench.parent
    common = [high_resolution_library(args.libs, shared), *shared_files(shared)]
    with scratch() as folder:
        time_modes(report, copy_inputs(args.bench / name, folder / name), common, modes, threads, args.runs)


def time_modes(
    report: Report, folder: Path, common: list[str], modes: list[Mode], threads: list[int], runs: int
) -> None:
    """Time all modes of the run in `folder`, after one run that fills its caches and the system's."""
    factor = report.calibrate()
    for n in threads:
        rows = []
        for mode in modes:
            overrides = [*common, *mode.overrides, *with_threads(n)]
            fit_once(folder, *overrides)
            with on_processors(n):
                found = repeat(runs, lambda overrides=overrides: fit_once(folder, *overrides))
            rows.append(
                compared(mode, found, factor)
                | ({"peer, 2 threads s": mode.peer_two_threads} if n > 1 else {})
            )
        report.table(rows, f"{n} thread{'s' if n > 1 else ''}")


def compared(mode: Mode, found: dict[str, Spread], factor: float) -> dict[str, object]:
    """A row of the table. The peer's figures are CPU times: those of wall time, on a quiet machine."""
    ratio, of_cpu = mode.peer / found["wall"].median, mode.peer / found["cpu"].median
    return {
        "mode": mode.name,
        "wall s": found["wall"],
        "CPU s": found["cpu"],
        "peak MB": found["memory"].max,
        "peer s": mode.peer,
        "ratio": ratio,
        "of CPU": of_cpu,
        "scaled": ratio * factor,
        "scaled, of CPU": of_cpu * factor,
        "goal": mode.goal,
    }
