"""The same columns come out of every kind of table."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import astropy.units as u
import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table

from fastsed.errors import InputError
from fastsed.tables.columns import ColumnSource
from fastsed.tables.sources import as_source


@pytest.fixture
def table():
    """Six rows of each type of column, some of them missing."""
    table = Table({"objid": np.array([7, 8, 9, 10, 11, 2**40])})
    table["name"] = ["a", "b", "Ä c", "d", "e", "f"]
    table["flux_u"] = MaskedColumn([1.5, np.nan, 3.25, -4e-3, 1e-30, 0.1], mask=[0, 0, 1, 0, 0, 0])
    table["flux_u"].unit, table["flux_u"].description = "uJy", "Flux in the u band"
    table["mag_g"] = np.array([20, 21.5, 22, 23, 24, 25], dtype="f4")
    table["mag_g"].unit = "mag(AB)"
    table["n"] = MaskedColumn([1, 2, 3, 4, 5, 6], mask=[0, 1, 0, 0, 0, 0])
    return table


def check(source: ColumnSource, units: bool = True, exact: bool = True) -> None:
    """The columns are those of `table`."""
    assert source.names == ["objid", "name", "flux_u", "mag_g", "n"]
    assert source.n_rows == 6
    objid, name, flux, mag, n = source.read(["objid", "name", "FLUX_U", "mag_g", "n"])
    assert objid.values.dtype == np.int64
    assert objid.texts() == ["7", "8", "9", "10", "11", str(2**40)]
    assert name.texts() == ["a", "b", "Ä c", "d", "e", "f"]
    np.testing.assert_array_equal(flux.numbers(), [1.5, np.nan, np.nan, -4e-3, 1e-30, 0.1])
    np.testing.assert_array_equal(mag.numbers(), [20, 21.5, 22, 23, 24, 25])
    np.testing.assert_array_equal(n.numbers(), [1, np.nan, 3, 4, 5, 6])
    assert all(column.values.dtype.isnative for column in (objid, flux, mag, n))
    if exact:
        assert mag.values.dtype == np.float32
    if units:
        assert (u.Unit(flux.unit), u.Unit(mag.unit)) == (u.uJy, u.ABmag)
        assert flux.description == "Flux in the u band"


OPTIONS = {"cat.hdf5": {"path": "table", "serialize_meta": True}, "cat.vot": {"format": "votable"}}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["cat.fits", "cat.ecsv", "cat.hdf5", "cat.parquet", "cat.vot", "CAT.FITS"])
def test_files_of_astropy(table, tmp_path, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    written = (
        QTable(table) if "FITS" in name.upper() else table
    )  # a Table would lose the unit mag(AB) in FITS
    if "FITS" in name.upper():
        written["name"] = np.char.encode(table["name"], "utf-8")
    written.write(
        tmp_path / name, **OPTIONS.get(name, {}), **({"format": "fits"} if name == "CAT.FITS" else {})
    )
    check(as_source(tmp_path / name))


def test_csv_and_its_metadata(table, tmp_path):
    path = tmp_path / "cat.csv"
    table.write(path)
    check(as_source(str(path)), units=False, exact=False)
    columns = [
        {"name": "flux_u", "unit": "uJy", "dc:description": "Flux in the u band"},
        {"name": "mag_g", "unit": "mag(AB)"},
    ]
    Path(f"{path}-metadata.json").write_text(json.dumps({"tableSchema": {"columns": columns}}))
    check(as_source(path), exact=False)
    Path(f"{path}-metadata.json").write_text("{")
    with pytest.raises(InputError, match=r"metadata.json: is not the metadata of a CSV table"):
        as_source(path)


def test_objects_in_memory(table):
    pandas = pytest.importorskip("pandas")
    before = table.copy()
    check(as_source(table))
    check(as_source(QTable(table)))
    check(as_source({name: table[name] for name in table.colnames}))
    check(as_source(table.as_array()), units=False)
    frame = table.to_pandas()
    check(as_source(frame), units=False)
    check(as_source(frame.set_index("objid")), units=False)
    check(as_source(frame.convert_dtypes()), units=False)
    assert isinstance(frame, pandas.DataFrame)
    assert all((table[name] == before[name]).all() for name in table.colnames if name != "flux_u")


def test_big_endian_columns_and_lists():
    source = as_source({"a": np.array([1, 2], dtype=">i4"), "b": [0.5, 1.0], "c": ["x", "y"]})
    a, b, c = source.read(["a", "b", "c"])
    assert a.values.dtype == np.int32
    assert b.numbers().tolist() == [0.5, 1.0]
    assert c.texts() == ["x", "y"]


def test_numbers_of_texts_and_texts_of_numbers():
    source = as_source({"a": ["1.5", "INDEF", " 2D3 "], "b": ["1", "x", "2"], "c": [1.0, 2.5, np.nan]})
    a, b, c = source.read(["a", "b", "c"])
    np.testing.assert_array_equal(a.numbers(), [1.5, np.nan, 2000])
    with pytest.raises(InputError, match="row 2: column b: 'x' is not a number"):
        b.numbers()
    assert c.texts() == ["1", "2.5", "nan"]
    with pytest.raises(InputError, match=r"row 1: column a: 1\.5 must be 0 or 1"):
        a.flags()
    (d,) = as_source({"d": ["True", "false", "1", ""]}).read(["d"])
    assert d.flags().tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "has no columns"),
        ({"a": [1, 2], "b": [1]}, "column b has 1 rows, but column a has 2"),
        ({"a": 1}, "column a is a single value"),
    ],
)
def test_tables_that_are_none(table, message):
    with pytest.raises(InputError, match=message):
        as_source(table)


def test_wrong_types_and_columns():
    with pytest.raises(TypeError, match="not list"):
        as_source([1, 2])
    source = as_source({"a": [1], "A": [2], "b": np.zeros((1, 3))})
    assert source.read(["A"])[0].numbers().tolist() == [2]
    with pytest.raises(InputError, match="has no column c; its columns are a, A, b"):
        source.read(["c"])
    with pytest.raises(InputError, match="column b holds arrays"):
        source.read(["B"])[0].numbers()


def test_hdf5_with_a_dataset_for_each_column(tmp_path):
    path = tmp_path / "cat.h5"
    with h5py.File(path, "w") as f:
        group = f.create_group("photometry")
        group["id"] = np.array(["x", "yy"], dtype=object)
        group["flux"] = [1.0, 2.0]
        group["flux"].attrs["units"] = "mJy"
    source = as_source(path)
    identity, flux = source.read(["id", "flux"])
    assert identity.texts() == ["x", "yy"]
    assert (flux.unit, flux.numbers().tolist()) == ("mJy", [1.0, 2.0])
    with h5py.File(path, "w") as f:
        f["a"] = np.zeros(3)
        f["b"] = np.zeros(2)
    with pytest.raises(InputError, match="holds no table"):
        as_source(path)


def test_the_first_table_of_a_fits_file(tmp_path):
    path = tmp_path / "cat.fits"
    column = fits.Column("flux", "J", array=np.array([1, -99, 3]), null=-99, unit="nJy")
    fits.HDUList([fits.PrimaryHDU(np.zeros((4, 4))), fits.BinTableHDU.from_columns([column])]).writeto(path)
    (flux,) = as_source(path).read(["FLUX"])
    np.testing.assert_array_equal(flux.numbers(), [1, np.nan, 3])
    assert flux.unit == "nJy"


@pytest.mark.parametrize("suffix", ["fits", "ecsv", "vot", "hdf5", "parquet", "csv"])
@pytest.mark.parametrize("content", [b"", b"\0" * 500, b"hello"])
def test_damaged_files(tmp_path, suffix, content):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"cat.{suffix}"
    path.write_bytes(content)
    if (suffix, content) == ("csv", b"hello"):
        assert as_source(path).n_rows == 0
        return
    with pytest.raises(InputError, match=rf"cat\.{suffix}"):
        as_source(path)


def test_other_suffixes_and_missing_files(tmp_path):
    with pytest.raises(InputError, match=r"its name must end in one of \.fits"):
        as_source(tmp_path / "cat.txt")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        as_source(tmp_path / "cat.fits")


def test_a_package_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(
        InputError, match=r"Parquet tables need the package pyarrow: pip install 'fastsed\[tables\]'"
    ):
        as_source(tmp_path / "cat.parquet")
