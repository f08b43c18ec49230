"""The kernels alone, on one core: pairs a second, and what part of the processor's arithmetic and caches that takes."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from common import FASTSED, ONE_BLAS_THREAD, ROOT, Report, Spread, main, on_processors, options

LEVELS = ("scalar", "avx2", "avx512")


def best_times(
    runs: int, action: Callable[..., object], prepare: Callable[[], dict[str, Any]] = dict
) -> list[float]:
    """CPU seconds of several runs on one thread, after one that does not count, each with arguments of its own."""
    action(**prepare())
    times = []
    for _ in range(runs):
        arguments = prepare()
        start = time.process_time()
        action(**arguments)
        times.append(time.process_time() - start)
    return times


def practical_peaks() -> dict[str, float]:
    """What this core reaches at its best: GFLOP/s of matrix products, GB/s of reading a cached vector."""
    import numpy as np

    peaks = {}
    for name, kind in (("dgemm GFLOP/s", np.float64), ("sgemm GFLOP/s", np.float32)):
        a = np.random.default_rng(0).random((1200, 1200)).astype(kind)
        out = np.empty_like(a)
        peaks[name] = 2e-9 * 1200**3 / min(best_times(7, lambda a=a, out=out: np.matmul(a, a, out=out)))
    # matrix-vector products of the same matrix again and again read it from the cache that holds it
    for name, side in (("L1 GB/s", 64), ("L2 GB/s", 256), ("beyond L2 GB/s", 3000)):
        repeats = max(1, 30_000_000 // side**2)
        matrices, x = np.broadcast_to(np.ones((side, side)), (repeats, side, side)), np.ones(side)
        out = np.empty((repeats, side))
        seconds = min(best_times(5, lambda m=matrices, x=x, out=out: np.matmul(m, x, out=out)))
        peaks[name] = 8e-9 * repeats * side**2 / seconds
    return peaks


def time_kernels(runs: int, quick: bool) -> dict[str, object]:
    """Times at the SIMD level of this process."""
    sys.path.append(str(ROOT))
    from fastsed._ext import simulate
    from tests.kernel_problems import Problem, Spectra

    part = 4 if quick else 1
    fit, simulated = Problem(8192, 4000 // part), Problem(4000, 100 // part)
    spectra = Spectra(13000, 44, 31)
    bands = sum(
        int(((spectra.lam * 2 > b[0][0]) & (spectra.lam * 2 < b[0][-1])).sum()) for b in spectra.bands
    )
    n_sim = 100
    pairs = simulated.n_model * simulated.n_source * n_sim
    # the kernel at its work: the best models are known, and every pair is compared with them
    known = simulated.simulate(n_sim, prune=True)
    n = fit.n_band
    simulate = partial(simulate.simulate, n_threads=1)
    fresh, informed = partial(simulated.simulation, n_sim), partial(simulated.simulation, n_sim, known)
    # name: pairs, multiply-adds and numbers read for a pair, action and what makes its arguments
    cases: dict[str, tuple[Any, ...]] = {
        "find_best": (fit.n_model * fit.n_source, 2 * n, n, fit.find_best),
        "simulate, all pairs": (pairs, n, n, partial(simulate, prune=False), informed),
        "simulate, pruned": (pairs, None, None, partial(simulate, prune=True), fresh),
        "all_chi2": (fit.n_model * 200, 2 * n, n, Problem(8192, 200).all_chi2),
        "band_fluxes": (bands * 44 * 31, 1, 1, spectra.band_fluxes),
    }
    return {
        name: {"pairs": units, "fma": fma, "reads": reads, "times": best_times(runs, *action)}
        for name, (units, fma, reads, *action) in cases.items()
    }


def apart(what: str, level: str, args: argparse.Namespace) -> dict[str, object]:
    """Measure in a process with a SIMD level of its own."""
    command = [
        sys.executable,
        __file__,
        "--runs",
        str(args.runs),
        "--inside",
        what,
        *(["--quick"] * args.quick),
    ]
    environment = os.environ | ONE_BLAS_THREAD | {"FASTSED_SIMD": level}
    with on_processors(1):
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def has_level(level: str) -> bool:
    """Whether the processor has it: a level that it lacks falls back to a lower one."""
    command = [*FASTSED, "--version"]
    done = subprocess.run(command, env=os.environ | {"FASTSED_SIMD": level}, capture_output=True, text=True)
    return level in done.stdout


def run(args: argparse.Namespace, report: Report) -> None:
    """Measure peaks and kernels, level by level."""
    peaks = apart("peaks", "", args)
    report.table(
        [{"of one core": name, "best": value} for name, value in peaks.items()], "practical peaks (numpy)"
    )
    for level in filter(has_level, LEVELS if not args.quick else LEVELS[-1:] + LEVELS[1:2]):
        rows = []
        for name, found in apart("kernels", level, args).items():
            rate = Spread.of(1e-9 * found["pairs"] / t for t in found["times"])
            flops = 2 * found["fma"] * rate.median if found["fma"] else None
            row = {"kernel": name, "1e9 pairs/s": rate, "GFLOP/s": flops}
            # the simulations are products in single precision
            size, product = (4, "sgemm") if name.startswith("simulate") else (8, "dgemm")
            share = flops / peaks[f"{product} GFLOP/s"] if flops else None
            # what the caches would deliver if nothing stayed in registers from one pair to the next
            unblocked = size * found["reads"] * rate.median if found["reads"] else None
            row |= {"of peak": share, "GB/s unblocked": unblocked, "of L2": None}
            if unblocked:
                row["of L2"] = unblocked / peaks["L2 GB/s"]
            row["goal"] = {"find_best": 1.5, "simulate, all pairs": 5.0}.get(name)
            rows.append(row)
        report.table(rows, f"{level}: 7 bands, one core")
    report.note(
        "pairs: model x source; with simulations model x source x simulation; for band_fluxes wavelength x spectrum x "
        "screen. GFLOP/s: multiply-adds only, counted twice, without divisions and comparisons; of peak: of sgemm for "
        "the simulations, else of dgemm. GB/s unblocked: what rows read anew for every pair would take; above the L2 "
        "bandwidth it shows that the registers are used again."
    )


if __name__ == "__main__":
    parser = options("pairs a second of each kernel, on one core")
    parser.add_argument("--inside", choices=["peaks", "kernels"], help=argparse.SUPPRESS)
    inside = parser.parse_args()
    if inside.inside:
        print(
            json.dumps(
                practical_peaks() if inside.inside == "peaks" else time_kernels(inside.runs, inside.quick)
            )
        )
    else:
        main("kernels", parser, run)
