"""A galaxy with a spectrum, an infrared luminosity and histories of five parameters: millions of models."""

from __future__ import annotations

import argparse

from common import (
    Report,
    copy_inputs,
    fit_once,
    main,
    reference_options,
    repeat,
    scratch,
    shared_files,
    time_inside,
    with_threads,
)

FULL = (
    "LTBURST_STEP=0.05", "LTRISE_STEP=0.1", "LTDECL_STEP=0.1", "LRSFR_STEP=0.2", "LTFREE_STEP=0.5",
    "A_V_MIN=0", "A_V_MAX=1", "A_V_STEP=0.1",
)  # fmt: skip
REDUCED = ("LTBURST_STEP=0.2", "LTRISE_STEP=0.2", "LTDECL_STEP=0.2", *FULL[3:])


def run(args: argparse.Namespace, report: Report) -> None:
    """Time it."""
    shared = args.bench.parent
    grid = REDUCED if args.quick else FULL
    with scratch() as folder:
        inputs = copy_inputs(shared / "golden" / "custom_sfh", folder / "custom_sfh")
        common = [
            f"LIBRARY_DIR={shared / 'data' / 'libraries'}/",
            *shared_files(shared),
            *with_threads(args.threads),
        ]
        found = repeat(args.runs, lambda: fit_once(inputs, *common, *grid))
        models = time_inside(inputs, "size", 1, *common, *grid)["models"]
    rate = models / found["wall"].median
    report.table(
        [{"models": models, "wall s": found["wall"], "CPU s": found["cpu"], "peak MB": found["memory"].max,
          "goal MB": 500, "models/s": rate}]
    )  # fmt: skip


if __name__ == "__main__":
    parser = reference_options("custom histories of five parameters, spectrum and luminosity", runs=1)
    parser.add_argument("--threads", type=int, default=0, help="0: all")
    main("cosmos", parser, run)
