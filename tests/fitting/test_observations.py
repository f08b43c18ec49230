"""Redshift windows for every way to know a redshift, and the table of data columns."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from fastsed.fitting.observations import choose_rows, make_observations, redshift_windows
from fastsed.inputs.catalog import Catalog
from fastsed.inputs.luminosity import InfraredLuminosities
from fastsed.inputs.redshifts import Redshifts
from fastsed.models.axes import history_axes, make_axes
from fastsed.params import read_params
from tests.models.helpers import make_filter

NO = np.nan
# none, z_spec, z_phot with interval, both, z_phot without interval, half an interval
Z_SPEC = np.array([NO, 2.0, NO, 0.5, NO, NO])
Z_PHOT = np.array([NO, NO, 1.1, 2.6, 0.9, 1.0])
LOWER = np.array([NO, NO, 0.8, 2.2, NO, 0.5])
UPPER = np.array([NO, NO, 1.6, 2.9, NO, NO])
ALL = (0, 5)

CASES = [
    # keys, window of each source, window of the best fit where it is another
    ([], [ALL, (3, 3), ALL, (0, 0), ALL, ALL], {}),
    (["FORCE_ZPHOT=1"], [ALL, (3, 3), (1, 1), (0, 0), (1, 1), (1, 1)], {}),
    (["BEST_AT_ZPHOT=1"], [ALL, (3, 3), ALL, (0, 0), ALL, ALL], {2: (1, 1), 4: (1, 1), 5: (1, 1)}),
    (["FORCE_ZPHOT=1", "BEST_AT_ZPHOT=1"], [ALL, (3, 3), (1, 1), (0, 0), (1, 1), (1, 1)], {}),
    (["ZPHOT_CONF=68"], [ALL, (3, 3), (1, 2), (0, 0), ALL, ALL], {}),
    (["ZPHOT_CONF=95", "FORCE_ZPHOT=1"], [ALL, (3, 3), (1, 1), (0, 0), (1, 1), (1, 1)], {}),
    (
        ["ZPHOT_CONF=99", "BEST_AT_ZPHOT=1"],
        [ALL, (3, 3), (1, 2), (0, 0), ALL, ALL],
        {2: (1, 1), 4: (1, 1), 5: (1, 1)},
    ),
]


def grid(*keys):
    params = read_params(None, ["Z_MIN=0.5", "Z_MAX=3", "Z_STEP=0.5", *keys])
    return params, make_axes(params, history_axes(params))


@pytest.mark.parametrize(("keys", "windows", "best"), CASES, ids=[" ".join(k) or "none" for k, _, _ in CASES])
def test_windows(keys, windows, best):
    params, axes = grid(*keys)
    fittable = np.ones(6, dtype=bool)
    first, last, best_first, best_last = redshift_windows(
        params, axes, Redshifts(Z_SPEC, Z_PHOT, LOWER, UPPER), fittable
    )
    assert list(zip(first.tolist(), last.tolist(), strict=True)) == windows
    expected = [best.get(i, window) for i, window in enumerate(windows)]
    assert list(zip(best_first.tolist(), best_last.tolist(), strict=True)) == expected


@pytest.mark.parametrize("keys", [case[0] for case in CASES])
def test_unfittable_sources_have_empty_windows(keys):
    params, axes = grid(*keys)
    first, last, best_first, best_last = redshift_windows(
        params, axes, Redshifts(Z_SPEC, Z_PHOT, LOWER, UPPER), np.zeros(6, dtype=bool)
    )
    assert (first > last).all()
    assert (best_first > best_last).all()


def test_inputs_are_left_alone():
    params, axes = grid("FORCE_ZPHOT=1")
    redshifts = Redshifts(Z_SPEC.copy(), Z_PHOT.copy(), LOWER.copy(), UPPER.copy())
    redshift_windows(params, axes, redshifts, np.ones(6, dtype=bool))
    np.testing.assert_array_equal(redshifts.z_spec, Z_SPEC)


# --- data columns -----------------------------------------------------------------------------------------

FILTERS = [make_filter(3000.0, 4000.0, number=1), make_filter(5000.0, 6000.0, number=2)]
CHANNELS = [make_filter(low, low + 50.0, 2, number=0) for low in (5000.0, 5050.0, 5100.0)]


def catalog(n_channels=0):
    rng = np.random.default_rng(0)
    n_band = 2 + n_channels
    flux, error = rng.random((4, n_band)), rng.random((4, n_band)) + 0.1
    flux[1, 1], error[1, 1] = 0, np.inf
    flux[2, 2:], error[2, 2:] = 0, np.inf  # no spectrum
    flux[3, :2], error[3, :2] = 0, np.inf  # a spectrum only
    fittable = np.array([True, True, True, n_channels > 0])
    bands = np.array([1, 2] + [0] * n_channels)
    return Catalog(list("abcd"), bands, flux, error, np.full(4, NO), fittable, np.zeros(4, dtype=bool))


LUMINOSITIES = InfraredLuminosities(
    value=np.array([1e10, 11.0, 3e9, 0.0]),
    error=np.array([1e9, 0.2, 5e8, np.inf]),
    log=np.array([False, True, False, False]),
    component=np.array([0, 2, 1, 0]),
)


def observed(*keys, n_channels=0, luminosities=None):
    params, axes = grid(*keys)
    sources = catalog(n_channels)
    rows = choose_rows(sources, luminosities)
    none = np.full(4, NO)
    filters = FILTERS + CHANNELS[:n_channels]
    redshifts = Redshifts(none, none, none, none)
    return sources, rows, make_observations(params, axes, sources, filters, luminosities, redshifts, rows)


def test_photometry():
    sources, rows, data = observed()
    assert (rows.n_photometry, rows.n_channels, rows.components) == (2, 0, ())
    np.testing.assert_array_equal(data.value, sources.flux)
    np.testing.assert_array_equal(data.variance, sources.error**2)
    assert (data.n_sources, data.n_columns, data.n_main) == (4, 2, 2)
    assert data.n_data().tolist() == [2, 1, 2, 0]
    assert not data.template_error.any()
    assert (data.log_component == -1).all()
    assert data.last_z.tolist() == [5, 5, 5, -1]


def test_luminosities_and_spectra():
    sources, rows, data = observed("AUTO_SCALE=1", "SPECTRUM=some", n_channels=3, luminosities=LUMINOSITIES)
    assert rows.components == (0, 1)
    assert data.n_main == 4
    assert data.n_columns == 7
    assert data.value.flags.c_contiguous
    np.testing.assert_array_equal(data.value[:, [0, 1, 4, 5, 6]], sources.flux)
    np.testing.assert_array_equal(data.value[:, 2:4], [[1e10, 0], [0, 0], [0, 3e9], [0, 0]])
    np.testing.assert_array_equal(
        data.variance[:, 2:4], [[1e18, np.inf], [np.inf] * 2, [np.inf, 2.5e17], [np.inf] * 2]
    )
    assert data.log_component.tolist() == [-1, 2, -1, -1]
    assert (data.log_lir[1], data.log_error[1]) == (11.0, 0.2)
    # a scale of its own takes both a spectrum and photometry
    assert data.own_spec_scale.tolist() == [1, 1, 0, 0]
    assert data.n_data().tolist() == [6, 5, 3, 3]


def test_no_own_scale_unless_asked():
    _, _, data = observed("SPECTRUM=some", n_channels=3)
    assert not data.own_spec_scale.any()


def test_template_errors_of_photometry_and_spectra(tmp_path):
    for name, value in (("phot", 0.1), ("spec", 0.3)):
        (tmp_path / name).write_text(f"100 {value}\n1000000 {value}\n")
    keys = [f"TEMP_ERR_FILE={tmp_path / 'phot'}", f"TEMP_ERR_SPEC_FILE={tmp_path / 'spec'}", "SPECTRUM=some"]
    _, _, data = observed(*keys, n_channels=3, luminosities=LUMINOSITIES)
    np.testing.assert_allclose(
        data.template_error, np.tile([0.1, 0.1, 0, 0, 0.3, 0.3, 0.3], (6, 1)), rtol=1e-12
    )


def test_auto_scale_without_photometry(caplog):
    params, axes = grid("AUTO_SCALE=1", "SPECTRUM=some")
    flux = np.ones((2, 3))
    sources = Catalog(
        ["a", "b"],
        np.zeros(3, dtype=int),
        flux,
        flux,
        np.full(2, NO),
        np.ones(2, dtype=bool),
        np.zeros(2, dtype=bool),
    )
    none = np.full(2, NO)
    rows = choose_rows(sources, None)
    with caplog.at_level(logging.WARNING):
        data = make_observations(
            params, axes, sources, CHANNELS, None, Redshifts(none, none, none, none), rows
        )
    assert "AUTO_SCALE" in caplog.text
    assert not data.own_spec_scale.any()


def set_windows(data, first, last):
    data.first_z = data.best_first_z = np.array(first)
    data.last_z = data.best_last_z = np.array(last)


def test_redshifts_needed():
    _, _, data = observed()
    set_windows(data, [1, 4, 0, 2], [2, 4, -1, 2])
    assert data.redshifts_needed(6).tolist() == [False, True, True, False, True, False]
    set_windows(data, [0, 0, 0, 0], [-1, -1, -1, -1])
    assert not data.redshifts_needed(6).any()
    set_windows(data, [0, 0, 0, 0], [5, 5, 5, 5])
    assert data.redshifts_needed(6).all()


def test_a_best_fit_outside_its_interval_is_wanted_too():
    # BEST_AT_ZPHOT with a photometric redshift outside ZPHOT_CONF: FAST++ takes the best fit there
    _, _, data = observed()
    set_windows(data, [1, 0, 0, 0], [2, -1, -1, -1])
    data.best_first_z = np.array([4, 0, 0, 0])
    data.best_last_z = np.array([4, -1, -1, -1])
    assert data.redshifts_needed(6).tolist() == [False, True, True, False, True, False]
