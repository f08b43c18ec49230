"""Write the generated pages of the documentation: fastsed/params.py in, docs/parameters.md out."""

from __future__ import annotations

from pathlib import Path

from fastsed.params import parameters_markdown


def main() -> None:
    page = Path(__file__).resolve().parent.parent / "docs" / "parameters.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(parameters_markdown(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
