"""Merging and division into regions: every row of every product belongs to the same star."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from fastsed.errors import InputError
from fastsed.survey.merging import merge_results
from fastsed.survey.regions import RegionGrid, condense_results, reorder_results
from fastsed.survey.results import find_results, tag_of
from tests.survey.fields import stars_of, write_result

SIZES = {"bin1_sub0": 13, "bin1_sub2": 4, "bin1_sub10": 12, "bin2_sub0": 0, "bin3_sub0": 1}


@pytest.fixture(params=[False, True], ids=["same bins", "other bins"])
def results(tmp_path, request):
    """Results of five sub files: their stars are numbered in natural order."""
    first = 0
    for i, (tag, n) in enumerate(SIZES.items()):
        write_result(tmp_path / f"f_{tag}", n, i, 5 + (i == 1 and request.param), first)
        first += n
    return tmp_path


def test_merged_rows_are_in_natural_order(results):
    merge_results(results / "f_")
    n = sum(SIZES.values())
    for numbers in stars_of(results / "f"):
        assert numbers == list(range(n))
    table = Table.read(results / "f_stats.fits", hdu=1)
    assert list(table["reorder_tag"]) == [tag for tag, size in SIZES.items() for _ in range(size)]
    assert table["row_id"].tolist() == list(range(n))
    assert fits.getdata(results / "f_stats.fits", 2)["filternames"].tolist() == ["HST_F475W", "HST_F814W"]
    with h5py.File(results / "f_lnp.hd5") as f:
        assert len(f) == n + 2


def test_merging_again_does_not_take_what_was_merged(results):
    merge_results(results / "f_", stats_only=True)
    before = (results / "f_stats.fits").read_bytes()
    merge_results(results / "f", stats_only=True)
    assert (results / "f_stats.fits").read_bytes() == before
    assert not (results / "f_pdf1d.fits").exists()


def test_regions_hold_the_same_stars_in_all_files(results):
    merge_results(results / "f_")
    reorder_results(results / "f_stats.fits", results / "f_", results / "spatial" / "f", 8.0)
    written = condense_results(results / "spatial")
    merged = Table.read(results / "f_stats.fits", hdu=1)
    grid = RegionGrid.of_field(merged["RA"], merged["DEC"], 8.0)
    numbers = grid.numbers(merged["RA"], merged["DEC"])
    counts = fits.getdata(results / "spatial" / "f_nstars.fits")
    assert counts.shape == (grid.n_y, grid.n_x)
    assert np.array_equal(counts.ravel(), np.bincount(numbers, minlength=counts.size))
    bases = sorted({path.as_posix().rsplit("_", 1)[0] for path in written})
    assert len(bases) == np.count_nonzero(counts)
    seen = []
    for base in bases:
        stats, pdfs, samples = stars_of(base)
        assert stats == pdfs == samples
        x, y = (int(word) for word in base.rsplit("_", 2)[1:])
        assert stats == np.flatnonzero(numbers == y * grid.n_x + x).tolist()
        assert Table.read(f"{base}_stats.fits")["row_id"].tolist() == stats
        seen += stats
    assert sorted(seen) == list(range(len(merged)))


def test_row_ids_from_the_catalogue_are_kept(tmp_path):
    write_result(tmp_path / "f_bin1_sub0", 4)
    with fits.open(tmp_path / "f_bin1_sub0_stats.fits") as hdus:
        table = Table(hdus[1].data)
    table["row_id"] = [7, 5, 3, 1]
    table.write(tmp_path / "f_bin1_sub0_stats.fits", overwrite=True)
    merge_results(tmp_path / "f_")
    assert Table.read(tmp_path / "f_stats.fits")["row_id"].tolist() == [7, 5, 3, 1]
    reorder_results(tmp_path / "f_stats.fits", tmp_path / "f_", tmp_path / "s" / "f", 1e4, stats_only=True)
    condense_results(tmp_path / "s", stats_only=True)
    (found,) = (tmp_path / "s").glob("f_?_?_stats.fits")
    assert Table.read(found)["row_id"].tolist() == [7, 5, 3, 1]


def test_stars_without_samples_keep_the_rows_aligned(tmp_path, caplog):
    write_result(tmp_path / "f_bin1_sub0", 3)
    write_result(tmp_path / "f_bin1_sub1", 2, first_star=3)
    with h5py.File(tmp_path / "f_bin1_sub0_lnp.hd5", "r+") as f:
        del f["star_1"]
    merge_results(tmp_path / "f_")
    assert "1 of 3 stars have no samples" in caplog.text
    with h5py.File(tmp_path / "f_lnp.hd5") as f:
        assert f["star_1/idx"].shape == (0,)
        assert f["star_4/idx"][0] == 4


def test_results_that_do_not_fit_together(tmp_path):
    with pytest.raises(InputError, match="no results of sub files"):
        merge_results(tmp_path / "f_")
    write_result(tmp_path / "f_bin1_sub0", 3)
    write_result(tmp_path / "f_bin1_sub1", 2)
    (tmp_path / "f_bin1_sub1_pdf1d.fits").rename(tmp_path / "x")
    with pytest.raises(InputError, match=r"pdf1d\.fits: missing, while"):
        merge_results(tmp_path / "f_")
    (tmp_path / "f_bin1_sub1_pdf1d.fits").write_bytes((tmp_path / "f_bin1_sub0_pdf1d.fits").read_bytes())
    with pytest.raises(InputError, match=r"PDFs of 3 stars, but f_bin1_sub1_stats\.fits holds 2"):
        merge_results(tmp_path / "f_")
    (tmp_path / "f_bin1_sub1_pdf1d.fits").write_bytes((tmp_path / "x").read_bytes())
    (tmp_path / "f_bin1_sub1_lnp.hd5").write_bytes((tmp_path / "f_bin1_sub0_lnp.hd5").read_bytes())
    with pytest.raises(InputError, match="star_2 is there, but"):
        merge_results(tmp_path / "f_")
    assert not (tmp_path / "f_lnp.hd5").exists()


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("f_sd0-1_sub3_stats.fits", "sd0-1_sub3"),
        ("a/b/f_SD_10-11_sub12.fits", "SD_10-11_sub12"),
        ("f_with_sourceden_bin4_sub0.fits", "bin4_sub0"),
        ("f_bin4_sub0_lnp.hd5", "bin4_sub0"),
        ("1_2_bin4_sub0_stats.fits", "bin4_sub0"),
        ("f_bin4.fits", None),
        ("f_stats.fits", None),
        ("robin4_sub0.fits", None),
    ],
)
def test_tags(name, tag):
    assert tag_of(name) == tag


def test_parts_of_grids_are_no_sub_files(tmp_path):
    write_result(tmp_path / "f_bin1_sub0", 1)
    write_result(tmp_path / "f_bin1_sub0_gridsub1", 1)
    assert [result.tag for result in find_results(tmp_path / "f_")] == ["bin1_sub0"]
    write_result(tmp_path / "f_b_bin1_sub0", 1)
    with pytest.raises(InputError, match="have the same tag bin1_sub0"):
        find_results(tmp_path / "f_")


def test_regions_at_the_edges():
    grid = RegionGrid.of_field([10.0, 10.01], [41.0, 41.0], 10.0)
    assert grid.n_y == 1
    numbers = grid.numbers([10.0, 10.01, 20.0], [41.0, 41.0, 41.0])
    assert ((numbers >= 0) & (numbers < grid.n_x)).all()
    assert numbers[0] > numbers[1]
    with pytest.raises(InputError, match="above 0"):
        RegionGrid.of_field([10.0], [41.0], 0.0)
    with pytest.raises(InputError, match="1 stars have no position"):
        grid.numbers([np.nan], [41.0])


def test_folders_without_regions(tmp_path):
    with pytest.raises(InputError, match="no folder in it"):
        condense_results(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        condense_results(tmp_path / "none")
