"""Prior models against quadrature and hand-made values."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import lognorm

from fastsed.errors import InputError
from fastsed.models.stars.priors import initial_mass_function, lognormal, prior_density

KROUPA = {"name": "kroupa", "alpha0": 0.4, "alpha1": 1.2, "alpha2": 2.2, "alpha3": 2.7}


def test_imf_is_continuous_and_its_integral_that_of_its_density():
    for model in (KROUPA, {"name": "kroupa"}, {"name": "salpeter", "slope": 1.0}, {"name": "flat"}):
        imf = initial_mass_function(model)
        for edge in (0.08, 0.5, 1.0):
            below, above = imf.density([edge * (1 - 1e-9), edge * (1 + 1e-9)])
            assert below == pytest.approx(above, rel=1e-7)
        expected = quad(imf.density, 0.03, 20.0, points=[0.08, 0.5, 1.0], epsabs=0, epsrel=1e-11)[0]
        assert imf.integral(0.03, 20.0) == pytest.approx(expected, rel=1e-9)
        assert imf.density(2.0) == pytest.approx(2.0 ** -imf.slopes[-1])


def test_mass_prior_is_the_mean_over_the_cell():
    masses = np.array([3.0, 0.06, 0.3, 0.9])
    imf = initial_mass_function(KROUPA)
    edges = [0.03, 0.18, 0.6, 1.95, 4.05]  # the first would be negative: half the first mass
    means = np.array([imf.integral(a, b) / (b - a) for a, b in pairwise(edges)])
    got = prior_density("mass", KROUPA, masses)
    np.testing.assert_allclose(got, np.array([means[3], means[0], means[1], means[2]]) / means.mean())


def test_mass_prior_at_the_edges():
    np.testing.assert_array_equal(prior_density("mass", {"name": "kroupa"}, [2.0]), [1.0])
    assert np.isfinite(prior_density("mass", {"name": "salpeter"}, [1.0, 3.0])).all()  # lower edge 0
    twice = prior_density("mass", {"name": "kroupa"}, [1.0, 2.0, 2.0, 3.0])
    assert twice[1] == twice[2]
    assert np.isfinite(twice).all()
    with pytest.raises(InputError, match="initial mass -1 must be positive"):
        prior_density("mass", {"name": "kroupa"}, [-1.0, 3.0])


def test_lognormal_has_its_mode_where_it_is_asked_for():
    x = np.linspace(0.001, 3, 3000)
    got = lognormal(x, 0.6, 0.5)
    assert x[got.argmax()] == pytest.approx(0.6, abs=1e-3)
    np.testing.assert_allclose(got, lognorm.pdf(x, 0.5, scale=np.exp(np.log(0.6) + 0.25)), rtol=1e-10)
    np.testing.assert_array_equal(lognormal(np.array([-1.0, 0.0]), 0.6, 0.5), [0.0, 0.0])


def test_two_lognormals_integrate_to_one_on_the_axis():
    x = np.linspace(0, 4, 41)
    model = {
        "name": "two_lognormal",
        "mean1": 0.2,
        "sigma1": 0.4,
        "mean2": 1.5,
        "sigma2": 0.3,
        "N1_to_N2": 0.4,
    }
    got = prior_density("dust", model, x)
    assert np.trapezoid(got, x) == pytest.approx(1.0)
    ratio = 0.4 * lognormal(x, 0.2, 0.4) + lognormal(x, 1.5, 0.3)
    np.testing.assert_allclose(got / got.max(), ratio / ratio.max(), rtol=1e-12)
    old = {
        "name": "two_lognormal",
        "max_pos1": 0.2,
        "sigma1": 0.4,
        "max_pos2": 1.5,
        "sigma2": 0.3,
        "N1": 2,
        "N2": 5,
    }
    np.testing.assert_allclose(prior_density("dust", old, x), got)
    assert np.isfinite(prior_density("dust", model, [0.5])).all()
    np.testing.assert_array_equal(prior_density("dust", model, [0.0]), [0.0])


def test_bins():
    histogram = {"name": "bins_histo", "x": [6.0, 8.0, 10.0], "values": [1.0, 3.0]}
    np.testing.assert_array_equal(prior_density("age", histogram, [6.0, 7.9, 8.0, 10.0]), [1, 1, 3, 0])
    assert histogram["values"] == [1.0, 3.0]
    own = {"name": "bins_histo", "x": [6.0, 8.0, 10.0], "values": [1.0, 3.0, 7.0]}
    np.testing.assert_array_equal(prior_density("age", own, [9.9, 10.0]), [3, 7])
    lines = {"name": "bins_interp", "x": [6.0, 8.0], "values": [1.0, 3.0]}
    np.testing.assert_allclose(prior_density("age", lines, [6.0, 6.5, 8.0]), [1.0, 1.5, 3.0])


def test_ages():
    x = np.array([6.0, 7.0, 9.0])
    np.testing.assert_allclose(
        prior_density("age", {"name": "exponential", "tau": 0.5}, x), np.exp(-(10**x) / 5e8)
    )
    dt = np.diff(10.0 ** np.array([5.5, 6.5, 8.0, 10.0]))
    np.testing.assert_allclose(prior_density("age", {"name": "flat_log"}, x), 1 / dt / (1 / dt).sum())
    np.testing.assert_array_equal(prior_density("age", {"name": "flat", "amp": 2.5}, x), [2.5] * 3)


def test_step_changes_at_its_distance():
    model = {"name": "step", "dist0": 100.0, "amp1": 0.1, "damp2": 0.8, "lgsigma1": 0.3, "lgsigma2": 0.4}
    x = np.array([0.5, 0.5, 0.5])
    got = prior_density("dust", model, x, [99.0, 100.0, 101.0])
    assert got[0] == lognormal(x, 0.1, 0.3)[0]
    assert got[1] == got[2] == lognormal(x, 0.9, 0.4)[0]
    with pytest.raises(InputError, match="needs the distance"):
        prior_density("dust", model, x)


@pytest.mark.parametrize(
    ("parameter", "model", "message"),
    [
        ("age", {"name": "lognormal"}, "unknown model 'lognormal': choose one of flat, flat_log"),
        ("age", {"tau": 2}, "it must look like"),
        ("age", ["flat"], "it must look like"),
        ("age", {"name": "exponential"}, "tau missing"),
        ("age", {"name": "exponential", "tau": -2.0}, "must be positive"),
        ("age", {"name": "exponential", "tau": "x"}, "must be a number"),
        ("dust", {"name": "flat", "mean": 1.0}, "unknown key 'mean'"),
        (
            "age",
            {"name": "bins_histo", "x": [6, 7, 8], "values": [1]},
            "3 values of x need 2 or 3 values, not 1",
        ),
        ("age", {"name": "bins_interp", "x": [8, 7], "values": [1, 2]}, "ascending"),
        ("age", {"name": "bins_interp", "x": [8, 9], "values": [1, 2]}, "covers 8 to 9, not the value 7"),
    ],
)
def test_wrong_models(parameter, model, message):
    with pytest.raises(InputError, match=message):
        prior_density(parameter, model, [7.0])
