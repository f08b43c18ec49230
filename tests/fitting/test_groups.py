"""Groups of similar models."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed._ext.views import GROUP_SIZE
from fastsed.fitting.groups import SMALLEST, group_models, group_sets, in_both_precisions


def invented(n_model: int, n_coordinate: int = 5) -> np.ndarray:
    """Models of two parameters and any brightness, in no order."""
    rng = np.random.default_rng(n_model)
    x = np.linspace(0, 1, n_coordinate)[:, None]
    return np.exp(
        x * rng.normal(0, 2, n_model) + x**2 * rng.normal(0, 2, n_model) + rng.normal(0, 5, n_model)
    )


def directions(models: np.ndarray) -> np.ndarray:
    return models / np.linalg.norm(models, axis=0)


@pytest.mark.parametrize("equal_axes", [False, True])
@pytest.mark.parametrize("n_model", [1, 2, 15, 16, 17, 31, 33, 100, 1000, 1001])
def test_every_model_has_a_place_and_keeps_its_direction(n_model, equal_axes):
    models = invented(n_model)
    found = group_models(models, equal_axes)
    assert len(found.position) == -(-n_model // GROUP_SIZE) * GROUP_SIZE
    np.testing.assert_array_equal(np.unique(found.position), np.arange(n_model))
    # only the last group is filled up
    assert len(np.unique(found.position[:n_model])) == n_model
    expected = directions(models)[:, found.position]
    for rows in found.rows:
        np.testing.assert_allclose(directions(rows * found.scale[:, None]), expected, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(found.rows[0], axis=0), 1, rtol=1e-12)
    assert equal_axes == np.all(found.scale == 1) or n_model == 1


@pytest.mark.parametrize("n_model", [16, 17, 1000])
def test_centres_are_means(n_model):
    found = group_models(invented(n_model))
    n = len(found.position) // GROUP_SIZE
    for rows, centres in zip(found.rows, found.centres, strict=True):
        assert centres.shape[1] % 16 == 0
        assert not centres[:, n:].any()
        expected = rows.reshape(len(rows), n, GROUP_SIZE).mean(axis=2)
        np.testing.assert_allclose(centres[:, :n], expected, rtol=1e-5)


def test_neighbours_resemble_each_other():
    models = invented(4000)
    found = group_models(models)
    shapes = directions(models)

    def spread(place):
        groups = shapes[:, place].reshape(len(shapes), -1, GROUP_SIZE)
        return np.sqrt(np.mean(np.sum((groups - groups.mean(axis=2, keepdims=True)) ** 2, axis=0)))

    # two parameters: 250 groups are about 16 times narrower than all models
    assert spread(found.position) < 0.15 * spread(np.arange(4000))


def test_neighbours_of_either_sign():
    """Coordinates of a smaller space may be negative."""
    a, b = np.random.default_rng(5).uniform(-1, 1, (2, 4096))
    found = group_models(np.array([np.sin(a), np.sin(b), np.sqrt(1 + np.cos(a) ** 2)]), equal_axes=True)
    first = found.rows[0][:, : len(found.position)].reshape(3, -1, GROUP_SIZE)
    # 256 groups of two parameters, each cut in sixteen
    assert np.mean(np.ptp(first, axis=2)[:2]) < 0.15
    assert np.max(np.ptp(first, axis=2)[:2]) < 0.5


def test_models_without_flux_have_no_group():
    models = invented(50)
    models[:, ::3] = 0
    found = group_models(models)
    np.testing.assert_array_equal(np.unique(found.position), np.flatnonzero(models.any(axis=0)))
    empty = group_models(np.zeros((4, 20)))
    assert empty.position.shape == (0,)
    assert not empty.centres[0].any()


def test_sets_of_models_are_grouped_each_for_itself():
    sets = [invented(n) for n in (40, 1, 1001, 16)]
    sets[2][:, 100:300] = 0
    for n_threads in (1, 3, 8):
        for models, found in zip(sets, group_sets(sets, n_threads), strict=True):
            alone = group_models(models)
            np.testing.assert_array_equal(found.position, alone.position)
            np.testing.assert_array_equal(found.scale, alone.scale)
            n = len(found.position)
            for rows, expected in zip(
                (*found.rows, *found.centres), (*alone.rows, *alone.centres), strict=True
            ):
                np.testing.assert_array_equal(rows[:, :n], expected[:, :n])


def test_columns_without_flux_count_for_nothing():
    models = invented(40)
    models[2] = 0
    found = group_models(models)
    assert found.scale[2] == 1
    assert not found.rows[0][2].any()
    assert np.isfinite(found.rows[0]).all()


def test_equal_models_stay_in_order():
    found = group_models(np.ones((3, 70)))
    np.testing.assert_array_equal(found.position[:70], np.arange(70))


def test_both_precisions():
    values = np.array([[1.0, 1e-30, -2.0], [0.5 * SMALLEST, 2 * SMALLEST, 0.1]])
    double, single = in_both_precisions(values)
    assert double.shape == single.shape == (2, 16)
    np.testing.assert_array_equal(double[:, :3], values)
    np.testing.assert_allclose(single[:, :3], [[1, 0, -2], [0, 2 * SMALLEST, 0.1]], rtol=1e-7)
    assert not double[:, 3:].any()
    assert not single[:, 3:].any()
