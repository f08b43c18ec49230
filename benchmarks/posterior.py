"""Benchmark of posteriors: sources of run1 many times over, best fits alone and with posteriors, at each SIMD level."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
from common import SHARED
from kernels import LEVELS, has_level

from fastsed.fitting.best_fit import BestFit, find_best_fits
from fastsed.fitting.passes import posteriors_together, runs, walk
from fastsed.fitting.posterior import Posterior
from fastsed.params import read_params
from fastsed.problem import prepare


def main() -> None:
    """Print CPU seconds, galaxies a core-second, and pairs of galaxy and model a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=10, help="how often the sources of run1 are taken")
    parser.add_argument("--keys", nargs="*", default=[], help="KEY=value, for the parameter file of run1")
    args = parser.parse_args()
    os.chdir(Path(SHARED) / "bench" / "run1")
    keys = ["NO_CACHE=1", "N_SIM=0", "N_THREAD=1", "POSTERIOR=1", "VERBOSE=0", *args.keys]
    problem = prepare(read_params("fast.param", keys))
    grid = problem.grid
    data = problem.data.part(np.tile(np.arange(problem.data.n_sources), args.copies))
    redshifts = data.redshifts_needed(len(grid.axes.z))
    list(grid.tiles(redshifts))  # they stay in memory
    n, n_models = data.n_sources, grid.n_models_at(redshifts)
    print(f"{n} sources, {n_models} models, {data.n_columns} bands, one thread, CPU time")
    for level in filter(has_level, LEVELS):
        os.environ["FASTSED_SIMD"] = level
        start = time.process_time()
        find_best_fits(grid, data)
        fitted = time.process_time()
        best_fit = BestFit(grid, data)
        for rows in runs(slice(0, n), posteriors_together(len(problem.described))):
            reducer = Posterior(grid, data, problem.described, problem.weighing, rows)
            walk(grid, redshifts, [reducer], rows.stop - rows.start)
            best_fit.look_only_at(*reducer.redshifts_of_best(), rows)
            reducer.result((0.16, 0.5, 0.84), with_pdfs=False)
        walk(grid, redshifts, [best_fit], n)
        described = time.process_time()
        for name, seconds in (("best fits", fitted - start), ("with posteriors", described - fitted)):
            print(
                f"{level:7} {name:15} {seconds:8.2f} s {1e6 * seconds / n:8.1f} us a source "
                f"{n / seconds:8.0f} galaxies a core-second {n * n_models / seconds:10.3g} pairs a second"
            )


if __name__ == "__main__":
    main()
