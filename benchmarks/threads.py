"""What a second thread gains on run1 with simulations: time of models, fit and simulations, without start-up."""

import argparse

from common import (
    Report,
    Spread,
    copy_inputs,
    high_resolution_library,
    main,
    on_processors,
    reference_options,
    scratch,
    shared_files,
    time_inside,
    with_threads,
)

# fits of a process that are timed
FITS = 4


def run(args: argparse.Namespace, report: Report) -> None:
    """Time it with each number of threads in turn, so that a slow minute hits all of them."""
    shared = args.bench.parent
    with scratch() as folder:
        inputs = copy_inputs(args.bench / "run1", folder / "run1")
        common = [high_resolution_library(args.libs, shared), *shared_files(shared), "N_SIM=100"]
        times: dict[int, list[dict[str, float]]] = {n: [] for n in args.threads}
        for _ in range(args.runs):
            for n, found in times.items():
                # the first fit of a process warms it up
                with on_processors(n):
                    found += time_inside(inputs, "fit", FITS + 1, *common, *with_threads(n))["runs"][1:]
    one = Spread.of(f["wall"] for f in times[args.threads[0]])
    rows = []
    for n, found in times.items():
        wall = Spread.of(f["wall"] for f in found)
        rows.append(
            {"threads": n, "wall s": wall, "CPU s": Spread.of(f["cpu"] for f in found),
             "gain of medians": one.median / wall.median, "gain of best": one.min / wall.min}
        )  # fmt: skip
    report.table(rows)


if __name__ == "__main__":
    parser = reference_options("run1 with 100 simulations: the gain of more threads")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads")
    main("threads", parser, run)
