"""Background against analytic images and direct numpy."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from fastsed.errors import InputError
from fastsed.survey.background import (
    BackgroundOptions,
    ReferenceImage,
    annulus_means,
    background_map,
    group_medians,
    near_sources,
    read_image,
)
from tests.survey.fields import catalogue


def image_of(data):
    """An image around the invented field, 0.5 arcsec a pixel."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [11.205, 41.3025]
    wcs.wcs.crpix = [data.shape[1] / 2, data.shape[0] / 2]
    wcs.wcs.cdelt = [-0.5 / 3600, 0.5 / 3600]
    return ReferenceImage(data, wcs)


def test_plane_has_its_value_at_the_source():
    y, x = np.indices((60, 80))
    data = 3 + 0.1 * x - 0.2 * y
    positions = np.array([[40.3, 30.7], [20.0, 25.5]])
    mask = np.zeros(data.shape, dtype=bool)
    options = BackgroundOptions(mask_radius=3, ann_width=4)
    found = annulus_means(data, mask, positions, options)
    assert np.allclose(found, 3 + 0.1 * positions[:, 0] - 0.2 * positions[:, 1], atol=1e-3)
    assert np.allclose(annulus_means(data, mask, positions, options, whole_area=True), found)


def test_only_pixels_that_are_left_count():
    data = np.full((40, 40), 5.0)
    mask = np.zeros(data.shape, dtype=bool)
    mask[:, :21] = True
    positions = np.array([[20.0, 20.0], [0.0, 20.0], [100.0, 100.0], [np.nan, 1]])
    options = BackgroundOptions(mask_radius=3, ann_width=4)
    found = annulus_means(data, mask, positions, options)
    assert np.allclose(found, [5, np.nan, np.nan, np.nan], equal_nan=True)
    whole = annulus_means(data, mask, positions, options, whole_area=True)
    assert 2 < whole[0] < 2.5
    assert whole[1] == 0


def test_sources_without_any_pixel_left_have_no_background():
    rng = np.random.default_rng(6)
    mask = np.ones((40, 60), dtype=bool)
    mask[rng.integers(40, size=5), rng.integers(60, size=5)] = False
    positions = rng.uniform([-15, -15], [75, 55], (400, 2))
    options = BackgroundOptions(mask_radius=3, ann_width=2.5)
    values = annulus_means(np.ones(mask.shape), mask, positions, options)
    y, x = np.nonzero(~mask)
    dx, dy = (np.abs(p - positions[:, i, None]) for i, p in enumerate((x, y)))
    nearest = np.hypot(np.maximum(dx - 0.5, 0), np.maximum(dy - 0.5, 0))
    farthest = np.hypot(dx + 0.5, dy + 0.5)
    some_left = ((nearest < 5.5) & (farthest > 3)).any(axis=1)
    assert 20 < some_left.sum() < 300
    np.testing.assert_array_equal(np.isfinite(values), some_left)
    np.testing.assert_allclose(values[some_left], 1)


@pytest.mark.parametrize("radius", [0.31, 1.0, 2.7])
@pytest.mark.parametrize("together", [10_000, 3])
def test_pixels_that_a_circle_touches(radius, together, monkeypatch):
    monkeypatch.setattr("fastsed.survey.background._SOURCES", together)
    from photutils.aperture import CircularAperture

    positions = np.array([[5.2, 4.9], [0.1, -0.4], [19.4, 9.9], [40, 40], [-2.0, 3.0]])
    expected = np.zeros((10, 20), dtype=bool)
    for mask in CircularAperture(positions, radius).to_mask(method="exact"):
        overlap = mask.to_image(expected.shape)
        expected |= overlap > 0 if overlap is not None else False
    assert np.array_equal(near_sources(positions, radius, expected.shape), expected)


@pytest.mark.parametrize("with_nan", [True, False])
def test_medians_of_groups(with_nan):
    rng = np.random.default_rng(5)
    values, groups = rng.normal(size=300), rng.integers(-1, 40, 300)
    values[::7] = np.nan
    values[groups == 3] = np.nan
    groups[groups == 5] = 6
    medians, counts = group_medians(values, groups, 41, with_nan)
    for i in range(41):
        own = values[groups == i]
        assert counts[i] == len(own)
        good = own[~np.isnan(own)]
        lost = not len(good) or (with_nan and len(good) < len(own))
        expected = 0.0 if not len(own) else np.nan if lost else np.median(good)
        assert np.array_equal(medians[i], expected, equal_nan=True)


def test_whole_map():
    table = catalogue(60)
    data = np.random.default_rng(1).normal(10, 0.1, (60, 80))
    data[3, 4] = np.nan
    result = background_map(
        table, image_of(data), npix=2, mask_radius=1.5, ann_width=3.0, cat_filter=("F475W", 25.0)
    )
    assert np.nanmax(np.abs(result.background - 10)) < 0.1
    # the source on the lower edge of each axis belongs to no pixel
    assert result.n_sources.sum() in (58, 59)
    assert np.count_nonzero(result.table["bin_median_bg"] == 0) == 60 - result.n_sources.sum()
    assert (result.masked_image == 0).sum() < data.size / 3
    assert result.masked_image[3, 4] == 0
    padded = background_map(table, image_of(data), npix=2, mask_radius=1.5, ann_width=3.0, compat="beast2")
    assert padded.background.shape == (3, 3)
    assert padded.n_sources.sum() >= result.n_sources.sum()


def test_images(tmp_path):
    data = np.arange(12.0).reshape(3, 4)
    header = image_of(data).wcs.to_header()
    path = tmp_path / "image.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data, header)]).writeto(path)
    assert np.array_equal(read_image(path).data, data)
    two = [
        fits.PrimaryHDU(),
        fits.ImageHDU(data + 1, header, name="ERR"),
        fits.ImageHDU(data, header, name="SCI"),
    ]
    fits.HDUList(two).writeto(path, overwrite=True)
    assert np.array_equal(read_image(path).data, data)
    fits.HDUList([*two[:2], fits.ImageHDU(data, header)]).writeto(path, overwrite=True)
    with pytest.raises(InputError, match="2 images, none of them named SCI"):
        read_image(path)
    fits.PrimaryHDU(data).writeto(path, overwrite=True)
    with pytest.raises(InputError, match="no celestial coordinates"):
        read_image(path)
    path.write_bytes(path.read_bytes()[:2900])
    with pytest.raises(InputError, match="cut short"):
        read_image(path)


def test_wrong_numbers():
    with pytest.raises(InputError, match="above 0"):
        background_map(catalogue(), image_of(np.ones((5, 5))), mask_radius=0)
    with pytest.raises(InputError, match="no column 'F555W_VEGA'"):
        background_map(catalogue(), image_of(np.ones((5, 5))), cat_filter=("F555W", 20.0))
