"""Write the generated pages of the documentation: the tables of keys and columns in, docs/*.md out.

usage: python scripts/build_docs.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

from fastsed.outputs.columns import outputs_markdown
from fastsed.params import parameters_markdown

PAGES = {"parameters.md": parameters_markdown, "outputs.md": outputs_markdown}


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "docs")
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
