"""Benchmark run2: one galaxy, 35 bands and 644 spectral channels, 226 380 models."""

from common import main, reference_options
from reference import CACHE, NO_CACHE, Mode, compare

MODES = [
    Mode("no simulations, no cache", NO_CACHE, 45, 40),
    Mode("no simulations, cache", CACHE, 0.7),
    Mode("1000 simulations, cache", ("N_SIM=1000", "NO_CACHE=0"), 172, 100),
]

if __name__ == "__main__":
    parser = reference_options("a galaxy with 35 bands and 644 channels, 226 380 models, against FAST++")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="numbers of threads")
    main("run2", parser, lambda args, report: compare(args, report, "run2", MODES, args.threads))
