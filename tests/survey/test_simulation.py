"""Simulated fields: drawn with the grid's weights, measured with noise that grows with the source density."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.models.stars.dust_grid import DustGrid
from fastsed.models.stars.extinction import extinction_law
from fastsed.models.stars.stellar_grid import make_stellar_grid
from fastsed.models.stars.weights import DustAxis
from fastsed.survey.simulation import (
    FieldOptions,
    catalogue,
    draw_population,
    field_image,
    measure,
    simulate_field,
    sky_noise,
    source_density,
)
from tests.models.stars.small_stars import NAMES, curves, library, stars

VEGA = np.array([3.2e-9, 5.1e-9, 1.1e-9])
DEPTH = np.array([26.0, 26.5, 26.0])
OPTIONS = FieldOptions(400, DEPTH, size=60.0, gradient=5.0)


def grid(av=(0.0, 0.5, 1.0, 1.5)):
    prior = {"name": "lognormal", "mean": 0.5, "sigma": 0.4}
    axes = DustAxis(np.array(av), prior), DustAxis(np.array([2.5, 3.1])), DustAxis(np.array([1.0]))
    dust = DustGrid(extinction_law("G16"), *axes)
    return make_stellar_grid(stars(8), [library()], curves(), np.array([5e4, 6e4]), dust)


def test_population_follows_the_weights():
    made = grid()
    drawn = draw_population(made, 20000, np.random.default_rng(1))
    star, _ = made.weights.weight
    numbers = np.round(
        np.interp(drawn.parameters["M_ini"], np.sort(made.columns["M_ini"]), np.arange(made.n_stars))
    )
    share = np.bincount(numbers.astype(int), minlength=made.n_stars) / 20000
    expected = star[np.argsort(made.columns["M_ini"])]
    np.testing.assert_allclose(share, expected, atol=5 * np.sqrt(expected.max() / 20000))
    assert drawn.parameters["Av"].min() >= 0.0
    assert len(np.unique(drawn.parameters["Av"])) > 19000  # between the values of the grid too


def test_fluxes_between_values_of_av():
    """Against a grid that has just that A(V)."""
    made = grid()
    drawn = draw_population(made, 30, np.random.default_rng(2))
    for k in range(30):
        one = grid(av=(drawn.parameters["Av"][k],))
        star = int(np.flatnonzero(one.columns["M_ini"] == drawn.parameters["M_ini"][k])[0])
        curve = int(np.flatnonzero(one.dust.columns["Rv"] == drawn.parameters["Rv"][k])[0])
        expected = (
            one.fluxes(slice(0, one.n_points))[curve, star] / (0.1 * drawn.parameters["distance"][k]) ** 2
        )
        np.testing.assert_allclose(drawn.flux[k], expected, rtol=2e-3)


def test_field():
    field = simulate_field(grid(), VEGA, OPTIONS, seed=3)
    assert field.measured.shape == (400, 3)
    assert all(len(values) == 400 for values in field.stars.parameters.values())
    again = simulate_field(grid(), VEGA, OPTIONS, seed=3)
    np.testing.assert_array_equal(field.measured, again.measured)
    east = field.ra > OPTIONS.ra
    assert 2.0 < east.sum() / (~east).sum() < 3.2  # (1 + 4 * 3/4) / (1 + 4 / 4) = 2.2 to 2.5 for a ratio of 5
    difference = (field.measured - field.stars.flux) / field.stars.flux
    assert np.abs(np.median(difference)) < 0.05


def test_a_v_follows_the_cloud():
    for cloud, order in ((0.0, -1), (1.0, 1)):
        field = simulate_field(grid(), VEGA, replace(OPTIONS, cloud=cloud), seed=5)
        y = (field.dec - OPTIONS.dec) * 3600
        x = (field.ra - OPTIONS.ra) * 3600 * np.cos(np.radians(OPTIONS.dec))
        inside = np.hypot(x, y) < 8
        difference = np.median(field.stars.parameters["Av"][inside]) - np.median(field.stars.parameters["Av"])
        assert (difference > 0.2) == (order > 0)
    with pytest.raises(InputError, match="between 0 and 1"):
        replace(OPTIONS, cloud=2.0)


def test_fields_that_show_nothing():
    with pytest.raises(InputError, match="bright enough to be seen"):
        simulate_field(grid(), VEGA, replace(OPTIONS, n_stars=2, depth=DEPTH - 20), seed=1)
    with pytest.raises(InputError, match="too crowded"):
        simulate_field(grid(), VEGA, replace(OPTIONS, aperture=30.0), seed=1)
    for wrong in ({"n_stars": 0}, {"size": 0.0}, {"gradient": -1.0}, {"aperture": -1.0}):
        with pytest.raises(InputError, match="must"):
            replace(OPTIONS, **wrong)


def test_density_adds_up_to_the_stars():
    x = np.linspace(-30, 30, 2001)
    density = source_density(x, OPTIONS)
    assert np.trapezoid(density, x) * 60.0 == pytest.approx(400, rel=1e-9)
    assert density[-1] / density[0] == pytest.approx(5.0)


def test_crowding_makes_measurements_worse():
    random = np.random.default_rng(4)
    flux = np.tile(sky_noise(OPTIONS, VEGA) * 20, (4000, 1))
    neighbours = flux[:100] * random.lognormal(0, 1, (100, 1))
    scatter, found = [], []
    for density in (0.01, 1.0):
        measured, recovered = measure(
            flux, np.full(4000, density), neighbours, sky_noise(OPTIONS, VEGA), OPTIONS, random
        )
        difference = (measured - flux)[recovered] / flux[0]
        scatter.append(np.std(difference))
        found.append(recovered.mean())
    noise = np.hypot(1 / 20, OPTIONS.calibration)
    assert scatter[0] == pytest.approx(noise, rel=0.15)
    assert scatter[1] > 1.5 * scatter[0]
    assert found[1] < found[0]


def test_catalogue_and_image():
    field = simulate_field(grid(), VEGA, OPTIONS, seed=3)
    columns = catalogue(NAMES, field.measured, VEGA, np.arange(400) > 0)
    assert columns["F336W_RATE"][0] == 0.0
    assert columns["F336W_VEGA"][0] == 99.999
    np.testing.assert_allclose(columns["F814W_RATE"][1:], field.measured[1:, 2] / VEGA[2])
    from astropy.io import fits
    from astropy.wcs import WCS

    noise = 1e-25
    image, cards = field_image(field, OPTIONS, 1, noise, seed=1)
    header = fits.Header()
    header.update(cards)
    x, y = WCS(header).all_world2pix(field.ra, field.dec, 0)
    brightest = int(np.argmax(field.stars.flux[:, 1]))
    peak = np.unravel_index(np.argmax(image), image.shape)
    assert abs(peak[1] - x[brightest]) < 1.5
    assert abs(peak[0] - y[brightest]) < 1.5
    assert image.sum() == pytest.approx(field.stars.flux[:, 1].sum(), rel=0.01)
