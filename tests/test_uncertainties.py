"""Uncertainties of a run: the typical simulation, intervals from simulations and from chi2 by plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.config.fit import chi2_threshold
from fastsed.fitting.best_fit import find_best_fits
from fastsed.fitting.passes import simulated_chunks
from fastsed.uncertainties import (
    SimulatedSources,
    scaled_properties,
)
from tests.fitting.toys import all_models, chi2_uncertainties, make_problem, simulated_uncertainties, slow_fit

# --- simulations ------------------------------------------------------------------------------------------


def test_typical_is_the_simulation_nearest_to_all_others():
    rng = np.random.default_rng(4)
    indices = {
        name: rng.integers(0, n, (5, 40)) for name, n in (("z", 30), ("Av", 4), ("lage", 1), ("metal", 9))
    }
    sources = SimulatedSources(slice(0, 5), None, indices, {})
    chosen = sources.typical()
    for row in range(5):
        points = [tuple(int(i[row, s]) for i in indices.values()) for s in range(40)]
        sums = [
            sum(sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) ** 0.5 for q in points) for p in points
        ]
        assert sums[chosen[row]] == pytest.approx(min(sums), rel=1e-12)


def test_typical_of_one_simulation_and_of_equal_ones():
    equal = SimulatedSources(slice(0, 2), None, {"z": np.full((2, 5), 3)}, {})
    assert equal.typical().tolist() == [0, 0]
    assert SimulatedSources(slice(0, 1), None, {"z": np.zeros((1, 1), int)}, {}).typical().tolist() == [0]


@pytest.mark.parametrize(("n_sources", "n_sim"), [(0, 10), (1, 10), (7, 10), (5, 10**9)])
def test_chunks_cover_all_sources_once(monkeypatch, n_sources, n_sim):
    monkeypatch.setattr("fastsed.fitting.passes.SIMULATION_BYTES", 3 * 32 * 10)
    chunks = list(simulated_chunks(n_sources, n_sim))
    assert [row for rows in chunks for row in range(rows.start, rows.stop)] == list(range(n_sources))
    assert max((rows.stop - rows.start for rows in chunks), default=0) <= (3 if n_sim == 10 else 1)


def test_medians_and_bounds_of_simulations_are_order_statistics(library):
    problem = make_problem(library, "N_SIM=101", "C_INTERVAL=[90,50]", "BEST_FROM_SIM=1", n=4)
    problem.data.last_z[2] = problem.data.best_last_z[2] = -1
    visited = []
    found = simulated_uncertainties(problem, visited.append)
    (sources,) = visited
    for row in (0, 1, 3):
        mass = np.sort(sources.properties["lmass"][row])
        assert found.medians["lmass"][row] == mass[50]
        assert found.intervals["lmass"][row].tolist() == [[mass[5], mass[95]], [mass[25], mass[75]]]
        for name in ("z", "Av", "lage", "ltau"):
            axis = problem.grid.axes.as_dict()[name]
            low, high = found.intervals[name][row, 0]
            assert axis[0] <= low <= found.medians[name][row] <= high <= axis[-1]
    assert all(np.isnan(values[2]).all() for values in found.intervals.values())
    assert all(np.isnan(values[2]) for values in found.medians.values())


@pytest.mark.parametrize("described", [1, 8 * 11 * 3])
def test_sources_described_few_at_a_time(library, monkeypatch, described):
    problem = make_problem(library, "N_SIM=11", "BEST_FROM_SIM=1", n=7)
    problem.data.last_z[2] = problem.data.best_last_z[2] = -1
    expected = simulated_uncertainties(problem)
    monkeypatch.setattr("fastsed.uncertainties.DESCRIBED_BYTES", described)
    visited = []
    found = simulated_uncertainties(problem, visited.append)
    size = 1 if described == 1 else 3
    assert [(s.rows.start, s.rows.stop) for s in visited] == [
        (row, min(row + size, 7)) for row in range(0, 7, size)
    ]
    assert [len(s.simulations.model) for s in visited] == [s.rows.stop - s.rows.start for s in visited]
    for name, bounds in expected.intervals.items():
        np.testing.assert_array_equal(found.intervals[name], bounds)
        np.testing.assert_array_equal(found.medians[name], expected.medians[name])


def test_no_medians_unless_asked(library):
    problem = make_problem(library, "N_SIM=5", n=2)
    assert simulated_uncertainties(problem).medians == {}


# --- chi2 -------------------------------------------------------------------------------------------------


def chi2_intervals(library, confidences, *keys):
    problem = make_problem(library, "INTERVAL_FROM_CHI2=1", f"C_INTERVAL={confidences}", *keys, n=5)
    best = find_best_fits(problem.grid, problem.data)
    return problem, best, chi2_uncertainties(problem).intervals


def test_intervals_from_chi2_by_a_plain_search(library):
    problem, fits, found = chi2_intervals(library, "[99,68,95]")
    models, axes = all_models(problem.grid), problem.grid.axes
    for row in range(5):
        chi2, scale, spec_scale = slow_fit(models, problem.data, row)
        for i, confidence in enumerate((99, 68, 95)):
            good = np.flatnonzero(chi2 - fits.chi2[row] < chi2_threshold(confidence))
            values = axes.parameters(models.ids[good])
            values |= scaled_properties(problem, models.ids[good], scale[good], spec_scale[good])
            for name, v in values.items():
                expected = [v.min(), v.max()]
                np.testing.assert_allclose(found[name][row, i], expected, rtol=1e-9, err_msg=name)
    widths = [found["lage"][:, i, 1] - found["lage"][:, i, 0] for i in (1, 2, 0)]
    assert (widths[0] <= widths[1]).all()
    assert (widths[1] <= widths[2]).all()
    assert (widths[2] > widths[0]).any()


@pytest.mark.parametrize("confidences", ["[68,95,99]", "[99,95,68]", "[95,99,68]"])
def test_confidences_in_any_order_give_the_same_intervals(library, confidences):
    _, _, reference = chi2_intervals(library, "[68,95,99]")
    _, _, found = chi2_intervals(library, confidences)
    order = np.argsort([float(c) for c in confidences.strip("[]").split(",")])
    for name, bounds in found.items():
        np.testing.assert_array_equal(bounds[:, order], reference[name], err_msg=name)


def test_a_larger_save_bestchi_changes_no_interval(library):
    _, _, narrow = chi2_intervals(library, "[68,90]")
    _, _, wide = chi2_intervals(library, "[68,90]", "SAVE_BESTCHI=1000")
    for name, bounds in narrow.items():
        np.testing.assert_array_equal(bounds, wide[name], err_msg=name)


def test_sources_without_a_fit_have_no_interval(library):
    problem = make_problem(library, "INTERVAL_FROM_CHI2=1", n=3)
    problem.data.last_z[1] = problem.data.best_last_z[1] = -1
    rows = []
    found = chi2_uncertainties(problem, lambda source: rows.append(source.row)).intervals
    assert rows == [0, 2]
    for name, bounds in found.items():
        assert np.isnan(bounds[1]).all(), name
        assert np.isfinite(bounds[[0, 2]]).all(), name
