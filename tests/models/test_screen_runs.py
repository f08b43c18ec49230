"""Screens in runs of wavelengths: the mixtures against the screens themselves."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.models.attenuation import attenuation_curve, transmission
from fastsed.models.screen_runs import (
    LONGEST_RUN,
    MOST_NODES,
    TOLERANCE,
    ScreenRuns,
    make_screen_runs,
    whole_runs,
)

DEPTHS = {
    "none": np.zeros(1),
    "two": np.array([0.0, 1.0]),
    "many": np.linspace(0, 3, 31),
    "alike": np.full(9, 0.7),
    "deep": np.linspace(0, 60, 40),
}


def screens(depths: np.ndarray, n_lam: int) -> np.ndarray:
    return transmission(attenuation_curve("calzetti", np.geomspace(900, 50000, n_lam)), depths[:, None])


def mixed(runs: ScreenRuns) -> np.ndarray:
    """All screens (nlam, nscreen), from the nodes where there are any."""
    found, node, share = [], 0, 0
    n_screen = runs.passed.shape[1]
    for start, length, n in zip(runs.starts[:-1], np.diff(runs.starts), runs.n_nodes, strict=True):
        nodes = runs.nodes[node : node + length * n].reshape(length, n)
        mixture = runs.mixtures[share : share + n_screen * n].reshape(n_screen, n)
        found.append(nodes @ mixture.T if n else runs.passed[start : start + length])
        node, share = node + length * n, share + n_screen * n
    assert (node, share) == (len(runs.nodes), len(runs.mixtures))
    return np.concatenate(found)


@pytest.mark.parametrize("n_lam", [2, 31, 255, 256, 257, 6000])
@pytest.mark.parametrize("depths", DEPTHS)
def test_nodes_make_up_all_screens(depths, n_lam):
    passed = screens(DEPTHS[depths], n_lam)
    runs = make_screen_runs(passed)
    np.testing.assert_array_equal(runs.passed, passed.T)
    assert runs.starts[0] == 0
    assert runs.starts[-1] == n_lam
    assert np.all(np.diff(runs.starts) >= 1)
    assert np.all(np.diff(runs.starts) <= LONGEST_RUN)
    np.testing.assert_allclose(mixed(runs), passed.T, rtol=2 * TOLERANCE)


def test_few_nodes_are_enough_in_a_short_run():
    runs = make_screen_runs(screens(DEPTHS["many"], 20000))
    assert runs.n_nodes.max() <= 9
    assert runs.n_nodes.mean() <= 7
    assert make_screen_runs(screens(DEPTHS["alike"], 300)).n_nodes.max() == 1


def test_screens_that_share_nothing_have_no_nodes():
    runs = make_screen_runs(np.random.default_rng(0).random((7, 100)))
    assert set(runs.n_nodes) == {0}
    assert len(runs.nodes) == len(runs.mixtures) == 0


def test_many_screens_need_no_more_nodes_than_few():
    few, many = (make_screen_runs(screens(np.linspace(0, 3, n), 3000)) for n in (31, 500))
    assert few.n_nodes.max() <= many.n_nodes.max() <= 2 * few.n_nodes.max()
    # many opaque ones have none, rather than each its own
    opaque = make_screen_runs(screens(np.linspace(0, 500, 500), 300))
    assert (opaque.n_nodes == 0).any()
    assert opaque.n_nodes.max() <= MOST_NODES


def test_a_screen_that_nothing_passes():
    passed = screens(DEPTHS["many"], 300)
    passed[4] = 0
    np.testing.assert_allclose(mixed(make_screen_runs(passed)), passed.T, rtol=2 * TOLERANCE)


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (255, 256), (256, 300), (700, 1000), (0, 1000)])
def test_parts_make_the_same_runs_as_all(start, stop):
    passed = screens(DEPTHS["many"], 1000)
    part = whole_runs(slice(start, stop), 1000)
    assert part.start <= start
    assert stop <= part.stop <= 1000
    everything, some = make_screen_runs(passed), make_screen_runs(passed[:, part])
    np.testing.assert_array_equal(mixed(everything)[part], mixed(some))
