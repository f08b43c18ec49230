"""Composite populations, against adaptive quadrature, closed forms and the shared pre-gridded libraries."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from fastsed.errors import InputError
from fastsed.library.csp import csp_formed, csp_history, csp_weights
from fastsed.library.ised import gridded_name, read_ised
from fastsed.library.ssp import read_ssp

from .make_files import AGES, LIVING, SED

SFR = {
    "exp": lambda t, tau: np.exp(-t / tau) / tau,
    "del": lambda t, tau: t / tau**2 * np.exp(-t / tau),
    "tru": lambda t, tau: (t <= tau) / tau,
}
TAUS = [1e5, 10**6.5, 1e8, 10**9.3, 1e10, 1e13]
TIMES = [5e5, 1e6, 2.7e7, 1e9, 9.3e9, 1e10]


def by_quadrature(sfh, tau, time, values, ages=AGES):
    """The convolution integral, bin by bin and scale by scale, for one number per age."""
    edges = [0.0, *ages[ages < time], time]
    edges += [time - x * tau for x in (0.01, 0.1, 1, 3, 10, 40) if time > x * tau]
    edges = np.unique(edges)
    # rates are per tau, so that the absolute error of quad is small compared with the answer
    pieces = [
        quad(
            lambda a: SFR[sfh](time - a, tau) * tau * np.interp(a, ages, values),
            low,
            high,
            epsabs=0,
            epsrel=1e-11,
            limit=200,
        )[0]
        if SFR[sfh](time - 0.5 * (low + high), tau) > 0
        else 0.0
        for low, high in pairwise(edges)
    ]
    return np.sum(pieces) / tau


@pytest.mark.parametrize("sfh", ["exp", "del", "tru"])
@pytest.mark.parametrize("tau", TAUS)
def test_weights_against_quadrature(sfh, tau):
    weights = csp_weights(AGES, sfh, tau, TIMES)
    assert weights.shape == (len(TIMES), AGES.size)
    assert np.all(weights >= 0)
    for k, time in enumerate(TIMES):
        expected = by_quadrature(sfh, tau, time, LIVING)
        assert weights[k] @ LIVING == pytest.approx(expected, rel=1e-8, abs=1e-290)
        # with an alternating spectrum, where an error in one weight cannot be made up by its neighbour
        jagged = SED[:, 0]
        assert weights[k] @ jagged == pytest.approx(
            by_quadrature(sfh, tau, time, jagged), rel=1e-8, abs=1e-290
        )


@pytest.mark.parametrize("sfh", ["exp", "del", "tru"])
@pytest.mark.parametrize("tau", TAUS)
def test_weights_add_up_to_the_mass_formed(sfh, tau):
    times = np.concatenate([[0.0], np.geomspace(1e3, 3e10, 60)])
    sfr, formed = csp_history(sfh, tau, times)
    weights = csp_weights(AGES, sfh, tau, times)
    # T - tau, the age of the oldest stars of "tru", has a relative rounding error of eps * T / tau
    np.testing.assert_allclose(weights.sum(axis=1), formed, rtol=1e-10 if sfh == "tru" else 1e-13)
    np.testing.assert_allclose(sfr, SFR[sfh](times, tau), rtol=1e-14)
    np.testing.assert_array_equal(weights[0], 0.0)


def test_small_times_keep_their_digits():
    _, formed = csp_history("del", 1e10, [1e2])
    assert formed[0] == pytest.approx(0.5e-16 * (1 - 2e-8 / 3), rel=1e-12)
    _, formed = csp_history("exp", 1e10, [1e2])
    assert formed[0] == pytest.approx(1e-8 * (1 - 0.5e-8), rel=1e-14)


@pytest.mark.parametrize("sfh", ["exp", "del", "tru"])
@pytest.mark.parametrize("tau", [1e7, 10**8.5, 1e10])
@pytest.mark.parametrize("span", [1e5, 1e8, 3e9])
def test_mass_formed_between_two_times_keeps_its_digits(sfh, tau, span):
    # however little of the mass formed before it is: a difference of two masses would be 0, or noise
    for start in (0.0, 1e4, 1e6, 3e8, 1e10):
        edges = [start + span * x for x in np.geomspace(1e-4, 1, 60)]
        edges = np.unique([start, *edges, *([tau] if start < tau < start + span else [])])
        expected = sum(
            quad(lambda t: SFR[sfh](t, tau), low, high, epsabs=0, epsrel=1e-12)[0]
            for low, high in pairwise(edges)
            if SFR[sfh](0.5 * (low + high), tau) > 0
        )
        assert csp_formed(sfh, tau, start, start + span) == pytest.approx(expected, rel=1e-10, abs=1e-290)


def test_constant_history_in_closed_form():
    # S(a) = a on [0, 1e10], constant SFR: the integral is T^2 / (2 tau)
    weights = csp_weights(AGES, "tru", 2e10, [4e9])
    assert weights[0] @ AGES == pytest.approx(4e9**2 / (2 * 2e10), rel=1e-14)


def test_outside_the_library_the_nearest_population_counts():
    ages = AGES[2:]
    weights = csp_weights(ages, "exp", 1e9, [1e6, 5e10])
    _, formed = csp_history("exp", 1e9, [1e6, 5e10])
    np.testing.assert_allclose(weights.sum(axis=1), formed, rtol=1e-13)
    assert weights[0, 0] == pytest.approx(formed[0], rel=1e-13)
    np.testing.assert_array_equal(weights[0, 1:], 0.0)


@pytest.mark.parametrize(
    ("sfh", "tau", "ages", "message"),
    [
        ("burst", 1e9, AGES, "'burst' cannot be built"),
        ("exp", 0.0, AGES, "time scale is 0 yr"),
        ("exp", np.nan, AGES, "time scale is nan yr"),
        ("exp", 1e9, AGES[::-1], "must be positive and ascend"),
        ("exp", 1e9, np.array([1e6, 1e6]), "must be positive and ascend"),
    ],
)
def test_bad_input(sfh, tau, ages, message):
    with pytest.raises(InputError, match=message):
        csp_weights(ages, sfh, tau, [1e9])


@pytest.mark.parametrize("ltau", [8.5, 9.0, 9.5, 10.0])
@pytest.mark.parametrize("sfh", ["exp", "del", "tru"])
def test_shared_pregridded_libraries(shared, sfh, ltau):
    """Within 1 %; the reference is a trapezoid, which smears the end of a truncated history by one step.

    That step, of a 400-point grid of T, adds up to 3 % of the mass for a while after T = tau.
    """
    folder = shared / "data/libraries"
    reference = read_ised(folder / f"ised_{sfh}.lr" / gridded_name("bc03", "lr", "kr", 0.02, ltau))
    ssp = read_ssp(folder / "ssp.lr/bc03_lr_kr_z02.ised_ASCII")
    weights = csp_weights(ssp.ages, sfh, 10**ltau, ssp.ages)
    sed, (sfr, _) = weights @ ssp.sed, csp_history(sfh, 10**ltau, ssp.ages)
    aged = (ssp.ages >= 10**7.5) & (ssp.ages <= 10**10.1)
    optical = (ssp.lam > 3200) & (ssp.lam < 10000)
    tolerance = 0.001 if sfh != "tru" else 0.03
    window = np.ix_(aged, optical)
    np.testing.assert_allclose(sed[window], reference.sed[window], rtol=tolerance)
    np.testing.assert_allclose((weights @ ssp.mass)[aged], reference.mass[aged], rtol=tolerance)
    np.testing.assert_allclose(sfr, reference.sfr, rtol=1e-5, atol=1e-17)
    if sfh == "tru":
        calm = aged & (ssp.ages < 0.98 * 10**ltau)  # before the smeared end 1 % holds
        window = np.ix_(calm, optical)
        np.testing.assert_allclose(sed[window], reference.sed[window], rtol=0.01)
