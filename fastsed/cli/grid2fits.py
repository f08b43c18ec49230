"""The command `fastsed-grid2fits`: binary chi2 grids in; FITS, HDF5 or Parquet tables out."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from fastsed._version import __version__
from fastsed.cli.messages import run_command, start_logging
from fastsed.errors import InputError
from fastsed.tables.formats import format_of

PROGRAM = "fastsed-grid2fits"
_SUFFIXES = {"fits": ".fits", "hdf5": ".h5", "parquet": ".parquet"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit status comes back, as `run_command` says."""
    return run_command(PROGRAM, _run, argv)


def make_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Convert chi2 grids (chi2.grid, best_chi2/*.grid) to tables that other programs read.",
    )
    parser.add_argument(
        "file", nargs="+", type=Path, metavar="FILE", help="grid written by fastsed or FAST++"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="name of the table (default: FILE and a suffix)"
    )
    parser.add_argument(
        "--format", choices=sorted(_SUFFIXES), help="default: what the suffix of OUT says; fits without one"
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _run(argv: Sequence[str] | None) -> int:
    from fastsed.outputs.chi2grid import read_chi2_grid
    from fastsed.outputs.grid_tables import write_grid_table
    from fastsed.outputs.preflight import check_output

    parser = make_parser()
    arguments = parser.parse_args(argv)
    output: Path | None = arguments.output
    if output is not None and len(arguments.file) > 1:
        parser.error("-o names one table, but several FILEs are given")
    kind = arguments.format or ("fits" if output is None or not output.suffix else format_of(output))
    if kind not in _SUFFIXES:
        raise InputError(f"a suffix of {', '.join(_SUFFIXES)} is needed, or --format", output)
    start_logging(logging.INFO)
    for path in arguments.file:
        target = output if output is not None else path.with_name(path.name + _SUFFIXES[kind])
        check_output(target)
        write_grid_table(read_chi2_grid(path), target, kind)
    return 0
