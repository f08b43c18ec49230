"""The documentation site: it builds without warnings, and its links lead somewhere, offline."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import fastsed

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("sphinx", "myst_nb", "numpydoc", "pydata_sphinx_theme")
MISSING = [name for name in NEEDED if find_spec(name) is None]


def script():
    spec = spec_from_file_location("build_site", ROOT / "scripts" / "build_site.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Folder of the pages; warnings of Sphinx would be errors."""
    if MISSING:
        pytest.skip(f"needs {', '.join(MISSING)}: pip install 'fastsed[docs]'")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-P", str(ROOT / "scripts" / "build_site.py"), str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(fastsed.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


class _Page(HTMLParser):
    """Targets of links, and what can be linked to, of an HTML page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors.add(found.get("id"))
        for name in ("href", "src"):
            if found.get(name):
                self.links.append(found[name])


def test_links_lead_somewhere(site):
    pages = {path: _Page(path) for path in site.glob("*.html")}
    checked = 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.name}: {link}"
            if target in pages and not parts.fragment.startswith("__"):
                assert unquote(parts.fragment) in pages[target].anchors, f"{path.name}: {link}"
            checked += 1
    assert checked > 500


def test_menu_names_pages_once():
    text = "".join((ROOT / "docs" / name).read_text("utf-8") for name in ("index.md", "guide.md"))
    blocks = re.findall(r"^:::\{toctree\}\n(.*?)^:::$", text, re.MULTILINE | re.DOTALL)
    listed = [line for block in blocks for line in block.splitlines() if line and not line.startswith(":")]
    there = {path.stem for path in (ROOT / "docs").glob("*.md")} | {"first-fit"}
    assert len(listed) == len(set(listed)) > 25
    assert set(listed) <= there | {"api", "data", "contributing", "changes"}


def test_forgotten_page_is_in_the_menu(tmp_path, monkeypatch):
    module = script()
    docs = shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for name in ("CONTRIBUTING.md", "CHANGELOG.md", "share/README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    (docs / "new-page.md").write_text("# New\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    module.write_source(tmp_path / "source")
    assert "new-page" in module.menu(tmp_path / "source")
    assert not (tmp_path / "source" / "README.md").exists()


def test_every_page_is_there(site):
    expected = {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")} - {"README.html"}
    expected |= {"first-fit.html", "api.html", "contributing.html", "changes.html", "data.html"}
    assert expected <= {path.name for path in site.glob("*.html")}


def test_whole_interface_is_described(site):
    anchors = _Page(site / "api.html").anchors
    modules = script().MODULES
    for name in modules:
        exported = [one for one in import_module(name).__all__ if not one.startswith("__")]
        assert exported
        paths = {f"{name}.{one}" for one in exported}
        # a module is the heading of a section
        assert {path if path not in modules else f"module-{path}" for path in paths} <= anchors


def test_equations_are_there(site):
    text = (site / "science.html").read_text(encoding="utf-8")
    assert text.count("<math") > 20
    assert text.count('display="block"') >= 5
    assert "$" not in text.split("<article")[1].split("</article>")[0].replace("\\$", "")


def test_nothing_is_loaded_from_elsewhere(site):
    for path in site.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img)[^>]*src="(?:https?:)?//[^"]*"', text)
        assert not re.findall(r'<link[^>]*rel="stylesheet"[^>]*href="(?:https?:)?//[^"]*"', text)


@pytest.mark.parametrize(
    ("text", "origin", "expected"),
    [
        ("[a](install.md)", "docs/guide.md", "[a](install.md)"),
        ("[a](../CONTRIBUTING.md#x)", "docs/guide.md", "[a](contributing.md#x)"),
        ("[a](docs/dust.md#noll)", "CONTRIBUTING.md", "[a](dust.md#noll)"),
        ("![a](docs/images/x.png)", "CHANGELOG.md", "![a](images/x.png)"),
        ("[a](examples/gst/gst.cat)", "share/README.md", "a"),
        ("[a](../README.md), [b](README.md)", "docs/guide.md", "[a](index.md), [b](index.md)"),
        ("[a](https://example.org/x.md)", "docs/guide.md", "[a](https://example.org/x.md)"),
        ("[a](#here)", "docs/guide.md", "[a](#here)"),
    ],
)
def test_links_between_pages(text, origin, expected):
    assert script().relinked(text, origin) == expected
