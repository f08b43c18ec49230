"""Populations of exp, del and tru histories: interpolation in age, masses, and those built from SSPs."""

from __future__ import annotations

import logging
import weakref

import numpy as np
import pytest

from fastsed._ext.spectra import interpolate_spectra
from fastsed.errors import InputError
from fastsed.library.ised import read_ised
from fastsed.models.axes import history_axes, make_axes
from fastsed.models.kinematics import broaden
from fastsed.models.populations import AGES_AT_ONCE, Basis, GriddedPopulations, broadened, mean_rate
from fastsed.params import read_params
from tests.models.helpers import (
    AGES,
    LAM,
    LOG_TAUS,
    gridded,
    interpolated,
    make_params,
    simple,
    single,
)


def populations(params, metal=0.02):
    axes = make_axes(params, history_axes(params))
    return axes, GriddedPopulations(params, axes, metal)


@pytest.mark.parametrize("metal", [0.008, 0.02])
def test_interpolation_is_linear_in_log_age(library, metal):
    axes, found = populations(make_params(library), metal)
    basis, masses = found.basis(), found.masses(np.arange(10))
    np.testing.assert_array_equal(basis.lam, LAM)
    assert basis.sed.shape == (len(LAM), 10)
    assert basis.n_young == 0
    for number in range(10):
        one = gridded(metal, LOG_TAUS[number % 2])
        lage = float(axes.lage[number // 2])
        np.testing.assert_array_equal(basis.sed[:, number], single(interpolated(one, lage, one.sed)))
        for values, expected in (
            (masses.surviving, one.mass),
            (masses.sfr, one.sfr),
            (masses.formed, one.formed),
        ):
            assert values[number] == pytest.approx(interpolated(one, lage, expected), rel=1e-10)


@pytest.mark.parametrize(
    ("n_history", "n_age", "n_lam"), [(1, 1, 1), (2, 17, 255), (3, 5, 257), (7, 33, 700)]
)
def test_spectra_side_by_side(n_history, n_age, n_lam):
    rng = np.random.default_rng(0)
    # views of longer records, as those of a file
    histories = [rng.random((20 + i, n_lam + 3)).astype(np.float32)[:, :n_lam] for i in range(n_history)]
    left = rng.integers(0, 19, (n_history, n_age))
    early, late = rng.random((2, n_history, n_age))
    out = np.empty((n_lam, n_age * n_history), dtype=np.float32)
    interpolate_spectra(histories, left, early, late, out)
    for h, sed in enumerate(histories):
        for a in range(n_age):
            expected = sed[left[h, a]] * early[h, a] + sed[left[h, a] + 1] * late[h, a]
            np.testing.assert_allclose(out[:, a * n_history + h], expected, rtol=1e-7)


def test_more_ages_than_are_in_memory_together(library):
    axes, found = populations(make_params(library, "LOG_AGE_STEP=0.05"))
    sed = found.basis().sed
    assert len(axes.lage) > 2 * AGES_AT_ONCE
    for number in range(sed.shape[1]):
        one = gridded(0.02, LOG_TAUS[number % 2])
        expected = single(interpolated(one, float(axes.lage[number // 2]), one.sed))
        np.testing.assert_array_equal(sed[:, number], expected)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f8"])
def test_spectra_in_memory_are_cut_down_to_those_in_use(library, monkeypatch, dtype):
    """Of any kind of number; the whole arrays are gone when the spectra are put side by side."""
    _, found = populations(make_params(library))
    expected = found.basis().sed
    whole = []

    def read(path, metal, log_tau, lazy):
        one = gridded(metal, log_tau)
        one.sed = single(one.sed).astype(dtype)
        whole.append(weakref.ref(one.sed))
        return one

    def interpolate(*arguments):
        assert len(whole) == 2
        assert all(sed() is None for sed in whole)
        interpolate_spectra(*arguments)

    monkeypatch.setattr("fastsed.models.populations.read_library", read)
    monkeypatch.setattr("fastsed.models.populations.interpolate_spectra", interpolate)
    _, again = populations(make_params(library))
    np.testing.assert_array_equal(again.basis().sed, expected)


def test_at_the_ages_of_the_library_nothing_is_mixed(library):
    _, found = populations(make_params(library, "LOG_AGE_MIN=7", "LOG_AGE_MAX=8", "LOG_AGE_STEP=1"))
    sed = found.basis().sed
    np.testing.assert_allclose(sed[:, 0], gridded(0.02, 8.5).sed[AGES == 1e7][0], rtol=1e-10)
    np.testing.assert_allclose(sed[:, 3], gridded(0.02, 9.5).sed[AGES == 1e8][0], rtol=1e-10)


def test_masses_before_spectra(library):
    _, first = populations(make_params(library))
    masses = first.masses(np.array([3, 0]))
    _, second = populations(make_params(library))
    second.basis()
    np.testing.assert_array_equal(masses.surviving, second.masses(np.array([3, 0])).surviving)


def test_ranges_cover_all_populations_once(library):
    _, found = populations(make_params(library))
    for limit in (1, 2, 5, 7, 1000):
        parts = list(found.ranges(limit))
        np.testing.assert_array_equal(np.concatenate([np.arange(*part) for part in parts]), np.arange(10))
    assert found.weights(np.arange(3)) is None
    assert found.weights_of_range(0, 4) is None


def test_sfr_averaged_over_the_past(library):
    params = make_params(library, "SFR_AVG=300")
    axes, found = populations(params)
    sfr = found.masses(np.arange(10)).sfr
    for number in range(10):
        one, age = gridded(0.02, LOG_TAUS[number % 2]), 10 ** float(axes.lage[number // 2])
        x = np.union1d(AGES, np.linspace(max(age - 3e8, 0), age, 1001))
        x = x[(x >= age - 3e8) & (x <= age)]
        assert sfr[number] == pytest.approx(np.trapezoid(np.interp(x, AGES, one.sfr), x) / 3e8, rel=1e-10)


def test_mean_rate_of_a_constant_history():
    times = np.array([0.0, 1e6, 1e9, 1e10])
    ages = np.array([5e6, 1e8, 1e9, 5e9])
    found = mean_rate(times, np.full(4, 3.0), ages, 1e8)
    np.testing.assert_allclose(found, [3.0 * 5e6 / 1e8, 3.0, 3.0, 3.0], rtol=1e-12)


def test_mean_rate_long_after_the_stars_formed():
    times = np.linspace(0.0, 1e10, 101)
    rates = np.exp(-times / 2e8)
    found = mean_rate(times, rates, np.array([9.95e9]), 3e8)
    x = np.array([9.65e9, 9.7e9, 9.8e9, 9.9e9, 9.95e9])
    assert found[0] == pytest.approx(np.trapezoid(np.interp(x, times, rates), x) / 3e8, rel=1e-12)
    assert 0 < found[0] < 1e-19


def test_mean_rate_of_a_built_history_long_after_the_stars_formed(library):
    params = make_params(library, "SFH=exp", "LOG_TAU_MIN=7.5", "LOG_TAU_MAX=7.5", "SFR_AVG=100")
    axes, found = populations(params)
    age, tau = 10 ** axes.lage.astype(float), 10**7.5
    expected = np.exp(-np.maximum(age - 1e8, 0) / tau) * -np.expm1(-np.minimum(age, 1e8) / tau) / 1e8
    assert expected[-1] < 1e-70
    np.testing.assert_allclose(found.masses(np.arange(len(age))).sfr, expected, rtol=1e-10)


def test_history_of_a_gridded_library(library):
    # the samples of the library up to the age, and the interpolated rate at the age itself
    axes, found = populations(make_params(library))
    one = gridded(0.02, 9.5)
    for ilage, lage in enumerate(axes.lage.astype(float)):
        age = 10**lage
        times = np.array([*AGES[age > AGES], age])
        rates = np.array([*one.sfr[age > AGES], interpolated(one, lage, one.sfr)])
        lookback = np.linspace(0.0, age * 0.9999, 50)
        history = found.history(2 * ilage + 1, lookback)
        np.testing.assert_allclose(history, np.interp(age - lookback, times, rates), rtol=1e-9)
        assert found.history(2 * ilage + 1, np.array([age * 1.01]))[0] == 0
        rows, t, sfr = next(iter(found.histories(np.array([2 * ilage + 1]))))
        assert rows.tolist() == [0]
        assert t[0] == 0
        assert (np.diff(t) > 0).all()
        np.testing.assert_allclose(np.interp(lookback, t, sfr[0]), history, rtol=1e-9)


def test_history_of_a_built_one(library):
    axes, found = populations(make_params(library, "SFH=del"))
    age, tau = 10 ** float(axes.lage[2]), 10**8.5
    lookback = np.linspace(0.0, age * 0.999, 40)
    expected = (age - lookback) / tau**2 * np.exp(-(age - lookback) / tau)
    np.testing.assert_allclose(found.history(4, lookback), expected, rtol=2e-3)


def test_built_from_ssps(library, caplog):
    keys = ["SFH=del", "LOG_AGE_MIN=6.5", "LOG_AGE_MAX=10", "LOG_AGE_STEP=0.7", "SFR_AVG=50"]
    with caplog.at_level(logging.INFO):
        axes, found = populations(make_params(library, *keys))
    assert (
        "no pre-gridded 'del' library for log(tau/yr) = 8.5 at Z=0.02: building all 2 values" in caplog.text
    )
    assert "built on the fly" in found.sources[0]
    n = len(axes.lage) * 2
    basis, masses = found.basis(), found.masses(np.arange(n))
    ssp = simple(0.02)
    for number in range(n):
        age, tau = 10 ** float(axes.lage[number // 2]), 10 ** LOG_TAUS[number % 2]
        # lookback 0 to age, fine enough for a trapezoid
        t = np.unique(np.concatenate([np.linspace(0, age, 40001), AGES[age > AGES]]))
        rate = (age - t) / tau**2 * np.exp(-(age - t) / tau)
        assert masses.formed[number] == pytest.approx(np.trapezoid(rate, t), rel=1e-5)
        assert masses.surviving[number] == pytest.approx(
            np.trapezoid(rate * np.interp(t, AGES, ssp.mass), t), rel=1e-5
        )
        recent = t <= 5e7
        assert masses.sfr[number] == pytest.approx(np.trapezoid(rate[recent], t[recent]) / 5e7, rel=3e-3)
        for i in (0, 100, 300):
            light = np.trapezoid(rate * np.interp(t, AGES, ssp.sed[:, i]), t)
            assert basis.sed[i, number] == pytest.approx(light, rel=1e-5)


def shared_params(shared, sfh, *keys):
    return read_params(
        None,
        [
            f"LIBRARY_DIR={shared / 'data' / 'libraries'}", "LIBRARY=bc03", "RESOLUTION=lr", "IMF=kr",
            f"SFH={sfh}", "LOG_TAU_MIN=8.5", "LOG_TAU_MAX=10",
            "LOG_AGE_MIN=7.5", "LOG_AGE_MAX=10", "LOG_AGE_STEP=0.25", *keys,
        ],
    )  # fmt: skip


@pytest.mark.parametrize("sfh", ["exp", "del", "tru"])
def test_built_ones_are_those_of_the_pre_gridded_files(shared, tmp_path, sfh):
    (tmp_path / "ssp.lr").symlink_to(shared / "data" / "libraries" / "ssp.lr")
    axes, filed = populations(shared_params(shared, sfh))
    _, built = populations(shared_params(shared, sfh, f"LIBRARY_DIR={tmp_path}"))
    assert "on the fly" in built.sources[0]
    assert filed.sources[0].endswith(f"ised_{sfh}.lr")
    ours, theirs = built.basis(), filed.basis()
    np.testing.assert_allclose(ours.lam, theirs.lam, rtol=1e-6)
    numbers = np.arange(axes.n_history * len(axes.lage))
    a, b = built.masses(numbers), filed.masses(numbers)
    # FAST's files are rough in age where the history is steep: after a truncation, long after tau
    age, tau = np.repeat(axes.lage, 4), np.tile(axes.values[5], len(axes.lage))
    smooth = age < (tau - 0.3 if sfh == "tru" else tau + 0.8)
    late = age > tau + 0.3
    np.testing.assert_allclose(a.surviving[smooth], b.surviving[smooth], rtol=0.01)
    np.testing.assert_allclose(a.sfr[smooth], b.sfr[smooth], rtol=0.01)
    np.testing.assert_allclose(a.surviving[late], b.surviving[late], rtol=0.03)
    # FAST sums what a file formed in rectangles
    np.testing.assert_allclose(a.formed[smooth], b.formed[smooth], rtol=0.06)
    ultraviolet, optical = ((ours.lam > low) & (ours.lam < 30000) for low in (1200, 4000))
    np.testing.assert_allclose(
        ours.sed[ultraviolet][:, smooth], theirs.sed[ultraviolet][:, smooth], rtol=0.01
    )
    np.testing.assert_allclose(ours.sed[optical][:, late], theirs.sed[optical][:, late], rtol=0.05)


def test_masses_of_an_ised_file(shared):
    folder = shared / "data" / "libraries" / "ised_del.lr"
    one = read_ised(folder / "bc03_lr_kr_z02_ltau9.0.ised")
    axes, found = populations(shared_params(shared, "del"))
    masses = found.masses(np.arange(axes.n_history * len(axes.lage)))
    formed = np.concatenate([[0.0], np.cumsum(one.sfr[1:] * np.diff(one.ages))])
    known = one.ages > 0
    for ilage, lage in enumerate(axes.lage.astype(float)):
        number = ilage * 4 + 1
        expected = np.interp(lage, np.log10(one.ages[known]), one.mass[known])
        assert masses.surviving[number] == pytest.approx(expected, rel=1e-9)
        assert masses.formed[number] == pytest.approx(
            np.interp(lage, np.log10(one.ages[known]), formed[known]), rel=1e-6
        )


def test_missing_library(library):
    params = make_params(library, "LIBRARY=nobody")
    with pytest.raises(
        InputError, match=r"no stellar library for nobody_lr_ch, metallicity 0.02, SFH exp.*toy_lr_ch"
    ):
        populations(params)
    with pytest.raises(InputError, match=r"metallicities 0.008, 0.02 \(nearest: 0.02\)"):
        populations(make_params(library), 0.03)


def test_velocity_dispersion_changes_line_shapes_only():
    lam = np.arange(4000.0, 6000.0, 0.5)
    line = 1.0 + 20.0 * np.exp(-0.5 * ((lam - 5000.0) / 1.5) ** 2)
    narrow = Basis(lam, np.stack([line, 2 * line], axis=1), 1)
    wide = broadened(narrow, 300.0)
    assert wide.n_young == 1
    assert wide.sed.flags.c_contiguous
    inside = (lam > 4500) & (lam < 5500)
    np.testing.assert_allclose(
        np.trapezoid(wide.sed[inside], lam[inside], axis=0),
        np.trapezoid(narrow.sed[inside], lam[inside], axis=0),
        rtol=1e-4,
    )
    assert wide.sed[lam == 5000.0, 0] < 0.5 * line.max()
    np.testing.assert_allclose(wide.sed[:, 1], 2 * wide.sed[:, 0], rtol=1e-12)
    assert broadened(narrow, 0.0) is narrow


def test_velocity_dispersion_of_a_library(library):
    _, plain = populations(make_params(library))
    _, wide = populations(make_params(library, "APPLY_VDISP=250"))
    expected = single(broaden(LAM, plain.basis().sed.T.astype(float), 250.0).T)
    np.testing.assert_array_equal(wide.basis().sed, expected)
    np.testing.assert_array_equal(wide.masses(np.arange(4)).surviving, plain.masses(np.arange(4)).surviving)
