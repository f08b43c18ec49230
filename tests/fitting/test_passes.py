"""Passes: which reducers share one; parts of the grid and of the catalogue merged are the whole, bit by bit."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from fastsed.fitting.best_fit import BestFit, BestFits, find_best_fits
from fastsed.fitting.delta_chi2 import DeltaChi2
from fastsed.fitting.monte_carlo import MonteCarlo
from fastsed.fitting.noise import draw_noise
from fastsed.fitting.passes import Requests, batches, plan_passes, simulated_chunks, walk
from tests.fitting.toys import add_log_prior, make_problem


def everything(library, n=11, n_threads=1):
    """Two scales for some sources, a logarithmic prior for others, redshift windows for some."""
    problem = make_problem(library, "N_SIM=30", n=n, n_channels=4, needs_dust=True, n_threads=n_threads)
    data = problem.data
    data.template_error[:] = 0.05 + 0.01 * np.arange(len(data.template_error))[:, None]
    data.own_spec_scale[::3] = 1
    add_log_prior(problem, [1, 3, 4], 0)
    data.first_z[4:6], data.last_z[4:6] = 1, 3
    data.best_first_z[4:6], data.best_last_z[4:6] = 1, 3
    return problem


def assert_same(one, other):
    for f in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(one, f.name), getattr(other, f.name), err_msg=f.name)


def parts_of_grid(grid):
    """Redshifts in three parts, none of them a run."""
    part = np.arange(len(grid.axes.z)) * 2 % 3
    return [part == k for k in range(3)]


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize(
    ("requests", "together", "alone"),
    [
        (Requests(), [{"best fit"}], [{"best fit"}]),
        (Requests(n_simulations=7), [{"best fit", "simulations"}], [{"best fit"}, {"simulations"}]),
        (Requests(delta_chi2=2.0), [{"best fit", "delta chi2"}], [{"best fit"}, {"delta chi2"}]),
        (Requests(7, 2.0), [{"best fit", "simulations"}], [{"best fit"}, {"simulations"}]),
        (Requests(full_grid=True), [{"best fit", "full grid"}], [{"best fit", "full grid"}]),
        (Requests(posterior=2), [{"best fit", "posterior"}], [{"posterior"}, {"best fit"}]),
        (
            Requests(7, posterior=2),
            [{"best fit", "simulations", "posterior"}],
            [{"posterior"}, {"best fit"}, {"simulations"}],
        ),
    ],
)
def test_what_shares_a_pass(library, monkeypatch, kept, requests, together, alone):
    monkeypatch.setattr("fastsed.models.grid.KEEP_BYTES", 1 << 30 if kept else 0)
    problem = make_problem(library)
    plan = plan_passes(requests, problem.grid, problem.data)
    assert [set(step.products) for step in plan.passes] == (alone if kept else together)
    assert plan.n_models == len(plan.passes) * problem.grid.n_models_at(plan.redshifts)
    assert [step.best_first for step in plan.passes if step.products == {"simulations"}] == [True] * (
        kept and bool(requests.n_simulations)
    )


def test_many_simulations_take_a_pass_for_each_run_of_sources(library, monkeypatch):
    monkeypatch.setattr("fastsed.models.grid.KEEP_BYTES", 0)
    monkeypatch.setattr("fastsed.fitting.passes.SIMULATION_BYTES", 3 * 32 * 10)
    problem = make_problem(library, n=7)
    plan = plan_passes(Requests(10), problem.grid, problem.data)
    assert [set(step.products) for step in plan.passes] == [{"best fit"}, *3 * [{"simulations"}]]
    assert [step.rows for step in plan.passes[1:]] == list(simulated_chunks(7, 10))


def test_a_full_grid_has_all_redshifts_others_those_in_use(library):
    problem = make_problem(library, first_z=2)
    for requests, first in ((Requests(), 2), (Requests(full_grid=True), 0)):
        plan = plan_passes(requests, problem.grid, problem.data)
        np.testing.assert_array_equal(np.flatnonzero(plan.redshifts), range(first, len(problem.grid.axes.z)))


def test_batches_hold_all_tiles_in_order(library, monkeypatch):
    monkeypatch.setattr("fastsed.models.grid.TILE_BYTES", 30_000)
    grid = make_problem(library).grid
    tiles = list(grid.tiles(np.ones(len(grid.axes.z), dtype=bool)))
    for n_sources in (1, 10**5, 10**9):
        batched = list(batches(tiles, n_sources))
        assert [id(tile) for batch in batched for tile in batch] == [id(tile) for tile in tiles]
    assert all(len(batch) == 1 for batch in batched)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_parts_of_the_grid_merge_to_the_whole(library, order, n_threads):
    problem = everything(library, n_threads=n_threads)
    grid, data, noise = problem.grid, problem.data, draw_noise(30, problem.grid.rows, 42)
    rows = slice(2, 9)

    def reduced(redshifts):
        best = BestFit(grid, data)
        reducers = [
            best,
            MonteCarlo(grid, data, noise, rows),
            DeltaChi2(grid, data, 5.0, lambda: best.so_far),
        ]
        walk(grid, redshifts, reducers, data.n_sources)
        return reducers

    whole = reduced(np.ones(len(grid.axes.z), dtype=bool))
    merged, *others = [reduced(parts_of_grid(grid)[k]) for k in order]
    for other in others:
        for one, more in zip(merged, other, strict=True):
            one.merge(more)
    assert_same(merged[0].result(), whole[0].result())
    for name in ("model", "chi2", "scale", "spec_scale"):
        expected, found = (getattr(r[1].result(), name) for r in (whole, merged))
        np.testing.assert_array_equal(found, expected, err_msg=name)
    for (_, starts, expected), (_, found_starts, found) in zip(
        whole[2].result().batches(), merged[2].result().batches(), strict=True
    ):
        np.testing.assert_array_equal(found_starts, starts)
        np.testing.assert_array_equal(found, expected)
        assert len(found) > data.n_sources


@pytest.mark.parametrize("cuts", [(0, 11), (0, 1, 5, 11), (0, 0, 3, 11, 11)])
def test_parts_of_the_catalogue_together_are_the_whole(library, cuts):
    problem = everything(library)
    grid, data = problem.grid, problem.data
    whole = find_best_fits(grid, data)
    parts = [find_best_fits(grid, data.part(slice(a, b))) for a, b in itertools.pairwise(cuts)]
    assert_same(BestFits.concatenated(parts), whole)
