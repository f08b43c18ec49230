"""Start-up: what a command costs that has next to nothing to do."""

import argparse
import sys
from pathlib import Path

from common import FASTSED, ROOT, Report, main, measure, options, repeat, scratch

# two galaxies, two dozen models
SMALL = (
    "N_SIM=0", "Z_STEP=0.3", "A_V_STEP=3", "LOG_TAU_STEP=5", "LOG_AGE_STEP=3", "N_THREAD=1", "VERBOSE=0",
)  # fmt: skip


def small_run(folder: Path) -> list[str]:
    """Make a run with negligible work; its command comes back."""
    measure(
        [
            sys.executable,
            "-c",
            f"from fastsed.cli.main import copy_example as c; from pathlib import Path; c(Path({str(folder)!r}))",
        ]
    )
    catalogue = folder / "gst.cat"
    lines = catalogue.read_text().splitlines(keepends=True)
    header = sum(line.startswith("#") for line in lines)
    catalogue.write_text("".join(lines[: header + 2]))
    return [*FASTSED, "gst.param", *SMALL]


def run(args: argparse.Namespace, report: Report) -> None:
    """Time each."""
    with scratch() as folder:
        cases = {
            "python -c pass": ([sys.executable, "-c", "pass"], None),
            "import numpy": ([sys.executable, "-c", "import numpy"], None),
            "import fastsed": ([sys.executable, "-c", "import fastsed"], None),
            "fastsed --version": ([*FASTSED, "--version"], 0.15),
            "fastsed, negligible work": (small_run(folder / "small"), 0.6),
        }
        rows = []
        for name, (command, goal) in cases.items():
            cwd = folder / "small" if "work" in name else ROOT / "benchmarks"
            measure(command, cwd=cwd)
            found = repeat(args.runs, lambda command=command, cwd=cwd: measure(command, cwd=cwd))
            row = {"command": name, "CPU s": found["cpu"], "goal": goal, "wall s": found["wall"]}
            rows.append(row | {"peak MB": found["memory"].median})
    report.table(rows)


if __name__ == "__main__":
    main("startup", options("time and memory of commands that have next to nothing to do", runs=7), run)
