"""Text tables: the fast reader and the careful one agree, and faults are named."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.inputs import tables
from fastsed.inputs.tables import TextTable, needs, read_number_columns

GOOD = b"#\n# id F1 note E1\n# more\n1 1.5 abc 2\n\n x7 -3e2 d nan\n# end\n9 inf e 4\n"


@pytest.fixture
def write(tmp_path):
    def _write(data: bytes):
        path = tmp_path / "table.cat"
        path.write_bytes(data)
        return path

    return _write


def _read(path):
    return TextTable(path, needs("id", "E1")).read(texts=[0], numbers=[1, 3])


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(b"\n", b"\r"),
        GOOD.replace(b" ", b"\t"),
        GOOD.replace(b"# more", b"  # more"),
        GOOD.replace(b"abc 2", b"abc 2 # trailing"),
        GOOD.replace(b"abc", "Å\xa0".encode().strip()),
        GOOD.replace(b"abc", b"\xe5\xff"),
        b"\xef\xbb\xbf" + GOOD[2:],
        GOOD.rstrip(b"\n"),
    ],
)
def test_good_tables(write, data):
    table = _read(write(data))
    assert table.texts == [["1", "x7", "9"]]
    np.testing.assert_array_equal(table.numbers, [[1.5, 2], [-300, np.nan], [np.inf, 4]])


def test_fast_and_careful_readers_agree(write, monkeypatch):
    rng = np.random.default_rng(1)
    values = rng.normal(size=(200, 3)) * 10.0 ** rng.integers(-30, 30, size=(200, 3))
    rows = "".join(f"s{i} " + " ".join(f"{x:.8e}" for x in row) + "\n" for i, row in enumerate(values))
    path = write(b"# id a b c\n" + rows.encode())
    monkeypatch.setattr(tables, "_CHUNK", 64)
    table = TextTable(path, needs("id"))
    careful = table._read_carefully([0], [1, 2, 3])
    fast = table._read_fast([0], [1, 2, 3])
    assert fast is not None
    assert fast.texts == careful.texts
    np.testing.assert_array_equal(fast.numbers, careful.numbers)


def test_ids_with_odd_characters(write):
    path = write("# id F1\ngal#1 1\n10\u00e9 2\n007 3\n".encode())
    assert TextTable(path, needs("id")).read(texts=[0], numbers=[1]).texts == [["gal#1", "10\u00e9", "007"]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (GOOD.replace(b"abc 2", b"abc"), r"table\.cat:4: has 3 columns, but the header names 4"),
        (GOOD.replace(b"e 4", b"e 4 5"), r"table\.cat:8: has 5 columns, but the header names 4"),
        (GOOD.replace(b"-3e2", b"-3e2x"), r"table\.cat:6: column F1: '-3e2x' is not a number"),
        (GOOD.replace(b"-3e2", b"1_0"), r"table\.cat:6: column F1: '1_0' is not a number"),
        (b"1 2 3\n", r"table\.cat: has no header"),
        (b"", r"table\.cat: has no header"),
        (b"#\n#\n", r"table\.cat: has no header"),
    ],
)
def test_faults(write, data, message):
    with pytest.raises(InputError, match=message):
        _read(write(data))


def test_no_rows(write):
    table = _read(write(b"# id F1 note E1\n"))
    assert table.texts == [[]]
    assert table.numbers.shape == (0, 2)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.cat: cannot be read: No such file"):
        TextTable(tmp_path / "none.cat", needs("id"))
    with pytest.raises(InputError, match=r"none\.cat: cannot be read: No such file"):
        read_number_columns(tmp_path / "none.cat", ["a"])


def test_find_column(write):
    table = TextTable(write(b"# id z_Phot a A\n1 2 3 4\n"), needs("id"))
    assert table.find("Z_PHOT") == 1
    assert table.has("z_phot")
    with pytest.raises(
        InputError, match=r"table\.cat: has no column WL_UP; its header names id, z_Phot, a, A"
    ):
        table.find("wl_up")
    with pytest.raises(InputError, match=r"table\.cat: its header names A more than once"):
        table.find("a")


def test_line_of_row(write):
    table = TextTable(write(GOOD), needs("id"))
    assert [table.line_of_row(row) for row in range(3)] == [4, 6, 8]


def test_number_columns(write):
    np.testing.assert_array_equal(
        read_number_columns(write(b"# a b\n1 2\n\n3\t4 5\r\n"), ["a", "b"]), [[1, 3], [2, 4]]
    )
    with pytest.raises(InputError, match=r":2: has 1 columns, expected 2 \(a, b\)"):
        read_number_columns(write(b"1 2\n3\n"), ["a", "b"])
    with pytest.raises(InputError, match=r":1: column b: 'x' is not a number"):
        read_number_columns(write(b"1 x\n"), ["a", "b"])
    with pytest.raises(InputError, match="is empty: expected the columns a, b"):
        read_number_columns(write(b"# nothing\n"), ["a", "b"])
