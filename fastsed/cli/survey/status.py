"""`fastsed-survey status`: sub files and a folder of products in; what is done, begun or not begun out."""

from __future__ import annotations

import argparse
import json

from fastsed.cli.survey.options import report


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the step."""
    parser.add_argument("folder", metavar="DIR", help="folder of the products *_TAG_stats.fits and so on")
    parser.add_argument("--cat", nargs="+", required=True, metavar="CAT", help="sub files of the catalogue")
    parser.add_argument("--json", metavar="FILE", help="also write the states by catalogue")


def run(arguments: argparse.Namespace) -> None:
    """Print, and write, the state of each sub file."""
    from pathlib import Path

    from fastsed.atomic import atomic_write
    from fastsed.survey.status import fit_states

    states = fit_states(arguments.folder, arguments.cat)
    for state in states:
        print(f"{state.state:<7} {state.catalogue} ({state.n_star} stars)")
    counts = {kind: sum(state.state == kind for state in states) for kind in ("done", "resume", "fresh")}
    print(", ".join(f"{n} {kind}" for kind, n in counts.items()))
    if arguments.json:
        with atomic_write(arguments.json) as f:
            json.dump({state.catalogue: state.state for state in states}, f, indent=1)
            f.write("\n")
        report([Path(arguments.json)])
