"""Maps of tiles: files, look-up on maps that are no squares, bins at their edges."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.survey.tiles import Binning, TileMap, bin_tiles, read_map, write_map


@pytest.fixture
def tiles():
    """2 x 10 tiles whose values tell them apart."""
    return TileMap(np.linspace(10, 11, 3), np.linspace(40, 41, 11), np.arange(20.0).reshape(2, 10))


def test_file_of_a_map(tiles, tmp_path):
    write_map(tiles, tmp_path / "a_map.hd5")
    found = read_map(tmp_path / "a_map.hd5")
    assert np.array_equal(found.values, tiles.values)
    assert np.array_equal(found.ra_edges, tiles.ra_edges)
    with h5py.File(tmp_path / "a_map.hd5") as f:
        row = f["tile_data"][13]
        assert (row["i_ra"], row["i_dec"], row["value"]) == (1, 3, 13)
        assert row["min_dec"] == pytest.approx(40.3)
        assert row["max_ra"] == 11


def test_tile_of_a_position(tiles):
    ra = [9.0, 10.0, 10.5, 10.49, 12, 370.6, -349.4]
    dec = [40.75, 39.0, 41.0, 40.05, 45, 40.25, 40.25]
    assert tiles.tile_numbers(ra, dec).tolist() == [7, 0, 19, 0, 19, 12, 12]
    assert tiles.tile_numbers(ra, dec, as_beast=True).tolist() == [1, 0, 11, 0, 11, 11, 11]


def values_of(*values):
    return TileMap(np.arange(len(values) + 1.0), np.arange(2.0), np.array(values, dtype=float)[:, None])


@pytest.mark.parametrize(
    ("binning", "expected"),
    [
        (Binning(), [0, 1, 2, 3]),
        (Binning(n_bins=1), [1, 1, 1, 1]),
        (Binning(n_bins=2), [1, 1, 1, 2]),
        (Binning(width=1.0), [1, 2, 3, 5]),
        (Binning(edges=(1.0, 2.0)), [0, 1, 2, 2]),
        (Binning("log", 2), [0, 1, 2, 2]),
    ],
)
def test_bins(binning, expected):
    assert bin_tiles(values_of(0, 1, 2, 4), binning).tolist() == expected


@pytest.mark.parametrize(
    ("binning", "message"),
    [
        (Binning(n_bins=2, width=1.0), "either"),
        (Binning(n_bins=0), "at least 1"),
        (Binning(width=0.0), "above 0"),
        (Binning(edges=(1.0, 1.0)), "ascend"),
        (Binning("log"), "need their number"),
    ],
)
def test_wrong_bins(binning, message):
    with pytest.raises(InputError, match=message):
        bin_tiles(values_of(1, 2), binning)


def test_values_that_allow_no_bins():
    with pytest.raises(InputError, match="no tile of the map has a value above 0"):
        bin_tiles(values_of(0, 0), Binning("log", 2))
    with pytest.raises(InputError, match="no tile of the map has a value"):
        bin_tiles(values_of(np.nan), Binning(n_bins=2))


def test_files_that_are_no_maps(tiles, tmp_path):
    path = tmp_path / "a_map.hd5"
    with pytest.raises(InputError, match="no such file"):
        read_map(path)
    write_map(tiles, path)
    whole = path.read_bytes()
    for length in (0, 10, 900, 1500):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="not a readable HDF5 file"):
            read_map(path)
    with h5py.File(path, "w") as f:
        f["other"] = 1
    with pytest.raises(InputError, match="no table 'tile_data'"):
        read_map(path)
    path.write_bytes(whole)
    for name, value in (("i_ra", 2), ("i_dec", -1), ("i_dec", np.nan), ("i_ra", 1e300)):
        path.write_bytes(whole)
        with h5py.File(path, "r+") as f:
            rows = f["tile_data"][()]
            rows[name][3] = value
            f["tile_data"][()] = rows
        with pytest.raises(InputError, match=f"{name} must lie between 0 and"):
            read_map(path)
    path.write_bytes(whole)
    with h5py.File(path, "r+") as f:
        f["tile_data"].attrs["ra_grid"] = np.arange(5.0)
    with pytest.raises(InputError, match="20 tiles, but edges of 4 x 10"):
        read_map(path)
    with h5py.File(path, "r+") as f:
        del f["tile_data"].attrs["ra_grid"]
    with pytest.raises(InputError, match="no attribute 'ra_grid'"):
        read_map(path)
