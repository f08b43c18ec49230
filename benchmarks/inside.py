"""One part of a run, timed from the inside: `inside.py PART RUNS FILE.param [KEY=value ...]`; a line of JSON out.

Parts: `fit` (models, best fits and simulations, without start-up, inputs and outputs), `grid` (SAVE_CHI_GRID),
`size` (nothing but the size of the grid).
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from fastsed.params import read_params
from fastsed.pipeline import fit_problem
from fastsed.problem import Problem, prepare


def time_fit(problem: Problem) -> dict[str, Any]:
    """Seconds of a fit that writes nothing."""
    start, cpu = time.perf_counter(), time.process_time()
    fit_problem(problem)
    return {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}


def time_grid(problem: Problem) -> dict[str, Any]:
    """Seconds of writing chi2.grid, without and with a wait for the disk; the file is removed."""
    from fastsed.outputs.grid_file import write_chi_grid

    path = Path("chi2.grid")
    os.sync()
    start = time.perf_counter()
    write_chi_grid(problem, path)
    wall = time.perf_counter() - start
    with path.open("rb") as f:
        os.fsync(f.fileno())
    synced = time.perf_counter() - start
    size = path.stat().st_size
    path.unlink()
    return {"wall": wall, "synced": synced, "bytes": size}


def main() -> None:
    """Do what the command line says; every run starts from fresh inputs."""
    part, runs, parameter_file, *overrides = sys.argv[1:]
    action = {"fit": time_fit, "grid": time_grid, "size": lambda problem: {}}[part]
    found = []
    for _ in range(int(runs)):
        problem = prepare(read_params(parameter_file, overrides))
        found.append(action(problem))
    axes = problem.grid.axes
    print(json.dumps({"models": int(axes.size), "sources": len(problem.catalog.ids), "runs": found}))


if __name__ == "__main__":
    main()
