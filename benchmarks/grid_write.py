"""Throughput of SAVE_CHI_GRID against `dd` with large blocks on the same disk."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from common import HERE, Report, Skip, Spread, main, measure, options, scratch, time_inside

# 35 000 models for each of the redshifts
GRID = (
    "Z_MIN=0.1", "Z_STEP=0.1", "Z_STEP_TYPE=0", "LOG_TAU_MIN=8.5", "LOG_TAU_MAX=10", "LOG_TAU_STEP=0.5",
    "LOG_AGE_MIN=8", "LOG_AGE_MAX=9", "LOG_AGE_STEP=0.1", "A_V_MIN=0", "A_V_MAX=3", "A_V_STEP=0.1", "NO_MAX_AGE=1",
)  # fmt: skip
# bytes per model, source and redshift
PER_SOURCE = 1364 * 4 * 9


def dd(folder: Path, megabytes: int, *flags: str) -> float:
    """Seconds that dd takes for so much."""
    path = folder / "dd.out"
    blocks = max(1, megabytes * 1_000_000 // (16 << 20))
    measure(["sync"])
    found = measure(["dd", "if=/dev/zero", f"of={path}", "bs=16M", f"count={blocks}", *flags])
    size = path.stat().st_size
    path.unlink()
    return found.wall / size


def run(args: argparse.Namespace, report: Report) -> None:
    """Write with each in turn, so that a slow minute hits all of them; the first round, of cold memory, is left out."""
    if not shutil.which("dd"):
        raise Skip("dd is not here")
    sources = 500 if args.quick else args.sources
    redshifts = max(1, round(args.megabytes * 1e6 / (PER_SOURCE * sources)))
    if args.quick:
        redshifts = 5
    # bytes a second
    ours, ours_synced, plain, synced = [], [], [], []
    with scratch(args.folder) as folder:
        inputs = folder / "run"
        grid = [*GRID, f"Z_MAX={0.1 * redshifts:g}"]
        measure([sys.executable, str(HERE / "synthetic.py"), str(inputs), str(sources), "7", *grid])
        overrides = ["SAVE_CHI_GRID=1", "NO_CACHE=1", f"N_THREAD={args.threads}"]
        for _ in range(1 + args.runs):
            measure(["sync"])
            found = time_inside(inputs, "grid", 1, *overrides)["runs"][0]
            size = found["bytes"]
            ours.append(size / found["wall"] / 1e6)
            ours_synced.append(size / found["synced"] / 1e6)
            plain.append(1e-6 / dd(folder, size // 1_000_000))
            synced.append(1e-6 / dd(folder, size // 1_000_000, "conv=fdatasync"))
    report.note(
        f"{size / 1e6:.0f} MB, {sources} sources, {args.threads} threads (0: all); model fluxes included"
    )
    rows = []
    for name, a, b in (
        ("into the page cache", ours, plain),
        ("onto the disk (fdatasync)", ours_synced, synced),
    ):
        mine, theirs = Spread.of(a[1:]), Spread.of(b[1:])
        rows.append(
            {"": name, "fastsed MB/s": mine, "dd MB/s": theirs, "share": mine.median / theirs.median,
             "of best": mine.max / theirs.max, "goal": 0.7}
        )  # fmt: skip
    report.table(rows)


if __name__ == "__main__":
    parser = options("SAVE_CHI_GRID against dd", runs=9)
    parser.add_argument("--sources", type=int, default=1000, help="in the catalogue")
    parser.add_argument("--megabytes", type=int, default=1500, help="size of the grid")
    parser.add_argument("--threads", type=int, default=0, help="threads that compute; 0: all")
    parser.add_argument("--folder", type=Path, help="where to write [the folder of temporary files]")
    main("grid_write", parser, run)
