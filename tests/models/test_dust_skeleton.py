"""Skeletons of dust transmissions: the combinations against the transmissions themselves."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.models.attenuation import attenuation_curve, transmission
from fastsed.models.dust_skeleton import (
    LARGEST_SKELETON,
    LONGEST_RUN,
    TOLERANCE,
    DustSkeleton,
    make_dust_skeleton,
    whole_runs,
)

DEPTHS = {
    "none": np.zeros(1),
    "two": np.array([0.0, 1.0]),
    "many": np.linspace(0, 3, 31),
    "alike": np.full(9, 0.7),
    "deep": np.linspace(0, 60, 40),
}


def transmissions(depths: np.ndarray, n_lam: int) -> np.ndarray:
    return transmission(attenuation_curve("calzetti", np.geomspace(900, 50000, n_lam)), depths[:, None])


def mixed(runs: DustSkeleton) -> np.ndarray:
    """All transmissions (nlam, ncell), from the skeleton where there is one."""
    found, member, coefficient = [], 0, 0
    n_cells = runs.transmission.shape[1]
    for start, length, n in zip(runs.starts[:-1], np.diff(runs.starts), runs.n_skeleton, strict=True):
        skeleton = runs.skeleton[member : member + length * n].reshape(length, n)
        coefficients = runs.coefficients[coefficient : coefficient + n_cells * n].reshape(n_cells, n)
        found.append(skeleton @ coefficients.T if n else runs.transmission[start : start + length])
        member, coefficient = member + length * n, coefficient + n_cells * n
    assert (member, coefficient) == (len(runs.skeleton), len(runs.coefficients))
    return np.concatenate(found)


@pytest.mark.parametrize("n_lam", [2, 31, 255, 256, 257, 6000])
@pytest.mark.parametrize("depths", DEPTHS)
def test_skeleton_makes_up_all_transmissions(depths, n_lam):
    given = transmissions(DEPTHS[depths], n_lam)
    runs = make_dust_skeleton(given)
    np.testing.assert_array_equal(runs.transmission, given.T)
    assert runs.starts[0] == 0
    assert runs.starts[-1] == n_lam
    assert np.all(np.diff(runs.starts) >= 1)
    assert np.all(np.diff(runs.starts) <= LONGEST_RUN)
    np.testing.assert_allclose(mixed(runs), given.T, rtol=2 * TOLERANCE)


def test_a_small_skeleton_is_enough_in_a_short_run():
    runs = make_dust_skeleton(transmissions(DEPTHS["many"], 20000))
    assert runs.n_skeleton.max() <= 9
    assert runs.n_skeleton.mean() <= 7
    assert make_dust_skeleton(transmissions(DEPTHS["alike"], 300)).n_skeleton.max() == 1


def test_transmissions_that_share_nothing_have_no_skeleton():
    runs = make_dust_skeleton(np.random.default_rng(0).random((7, 100)))
    assert set(runs.n_skeleton) == {0}
    assert len(runs.skeleton) == len(runs.coefficients) == 0


def test_many_transmissions_need_no_larger_skeleton_than_few():
    few, many = (make_dust_skeleton(transmissions(np.linspace(0, 3, n), 3000)) for n in (31, 500))
    assert few.n_skeleton.max() <= many.n_skeleton.max() <= 2 * few.n_skeleton.max()
    # many opaque ones have none, rather than each its own
    opaque = make_dust_skeleton(transmissions(np.linspace(0, 500, 500), 300))
    assert (opaque.n_skeleton == 0).any()
    assert opaque.n_skeleton.max() <= LARGEST_SKELETON


def test_dust_that_nothing_passes():
    given = transmissions(DEPTHS["many"], 300)
    given[4] = 0
    np.testing.assert_allclose(mixed(make_dust_skeleton(given)), given.T, rtol=2 * TOLERANCE)


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (255, 256), (256, 300), (700, 1000), (0, 1000)])
def test_parts_make_the_same_runs_as_all(start, stop):
    given = transmissions(DEPTHS["many"], 1000)
    part = whole_runs(slice(start, stop), 1000)
    assert part.start <= start
    assert stop <= part.stop <= 1000
    everything, some = make_dust_skeleton(given), make_dust_skeleton(given[:, part])
    np.testing.assert_array_equal(mixed(everything)[part], mixed(some))
