"""The trunchen model against brute force, and the multivariate normal of its outputs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from fastsed.errors import InputError
from fastsed.survey.asts import ArtificialStars
from fastsed.survey.trunchen import Trunchen
from tests.survey.star_tests import VEGA, artificial_stars

FLUX = np.random.default_rng(5).uniform(1e-18, 5e-17, (20, 3))
ABSFLUX = np.array([[4e-4, 1e-4, 0], [1e-4, 5e-4, 1e-4], [0, 1e-4, 6e-4]])


def brute_force(stars, flux, absflux):
    groups = {}
    for i, mags in enumerate(map(tuple, stars.mag_in)):
        groups.setdefault(mags, []).append(i)
    nodes = []
    for mags, rows in groups.items():
        good = [i for i in rows if (stars.mag_out[i] < 90).any()]
        if len(good) > 5:
            f = 10 ** (-0.4 * np.array(mags)) * VEGA
            d = stars.rate[good] * VEGA - f
            nodes.append((f, d.mean(0), np.cov(d.T), len(good) / len(rows)))
    distance = np.array([np.linalg.norm(np.log10(n[0]) - np.log10(flux)) for n in nodes])
    nearest = np.argsort(distance)[:10]
    w = 1 / np.maximum(distance[nearest], 0.01)
    w /= w.sum()
    bias, cov, complete = (sum(a * nodes[k][q] for a, k in zip(w, nearest, strict=True)) for q in (1, 2, 3))
    return bias, cov + absflux * np.outer(flux, flux), complete


def test_against_brute_force():
    stars = artificial_stars(4000, copies=40)
    model = Trunchen.from_stars(stars, VEGA, ABSFLUX)
    bias, covariance, completeness = model.evaluate(FLUX)
    for k, flux in enumerate(FLUX):
        expected = brute_force(stars, flux, ABSFLUX)
        np.testing.assert_allclose(bias[k], expected[0], rtol=1e-10)
        np.testing.assert_allclose(covariance[k], expected[1], rtol=1e-10)
        np.testing.assert_allclose(completeness[k], expected[2], rtol=1e-12)


def test_datasets_are_those_of_the_normal_distribution():
    model = Trunchen.from_stars(artificial_stars(4000, copies=40), VEGA, ABSFLUX)
    out = model.datasets(FLUX)
    _, covariance, _ = model.evaluate(FLUX)
    for k in range(len(FLUX)):
        y = out["error"][k] * np.array([0.5, -1.0, 2.0])
        a, b = out["icov_diag"][k], out["icov_offdiag"][k]
        quadratic = a @ y**2 + 2 * (b[0] * y[0] * y[1] + b[1] * y[0] * y[2] + b[2] * y[1] * y[2])
        # in units in which the determinant is a number that float64 holds
        scaled = multivariate_normal(cov=covariance[k] * 1e34).logpdf(y * 1e17)
        lnp = out["q_norm"][k] - 0.5 * quadratic - 1.5 * np.log(2 * np.pi) - 3 * np.log(1e17)
        assert lnp == pytest.approx(scaled, rel=1e-9)
    assert out["completeness"].shape == out["bias"].shape == (20, 3)


def test_covariance_of_each_model_in_place_of_the_general_one():
    model = Trunchen.from_stars(artificial_stars(4000, copies=40), VEGA, ABSFLUX)
    own = np.einsum("nf,ng,fg->nfg", FLUX, FLUX, ABSFLUX)
    for got, expected in zip(model.evaluate(FLUX, own), model.evaluate(FLUX), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_few_models_and_flux_of_zero():
    model = Trunchen.from_stars(artificial_stars(80, copies=40), VEGA)
    assert len(model.flux) <= 2
    out = model.datasets(np.array([[0.0, 1e-17, -1e-18]]))
    assert all(np.isfinite(values).all() for values in out.values())


def test_singular_covariances_are_raised(caplog):
    model = Trunchen.from_stars(artificial_stars(4000, copies=40), VEGA)
    singular = np.ones_like(model.covariance) * 1e-36
    out = Trunchen(model.flux, model.bias, singular, model.completeness).datasets(FLUX)
    assert np.isfinite(out["icov_diag"]).all()
    assert "20 models with a singular covariance" in caplog.text
    with pytest.raises(InputError, match="do not vary"):
        Trunchen(model.flux, model.bias, singular * 0, model.completeness).datasets(FLUX)


def test_stars_without_repetition():
    with pytest.raises(InputError, match="no model has more than 5 recovered"):
        Trunchen.from_stars(artificial_stars(100), VEGA)


def test_no_star_at_all():
    stars = artificial_stars(100)
    none = ArtificialStars(
        stars.filters, stars.mag_in[:0], stars.rate[:0], stars.mag_out[:0], stars.flagged[:0]
    )
    with pytest.raises(InputError, match="no artificial star has input magnitudes and rates"):
        Trunchen.from_stars(none, VEGA)
