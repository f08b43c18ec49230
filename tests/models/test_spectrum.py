"""Spectra of single models: against spectra added up by hand, the tables of the fit, and FAST++."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.models.cosmology import Cosmology
from fastsed.models.igm import igm_transmission
from fastsed.models.spectrum import SpectrumBuilder, sorted_models
from tests.models.helpers import LAM, make_grid, make_params, simple, slow_fluxes, tiled_fluxes
from tests.outputs.golden_fits import best_models, prepared

CUSTOM = (
    "CUSTOM_SFH=exp(-t/10^tau)*(1+boost)",
    "CUSTOM_PARAMS=[tau,boost]",
    "TAU_MIN=8", "TAU_MAX=9", "TAU_STEP=0.5", "BOOST_MIN=0", "BOOST_MAX=1", "BOOST_STEP=1",
    "CUSTOM_SFH_STEP=10", "METAL=[0.008,0.02]",
)  # fmt: skip
DIFFERENTIAL = ("DIFFERENTIAL_A_V=1", "A_V_BC_MAX=1", "A_V_BC_STEP=0.5", "LOG_BC_AGE_MAX=7.5")


def history(t, lage, tau, boost):
    """The formula of CUSTOM at lookback times t."""
    return np.exp(-(10**lage - t) / 10**tau) * (1 + boost)


def some_models(grid, count=12):
    """Models of all redshifts and metallicities that are fitted, in no order."""
    flux = tiled_fluxes(grid)[0].reshape(grid.axes.size, -1)
    return np.random.default_rng(1).choice(np.flatnonzero(np.isfinite(flux[:, 0])), count, replace=False)


@pytest.mark.parametrize(
    ("overrides", "formula"),
    [(("METAL=[0.008,0.02]",), None), (CUSTOM, history), ((*CUSTOM, *DIFFERENTIAL), history)],
)
def test_band_fluxes_are_those_of_the_slow_way_and_of_the_fit(library, overrides, formula):
    params = make_params(library, *overrides)
    grid = make_grid(params)
    slow = slow_fluxes(params, grid, formula).reshape(grid.axes.size, -1)
    fast = tiled_fluxes(grid)[0].reshape(grid.axes.size, -1)
    builder = SpectrumBuilder(grid)
    for model in some_models(grid).tolist():
        np.testing.assert_allclose(builder.band_fluxes(model), slow[model], rtol=1e-5)
        np.testing.assert_allclose(builder.band_fluxes(model), fast[model], rtol=1e-9)


def test_dust_only_separates_observed_from_intrinsic(library):
    grid = make_grid(make_params(library))
    builder = SpectrumBuilder(grid)
    clear, dusty = (np.ravel_multi_index((1, iav, 0, 2, 0, 1), grid.axes.shape) for iav in (0, 2))
    assert np.array_equal(builder.observed(clear)[1], builder.intrinsic(clear)[1])
    np.testing.assert_allclose(builder.intrinsic(dusty)[1], builder.intrinsic(clear)[1], rtol=1e-12)
    v = np.argmin(abs(LAM - 5500))
    assert builder.rest(dusty)[1][v] / builder.rest(clear)[1][v] == pytest.approx(10**-0.4, rel=0.01)


def test_observed_is_rest_seen_through_space(library):
    grid = make_grid(make_params(library))
    builder = SpectrumBuilder(grid)
    model = int(np.ravel_multi_index((3, 1, 0, 2, 0, 1), grid.axes.shape))
    z = float(grid.axes.z[3])
    rest, luminosity = builder.rest(model)
    lam, flux = builder.observed(model)
    np.testing.assert_allclose(lam, rest * (1 + z))
    expected = luminosity * float(Cosmology().luminosity_to_flux(z)) * igm_transmission(rest, z)
    np.testing.assert_allclose(flux, expected, rtol=1e-12)
    assert not flux[rest < 912].any()


def test_birth_clouds_redden_young_stars_only(library):
    grid = make_grid(make_params(library, *CUSTOM, *DIFFERENTIAL))
    builder = SpectrumBuilder(grid)

    def rest(iav, ibc):
        """The model of Av = 0.5 iav and Av_bc = 0.5 ibc."""
        return builder.rest(int(np.ravel_multi_index((0, iav, ibc, 3, 1, 1, 1), grid.axes.shape)))[1]

    clear, half, one = (rest(iav, 0) for iav in (0, 1, 2))
    model = np.array([np.ravel_multi_index((0, 0, 0, 3, 1, 1, 1), grid.axes.shape)])
    _, _, number = grid.axes.cells_and_populations(model)
    weights = grid.populations[1].weights(number)[0]
    ssp = simple(0.02)
    young, old = ((weights * chosen) @ ssp.sed for chosen in (ssp.ages <= 10**7.5, ssp.ages > 10**7.5))
    np.testing.assert_allclose(clear, young + old, rtol=1e-12)
    # Av_bc = 1 takes the light of young stars through a screen of 1 more magnitude
    np.testing.assert_allclose(rest(1, 2) * clear, half * (old + young * one / clear), rtol=1e-9)


def test_no_igm_leaves_light_below_the_lyman_limit(library):
    grid = make_grid(make_params(library, "NO_IGM=1"))
    _, flux = SpectrumBuilder(grid).observed(0)
    assert (flux > 0).all()


def test_line_spread_function_broadens_what_is_observed(library, tmp_path):
    (tmp_path / "lsf.dat").write_text("4000 0\n8000 150\n")
    grid = make_grid(make_params(library, f"SPEC_LSF_FILE={tmp_path / 'lsf.dat'}"))
    builder = SpectrumBuilder(grid)
    lam, flux = builder.observed(0)
    same, broad = builder.lsf(0)
    assert np.array_equal(lam, same)
    # no width up to 4000 A; what is beyond 5 sigma is missing
    np.testing.assert_allclose(broad[lam < 4000], flux[lam < 4000], rtol=1e-6)
    i = int(np.argmin(abs(lam - 7000)))
    sigma = 150 * (lam[i] - 4000) / 4000
    edges = 0.5 * (lam[1:] + lam[:-1])
    fine = np.linspace(lam[i] - 5 * sigma, lam[i] + 5 * sigma, 20001)
    gauss = np.exp(-0.5 * ((fine - lam[i]) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    steps = flux[np.searchsorted(edges, fine)]
    assert broad[i] == pytest.approx(np.trapezoid(gauss * steps, fine), rel=1e-4)


def test_sorted_models_read_each_metallicity_once(library, monkeypatch):
    grid = make_grid(make_params(library, "METAL=[0.008,0.02]"))
    reads = []
    for i, populations in enumerate(grid.populations):
        whole = populations.basis
        monkeypatch.setattr(
            populations, "basis", lambda *part, i=i, whole=whole: reads.append(i) or whole(*part)
        )
    models = some_models(grid)
    reads.clear()
    builder = SpectrumBuilder(grid)
    order = sorted_models(grid, models)
    assert sorted(order.tolist()) == list(range(len(models)))
    for model in models[order].tolist():
        builder.observed(model)
        builder.band_fluxes(model)
    assert reads == [0, 1]


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_what_is_kept_from_call_to_call_does_not_matter(library, order):
    grid = make_grid(make_params(library, "METAL=[0.008,0.02]"))
    one = SpectrumBuilder(grid)
    for model in some_models(grid)[order].tolist():
        assert np.array_equal(one.observed(model)[1], SpectrumBuilder(grid).observed(model)[1])


@pytest.mark.parametrize("name", ["spectrum_idl", "spectrum_gridded", "custom_sfh", "diff_av"])
def test_spectra_are_those_of_fastpp(shared, monkeypatch, name):
    problem = prepared(shared, monkeypatch, name)
    model, scale = (values[0] for values in best_models(problem))
    builder = SpectrumBuilder(problem.grid)
    expected = np.loadtxt("expected/best_fits/gal_1.fit").T
    lam, flux = builder.observed(int(model))
    np.testing.assert_allclose(lam, expected[0], rtol=1e-5)
    # at the very end FAST++ leaves out the far side of the convolved sample
    np.testing.assert_allclose(scale * flux[:-1], expected[1][:-1], rtol=1.1e-5)
    if name == "spectrum_idl":
        np.testing.assert_allclose(scale * builder.lsf(int(model))[1][:-1], expected[2][:-1], rtol=1.1e-5)
    bands = np.loadtxt("expected/best_fits/gal_1.input_res.fit")[:, 1]
    np.testing.assert_allclose(scale * builder.band_fluxes(int(model)), bands, rtol=1.1e-5)
