"""The reference scenario full_grid: 1067 galaxies, 165 044 models, low-resolution library, 1 and 2 threads."""

import argparse

from common import Report, copy_inputs, main, reference_options, scratch, shared_files
from reference import NO_CACHE, Mode, time_modes


def run(args: argparse.Namespace, report: Report) -> None:
    """Time it."""
    shared = args.bench.parent
    common = [f"LIBRARY_DIR={shared / 'data' / 'libraries'}/", *shared_files(shared)]
    with scratch() as folder:
        inputs = copy_inputs(shared / "golden" / "full_grid", folder / "full_grid")
        # the peer was measured with one thread; the goal is for two of ours
        modes = [Mode("no simulations, no cache", NO_CACHE, 6.8, 15)]
        time_modes(report, inputs, common, modes, args.threads, args.runs)


if __name__ == "__main__":
    parser = reference_options("1067 galaxies, 165 044 models, low-resolution library, against FAST++")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads")
    main("full_grid", parser, run)
