"""Confidence intervals: the rules by hand, and FAST++'s own simulations and grids."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from fastsed.columns import output_columns
from fastsed.fitting.intervals import (
    chi2_threshold,
    grid_percentiles,
    interval_probabilities,
    intervals_from_chi2,
    medians_from_simulations,
    percentiles_from_simulations,
    property_percentiles,
)
from fastsed.outputs.chi2grid import read_chi2_grid
from fastsed.outputs.fout import printed_values
from fastsed.params import read_params
from tests.outputs.helpers import read_fout


def test_probabilities_are_the_tails_of_the_interval():
    assert interval_probabilities([95, 68]) == pytest.approx(np.array([[0.025, 0.975], [0.16, 0.84]]))


def test_grid_percentiles_by_hand():
    # 20% at 1, 50% at 2, 30% at 4: cumulated 0.2, 0.7, 1
    indices = np.array([[0] * 2 + [1] * 5 + [2] * 3])
    found = grid_percentiles(indices, [1.0, 2.0, 4.0], [0.1, 0.2, 0.45, 0.85, 1.0])
    assert found[0] == pytest.approx([1.0, 1.0, 1.5, 3.0, 4.0])


def test_grid_percentiles_are_those_of_numpy_interp():
    rng = np.random.default_rng(3)
    axis = np.cumsum(rng.uniform(0.1, 1, 9))
    indices = rng.integers(0, 9, (20, 37))
    probabilities = [0.02, 0.16, 0.5, 0.84, 0.98]
    found = grid_percentiles(indices, axis, probabilities)
    for row, expected in zip(indices, found, strict=True):
        below = np.cumsum(np.bincount(row, minlength=9)) / 37
        assert np.interp(probabilities, below, axis) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("n_source", "n_sim", "n_value"), [(1, 1, 1), (3, 1, 2), (500, 101, 40), (7, 5000, 3)]
)
def test_grid_percentiles_do_not_depend_on_threads(n_source, n_sim, n_value):
    rng = np.random.default_rng(n_sim)
    axis = rng.permutation(np.cumsum(rng.uniform(0.1, 1, n_value)))
    indices = rng.binomial(n_value - 1, 0.3, (n_source, n_sim))
    indices[::4, -1] = -1
    probabilities = [0.0, 0.16, 0.5, 0.84, 1.0]
    found = grid_percentiles(indices, axis, probabilities)
    for n_threads in (2, 7, 600):
        np.testing.assert_array_equal(grid_percentiles(indices, axis, probabilities, n_threads), found)
    ordered = np.sort(axis)
    for row, expected in zip(indices, found, strict=True):
        if row.min() < 0:
            assert np.isnan(expected).all()
            continue
        below = np.cumsum(np.bincount(np.argsort(np.argsort(axis))[row], minlength=n_value)) / n_sim
        assert np.interp(probabilities[1:4], below, ordered) == pytest.approx(expected[1:4], rel=1e-6)
        assert expected[-1] == ordered[0 if below[0] == 1 else -1]


def test_no_sources_have_no_percentiles():
    assert grid_percentiles(np.empty((0, 10), int), [1.0, 2.0], [0.5]).shape == (0, 1)


def test_an_axis_in_any_order_gives_the_same():
    rng = np.random.default_rng(4)
    axis, indices = np.array([0.008, 0.02, 0.05]), rng.integers(0, 3, (5, 40))
    shuffled = np.array([1, 0, 2])  # metallicities written as 0.02, 0.008, 0.05
    place = np.argsort(shuffled)
    assert np.array_equal(
        grid_percentiles(place[indices], axis[shuffled], [0.16, 0.84]),
        grid_percentiles(indices, axis, [0.16, 0.84]),
    )


def test_an_axis_of_one_value_has_no_width():
    assert (grid_percentiles(np.zeros((2, 10), int), [0.02], [0.16, 0.84]) == 0.02).all()


def test_sources_that_were_not_fitted_are_nan():
    indices = np.array([[0, 1], [-1, -1]])
    assert np.isnan(grid_percentiles(indices, [1.0, 2.0], [0.5])[:, 0]).tolist() == [False, True]
    assert np.isnan(property_percentiles([[1.0, 2.0], [np.nan] * 2], [0.5])[:, 0]).tolist() == [False, True]


@pytest.mark.parametrize(("n", "expected"), [(200, 32), (100, 16), (1000, 160), (7, 1)])
def test_property_percentiles_are_order_statistics(n, expected):
    values = np.random.default_rng(1).permutation(n)[None]
    low, high = property_percentiles(values, interval_probabilities([68])[0])[0]
    assert low == expected
    assert high == math.floor(round(0.84 * n, 6))


def test_probabilities_are_rounded_to_single_precision():
    for confidence in (50, 68, 68.27, 80, 90, 95, 99, 99.7):
        lower, upper = interval_probabilities([confidence])[0]
        assert lower == float(np.float32(0.5 * (1 - float(np.float32(confidence)) / 100)))
        assert upper == float(np.float32(1 - lower))
    assert interval_probabilities([68])[0, 0] < 0.16


@pytest.mark.parametrize("n_sim", [25, 50, 100, 200, 400, 1000])
@pytest.mark.parametrize("confidence", [50, 68, 75, 80, 90, 95])
def test_percentiles_that_fall_on_a_simulation(n_sim, confidence):
    """Plateaus of the cumulated histogram at which n * p is whole: doubles against a single-precision p."""
    axis = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    tail = (100 - confidence) / 200
    lower, upper = interval_probabilities([confidence])[0]
    for share, p in ((tail, lower), (1 - tail, upper)):
        count = round(share * n_sim)
        for first, rest in ((count, 0), (count // 2, count - count // 2)):
            row = np.repeat([0, 1, 4], [first, rest, n_sim - count])
            below = np.cumsum(np.bincount(row, minlength=5)) / n_sim
            if below[0] >= p:
                expected = axis[0]
            else:
                low = int(np.searchsorted(below, p, side="right")) - 1
                slope = (axis[low + 1] - axis[low]) / (below[low + 1] - below[low])
                expected = axis[low] + (p - below[low]) * slope
            found = grid_percentiles(row[None], axis, [p])[0, 0]
            assert found == pytest.approx(expected, rel=1e-12), (share, first)


def test_sixteen_of_a_hundred_are_more_than_the_lower_bound():
    row = np.repeat([0, 1, 3], [10, 6, 84])
    # nothing lies at the third point: the plateau is entered from below
    assert grid_percentiles(row[None], [1.0, 2.0, 3.0, 4.0], interval_probabilities([68])[0])[0, 0] < 2.000001
    # a probability that single precision holds exactly leaves it at its end
    row = np.repeat([0, 1, 3], [10, 15, 75])
    assert grid_percentiles(row[None], [1.0, 2.0, 3.0, 4.0], [0.25])[0, 0] == 3.0
    # but for the first point
    row = np.repeat([0, 3], [25, 75])
    assert grid_percentiles(row[None], [1.0, 2.0, 3.0, 4.0], [0.25])[0, 0] == 1.0


def test_only_finite_values_count_for_percentiles_of_properties():
    values = np.array([[5.0, np.nan, 1.0, np.inf, 3.0, 2.0, 4.0, -np.inf]])
    assert property_percentiles(values, [0.0, 0.2, 0.5, 0.99]).tolist() == [[1.0, 2.0, 3.0, 5.0]]


def test_no_intervals():
    found = percentiles_from_simulations(
        {"z": np.zeros((2, 5), int)}, {"z": [1.0]}, {"lmass": np.ones((2, 5))}, []
    )
    assert {name: bounds.shape for name, bounds in found.items()} == {"z": (2, 0, 2), "lmass": (2, 0, 2)}


def test_medians_follow_the_rules_of_the_percentiles():
    found = medians_from_simulations(
        {"z": np.array([[0, 0, 1, 1]])},
        {"z": np.array([1.0, 2.0])},
        {"lmass": np.array([[4.0, 1.0, 3.0, 2.0]])},
    )
    assert found["z"].tolist() == [1.0]
    assert found["lmass"].tolist() == [3.0]


def _best_of_simulations(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    from astropy.io import fits

    with fits.open(path) as hdus:
        row = hdus[1].data[0]
        names = [str(name) for name in row["PARAMS"]]
        return dict(zip(names, np.array(row["RESULT"], dtype=float), strict=True)), names


def test_intervals_of_fastpp_from_its_simulations(shared):
    folder = shared / "golden" / "sims"
    params = read_params(folder / "fast.param")
    table = read_fout(folder / "expected" / "gal.fout")
    axes = {
        "z": np.append(0.01 + 0.1 * np.arange(30), 3.0),
        "Av": np.arange(7) * 0.5,
        "lage": 8 + np.arange(5) * 0.5,
        "metal": np.array([0.02]),
        "ltau": 8.5 + np.arange(4) * 0.5,
    }
    runs = [_best_of_simulations(folder / f"expected/best_fits/gal_{i}.sims.fits")[0] for i in table.ids]
    results = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    indices = {name: np.abs(results[name][..., None] - values).argmin(-1) for name, values in axes.items()}
    properties = {name: values for name, values in results.items() if name not in axes}
    found = percentiles_from_simulations(indices, axes, properties, (68, 95))
    for column in output_columns(params):
        if not column.has_interval:
            continue
        shown = printed_values(column, found[column.name])
        for i, confidence in enumerate((68, 95)):
            for j, side in enumerate("lu"):
                expected = table.columns[f"{side}{confidence}_{column.name}"]
                assert [f"{value:g}" for value in shown[:, i, j].tolist()] == expected, column.name


def test_chi2_threshold_of_almost_everything():
    assert chi2_threshold(99.99999999999999) == pytest.approx(65.3, abs=3)


@pytest.mark.parametrize("confidence", [10, 68, 68.27, 90, 99.7])
def test_chi2_threshold_encloses_the_confidence(confidence):
    assert math.erf(math.sqrt(chi2_threshold(confidence) / 2)) == pytest.approx(confidence / 100, abs=1e-3)


def test_intervals_from_chi2_take_confidences_in_any_order():
    excess, values = np.array([0.0, 0.9, 2.6, 4.0]), np.array([[3.0, 2.0, 4.0, 9.0]])
    found = intervals_from_chi2(excess, values, (90, 68))
    assert found.tolist() == [[[[2.0, 4.0], [2.0, 3.0]]]]


def test_intervals_from_chi2_source_by_source():
    rng = np.random.default_rng(5)
    excess, values = rng.exponential(3, 50), rng.normal(size=(3, 50))
    excess[7:9] = 50
    values[1, 20] = np.nan
    starts = [0, 7, 9, 10, 31]
    found = intervals_from_chi2(excess, values, (68, 95), starts)
    for k, (first, stop) in enumerate(itertools.pairwise([*starts, 50])):
        for i, confidence in enumerate((68, 95)):
            chosen = values[:, first:stop][:, excess[first:stop] < chi2_threshold(confidence)]
            expected = np.array([chosen.min(axis=1), chosen.max(axis=1)]).T if chosen.size else np.nan
            np.testing.assert_array_equal(found[:, k, i], expected + np.zeros((3, 2)))
    assert np.isnan(found[:, 1]).all()


def test_intervals_from_chi2_of_nothing_are_nan():
    assert np.isnan(intervals_from_chi2(np.array([np.nan, np.inf]), np.array([[1.0, 2.0]]), (68,))).all()


def test_intervals_of_fastpp_from_its_best_chi2(shared):
    folder = shared / "golden" / "interval_chi2"
    table = read_fout(folder / "expected" / "gal.fout")
    columns = [c for c in output_columns(read_params(folder / "fast.param")) if c.has_interval]
    for row, name in enumerate(table.ids):
        grid = read_chi2_grid(folder / f"expected/best_chi2/gal_{name}.chi2.grid")
        models = grid.select()
        values = np.stack([models[column.name] for column in columns])
        chi2 = models["chi2"].astype(float)
        found = intervals_from_chi2(chi2 - chi2.min(), values.astype(float), (68, 90))[:, 0]
        for column, bounds in zip(columns, found, strict=True):
            shown = [f"{value:g}" for value in printed_values(column, bounds).ravel().tolist()]
            names = [f"{side}{c}_{column.name}" for c in (68, 90) for side in "lu"]
            assert shown == [table.columns[n][row] for n in names]
