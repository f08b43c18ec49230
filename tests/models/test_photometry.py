"""Band integrals against direct trapezoids, rest magnitudes of known spectra, template errors of bands."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.inputs.filters import Response, read_filters
from fastsed.inputs.template_error import TemplateError
from fastsed.models.photometry import (
    band_integral,
    band_template_errors,
    rest_magnitude_weights,
    total_weights,
)
from fastsed.paths import share_dir
from tests.models.helpers import make_filter, union_integral


def curve(lam, response):
    lam, response = np.array(lam, dtype=float), np.array(response, dtype=float)
    return Response(1, "test", lam, response, float(np.trapezoid(lam * response, lam)))


def flux(lam, sed, stretch, band):
    w = band_integral(lam, stretch, band)
    assert len(w.values) == w.stop - w.start
    return float(sed[w.start : w.stop] @ w.values)


@pytest.mark.parametrize("stretch", [1.0, 1.37, 4.2])
@pytest.mark.parametrize(("n_lam", "n_band"), [(300, 30), (8, 200), (400, 2), (2, 5), (60, 60)])
def test_against_the_union_trapezoid(n_lam, n_band, stretch):
    rng = np.random.default_rng(n_lam + n_band)
    for seed in range(20):
        lam = np.sort(rng.uniform(1000.0, 9000.0, n_lam))
        low, high = np.sort(rng.uniform(lam[0] * stretch, lam[-1] * stretch, 2))
        band = make_filter(low, high, n_band, seed=seed)
        sed = rng.uniform(0, 1, n_lam)
        assert flux(lam, sed, stretch, band) == pytest.approx(
            union_integral(lam * stretch, sed, band), rel=1e-12, abs=1e-14
        )


def test_against_a_very_fine_integral():
    # in F = response x spectrum, both linear, the trapezoid of the union is not the integral of the product:
    # it is that of FAST, which the fine integral approaches as the points get close
    rng = np.random.default_rng(5)
    lam = np.linspace(3000.0, 9000.0, 4000)
    sed = 1 + 0.3 * np.sin(lam / 300)
    centre = np.linspace(4500.0, 5500.0, 500)
    response = np.exp(-0.5 * ((centre - 5000) / 150) ** 2) * (1 + 0.1 * rng.random())
    band = curve(centre, response / np.trapezoid(response, centre))
    x = np.linspace(4500.0, 5500.0, 2_000_001)
    fine = np.trapezoid(np.interp(x, lam, sed) * np.interp(x, band.lam, band.response), x)
    assert flux(lam, sed, 1.0, band) == pytest.approx(fine, rel=1e-5)


def test_a_flat_spectrum_gives_its_level():
    lam = np.geomspace(100.0, 1e5, 200)
    for n in (2, 3, 50):
        assert flux(lam, np.full(200, 7.0), 1.8, make_filter(3000.0, 9000.0, n)) == pytest.approx(
            7.0, rel=1e-12
        )


def test_weights_are_confined_to_the_band():
    lam = np.arange(1000.0, 10000.0, 100.0)
    w = band_integral(lam, 2.0, make_filter(5010.0, 6990.0))
    assert lam[w.start] * 2 <= 5010 <= lam[w.start + 1] * 2
    assert lam[w.stop - 2] * 2 <= 6990 <= lam[w.stop - 1] * 2


def test_filter_that_touches_the_edges_of_the_spectrum():
    lam = np.array([1000.0, 1500.0, 2500.0, 4000.0])
    sed = np.array([1.0, 3.0, 2.0, 5.0])
    whole = curve([1000.0, 4000.0], [1 / 3000, 1 / 3000])
    assert flux(lam, sed, 1.0, whole) == pytest.approx(np.trapezoid(sed, lam) / 3000, rel=1e-14)
    for band in (
        make_filter(1000.0, 2000.0, 5),
        make_filter(2000.0, 4000.0, 5),
        make_filter(1000.0, 4000.0, 9),
    ):
        assert flux(lam, sed, 1.0, band) == pytest.approx(union_integral(lam, sed, band), rel=1e-13)


@pytest.mark.parametrize(
    ("low", "high"),
    [(900.0, 1200.0), (3900.0, 4100.0), (10.0, 20.0), (9e3, 9.5e3), (900.0, 5000.0), (999.9, 4000.0)],
)
def test_filter_not_wholly_inside_gives_zero(low, high):
    w = band_integral(np.array([1000.0, 2000.0, 4000.0]), 1.0, make_filter(low, high))
    assert (w.start, w.stop, len(w.values)) == (0, 0, 0)


def test_redshift_moves_the_spectrum_not_the_filter():
    lam = np.array([1000.0, 2000.0, 4000.0])
    band = make_filter(5000.0, 6000.0)
    assert flux(lam, np.ones(3), 2.0, band) == pytest.approx(1.0)
    assert band_integral(lam, 1.0, band).stop == 0
    assert band_integral(lam, 5.5, band).stop == 0


def test_coincident_points():
    lam = np.linspace(1000.0, 2000.0, 11)
    sed = np.random.default_rng(1).random(11)
    band = curve(lam[2:8], [0.0, 1.0, 3.0, 2.0, 1.0, 0.0])
    expected = np.trapezoid(band.response * sed[2:8], lam[2:8])
    assert flux(lam, sed, 1.0, band) == pytest.approx(expected, rel=1e-13)


def test_vertical_edges_of_a_filter():
    low, high = 1500.0, 1700.0
    steps = [low, np.nextafter(low, 9e9), np.nextafter(high, 0), high]
    band = curve(steps, [0.0, 1 / 200, 1 / 200, 0.0])
    lam, sed = np.array([1000.0, 2000.0]), np.array([0.0, 1.0])
    assert flux(lam, sed, 1.0, band) == pytest.approx(0.6, rel=1e-12)


def test_narrow_filter_between_two_samples():
    lam, sed = np.array([1000.0, 2000.0, 3000.0]), np.array([0.0, 1.0, 5.0])
    band = curve([1249.0, 1251.0], [0.5, 0.5])
    assert flux(lam, sed, 1.0, band) == pytest.approx(0.25, rel=1e-12)


def test_filter_of_two_points_over_a_fine_spectrum():
    lam = np.linspace(1000.0, 5000.0, 401)
    sed = lam**2
    band = curve([2000.0, 4000.0], [0.0, 1e-3])
    assert flux(lam, sed, 1.0, band) == pytest.approx(union_integral(lam, sed, band), rel=1e-12)
    assert flux(lam, sed, 1.0, band) == pytest.approx(34e6 / 3, rel=1e-4)  # int (x-2000)/2e6 x^2


def test_rest_magnitude_of_a_flat_f_nu_source():
    # F_nu at 10 pc of 1 uJy = 23.9 mag AB; L_lambda = 4 pi (10 pc)^2 F_nu c / lambda^2
    lam = np.geomspace(500.0, 1e5, 200_000)
    c, parsec10, sun = 2.9979e18, 3.0856e19, 3.839e33
    microjansky = 250.0
    f_nu = microjansky * 1e-29  # erg/s/cm2/Hz
    luminosity = 4 * np.pi * parsec10**2 * f_nu * c / lam**2 / sun
    narrow = make_filter(5490.0, 5510.0, 30, seed=2)
    assert rest_magnitude_weights(lam, narrow) @ luminosity == pytest.approx(microjansky, rel=2e-5)
    # broad: the definition takes the mean wavelength for the pivot one
    v = read_filters(share_dir() / "FILTER.RES.latest", [155])[0]
    pivot2 = v.mean_wavelength**2 * np.trapezoid(v.response / v.lam**2, v.lam)
    assert rest_magnitude_weights(lam, v) @ luminosity == pytest.approx(microjansky * pivot2, rel=1e-4)


def test_rest_magnitude_outside_the_spectrum():
    assert not rest_magnitude_weights(np.linspace(1000.0, 2000.0, 9), make_filter(1900.0, 2100.0)).any()


def test_total_weights():
    rng = np.random.default_rng(0)
    lam = np.sort(rng.uniform(100.0, 3000.0, 50))
    sed = rng.random(50)
    assert total_weights(lam) @ sed == pytest.approx(np.trapezoid(sed, lam), rel=1e-13)
    for cut in (912.0, lam[20], lam[0], 0.5 * (lam[7] + lam[8])):
        x = np.union1d(lam[lam < cut], [cut])
        expected = np.trapezoid(np.interp(x, lam, sed), x) if cut > lam[0] else 0.0
        assert total_weights(lam, cut) @ sed == pytest.approx(expected, rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(total_weights(lam, 50.0), 0, atol=1e-12)
    np.testing.assert_allclose(total_weights(lam, 1e9), total_weights(lam))


def test_template_error_of_a_band():
    table = TemplateError(np.array([1000.0, 2000.0, 4000.0, 8000.0]), np.array([0.4, 0.1, 0.2, 0.3]))
    band = make_filter(3000.0, 3600.0)
    z = np.float32([0.0, 0.5, 1.0])
    errors = band_template_errors(table, [band], z)
    assert errors.shape == (3, 1)
    for i in range(3):
        stretched = table.lam * (1 + float(z[i]))
        assert errors[i, 0] == pytest.approx(union_integral(stretched, table.error, band), rel=1e-12)


def test_template_error_where_the_band_leaves_the_table():
    # the median wavelength is 3000 A, in the rest frame, whatever the redshift
    table = TemplateError(np.array([1000.0, 2000.0, 4000.0, 8000.0]), np.array([0.4, 0.1, 0.2, 0.3]))
    blue, red = make_filter(2500.0, 2900.0), make_filter(3100.0, 3500.0)
    errors = band_template_errors(table, [blue, red], np.float32([0.0, 9.0]))
    assert errors[1].tolist() == [0.4, 0.3]
    assert errors[0, 0] == pytest.approx(union_integral(table.lam, table.error, blue), rel=1e-12)
    partly = make_filter(7000.0, 9000.0)
    assert band_template_errors(table, [partly], np.float32([0.0]))[0, 0] == 0.3


def test_no_template_error():
    errors = band_template_errors(None, [make_filter(1.0, 2.0)] * 3, np.float32([1.0, 2.0]))
    np.testing.assert_array_equal(errors, np.zeros((2, 3)))
