"""The command `fastsed`: a parameter file in, an output catalogue out."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastsed.cli.messages import Progress, run_command, start_logging
from fastsed.errors import InputError, UsageError

if TYPE_CHECKING:
    from fastsed.params import Params
    from fastsed.run import Results

EXAMPLE = "gst"
DEPENDENCIES = ("numpy", "scipy", "astropy", "h5py", "tqdm", "threadpoolctl")


def make_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        prog="fastsed",
        description="Fit the spectral energy distributions of a catalogue of galaxies, as a FAST parameter file says.",
        epilog="Example: fastsed fast.param N_THREAD=4 OUTPUT_FILE=try2",
    )
    parser.add_argument("param", nargs="?", metavar="FILE.param", help="parameter file of FAST or FAST++")
    parser.add_argument("overrides", nargs="*", metavar="KEY=value", help="values that replace those of the file")
    parser.add_argument("--check", action="store_true", help="check all inputs, estimate memory and time, fit nothing")
    parser.add_argument(
        "--example",
        nargs="?",
        const="fastsed-example",
        metavar="DIR",
        help="copy the example of 500 galaxies to DIR (default: fastsed-example) and fit it",
    )
    parser.add_argument("--help-param", metavar="KEY", help="explain a key of the parameter file")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors (as VERBOSE=0)")
    parser.add_argument("--version", action="store_true", help="show versions, threads and SIMD level")
    return parser


def version_text() -> str:
    """Versions of fastsed and its dependencies, threads, and what the kernels use."""
    from importlib.metadata import PackageNotFoundError, version

    from fastsed._ext.chi2 import has_openmp, simd_name
    from fastsed._version import __version__
    from fastsed.threads import available_threads

    def version_of(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "missing"

    threads = f"{available_threads()}" if has_openmp() else "1 (built without OpenMP)"
    return "\n".join(
        [
            f"fastsed {__version__}",
            f"SIMD:    {simd_name()}",
            f"threads: {threads}",
            f"python {sys.version.split()[0]}, " + ", ".join(f"{d} {version_of(d)}" for d in DEPENDENCIES),
        ]
    )


def copy_example(folder: Path) -> Path:
    """Copy the shipped example to `folder`; the parameter file's path comes back.

    Raises
    ------
    InputError
        If `folder` already holds other files.
    """
    from fastsed.paths import share_dir

    source = share_dir() / "examples" / EXAMPLE
    names = {p.name for p in source.iterdir()}
    if folder.exists() and (not folder.is_dir() or {p.name for p in folder.iterdir()} - names - {f"{EXAMPLE}.fout"}):
        raise InputError("exists and holds other files; name a new folder for the example", folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(names):
        shutil.copyfile(source / name, folder / name)
    return folder / f"{EXAMPLE}.param"


def check(params: Params) -> int:
    """Print what a run would do."""
    from fastsed.estimate import estimate
    from fastsed.run import prepare

    for line in estimate(prepare(params)):
        print(line)
    return 0


def fit(params: Params) -> Results:
    """Fit and write, with progress shown."""
    from fastsed.run import fit_prepared, prepare

    setup = prepare(params)
    with Progress(setup.n_models_to_fit, params.verbose) as progress:
        results = fit_prepared(setup, progress)
    results.write()
    return results


def run_example(folder: Path, overrides: list[str], quiet: bool) -> int:
    """Copy the example, fit it, and show what came out."""
    import os

    from fastsed.params import read_params

    parameter_file = copy_example(folder)
    # paths in a parameter file are relative to where the program runs
    os.chdir(parameter_file.parent)
    params = read_params(parameter_file.name, overrides)
    start_logging(log_level(params, quiet))
    results = fit(params)
    from fastsed.outputs.summary import summary

    print(summary(results))
    print(f"\nThe catalogue is {results.path.resolve()}")
    return 0


def log_level(params: Params, quiet: bool) -> int:
    """What is shown on the terminal."""
    if quiet or not params.verbose:
        return logging.ERROR
    return logging.DEBUG if params.debug else logging.INFO


def command(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says."""
    parser = make_parser()
    options = parser.parse_intermixed_args(argv)
    if options.version:
        print(version_text())
        return 0
    if options.help_param:
        from fastsed.params import describe_key

        print(describe_key(options.help_param))
        return 0
    if options.example:
        overrides = [o for o in [options.param, *options.overrides] if o]
        return run_example(Path(options.example), overrides, options.quiet)
    if not options.param:
        parser.print_usage(sys.stderr)
        raise UsageError("no parameter file given; try 'fastsed --help', or 'fastsed --example'")
    from fastsed.params import read_params, refuse_unsupported

    start_logging(logging.ERROR if options.quiet else logging.WARNING)
    params = read_params(options.param, options.overrides)
    if options.quiet:
        params.verbose = False
    start_logging(log_level(params, options.quiet))
    refuse_unsupported(params)
    if options.check:
        return check(params)
    fit(params)
    return 0


def run() -> int:
    """Entry point."""
    return run_command("fastsed", command)


if __name__ == "__main__":
    sys.exit(run())
