"""Best star formation histories: those of FAST++, and histories with known SFR and mass."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fastsed.config.fit import chi2_threshold
from fastsed.library.csp import csp_history, csp_weights
from fastsed.models.sfh import lookback_grid, ssp_weights
from fastsed.models.surviving import surviving_mass_history
from fastsed.outputs.best_sfhs import SfhWriter, write_best_sfhs
from fastsed.outputs.chi2grid import read_chi2_grid
from tests.models.helpers import AGES, make_grid, make_params, simple
from tests.outputs.golden_fits import assert_same_digits, best_models, prepared


def toy(library, tmp_path, *overrides):
    """What `SfhWriter` takes of a run, for one source, with the invented library."""
    params = make_params(library, "CATALOG=toy", f"OUTPUT_DIR={tmp_path}", "SFH_OUTPUT_STEP=20", *overrides)
    return SimpleNamespace(params=params, grid=make_grid(params), catalog=SimpleNamespace(ids=["1"]))


def written(tmp_path):
    """Header and columns of the file of the one source."""
    path = tmp_path / "best_fits/toy_1.sfh"
    return path.read_text().splitlines()[0], np.loadtxt(path).T


def model(problem, *place):
    return int(np.ravel_multi_index(place, problem.grid.axes.shape))


# --- FAST++ -----------------------------------------------------------------------------------------------


def test_rates_of_a_gridded_history_are_those_of_fastpp(shared, monkeypatch, tmp_path):
    problem = prepared(shared, monkeypatch, "best_fit_sed", f"OUTPUT_DIR={tmp_path}")
    assert write_best_sfhs(problem, *best_models(problem)) == 6
    # right after the birth, single precision of the time shows
    for path in sorted(Path("expected/best_fits").glob("*.sfh")):
        assert_same_digits(tmp_path / "best_fits" / path.name, path, rtol=4e-4)


def test_masses_of_a_gridded_history_are_those_of_fastpp(shared, monkeypatch, tmp_path):
    problem = prepared(shared, monkeypatch, "sfh_mass", f"OUTPUT_DIR={tmp_path}")
    assert write_best_sfhs(problem, *best_models(problem)) == 4
    for path in sorted(Path("expected/best_fits").glob("*.sfh")):
        found, expected = np.loadtxt(tmp_path / "best_fits" / path.name).T, np.loadtxt(path).T
        assert np.array_equal(found[0], expected[0])
        np.testing.assert_allclose(found[1], expected[1], rtol=1.1e-5, atol=1e-5 * expected[1].max())
        assert (tmp_path / "best_fits" / path.name).read_text().startswith("# t Mstar(t) (Msol)\n")


def test_rates_and_intervals_of_a_custom_history_are_those_of_fastpp(shared, monkeypatch, tmp_path):
    """The models within the interval are those of the grid file that FAST++ wrote."""
    problem = prepared(shared, monkeypatch, "custom_sfh", f"OUTPUT_DIR={tmp_path}")
    models, scales = best_models(problem)
    grid = read_chi2_grid("expected/best_chi2/gal_1.chi2.grid")
    good = grid.data["chi2"] - grid.data["chi2"].min() < chi2_threshold(90)
    lscale = list(grid.properties).index("lscale")
    allowed = grid.data["model"][good].astype(np.int64), grid.data["properties"][good, lscale].astype(float)
    SfhWriter(problem).write(0, int(models[0]), float(scales[0]), allowed=[allowed])
    path = Path("expected/best_fits/gal_1.sfh")
    assert_same_digits(tmp_path / "best_fits/gal_1.sfh", path, rtol=6e-5)


# --- known histories --------------------------------------------------------------------------------------

CONSTANT = ("CUSTOM_SFH=rate+0*t", "CUSTOM_PARAMS=[rate]", "RATE_MIN=1", "RATE_MAX=4", "RATE_STEP=1")


def test_constant_rate(library, tmp_path):
    problem = toy(library, tmp_path, *CONSTANT)
    SfhWriter(problem).write(0, model(problem, 0, 0, 0, 3, 0, 2), 2.0)
    header, (t, rate) = written(tmp_path)
    assert header == "# t SFR(t) (Msol/yr)"
    assert t[0] == 1e6
    age = 10 ** float(problem.grid.axes.lage[3])
    begun = t[-1] - t <= age - 20e6
    # 3 Msun/yr times the scale, from the birth on; the samples of FAST++ give the mass to a step or so
    np.testing.assert_allclose(rate[begun], 6.0, rtol=0.03)
    assert not rate[t[-1] - t > age + 20e6].any()


def test_mass_of_a_constant_rate(library, tmp_path):
    problem = toy(library, tmp_path, *CONSTANT, "SFH_OUTPUT=mass")
    SfhWriter(problem).write(0, model(problem, 0, 0, 0, 3, 0, 2), 2.0)
    header, (t, mass) = written(tmp_path)
    assert header == "# t Mstar(t) (Msol)"
    # the integral over age of the fraction that lives, which steps half-way between SSPs
    edges = np.concatenate([[0], 0.5 * (AGES[1:] + AGES[:-1]), AGES[-1:]])
    since_birth = np.clip(10 ** float(problem.grid.axes.lage[3]) - (t[-1] - t), 0, None)
    lived = np.diff(np.minimum(since_birth[:, None], edges)) @ simple(0.02).mass
    np.testing.assert_allclose(mass, 6.0 * lived, rtol=1e-4, atol=6e6)
    surviving = problem.grid.populations[0].masses(np.array([3 * 4 + 2])).surviving[0]
    assert mass[-1] == pytest.approx(2.0 * surviving, rel=1e-5)


def test_living_mass_of_a_burst():
    """All stars form within a Myr: at each later time they are of one age."""
    t = lookback_grid(1e9, 1e6)
    sfr = np.where(t == 800e6, 1.0, 0.0)[None]
    surviving = simple(0.02).mass
    at = np.array([1e9, 900e6, 790e6, 500e6, 100e6, 0.0])
    found = surviving_mass_history(t, sfr, at, AGES, surviving)[0]
    nearest = [surviving[np.argmin(abs(AGES - age))] for age in 800e6 - at[2:]]
    np.testing.assert_allclose(found, [0, 0, *(1e6 * f for f in nearest)], rtol=1e-12)


def test_living_mass_now_is_that_of_the_weights():
    t = lookback_grid(3.3e9, 7e6)
    sfr = np.random.default_rng(5).uniform(0, 3, (4, len(t)))
    surviving = simple(0.02).mass
    found = surviving_mass_history(t, sfr, np.array([0.0]), AGES, surviving)[:, 0]
    np.testing.assert_allclose(found, ssp_weights(t, sfr, AGES) @ surviving, rtol=1e-12)


@pytest.mark.parametrize("quantity", ["sfr", "mass"])
def test_history_built_on_the_fly_is_the_formula(library, tmp_path, quantity):
    problem = toy(library, tmp_path, "SFH=del", f"SFH_OUTPUT={quantity}")
    SfhWriter(problem).write(0, model(problem, 0, 0, 0, 4, 0, 0), 1e10)
    _, (t, found) = written(tmp_path)
    since = 10 ** float(problem.grid.axes.lage[4]) - (t[-1] - t)
    tau, born = 10**8.5, since >= 0
    if quantity == "sfr":
        expected = csp_history("del", tau, since[born])[0]
    else:
        expected = csp_weights(AGES, "del", tau, since[born]) @ simple(0.02).mass
    # times are printed to six digits
    np.testing.assert_allclose(found[born], 1e10 * expected, rtol=2e-4, atol=1e-3 * 1e10 * expected.max())
    assert not found[~born].any()


# --- simulations and intervals ----------------------------------------------------------------------------


def test_median_and_intervals_are_order_statistics(library, tmp_path):
    problem = toy(library, tmp_path, *CONSTANT, "C_INTERVAL=[68,95]")
    best = model(problem, 0, 0, 0, 3, 0, 0)
    rng = np.random.default_rng(3)
    models = np.array([model(problem, 0, iav, 0, 3, 0, i) for iav, i in rng.integers(0, 3, (100, 2))])
    scales = rng.uniform(1, 2, 100)
    SfhWriter(problem).write(0, best, 1.0, simulations=(models, scales))
    header, columns = written(tmp_path)
    assert header == "# t SFR(t) (Msol/yr) med_SFR l68_SFR u68_SFR l95_SFR u95_SFR"
    rates = np.sort((1 + problem.grid.axes.indices(models)[5]) * scales)
    # relative to the best fit, whose rate is 1
    for column, place in zip(columns[2:], (50, 16, 84, 2, 97), strict=True):
        assert column[-1] / columns[1][-1] == pytest.approx(rates[place], rel=1e-4)


def test_median_of_simulations_with_intervals_of_chi2(library, tmp_path):
    problem = toy(library, tmp_path, *CONSTANT, "METAL=[0.008,0.02]", "C_INTERVAL=[68,95]")
    one, other, third = (model(problem, 0, 0, 0, 3, metal, i) for metal, i in ((0, 0), (1, 3), (0, 1)))
    narrow = np.array([one, one]), np.array([1.0, 1.75])
    wide = np.array([one, one, other, third]), np.array([1.0, 0.5, 2.0, 1.5])
    simulations = np.array([third, third, third]), np.ones(3)
    SfhWriter(problem).write(0, one, 1.0, simulations=simulations, allowed=[narrow, wide])
    _, columns = written(tmp_path)
    np.testing.assert_allclose(columns[1:, -1] / columns[1, -1], [1, 2, 1, 1.75, 0.5, 8], rtol=1e-5)


def test_no_allowed_model_gives_nan(library, tmp_path):
    problem = toy(library, tmp_path, *CONSTANT)
    none = np.empty(0, dtype=np.int64), np.empty(0)
    SfhWriter(problem).write(0, 0, 1.0, allowed=[none])
    assert np.isnan(written(tmp_path)[1][2:]).all()


@pytest.mark.parametrize("quantity", ["sfr", "mass"])
def test_many_histories_in_small_blocks(library, tmp_path, monkeypatch, quantity):
    problem = toy(
        library, tmp_path, *CONSTANT, "METAL=[0.008,0.02]", f"SFH_OUTPUT={quantity}", "C_INTERVAL=68"
    )
    models = np.arange(problem.grid.axes.models_per_redshift)
    scales = np.random.default_rng(2).uniform(0.5, 2, len(models))
    found = []
    for block in (256, 3):
        monkeypatch.setattr("fastsed.outputs.best_sfhs._BLOCK", block)
        SfhWriter(problem).write(0, 0, 1.0, simulations=(models, scales), allowed=[(models, scales)])
        found.append(written(tmp_path)[1])
    assert np.array_equal(*found)
    low, high = found[0][3:]
    assert ((low <= found[0][2]) & (found[0][2] <= high)).all()
