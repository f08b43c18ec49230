"""Star formation histories: conserved mass, closed forms, and a plain walk for the shape quantities."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.models.sfh import (
    lookback_grid,
    mean_sfr,
    sfh_quantities,
    ssp_bin_edges,
    ssp_weights,
)
from fastsed.sfh_quantities import parse_sfh_quantities

AGES = np.concatenate([[0.0], np.geomspace(1e5, 2e10, 120)])


def one(name, t, sfr):
    return sfh_quantities(t, np.atleast_2d(sfr).astype(float), parse_sfh_quantities([name]))[0, 0]


def test_lookback_grid():
    np.testing.assert_array_equal(lookback_grid(2.5e6, 1e6), [0, 1e6, 2e6, 3e6])
    np.testing.assert_array_equal(lookback_grid(2e6, 1e6), [0, 1e6, 2e6])
    np.testing.assert_array_equal(lookback_grid(0.0, 1e6), [0])


def test_bin_edges():
    np.testing.assert_array_equal(ssp_bin_edges(np.array([0.0, 2.0, 6.0])), [0, 1, 4, 6])
    np.testing.assert_array_equal(ssp_bin_edges(np.array([1.0, 3.0])), [0, 2, 3])


@pytest.mark.parametrize("step", [2e5, 1e6, 3.3e7, 4e8])
@pytest.mark.parametrize("age", [4e6, 1e9, 1.3e10])
def test_mass_is_conserved(step, age):
    t = lookback_grid(age, step)
    sfr = np.random.default_rng(5).random((7, t.size))
    weights = ssp_weights(t, sfr, AGES)
    assert weights.shape == (7, AGES.size)
    np.testing.assert_allclose(weights.sum(axis=1), np.trapezoid(sfr, t, axis=1), rtol=1e-12)


@pytest.mark.parametrize("step", [2e5, 1e6, 5e7])
def test_each_bin_against_a_fine_trapezoid(step):
    t = lookback_grid(3e9, step)
    sfr = np.random.default_rng(6).random((1, t.size))
    edges = ssp_bin_edges(AGES)
    weights = ssp_weights(t, sfr, AGES)[0]
    for low, up, weight in zip(edges[:-1], edges[1:], weights, strict=True):
        low, up = min(low, t[-1]), min(up, t[-1])
        nodes = np.concatenate([[low], t[(t > low) & (t < up)], [up]])
        expected = np.trapezoid(np.interp(nodes, t, sfr[0]), nodes)
        assert weight == pytest.approx(expected, rel=1e-10)


def test_exponential_history():
    tau, age = 1e9, 1e10
    t = lookback_grid(age, 1e6)
    weights = ssp_weights(t, np.exp((t - age) / tau)[None], AGES)[0]
    edges = np.minimum(ssp_bin_edges(AGES), age)
    expected = tau * np.diff(np.exp((edges - age) / tau))
    np.testing.assert_allclose(weights, expected, rtol=1e-6)


def test_history_longer_than_the_library_is_cut():
    t = lookback_grid(10.0, 1.0)
    weights = ssp_weights(t, np.ones((1, 11)), np.array([0.0, 2.0, 6.0]))
    np.testing.assert_allclose(weights, [[1, 3, 2]])


def test_no_time_no_stars():
    np.testing.assert_array_equal(ssp_weights(np.zeros(1), np.ones((2, 1)), AGES), 0.0)
    assert ssp_weights(np.arange(3.0), np.ones((0, 3)), AGES).shape == (0, AGES.size)


def test_threads_do_not_change_the_result():
    t = lookback_grid(1e9, 1e6)
    sfr = np.random.default_rng(8).random((101, t.size))
    np.testing.assert_array_equal(ssp_weights(t, sfr, AGES, 1), ssp_weights(t, sfr, AGES, 3))
    wanted = parse_sfh_quantities(["tsf", "tform50", "tquench2", "brate10"])
    one_thread, three = (sfh_quantities(t, sfr, wanted, n) for n in (1, 3))
    np.testing.assert_array_equal(one_thread, three)


def test_mean_rate():
    t = lookback_grid(1e7, 1e6)
    sfr = np.array([t / 1e6, np.full(t.size, 4.0)])
    np.testing.assert_allclose(mean_sfr(t, sfr, 2.5e6), [1.25, 4.0])
    np.testing.assert_allclose(mean_sfr(t, sfr, 2e7), [2.5, 2.0])  # divided by the window, not the age
    np.testing.assert_array_equal(mean_sfr(t, sfr, 0.0), [0.0, 4.0])


def test_quantities_of_a_constant_history():
    t = lookback_grid(1e9, 1e6)
    sfr = np.full(t.size, 3.0)
    assert one("tsf", t, sfr) == pytest.approx(0.68e9)
    assert one("past_sfr", t, sfr) == pytest.approx(3.0)
    assert one("sfr100", t, sfr) == pytest.approx(3.0)
    assert one("brate100", t, sfr) == pytest.approx(1.0)
    assert one("tform50", t, sfr) == pytest.approx(0.5e9)
    assert one("tform90", t, sfr) == pytest.approx(0.1e9)
    assert one("tform100", t, sfr) == 0
    assert one("tquench10", t, sfr) == 0


def test_quantities_of_an_exponential_history():
    tau, age = 5e8, 1e10
    t = lookback_grid(age, 1e6)
    sfr = np.exp((t - age) / tau)
    span = -tau * np.log(0.32)  # the first 68% of the stars, at the old end
    past = 0.68 * tau / span
    assert one("tsf", t, sfr) == pytest.approx(span, rel=1e-4)
    assert one("past_sfr", t, sfr) == pytest.approx(past, rel=1e-4)
    assert one("tform50", t, sfr) == pytest.approx(age - tau * np.log(2), rel=1e-5)
    assert one("tquench10", t, sfr) == pytest.approx(age + tau * np.log(past / 10), rel=1e-4)


def test_quenched_burst():
    t = lookback_grid(1e8, 1e6)
    sfr = np.where(t >= 4e7, 2.0, 0.0)
    assert one("tquench4", t, sfr) == pytest.approx(3.9e7 + 1e6 * (one("past_sfr", t, sfr) / 4) / 2.0)
    assert one("sfr10", t, sfr) == 0
    assert one("brate10", t, sfr) == 0


def test_span_grows_towards_the_larger_rate_and_the_younger_on_ties():
    t = np.arange(7.0)
    # masses between samples: 1 2 4 4 2.5 1.5, total 15, 68% is 10.2; two ties go to the younger side
    sfr = np.array([0.0, 2, 2, 6, 2, 3, 0])
    assert one("tsf", t, sfr) == pytest.approx(3 + (10.2 - (4 + 2 + 4)) / 2.5)
    # the larger neighbour goes first
    sfr = np.array([0.0, 2, 2, 6, 4, 3, 0])  # masses 1 2 4 5 3.5 1.5, total 17, 68% is 11.56
    assert one("tsf", t, sfr) == pytest.approx(2 + (11.56 - (5 + 3.5)) / 4)


def walk(t, sfr):
    """tsf again, with lists and a running list of grown intervals."""
    piece = [(a + b) / 2 * (d - c) for a, b, c, d in zip(sfr, sfr[1:], t, t[1:], strict=False)]
    low = high = int(np.argmax(sfr))
    grown = [(0.0, 0.0)]
    while (low, high) != (0, len(sfr) - 1):
        left = sfr[low - 1] if low else -np.inf
        right = sfr[high + 1] if high < len(sfr) - 1 else -np.inf
        low, high = (low - 1, high) if left >= right else (low, high + 1)
        grown.append((sum(piece[low:high]), t[high] - t[low]))
    masses, lengths = np.array(grown).T
    return np.interp(0.68 * sum(piece), masses, lengths)


def test_span_against_a_plain_walk():
    rng = np.random.default_rng(11)
    t = np.cumsum(rng.uniform(0.5, 2.0, 30)) - 0.5
    sfr = rng.random((20, 30))
    spans = sfh_quantities(t, sfr, parse_sfh_quantities(["tsf"]))[:, 0]
    np.testing.assert_allclose(spans, [walk(t, row) for row in sfr], rtol=1e-12)


def test_no_stars_gives_nan_quietly():
    t = lookback_grid(1e7, 1e6)
    wanted = parse_sfh_quantities(["past_sfr", "brate10"])
    values = sfh_quantities(t, np.zeros((1, t.size)), wanted)
    assert values.shape == (1, 2)
    assert not np.any(values > 0)


def test_several_quantities_keep_their_columns():
    t = lookback_grid(1e9, 1e6)
    sfr = np.random.default_rng(9).random((3, t.size))
    given = ["sfr10", "tform50", "brate20", "tquench3", "past_sfr", "tform20", "tsf", "tquench2"]
    wanted = parse_sfh_quantities(given)
    together = sfh_quantities(t, sfr, wanted)
    for column, quantity in enumerate(wanted):
        np.testing.assert_array_equal(together[:, column], sfh_quantities(t, sfr, [quantity])[:, 0])
