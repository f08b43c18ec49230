"""Posteriors over arrays of models, against integrals and sums for one source at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.table import Table
from scipy.integrate import quad
from scipy.special import log_ndtr

from fastsed import InputError, ModelArray, fit
from tests.fitting.toys import fit_with_limits

N_MODELS, N_BANDS, N_SOURCES = 60, 4, 9


def invented(noise=0.3):
    """Fluxes of models, values and errors of sources; a band of one source is missing, another has no data."""
    rng = np.random.default_rng(2)
    flux = rng.lognormal(0, 0.4, (N_MODELS, N_BANDS))
    error = noise * np.ones((N_SOURCES, N_BANDS)) * rng.uniform(0.5, 2, (N_SOURCES, 1))
    value = flux[rng.integers(N_MODELS, size=N_SOURCES)] + error * rng.standard_normal(error.shape)
    value[1, 2] = np.nan
    value[3] = np.nan
    return flux, value, error


def fitted(flux, value, error, quantities, posterior=True, **keys):
    table = Table(
        {f"f{k}": value[:, k] for k in range(N_BANDS)} | {f"e{k}": error[:, k] for k in range(N_BANDS)}
    )
    bands = {k: (f"f{k}", f"e{k}") for k in range(N_BANDS)}
    return fit(table, ModelArray(flux, quantities, **keys), bands=bands, posterior=posterior)


def check(found, name, values, ln_weights):
    """`ln_weights`: of all models, for each source with data."""
    posterior = found.posterior
    for row, ln in ln_weights.items():
        w = np.exp(ln - max(ln))
        total = w.sum()
        assert posterior.lnz[row] == pytest.approx(math.log(total) + max(ln), abs=1e-6)
        w /= total
        assert posterior.neff[row] == pytest.approx(1 / (w**2).sum(), rel=1e-6)
        good = np.isfinite(values)
        assert posterior.without_value[name][row] == pytest.approx(w[~good].sum(), abs=1e-9)
        share, v = w[good] / w[good].sum(), values[good]
        mean = (share * v).sum()
        assert posterior.mean[name][row] == pytest.approx(mean, abs=1e-9)
        assert posterior.std[name][row] == pytest.approx(np.sqrt((share * (v - mean) ** 2).sum()), abs=1e-9)
        edges, pdf = posterior.pdf(name)
        assert np.diff(edges).max() <= (v.max() - v.min()) / 200
        below = np.array([w[good][v < edge].sum() for edge in edges]) + w[~good].sum()
        np.testing.assert_allclose(np.cumsum(pdf[row]), below[1:], atol=1e-9)
        order = np.argsort(v)
        cumulative = np.cumsum(share[order])
        for k, level in enumerate((0.16, 0.5, 0.84)):
            quantile = v[order][np.searchsorted(cumulative, level)]
            assert abs(posterior.percentiles[name][row, k] - quantile) <= np.diff(edges).max()
        assert found.table[f"mean_{name}"][row] == posterior.mean[name][row]


def rows_with_data(value):
    return np.flatnonzero(np.isfinite(value).any(axis=1))


def chi2(flux, value, error, scale):
    good = np.isfinite(value)
    return (((value - scale * flux) / error)[good] ** 2).sum()


@pytest.mark.parametrize("marginal", [False, True])
def test_with_a_scale(marginal):
    flux, value, error = invented()
    values = np.linspace(-3, 5, N_MODELS)
    values[::9] = np.nan
    ln_prior = np.linspace(0, -2, N_MODELS)
    kind = "marginal" if marginal else True
    found = fitted(flux, value, error, {"x": values}, kind, ln_prior=ln_prior)
    expected = {}
    for row in rows_with_data(value):
        ln = []
        for model in flux:
            good = np.isfinite(value[row])
            weight = 1 / error[row][good] ** 2
            best = (weight * value[row][good] * model[good]).sum() / (weight * model[good] ** 2).sum()
            least = chi2(model, value[row], error[row], best)
            ln.append(-least / 2)
            if marginal:
                # flat in the scale, which is positive; in units of a unit Gaussian's integral
                integral = quad(
                    lambda s, m=model, r=row, c=least: math.exp(-(chi2(m, value[r], error[r], s) - c) / 2),
                    0,
                    10,
                    epsabs=1e-12,
                )[0]
                ln[-1] += math.log(integral / math.sqrt(2 * math.pi))
        expected[row] = np.array(ln) + ln_prior
    check(found, "x", values, expected)
    assert np.isnan(found.posterior.mean["x"][3])
    assert found.posterior.neff[3] == 0
    assert found.posterior.lnz[3] == -np.inf


@pytest.mark.parametrize("kind", [True, "marginal"])
def test_without_a_scale_and_with_errors_of_models(kind):
    flux, value, error = invented()
    sigma = 0.2 * flux
    values = np.random.default_rng(4).random(N_MODELS)
    found = fitted(flux, value, error, {"y": values}, kind, scale=False, sigma=sigma)
    expected = {}
    for row in rows_with_data(value):
        good = np.isfinite(value[row])
        total = np.hypot(error[row], sigma)[:, good]
        difference = (value[row] - flux)[:, good]
        expected[row] = -0.5 * ((difference / total) ** 2).sum(axis=1) - np.log(total).sum(axis=1)
    check(found, "y", values, expected)


def test_one_value_and_none():
    flux, value, error = invented()
    found = fitted(flux, value, error, {"one": np.full(N_MODELS, 7.5), "none": np.full(N_MODELS, np.nan)})
    row = rows_with_data(value)
    np.testing.assert_array_equal(found.posterior.mean["one"][row], 7.5)
    np.testing.assert_array_equal(found.posterior.std["one"][row], 0)
    np.testing.assert_allclose(found.posterior.quantile("one", 0.5)[row], 7.5, rtol=1e-5)
    assert np.isnan(found.posterior.mean["none"]).all()
    np.testing.assert_allclose(found.posterior.without_value["none"][row], 1)


def test_models_of_a_negative_scale_have_no_weight():
    flux, value, error = invented()
    found = fitted(flux, -np.abs(value), error, {"x": np.arange(N_MODELS)})
    assert (found.posterior.neff == 0).all()
    assert np.isnan(found.posterior.mean["x"]).all()


def test_parts_of_the_sources_give_the_same():
    flux, value, error = invented()
    whole = fitted(flux, value, error, {"x": np.arange(N_MODELS)}).posterior
    for row in range(N_SOURCES):
        one = fitted(flux, value[[row]], error[[row]], {"x": np.arange(N_MODELS)}).posterior
        np.testing.assert_array_equal(one.percentiles["x"][0], whole.percentiles["x"][row])
        np.testing.assert_allclose(one.lnz[0], whole.lnz[row], rtol=1e-13)


def limited_chi2(flux, value, error, is_limit, scaled):
    """chi2, scale and half of the second derivative of chi2 of one model, by root finding."""
    good = np.isfinite(value)
    a, y = (flux / error)[good & ~is_limit], (value / error)[good & ~is_limit]
    f, x = (flux / error)[good & is_limit], (value / error)[good & is_limit]
    chi2, s, slope = fit_with_limits(a, y, f, x)
    if not scaled:
        s = 1.0
        chi2 = ((y - a) ** 2).sum() - 2 * log_ndtr(x - f).sum()
    h = 1e-4 / np.sqrt(a @ a + f @ f)
    return chi2, s, (slope(s + h) - slope(s - h)) / (2 * h)


@pytest.mark.parametrize("sharp", [1.0, 1e-6])
@pytest.mark.parametrize("kind", ["profile", "marginal", "fixed"])
def test_upper_limits(kind, sharp):
    flux, value, error = invented()
    is_limit = np.zeros(value.shape, dtype=bool)
    is_limit[[0, 1, 4], 1] = is_limit[[4, 7], 2] = is_limit[5] = True
    value[is_limit] *= 0.6
    error[is_limit] *= sharp
    table = Table(
        {f"f{k}": value[:, k] for k in range(N_BANDS)}
        | {f"e{k}": error[:, k] for k in range(N_BANDS)}
        | {f"l{k}": is_limit[:, k] for k in range(N_BANDS)}
    )
    bands, limits = {k: (f"f{k}", f"e{k}") for k in range(N_BANDS)}, {k: f"l{k}" for k in range(N_BANDS)}
    values = np.linspace(-3, 5, N_MODELS)
    models = ModelArray(flux, {"x": values}, scale=kind != "fixed")
    found = fit(table, models, bands=bands, limits=limits, posterior=True if kind == "fixed" else kind)
    assert not found.fitted[[3, 5]].any()
    ln_weights = {}
    for row in np.flatnonzero(found.fitted):
        each = [limited_chi2(m, value[row], error[row], is_limit[row], kind != "fixed") for m in flux]
        chi2s, scale, second = np.array(each).T
        best = np.argmin(chi2s)
        assert found.best.model_id[row] == best
        assert found.best.chi2[row] == pytest.approx(chi2s[best], rel=1e-9)
        assert found.best.scale[row] == pytest.approx(scale[best], rel=1e-9)
        ln = -0.5 * chi2s
        if kind == "marginal":
            ln += log_ndtr(scale * np.sqrt(second)) - 0.5 * np.log(second)
        ln_weights[row] = ln
    # derivatives from differences have half of the digits
    tolerance = 1e-4 if kind == "marginal" else 1e-9
    for row, ln in ln_weights.items():
        w = np.exp(ln - max(ln))
        assert found.posterior.lnz[row] == pytest.approx(math.log(w.sum()) + max(ln), abs=tolerance)
        mean = (w * values).sum() / w.sum()
        assert found.posterior.mean["x"][row] == pytest.approx(mean, abs=tolerance)


def test_upper_limits_beside_errors_of_the_models():
    flux, value, error = invented()
    table = {"f": value[:, 0], "e": error[:, 0], "l": np.ones(N_SOURCES, dtype=bool)}
    models = ModelArray(flux[:, :1], {}, scale=False, sigma=0.1 * flux[:, :1])
    with pytest.raises(InputError, match="limits: not with errors of the models"):
        fit(table, models, bands={0: ("f", "e")}, limits={0: "l"})
