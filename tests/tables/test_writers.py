"""Tables in every format: names, values, units, descriptions come back."""

from __future__ import annotations

import json
import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable, Table

from fastsed.errors import InputError
from fastsed.tables.columns import Column
from fastsed.tables.sources import as_source
from fastsed.tables.writers import write_table

SUFFIXES = ["fits", "ecsv", "csv", "hdf5", "parquet", "vot"]
META = {"version": "1.2", "parameters": "gal.param", "comments": ["one <line>", "another & one"]}


@pytest.fixture
def columns():
    n = 70_001  # more than a block of rows, and no multiple of it
    rng = np.random.default_rng(1)
    mass = rng.normal(10, 1, n)
    mass[1] = np.nan
    return [
        Column("id", np.arange(1, n + 1)),
        Column("name", np.array([f"é {i}" if i == 7 else f"g{i}" for i in range(n)])),
        Column("lmass", mass, None, "dex(solMass)", 'Mass of "stars" & remnants, < all'),
        Column("lsfr", rng.normal(0, 1, n), None, "dex(solMass / yr)", "Star formation rate"),
        Column("M156", rng.normal(-20, 1, n), None, "mag(AB)", "Absolute magnitude"),
        Column("Av", rng.uniform(0, 1, n).astype("f4"), None, "mag", "Attenuation"),
        Column("Lick", rng.uniform(0, 1, n), None, "Angstrom", "Equivalent width"),
        Column("chi2", rng.uniform(0, 1, n), description="Reduced"),
        Column("ok", np.arange(n) % 2 == 0),
    ]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_reads_back(columns, tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    path = write_table(tmp_path / f"t_fit.{suffix}", columns, META)
    first = path.read_bytes()
    source = as_source(path)
    assert source.names == [column.name for column in columns]
    for written, read in zip(columns, source.read(source.names), strict=True):
        if written.name == "name":
            assert read.texts() == written.texts()
        elif (suffix, written.name) != ("csv", "ok"):
            np.testing.assert_array_equal(read.numbers(), written.numbers())
        expected = "mag" if (suffix, written.unit) == ("vot", "mag(AB)") else written.unit
        assert read.unit == expected
        assert read.description == written.description
    assert write_table(path, columns, META).read_bytes() == first, "the same table gives the same bytes"


@pytest.mark.parametrize("suffix", ["fits", "ecsv", "hdf5", "parquet", "vot"])
def test_astropy_reads_units_and_descriptions_without_a_warning(columns, tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    path = write_table(tmp_path / f"t.{suffix}", columns, META)
    options = {"format": "votable"} if suffix == "vot" else {}
    table = Table.read(path, **options)
    assert table["lmass"].unit == u.dex(u.solMass)
    assert table["lsfr"].unit == u.dex(u.solMass / u.yr)
    assert table["Lick"].unit == u.AA
    assert table["lmass"].description == 'Mass of "stars" & remnants, < all'
    np.testing.assert_array_equal(np.asarray(table["lmass"][2:]), columns[2].values[2:])
    if suffix != "vot":
        assert table["M156"].unit == u.ABmag
        meta = {name.lower(): value for name, value in table.meta.items()}
        assert meta["version"] == "1.2"
        assert meta["parameters"] == "gal.param"
        assert meta["comments"] == META["comments"]
        assert QTable.read(path)["lmass"][0].physical.unit == u.solMass


def test_csv_is_plain_and_its_metadata_follow_the_w3c(columns, tmp_path):
    path = write_table(tmp_path / "t.csv", columns[:4], META)
    lines = path.read_text().splitlines()
    assert lines[0] == "id,name,lmass,lsfr"
    assert lines[2].startswith("2,g1,nan,")
    notes = json.loads((tmp_path / "t.csv-metadata.json").read_text())
    assert notes["url"] == "t.csv"
    assert notes["tableSchema"]["columns"][2] == {
        "name": "lmass",
        "datatype": "double",
        "dc:description": 'Mass of "stars" & remnants, < all',
        "unit": "dex(solMass)",
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_tables_without_rows(tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    columns = [Column("id", np.array([], dtype="U1")), Column("z", np.array([]), None, "mag", "x")]
    source = as_source(write_table(tmp_path / f"t.{suffix}", columns))
    assert (source.names, source.n_rows) == (["id", "z"], 0)


def test_masked_values_are_nan_or_empty(tmp_path):
    columns = [
        Column("n", np.array([1, 2]), np.array([False, True])),
        Column("t", np.array(["a", "b"]), np.array([False, True])),
    ]
    path = write_table(tmp_path / "t.ecsv", columns)
    n, t = as_source(path).read(["n", "t"])
    np.testing.assert_array_equal(n.numbers(), [1, np.nan])
    assert t.values.tolist() == ["a", ""]


def test_unknown_format(tmp_path):
    with pytest.raises(InputError, match=r"out\.txt: format = 'nonsense': must be one of fits, "):
        write_table(tmp_path / "out.txt", [], kind="nonsense")


def test_suffixes_and_folders_that_are_wrong(tmp_path):
    columns = [Column("n", np.array([1, 2]))]
    with pytest.raises(InputError, match=r"a suffix that says the format is needed: one of \.fits"):
        write_table(tmp_path / "t.txt", columns)
    (tmp_path / "file").write_text("")
    for suffix in ("fits", "ecsv", "csv", "hdf5", "vot"):
        with warnings.catch_warnings(), pytest.raises(InputError, match="cannot be written"):
            write_table(tmp_path / "file" / f"t.{suffix}", columns)
    assert write_table(tmp_path / "t.txt", columns, kind="ecsv").read_text().startswith("# %ECSV")
