"""Monte Carlo simulations: the random numbers of FAST++, the winners of a plain search, and known distributions."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from fastsed.fitting.best_fit import find_best_fits
from fastsed.fitting.monte_carlo import MonteCarlo
from fastsed.fitting.noise import Noise, draw_noise, polar_normals
from fastsed.models.tile import Rows, Tile
from fastsed.params import read_params
from fastsed.pipeline import run
from tests.fitting.toys import (
    add_log_prior,
    all_models,
    make_problem,
    simulate,
    simulated_uncertainties,
    slow_fit,
)

# --- random numbers ---------------------------------------------------------------------------------------


def test_numbers_of_the_standard_library():
    """std::normal_distribution<double> of a std::mt19937, as printed by a C++ program built with GCC."""
    found = polar_normals(10_000, 42)
    first = [
        *(-0.55023449442049355, 0.51543306969120128, 0.47386085566622227, 1.368450122216075),
        *(-0.91682687324868972, -0.12414717496435412, -2.0109628746476189, -0.49280347211144354),
    ]
    np.testing.assert_allclose(found[:8], first, rtol=1e-14)
    np.testing.assert_allclose(found[[999, 9999]], [-1.1464911965672775, 1.7034009517335558], rtol=1e-14)
    other = [-0.72014440925347467, -1.0846691555199399, -0.037100229900810015, 0.39946285216333238]
    np.testing.assert_allclose(polar_normals(4, 7), other, rtol=1e-14)


def test_they_are_normal():
    stats = pytest.importorskip("scipy.stats")
    x = polar_normals(100_000, 1)
    assert stats.kstest(x, "norm").pvalue > 0.01
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 0.01
    assert abs(np.corrcoef(x[:-2], x[2:])[0, 1]) < 0.01


@pytest.mark.parametrize("n", [0, 1, 2, 31, 5000])
def test_fewer_numbers_are_the_beginning_of_more(n):
    np.testing.assert_array_equal(polar_normals(n, 3), polar_normals(9999, 3)[:n])
    assert n < 2 or not np.array_equal(polar_normals(n, 3), polar_normals(n, 4))


def test_places_of_the_numbers():
    """Bands, channels, then the luminosity, which every component and the logarithmic prior share."""
    rows = Rows(n_photometry=2, n_channels=3, components=(0, 2))
    noise = draw_noise(5, rows, 42)
    drawn = polar_normals(5 * 6, 42).reshape(5, 6)
    np.testing.assert_array_equal(noise.data[:, [0, 1, 4, 5, 6]], drawn[:, :5])
    np.testing.assert_array_equal(noise.data[:, 2], drawn[:, 5])
    np.testing.assert_array_equal(noise.data[:, 3], drawn[:, 5])
    np.testing.assert_array_equal(noise.log_lir, drawn[:, 5])


def test_simulations_are_those_of_fastpp(shared, monkeypatch, tmp_path):
    fits = pytest.importorskip("astropy.io.fits")
    folder = shared / "golden" / "sims"
    monkeypatch.chdir(folder)
    run(read_params("fast.param", [f"OUTPUT_DIR={tmp_path}", "VERBOSE=0"]))
    paths = sorted(Path("expected/best_fits").glob("*.sims.fits"))
    assert paths
    same = total = 0
    for path in paths:
        ours, theirs = (fits.getdata(p)[0] for p in (tmp_path / "best_fits" / path.name, path))
        names = [str(name).strip() for name in theirs["PARAMS"]]
        assert [str(name).strip() for name in ours["PARAMS"]] == names
        np.testing.assert_allclose(ours["CHI2"], theirs["CHI2"], rtol=1e-4)
        n_axes = names.index("ltau") + 1
        equal = np.isclose(ours["RESULT"][:n_axes], theirs["RESULT"][:n_axes], rtol=1e-6).all(axis=0)
        same, total = same + int(equal.sum()), total + len(equal)
        mass = names.index("lmass")
        np.testing.assert_allclose(ours["RESULT"][mass][equal], theirs["RESULT"][mass][equal], rtol=2e-3)
    assert same > 0.995 * total


# --- winners ----------------------------------------------------------------------------------------------

CASES = {
    "plain": {},
    "template error": {},
    "auto scale": {"n_channels": 4},
    "linear luminosity": {"components": (0,)},
    "logarithmic luminosity": {"needs_dust": True},
    "all at once": {"n_channels": 4, "components": (0,)},
    "many channels": {"n_channels": 90},
}


def make_case(library, name, n_threads=1, n=6, *keys):
    """A set-up in which the sources differ in what the name says."""
    problem = make_problem(library, *keys, n=n, n_threads=n_threads, **CASES[name])
    data = problem.data
    if name in ("template error", "all at once"):
        data.template_error[:] = np.random.default_rng(5).uniform(0, 0.2, data.template_error.shape)
    if name in ("auto scale", "all at once"):
        data.own_spec_scale[::2] = 1
    if name == "all at once":
        data.value[1::2, 4], data.variance[1::2, 4] = 0.0, np.inf  # no linear luminosity
    if name in ("logarithmic luminosity", "all at once"):
        add_log_prior(problem, range(1, n, 2), 0)
    return problem


def simulated(problem, n_sim, prune=True, rows=None, seed=42):
    fits = find_best_fits(problem.grid, problem.data)
    noise = draw_noise(n_sim, problem.grid.rows, seed)
    rows = slice(0, problem.data.n_sources) if rows is None else rows
    return fits, noise, simulate(problem.grid, problem.data, fits, noise, rows, prune).result()


def assert_same(one, other):
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(
            getattr(one, field.name), getattr(other, field.name), err_msg=field.name
        )


@pytest.mark.parametrize("name", CASES)
def test_winners_of_a_plain_search(library, name):
    problem = make_case(library, name)
    data, models = problem.data, all_models(problem.grid)
    _, noise, found = simulated(problem, 23)
    place = {int(model): i for i, model in enumerate(models.ids)}
    for row in range(data.n_sources):
        for i in range(23):
            chi2, scale, spec_scale = slow_fit(models, data, row, noise.data[i], float(noise.log_lir[i]))
            best = int(np.nanargmin(chi2))
            mine = place[int(found.model[row, i])]
            assert chi2[mine] == pytest.approx(chi2[best], rel=1e-10)
            assert found.chi2[row, i] == pytest.approx(chi2[best], rel=1e-9)
            assert found.scale[row, i] == pytest.approx(scale[mine], rel=1e-9)
            assert found.spec_scale[row, i] == pytest.approx(spec_scale[mine], rel=1e-9)
    assert len(np.unique(found.model[0])) > 1, "the noise should matter"


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("n_sim", [1, 8, 61, 400])
def test_pruned_and_unpruned_winners_are_the_same(library, name, n_sim):
    problem = make_case(library, name)
    assert_same(simulated(problem, n_sim)[2], simulated(problem, n_sim, prune=False)[2])


@pytest.mark.parametrize("name", ["plain", "many channels"])
@pytest.mark.parametrize("error", [1e-4, 0.01, 100.0])
def test_pruning_whatever_the_signal_to_noise(library, name, error):
    problem = make_case(library, name)
    data = problem.data
    data.variance[np.isfinite(data.variance)] *= error**2
    assert_same(simulated(problem, 50)[2], simulated(problem, 50, prune=False)[2])


@pytest.mark.parametrize("name", ["plain", "many channels"])
def test_pruning_where_no_model_is_good(library, name):
    """Data that no model resembles: the best chi2 is far from zero."""
    problem = make_case(library, name)
    data = problem.data
    data.value[:, ::2] *= 30
    fits, _, found = simulated(problem, 60)
    assert (fits.chi2 > 50).any()
    assert_same(found, simulated(problem, 60, prune=False)[2])


@pytest.mark.parametrize("shapes", [(1, 40), (40, 1), (1, 1, 30, 2)])
def test_tiles_in_spaces_of_different_dimensions(library, shapes):
    """What a tile says of distances in its space counts for no other."""
    problem = make_case(library, "many channels", 1, 1)
    data, n_column = problem.data, problem.data.n_columns
    rng = np.random.default_rng(3)
    data.value[:], data.variance[:] = rng.standard_normal(n_column), 1.0
    noise = draw_noise(50, problem.grid.rows, 42)
    simulator = MonteCarlo(problem.grid, data, noise, slice(0, 1))
    best = np.full(50, np.inf)
    simulated_data = data.value[0] + noise.data
    for number, n_shape in enumerate(shapes):
        flux = np.repeat(rng.lognormal(0, 1, (n_column, n_shape)), 48 // n_shape, axis=1)
        flux = np.pad(flux, ((0, 0), (0, -flux.shape[1] % 16)))
        ids = 100 * number + np.arange(flux.shape[1])
        simulator.update(simulator.prepare([Tile(0, ids, ids, flux, None)]))
        length = np.linalg.norm(flux, axis=0)
        product = simulated_data @ flux[:, length > 0] / length[length > 0]
        best = np.minimum(best, np.sum(simulated_data**2, axis=1) - np.max(product**2, axis=1))
    np.testing.assert_allclose(simulator.result().chi2[0], best, rtol=1e-10)


def test_pruning_with_the_first_guess_far_off(library):
    """Whatever fit comes in: it says which redshift is tried first, no more."""
    problem = make_case(library, "plain")
    fits, noise, found = simulated(problem, 40)
    for model in (-1, 0, problem.grid.axes.size - 1):
        other = dataclasses.replace(fits, model_id=np.full_like(fits.model_id, model))
        again = simulate(problem.grid, problem.data, other, noise, slice(0, problem.data.n_sources)).result()
        np.testing.assert_array_equal(again.model, found.model)
        np.testing.assert_allclose(again.chi2, found.chi2, rtol=1e-12)


@pytest.mark.parametrize("name", ["plain", "all at once", "many channels"])
@pytest.mark.parametrize(("n", "n_sim"), [(6, 40), (1, 2000), (2, 513), (40, 3)])
def test_threads_change_nothing(library, name, n, n_sim):
    """Few sources with many simulations divide these, many sources are divided themselves."""
    results = [simulated(make_case(library, name, n_threads, n), n_sim)[2] for n_threads in (1, 2, 5)]
    assert_same(results[0], results[1])
    assert_same(results[0], results[2])


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize(
    ("batch_bytes", "chosen_bytes"), [(1, 1 << 20), (1 << 30, 1 << 20), (1 << 30, 1), (1 << 30, 13)]
)
def test_tiles_a_call_change_nothing(library, monkeypatch, windows, batch_bytes, chosen_bytes):
    def results():
        problem = make_case(library, "plain", 2)
        if windows:
            problem.data.first_z[:] = problem.data.best_first_z[:] = [0, 1, 2, 3, 0, 2]
            problem.data.last_z[:] = problem.data.best_last_z[:] = [0, 2, 2, 4, 4, 3]
        fits, _, found = simulated(problem, 30)
        return fits, found

    expected = results()
    monkeypatch.setattr("fastsed.fitting.passes.BATCH_BYTES", batch_bytes)
    monkeypatch.setattr("fastsed.fitting.passes.FLAG_BYTES", chosen_bytes)
    for one, other in zip(results(), expected, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("level", ["scalar", "avx2", "avx512"])
def test_vector_units_change_rounding_only(library, monkeypatch, level):
    reference = simulated(make_case(library, "all at once"), 77)[2]
    monkeypatch.setenv("FASTSED_SIMD", level)
    found = simulated(make_case(library, "all at once"), 77)[2]
    np.testing.assert_array_equal(found.model, reference.model)
    for name in ("chi2", "scale", "spec_scale"):
        np.testing.assert_allclose(getattr(found, name), getattr(reference, name), rtol=1e-11)


def test_some_sources_are_the_part_of_all(library):
    problem = make_case(library, "all at once")
    _, _, every = simulated(problem, 30)
    _, _, some = simulated(problem, 30, rows=slice(2, 5))
    np.testing.assert_array_equal(some.model, every.model[2:5])
    np.testing.assert_array_equal(some.chi2, every.chi2[2:5])


def test_sources_without_a_fit(library):
    problem = make_case(library, "plain")
    data = problem.data
    data.last_z[[0, 3]] = data.best_last_z[[0, 3]] = -1
    fits, _, found = simulated(problem, 12)
    assert (fits.model_id[[0, 3]] == -1).all()
    assert (found.model[[0, 3]] == -1).all()
    assert np.isnan(found.chi2[[0, 3]]).all()
    assert (found.model[[1, 2, 4, 5]] >= 0).all()


def test_best_at_zphot_does_not_hold_the_simulations(library):
    problem = make_case(library, "plain")
    data = problem.data
    _, _, free = simulated(problem, 50)
    data.best_first_z[:] = data.best_last_z[:] = 3
    fits, _, found = simulated(problem, 50)
    assert (fits.model_id // problem.grid.axes.models_per_redshift == 3).all()
    np.testing.assert_array_equal(found.model, free.model)
    assert len(np.unique(found.model // problem.grid.axes.models_per_redshift)) > 2


def test_windows_hold_the_simulations(library):
    problem = make_case(library, "plain")
    data = problem.data
    data.first_z[:] = data.best_first_z[:] = [0, 1, 2, 3, 0, 2]
    data.last_z[:] = data.best_last_z[:] = [0, 2, 2, 4, 4, 3]
    models = all_models(problem.grid)
    _, noise, found = simulated(problem, 40)
    iz = found.model // problem.grid.axes.models_per_redshift
    assert ((data.first_z[:, None] <= iz) & (iz <= data.last_z[:, None])).all()
    for row in range(6):
        chi2 = slow_fit(models, data, row, noise.data[7])[0]
        assert found.chi2[row, 7] == pytest.approx(chi2.min(), rel=1e-9)


def test_without_noise_they_are_the_fit(library):
    problem = make_case(library, "all at once")
    fits = find_best_fits(problem.grid, problem.data)
    silence = Noise(np.zeros((3, problem.grid.rows.count)), np.zeros(3))
    found = simulate(problem.grid, problem.data, fits, silence, slice(0, 6)).result()
    np.testing.assert_array_equal(found.model, np.repeat(fits.model_id[:, None], 3, axis=1))
    np.testing.assert_allclose(found.chi2, np.repeat(fits.chi2[:, None], 3, axis=1), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.scale, np.repeat(fits.scale[:, None], 3, axis=1), rtol=1e-9)


# --- intervals --------------------------------------------------------------------------------------------

ONE_MODEL = (
    *("Z_MIN=0.7", "Z_MAX=0.7", "A_V_MIN=0.4", "A_V_MAX=0.4", "LOG_AGE_MIN=8.1", "LOG_AGE_MAX=8.1"),
    *("LOG_TAU_MAX=8.5", "OUTPUT_COLUMNS=[id,z,lscale,lmass]"),
)


def test_intervals_of_a_linear_problem(library):
    """One model and a free scale: the scale is Gaussian around the fit with sigma = 1/sqrt(sum w^2 m^2)."""
    confidences, n_sim = (68, 95, 90), 4000
    problem = make_problem(library, *ONE_MODEL, f"N_SIM={n_sim}", "C_INTERVAL=[68,95,90]", n=5)
    data, models = problem.data, all_models(problem.grid)
    assert len(models.ids) == 1
    best = find_best_fits(problem.grid, problem.data)
    found = simulated_uncertainties(problem).intervals
    sigma = 1 / np.sqrt((models.flux[:, 0] ** 2 / data.variance).sum(axis=1))
    for i, confidence in enumerate(confidences):
        z = NormalDist().inv_cdf(0.5 + confidence / 200)
        low, high = ((found["lscale"][:, i, side] - best.scale) / sigma for side in (0, 1))
        # an order statistic scatters by sqrt(p (1 - p) / n) / density
        tail = 0.5 - confidence / 200
        scatter = math.sqrt(tail * (1 - tail) / n_sim) / NormalDist().pdf(z)
        np.testing.assert_allclose(low, -z, atol=4 * scatter)
        np.testing.assert_allclose(high, z, atol=4 * scatter)
        # other properties scale
        ratio = found["lmass"][:, i] / found["lscale"][:, i]
        np.testing.assert_allclose(ratio, ratio[0, 0], rtol=3e-7)  # both are rounded to single precision
    np.testing.assert_array_equal(found["z"], np.float32(0.7))


def test_intervals_of_a_linear_problem_exactly(library):
    """The same, from the random numbers themselves: the scale is linear in them."""
    problem = make_problem(library, *ONE_MODEL, "N_SIM=200", n=3)
    data, flux = problem.data, all_models(problem.grid).flux[:, 0]
    best = find_best_fits(problem.grid, problem.data)
    found = simulated_uncertainties(problem).intervals["lscale"]
    noise = polar_normals(200 * 5, 42).reshape(200, 5)[:, :4]
    for row in range(3):
        weight = 1 / np.sqrt(data.variance[row])
        shift = (noise * (weight > 0)) @ (weight * flux) / np.sum((weight * flux) ** 2)
        scales = np.sort(best.scale[row] + shift)
        np.testing.assert_array_equal(found[row, 0], np.float32(scales[[32, 168]]))


def test_the_seed_chooses_the_numbers(library):
    bounds = []
    for seed in (42, 42, 43):
        problem = make_problem(library, *ONE_MODEL, "N_SIM=50", f"SEED={seed}")
        bounds.append(simulated_uncertainties(problem).intervals["lscale"])
    np.testing.assert_array_equal(bounds[0], bounds[1])
    assert (bounds[0] != bounds[2]).all()


def test_chunks_of_sources_change_nothing(library, monkeypatch):
    def uncertainties():
        problem = make_case(library, "all at once", 1, 7, "N_SIM=20", "BEST_FROM_SIM=1")
        visited = []
        found = simulated_uncertainties(problem, lambda s: visited.append(s.rows))
        return found, visited

    whole, visits = uncertainties()
    assert visits == [slice(0, 7)]
    monkeypatch.setattr("fastsed.fitting.passes.SIMULATION_BYTES", 3 * 32 * 20)
    parts, visits = uncertainties()
    assert visits == [slice(0, 3), slice(3, 6), slice(6, 7)]
    for name in whole.intervals:
        np.testing.assert_array_equal(whole.intervals[name], parts.intervals[name])
        np.testing.assert_array_equal(whole.medians[name], parts.medians[name])
