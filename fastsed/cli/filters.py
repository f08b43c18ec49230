"""The command `fastsed-filters`: search, show and draw the filter curves that come with fastsed."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from fastsed._version import __version__
from fastsed.cli.messages import run_command, start_logging

PROGRAM = "fastsed-filters"
_FAINT_SHARE = 0.5


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit status comes back, as `run_command` says."""
    return run_command(PROGRAM, _run, argv)


def _run(argv: Sequence[str] | None) -> int:
    arguments = make_parser().parse_args(argv)
    start_logging(logging.WARNING)
    status: int = arguments.run(arguments)
    return status


def make_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Filter curves that come with fastsed: EAzY's database, with a name for each.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser(
        "search", help="list filters whose name or description holds all these words"
    )
    command.add_argument(
        "text", nargs="*", metavar="TEXT", help="for instance `nircam f200w`; nothing: all filters"
    )
    command.set_defaults(run=_search)

    command = commands.add_parser("show", help="describe filters, by name or number")
    command.add_argument("filter", nargs="+", metavar="FILTER", help="for instance sdss_u or 156")
    command.set_defaults(run=_show)

    command = commands.add_parser("plot", help="draw the curves of filters (needs matplotlib)")
    command.add_argument("filter", nargs="+", metavar="FILTER", help="for instance sdss_u or 156")
    command.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="picture: .png, .pdf or .svg"
    )
    command.set_defaults(run=_plot)
    return parser


def _search(arguments: argparse.Namespace) -> int:
    """List filters; the status is 1 where there is none, as of grep."""
    from fastsed.filters import find

    rows = find(" ".join(arguments.text))
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        size = f"{row.wavelength:>10.6g} {row.width:>9.4g}"
        print(f"{row.number:>4}  {row.name:<{width}} {size}  {row.description}")
    return 0 if rows else 1


def _show(arguments: argparse.Namespace) -> int:
    from fastsed.filters import get

    for i, one in enumerate([get(name) for name in arguments.filter]):
        above = one.wavelength[one.transmission >= _FAINT_SHARE * one.transmission.max()]
        lines = {
            "filter": f"{one.name} ({one.number})",
            "description": one.description,
            "mean wavelength": f"{one.mean_wavelength:.6g} A",
            "width": f"{one.width:.4g} A (area over height)",
            "above half of the peak": f"{above[0]:.6g} to {above[-1]:.6g} A",
            "curve": f"{one.wavelength.size} points, {one.wavelength[0]:.6g} to {one.wavelength[-1]:.6g} A",
            "in a catalogue": f"columns F{one.number}, E{one.number} or F{one.name}, E{one.name}",
        }
        print("\n" * bool(i) + "\n".join(f"{name + ':':<24}{value}" for name, value in lines.items()))
    return 0


def _plot(arguments: argparse.Namespace) -> int:
    from fastsed.filters import get
    from fastsed.outputs.filter_plot import check_image, draw_filters
    from fastsed.outputs.preflight import check_output

    check_image(arguments.output)
    check_output(arguments.output)
    draw_filters([get(name) for name in arguments.filter], arguments.output)
    return 0
