"""Source densities against counts in loops, at the edges of pixels and fields."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.survey.maps import (
    DensityOptions,
    convex_hull,
    hull_fractions,
    measured_in_all_bands,
    source_density,
)
from fastsed.survey.pixels import PixelGrid, pixel_grid, unwrapped
from tests.survey.fields import catalogue


@pytest.mark.parametrize("options", [{"npix": 3}, {"npix": 1}, {"pixsize": 4.0}, {"pixsize": 100.0}, {}])
def test_density_is_the_number_in_a_pixel_over_its_area_in_the_field(options):
    table = catalogue()
    result = source_density(table, **options)
    positions = result.grid.positions(table["RA"], table["DEC"])
    fractions = hull_fractions(positions, result.grid.shape)
    counted = (table["F475W_VEGA"] >= 24.5) & (table["F475W_VEGA"] <= 27)
    rows, columns = result.grid.shape
    for y in range(rows):
        for x in range(columns):
            inside = (
                (positions[:, 0] > x)
                & (positions[:, 0] <= x + 1)
                & (positions[:, 1] > y)
                & (positions[:, 1] <= y + 1)
            )
            n = np.count_nonzero(inside & counted)
            area = result.grid.pixel_area() * fractions[y, x]
            expected = n / area if fractions[y, x] > 0.5 else 0
            assert result.density[y, x] == pytest.approx(expected)
            assert np.allclose(result.table["SourceDensity"][inside], expected)
            assert result.zero_fluxes["F814W_RATE"][y, x] == np.count_nonzero(
                inside & (table["F814W_RATE"] == 0)
            )


def test_field_that_is_no_square_has_pixels_that_are():
    table = catalogue(width=0.02, height=0.004)
    grid = source_density(table, pixsize=3.0).grid
    rows, columns = grid.shape
    assert columns > 2 * rows
    assert grid.pixel_area() == pytest.approx(9, rel=1e-4)
    assert rows == np.ceil(np.ptp(table["DEC"]) * 1200)


def test_pixels_by_rounding_in_release_1():
    grid = pixel_grid([10, 10.01], [0, 2.5 / 3600], pixsize=1.0, compat="beast1")
    # half to even
    assert len(grid.dec_edges) == 3
    assert grid.shape == (3, 37)
    assert grid.wcs().wcs.crpix.tolist() == [19, 2]
    assert len(pixel_grid([10, 10.01], [0, 2.5 / 3600], pixsize=1.0).dec_edges) == 4


def test_position_on_an_edge_belongs_to_the_pixel_before():
    grid = PixelGrid(np.arange(3.0), np.arange(4.0))
    positions = np.array([[0, 0.5], [1, 1], [1.5, 3], [2, 3], [2.1, 1], [np.nan, 1], [0.5, 0]])
    assert grid.pixel_numbers(positions).tolist() == [-1, 0, 5, 5, -1, -1, -1]


def test_flags_spikes_and_magnitudes_at_the_limits():
    table = catalogue()
    table["spike"] = np.arange(len(table)) % 5 == 0
    table["F475W_VEGA"][:3] = 24.5, 27.0, np.nan
    result = source_density(table, npix=1, flag_name="f475w_flag", spike_name="Spike", erode=-0.5)
    kept = table[~table["spike"]]
    mag = kept["F475W_VEGA"]
    n = np.count_nonzero((mag >= 24.5) & (mag <= 27) & (kept["F475W_FLAG"] < 99))
    assert len(result.table) == len(kept)
    positions = result.grid.positions(kept["RA"], kept["DEC"])
    fraction = hull_fractions(positions, (1, 1))[0, 0]
    assert fraction > 0.5
    assert result.density[0, 0] == pytest.approx(n / result.grid.pixel_area() / fraction)


def test_sources_outside_of_an_eroded_map_have_no_density():
    table = catalogue()
    result = source_density(table, npix=4, erode=4.0)
    inner = np.abs(table["DEC"] - table["DEC"].mean()) < 0.5 * np.ptp(table["DEC"]) - 5 / 3600
    assert (result.table["SourceDensity"][~inner] == 0).any()
    assert result.grid.dec_edges[0] == pytest.approx(table["DEC"].min() + 4 / 3600)


def test_field_across_the_first_meridian():
    here, there = catalogue(ra0=10.0), catalogue(ra0=359.995)
    there["RA"] %= 360
    assert np.ptp(there["RA"]) > 359
    a, b = (source_density(table, npix=5) for table in (here, there))
    assert np.allclose(a.density, b.density, rtol=1e-6)
    assert unwrapped([359.0, 1.0]).tolist() == [-1, 1]


def test_release_1_has_no_hull_and_cumulative_maps_of_zero_fluxes():
    table = catalogue()
    result = source_density(table, npix=2, compat="beast1")
    assert result.density.shape == (3, 3)
    bands = [result.zero_fluxes[f"{band}_RATE"].sum() for band in ("F475W", "F814W")]
    assert bands[1] == result.zero_fluxes[""].sum()
    zero = (table["F475W_RATE"] == 0) | (table["F814W_RATE"] == 0)
    assert bands[1] <= np.count_nonzero(zero)
    assert np.count_nonzero(measured_in_all_bands(table)) == np.count_nonzero(~zero)


def test_fraction_of_a_triangle():
    fractions = hull_fractions(np.array([[0.0, 0], [2, 0], [0, 2]]), (2, 3))
    assert np.allclose(fractions, [[1, 0.5, 0], [0.5, 0, 0]])
    assert convex_hull(np.array([[0.0, 0], [1, 1], [2, 2]])) is None
    assert not hull_fractions(np.array([[0.0, 0], [1, 1]]), (2, 2)).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mag_name": "F475_VEGA"}, "no column 'F475_VEGA' .*; there is F475W_VEGA"),
        ({"npix": 0}, "at least 1"),
        ({"pixsize": -1.0}, "above 0"),
        ({"npix": 3, "pixsize": 1.0}, "either"),
        ({"erode": 1000.0}, "eroded by 1000 arcsec"),
        ({"pixsize": 1e-4}, "at most 8000"),
        ({"spike_name": "F475W_VEGA"}, "no source but diffraction spikes"),
    ],
)
def test_wrong_options(changes, message):
    with pytest.raises(InputError, match=message):
        source_density(catalogue(), **changes)


def test_wrong_tables():
    table = catalogue()
    table["RA"] = np.nan
    with pytest.raises(InputError, match="no source has a position"):
        source_density(table)
    table = catalogue()
    table["ra"] = 1.0
    with pytest.raises(InputError, match="case of their name only: RA"):
        source_density(table)
    with pytest.raises(InputError, match="holds no source"):
        source_density(catalogue()[:0])


def test_densities_that_are_all_zero_are_announced(caplog):
    source_density(catalogue(), mag_cut=(1.0, 2.0))
    assert "all densities are 0" in caplog.text
    assert DensityOptions().mag_cut == (24.5, 27.0)
