"""The axes of the grid and the numbering of models, against numpy's own and against FAST++'s choices."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.models.axes import (
    Axes,
    axis,
    few_redshifts,
    history_axes,
    make_axes,
    redshift_axis,
)
from fastsed.params import read_params
from tests.outputs.helpers import read_fout


@pytest.mark.parametrize(
    ("low", "high", "step", "expected"),
    [
        (0.0, 3.0, 1.0, [0, 1, 2, 3]),
        (8.5, 10.0, 0.5, [8.5, 9, 9.5, 10]),
        (0.0, 1.0, 0.3, [0, 0.3, 0.6, 1]),  # 3.3 steps: rounded down, the last step is longer
        (0.0, 1.0, 0.4, [0, 0.4, 0.8, 1]),  # 2.5 steps: rounded up, the last step is shorter
        (0.0, 1.0, 0.28, [0, 0.28, 0.56, 0.84, 1]),  # 3.57 steps
        (2.0, 2.0, 0.1, [2]),
        (2.0, 2.0, 0.0, [2]),
        (-1.0, 1.0, 1.0, [-1, 0, 1]),
    ],
)
def test_axis(low, high, step, expected):
    values = axis(low, high, step)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, np.array(expected, dtype=np.float32), rtol=1e-6, atol=1e-7)
    assert values[-1] == np.float32(high)
    assert values[0] == np.float32(low)


def test_axis_length_does_not_suffer_from_rounding():
    for n in range(1, 400):
        assert len(axis(0.1, 0.1 + 0.01 * n, 0.01)) == n + 1


def test_redshift_axis_types():
    np.testing.assert_allclose(redshift_axis(0.5, 2.0, 0.5, False), [0.5, 1, 1.5, 2])
    log = redshift_axis(0.05, 3.0, 0.02, True)
    assert log.dtype == np.float32
    assert len(log) == round((np.log10(4) - np.log10(1.05)) / 0.02) + 1
    steps = np.diff(np.log10(1 + log.astype(float)))
    np.testing.assert_allclose(steps[:-1], 0.02, atol=1e-6)
    np.testing.assert_allclose(log[[0, -1]], [0.05, 3.0], rtol=1e-6)


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize(("z_max", "step"), [(6.0, 0.0), (1.04, 0.1), (1.0, 0.1)])
def test_single_redshift(z_max, step, logarithmic):
    np.testing.assert_array_equal(redshift_axis(1.0, z_max, step, logarithmic), np.float32([1.0]))


def test_few_redshifts():
    regular = redshift_axis(0.5, 2.0, 0.5, False)
    known = np.array([1.25, np.nan, 0.3, 1.25, 0.7])
    few = few_redshifts(regular, known)
    assert few.dtype == np.float32
    np.testing.assert_array_equal(few, np.float32([0.3, 0.7, 1.25]))
    np.testing.assert_array_equal(few_redshifts(regular, np.full(3, np.nan)), regular)


def made(*counts):
    names = ("z", "Av", "Av_bc", "lage", "metal", *(f"p{i}" for i in range(len(counts) - 5)))
    return Axes(names, tuple(np.arange(n, dtype=np.float32) + 10 * i for i, n in enumerate(counts)))


@pytest.mark.parametrize(
    "shape", [(3, 4, 1, 5, 2, 3), (2, 1, 3, 4, 1), (2, 3, 1, 4, 2, 3, 2, 5), (1, 1, 1, 1, 1, 1)]
)
def test_indices_are_those_of_numpy(shape):
    axes = made(*shape)
    assert axes.size == np.prod(shape)
    assert axes.models_per_redshift == np.prod(shape[1:])
    assert axes.n_history == np.prod(shape[5:], dtype=int)
    ids = np.random.default_rng(0).permutation(axes.size).astype(np.int64)
    places = axes.indices(ids)
    for found, expected in zip(places, np.unravel_index(ids, shape), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.ravel_multi_index(places, shape), ids)
    values = axes.parameters(ids)
    assert list(values) == list(axes.names)
    for i, name in enumerate(axes.names):
        np.testing.assert_array_equal(values[name], places[i] + 10.0 * i)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1, 1), (3, 2, 4, 5, 2), (3, 2, 4, 5, 2, 3), (2, 1, 3, 4, 3, 2, 5)]
)
def test_cells_and_populations(shape):
    model = np.arange(np.prod(shape))
    _, iav, ibc, ilage, imetal, *history = np.unravel_index(model, shape)
    cell, metal, population = made(*shape).cells_and_populations(model)
    np.testing.assert_array_equal(cell, iav * shape[2] + ibc)
    np.testing.assert_array_equal(metal, imetal)
    expected = np.ravel_multi_index((ilage, *history), (shape[3], *shape[5:]))
    np.testing.assert_array_equal(population, expected)


def test_more_models_than_32_bits_count():
    axes = made(400, 300, 20, 100, 7, 50, 60)
    assert axes.size == 400 * 300 * 20 * 100 * 7 * 50 * 60 > 2**42
    assert isinstance(axes.size, int)
    ids = np.array([0, 2**31, 2**32, 2**32 + 1, 2**40 + 12345, axes.size - 1], dtype=np.int64)
    places = axes.indices(ids)
    assert all(p.dtype == np.int64 for p in places)
    for i, model in enumerate(ids):
        rebuilt = 0
        for place, count in zip(places, axes.shape, strict=True):
            rebuilt = rebuilt * count + int(place[i])
        assert rebuilt == int(model)
    assert [int(p[-1]) for p in places] == [n - 1 for n in axes.shape]


@pytest.mark.parametrize("n_threads", [1, 2, 7])
@pytest.mark.parametrize(
    "counts",
    [
        (7, 3, 2, 5, 4, 6),
        (400, 300, 20, 100, 7, 50, 60),
        (2**20, 2, 1, 2**20, 2**20),
        (49, 98, 103, 107, 49),
        (1000003, 2, 1, 1000003, 700003, 3),
    ],
)
def test_many_numbers_in_threads(counts, n_threads):
    axes = made(*counts)
    numbers = np.random.default_rng(1).integers(0, axes.size, (3, 10001))
    numbers[1, ::5] = -1
    numbers[2, :2] = 0, axes.size - 1
    # the first of each row of the last axis
    numbers[2, 2:] -= numbers[2, 2:] % axes.shape[-1]
    known = numbers >= 0
    for found, expected in zip(
        axes.indices(numbers, n_threads), np.unravel_index(np.where(known, numbers, 0), counts), strict=True
    ):
        np.testing.assert_array_equal(found, np.where(known, expected, -1))
    slowest_first = [4, *range(5, len(counts)), 3, 1, 2, 0]
    places = np.unravel_index(np.where(known, numbers, 0), [counts[k] for k in slowest_first])
    expected = np.ravel_multi_index([places[slowest_first.index(k)] for k in range(len(counts))], counts)
    models, indices = axes.models_of_tie_order(numbers, n_threads)
    np.testing.assert_array_equal(models, np.where(known, expected, -1))
    for found, same in zip(indices, axes.indices(models), strict=True):
        np.testing.assert_array_equal(found, same)


def test_size_beyond_64_bits_is_exact():
    axes = made(*[100000] * 5)
    assert axes.size == 10**25


@pytest.mark.parametrize("shape", [(3, 2, 2, 4, 2, 3), (2, 1, 3, 4, 1), (2, 3, 1, 2, 2, 3, 2)])
def test_order_of_ties(shape):
    # metal, history (last one fastest), lage, Av, Av_bc, z, the last one the fastest
    axes = made(*shape)
    z, av, bc, lage, metal, *history = np.unravel_index(np.arange(axes.size), shape)
    expected = np.lexsort((z, bc, av, lage, *reversed(history), metal))
    np.testing.assert_array_equal(axes.models_of_tie_order(np.arange(axes.size))[0], expected)
    assert axes.models_of_tie_order(np.array([-1]))[0].tolist() == [-1]


def test_history_parameters():
    axes = made(2, 3, 1, 4, 2, 3, 2, 5)
    values = axes.history_parameters(np.arange(30, dtype=np.int64))
    a, b, c = np.unravel_index(np.arange(30), (3, 2, 5))
    for name, expected in zip(("p0", "p1", "p2"), (a + 50.0, b + 60.0, c + 70.0), strict=True):
        np.testing.assert_array_equal(values[name], expected)
    assert made(2, 3, 1, 4, 2).history_parameters(np.zeros(3, dtype=np.int64)) == {}


def test_axes_of_a_parameter_file():
    params = read_params(None, ["Z_MIN=1", "Z_MAX=2", "Z_STEP=0.5", "METAL=[0.008, 0.05]", "LOG_TAU_STEP=1"])
    axes = make_axes(params, history_axes(params))
    assert axes.names == ("z", "Av", "Av_bc", "lage", "metal", "ltau")
    assert axes.shape == (3, 31, 1, 9, 2, 5)
    np.testing.assert_array_equal(axes.metal, np.float32([0.008, 0.05]))


def test_axes_of_a_custom_history():
    keys = ["CUSTOM_SFH=exp(-t/10^log_tau)*(t>Late)", "CUSTOM_PARAMS=[Late,log_tau]"]
    keys += ["LATE_MIN=0", "LATE_MAX=1", "LATE_STEP=0.25", "LOG_TAU_MIN=7", "LOG_TAU_MAX=9", "LOG_TAU_STEP=1"]
    params = read_params(None, keys)
    axes = make_axes(params, history_axes(params))
    assert axes.names[5:] == axes.history_names == ("Late", "log_tau")
    assert axes.history_shape == (5, 3)


def nearest(axes, *z):
    return axes.z[axes.nearest_redshift(np.array(z))]


def test_nearest_redshift():
    axes = Axes(("z",), (redshift_axis(0.5, 2.5, 0.5, False),))
    np.testing.assert_array_equal(nearest(axes, 0.5, 0.7, 0.8, 2.5), np.float32([0.5, 0.5, 1.0, 2.5]))
    # outside: the edges; half-way: the lower one (all of these are exact in single precision)
    np.testing.assert_array_equal(nearest(axes, 0.0, 99.0, 0.75, 2.25), np.float32([0.5, 2.5, 0.5, 2.0]))
    single = Axes(("z",), (np.float32([0.7]),))
    np.testing.assert_array_equal(single.nearest_redshift(np.array([0.1, 5.0])), [0, 0])
    assert axes.nearest_redshift(np.empty(0)).shape == (0,)


def test_half_way_redshifts_go_where_single_precision_takes_them():
    axes = Axes(("z",), (redshift_axis(0.01, 6.0, 0.05, False),))
    np.testing.assert_allclose(nearest(axes, 3.335, 0.785), [3.31, 0.81], atol=1e-5)


def test_nearest_redshifts_of_the_peer(shared):
    folder = shared / "golden" / "zphot_force"
    rows = [line.split() for line in (folder / "gal.zout").read_text().splitlines()]
    header = [name.lower() for name in rows[0][1:]]
    table = np.array([row for row in rows if row and not row[0].startswith("#")], dtype=float)
    z_phot, z_spec = (table[:, header.index(name)] for name in ("z_m2", "z_spec"))
    found = np.array(read_fout(folder / "expected" / "gal.fout").columns["z"], dtype=float)
    known = np.where(z_spec > 0, z_spec, z_phot)
    use = (known > 0) & np.isfinite(found)
    assert use.sum() > 200
    axes = Axes(("z",), (redshift_axis(0.01, 6.0, 0.05, False),))
    ours = nearest(axes, *np.clip(known[use], 0.01, 6.0))
    np.testing.assert_allclose(ours, found[use], atol=1e-4)
