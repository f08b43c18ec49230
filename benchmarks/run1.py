"""Benchmark run1: 1067 galaxies, 7 bands, 165 044 models, free redshift."""

from common import main, reference_options
from reference import CACHE, NO_CACHE, Mode, compare

MODES = [
    Mode("no simulations, no cache", NO_CACHE, 14.8, 15, 9.8),
    Mode("no simulations, cache", CACHE, 5.3, 10, 3.9),
    Mode("100 simulations, cache", ("N_SIM=100", "NO_CACHE=0"), 87.7, 60, 136),
]

if __name__ == "__main__":
    parser = reference_options("1067 galaxies, 7 bands, 165 044 models, against FAST++")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="numbers of threads")
    main("run1", parser, lambda args, report: compare(args, report, "run1", MODES, args.threads))
