import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.special import log_ndtr, ndtr

from fastsed._ext.posterior import multiply_adds
from fastsed.errors import InputError
from fastsed.fitting.best_fit import find_best_fits
from fastsed.fitting.cells import axis_widths, cell_quantiles
from fastsed.fitting.passes import walk
from fastsed.fitting.posterior import Posterior, Weighing, coordinate
from fastsed.fitting.posterior_estimates import estimate
from fastsed.models.cells import cell_edges
from fastsed.models.properties import model_properties
from fastsed.quantities import Quantity, property_quantities
from tests.fitting.toys import add_log_prior, all_models, make_problem, slow_fit
from tests.models.helpers import write_library

PROBABILITIES = (0.16, 0.5, 0.84)
CUSTOM = (
    "CUSTOM_SFH=exp(-t/10^tau)", "CUSTOM_PARAMS=[tau]", "TAU_MIN=8", "TAU_MAX=10", "TAU_STEP=1",
    "DIFFERENTIAL_A_V=1", "A_V_BC_MAX=1", "A_V_BC_STEP=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return write_library(tmp_path_factory.mktemp("library"))


def flat(grid, marginal=False, priors=None):
    priors = priors or {}
    with np.errstate(divide="ignore"):
        ln = {
            name: np.log(axis_widths(name, v) * priors.get(name, lambda x: np.ones(len(x)))(v.astype(float)))
            for name, v in grid.axes.as_dict().items()
        }
    return Weighing(ln, ln.pop("z")[None], marginal)


def fit(problem, weighing, names=None, redshifts=None):
    quantities = [q for q in property_quantities(problem.params, {}) if names is None or q.name in names]
    reducer = Posterior(problem.grid, problem.data, quantities, weighing, slice(0, problem.data.n_sources))
    nz = len(problem.grid.axes.z)
    walk(
        problem.grid, np.ones(nz, bool) if redshifts is None else redshifts, [reducer], problem.data.n_sources
    )
    return reducer, quantities


class Slow:
    """One posterior from all models, the slow way."""

    def __init__(self, problem, row, weighing):
        models, data, axes = all_models(problem.grid), problem.data, problem.grid.axes
        chi2, scale, spec_scale = slow_fit(models, data, row)
        indices = dict(zip(axes.names, axes.indices(models.ids), strict=True))
        ln = -chi2 / 2
        for name, i in indices.items():
            if name != "z":
                ln = ln + weighing.ln_axes[name][i]
        ln_z = weighing.ln_z[row if len(weighing.ln_z) > 1 else 0]
        ln = ln + ln_z[indices["z"]]
        weight = 1 / (data.variance[row] + (data.template_error[models.iz] * data.value[row]) ** 2)
        cut = data.n_main if data.own_spec_scale[row] else data.n_columns
        n = np.sqrt((weight[:, :cut].T * models.flux[:cut] ** 2).sum(axis=0))
        if weighing.marginal:
            ln = ln + log_ndtr(scale * n) - np.log(n)
        gain = (scale * n) ** 2
        ln = np.where(scale > 0, ln, -np.inf)
        w = np.exp(ln - ln.max())
        self.lnz = math.log(w.sum()) + ln.max()
        self.w = w / w.sum()
        self.neff = 1 / (self.w**2).sum()
        self.width = math.sqrt((self.w[self.w > 0] / gain[self.w > 0]).sum()) / math.log(10)
        self.indices, self.ids, self.scale, self.spec_scale = indices, models.ids, scale, spec_scale
        self.grid, self.data, self.row = problem.grid, data, row

    def axis(self, name):
        v = self.grid.axes.as_dict()[name].astype(float)
        return v, np.bincount(self.indices[name], weights=self.w, minlength=len(v))

    def property(self, quantity):
        values = model_properties(self.grid, self.ids, [quantity.name])[quantity.name]
        x = coordinate(quantity, values)
        if quantity.name == "sscale":
            x = self.scale / self.spec_scale
        if quantity.scales:
            with np.errstate(invalid="ignore"):
                x = x + np.log10(self.scale) * (-2.5 if quantity.transform == "magnitude" else 1)
        good = np.isfinite(x) & (self.w > 0)
        w = self.w[good] / self.w[good].sum()
        mean = (w * x[good]).sum()
        variance = (w * (x[good] - mean) ** 2).sum()
        factor = 2.5 if quantity.transform == "magnitude" else 1
        width = factor * self.width if quantity.scales else 0.0
        return x[good], w, mean, math.sqrt(variance + width**2), width, self.w[~good].sum()


def check_best_fits(problem, reducer):
    """They are at the redshifts that the posteriors name."""
    found = find_best_fits(problem.grid, problem.data, reducer.redshifts_of_best())
    expected = find_best_fits(problem.grid, problem.data)
    for f in dataclasses.fields(expected):
        np.testing.assert_array_equal(getattr(found, f.name), getattr(expected, f.name), err_msg=f.name)


def check(problem, weighing, rows=None):
    reducer, quantities = fit(problem, weighing)
    check_best_fits(problem, reducer)
    found = reducer.result(PROBABILITIES)
    for row in range(problem.data.n_sources) if rows is None else rows:
        slow = Slow(problem, row, weighing)
        assert found.lnz[row] == pytest.approx(slow.lnz, abs=1e-6)
        assert found.neff[row] == pytest.approx(slow.neff, rel=1e-6)
        for name in problem.grid.axes.names:
            v, w = slow.axis(name)
            order = np.argsort(v)
            edges, pdf = found.pdf(name)
            np.testing.assert_allclose(pdf[row], w[order], atol=1e-5 * w.max())
            mean = (w * v).sum()
            cell = np.diff(edges).max()
            assert abs(found.mean[name][row] - mean) <= 1e-5 * cell
            assert abs(found.std[name][row] - np.sqrt((w * (v - mean) ** 2).sum())) <= 1e-5 * cell
            cdf = np.concatenate([[0], np.cumsum(w[order])])
            if len(v) > 1:
                wanted = np.interp(PROBABILITIES, cdf, cell_edges(v[order])).clip(v.min(), v.max())
                if not (name == "z" and problem.data.first_z[row] == problem.data.last_z[row]):
                    np.testing.assert_allclose(found.percentiles[name][row], wanted, atol=1e-5 * cell)
        for quantity in quantities:
            x, w, mean, std, width, f0 = slow.property(quantity)
            name = quantity.name
            assert found.without_value[name][row] == pytest.approx(f0, abs=1e-9)
            if f0 > 0.5:
                assert np.isnan(
                    [found.mean[name][row], found.std[name][row], *found.percentiles[name][row]]
                ).all()
                continue
            assert abs(found.mean[name][row] - mean) <= 1e-5 * max(std, 1e-2), name
            assert abs(found.std[name][row] - std) <= 1e-5 * max(std, 1e-2), name
            edges, pdf = found.pdf(name)
            middle = 0.5 * (edges[1:] + edges[:-1])
            raw = np.histogram(x, edges, weights=w)[0]
            if width:
                wide = ndtr((edges[1:] - middle[:, None]) / width) - ndtr(
                    (edges[:-1] - middle[:, None]) / width
                )
                raw = raw @ wide
            assert pdf[row].sum() == pytest.approx(1, abs=1e-9)
            np.testing.assert_allclose(
                pdf[row], raw * (1 - f0) + np.eye(len(raw))[0] * f0, atol=1e-5 * raw.max()
            )
            quantiles = found.percentiles[name][row]
            np.testing.assert_allclose(found.quantile(name, PROBABILITIES)[row], quantiles, atol=1e-9)
    return found


@pytest.mark.parametrize("marginal", [False, True])
def test_equals_the_sum_over_all_models(library, marginal):
    problem = make_problem(library, "METAL=[0.02,0.008]", n=5)
    check(problem, flat(problem.grid, marginal))


def test_spectra_with_scales_of_their_own_and_luminosities(library):
    problem = make_problem(library, "METAL=[0.008,0.02]", n=6, n_channels=4, components=(0,), needs_dust=True)
    problem.data.own_spec_scale[:3] = 1
    add_log_prior(problem, [1, 4], 0)
    check(problem, flat(problem.grid))
    check(problem, flat(problem.grid, marginal=True), rows=[0, 5])


def test_known_redshifts_windows_and_template_errors(library):
    problem = make_problem(library, n=5)
    problem.data.template_error[:] = np.linspace(0.02, 0.3, problem.data.template_error.size).reshape(
        problem.data.template_error.shape
    )
    problem.data.first_z[:3] = problem.data.last_z[:3] = [0, 2, 3]
    problem.data.first_z[3] = 2
    found = check(problem, flat(problem.grid))
    np.testing.assert_array_equal(found.std["z"][:3], 0)
    np.testing.assert_array_equal(found.percentiles["z"][:3, 0], problem.grid.axes.z[[0, 2, 3]].astype(float))


def test_best_fits_held_outside_of_the_window(library):
    """As of a photometric redshift that is not inside its confidence interval."""
    problem = make_problem(library, n=5)
    problem.data.variance[:] *= 1e-2
    problem.data.best_last_z[:] = 1
    problem.data.first_z[:] = 2
    check(problem, flat(problem.grid))
    check(problem, flat(problem.grid, marginal=True))


def test_posteriors_tell_where_the_best_fits_are(library):
    problem = make_problem(library, n=40)
    problem.data.variance[:] *= 1e-2
    problem.data.value[3] = 0
    reducer, _ = fit(problem, flat(problem.grid))
    check_best_fits(problem, reducer)
    first, last = reducer.redshifts_of_best()
    few, nz = last - first + 1, len(problem.grid.axes.z)
    assert few[3] == nz
    assert np.delete(few, 3).max() < nz
    assert np.median(few) == 1
    excluding = flat(problem.grid, priors={"Av": lambda x: 1.0 * (x < x.max())})
    reducer, _ = fit(problem, excluding)
    first, last = reducer.redshifts_of_best()
    assert (first == 0).all()
    assert (last == nz - 1).all()
    check_best_fits(problem, reducer)
    steep = flat(problem.grid, priors={"Av": lambda x: np.exp(-40 * x)})
    check_best_fits(problem, fit(problem, steep)[0])


def test_sources_whose_chi2_is_known_at_some_redshifts_only(library):
    """Their S/N, less the template errors there, asks for residuals at the others."""
    problem = make_problem(library, n=20)
    measured = np.isfinite(problem.data.variance)
    problem.data.variance[measured] = (1e-6 * problem.data.value[measured]) ** 2
    problem.data.template_error[::2] = 0.1
    for marginal in (False, True):
        reducer, _ = fit(problem, flat(problem.grid, marginal))
        check_best_fits(problem, reducer)


def test_priors_weigh_the_values_of_an_axis(library):
    problem = make_problem(library, "METAL=[0.02,0.008]", *CUSTOM, n=4)
    priors = {
        "z": lambda x: np.exp(-x),
        "Av": lambda x: np.exp(-((x - 0.4) ** 2) / 0.02),
        "Av_bc": lambda x: 1 + x,
        "lage": lambda x: np.where(x > 8, x, 0),
        "metal": lambda x: 1 / x,
        "tau": lambda x: np.where(x < 9, 0.1, 3),
    }
    weighing = flat(problem.grid, priors=priors)
    check(problem, weighing)
    rng = np.random.default_rng(1)
    check(problem, Weighing(weighing.ln_axes, np.log(rng.random((4, len(problem.grid.axes.z))))))


def test_excluded_models_and_ones_older_than_the_universe_have_no_weight(library):
    problem = make_problem(library, "GRID_EXCLUDE=av > 0.3 && lage < 8.5 || z > 2", "LOG_AGE_MAX=10.1", n=4)
    check(problem, flat(problem.grid))


def test_good_data_need_residuals(library):
    problem = make_problem(library, n=3)
    problem.data.variance[:] *= 1e-8
    check(problem, flat(problem.grid))


def same(a, b):
    for f in ("neff", "lnz"):
        np.testing.assert_array_equal(getattr(a, f), getattr(b, f))
    for f in ("mean", "std", "without_value", "percentiles", "axis_pdf"):
        for name, values in getattr(a, f).items():
            np.testing.assert_array_equal(values, getattr(b, f)[name])


@pytest.mark.parametrize("marginal", [False, True])
def test_any_number_of_threads_simd_level_and_split_give_the_same(library, monkeypatch, marginal):
    problem = make_problem(library, n=40, n_channels=3)
    problem.data.own_spec_scale[::7] = 1
    weighing, quantities = flat(problem.grid, marginal), property_quantities(problem.params, {})
    redshifts = np.ones(len(problem.grid.axes.z), bool)

    def found(n_threads=1, rows=slice(0, 40)):
        problem.grid.n_threads = n_threads
        reducer = Posterior(problem.grid, problem.data, quantities, weighing, rows)
        walk(problem.grid, redshifts, [reducer], 40)
        return reducer.result(PROBABILITIES)

    monkeypatch.setattr("fastsed._ext.runtime.MULTIPLY_ADDS_PER_THREAD", 1)
    whole = found()
    assert problem.grid.keeps(redshifts)  # the models are the same ones
    same(whole, found(n_threads=3))
    for level in ("avx2", "scalar"):
        monkeypatch.setenv("FASTSED_SIMD", level)
        same(whole, found())
    monkeypatch.delenv("FASTSED_SIMD")
    parts = [found(rows=slice(0, 13)), found(rows=slice(13, 40))]
    same(whole, type(whole).concatenated(parts))


@pytest.mark.parametrize("level", ["scalar", "avx2", "avx512"])
def test_fused_operations_round_once(monkeypatch, level):
    """Against fractions: numbers of all sizes, and sums whose exact value is next to the middle of two numbers."""
    monkeypatch.setenv("FASTSED_SIMD", level)
    rng, n = np.random.default_rng(3), 16000
    x, y, z = rng.choice([-1, 1], (3, n)) * np.ldexp(1 + rng.random((3, n)), rng.integers(-60, 60, (3, n)))
    kind = np.arange(n) % 4
    z[kind == 1] = -(x * y)[kind == 1]
    middle = kind >= 2
    k = middle.sum()
    ends = np.ldexp(rng.choice([-1.0, 0.0, 1.0], (2, k)), rng.integers(-40, -20, (2, k)))
    opposite = rng.random(k) < 0.5
    ends[1, opposite] = -ends[0, opposite]
    x[middle], y[middle] = 1 + ends[0], np.ldexp(1 + ends[1], -53) * rng.choice([-1, 1], k)
    z[middle] = 1 + np.ldexp(rng.integers(0, 9, k).astype(float), -52)
    z[::50] = 0
    wanted = [float(Fraction(a) * Fraction(b) + Fraction(c)) for a, b, c in zip(x, y, z, strict=True)]
    np.testing.assert_array_equal(multiply_adds(x, y, z), wanted)
    assert (x * y + z != wanted).sum() > 1000


def test_fused_operations_of_uneven_numbers_are_refused():
    with pytest.raises(ValueError, match="multiples of 8"):
        multiply_adds(np.ones(8), np.ones(8), np.ones(16))


@pytest.mark.parametrize("of_model", [False, True])
@pytest.mark.parametrize(
    ("youngest", "oldest"), [(1e-3, 1.0), (1.0, 1e-30), (1e-300, 1e150), (1e150, 1e-320)]
)
def test_quantities_that_span_many_powers_of_ten(library, monkeypatch, of_model, youngest, oldest):
    """Weights on either side of the percentiles are right where bins become wider by many powers of two."""
    problem = make_problem(library, n=3)
    axes, ages = problem.grid.axes, len(problem.grid.axes.as_dict()["lage"])

    def values(grid, ids, names):
        at = dict(zip(axes.names, axes.indices(ids), strict=True))
        part, sign = at["lage"] / (ages - 1), np.where(at["lage"] % 3, 1, -1)
        x = sign * np.exp(np.log(youngest) * (1 - part) + np.log(oldest) * part)
        return dict.fromkeys(names, x * (1 + 0.1 * at["Av"] if of_model else 1))

    monkeypatch.setattr("fastsed.fitting.posterior.model_properties", values)
    monkeypatch.setattr("fastsed.fitting.posterior.need_spectra", lambda grid, names: of_model)
    odd, weighing = Quantity("odd", "Spans many powers of ten."), flat(problem.grid)
    nz = len(problem.grid.axes.z)
    reducers = []
    for redshifts in (np.ones(nz, bool), np.arange(nz) < 3, np.arange(nz) >= 3):
        reducers.append(Posterior(problem.grid, problem.data, [odd], weighing, slice(0, 3)))
        walk(problem.grid, redshifts, [reducers[-1]], 3)
    reducers[1].merge(reducers[2])
    for reducer in reducers[:2]:
        found = reducer.result(PROBABILITIES)
        for row in range(3):
            slow = Slow(problem, row, weighing)
            x = values(None, slow.ids, ["odd"])["odd"]
            resolution = np.ptp(x) / 400
            for probability, percentile in zip(PROBABILITIES, found.percentiles["odd"][row], strict=True):
                assert slow.w[x < percentile - resolution].sum() <= probability + 1e-6
                assert slow.w[x <= percentile + resolution].sum() >= probability - 1e-6


def test_parts_of_the_grid_are_merged(library):
    problem = make_problem(library, n=6)
    weighing, nz = flat(problem.grid), len(problem.grid.axes.z)
    whole = fit(problem, weighing)[0].result(PROBABILITIES)
    first = np.arange(nz) < 3
    a, b = fit(problem, weighing, redshifts=first)[0], fit(problem, weighing, redshifts=~first)[0]
    b.merge(a)
    check_best_fits(problem, b)
    merged = b.result(PROBABILITIES)
    empty = fit(problem, weighing, redshifts=np.zeros(nz, bool))[0]
    empty.merge(fit(problem, weighing)[0])
    same(empty.result(PROBABILITIES), whole)
    np.testing.assert_allclose(merged.lnz, whole.lnz, rtol=1e-12)
    for name in whole.mean:
        np.testing.assert_allclose(merged.mean[name], whole.mean[name], rtol=1e-9)
        np.testing.assert_allclose(merged.std[name], whole.std[name], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(merged.percentiles[name], whole.percentiles[name], rtol=1e-5)


def test_a_gaussian_posterior(library):
    """Weights that are a Gaussian of the axis give back its mean, width and quantiles."""
    values = np.linspace(-4, 4, 801)
    weights = np.exp(-((values - 0.3) ** 2) / 0.5)[None]
    found = cell_quantiles(values, weights / weights.sum(), [0.16, 0.5, 0.84])
    np.testing.assert_allclose(found[0], 0.3 + 0.5 * np.array([-0.99446, 0, 0.99446]), atol=1e-4)


def test_cells_follow_the_midpoint_rule():
    np.testing.assert_allclose(cell_edges([1.0, 2.0, 4.0]), [0.5, 1.5, 3.0, 5.0])
    np.testing.assert_allclose(cell_edges([3.0]), [2.5, 3.5])
    np.testing.assert_allclose(axis_widths("x", [4.0, 1.0, 2.0]), [2.0, 1.0, 1.5])
    np.testing.assert_array_equal(axis_widths("metal", [0.02, 0.008]), 1)


def test_a_source_without_models_of_positive_scale_has_none(library):
    problem = make_problem(library, n=3)
    problem.data.value[1] *= -1
    found = fit(problem, flat(problem.grid))[0].result(PROBABILITIES)
    assert found.neff[1] == 0
    assert found.lnz[1] == -np.inf
    assert all(np.isnan(v[1]) for v in found.mean.values())
    assert all(np.isnan(found.pdf(name)[1][1]).all() for name in found.names)
    assert found.neff[0] > 0


def test_quantiles_of_axes_whose_weight_is_in_one_cell():
    """They are linear inside it, but where the redshift is known."""
    values, weights = np.array([1.0, 2.0, 4.0]), np.array([[0.0, 3.0, 0.0], [0.0, 3.0, 0.0]])
    sums, probabilities = np.array([[0.0, 0.0, 3.0, 3.0, 0.0]] * 2), np.array([0.0, 0.16, 0.84, 1.0])
    axes = {"z": (values, weights), "lage": (values, weights), "Av": (values[:1], weights[:, 1:2])}
    found = estimate(axes, np.array([True, False]), {}, sums, np.empty((2, 0, 4)), {}, {}, probabilities)
    inside = 1.5 + 1.5 * probabilities
    for name, expected in (("z", [[2.0] * 4, inside]), ("lage", [inside] * 2), ("Av", [[1.0] * 4] * 2)):
        np.testing.assert_allclose(found.percentiles[name], expected)
        np.testing.assert_allclose(found.quantile(name, probabilities), expected)
    for wrong in (1.5, -0.1, np.nan, [0.5, 2]):
        with pytest.raises(InputError, match="expected probabilities from 0 to 1"):
            found.quantile("lage", wrong)
