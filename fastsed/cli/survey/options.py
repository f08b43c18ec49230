"""Options that several steps have in common."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable
from pathlib import Path

log = logging.getLogger("fastsed.survey")


def add_catalog(parser: argparse.ArgumentParser) -> None:
    """The catalogue, by position or as BEAST's `-catfile`."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("catalog", nargs="?", metavar="CAT", help="catalogue with columns RA, DEC (degrees)")
    group.add_argument("-catfile", "--catfile", dest="catfile", metavar="CAT", help="the same, as an option")


def catalog(arguments: argparse.Namespace) -> Path:
    """The catalogue that was given one way or the other."""
    return Path(arguments.catfile if arguments.catalog is None else arguments.catalog)


def add_pixels(parser: argparse.ArgumentParser) -> None:
    """Number or size of the pixels of a map."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--npix", type=int, metavar="N", help="pixels in each direction (default: 10)")
    group.add_argument("--pixsize", type=float, metavar="ARCSEC", help="size of the pixels")


def add_compat(parser: argparse.ArgumentParser) -> None:
    """Whose numbers and names."""
    parser.add_argument(
        "--compat",
        choices=["beast1", "beast2"],
        help="numbers and file names of BEAST 1.3.2 or of BEAST 2, known defects included",
    )


def report(paths: Iterable[Path]) -> None:
    """Say what was written."""
    names = [str(path) for path in paths]
    if len(names) > 8:
        log.info("%d files written, from %s to %s", len(names), names[0], names[-1])
    else:
        log.info("written: %s", ", ".join(names) or "nothing")
