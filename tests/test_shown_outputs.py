"""Every command and program in the documentation runs, and prints what the page shows."""

from __future__ import annotations

import difflib
import os

import pytest

from tests.shown_outputs import PAGES, ROOT, Shown, normalised, refreshed, run_page, runs

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the commands are for a POSIX shell")


@pytest.mark.parametrize(
    "page", [page for page in PAGES if runs(page)], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_page(page, tmp_path):
    stale = [one for one in run_page(page, tmp_path) if not one.up_to_date]
    changes = (
        line
        for one in stale
        for line in difflib.ndiff(normalised(one.text).split("\n"), normalised(one.found).split("\n"))
    )
    assert not stale, "run `make pages`:\n" + "\n".join(changes)


def test_stale_output_is_put_right(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "A:\n\n```\n$ echo one\nold\n$ echo two\ntwo\n```\n\n```python\nprint(6 * 7)\n```\n\n"
        "<!-- output -->\n```\n41\n```\n\n<!-- not run: no -->\n```\n$ false\nx\n```\n"
        "<!-- output: echo 3 s; head -0 fast.param -->\n```\n99.5 s\n```\n"
    )
    shown = run_page(page, tmp_path)
    assert [one.up_to_date for one in shown] == [False, True, False, True]
    right = page.read_text().replace("old", "one").replace("41", "42")
    assert refreshed(page, shown) == right


def test_failing_command_is_an_error(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```\nfalse\n```\n")
    with pytest.raises(RuntimeError, match="status 1 of: false"):
        run_page(page, tmp_path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fastsed 0.1.0\npython 3.11.7, numpy 2.4\n", "fastsed 1.0\npython 3.13.0, numpy 2.0\n"),
        ("time: up to about 1 s with 2 threads", "time: up to about 2.5 min with 16 threads"),
        ("memory: less than 164 MB", "memory: less than 1.2 GB"),
    ],
)
def test_what_may_differ(one, other):
    assert normalised(one) == normalised(other)
    assert normalised("1 1.304724e+00") != normalised("1 1.3048e+00")


@pytest.mark.parametrize(
    ("text", "found", "up_to_date"),
    [
        ("lmass 10.71\n", "lmass 10.72\n", False),
        ("lmass 10.71\n", "lmasz 10.71\n", False),
        ("a b\n", "a\nb\n", False),
        ("a b\n", "a\n", False),
        ("8241.86 6.892872e-01\n", "8241.87  6.892871e-01\n", True),
    ],
)
def test_other_differences(text, found, up_to_date):
    assert Shown(0, 1, text, found).up_to_date == up_to_date
