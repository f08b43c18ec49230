"""Fits with models that are read chunk by chunk: what a fit with all of them in memory gives."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.fitting.stars.chunks import ChunkedFitter
from fastsed.fitting.stars.engine import StarFitter
from fastsed.fitting.stars.options import FitOptions
from fastsed.fitting.stars.source import ArrayModels
from tests.fitting.stars.reference import hard_stars, random_models, random_stars


def compare(models: ArrayModels, options: FitOptions, fluxes: np.ndarray, chunk: int) -> None:
    whole = StarFitter(models, options)
    parts = ChunkedFitter(models, options, n_threads=2, chunk_models=chunk)
    assert parts.names == whole.names
    one, two = whole.fit(fluxes), parts.fit(fluxes)
    for name in ("status", "best_row", "chi2_min_row", "n_models"):
        np.testing.assert_array_equal(getattr(two, name), getattr(one, name))
    for name in ("ln_p_max", "chi2_min", "total_log_norm", "expectation", "percentiles"):
        np.testing.assert_allclose(getattr(two, name), getattr(one, name), rtol=1e-8, atol=1e-8)
    for a, b in zip([*one.pdf1d, *one.pdf2d], [*two.pdf1d, *two.pdf2d], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-14)
    done = one.status == 1
    np.testing.assert_allclose(
        parts.values_of(two.best_row[done]), whole.values_of(one.best_row[done]), rtol=1e-13
    )


@pytest.mark.parametrize("error", ["fraction", "floor", "full"])
def test_the_same_posteriors(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastsed.fitting.stars.source.BLOCK_ROWS", 500)
    models = random_models(90, 60, 4, 1, error)
    fluxes = np.concatenate([*hard_stars(models, 8, 2).values(), np.full((1, 4), np.nan)])
    compare(
        models,
        FitOptions(n_samples=None, max_bins=40, pairs=("Av", "logT", "M_ini", "logX_wd")),
        fluxes,
        1000,
    )
    compare(models, FitOptions(-2.0, 0, 7), fluxes, 10**6)


def test_samples_do_not_depend_on_the_chunks() -> None:
    models = random_models(400, 30, 2, 11, "floor")
    fluxes = random_stars(models, 40, 12)
    results = [
        ChunkedFitter(models, FitOptions(n_samples=9, max_bins=5), chunk_models=n).fit(fluxes)
        for n in (10**6, 8192)
    ]
    whole = StarFitter(models, FitOptions(n_samples=None, max_bins=5)).fit(fluxes)
    starts = np.cumsum(whole.samples.counts) - whole.samples.counts
    for result in results:
        np.testing.assert_array_equal(result.samples.counts, np.minimum(whole.samples.counts, 9))
    np.testing.assert_array_equal(results[0].samples.rows, results[1].samples.rows)
    at = 0
    for i, count in enumerate(results[0].samples.counts):
        members = whole.samples.rows[starts[i] : starts[i] + whole.samples.counts[i]]
        assert np.isin(results[0].samples.rows[at : at + count], members).all()
        at += count


def test_chunks_without_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastsed.fitting.stars.source.BLOCK_ROWS", 500)
    models = random_models(100, 30, 3, 5, "floor")
    models.table["weight"][:1500] = 0
    models.table["weight"][2000:2500] = 0
    compare(models, FitOptions(n_samples=None, max_bins=20), random_stars(models, 20, 6), 500)


def test_incomplete_models_are_reported_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastsed.fitting.stars.source.BLOCK_ROWS", 500)
    models = random_models(100, 30, 3, 5, "floor")
    completeness = np.ones_like(models.seds)
    completeness[::7, 1] = 0
    models = ArrayModels(models.filters, models.seds, models.table, models.bias, models.error, completeness)
    fluxes = random_stars(models, 5, 6)
    compare(models, FitOptions(max_bins=20, n_samples=None), fluxes, 500)
    warnings = [r for r in caplog.records if "completeness" in r.message]
    assert len(warnings) == 2
    with pytest.raises(InputError, match="trim the grid first"):
        ChunkedFitter(models, FitOptions(incomplete="refuse"))
