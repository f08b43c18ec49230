"""Text tables: the fast reader and the careful one agree, and faults are named."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.inputs import tables
from fastsed.inputs.tables import SourceTable, TextTable, canonical_id, needs, read_number_columns, same_id
from fastsed.tables.readers import read_table

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


def test_unnamed_columns_at_the_end(write, caplog):
    path = write(b"# id F1 note E1\n1 1 a 2 8 9\n2 3 b 4 8 9\n")
    np.testing.assert_array_equal(_read(path).numbers, [[1, 2], [3, 4]])
    assert "unnamed columns at the end are ignored: 2 of them" in caplog.text
    with pytest.raises(InputError, match=r":3: has 4 columns, but the first row 5"):
        _read(write(b"# id F1 note E1\n1 1 a 2 8\n2 3 b 4\n"))
    with pytest.raises(InputError, match=r":3: has 6 columns, but the header names 4"):
        _read(write(b"# id F1 note E1\n1 1 a 2 8\n2 3 b 4 8 9\n"))


def test_missing_values(write, caplog):
    table = _read(write(b"# id F1 note E1\n1 INDEF a 2\n2 1.0D-3 b --\n3 null c nan\n"))
    np.testing.assert_array_equal(table.numbers, [[np.nan, 2], [1e-3, np.nan], [np.nan, np.nan]])
    assert "table.cat:2: 'INDEF' counts as a missing value, as do 2 more" in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_commas(write, caplog, ending):
    lines = ["id,F1,note,E1", "a,1.5,,2", '"b, c",,"x ""y""",4,', "# comment", "", "d,3,z, 5 # more"]
    table = _read(write(ending.join(lines).encode()))
    assert table.texts == [["a", "b, c", "d"]]
    np.testing.assert_array_equal(table.numbers, [[1.5, 2], [np.nan, 4], [3, 5]])
    assert "an empty field counts as a missing value" in caplog.text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings(write, encoding):
    table = _read(write(GOOD.decode().encode(encoding)))
    assert table.texts == [["1", "x7", "9"]]


def test_texts_alone_in_two_bytes_per_letter(write):
    assert TextTable(write("# id\na\nb\n".encode("utf-16-le")), needs("id")).read(texts=[0]).texts == [
        ["a", "b"]
    ]


def test_names_below_the_mark(write):
    table = TextTable(write(b"id F1\n1 2\n"), needs("id", "F1"))
    assert table.read(texts=[0], numbers=[1]).texts == [["1"]]
    assert table.line_of_row(0) == 2


def test_ids_as_numbers():
    assert all(same_id("1", other) for other in ("1", "1.0", "1.", "1e0", "01", "+1"))
    assert same_id("1e5", "100000")
    assert not any(same_id("1", other) for other in ("2", "1.5", "a", "1_0", "nan", ""))
    assert not same_id("12345678901234567890", "12345678901234567891")
    assert canonical_id("1.00") == canonical_id("1") != canonical_id("10")
    assert canonical_id("gal1.0") == "GAL1.0"


def test_number_columns_of_other_programs(write):
    text = "\ufeff# a b\n1.0D0, 2\r\n3,\u22124 # c\n".encode()
    np.testing.assert_array_equal(read_number_columns(write(text), ["a", "b"]), [[1, 3], [2, -4]])
    with pytest.raises(InputError, match=r":1: column b: 'INDEF' is not a number"):
        read_number_columns(write(b"1 INDEF\n"), ["a", "b"])


class TestFits:
    @pytest.fixture
    def path(self, tmp_path):
        from astropy.table import Table as AstropyTable

        table = AstropyTable({"id": [1, 2], "name": ["a ", "b"], "z": np.array([0.5, -1], dtype=">f4")})
        table["many"] = np.zeros((2, 3))
        table.write(tmp_path / "t.fits")
        return tmp_path / "t.fits"

    def test_columns(self, path):
        table = SourceTable(read_table(path))
        read = table.read(
            texts=[table.find("ID"), table.find("Name")], numbers=[table.find("z"), table.find("id")]
        )
        assert read.texts == [["1", "2"], ["a", "b"]]
        np.testing.assert_array_equal(read.numbers, [[0.5, 1], [-1, 2]])

    def test_faults(self, path, tmp_path):
        table = SourceTable(read_table(path))
        with pytest.raises(InputError, match=r"t\.fits: row 1: column name: 'a' is not a number"):
            table.read(numbers=[table.find("name")])
        with pytest.raises(InputError, match="column many holds arrays"):
            table.read(numbers=[table.find("many")])
        assert str(table.error("wrong", 1)).endswith("t.fits: row 2: wrong")
        (tmp_path / "bad.fits").write_bytes(path.read_bytes()[:3000])
        with pytest.raises(InputError, match=r"bad\.fits: "):
            read_table(tmp_path / "bad.fits")
        from astropy.io import fits

        fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
        with pytest.raises(InputError, match=r"empty\.fits: holds no table"):
            read_table(tmp_path / "empty.fits")


def test_names_above_number_columns(write):
    np.testing.assert_array_equal(read_number_columns(write(b"lam, err\n1,2\n"), ["a", "b"]), [[1], [2]])
    for text in (b"1 2\nlam err\n", b"lam err\nlam err\n1 2\n"):
        with pytest.raises(InputError, match=r":2: column a: 'lam' is not a number"):
            read_number_columns(write(text), ["a", "b"])
    with pytest.raises(InputError, match="is empty: expected the columns a, b"):
        read_number_columns(write(b"lam err\n"), ["a", "b"])
