"""Rules on best fits, on both sides of each limit."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.verdict.fits import chi2_level, edges, negative_scales, outside_intervals, stellar_masses


def only(findings):
    (finding,) = findings
    return finding


class TestChi2:
    @pytest.mark.parametrize(("median", "unusual"), [(0.04, True), (0.06, False), (9.9, False), (10.1, True)])
    def test_limits(self, median, unusual):
        finding = only(chi2_level(np.array([median / 2, median, 1e5]), np.ones(3, dtype=int)))
        assert finding.unusual == unusual
        assert f"median reduced chi2: {median:.3g}" in finding.text

    def test_as_many_parameters_as_data(self):
        """A small chi2 is usual then."""
        assert not only(chi2_level(np.array([1e-3, 2e-3]), np.array([0, -1]))).unusual
        assert only(chi2_level(np.array([1e-3, 2e-3]), np.array([0, 1]))).unusual

    def test_no_fit(self):
        assert not list(chi2_level(np.array([np.nan]), np.ones(1, dtype=int)))
        assert not list(chi2_level(np.empty(0), np.empty(0, dtype=int)))


def warned_edges(axes, indices, free=None):
    indices = {name: np.array(values) for name, values in indices.items()}
    n = len(next(iter(indices.values())))
    free = np.ones(n, dtype=bool) if free is None else np.array(free)
    axes = {name: np.array(values) for name, values in axes.items()}
    return [f.text for f in edges(axes, indices, free) if f.unusual]


class TestEdges:
    @pytest.mark.parametrize(("at_edge", "unusual"), [(5, False), (6, True)])
    @pytest.mark.parametrize(("edge", "label"), [(0, "Z_MIN = 1 "), (2, "Z_MAX = 3 ")])
    def test_more_than_half(self, at_edge, unusual, edge, label):
        found = warned_edges({"z": [1.0, 2.0, 3.0]}, {"z": [edge] * at_edge + [1] * (10 - at_edge)})
        assert len(found) == unusual
        assert not unusual or (label in found[0] and "60 % of the sources" in found[0])

    @pytest.mark.parametrize(
        ("name", "edge", "label"),
        [
            ("Av", 0, ""),
            ("Av", -1, "A_V_MAX"),
            ("Av_bc", 0, ""),
            ("Av_bc", -1, "A_V_BC_MAX"),
            ("lage", 0, "LOG_AGE_MIN"),
            ("lage", -1, ""),
            ("ltau", 0, ""),
            ("ltau", -1, "LOG_TAU_MAX"),
            ("log_tau", 0, ""),
            ("tburst", 0, "TBURST_MIN"),
            ("tburst", -1, "TBURST_MAX"),
            ("metal", 0, "METAL = 1"),
        ],
    )
    def test_usual_edges(self, name, edge, label):
        values = [1.0, 2.0, 3.0, 4.0]
        found = warned_edges({name: values}, {name: [edge % 4] * 3})
        assert len(found) == bool(label)
        assert label in "".join(found)

    def test_metallicities_in_any_order(self):
        """The edges are the smallest and the largest, wherever they stand."""
        axes = {"metal": [0.02, 0.05, 0.008]}
        assert not warned_edges(axes, {"metal": [0, 0, 0]})
        assert "METAL = 0.008" in warned_edges(axes, {"metal": [2, 2, 2]})[0]

    def test_axes_without_a_middle(self):
        assert not warned_edges({"metal": [0.02]}, {"metal": [0, 0]})
        assert not warned_edges({"metal": [0.02, 0.05]}, {"metal": [1, 1]})

    def test_known_redshifts_do_not_count(self):
        axes, indices = {"z": [1.0, 2.0, 3.0]}, {"z": [2, 2, 1]}
        assert warned_edges(axes, indices)
        assert not warned_edges(axes, indices, [False, False, True])
        assert not warned_edges(axes, indices, [False] * 3)

    def test_fractions_are_noted(self):
        axes = {"Av": np.array([0.0, 1.0, 2.0]), "lage": np.array([8.0, 9.0, 10.0])}
        places = {"Av": np.array([0, 0, 0, 1]), "lage": np.array([2, 1, 1, 0])}
        (finding,) = edges(axes, places, np.ones(4, dtype=bool))
        assert finding.text == (
            "sources at edges of the grid: 75 % at A_V_MIN = 0, 25 % at LOG_AGE_MIN = 8, 25 % at LOG_AGE_MAX = 10"
        )


def test_negative_scales():
    assert not list(negative_scales(np.array([1.0, 0.0, np.nan])))
    finding = only(negative_scales(np.array([1.0, -1e-9, -3.0])))
    assert finding.unusual
    assert finding.text.startswith("2 sources of 3 with a negative best scale")


@pytest.mark.parametrize(("log_mass", "unusual"), [(2.9, True), (3.1, False), (12.7, False), (12.9, True)])
def test_stellar_masses(log_mass, unusual):
    finding = only(stellar_masses(np.array([10**log_mass, 10**log_mass, -1.0, np.nan])))
    assert finding.unusual == unusual
    assert ("AB_ZEROPOINT" in finding.text) == unusual


def test_no_stellar_mass():
    assert not list(stellar_masses(np.array([np.nan, -1.0])))


def test_outside_intervals():
    """Counted for each confidence, never unusual."""
    bounds = np.array([[[1.0, 2.0], [0.0, 4.0]]] * 4)
    values = {"z": np.array([0.9, 1.0, 3.0, np.nan]), "Av": np.array([1.5, 1.5, 1.5, 5.0])}
    narrow, wide = outside_intervals(values, {"z": bounds, "Av": bounds}, [68, 95])
    assert narrow.text == "best fits outside their own 68 % interval: z 2, Av 1"
    assert wide.text == "best fits outside their own 95 % interval: Av 1"
    assert not narrow.unusual
    assert not list(outside_intervals({"z": values["z"][1:2]}, {"z": bounds[1:2]}, [68, 95]))
