"""The models nearly as good as the best: those of a plain search, in memory or on disk."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fastsed.fitting import delta_chi2
from fastsed.fitting.best_fit import find_best_fits
from fastsed.fitting.delta_chi2 import ROW, AcceptableModels
from tests.fitting.toys import acceptable, add_log_prior, all_models, make_problem, slow_fit


def collected(problem, excess, n_rows=1 << 17):
    """The good models of each source, as one table each; and how many batches they came in."""
    fits = find_best_fits(problem.grid, problem.data)
    found, firsts = [], []
    with acceptable(problem.grid, problem.data, fits, excess) as good:
        for first, starts, rows in good.batches(n_rows):
            firsts.append(first)
            assert starts[0] == 0
            assert starts[-1] == len(rows)
            for start, stop in itertools.pairwise(starts):
                found.append(rows[start:stop])
    assert len(found) == problem.data.n_sources
    return fits, found, firsts


def everything(library, n_threads=1):
    """Two scales for some sources, a logarithmic prior for others, redshift windows for some."""
    problem = make_problem(library, n=9, n_channels=4, needs_dust=True, n_threads=n_threads)
    data = problem.data
    data.template_error[:] = 0.05
    data.own_spec_scale[::3] = 1
    add_log_prior(problem, [1, 3, 4], 0)
    data.first_z[4:6], data.last_z[4:6] = 1, 3
    data.best_first_z[4:6], data.best_last_z[4:6] = 1, 3
    return problem


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("excess", [0.5, 2.71, 30.0, 1e9])
def test_against_a_plain_search(library, excess):
    problem = everything(library)
    models = all_models(problem.grid)
    _, found, _ = collected(problem, excess)
    for row, mine in enumerate(found):
        chi2, scale, spec_scale = slow_fit(models, problem.data, row)
        best = np.nanmin(chi2)
        with np.errstate(invalid="ignore"):
            good = np.flatnonzero(chi2 - best < excess)
        assert (np.abs(chi2[good] - best - excess) > 1e-6).all(), "no model at the very limit"
        np.testing.assert_array_equal(mine["model"], models.ids[good])
        np.testing.assert_array_equal(mine["source"], row)
        np.testing.assert_allclose(mine["chi2"], chi2[good], rtol=1e-9)
        np.testing.assert_allclose(mine["scale"], scale[good], rtol=1e-9)
        np.testing.assert_allclose(mine["spec_scale"], spec_scale[good], rtol=1e-9)
    assert sum(len(mine) for mine in found) > 9


def test_the_best_is_among_them(library):
    fits, found, _ = collected(everything(library), 1e-6)
    assert [int(mine["model"][np.argmin(mine["chi2"])]) for mine in found] == fits.model_id.tolist()


@pytest.mark.parametrize(("held", "n_rows"), [(1, 1 << 17), (100, 50), (700, 1), (1 << 20, 200)])
def test_on_disk_as_in_memory(library, monkeypatch, held, n_rows):
    _, whole, firsts = collected(everything(library), 50.0)
    assert firsts == [0]
    monkeypatch.setattr(delta_chi2, "ROWS_IN_MEMORY", held)
    _, parts, firsts = collected(everything(library), 50.0, n_rows)
    assert len(firsts) > 1 or n_rows == 1 << 17
    assert_same(whole, parts)


def test_several_tiles_give_the_same(library, monkeypatch):
    _, whole, _ = collected(everything(library), 50.0)
    monkeypatch.setattr("fastsed.models.grid.TILE_BYTES", 1)
    monkeypatch.setattr(delta_chi2, "ROWS_IN_MEMORY", 64)
    _, parts, _ = collected(everything(library), 50.0)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(a["model"], b["model"])
        np.testing.assert_allclose(a["chi2"], b["chi2"], rtol=1e-10)


def test_sources_without_a_fit_have_none(library):
    problem = everything(library)
    for rows in (problem.data.last_z, problem.data.best_last_z):
        rows[[0, 5, 8]] = -1
    fits, found, _ = collected(problem, 5.0, n_rows=1)
    assert (fits.model_id[[0, 5, 8]] == -1).all()
    assert [len(mine) > 0 for mine in found] == [False, True, True, True, True, False, True, True, False]


def test_no_source_with_a_fit(library):
    problem = everything(library)
    for rows in (problem.data.last_z, problem.data.best_last_z):
        rows[:] = -1
    _, found, _ = collected(problem, 5.0)
    assert [len(mine) for mine in found] == [0] * 9


@pytest.mark.parametrize("held", [1 << 20, 64])
def test_threads_change_nothing(library, monkeypatch, held):
    monkeypatch.setattr(delta_chi2, "ROWS_IN_MEMORY", held)
    results = [collected(everything(library, n), 20.0)[1] for n in (1, 2, 5)]
    assert_same(results[0], results[1])
    assert_same(results[0], results[2])


def test_rows_in_any_order_come_out_by_source_and_model(monkeypatch):
    rng = np.random.default_rng(0)
    rows = np.zeros(1000, dtype=ROW)
    rows["source"], rows["model"] = rng.integers(0, 20, 1000), rng.permutation(1000) + 2**40
    rows["chi2"] = rng.random(1000)
    monkeypatch.setattr(delta_chi2, "ROWS_IN_MEMORY", 130)
    with AcceptableModels(22) as good:
        for part in np.array_split(rows, 17):
            good.add(part)
        out = np.concatenate([batch for _, _, batch in good.batches(90)])
    np.testing.assert_array_equal(out, np.sort(rows, order=["source", "model"]))
