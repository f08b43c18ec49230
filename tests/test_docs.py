"""The documentation agrees with the code and with itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastsed.outputs.columns import outputs_markdown
from fastsed.params import key_fields, read_params

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "share" / "README.md"])
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]


def test_columns_and_files_are_up_to_date():
    text = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
    assert text == outputs_markdown(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_every_page_is_listed():
    listed = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in listed


def test_keys_of_the_examples_exist(tmp_path, caplog):
    """Every KEY=value that a page shows on a command line is understood."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    commands = re.findall(r"^(?:\$ )?fastsed \w+\.param (.*)$", text, re.MULTILINE)
    overrides = [word for words in commands for word in re.findall(r"[A-Z_]+=[^\s']+", words)]
    assert len(overrides) > 5
    for override in overrides:
        if override != "LOG_TAU_STEP=0":  # shows an error
            read_params(None, [override])
    assert "unknown key" not in caplog.text
    names = re.findall(r"help-param ([A-Z]\w+)", text)
    assert {name.lower() for name in names} - {"key"} <= key_fields().keys()


def test_picture_of_the_readme():
    picture = ROOT / "docs" / "images" / "example.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 200_000
