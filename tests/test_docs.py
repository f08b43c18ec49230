"""The documentation agrees with the code and with itself."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from fastsed.outputs.reference import outputs_markdown
from fastsed.params import key_fields, read_params
from fastsed.paths import share_dir

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "share" / "README.md"])
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]


def test_columns_and_files_are_up_to_date():
    text = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
    assert text == outputs_markdown(), "run `make pages`"


def test_man_pages_and_completions_are_up_to_date():
    from fastsed.cli.command_tree import commands
    from fastsed.cli.completion import completion_files
    from fastsed.cli.manpages import man_page

    folder = ROOT / "distribution" / "share"
    made = {f"man/man1/{one.name}.1": man_page(one) for one in commands()} | completion_files()
    there = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert there == made, "run `make pages`"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_every_page_is_listed():
    listed = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name in ("README.md", "index.md") or f"({page.name})" in listed


def slug(heading):
    """The anchor of a heading, as GitHub and the site make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_to_headings(page):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            text = (page.parent / target if target else page).read_text(encoding="utf-8")
            assert anchor in map(slug, re.findall(r"^#+ (.*)$", text, re.MULTILINE)), f"{target}#{anchor}"


def commands():
    """Words of every `fastsed FILE.param ...` that a page shows, but for the one that shows an error."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for words in re.findall(r"^(?:\$ )?fastsed \w+\.param (.*=.*)$", text, re.MULTILINE):
            if words != "LOG_TAU_STEP=0":
                yield shlex.split(words)


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_examples_are_understood(words, caplog):
    parameter_file = share_dir() / "examples" / "gst" / "gst.param"
    read_params(parameter_file, [word for word in words if "=" in word])
    assert "unknown key" not in caplog.text


def test_keys_that_are_looked_up_exist():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    names = set(re.findall(r"help-param ([A-Z]\w+)", text)) - {"KEY"}
    assert names
    assert {name.lower() for name in names} <= key_fields().keys()


def test_picture_of_the_readme():
    picture = ROOT / "docs" / "images" / "example.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 200_000
