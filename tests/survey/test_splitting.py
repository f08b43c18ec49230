"""Cuts and sub files against direct selections, at the edges of numbers and bins."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.table import Table

from fastsed.errors import InputError
from fastsed.survey.cuts import inside_hull, kept_rows, sky_columns, write_regions
from fastsed.survey.split_files import write_manifest, write_parts
from fastsed.survey.splitting import (
    SubFiles,
    density_bins,
    map_bins,
    sort_values,
    split_rows,
    stars_in_tiles,
)
from fastsed.survey.tables import read_table
from fastsed.survey.tiles import Binning, TileMap
from tests.survey.fields import catalogue


@pytest.mark.parametrize(
    ("options", "n", "sizes"),
    [
        ({"n_per_file": 100}, 250, [100, 100, 50]),
        ({"n_per_file": 100}, 200, [100, 100]),
        ({"n_per_file": 1000}, 3, [3]),
        ({"n_per_file": 1}, 2, [1, 1]),
        ({"n_per_file": 100, "extra_file": True}, 200, [100, 100, 0]),
        ({"n_per_file": 100, "extra_file": True}, 99, [99]),
        ({"n_per_file": None}, 7, []),
        ({"n_per_file": None, "min_n_subfile": 3}, 7, [3, 3, 1]),
        ({"n_per_file": None, "min_n_subfile": 4}, 9, [3, 3, 3, 0]),
        ({"n_per_file": 300, "min_n_subfile": 2}, 311, [300, 11]),
        ({"n_per_file": 300, "min_n_subfile": 2}, 179, [90, 89]),
        ({"n_per_file": 2, "min_n_subfile": 2}, 7, [2, 2, 2, 1]),
    ],
)
def test_numbers_of_sources_in_sub_files(options, n, sizes):
    assert SubFiles(**options).sizes(n) == sizes


@pytest.mark.parametrize("options", [{"n_per_file": 0}, {"min_n_subfile": -1}])
def test_wrong_numbers(options):
    with pytest.raises(InputError, match="at least 1"):
        split_rows(["bin0"], np.zeros(3, dtype=int), np.zeros(3), SubFiles(**options))


def test_sub_files_are_sorted_by_flux_and_hold_every_row_once():
    table = catalogue(100)
    table["F475W_RATE"][5] = np.nan
    bins = np.arange(100) % 3
    parts = split_rows(["a", "b", "c", "d"], bins, sort_values(table, "f475w_rate"), SubFiles(n_per_file=8))
    assert [part.tag for part in parts] == ["a", "b", "c"]
    for i, part in enumerate(parts):
        assert part.rows.tolist() == np.flatnonzero(bins == i).tolist()
        joined = np.concatenate(part.sub_rows)
        assert sorted(joined.tolist()) == part.rows.tolist()
        flux = np.asarray(table["F475W_RATE"])[joined]
        assert (np.diff(flux[~np.isnan(flux)]) >= 0).all()


def test_ties_stay_in_order():
    parts = split_rows(["a"], np.zeros(50, dtype=int), np.ones(50), SubFiles())
    assert parts[0].sub_rows[0].tolist() == list(range(50))


def test_integer_densities():
    tags, bins = density_bins(Table({"SourceDensity": [2.0, 0.5, 1.999, 4.2]}))
    assert [tags[i] for i in bins] == ["SD2-3", "SD0-1", "SD1-2", "SD4-5"]
    tags, bins = density_bins(Table({"sourcedensity": [7.0, 7.9]}))
    assert [tags[i] for i in bins] == ["SD7-8", "SD7-8"]
    with pytest.raises(InputError, match="1 values of SourceDensity are not finite"):
        density_bins(Table({"SourceDensity": [1.0, np.nan]}))


def test_catalogue_without_densities(caplog):
    tags, bins = density_bins(catalogue(3))
    assert (tags, bins.tolist()) == (["SD0-1"], [0, 0, 0])
    assert "no column SourceDensity" in caplog.text


@pytest.fixture
def tiles():
    """2 x 3 tiles with densities 0.5 1.5 2 / 0.2 0.2 3.5."""
    return TileMap(np.arange(3.0), np.arange(4.0), np.array([[0.5, 1.5, 2], [0.2, 0.2, 3.5]]))


def test_bins_of_a_map(tiles):
    table = Table({"RA": [0.5, 1.5, 1.5, -3], "DEC": [1.5, 2.5, 0, 9]})
    tags, bins = map_bins(table, tiles, Binning(edges=(0.4, 1.6)))
    assert [tags[i] for i in bins] == ["bin1", "bin2", "bin0", "bin2"]
    table["RA"][0] = np.nan
    with pytest.raises(InputError, match="1 rows have no position"):
        map_bins(table, tiles, Binning())


def test_artificial_stars_of_release_1(tiles):
    stars = Table({"RA_J2000": [1.5, 0.5, 1.0, 0.5, 1.5, 5.0], "DEC_J2000": [1.5, 0.5, 0.5, 1.0, 0.5, 0.5]})
    rows = stars_in_tiles(stars, tiles)
    assert {tag: own.tolist() for tag, own in rows.items()} == {"SD0-1": [1, 4, 0]}


def test_files(tmp_path):
    table = catalogue(20)
    parts = split_rows(
        ["bin1"], np.zeros(20, dtype=int), sort_values(table, "F475W_RATE"), SubFiles(n_per_file=15)
    )
    written = write_parts(table, parts, tmp_path / "cat.fits")
    assert [path.name for path in written] == ["cat_bin1.fits", "cat_bin1_sub0.fits", "cat_bin1_sub1.fits"]
    assert np.array_equal(read_table(written[1])["RA"], table["RA"][parts[0].sub_rows[0]])
    manifest = json.loads(write_manifest(table, parts, tmp_path / "cat.fits").read_text())
    assert [entry["n"] for entry in manifest["sub_files"]] == [15, 5]
    assert manifest["sub_files"][1]["rates"]["F475W_RATE"][1] == table["F475W_RATE"].max()


def test_sources_that_are_kept():
    table = Table({f"{band}_{end}": np.zeros(4) for band in "AB" for end in ("VEGA", "RATE")})
    table["A_RATE"][:] = 1, 0, 1, 0
    table["B_RATE"][:] = 1, 1, np.nan, 0
    assert kept_rows(table, partial_overlap=True).tolist() == [True, False, True, True]
    assert kept_rows(table, flag_filters=["a"]).tolist() == [True, False, True, False]
    assert kept_rows(table, True, ["B"]).tolist() == [True, False, True, False]
    with pytest.raises(InputError, match="nothing to cut by"):
        kept_rows(table)
    with pytest.raises(InputError, match="no column C_RATE"):
        kept_rows(table, flag_filters=["C"])


def test_positions_are_not_rates():
    table = Table({"F1_RATE": [9.0], "X_RA": [1.0], "DEC_J2000": [2.0]})
    assert [values.tolist() for values in sky_columns(table)] == [[1.0], [2.0]]
    with pytest.raises(InputError, match="no column of positions"):
        sky_columns(Table({"F1_RATE": [1.0]}))


def test_hull(tmp_path):
    square = Table({"RA": [0.0, 1, 1, 0, 0.5], "DEC": [0.0, 0, 1, 1, 0.5]})
    stars = Table({"RA_J2000": [0.5, 1.5, 0.01, 0.5], "DEC_J2000": [0.9, 0.5, 0.01, -0.1]})
    assert inside_hull(stars, square).tolist() == [True, False, True, False]
    with pytest.raises(InputError, match="2 sources that are kept span no area"):
        inside_hull(stars, square[:2])
    write_regions(stars, np.array([True, False, True, True]), tmp_path / "a.reg")
    lines = (tmp_path / "a.reg").read_text().splitlines()
    assert lines[3:5] == ['circle(0.5,0.9,0.1")', 'circle(1.5,0.5,0.1") # color=magenta']
