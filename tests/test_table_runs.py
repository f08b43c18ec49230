"""Runs whose catalogue is a table, and tables of their results."""

from __future__ import annotations

import json
import sys

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable, Table

import fastsed
from fastsed.errors import InputError
from fastsed.tables.sources import as_source
from tests.helpers import copy_example
from tests.outputs.helpers import read_fout

KEYS = {"a_v_step": 0.5, "n_sim": 10, "no_cache": True, "verbose": False}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    copy_example(tmp_path, 8)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def table(folder):
    """The galaxies of the text catalogue."""
    lines = (folder / "gst.cat").read_text().splitlines()
    names = lines[0].strip("# ").split()
    rows = [line.split() for line in lines if not line.startswith("#")]
    table = Table(np.array(rows, dtype=float), names=names)
    table["id"] = table["id"].astype(int)
    return table


def rows_of(path) -> list[str]:
    """The rows of a catalogue, without its comments."""
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")
@pytest.mark.parametrize(
    "suffix", ["fits", "ecsv", "csv", "vot", "xml", "hdf5", "h5", "parquet", "FITS", "fits.gz"]
)
@pytest.mark.parametrize("with_units", [False, True])
def test_the_same_galaxies_give_the_same_fits(folder, table, suffix, with_units):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    fastsed.run("gst.param", **KEYS)
    if with_units:
        for name in table.colnames[2:]:
            table[name].unit = "uJy"
    form = {"vot": "votable", "xml": "votable", "h5": "hdf5"}.get(suffix, suffix.lower().removesuffix(".gz"))
    options = {"path": "data", "serialize_meta": True} if form == "hdf5" else {}
    table.write(folder / f"table.{suffix}", format=form, **options)
    fastsed.run("gst.param", catalog=f"table.{suffix}", output_file="", **KEYS)
    assert rows_of(folder / "table.fout") == rows_of(folder / "gst.fout")
    assert f"# Photometric catalog file: table.{suffix}" in (folder / "table.fout").read_text()


@pytest.mark.filterwarnings("ignore:The unit 'mag")  # of astropy, which writes it for itself alone
def test_masked_values_and_other_units_with_a_translation(folder, table):
    fastsed.run("gst.param", **KEYS)
    expected = read_fout(folder / "gst.fout").columns
    table = QTable(table)
    lines = []
    for name in [name for name in table.colnames if name.startswith("F")]:
        flux, error = np.array(table[name]), np.array(table[f"E{name[1:]}"])
        missing = error <= 0
        flux[missing] = error[missing] = 1
        table[f"m_{name}"] = u.Magnitude(23.9 - 2.5 * np.log10(flux), u.ABmag)
        table[f"e_{name}"] = 2.5 / np.log(10) * error / flux * u.mag
        table[f"m_{name}"][missing] = 99 * u.ABmag
        lines += [f"m_{name} {name}", f"e_{name} E{name[1:]}"]
        table.remove_columns([name, f"E{name[1:]}"])
    table.write(folder / "mags.fits")
    (folder / "mags.translate").write_text("\n".join(lines))
    fastsed.run("gst.param", catalog="mags.fits", output_file="mags", **KEYS)
    found = read_fout(folder / "mags.fout").columns
    np.testing.assert_allclose(np.array(found["lmass"], float), np.array(expected["lmass"], float), atol=0.02)
    assert found["z"] == expected["z"]


def test_names_of_filters_in_headers_and_translations(folder, table):
    fastsed.run("gst.param", **KEYS)
    table.rename_columns(["F156", "E156"], ["Fsdss_u", "esdss_u"])
    table.rename_columns(["F120", "E120"], ["flux_fuv", "err_fuv"])
    table.write(folder / "named.ecsv")
    (folder / "named.translate").write_text("flux_fuv FGALEX_FUV\nerr_fuv Egalex_fuv\n")
    fastsed.run("gst.param", catalog="named.ecsv", output_file="named", **KEYS)
    # the bands come in another order, which only rounding notices
    assert rows_of(folder / "named.fout") == rows_of(folder / "gst.fout")
    (folder / "named.translate").write_text("flux_fuv Fgalex_fuw\nerr_fuv Egalex_fuw\n")
    with pytest.raises(
        InputError, match=r"named.translate: 'Fgalex_fuw': there is no filter named.*galex_fuv"
    ):
        fastsed.run("gst.param", catalog="named.ecsv", output_file="named", **KEYS)


def test_names_of_filters_in_a_text_catalogue_need_the_database(folder):
    text = (folder / "gst.cat").read_text().replace("F156", "Fsdss_u").replace("E156", "Esdss_u")
    (folder / "named.cat").write_text(text)
    fastsed.run("gst.param", catalog="named", output_file="named", **KEYS)
    (folder / "MINE.RES").write_text("3 mine\n1 4000 0\n2 5000 2\n3 6000 0\n" * 200)
    with pytest.raises(InputError, match=r"MINE.RES: its filter 156 is 'mine', not sdss_u"):
        fastsed.run("gst.param", catalog="named", filters_res="MINE.RES", **KEYS)


def test_faults_of_tables_are_told(folder, table):
    table["F156"].unit = "K"
    table.write(folder / "bad.ecsv")
    with pytest.raises(InputError, match=r"bad.ecsv: column F156: no flux can be made of the unit 'K'"):
        fastsed.run("gst.param", catalog="bad.ecsv", **KEYS)
    table.remove_column("id")
    table.write(folder / "noid.ecsv")
    with pytest.raises(InputError, match=r"noid.ecsv: has no column ID"):
        fastsed.run("gst.param", catalog="noid.ecsv", **KEYS)
    with pytest.raises(InputError, match=r"none.fits: cannot be read: No such file"):
        fastsed.run("gst.param", catalog="none.fits", **KEYS)


def test_a_text_whose_name_ends_like_that_of_a_table(folder):
    (folder / "gst.cat").rename(folder / "gst.csv.cat")
    fastsed.run("gst.param", catalog="gst.csv", output_file="", **KEYS)
    assert (folder / "gst.csv.fout").is_file()


FORMATS = {
    "fits": "fits",
    "ecsv": "ecsv",
    "csv": "csv",
    "hdf5": "hdf5",
    "parquet": "parquet",
    "votable": "vot",
}


def test_formats_of_the_results(folder):
    pytest.importorskip("pyarrow")
    results = fastsed.run(
        "gst.param", output_format=["fout", *FORMATS], rest_mag=[156], output_columns=[], **KEYS
    )
    written = read_fout(folder / "gst.fout").columns
    for suffix in FORMATS.values():
        source = as_source(folder / f"gst_fit.{suffix}")
        assert source.names == list(written) == results.table.colnames
        for column in source.read(source.names):
            assert column.description
            if column.name == "id":
                assert column.values.dtype == np.int64
                assert column.texts() == written["id"]
                continue
            np.testing.assert_array_equal(column.numbers(), results.table[column.name])
            step = {"z": 1e-4, "chi2": 1e-6, "metal": 1e-4}.get(column.name.split("_")[-1], 0.01)
            np.testing.assert_allclose(
                column.numbers(), np.array(written[column.name], float), atol=0.501 * step, rtol=1e-6
            )
        units = {name: source.info[name].unit for name in ("lmass", "u68_lsfr", "Av", "M156", "chi2")}
        magnitude = "mag" if suffix == "vot" else "mag(AB)"
        expected = ["dex(solMass)", "dex(solMass / yr)", "mag", magnitude, ""]
        assert list(units.values()) == expected
    meta = Table.read(folder / "gst_fit.ecsv").meta
    assert (meta["version"], meta["parameters"]) == (fastsed.__version__, "gst.param")
    assert "Photometric catalog file: gst.cat" in meta["comments"]
    assert json.loads((folder / "gst_fit.csv-metadata.json").read_text())["url"] == "gst_fit.csv"


def test_a_table_alone_and_a_catalogue_that_is_not_overwritten(folder, table):
    table.write(folder / "gal.fits")
    before = (folder / "gal.fits").read_bytes()
    fastsed.run("gst.param", catalog="gal.fits", output_file="", output_format="FITS", **KEYS)
    assert (folder / "gal_fit.fits").is_file()
    assert not (folder / "gal.fout").exists()
    assert (folder / "gal.fits").read_bytes() == before


def test_formats_that_are_none(folder, monkeypatch):
    with pytest.raises(InputError, match=r"OUTPUT_FORMAT = .*xls.*: must be one of fout, fits, ecsv"):
        fastsed.run("gst.param", output_format=["xls"], **KEYS)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(
        InputError, match=r"Parquet tables need the package pyarrow: pip install 'fastsed\[tables\]'"
    ):
        fastsed.run("gst.param", output_format=["parquet"], **KEYS)
    assert not (folder / "gst.fout").exists()


def test_rest_frame_magnitudes_in_named_filters(folder):
    keys = KEYS | {"n_sim": 0, "output_columns": ["id", "M156", "M137"]}
    fastsed.run("gst.param", rest_mag=[156, 137], **keys)
    numbered = (folder / "gst.fout").read_text()
    fastsed.run("gst.param", rest_mag=["sdss_u", "bessell_v"], **keys)
    assert (folder / "gst.fout").read_text() == numbered
    (folder / "MINE.RES").write_text("3 mine\n1 4000 0\n2 5000 2\n3 6000 0\n" * 200)
    with pytest.raises(InputError, match=r"MINE.RES: its filter 156 is 'mine', not sdss_u"):
        fastsed.run("gst.param", rest_mag=["sdss_u", "bessell_v"], filters_res="MINE.RES", **keys)


def test_columns_without_units_are_told(folder, table, caplog):
    table["F120"].unit = table["E120"].unit = "uJy"
    table.write(folder / "some.fits")
    with caplog.at_level("INFO"):
        fastsed.run("gst.param", catalog="some.fits", **KEYS | {"verbose": True})
    told = [line for line in caplog.messages if "no unit" in line]
    assert len(told) == 1
    assert told[0].startswith("some.fits: F121, F156, ")
    assert told[0].endswith(
        "have no unit: that of AB_ZEROPOINT = 23.9 is taken, the magnitude of a flux of 1"
    )
    caplog.clear()
    fastsed.run("gst.param", **KEYS)
    assert "no unit" not in caplog.text
