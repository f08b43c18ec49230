"""The line that names the columns is found whatever stands around it."""

from __future__ import annotations

import pytest

from fastsed.errors import InputError
from fastsed.inputs.header import find_header, split_row
from fastsed.inputs.tables import needs

ROWS = "1 2 3\n4 5 6\n"
ACCEPTS = needs("id", "F1", "E1")


def _find(text: str):
    return find_header("x.cat", text.encode(), ACCEPTS)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# id F1 E1\n", 1),
        ("#id F1 E1\n", 1),
        ("## ID f1 e1 ##\n", 1),
        ("# # id F1 E1\n", 1),
        ("#\n\n#\tid\tF1\tE1\n", 3),
        ("# Catalogue of somebody, 2024\n# id F1 E1\n", 2),
        ("# The id, F1 and E1 are explained in the paper\n# id F1 E1\n", 2),
        ("# id f_one e_one\n# id F1 E1\n", 2),
        ("# id F1 E1\n# id ra dec\n", 1),
        ("# id F1 E1\n# EAzY v1.0 (a date)\n", 1),
        ("# id, F1, E1\n", 1),
        ("# id,F1 E1,\n", 1),
    ],
)
def test_comments(text, line):
    header = _find(text + ROWS)
    assert [name.upper() for name in header.names] == ["ID", "F1", "E1"]
    assert (header.line, header.width, header.comma, header.skip) == (line, 3, False, 0)


def test_titles_only_give_the_first_line():
    assert _find("# some F1 E1\n# other\n" + ROWS).names == ["some", "F1", "E1"]


def test_first_line_without_mark():
    header = _find("# a table\nid F1 E1\n" + ROWS)
    assert (header.names, header.skip, header.width) == (["id", "F1", "E1"], 2, 3)
    repeated = _find("# id F1 E1\nid F1 E1\n" + ROWS)
    assert (repeated.names, repeated.skip) == (["id", "F1", "E1"], 2)


def test_header_below_the_rows():
    assert _find(ROWS + "# id F1 E1\n# more\n").names == ["id", "F1", "E1"]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_commas(ending):
    header = _find(f"id,F1,E1{ending}1,2,{ending}")
    assert (header.names, header.comma, header.width, header.skip) == (["id", "F1", "E1"], True, 3, 1)
    quoted = _find(f'"id","F1","E1"{ending}"a, b",2,3{ending}')
    assert (quoted.names, quoted.comma, quoted.width) == (["id", "F1", "E1"], True, 3)


def test_sextractor():
    text = "#   1 NUMBER    Running object number\n#   2 F1    Flux [uJy]\n#   4 E1\n1 2 3 4 5\n"
    assert _find(text).names == ["ID", "F1", "F1_1", "E1", "E1_1"]
    named = _find(text.replace("NUMBER", "ID    "))
    assert named.names == ["ID", "F1", "F1_1", "E1", "E1_1"]
    with_both = find_header("x", (text + "").replace("F1 ", "ID ").encode(), needs("id"))
    assert with_both.names[:2] == ["NUMBER", "ID"]


@pytest.mark.parametrize(
    "text", ["# 1 NUMBER\n# 1 F1\n", "# 2 NUMBER\n# 3 F1\n", "# 1 NUMBER\n# 99999999999 F1\n"]
)
def test_numbered_comments_that_are_no_header(text):
    assert _find("# id F1 E1\n" + text + ROWS).names == ["id", "F1", "E1"]


def test_numbered_notes_are_no_header():
    notes = "# id F1 E1\n# 1 flux of somebody\n# 2 error of another\n"
    assert _find(notes + ROWS).names == ["id", "F1", "E1"]


def test_sextractor_below_titles():
    text = "# 3 galaxies\n# 1 run\n# 1 NUMBER\n# 2 F1\n# a note\n# 3 E1\n"
    header = _find(text + ROWS)
    assert (header.names, header.line) == (["ID", "F1", "E1"], 3)
    assert _find(text.replace("E1", "EX") + ROWS).names == ["NUMBER", "F1", "EX"]


def test_width_of_the_first_row():
    assert _find("# id F1 E1\n1 2 3 4 5\n").width == 5
    assert _find("# id F1 E1\n1 2 3 # 4 5\n").width == 3
    assert _find("# id F1 E1\n").width == 3


@pytest.mark.parametrize("text", ["", "\n", "#\n##\n", "1 2 3\n"])
def test_no_header(text):
    with pytest.raises(InputError, match=r"x\.cat: has no header"):
        _find(text)


def test_rows():
    assert split_row(b" a#1 2\t3 #4 5", comma=False) == [b"a#1", b"2", b"3"]
    assert split_row(b"# 1 2", comma=False) == split_row(b"  # 1,2", comma=True) == []
    assert split_row(b"a, 1 ,,3 # c", comma=True) == [b"a", b"1", b"", b"3"]
    assert split_row(b'"a, \xe9",1', comma=True) == [b"a, \xe9", b"1"]
