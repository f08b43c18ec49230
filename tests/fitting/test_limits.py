"""Upper limits against a direct minimisation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr

from fastsed.fitting.best_fit import find_best_fits
from tests.fitting.test_posterior import fit, flat
from tests.fitting.toys import acceptable, all_models, fit_with_limits, make_problem, simulate
from tests.models.helpers import write_library


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return write_library(tmp_path_factory.mktemp("library"))


def limited(problem, limits):
    """Make limits of some data: row -> columns, factor between limit and datum."""
    data = problem.data.with_limits()
    for row, (columns, factor) in limits.items():
        data.limit[row, columns] = data.value[row, columns] * factor
        data.limit_error[row, columns] = np.sqrt(data.variance[row, columns])
        data.value[row, columns], data.variance[row, columns] = 0.0, np.inf
    return replace(problem, data=data)


def chi2_of(data, models, row, m, noise=0.0):
    """chi2 and scale of one model by direct minimisation."""
    error, flux = np.sqrt(data.variance[row]), models.flux[:, m]
    y, a = np.where(error < np.inf, data.value[row] / error + noise, 0), flux / error
    cut = np.isfinite(data.limit_error[row])
    f, limit = (flux / data.limit_error[row])[cut], (data.limit[row] / data.limit_error[row])[cut]

    def chi2(x):
        s = x * start
        return ((y - s * a) ** 2).sum() - 2 * log_ndtr(limit - s * f).sum()

    start = (y @ a) / (a @ a)
    found = minimize_scalar(chi2, bracket=(0.5, 1.0), options={"xtol": 1e-12})
    return found.fun, found.x * start


def test_best_fits_are_those_of_a_direct_minimisation(library):
    problem = limited(
        make_problem(library, n=5), {0: ([2, 3], 0.3), 1: ([3], 1.0), 2: ([2], 1e-3), 4: ([2], 1e6)}
    )
    models, data = all_models(problem.grid), problem.data
    best = find_best_fits(problem.grid, data)
    for row in (0, 1, 2, 4):
        direct = [chi2_of(data, models, row, m) for m in range(len(models.ids))]
        m = int(np.argmin([one[0] for one in direct]))
        assert best.chi2[row] == pytest.approx(direct[m][0], rel=1e-9)
        assert best.model_id[row] == models.ids[m]
        assert best.scale[row] == pytest.approx(direct[m][1], rel=1e-6)


@pytest.mark.parametrize("error", [1e-2, 1e-4, 1e-6, 1e-11])
@pytest.mark.parametrize("limit", [-1e-3, 0.9])
def test_limits_that_detections_alone_would_pass_by_far(library, error, limit):
    """Of Newton's steps, those that pass the limit lead back to where they began."""
    problem = limited(make_problem(library, n=1), {0: ([2, 3], limit)})
    models, data = all_models(problem.grid), problem.data
    data.limit_error[0] *= error
    cut, expected = np.isfinite(data.limit_error[0]), []
    for flux in models.flux.T:
        a, y = (v / np.sqrt(data.variance[0]) for v in (flux, data.value[0]))
        f, x = (v[cut] / data.limit_error[0, cut] for v in (flux, data.limit[0]))
        expected.append(fit_with_limits(a, y, f, x)[0])
    best = find_best_fits(problem.grid, data)
    assert best.chi2[0] == pytest.approx(min(expected), rel=1e-9)
    assert best.model_id[0] == models.ids[np.argmin(expected)]
    with acceptable(problem.grid, data, best, 1e6) as found:
        rows = np.concatenate([rows for _, _, rows in found.batches()])
    kept = np.array(expected) < min(expected) + 1e6
    assert len(rows) == kept.sum()


def test_limits_far_above_the_models_are_no_data(library):
    plain = make_problem(library, n=4)
    far = limited(make_problem(library, n=4), {row: ([2, 3], 1e9) for row in range(4)})
    plain.data.value[:, 2:4], plain.data.variance[:, 2:4] = 0.0, np.inf
    a, b = find_best_fits(plain.grid, plain.data), find_best_fits(far.grid, far.data)
    np.testing.assert_array_equal(a.model_id, b.model_id)
    np.testing.assert_allclose(b.chi2, a.chi2, rtol=1e-12)
    np.testing.assert_array_equal(plain.data.n_data(), far.data.n_data())


def test_acceptable_models_and_simulations_know_limits(library):
    problem = limited(make_problem(library, "N_SIM=5", n=3), {0: ([2, 3], 0.5), 2: ([2], 0.1)})
    models, data, noise = all_models(problem.grid), problem.data, problem.noise
    best = find_best_fits(problem.grid, data)
    with acceptable(problem.grid, data, best, 4.0) as found:
        rows = np.concatenate([rows for _, _, rows in found.batches()])
    simulated = simulate(problem.grid, data, best, noise, slice(0, 3)).result(slice(0, 3))
    for row in (0, 2):
        direct = np.array([chi2_of(data, models, row, m)[0] for m in range(len(models.ids))])
        own = rows[rows["source"] == row]
        assert set(own["model"]) == set(models.ids[direct < direct.min() + 4.0])
        for k in range(5):
            direct = np.array(
                [chi2_of(data, models, row, m, noise.data[k])[0] for m in range(len(models.ids))]
            )
            assert simulated.chi2[row, k] == pytest.approx(direct.min(), rel=1e-7)
            assert simulated.model[row, k] == models.ids[np.argmin(direct)]


@pytest.mark.parametrize("marginal", [False, True])
def test_posteriors_know_limits(library, marginal):
    problem = limited(make_problem(library, n=3), {0: ([2, 3], 0.5), 2: ([2], 0.9)})
    models, data = all_models(problem.grid), problem.data
    weighing = flat(problem.grid, marginal)
    reducer, _ = fit(problem, weighing, ["lmform", "lscale"])
    found = reducer.result()
    for row in (0, 2):
        n_models = len(models.ids)
        chi2, scale = np.array([chi2_of(data, models, row, m) for m in range(n_models)]).T
        cut = np.isfinite(data.limit_error[row])
        limit = (data.limit[row] / data.limit_error[row])[cut]

        def terms(s, m, cut=cut, limit=limit, row=row):
            error = np.sqrt(data.variance[row])
            y, a = np.where(error < np.inf, data.value[row] / error, 0), models.flux[:, m] / error
            f = (models.flux[:, m] / data.limit_error[row])[cut]
            return ((y - s * a) ** 2).sum() - 2 * log_ndtr(limit - s * f).sum()

        ln = -chi2 / 2
        indices = dict(zip(problem.grid.axes.names, problem.grid.axes.indices(models.ids), strict=True))
        for name, i in indices.items():
            ln += weighing.ln_z[0][i] if name == "z" else weighing.ln_axes[name][i]
        if marginal:
            h = 1e-3 * scale
            second = [
                (terms(s + d, m) - 2 * terms(s, m) + terms(s - d, m)) / d**2
                for m, (s, d) in enumerate(zip(scale, h, strict=True))
            ]
            n = np.sqrt(np.array(second) / 2)
            ln += log_ndtr(scale * n) - np.log(n)
        w = np.exp(ln - ln.max())
        assert found.lnz[row] == pytest.approx(np.log(w.sum()) + ln.max(), abs=2e-4 if marginal else 1e-7)
        w /= w.sum()
        x = np.log10(scale)
        mean, gain = (w * x).sum(), terms(0.0, 0) - chi2
        width2 = (w / gain).sum() / np.log(10) ** 2
        std = np.sqrt((w * (x - mean) ** 2).sum() + width2)
        assert found.mean["lscale"][row] == pytest.approx(mean, abs=1e-4 * std)
        assert found.std["lscale"][row] == pytest.approx(std, rel=1e-4)


@pytest.mark.parametrize("limits", [{}, {0: ([2, 3], 0.5), 2: ([2], 0.9)}])
@pytest.mark.parametrize("marginal", [False, True])
def test_a_channel_with_a_scale_of_its_own_tells_nothing(library, limits, marginal):
    """Neither of the models, all of which fit it, nor of the scale, however small its error is."""
    own, without = (limited(make_problem(library, n=3, n_channels=1), limits) for _ in range(2))
    own.data.own_spec_scale[:] = 1
    own.data.variance[:, own.data.n_main :] *= 1e-6
    without.data.variance[:, own.data.n_main :] = np.inf
    a, b = (
        fit(one, flat(one.grid, marginal), ["lmass", "lsfr", "lssfr"])[0].result((0.1, 0.9))
        for one in (own, without)
    )
    np.testing.assert_allclose(a.lnz, b.lnz, rtol=1e-7)
    for name in a.mean:
        np.testing.assert_allclose(a.mean[name], b.mean[name], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(a.std[name], b.std[name], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(a.percentiles[name], b.percentiles[name], rtol=1e-6, atol=1e-9)


def test_limits_may_turn_the_sign_of_a_scale(library, monkeypatch):
    """Where a model is negative in their band: models count whose scale is above 0 with the limit, not without it."""
    problem = limited(make_problem(library, n=2), {0: ([2], 1e-3)})
    data = problem.data
    tiles = list(problem.grid.tiles(np.ones(len(problem.grid.axes.z), dtype=bool)))
    for tile in tiles:
        tile.flux[2] *= -1
    monkeypatch.setattr(problem.grid, "tiles", lambda mask: (tile for tile in tiles if mask[tile.iz]))
    data.value[0] *= -1
    data.limit[0, 2] = -data.limit[0, 2] * 1e6
    found, _ = fit(problem, flat(problem.grid), ["lscale"])
    best = find_best_fits(problem.grid, data)
    assert best.scale[0] > 0
    assert np.isfinite(found.result().lnz[0])
