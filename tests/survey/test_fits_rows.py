"""FITS tables and PDFs as bytes, against astropy."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from fastsed.errors import InputError
from fastsed.survey.fits_blocks import card, header_bytes, read_blocks
from fastsed.survey.fits_rows import (
    FitsRows,
    RowWriter,
    common_dtype,
    convert_rows,
    extended_header,
    extended_rows,
    header_for,
)
from fastsed.survey.pdf_files import join_pdfs, read_pdfs, same_bins, stack_pdfs


@pytest.fixture
def path(tmp_path):
    """A table with every kind of column, and an extension behind it."""
    table = Table()
    table["name"] = ["a", "bcd", "e'f"]
    table["x"], table["y"] = [1.5, np.nan, -3], np.array([1, 2, 3], dtype="i4")
    table["flag"], table["pair"] = [True, False, True], np.arange(6.0).reshape(3, 2).astype("f4")
    table["x"].unit = "arcsec"
    hdus = [fits.PrimaryHDU(), fits.table_to_hdu(table), fits.ImageHDU(np.ones((3, 5)), name="REST")]
    fits.HDUList(hdus).writeto(tmp_path / "t.fits")
    return tmp_path / "t.fits"


def test_rows_are_those_of_astropy(path):
    rows = FitsRows.open(path)
    expected = Table.read(path, hdu=1)
    assert rows.n == 3
    assert rows.column("name").tolist() == [b"a", b"bcd", b"e'f"]
    for name in ("x", "y", "pair"):
        assert np.array_equal(rows.column(name), expected[name], equal_nan=name != "y")
        assert rows.column(name).dtype.isnative
    assert np.array_equal(rows.rows(np.array([2, 0]))["y"], [3, 1])
    assert read_blocks(path)[1].header.value("TUNIT2") == "arcsec"
    assert read_blocks(path)[2].header.shape == (3, 5)


@pytest.mark.parametrize("chosen", [[0, 1, 2], [2], []])
def test_rows_with_more_columns(path, chosen):
    rows = FitsRows.open(path)
    chosen = np.array(chosen, dtype=int)
    extra = {"tag": np.full(len(chosen), b"sub1", dtype="S5"), "id": 10 + chosen}
    header = extended_header(rows.header, rows.dtype, {k: v.dtype for k, v in extra.items()})
    with RowWriter(path.with_name("u.fits"), header, len(chosen), rows.extensions()) as writer:
        writer.append(extended_rows(rows.rows(chosen), extra))
    with fits.open(path.with_name("u.fits")) as hdus:
        hdus.verify("exception")
        table = Table(hdus[1].data)
        assert hdus["REST"].data.sum() == 15
        assert hdus[1].columns["x"].unit == "arcsec"
    assert len(table) == len(chosen)
    assert table["id"].tolist() == (10 + chosen).tolist()
    assert table["y"].tolist() == (1 + chosen).tolist()
    if len(chosen):
        assert set(table["tag"]) == {"sub1"}


def test_tables_of_different_widths(path, tmp_path):
    other = Table.read(path, hdu=1)
    other["name"] = ["a longer name", "b", "c"]
    other.write(tmp_path / "v.fits")
    tables = [FitsRows.open(path), FitsRows.open(tmp_path / "v.fits")]
    dtype = common_dtype(tables)
    with RowWriter(tmp_path / "w.fits", header_for(tables[0], dtype), 6) as writer:
        for table in tables:
            writer.append(convert_rows(table.rows(), dtype))
    joined = Table.read(tmp_path / "w.fits")
    assert joined["name"].tolist() == ["a", "bcd", "e'f", "a longer name", "b", "c"]
    assert joined["y"].tolist() == [1, 2, 3, 1, 2, 3]
    other.remove_column("y")
    other.write(tmp_path / "v.fits", overwrite=True)
    with pytest.raises(InputError, match="lacks a column y"):
        common_dtype([tables[0], FitsRows.open(tmp_path / "v.fits")])


@pytest.mark.parametrize("length", [0, 79, 2000, 2881, 5000, 5770, 8700])
def test_files_cut_short(path, length):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=r"cut short|not a FITS file|holds no table"):
        FitsRows.open(path)


def test_foreign_files(path, tmp_path):
    path.write_bytes(b"<html>" * 1000)
    with pytest.raises(InputError, match="does not begin with SIMPLE"):
        FitsRows.open(path)
    with pytest.raises(InputError, match="cannot be read"):
        FitsRows.open(tmp_path / "none.fits")
    column = fits.Column("v", "PE()", array=np.array([[1.0], [2.0, 3.0]], dtype=object))
    fits.BinTableHDU.from_columns([column]).writeto(path, overwrite=True)
    with pytest.raises(InputError, match="no fixed length"):
        FitsRows.open(path)
    with pytest.raises(InputError, match="no image of them"):
        read_pdfs(path)


def write_pdfs(path, n_star, bins, seed=0):
    rng = np.random.default_rng(seed)
    arrays = {name: rng.random((n_star + 1, n)) for name, n in bins.items()}
    images = [fits.ImageHDU(data) for data in arrays.values()]
    for image, name in zip(images, arrays, strict=True):
        image.header["EXTNAME"] = name
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    return arrays


def test_pdfs_with_different_bins(tmp_path):
    a = write_pdfs(tmp_path / "a.fits", 3, {"Av": 4, "Z": 1})
    b = write_pdfs(tmp_path / "b.fits", 2, {"Av": 6, "Z": 1}, 1)
    files = [read_pdfs(tmp_path / name) for name in ("a.fits", "b.fits")]
    assert not same_bins(files)
    stack_pdfs(files, tmp_path / "c.fits")
    # what is condensed can be stacked again
    stack_pdfs([read_pdfs(tmp_path / "c.fits")], tmp_path / "d.fits")
    with fits.open(tmp_path / "d.fits") as hdus:
        hdus.verify("exception")
        data = hdus["Av"].data
        assert data.shape == (5, 6, 2)
        assert hdus["Av"].header["EXTNAME"] == "Av"
        assert np.array_equal(data[:3, :4, 0], a["Av"][:3])
        assert np.array_equal(data[2, :4, 1], a["Av"][3])
        assert np.isnan(data[:3, 4:]).all()
        assert np.array_equal(data[3:, :, 0], b["Av"][:2])
        assert np.array_equal(data[4, :, 1], b["Av"][2])


def test_pdfs_with_the_same_bins(tmp_path):
    a = write_pdfs(tmp_path / "a.fits", 3, {"Av": 4})
    files = [read_pdfs(tmp_path / "a.fits")] * 2
    assert same_bins(files)
    join_pdfs(files, tmp_path / "c.fits")
    with fits.open(tmp_path / "c.fits") as hdus:
        assert hdus[0].data.shape == (2, 2)
        assert np.array_equal(hdus["Av"].data, np.vstack([a["Av"][:3], a["Av"]]))


def test_damaged_headers_are_errors_or_read(path, tmp_path):
    rng = np.random.default_rng(7)
    write_pdfs(tmp_path / "p.fits", 3, {"Av": 4, "Z": 1})

    def read_rows(name):
        rows = FitsRows.open(name)
        return [rows.rows(), rows.extensions()]

    def read_images(name):
        return [image.rows(slice(0, 2)) for image in read_pdfs(name).values()]

    failures = 0
    for source, read in ((path, read_rows), (tmp_path / "p.fits", read_images)):
        data = np.fromfile(source, dtype=np.uint8)
        for _ in range(300):
            damaged = data.copy()
            where = rng.integers(0, min(len(data), 9000), 3)
            damaged[where] = rng.choice([0, 32, 45, 57, 255], 3)
            damaged.tofile(tmp_path / "d.fits")
            try:
                read(tmp_path / "d.fits")
            except InputError:
                failures += 1
    assert failures > 20


def test_the_first_of_two_cards_counts(tmp_path):
    cards = [card("SIMPLE", True), card("BITPIX", 8), card("NAXIS", 0), card("AAA", 1), card("AAA", "it's")]
    (tmp_path / "a.fits").write_bytes(header_bytes(cards))
    (block,) = read_blocks(tmp_path / "a.fits")
    assert (block.header.value("AAA"), block.header.value("BBB"), block.header.value("SIMPLE")) == (
        1,
        None,
        True,
    )
