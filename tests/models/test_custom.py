"""Populations of CUSTOM_SFH: fast routes against the plain one, masses against integrals of the formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.expressions import ExpressionError
from fastsed.models.axes import history_axes, make_axes
from fastsed.models.custom import CustomPopulations, aligned_ranges, range_parameters
from tests.models.helpers import AGES, LAM, custom_weights, make_params, simple

FORMULA = [
    "CUSTOM_SFH=exp(-t/10^ltau1)*(1 + a*(t > b*1e8)) + c*(lage - 7)",
    "CUSTOM_PARAMS=[ltau1,a,b,c]",
    *("LTAU1_MIN=8", "LTAU1_MAX=9", "LTAU1_STEP=0.5", "A_MIN=0", "A_MAX=3", "A_STEP=1"),
    *("B_MIN=1", "B_MAX=2", "B_STEP=1", "C_MIN=0", "C_MAX=0.2", "C_STEP=0.1", "CUSTOM_SFH_STEP=3"),
    *("LOG_AGE_MIN=7.7", "LOG_AGE_MAX=9.2"),
]


def populations(library, *keys):
    params = make_params(library, *keys)
    axes = make_axes(params, history_axes(params))
    return axes, CustomPopulations(params, axes, 0.02)


@pytest.mark.parametrize("shape", [(3, 4, 2, 3), (7,), (1, 1), (), (5, 1, 6), (2, 10)])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 24, 10**6])
def test_aligned_ranges(shape, limit):
    parts = list(aligned_ranges(shape, limit))
    assert max(stop - start for start, stop in parts) <= max(limit, 1)
    assert [part[0] for part in parts[1:]] == [part[1] for part in parts[:-1]]
    assert (parts[0][0], parts[-1][1]) == (0, math.prod(shape))
    for start, stop in parts:
        places = np.array(np.unravel_index(np.arange(start, stop), shape)) if shape else np.zeros((0, 1))
        box = math.prod(len(np.unique(axis)) for axis in places)
        assert box == stop - start, "not a box of the axes"


@pytest.mark.parametrize("limit", [1, 5, 24, 100])
def test_range_parameters(library, limit):
    axes, _ = populations(library, *FORMULA)
    for start, stop in aligned_ranges(axes.history_shape, limit):
        boxed = range_parameters(axes, start, stop)
        plain = axes.history_parameters(np.arange(start, stop))
        assert list(boxed) == list(plain) == ["ltau1", "a", "b", "c"]
        spread = np.broadcast_arrays(*boxed.values())
        for one, name in zip(spread, plain, strict=True):
            assert one.shape[-1] == 1, "time comes last"
            np.testing.assert_array_equal(one.ravel(), plain[name])


@pytest.mark.parametrize("limit", [1, 5, 24, 1000])
@pytest.mark.parametrize("lookback", [0, 1])
def test_weights_of_ranges_and_of_numbers(library, limit, lookback):
    axes, found = populations(library, *FORMULA, f"CUSTOM_SFH_LOOKBACK={lookback}")
    total = len(axes.lage) * axes.n_history
    everything = found.weights(np.arange(total))
    covered = 0
    for start, stop in found.ranges(limit):
        assert start == covered
        covered = stop
        np.testing.assert_allclose(found.weights_of_range(start, stop), everything[start:stop], rtol=1e-12)
    assert covered == total
    mixed = np.random.default_rng(0).permutation(total)[:37]
    np.testing.assert_array_equal(found.weights(mixed), everything[mixed])


def formula(t, lage, ltau1, a, b, c):
    return np.exp(-t / 10**ltau1) * (1 + a * (t > b * 1e8)) + c * (lage - 7)


@pytest.mark.parametrize("lookback", [False, True])
def test_weights_against_the_integral_of_the_formula(library, lookback):
    axes, found = populations(library, *FORMULA, f"CUSTOM_SFH_LOOKBACK={lookback:d}")
    for number in (0, 13, 100, axes.n_history * 2 + 5, axes.n_history * 4 - 1):
        ilage, history = divmod(number, axes.n_history)
        lage = float(axes.lage[ilage])
        values = [float(v[0]) for v in axes.history_parameters(np.array([history])).values()]
        t = 3e6 * np.arange(math.ceil(10**lage / 3e6) + 1)
        sfr = formula(t if lookback else 10**lage - t, lage, *values)
        weights = custom_weights(t, sfr)
        np.testing.assert_allclose(found.weights(np.array([number]))[0], weights, rtol=1e-10, atol=1e-6)
        masses = found.masses(np.array([number]))
        surviving = simple(0.02).mass
        assert masses.surviving[0] == pytest.approx(weights @ surviving, rel=1e-10)
        assert masses.formed[0] == pytest.approx(weights.sum() * surviving[0], rel=1e-10)
        assert masses.sfr[0] == pytest.approx(sfr[0], rel=1e-12)
        np.testing.assert_allclose(found.history(number, t[t <= 10**lage]), sfr[t <= 10**lage], rtol=1e-12)
        assert found.history(number, np.array([10**lage * 1.001]))[0] == 0


def test_mass_is_conserved(library):
    # what the formula forms, the SSPs hold: analytic integral of an exponential
    keys = ["CUSTOM_SFH=exp(-t/1e9)", "CUSTOM_SFH_STEP=1", "LOG_AGE_MIN=8", "LOG_AGE_MAX=10"]
    axes, found = populations(library, *keys)
    age = 10.0 ** axes.lage.astype(float)
    formed = found.weights(np.arange(len(age))).sum(axis=1)
    # the time grid ends up to one step before the first stars, where the formula has 1 Msun/yr
    excess = formed - 1e9 * (1 - np.exp(-age / 1e9))
    assert (np.abs(excess - 0.5e6) < 0.51e6).all()


def test_sfr_averaged_over_the_past(library):
    axes, found = populations(library, "CUSTOM_SFH=t*1e-9", "SFR_AVG=100", "LOG_AGE_MIN=7.7")
    age = 10.0 ** axes.lage.astype(float)
    window = np.minimum(1e8, age)
    expected = (age**2 - (age - window) ** 2) / 2 * 1e-9 / 1e8
    np.testing.assert_allclose(found.masses(np.arange(len(age))).sfr, expected, rtol=0.02)
    np.testing.assert_allclose(found.masses(np.arange(1, len(age))).sfr, expected[1:], rtol=1e-9)


def test_basis_puts_young_ssps_first(library):
    _, plain = populations(library, "CUSTOM_SFH=1")
    basis = plain.basis()
    assert basis.n_young == 0
    np.testing.assert_array_equal(basis.lam, LAM)
    np.testing.assert_array_equal(basis.sed, simple(0.02).sed.T)
    for limit, count in ((7.0, 4), (6.9, 3), (8.1, 6)):
        _, two = populations(library, "CUSTOM_SFH=1", "DIFFERENTIAL_A_V=1", f"LOG_BC_AGE_MAX={limit}")
        assert two.basis().n_young == count == np.sum(10**limit >= AGES)


def test_histories_by_age(library):
    axes, found = populations(library, *FORMULA)
    numbers = np.array([5, axes.n_history + 1, 7, 3 * axes.n_history])
    seen = np.zeros(4, dtype=int)
    for rows, t, sfr in found.histories(numbers):
        assert sfr.shape == (len(rows), len(t))
        age = 10 ** float(axes.lage[numbers[rows[0]] // axes.n_history])
        assert age <= t[-1] < age + 3e6
        for row, one in zip(rows, sfr, strict=True):
            inside = t <= age
            np.testing.assert_allclose(one[inside], found.history(int(numbers[row]), t[inside]), rtol=1e-12)
        seen[rows] += 1
    assert (seen == 1).all()


def test_missing_ssps(library):
    with pytest.raises(InputError, match=r"no stellar library for nobody_lr_ch, metallicity 0\.02;"):
        populations(library, "LIBRARY=nobody", "CUSTOM_SFH=1")


def test_unknown_name_in_the_formula(library):
    with pytest.raises(ExpressionError, match="tau"):
        populations(library, "CUSTOM_SFH=exp(-t/tau)")
