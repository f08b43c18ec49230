"""How the time of a fit grows: sources, models, bands and simulations doubled in turn, and the fitted exponents."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

from common import HERE, Report, Spread, main, measure, options, scratch, time_inside

# what the others are while one doubles; models stand for the steps of A_V
BASE = {"sources": 4000, "models": 64, "bands": 7, "simulations": 0}
SIMULATED = {"sources": 200, "models": 32, "bands": 7, "simulations": 100}
CASES: list[tuple[str, dict[str, int], list[int]]] = [
    ("sources", BASE, [4000, 8000, 16000, 32000]),
    ("models", BASE, [64, 128, 256, 512]),
    ("bands", BASE, [4, 8, 16, 32]),
    ("simulations", SIMULATED, [100, 200, 400, 800]),
    ("sources", SIMULATED, [200, 400, 800, 1600]),
    ("models", SIMULATED, [32, 64, 128, 256]),
    ("bands", SIMULATED, [4, 8, 16, 32]),
]
GRID = (
    "Z_MIN=0.1", "Z_MAX=3", "Z_STEP=0.1", "Z_STEP_TYPE=0", "LOG_TAU_MIN=8.5", "LOG_TAU_MAX=10", "LOG_TAU_STEP=0.5",
    "LOG_AGE_MIN=8", "LOG_AGE_MAX=9", "LOG_AGE_STEP=0.1", "A_V_MIN=0", "NO_MAX_AGE=1",
)  # fmt: skip


def grid_of(steps: int) -> list[str]:
    """Overrides for a grid with so many values of A_V."""
    return [*GRID, f"A_V_STEP={3 / steps!r}", f"A_V_MAX={3 * (steps - 1) / steps!r}"]


def time_case(folder: Path, case: dict[str, int], runs: int) -> dict[str, Any]:
    """Time one combination."""
    inputs = folder / "-".join(str(v) for v in case.values())
    if not inputs.exists():
        command = [
            sys.executable,
            str(HERE / "synthetic.py"),
            str(inputs),
            str(case["sources"]),
            str(case["bands"]),
        ]
        measure([*command, *grid_of(case["models"])])
    overrides = ["N_THREAD=1", "NO_CACHE=1", f"N_SIM={case['simulations']}"]
    found = time_inside(inputs, "fit", runs, *overrides)
    return {"models": found["models"], "wall": Spread.of(r["wall"] for r in found["runs"])}


def exponent(sizes: list[int], times: list[float]) -> float:
    """Slope of the straight line through log(time) against log(size)."""
    x, y = [math.log(v) for v in sizes], [math.log(v) for v in times]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return covariance / sum((a - mean_x) ** 2 for a in x)


def run(args: argparse.Namespace, report: Report) -> None:
    """Time all cases."""
    summary = []
    with scratch() as folder:
        for what, base, sizes in CASES:
            sizes = sizes[:3] if args.quick else sizes
            rows = []
            for size in sizes:
                case = base | {what: size}
                found = time_case(folder, case, args.runs)
                rows.append(case | {"models": found["models"], "wall s": found["wall"]})
            report.table(rows, f"{what} doubled")
            times = [row["wall s"].min for row in rows]
            summary.append(
                {"doubled": what, "with": f"{base['simulations']} simulations" if what != "simulations" else "-",
                 "exponent": exponent(sizes, times), "of the last doubling": math.log2(times[-1] / times[-2])}
            )  # fmt: skip
    report.table(summary, "time ~ size ^ exponent (best of the runs, without start-up)")


if __name__ == "__main__":
    main("scaling", options("how the time of a fit grows", runs=3), run)
