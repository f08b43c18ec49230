"""The axes of the grid and the numbering of models, against numpy's own and against FAST++'s choices."""

from __future__ import annotations

import ctypes
import decimal
import math

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.models.axes import (
    AGE,
    ATTENUATION,
    FIXED_AXES,
    HISTORY,
    METALLICITY,
    REDSHIFT,
    Axes,
    axis,
    few_redshifts,
    history_axes,
    make_axes,
    power_of_ten,
    redshift_axis,
)
from fastsed.params import read_params
from fastsed.sizes import check_models
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


@pytest.mark.parametrize(
    ("low", "high", "step", "count"),
    [
        (8.4, 10.1, 0.2, 10),  # the single-precision quotient is 8.500004
        (0.0, 1.7, 0.2, 10),
        (0.0, 0.3, 0.1, 4),
        (8.0, 10.0, 0.16, 14),  # 12.5 steps
        (0.01, 0.335, 0.005, 66),
        (1.0, 1.1, 0.4, 2),  # less than half a step: still both ends
    ],
)
def test_number_of_points_is_that_of_fastpp(low, high, step, count):
    assert len(axis(low, high, step)) == count


def test_axis_is_computed_in_the_mix_of_precisions_of_fastpp():
    """Against a formulation of its own: C's float quotient, double points, rounded to float."""
    rng = np.random.default_rng(12)
    differ = 0
    for _ in range(3000):
        step = round(
            rng.choice([0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.7]) * rng.integers(1, 4), 3
        )
        low = round(rng.uniform(0, 10), 2)
        high = low + step * (rng.integers(1, 60) + 0.5 * rng.integers(0, 2))
        a, b, s = ctypes.c_float(low).value, ctypes.c_float(high).value, ctypes.c_float(step).value
        difference = ctypes.c_float(b - a).value
        quotient = ctypes.c_float(difference / s).value
        count = int(decimal.Decimal(quotient).to_integral_value(decimal.ROUND_HALF_UP)) + 1
        expected = [ctypes.c_float(a + k * s).value for k in range(max(count, 2) - 1)] + [b]
        assert axis(low, high, step).tolist() == expected, (low, high, step)
        differ += count != math.floor((high - low) / step + 0.5) + 1
    assert differ > 20  # the precision matters


def test_logarithmic_redshifts_are_counted_in_double_precision():
    for z_max, step in ((1.5, 0.003), (6.0, 0.02), (0.9, 0.0125), (3.3, 0.05)):
        low, high = math.log10(1 + float(np.float32(0.01))), math.log10(1 + float(np.float32(z_max)))
        spacing = float(np.float32(step))
        count = math.floor((high - low) / spacing + 0.5) + 1
        points = [10 ** (low + k * spacing) - 1 for k in range(count - 1)] + [10**high - 1]
        np.testing.assert_array_equal(redshift_axis(0.01, z_max, step, True), np.float32(points))


@pytest.mark.parametrize(
    ("low", "high", "step", "says"),
    [
        (0.0, 3.0, 1e-30, "A_V_STEP = 1e-30 gives too many points: 3e\\+30, the limit is 100 000"),
        (0.0, 1e300, 1.0, "A_V_STEP = 1 gives too many points: endlessly many"),
        (0.0, 3.0, 1e-50, "A_V_STEP = 0 gives too many points: endlessly many"),
        (0.0, 1e6, 0.5, "A_V_STEP = 0.5 gives too many points: 2e\\+06"),
        (1.0, 1.0001, 1e-8, "A_V_STEP = 1e-08 is too small: single precision"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_too_many_points(low, high, step, says):
    with pytest.raises(InputError, match=says):
        axis(low, high, step, "a_v")


def test_nearest_redshift_is_the_first_of_those_as_near_in_single_precision():
    rng = np.random.default_rng(3)
    for z_min, z_max, step in ((0.01, 6.0, 0.05), (0.005, 0.4, 0.01), (0.02, 3.0, 0.02)):
        z_axis = redshift_axis(z_min, z_max, step, False)
        axes = Axes(FIXED_AXES, (z_axis, *(np.zeros(1, np.float32) for _ in range(4))))
        half_way = [round(z_min + (k + 0.5) * step, 6) for k in range(len(z_axis) - 1)]
        z = np.array([*half_way, *rng.uniform(z_min, z_max, 500), z_min, z_max, 0.0, 20.0])
        expected = np.abs(z_axis[None] - z.astype(np.float32)[:, None]).argmin(axis=1)
        np.testing.assert_array_equal(axes.nearest_redshift(z), expected)
        in_double = np.abs(z_axis.astype(float)[None] - z[:, None]).argmin(axis=1)
        assert (expected != in_double).any()


def test_redshifts_that_look_equally_near_go_to_the_lowest():
    z_axis = np.float32([1000, 1000.0001, 1000.0002, 1001])
    axes = Axes(FIXED_AXES, (z_axis, *(np.zeros(1, np.float32) for _ in range(4))))
    # distances to 0 of the first three are the same single-precision number but for the last digit
    z = np.array([0.0, 2000.0, 1e9, -1e9])
    expected = np.abs(z_axis[None] - z.astype(np.float32)[:, None]).argmin(axis=1)
    np.testing.assert_array_equal(axes.nearest_redshift(z), expected)


def test_powers_of_ten_reach_just_beyond_whole_ones():
    """FAST++ takes one time step more for an age of 1 Gyr than 1000 steps of 1 Myr."""
    assert math.ceil(power_of_ten(9.0) / 1e6) == 1001
    assert power_of_ten(9.5) == pytest.approx(10**9.5, rel=1e-14)


def test_models_that_cannot_be_numbered():
    assert check_models({"z": 10**7, "Av": 10**5}) == 10**12
    with pytest.raises(InputError, match=r"too many models: 1e\+20 \(z: 10000000000, lage: 10000000000\)"):
        check_models({"z": 10**10, "lage": 10**10})
    with pytest.raises(InputError, match="A_V and A_V_BC make too many pairs: 1000000,"):
        check_models({"Av": 1000, "Av_bc": 1000})


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
    np.testing.assert_array_equal(few_redshifts(regular, np.array([1e-7, 2.0])), np.float32([1e-5, 2.0]))
    np.testing.assert_array_equal(few_redshifts(regular, np.full(3, np.nan)), regular)


def made(*counts):
    names = ("z", "Av", "Av_bc", "lage", "metal", *(f"p{i}" for i in range(len(counts) - 5)))
    return Axes(names, tuple(np.arange(n, dtype=np.float32) + 10 * i for i, n in enumerate(counts)))


def test_roles():
    axes = made(3, 4, 2, 5, 6, 7, 8)
    assert axes.of_role(REDSHIFT) == (0,)
    assert axes.of_role(HISTORY, AGE, ATTENUATION) == (5, 6, 3, 1, 2)
    assert axes.sizes_of(METALLICITY, HISTORY) == (6, 7, 8)
    assert (axes.cell_shape, axes.n_cells, axes.history_shape, axes.n_history) == ((4, 2), 8, (7, 8), 56)
    assert axes.models_per_redshift * 3 == axes.size
    assert axes.history_names == ("p0", "p1")
    np.testing.assert_array_equal(axes.values_of("Av_bc"), axes.values[2])
    other = axes.with_values({"lage": np.float32([1])})
    assert other.shape == (3, 4, 2, 1, 6, 7, 8)
    assert other.z is axes.z


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
