"""Messages that a terminal can show."""

from __future__ import annotations

from fastsed.errors import InputError


def test_control_characters_are_shown_as_escapes():
    error = InputError("'a\x00\x1b[31m\udcff\u00e9' is wrong\n  here", "gal\t.cat", 3)
    assert str(error) == "gal\\t.cat:3: 'a\\x00\\x1b[31m\\udcff\u00e9' is wrong\n  here"


def test_words_without_end_are_cut():
    assert str(InputError(f"'{'9' * 5000}' is no number")) == f"'{'9' * 99}... is no number"
    path = "/a" * 140
    assert str(InputError("no such file", path)) == f"{path}: no such file"
