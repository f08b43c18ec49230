"""Properties of models against their spectra and histories, and against the peer's printed ones."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.models.attenuation import attenuation_curve
from fastsed.models.axes import history_axes, make_axes
from fastsed.models.grid import ModelGrid
from fastsed.models.properties import model_properties, need_spectra, property_names
from fastsed.models.tile import Rows
from fastsed.params import read_params
from tests.models.helpers import (
    LAM,
    LOG_TAUS,
    METALS,
    custom_weights,
    gridded,
    interpolated,
    make_grid,
    make_params,
    simple,
    slow_spectra,
)
from tests.outputs.helpers import read_fout


def lost(sed, a_v):
    """Luminosity absorbed, in a direct trapezoid."""
    k = attenuation_curve("calzetti", LAM)
    return np.trapezoid(sed * (1 - 10 ** (-0.4 * a_v * k)), LAM)


def ionising(sed, limit=912.0):
    x = np.union1d(LAM[limit > LAM], [limit])
    return np.trapezoid(np.interp(x, LAM, sed), x)


def test_gridded(library):
    params = make_params(library, "METAL=[0.008,0.02]", "LAMBDA_ION=1500")
    grid = make_grid(params)
    ids = np.random.default_rng(0).choice(grid.axes.size, 40, replace=False).astype(np.int64)
    found = model_properties(grid, ids)
    names = ["lscale", "sscale", "lmass", "lsfr", "lssfr", "lldust", "lldust_bc", "llion", "lmform", "la2t"]
    assert list(found) == names == property_names(grid)
    _, iav, _, ilage, imetal, itau = np.unravel_index(ids, grid.axes.shape)
    for i in range(len(ids)):
        one = gridded(METALS[imetal[i]], LOG_TAUS[itau[i]])
        lage = float(grid.axes.lage[ilage[i]])
        sed = interpolated(one, lage, one.sed)
        mass, sfr, formed = (interpolated(one, lage, v) for v in (one.mass, one.sfr, one.formed))
        expected = [1, 1, mass, sfr, sfr / mass, lost(sed, float(grid.axes.values[1][iav[i]])), 0]
        expected += [ionising(sed, 1500.0), formed, lage - LOG_TAUS[itau[i]]]
        np.testing.assert_allclose([found[name][i] for name in names], expected, rtol=1e-6, atol=1e-12)
    no_dust = iav == 0
    np.testing.assert_array_equal(found["lldust"][no_dust], 0)


def test_masses_need_no_spectra(library, monkeypatch):
    params = make_params(library, "METAL=[0.008,0.02]")
    ids = np.random.default_rng(0).choice(make_grid(params).axes.size, 40, replace=False).astype(np.int64)
    everything = model_properties(make_grid(params), ids)
    monkeypatch.setattr("fastsed.models.populations.GriddedPopulations.basis", None)
    names = ["lssfr", "lmass", "la2t", "lscale", "lmform", "lsfr"]
    found = model_properties(make_grid(params), ids, names)
    assert list(found) == names
    for name in names:
        np.testing.assert_array_equal(found[name], everything[name])
    with pytest.raises(TypeError):
        model_properties(make_grid(params), ids, ["lldust"])


def test_which_properties_need_spectra(library):
    grid = make_grid(make_params(library, "METAL=[0.008,0.02]"))
    assert not need_spectra(grid, ["lssfr", "lmass", "la2t", "lscale", "lmform", "lsfr"])
    for name in ("lldust", "lldust_bc", "llion"):
        assert need_spectra(grid, ["lmass", name])


def test_populations_in_batches(library, monkeypatch):
    params = make_params(library, "SFH_QUANTITIES=[tform50]", "METAL=[0.008,0.02]")
    ids = np.random.default_rng(1).integers(make_grid(params).axes.size, size=300)
    whole = model_properties(make_grid(params), ids)
    monkeypatch.setattr("fastsed.models.properties.POPULATIONS_AT_ONCE", 3)
    for name, values in model_properties(make_grid(params), ids).items():
        np.testing.assert_array_equal(values, whole[name])


def test_custom_with_birth_clouds(library):
    keys = [
        "CUSTOM_SFH=1 + a*(t > 5e7)", "CUSTOM_PARAMS=[a]", "A_MIN=0", "A_MAX=2", "A_STEP=1",
        "CUSTOM_SFH_STEP=2", "DIFFERENTIAL_A_V=1", "A_V_BC_MAX=1", "A_V_BC_STEP=0.5", "SFR_AVG=30",
    ]  # fmt: skip
    params = make_params(library, *keys)
    grid = make_grid(params)
    ids = np.random.default_rng(0).choice(grid.axes.size, 40, replace=False).astype(np.int64)
    found = model_properties(grid, ids)
    assert "la2t" not in found

    def history(t, lage, a):
        return 1 + a * (10**lage - t > 5e7)

    spectra = slow_spectra(params, grid, history)
    _, iav, ibc, ilage, _, ia = np.unravel_index(ids, grid.axes.shape)
    for i in range(len(ids)):
        av, bc = float(grid.axes.values[1][iav[i]]), float(grid.axes.values[2][ibc[i]])
        (young, _), (old, _) = spectra[ilage[i], 0, ia[i]]
        age = 10 ** float(grid.axes.lage[ilage[i]])
        t = 2e6 * np.arange(int(np.ceil(age / 2e6)) + 1)
        sfr = history(t, np.log10(age), float(grid.axes.values[5][ia[i]]))
        weights, surviving = custom_weights(t, sfr), simple(0.02).mass
        recent = np.union1d(t[t <= 3e7], [3e7])
        rate = np.trapezoid(np.interp(recent, t, sfr), recent) / 3e7
        expected = {
            "lmass": weights @ surviving,
            "lmform": weights.sum() * surviving[0],
            "lsfr": rate,
            "lssfr": rate / (weights @ surviving),
            "llion": ionising(young + old),
            "lldust_bc": lost(young, av + bc),
            "lldust": lost(young, av + bc) + lost(old, av),
        }
        for name, value in expected.items():
            assert found[name][i] == pytest.approx(value, rel=1e-6), name


def test_any_order_and_repetition(library):
    grid = make_grid(make_params(library, "METAL=[0.008,0.02]"))
    ids = np.array([5, 99, 5, 0, grid.axes.size - 1, 99], dtype=np.int64)
    found = model_properties(grid, ids)
    for i, model in enumerate(ids):
        alone = model_properties(grid, np.array([model]))
        for name, values in alone.items():
            assert values[0] == pytest.approx(found[name][i], rel=1e-13)
    assert all(v.shape == (0,) for v in model_properties(grid, np.empty(0, dtype=np.int64)).values())


PRINTED = ["lmass", "lmform", "lsfr", "lssfr", "lldust", "llion", "la2t", "Fe5270", "Mg_b", "Hbeta"]
MAGNITUDES = ["M140", "M142", "M161"]


def test_against_the_peer(shared, monkeypatch):
    """The peer's best models, with the scales that it found, have the properties that it printed."""
    folder = shared / "golden" / "outputs"
    monkeypatch.chdir(folder)
    params = read_params("fast.param")
    axes = make_axes(params, history_axes(params))
    grid = ModelGrid(params, axes, [], Rows(0))
    columns = {
        name: np.array(v, dtype=float)
        for name, v in read_fout(folder / "expected" / "gal.fout").columns.items()
    }
    fitted = np.isfinite(columns["z"])
    assert fitted.sum() >= 45
    places = []
    for name, values in axes.as_dict().items():
        wanted = columns[name][fitted] if name in columns else np.zeros(fitted.sum())
        distance = np.abs(values.astype(float)[None] - wanted[:, None])
        assert distance.min(axis=1).max() < 1e-4
        places.append(distance.argmin(axis=1))
    found = model_properties(grid, np.ravel_multi_index(places, axes.shape).astype(np.int64))
    scale = 10 ** columns["lscale"][fitted]
    unscaled = {"lssfr", "la2t", "Fe5270", "Mg_b", "Hbeta"}
    logs = set(PRINTED[:6])
    for name in PRINTED + MAGNITUDES:
        values = found[name] * (1 if name in unscaled else scale)
        if name in logs:
            values = np.where(values > 0, np.log10(np.where(values > 0, values, 1)), -99)
        if name in MAGNITUDES:
            values = -2.5 * np.log10(values) + 23.9
        np.testing.assert_allclose(values, columns[name][fitted], rtol=2e-5, atol=2e-3, err_msg=name)
