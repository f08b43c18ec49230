"""Models for artificial stars: what is chosen, on grids read in small blocks."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.survey import sed_grid
from fastsed.survey.ast_selection import (
    GridMagnitudes,
    MagnitudeLimits,
    choose_by_age,
    choose_by_flux_bins,
    choose_supplement,
    magnitude_texts,
)
from fastsed.survey.sed_grid import SedGrid, SedGridWriter

N, VEGA = 2000, np.array([1e-9, 3e-9])


@pytest.fixture(params=[8192, 37])
def grid(tmp_path, request, monkeypatch):
    random = np.random.default_rng(8)
    table = {
        "logA": np.repeat(np.arange(6.0, 8.0, 0.1), N // 20),
        "logL": np.zeros(N),
        "Av": random.random(N),
    }
    flux = 10 ** random.normal(-15, 0.7, (N, 2))
    flux[5, 0], table["logL"][6] = 0.0, -9.0
    with SedGridWriter(tmp_path / "g.hd5", N, np.ones(2), ["F1", "F2"], dict.fromkeys(table, "f8")) as writer:
        writer.append(flux, table)
    blocks = SedGrid.blocks
    monkeypatch.setattr(SedGrid, "blocks", lambda self, n_rows=request.param: blocks(self, n_rows))
    assert sed_grid.BLOCK_ROWS == 8192
    with SedGrid(tmp_path / "g.hd5") as opened:
        yield opened


def models(grid, limits=None, seed=1):
    return GridMagnitudes(grid, np.arange(2), VEGA, limits or MagnitudeLimits.none(2), seed)


def usable(grid):
    with np.errstate(divide="ignore"):
        magnitudes = -2.5 * np.log10(grid.read_seds() / VEGA)
    return magnitudes, np.isfinite(magnitudes).all(axis=1) & (grid.read_columns(["logL"])["logL"] > -9)


def test_flux_bins_are_filled_with_distinct_models(grid):
    magnitudes, good = usable(grid)
    chosen = choose_by_flux_bins(models(grid), 15, 7)
    assert len(np.unique(chosen.rows)) == len(chosen.rows) <= 15 * 7 * 2
    assert good[chosen.rows].all()
    np.testing.assert_allclose(chosen.magnitudes, magnitudes[chosen.rows])
    for k in range(2):
        edges = np.linspace(magnitudes[good, k].min(), magnitudes[good, k].max(), 16)
        np.testing.assert_allclose(chosen.edges[:, k], edges)
        there = np.histogram(magnitudes[good, k], edges)[0]
        have = np.histogram(chosen.magnitudes[:, k], edges)[0]
        np.testing.assert_array_equal(chosen.counts[:, k], have)
        assert (have >= np.minimum(there, 7)).all()


def test_the_choice_depends_on_the_seed_alone(grid):
    first = choose_by_flux_bins(models(grid), 15, 7).rows
    np.testing.assert_array_equal(first, choose_by_flux_bins(models(grid), 15, 7).rows)
    assert set(first) != set(choose_by_flux_bins(models(grid, seed=2), 15, 7).rows)


def test_more_models_asked_for_than_there_are(grid):
    _, good = usable(grid)
    chosen = choose_by_flux_bins(models(grid), 3, 10 * N)
    np.testing.assert_array_equal(chosen.rows, np.flatnonzero(good))


def test_limits_of_magnitude(grid):
    magnitudes, good = usable(grid)
    limits = MagnitudeLimits(np.array([14.0, 14.5]), np.array([16.0, 16.5]), 1)
    inside = good & ((magnitudes > limits.brightest) & (magnitudes < limits.faintest)).any(axis=1)
    chosen = choose_by_flux_bins(models(grid, limits), 5, 10 * N)
    np.testing.assert_array_equal(chosen.rows, np.flatnonzero(inside))
    nothing = MagnitudeLimits(np.array([90.0, 90.0]), np.array([91.0, 91.0]), 1)
    for choose in (lambda m: choose_by_flux_bins(m, 5, 5), lambda m: choose_by_age(m, 5)):
        with pytest.raises(InputError, match="no model of the grid is within the limits"):
            choose(models(grid, nothing))


def test_as_many_of_each_age(grid):
    ages = grid.read_columns(["logA"])["logA"]
    rows = choose_by_age(models(grid), 7)
    assert np.unique(ages[rows], return_counts=True)[1].tolist() == [7] * 20
    assert len(np.unique(rows)) == len(rows)
    _, good = usable(grid)
    np.testing.assert_array_equal(choose_by_age(models(grid), N), np.flatnonzero(good))


def test_supplement_leaves_out_the_earlier_list(grid):
    magnitudes, good = usable(grid)
    colour = (magnitudes[:, 0] - magnitudes[:, 1] > -0.5) & (magnitudes[:, 0] - magnitudes[:, 1] < 0.5)
    allowed = np.flatnonzero(good & colour)
    texts = set(magnitude_texts(magnitudes[allowed[:10]]))
    got = choose_supplement(models(grid), N, {(0, 1): (-0.5, 0.5)}, texts, allowed[10:15])
    np.testing.assert_array_equal(got, allowed[15:])
    assert len(choose_supplement(models(grid), 12, {}, set(), allowed[:0])) == 12
    with pytest.raises(InputError, match="not in the list already"):
        choose_supplement(models(grid), 5, {}, set(), np.arange(N))
