"""GRID_EXCLUDE against the formula written out for every model."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.expressions import ExpressionError
from fastsed.models.axes import Axes
from fastsed.models.exclusion import Exclusion

AXES = Axes(
    ("z", "Av", "Av_bc", "lage", "metal", "Tau", "burst"),
    (
        np.float32([0.5, 1.5]),
        np.float32([0.0, 1.0, 2.0]),
        np.float32([0.0, 0.5]),
        np.float32([8.0, 9.0, 10.0]),
        np.float32([0.008, 0.02]),
        np.float32([7.0, 8.0, 9.0, 10.0]),
        np.float32([0.0, 1.0]),
    ),
)
NUMBERS = np.arange(24)  # (lage, Tau, burst)
LAGE, TAU, BURST = (
    v.ravel() for v in np.meshgrid(*(AXES.values[i].astype(float) for i in (3, 5, 6)), indexing="ij")
)


@pytest.mark.parametrize(
    ("formula", "excluded"),
    [
        ("Tau > lage", TAU > LAGE),
        ("tau>lage", TAU > LAGE),
        ("TAU > 8 && burst == 1", (TAU > 8) & (BURST == 1)),
        ("burst", BURST != 0),
        ("-burst", BURST != 0),
        ("lage - 9", LAGE != 9),
    ],
)
def test_by_population(formula, excluded):
    exclusion = Exclusion(formula, AXES)
    assert exclusion.by_population
    assert not exclusion.by_cell
    for imetal in (0, 1):
        np.testing.assert_array_equal(exclusion.keep_populations(NUMBERS, imetal), ~excluded)
    some = np.array([23, 3, 11])
    np.testing.assert_array_equal(exclusion.keep_populations(some, 0), ~excluded[some])
    assert exclusion.keep_models(0, NUMBERS, 0) is None


def test_by_metallicity():
    exclusion = Exclusion("metal > 0.01", AXES)
    np.testing.assert_array_equal(exclusion.keep_populations(NUMBERS, 0), True)
    np.testing.assert_array_equal(exclusion.keep_populations(NUMBERS, 1), False)
    assert exclusion.keep_populations(NUMBERS, 1).shape == (24,)


@pytest.mark.parametrize(
    ("formula", "excluded"),
    [
        ("Av + Av_bc > 1", lambda z, av, bc: (av + bc > 1) & (LAGE > 0)),
        ("av > 0.5 && lage < 9", lambda z, av, bc: (av > 0.5) & (LAGE < 9)),
        ("z > 1 || tau == 8", lambda z, av, bc: (z > 1) | (TAU == 8)),
        ("z > 1", lambda z, av, bc: (z > 1) & (LAGE > 0)),
    ],
)
def test_by_cell(formula, excluded):
    exclusion = Exclusion(formula, AXES)
    assert exclusion.by_cell
    assert not exclusion.by_population
    np.testing.assert_array_equal(exclusion.keep_populations(NUMBERS, 0), True)
    for iz, z in enumerate(AXES.z.astype(float)):
        cells = [(float(av), float(bc)) for av in AXES.values[1] for bc in AXES.values[2]]
        expected = np.array([~excluded(z, *cell) for cell in cells])
        np.testing.assert_array_equal(exclusion.keep_models(iz, NUMBERS, 0), expected)


def test_nothing_excluded():
    exclusion = Exclusion("", AXES)
    np.testing.assert_array_equal(exclusion.keep_populations(NUMBERS, 0), True)
    assert exclusion.keep_models(0, NUMBERS, 0) is None


@pytest.mark.parametrize(("formula", "keep"), [("0", True), ("1 > 2", True), ("3", False)])
def test_constant_formulas(formula, keep):
    exclusion = Exclusion(formula, AXES)
    models = exclusion.keep_models(1, NUMBERS, 0)
    assert models.shape == (6, 24)
    np.testing.assert_array_equal(models, keep)


def test_what_is_not_a_number_is_left_out():
    # NaN != 0, as in the peer
    np.testing.assert_array_equal(Exclusion("log(lage - 10.5)", AXES).keep_populations(NUMBERS, 0), False)


@pytest.mark.parametrize(
    ("formula", "message"), [("t > 1", "t"), ("lage >", "ends"), ("nonsense > 1", "nonsense")]
)
def test_bad_formulas(formula, message):
    with pytest.raises(ExpressionError, match=message):
        Exclusion(formula, AXES)
