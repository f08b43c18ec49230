"""Peak memory: the reference runs with and without simulations, and a very large invented catalogue."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common import (
    HERE,
    Measurement,
    Report,
    Skip,
    copy_inputs,
    fit_once,
    high_resolution_library,
    main,
    measure,
    reference_options,
    scratch,
    shared_files,
)

# 100 440 models, 7 bands
GRID = (
    "Z_MIN=0.1", "Z_MAX=3", "Z_STEP=0.1", "Z_STEP_TYPE=0", "LOG_TAU_MIN=8.5", "LOG_TAU_MAX=10.5", "LOG_TAU_STEP=0.25",
    "LOG_AGE_MIN=8", "LOG_AGE_MAX=9.1", "LOG_AGE_STEP=0.1", "A_V_MIN=0", "A_V_MAX=3", "A_V_STEP=0.1", "NO_MAX_AGE=1",
)  # fmt: skip


def row(case: str, found: Measurement, goal: float | None) -> dict[str, object]:
    """A row of the table."""
    return {"case": case, "peak MB": found.memory, "goal": goal, "wall s": found.wall, "CPU s": found.cpu}


def reference_runs(args: argparse.Namespace, folder: Path) -> list[dict[str, object]]:
    """run1 and run2, with few and many simulations and models."""
    shared = args.bench.parent
    common = [high_resolution_library(args.libs, shared), *shared_files(shared), "N_THREAD=1", "NO_CACHE=1"]
    cases = [
        ("run1", ["N_SIM=0"]),
        ("run1", ["N_SIM=100"]),
        ("run1", ["N_SIM=0", "A_V_STEP=0.025"]),
        ("run2", ["N_SIM=0"]),
        ("run2", ["N_SIM=1000"]),
        ("run2", ["N_SIM=0", "A_V_STEP=0.0375"]),
    ]
    rows = []
    for name, overrides in [case for case in cases if not args.quick or len(case[1]) == 1]:
        inputs = folder / name
        if not inputs.exists():
            copy_inputs(args.bench / name, inputs)
        rows.append(row(f"{name} {' '.join(overrides)}", fit_once(inputs, *common, *overrides), 150))
    return rows


def large_catalogue(sources: int, folder: Path) -> Measurement:
    """Fit a catalogue of so many sources."""
    inputs = folder / f"sources-{sources}"
    measure([sys.executable, str(HERE / "synthetic.py"), str(inputs), str(sources), "7", *GRID])
    found = fit_once(inputs, "NO_CACHE=1", "N_SIM=0")
    for path in inputs.iterdir():
        path.unlink()
    return found


def run(args: argparse.Namespace, report: Report) -> None:
    """Measure all cases once: peak memory hardly varies."""
    with scratch(args.folder) as folder:
        try:
            report.table(reference_runs(args, folder))
        except Skip as reason:
            report.note(f"run1 and run2 skipped: {reason}")
        sources = min(args.sources, 20_000) if args.quick else args.sources
        sizes = [sources // 4, sources]
        found = [large_catalogue(n, folder) for n in sizes]
    rows = [row(f"{n} sources, 7 bands, 100 440 models", m, None) for n, m in zip(sizes, found, strict=True)]
    per_source = 1e6 * (found[1].memory - found[0].memory) / (sizes[1] - sizes[0])
    report.table(rows, "invented catalogues")
    report.note(f"bytes for each further source: {per_source:.0f} (goal: below 1000)")


if __name__ == "__main__":
    parser = reference_options("peak memory of the reference runs and of a large catalogue")
    parser.add_argument("--sources", type=int, default=1_000_000, help="of the large catalogue")
    parser.add_argument("--folder", type=Path, help="where the large catalogue goes for a while")
    main("memory", parser, run)
