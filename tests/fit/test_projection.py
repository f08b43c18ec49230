"""The space that many data columns are projected on."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.fit import projection
from fastsed.fit.projection import SLACK, project


def invented(n_column: int, n_shape: int, n_model: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Models that are mixtures of a few shapes; inverse errors, some of them 0; data; noise."""
    rng = np.random.default_rng(seed)
    flux = rng.lognormal(0, 1, (n_column, n_shape)) @ rng.lognormal(0, 2, (n_shape, n_model))
    root_weight = rng.uniform(0.5, 2, n_column)
    root_weight[::7] = 0
    value = np.where(root_weight > 0, flux[:, 0] + rng.standard_normal(n_column), 0)
    return np.ascontiguousarray(flux), root_weight, value, rng.standard_normal((n_column, 50))


def found(flux, root_weight, value, noise):
    return project(flux, root_weight, value, noise, (root_weight > 0) @ noise**2)


@pytest.mark.parametrize("n_shape", [1, 5, 20])
@pytest.mark.parametrize("n_model", [1, 3, 96, 97, 1000])
def test_lengths_and_products_are_those_of_the_data_columns(n_shape, n_model):
    flux, root_weight, value, noise = invented(100, n_shape, n_model)
    space = found(flux, root_weight, value, noise)
    assert len(space.data) <= min(n_shape, n_model)
    weighted = root_weight[:, None] * flux
    length = np.linalg.norm(weighted, axis=0)
    simulated = (root_weight * value)[:, None] + np.where(root_weight > 0, 1, 0)[:, None] * noise
    np.testing.assert_allclose(space.total, np.sum(simulated**2, axis=0), rtol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(space.models, axis=0), length, rtol=1e-9)
    inside = space.models.T @ (space.data[:, None] + space.noise)
    largest = np.sqrt(space.total) * length[:, None]
    assert np.all(np.abs(inside - weighted.T @ simulated) <= 2 * space.slack * largest)


def test_slack_bounds_what_is_left_outside():
    flux, root_weight, value, noise = invented(100, 10, 500)
    flux *= 1 + 3e-6 * np.random.default_rng(1).standard_normal(flux.shape)
    space = found(flux, root_weight, value, noise)
    length2 = np.sum((root_weight[:, None] * flux) ** 2, axis=0)
    outside = np.sqrt(np.maximum(length2 - np.sum(space.models**2, axis=0), 0) / length2)
    assert outside.max() <= space.slack <= 2 * SLACK


def test_models_without_flux_do_no_harm():
    flux, root_weight, value, noise = invented(100, 4, 200)
    flux[:, ::3] = 0
    space = found(flux, root_weight, value, noise)
    assert np.all(space.models[:, ::3] == 0)
    assert len(space.data) == 4


def test_nothing_is_gained_where_models_fill_the_columns():
    rng = np.random.default_rng(2)
    flux = rng.lognormal(0, 1, (60, 400))
    assert found(flux, np.ones(60), flux[:, 0], rng.standard_normal((60, 10))) is None


def test_rare_shapes_are_found_outside_the_first_sample(monkeypatch):
    monkeypatch.setattr(projection, "SAMPLE", 8)
    flux, root_weight, value, noise = invented(100, 3, 1000)
    flux[:, 501] = np.random.default_rng(3).lognormal(0, 3, 100)
    space = found(flux, root_weight, value, noise)
    assert len(space.data) == 4
