"""Whole fits of galaxies made from the shipped library: what was put in comes out."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.inputs.flux_units import flux_factor
from fastsed.params import read_params
from fastsed.pipeline import fit_problem, run
from fastsed.problem import prepare
from tests.outputs.helpers import read_fout

BANDS = (156, 157, 158, 159, 160, 161, 162, 163)
GRID = {
    "CATALOG": "gal", "SFH": "exp", "NO_CACHE": 1, "VERBOSE": 0, "N_THREAD": 1,
    "LOG_TAU_MIN": 8, "LOG_TAU_MAX": 10, "LOG_TAU_STEP": 1,
    "LOG_AGE_MIN": 8, "LOG_AGE_MAX": 10, "LOG_AGE_STEP": 0.5,
    "Z_MIN": 0.2, "Z_MAX": 2.0, "Z_STEP": 0.3, "A_V_MIN": 0, "A_V_MAX": 2, "A_V_STEP": 0.5,
    "OUTPUT_COLUMNS": "['id','nmodel','z','ltau','metal','lage','Av','lmass','lscale','chi2']",
}  # fmt: skip
CUSTOM_COLUMNS = "['id','z','lage','Av','lscale','chi2']"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory of a run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTSED_DATA_DIR", str(tmp_path / "no data"))
    return tmp_path


def parameters(**changes):
    """Parameters of the small grid with changes."""
    return read_params(None, [f"{key}={value}" for key, value in (GRID | changes).items()])


def write_catalog(folder, flux, error, z_spec=None):
    """Catalogue of fluxes (nsource, nband) in microjansky; every digit is written."""
    names = [f"{kind}{number}" for number in BANDS for kind in "FE"] + ["Z_SPEC"]
    z_spec = np.full(len(flux), -1.0) if z_spec is None else z_spec
    lines = ["# ID " + " ".join(names)]
    for i in range(len(flux)):
        values = np.append(np.stack([flux[i], error[i]], axis=1).ravel(), z_spec[i])
        lines.append(f"{i + 1} " + " ".join(f"{v:.17g}" for v in values))
    (folder / "gal.cat").write_text("\n".join(lines) + "\n")


def model_fluxes(folder, params, wanted=None):
    """modelIDs and band fluxes [microjansky] of all models at scale one."""
    write_catalog(folder, np.ones((1, len(BANDS))), np.ones((1, len(BANDS))))
    problem = prepare(params)
    grid = problem.grid
    wanted = np.ones(len(grid.axes.z), dtype=bool) if wanted is None else wanted
    tiles = list(grid.tiles(wanted))
    ids = np.concatenate([t.iz * grid.axes.models_per_redshift + t.ids for t in tiles])
    flux = np.concatenate([t.flux[: len(BANDS), : t.n_models].T for t in tiles])
    factor = flux_factor(params.ab_zeropoint, np.array([f.mean_wavelength for f in problem.filters]))
    return ids, flux / factor, grid


def write_known(folder, params, n=25, z_spec=False, wanted=None):
    """A catalogue of n noise-free galaxies; their models, scales, and the grid."""
    ids, flux, grid = model_fluxes(folder, params, wanted)
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(ids), n, replace=len(ids) < n)
    scale = 10 ** rng.uniform(8, 12, n)
    seen = flux[chosen] * scale[:, None]
    redshifts = grid.axes.parameters(ids[chosen])["z"].astype(float)
    write_catalog(folder, seen, 0.05 * np.abs(seen) + 1e-3 * seen.max(), redshifts if z_spec else None)
    return ids[chosen], scale, grid


def write_noisy(folder, params):
    """A catalogue of 40 noisy galaxies."""
    ids, flux, _ = model_fluxes(folder, params)
    rng = np.random.default_rng(3)
    seen = flux[rng.choice(len(ids), 40)] * 1e10
    write_catalog(folder, seen + 0.2 * seen * rng.standard_normal(seen.shape), 0.2 * seen + 1e-6)


def test_known_models_are_recovered(folder):
    params = parameters()
    models, scale, grid = write_known(folder, params)
    done = []
    results = run(params, lambda problem: done.append)
    fits = results.best
    np.testing.assert_array_equal(fits.model_id, models)
    np.testing.assert_allclose(fits.scale, scale, rtol=1e-9)
    assert (fits.chi2 < 1e-15).all()
    n_ages = grid.ages_at
    fitted = int(n_ages.sum()) * 3 * 5  # taus, Av
    np.testing.assert_array_equal(fits.n_models, fitted)
    assert sum(done) == fitted < grid.axes.size
    table = read_fout(folder / "gal.fout").columns
    for name, values in grid.axes.parameters(models).items():
        if name in table:
            np.testing.assert_allclose(np.array(table[name], dtype=float), values, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.array(table["lscale"], dtype=float), np.log10(scale), atol=0.0051)
    assert (np.array(table["nmodel"], dtype=int) == fitted).all()


@pytest.mark.parametrize("sfh", ["del", "tru"])
def test_other_histories(folder, sfh):
    params = parameters(SFH=sfh, METAL="[0.008,0.02]", DUST_LAW="kc", LOG_TAU_STEP=2)
    models, scale, grid = write_known(folder, params)
    fits = run(params).best
    assert (fits.chi2 < 1e-12).all()
    if sfh == "tru":  # those younger than tau differ by a factor only
        found, known = (grid.axes.parameters(m) for m in (fits.model_id, models))
        for name in ("z", "Av", "lage", "metal"):
            np.testing.assert_array_equal(found[name], known[name])
    else:
        np.testing.assert_array_equal(fits.model_id, models)
        np.testing.assert_allclose(fits.scale, scale, rtol=1e-9)


def test_spectroscopic_redshifts_leave_one_redshift(folder):
    params = parameters()
    ids, flux, grid = model_fluxes(folder, params)
    z = np.array([0.2, 0.5, 0.64, 0.66, 1.97, 0.01, 7.0])
    # whatever the galaxies look like
    seen = flux[np.random.default_rng(0).choice(len(ids), len(z))] * 1e10
    write_catalog(folder, seen, 0.1 * seen + 0.1, z)
    results = run(params)
    assert (results.best.model_id >= 0).all()
    found = grid.axes.parameters(results.best.model_id)["z"]
    np.testing.assert_allclose(found, [0.2, 0.5, 0.5, 0.8, 2.0, 0.2, 2.0], rtol=1e-6)
    per_redshift = grid.ages_at * 3 * 5
    expected = per_redshift[np.searchsorted(grid.axes.z, found)]
    np.testing.assert_array_equal(results.best.n_models, expected)


def test_noise_moves_the_best_fit_to_the_minimum(folder):
    params = parameters(AB_ZEROPOINT=25)
    ids, flux, _ = model_fluxes(folder, params)
    rng = np.random.default_rng(3)
    seen = flux[rng.choice(len(ids), 6)] * 1e10
    error = 0.2 * np.abs(seen)
    seen = seen + error * rng.standard_normal(seen.shape)
    write_catalog(folder, seen, error)
    fits = run(params).best
    weight = 1 / error**2
    scale = (weight * seen) @ flux.T / (weight @ (flux**2).T)
    chi2 = (weight[:, None] * (seen[:, None] - scale[:, :, None] * flux) ** 2).sum(axis=-1)
    np.testing.assert_array_equal(fits.model_id, ids[np.argmin(chi2, axis=1)])
    np.testing.assert_allclose(fits.chi2, chi2.min(axis=1), rtol=1e-8)


def test_threads_write_the_same_bytes(folder):
    write_noisy(folder, parameters(METAL="[0.008,0.02]"))
    written = []
    for n_threads in (1, 2, 5):
        run(parameters(METAL="[0.008,0.02]", N_THREAD=n_threads))
        written.append((folder / "gal.fout").read_bytes())
    assert written[0] == written[1] == written[2]
    run(parameters(METAL="[0.008,0.02]", N_THREAD=2, MAX_QUEUED_FITS=50))
    assert (folder / "gal.fout").read_bytes() == written[0]


@pytest.mark.parametrize("simd", ["scalar", "avx2"])
def test_simd_levels_write_the_same_bytes(folder, monkeypatch, simd):
    params = parameters()
    write_noisy(folder, params)
    run(params)
    ours = (folder / "gal.fout").read_bytes()
    monkeypatch.setenv("FASTSED_SIMD", simd)
    run(params)
    assert (folder / "gal.fout").read_bytes() == ours


def test_the_public_way_works_more_than_once(folder):

    params = parameters()
    write_known(folder, params, n=3)
    for _ in range(2):
        assert (run(params).best.model_id >= 0).all()


def test_sources_that_cannot_be_fitted(folder):
    params = parameters()
    ids, flux, _ = model_fluxes(folder, params)
    seen = flux[[5, 10, 15]] * 1e10
    error = 0.05 * seen
    error[0, 3] = 0  # no error is no number to divide by
    error[1] = -1  # masked
    write_catalog(folder, seen, error)
    fits = run(params).best
    assert fits.model_id.tolist() == [-1, -1, ids[15]]
    assert fits.n_models.tolist()[:2] == [0, 0]
    columns = read_fout(folder / "gal.fout").columns
    for name in ("z", "lage", "lmass", "chi2"):
        assert columns[name][0].lower() == columns[name][1].lower() == "nan"


def test_nothing_can_be_fitted(folder):
    params = parameters()
    write_catalog(folder, np.ones((2, len(BANDS))), np.zeros((2, len(BANDS))))
    with pytest.raises(
        InputError, match=r"gal\.cat: no source can be fitted: 2 sources with an error of zero"
    ):
        run(params)
    assert not (folder / "gal.fout").exists()


def test_every_age_beyond_that_of_the_universe(folder):
    params = parameters(LOG_AGE_MIN=10, LOG_AGE_MAX=10.1, Z_MIN=1.1)
    write_catalog(folder, np.ones((2, len(BANDS))), np.ones((2, len(BANDS))))
    with pytest.raises(InputError, match=r"every age is older than the Universe.*LOG_AGE_MIN"):
        run(params)


def test_no_age_at_the_redshift_of_some(folder, caplog):
    params = parameters(LOG_AGE_MIN=9.8)
    write_catalog(folder, np.ones((3, len(BANDS))), np.ones((3, len(BANDS))), np.array([0.2, 2.0, 0.5]))
    with caplog.at_level(logging.WARNING):
        fits = fit_problem(prepare(params)).best
    assert (fits.model_id >= 0).tolist() == [True, False, True]
    assert np.isnan(fits.chi2[1])
    assert any("1 source" in message or "1 of" in message for message in caplog.messages)


def test_best_at_a_photometric_redshift_outside_its_interval(folder):
    # as in FAST++, where it happens for mean redshifts; fewer galaxies than redshifts, each brings its own
    params = parameters(BEST_AT_ZPHOT=1, ZPHOT_CONF=68)
    write_known(folder, params, n=3)
    zout = ["# id z_phot l68 u68", "1 1.7 0.4 0.9", "2 0.5 0.4 0.9", "3 1.1 1.0 1.2"]
    (folder / "gal.zout").write_text("\n".join(zout) + "\n")
    results = run(params)
    assert (results.best.model_id >= 0).all()
    found = results.values["z"]
    np.testing.assert_allclose(found, [1.7, 0.5, 1.1], rtol=1e-6)


def test_models_excluded_at_the_photometric_redshift(folder, caplog):
    """There are models elsewhere, but the best one is taken there: the reason is GRID_EXCLUDE all the same."""
    params = parameters(BEST_AT_ZPHOT=1, ZPHOT_CONF=68, GRID_EXCLUDE="z > 1.5")
    write_known(folder, params, n=2)
    zout = ["# id z_phot l68 u68", "1 1.7 0.4 0.9", "2 0.5 0.4 0.9"]
    (folder / "gal.zout").write_text("\n".join(zout) + "\n")
    results = run(params)
    assert results.best.fitted.tolist() == [False, True]
    assert "1 source not fitted, with NaN in the catalogue: GRID_EXCLUDE excludes every model" in caplog.text


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_grid_of_one_model(folder, n_threads):
    one = {"LOG_TAU_MAX": 8, "LOG_AGE_MAX": 8, "A_V_MAX": 0, "Z_STEP": 0, "N_THREAD": n_threads}
    params = parameters(**one)
    _, scale, grid = write_known(folder, params, n=3)
    assert grid.axes.size == 1
    fits = run(params).best
    assert fits.model_id.tolist() == [0, 0, 0]
    np.testing.assert_allclose(fits.scale, scale, rtol=1e-9)
    assert fits.n_models.tolist() == [1, 1, 1]


def test_grid_exclude_in_a_fit(folder):
    params = parameters(GRID_EXCLUDE="Av > 0.7 || lage < 8.7")
    models, _, grid = write_known(folder, params, n=8)
    fits = run(params).best
    np.testing.assert_array_equal(fits.model_id, models)
    values = grid.axes.parameters(fits.model_id)
    assert (values["Av"] < 0.7).all()
    assert (values["lage"] > 8.7).all()
    young = int((grid.axes.lage < 8.7).sum())
    expected = int(np.maximum(grid.ages_at - young, 0).sum()) * 3 * 2
    np.testing.assert_array_equal(fits.n_models, expected)


def test_more_models_than_32_bits_count(folder):
    # 5e9 models of which GRID_EXCLUDE leaves 10000 at a redshift; galaxies at the far end of the grid
    huge = {
        "CUSTOM_SFH": "exp(-t/(a*1e7)) + b*1e-3*(t/1e9)", "CUSTOM_PARAMS": "[a,b]", "CUSTOM_SFH_STEP": 10,
        "A_MIN": 1, "A_MAX": 1000, "A_STEP": 1, "B_MIN": 1, "B_MAX": 1000, "B_STEP": 1,
        "GRID_EXCLUDE": "a > 5 && a < 996 || b < 991", "Z_MIN": 0.1, "Z_MAX": 5, "Z_STEP": 0.1,
        "LOG_AGE_MIN": 8.7, "LOG_AGE_MAX": 8.7, "A_V_MAX": 0.99, "A_V_STEP": 0.01,
        "OUTPUT_COLUMNS": CUSTOM_COLUMNS,
    }  # fmt: skip
    params = parameters(**huge)
    wanted = np.arange(50) >= 48
    models, scale, grid = write_known(folder, params, n=12, z_spec=True, wanted=wanted)
    assert grid.axes.size == 5_000_000_000
    assert models.min() > 2**32
    fits = run(params).best
    assert fits.model_id.dtype == np.int64
    np.testing.assert_array_equal(fits.model_id, models)
    np.testing.assert_allclose(fits.scale, scale, rtol=1e-8)
    np.testing.assert_array_equal(fits.n_models, 10 * 10 * 100)
