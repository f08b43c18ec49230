"""Write the generated pages of the documentation, and the outputs that the others show.

usage: python scripts/build_docs.py [--outputs | --all] [FOLDER]

Without an option, what is made of the tables of keys, columns and options is written: pages to FOLDER (default: docs),
man pages and shell completions to distribution/share. With --outputs, the commands and programs in README.md and
docs/*.md are run, and what they print replaces what is shown where it differs; tests/shown_outputs.py says how a page
marks them. --all does both.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from fastsed.cli.command_tree import commands
from fastsed.cli.completion import completion_files
from fastsed.cli.manpages import man_page
from fastsed.outputs.reference import outputs_markdown
from fastsed.params import parameters_markdown

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"parameters.md": parameters_markdown, "outputs.md": outputs_markdown}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--outputs", action="store_true", help="refresh the outputs that pages show")
    parser.add_argument("--all", action="store_true", help="write the generated pages, refresh the outputs")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs", metavar="FOLDER")
    options = parser.parse_args()
    if options.all or not options.outputs:
        write_pages(options.folder)
        write_distribution(ROOT / "distribution" / "share")
    if options.all or options.outputs:
        refresh_outputs()


def write_pages(folder: Path) -> None:
    """The pages that are generated as a whole."""
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8", newline="\n")


def distribution() -> dict[str, str]:
    """Man pages and shell completions: path below `share`, and text."""
    return {f"man/man1/{one.name}.1": man_page(one) for one in commands()} | completion_files()


def write_distribution(folder: Path) -> None:
    """What packages install beside the commands; what is no longer made is removed."""
    made = distribution()
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in made:
            path.unlink()


def refresh_outputs() -> None:
    """Run what the pages show, and replace the outputs that differ."""
    # at the end: fastsed itself is the installed one where there is one
    sys.path.append(str(ROOT))
    from tests.shown_outputs import PAGES as SHOWING
    from tests.shown_outputs import refreshed, run_page, runs

    for page in SHOWING:
        if not runs(page):
            continue
        with tempfile.TemporaryDirectory() as folder:
            shown = run_page(page, Path(folder))
        stale = sum(not one.up_to_date for one in shown)
        if stale:
            page.write_text(refreshed(page, shown), encoding="utf-8", newline="\n")
        print(f"{page.relative_to(ROOT)}: {stale} of {len(shown)} outputs replaced")
    refresh_notebooks()


def refresh_notebooks() -> None:
    """Run the notebooks, and keep what they show where it differs, pictures included."""
    from tests.notebooks import NOTEBOOKS, executed

    for path in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as folder:
            after = executed(path, Path(folder))
        stale = json.loads(path.read_text(encoding="utf-8")) != after
        if stale:
            path.write_text(json.dumps(after, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {'replaced' if stale else 'up to date'}")


if __name__ == "__main__":
    main()
