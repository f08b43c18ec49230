"""The space that many data columns are projected on."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.fitting import projection
from fastsed.fitting.projection import LARGEST_SLACK, SLACK_OF_PRODUCT, Coordinates, Projector
from fastsed.models.tile import Tile


def invented(n_column: int, n_shape: int, n_model: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Models that are mixtures of a few shapes; inverse errors, some of them 0; data; noise."""
    rng = np.random.default_rng(seed)
    flux = rng.lognormal(0, 1, (n_column, n_shape)) @ rng.lognormal(0, 2, (n_shape, n_model))
    root_weight = rng.uniform(0.5, 2, n_column)
    root_weight[::7] = 0
    value = np.where(root_weight > 0, flux[:, 0] + rng.standard_normal(n_column), 0)
    return np.ascontiguousarray(flux), root_weight, value, rng.standard_normal((n_column, 50))


def found(flux, root_weight, value, noise, projector=None) -> Coordinates | None:
    ids = np.arange(flux.shape[1])
    tile = Tile(0, ids, ids, flux, None)
    return (projector or Projector()).project(tile, root_weight, value, noise, (root_weight > 0) @ noise**2)


def outside(space: Coordinates, flux, root_weight) -> np.ndarray:
    """Part of each model's length that the space lacks."""
    length2 = np.sum((root_weight[:, None] * flux) ** 2, axis=0)
    left2 = np.maximum(length2 - np.sum(space.models**2, axis=0), 0)
    return np.sqrt(np.divide(left2, length2, out=np.zeros_like(left2), where=length2 > 0))


def check(space: Coordinates, flux, root_weight, value, noise) -> None:
    """The slack is what it says, and the coordinates are those of an orthonormal basis."""
    assert outside(space, flux, root_weight).max() <= space.slack + 1e-12
    weighted = root_weight[:, None] * flux
    length = np.linalg.norm(weighted, axis=0)
    simulated = (root_weight * value)[:, None] + np.where(root_weight > 0, 1, 0)[:, None] * noise
    np.testing.assert_allclose(space.total, np.sum(simulated**2, axis=0), rtol=1e-10)
    projected = space.data[:, None] + space.noise
    left2 = np.maximum(space.total - np.sum(projected**2, axis=0), 0)
    error = np.abs(space.models.T @ projected - weighted.T @ simulated)
    assert np.all(
        error <= (1 + 1e-9) * length[:, None] * (space.slack * np.sqrt(left2) + 1e-11 * np.sqrt(space.total))
    )


@pytest.mark.parametrize("n_shape", [1, 5, 20])
@pytest.mark.parametrize("n_model", [1, 3, 96, 97, 1000])
def test_products_are_those_of_the_data_columns_up_to_the_slack(n_shape, n_model):
    problem = invented(100, n_shape, n_model)
    space = found(*problem)
    assert len(space.data) <= min(n_shape, n_model)
    check(space, *problem)


@pytest.mark.parametrize("brightness", [1e-3, 0.1, 1.0])
def test_the_slack_does_not_matter_beside_the_noise(brightness):
    """The brighter the data, the less of a model may be outside."""
    rng = np.random.default_rng(1)
    flux = (rng.lognormal(0, 1, (200, 60)) * 10 ** (-0.15 * np.arange(60))) @ rng.lognormal(0, 1, (60, 800))
    _, root_weight, value, noise = invented(200, 40, 800)
    value = value / np.linalg.norm(root_weight * value) * 1e3 * brightness
    space = found(flux, root_weight, value, noise)
    check(space, flux, root_weight, value, noise)
    allowed = min(LARGEST_SLACK, SLACK_OF_PRODUCT / (1e3 * brightness))
    assert 0.01 * allowed <= space.slack <= allowed + 1e-7


def test_models_without_flux_do_no_harm():
    flux, root_weight, value, noise = invented(100, 4, 200)
    flux[:, ::3] = 0
    space = found(flux, root_weight, value, noise)
    assert np.all(space.models[:, ::3] == 0)
    check(space, flux, root_weight, value, noise)


def test_nothing_is_gained_where_models_fill_the_columns():
    rng = np.random.default_rng(2)
    flux = rng.lognormal(0, 1, (60, 400))
    assert found(flux, np.ones(60), 1e3 * flux[:, 0], rng.standard_normal((60, 10))) is None


def test_rare_shapes_are_found_outside_the_first_sample(monkeypatch):
    monkeypatch.setattr(projection, "SAMPLE", 8)
    flux, root_weight, value, noise = invented(100, 3, 1000)
    flux[:, 501] = np.random.default_rng(3).lognormal(0, 3, 100)
    space = found(flux, root_weight, value, noise)
    assert len(space.data) == 4
    check(space, flux, root_weight, value, noise)


@pytest.mark.parametrize(
    "change", ["none", "a little", "other shapes", "more shapes", "fewer shapes", "dark"]
)
def test_the_next_tile_begins_with_the_models_that_spanned_the_last(change):
    projector = Projector()
    flux, root_weight, value, noise = invented(100, 6, 500)
    first = found(flux, root_weight, value, noise, projector)
    rng = np.random.default_rng(5)
    after = {
        "none": flux,
        "a little": flux * (1 + 1e-3 * rng.standard_normal((100, 1))),
        "other shapes": invented(100, 6, 500, seed=9)[0],
        "more shapes": invented(100, 12, 500, seed=9)[0],
        "fewer shapes": invented(100, 2, 500, seed=9)[0],
        "dark": np.where(np.arange(500) == projector._spanning[0], 0, flux),
    }[change]
    space = found(after, root_weight, value, noise, projector)
    check(space, after, root_weight, value, noise)
    if change == "none":
        np.testing.assert_allclose(
            space.models, first.models, rtol=1e-9, atol=1e-9 * np.abs(first.models).max()
        )


def test_all_models_dark():
    flux, root_weight, value, noise = invented(100, 6, 500)
    space = found(0 * flux, root_weight, value, noise)
    assert space.models.shape == (0, 500)
