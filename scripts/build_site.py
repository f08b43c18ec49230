"""Build the documentation site with Sphinx, in build/site/html; warnings are errors.

usage: python scripts/build_site.py [FOLDER]

The pages of docs/ and those of OUTSIDE are copied to build/site/source, where links between them lead to their copies;
links to files that are no pages become plain text. A page that no menu names comes at the end of the guide's. The page
of the Python interface is made of the docstrings of what the modules in MODULES export.
"""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "share/README.md": "data.md",
    "README.md": "index.md",
    "docs/README.md": "index.md",
}
"""Pages outside of docs/, or that have another in their stead, and their names in the site."""
COPIED = ("CONTRIBUTING.md", "CHANGELOG.md", "share/README.md")
MODULES = ("fastsed", "fastsed.filters")

_MENU = re.compile(r"^:::\{toctree\}\n(.*?)\n:::$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"
    source = folder / "source"
    write_source(source)
    command = [sys.executable, "-P", "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    subprocess.run([*command, "-d", str(folder / "doctrees"), str(source), str(folder / "html")], check=True)
    print(f"the site is {folder / 'html' / 'index.html'}")


def write_source(source: Path) -> None:
    """Copy the pages to a new folder, and write that of the Python interface."""
    if source.exists():
        shutil.rmtree(source)
    shutil.copytree(ROOT / "docs", source, ignore=shutil.ignore_patterns("__pycache__", "README.md"))
    copied = {f"docs/{path.name}": path.name for path in source.glob("*.md")}
    copied |= {origin: OUTSIDE[origin] for origin in COPIED}
    for origin, name in copied.items():
        text = (ROOT / origin).read_text(encoding="utf-8")
        (source / name).write_text(relinked(text, origin), encoding="utf-8")
    (source / "api.md").write_text(api_page(), encoding="utf-8")
    guide = source / "guide.md"
    forgotten = sorted({path.stem for path in source.glob("*.md")} - menu(source) - {"index"})
    if forgotten:
        more = "\n".join(["", ":::{toctree}", ":maxdepth: 1", "", *forgotten, ":::", ""])
        guide.write_text(guide.read_text(encoding="utf-8") + more, encoding="utf-8")


def menu(source: Path) -> set[str]:
    """Names of the pages that the first page and the guide name in their menus."""
    text = "".join((source / name).read_text(encoding="utf-8") for name in ("index.md", "guide.md"))
    return {line for block in _MENU.findall(text) for line in block.split("\n") if not line.startswith(":")}


def relinked(text: str, origin: str) -> str:
    """The text of a page, with links that lead to the pages of the site.

    Parameters
    ----------
    text : str
        Markdown.
    origin : str
        Path of the page in the repository.
    """

    def replacement(match: re.Match[str]) -> str:
        target = match["target"]
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = os.path.normpath(PurePosixPath(origin).parent / target).replace(os.sep, "/")
        place = OUTSIDE.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if place is None:
            return match["text"]
        return f"{match['image']}[{match['text']}]({place}{match['anchor'] or ''})"

    return _LINK.sub(replacement, text)


def api_page() -> str:
    """The page of the Python interface: a directive for each name that is exported."""
    lines = ["# Python", "", "Everything that is public, as the docstrings describe it.", ""]
    for name in MODULES:
        module = import_module(name)
        lines += [f"## {name}", "", "```{eval-rst}", f".. module:: {name}", ""]
        for exported in module.__all__:
            value = getattr(module, exported)
            if not exported.startswith("__") and not inspect.ismodule(value):
                lines += _directive(name, exported, value)
        lines += ["```", ""]
    return "\n".join(lines)


def _directive(module: str, name: str, value: object) -> list[str]:
    if inspect.isclass(value) and issubclass(value, BaseException):
        return [f".. autoexception:: {module}.{name}", ""]
    if inspect.isclass(value):
        return [f".. autoclass:: {module}.{name}", "   :members:", ""]
    return [f".. autofunction:: {module}.{name}", ""]


if __name__ == "__main__":
    main()
