"""Positions of artificial stars: inside of the footprint, in the tiles of their bin, spread evenly."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.survey.ast_positions import Footprint, positions_beside_stars, positions_in_bins
from fastsed.survey.tiles import TileMap

pytest.importorskip("shapely")
RANDOM = np.random.default_rng(2)
RA, DEC = 11.0 + RANDOM.random(2000) * 0.02, 41.0 + RANDOM.random(2000) * 0.01
TILES = TileMap(11.0 + np.linspace(0, 0.02, 5), 41.0 + np.linspace(0, 0.01, 3), np.arange(8.0).reshape(4, 2))


def test_footprint_is_the_eroded_hull():
    whole, eroded = Footprint.of(RA, DEC), Footprint.of(RA, DEC, erode=5.0)
    width, height = 72 * np.cos(np.radians(DEC.mean())), 36
    assert whole.polygon.area == pytest.approx(width * height, rel=0.02)
    assert eroded.polygon.area == pytest.approx((width - 10) * (height - 10), rel=0.03)
    part = Footprint.of(RA, DEC, boundary=([11.0, 11.01, 11.01, 11.0], [41.0, 41.0, 41.01, 41.01]))
    assert part.polygon.area == pytest.approx(whole.polygon.area / 2, rel=0.02)
    with pytest.raises(InputError, match="nothing is left"):
        Footprint.of(RA, DEC, erode=50.0)
    with pytest.raises(InputError, match="span no area"):
        Footprint.of(RA[:1], DEC[:1])


def test_across_right_ascension_zero():
    ra = (RA - 11.01) % 360.0
    footprint = Footprint.of(np.where(ra > 180, ra - 360, ra), DEC)
    assert footprint.contains(np.array([359.995, 0.005]), np.array([41.005, 41.005])).all()


def test_positions_lie_in_tiles_of_their_bin_and_fill_them_evenly():
    bins = np.array([0, 1, 0, 1, 2, 2, 2, 2])
    footprint = Footprint.of(RA, DEC, erode=0.5)
    placed = positions_in_bins(TILES, bins, footprint, 4000, seed=3)
    assert [number for number, _ in placed] == [0, 1, 2]
    for number, sky in placed:
        assert sky.shape == (4000, 2)
        assert footprint.contains(sky[:, 0], sky[:, 1]).all()
        tiles = TILES.tile_numbers(sky[:, 0], sky[:, 1])
        counts = np.bincount(tiles, minlength=8)
        assert set(np.flatnonzero(counts)) == set(np.flatnonzero(bins == number))
        used = counts[counts > 0]
        assert used.min() > 0.75 * used.max()
    again = positions_in_bins(TILES, bins, footprint, 4000, seed=3)
    np.testing.assert_array_equal(again[1][1], placed[1][1])


def test_bins_outside_of_the_footprint(caplog):
    left = RA < 11.004
    footprint = Footprint.of(RA[left], DEC[left])
    placed = positions_in_bins(TILES, np.array([0, 0, 0, 0, 1, 1, 1, 1]), footprint, 10, seed=1)
    assert [number for number, _ in placed] == [0]
    assert "bin 1 of the map lies outside" in caplog.text
    far = TileMap(TILES.ra_edges + 1, TILES.dec_edges, TILES.values)
    with pytest.raises(InputError, match="no tile of the map"):
        positions_in_bins(far, np.zeros(8, dtype=int), footprint, 10, seed=1)


def test_beside_stars():
    x, y = RANDOM.random(500) * 400, RANDOM.random(500) * 300
    places = positions_beside_stars(x, y, 3000, 10.0, seed=4)
    distance = np.hypot(places[:, :1] - x, places[:, 1:] - y)
    assert ((distance > 10) & (distance < 13)).any(axis=1).all()
    assert (places > 0).all()
    assert (places < [400, 300]).all()
    with pytest.raises(InputError, match="more than 503 pixels from the edge"):
        positions_beside_stars(x, y, 10, 500.0, seed=4)
