"""Weights of stellar models against sums over their definition."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.models.stars.priors import initial_mass_function
from fastsed.models.stars.weights import DustAxis, StellarPriors, beast2_weights, stellar_factors


def models(masses_of_age: dict[float, list[float]], mets=(0.004, 0.02), distances=(1e4, 3e4)):
    rows = [(a, m, z, d) for d in distances for z in mets for a, ms in masses_of_age.items() for m in ms]
    return dict(zip(("logA", "M_ini", "Z", "distance"), np.array(rows).T.copy(), strict=True))


def test_absolute_measure():
    columns = models({7.0: [1.0, 2.0, 4.0], 8.0: [1.0, 3.0]})
    factors = stellar_factors(columns, StellarPriors())
    imf = initial_mass_function({"name": "kroupa"})
    row = (columns["logA"] == 7.0) & (columns["M_ini"] == 2.0)
    np.testing.assert_allclose(factors.mass[row], imf.integral(1.5, 3.0))
    np.testing.assert_allclose(factors.age[row], 10**7.5 - 10**6.5)
    np.testing.assert_allclose(factors.met, 0.016)
    np.testing.assert_allclose(factors.distance, 2e4)
    weights = factors.product()
    assert weights.sum() == pytest.approx(1.0, rel=1e-14)
    # equal totals of both metallicities and distances
    assert weights[columns["Z"] == 0.02].sum() == pytest.approx(0.5)


def test_sampling_in_mass_does_not_change_an_isochrone():
    """Doubling the points of one isochrone (and copying some) leaves its total weight (BEAST's wart W7)."""
    once = models({7.0: [1.0, 2.0, 3.0], 8.0: [1.0, 2.0, 3.0]}, [0.02], [1e4])
    denser = [0.75, 1.25, 1.75, 2.25, 2.75, 2.75, 3.25]
    twice = models({7.0: denser, 8.0: [1.0, 2.0, 3.0]}, [0.02], [1e4])
    total = []
    for columns in (once, twice):
        weights = stellar_factors(columns, StellarPriors()).product()
        total.append(weights[columns["logA"] == 7.0].sum())
    assert total[0] == pytest.approx(total[1], rel=1e-12)


def test_equal_masses_share_their_cell():
    columns = models({7.0: [1.0, 2.0, 2.0, 3.0]}, [0.02], [1e4])
    mass = stellar_factors(columns, StellarPriors()).mass
    assert (
        mass[1] == mass[2] == pytest.approx(initial_mass_function({"name": "kroupa"}).integral(1.5, 2.5) / 2)
    )


def test_single_values_and_single_masses_count_one():
    columns = models({7.0: [2.0]}, [0.02], [1e4])
    factors = stellar_factors(columns, StellarPriors(age={"name": "flat_log"}))
    for part in (factors.age, factors.mass, factors.met, factors.distance):
        np.testing.assert_array_equal(part, [1.0])
    del columns["distance"]
    np.testing.assert_array_equal(stellar_factors(columns, StellarPriors()).product(), [1.0])


def test_flat_log_spends_as_much_on_each_dex():
    columns = models({6.0: [1.0, 2.0], 7.0: [1.0, 2.0], 9.0: [1.0, 2.0]}, [0.02], [1e4])
    factors = stellar_factors(columns, StellarPriors(age={"name": "flat_log"}))
    np.testing.assert_allclose(factors.age[::2], [1.0, 1.5, 2.0])


def test_beast2_relative_to_the_isochrone_and_without_metallicity():
    columns = models({7.0: [1.0, 2.0, 4.0], 8.0: [1.0, 3.0], 9.0: [2.0]})
    split = beast2_weights(columns, StellarPriors())
    np.testing.assert_array_equal(split.weight, split.prior * split.grid)
    np.testing.assert_array_equal(split.weight[columns["logA"] == 9.0], 0.0)
    pick = (columns["logA"] == 7.0) & (columns["Z"] == 0.02) & (columns["distance"] == 1e4)
    dt = np.diff(10.0 ** np.array([6.5, 7.5, 8.5, 9.5]))
    np.testing.assert_allclose(split.grid[pick], np.array([1.0, 1.5, 2.0]) / 1.5 * dt[0] / dt.mean())
    for name, value in (("Z", 0.004), ("distance", 3e4)):
        other = columns[name] == value
        np.testing.assert_array_equal(np.sort(split.weight[other]), np.sort(split.weight[~other]))


def test_beast2_tracks_swap_the_roles():
    ages = {7.0: [1.0, 2.0], 7.5: [1.0, 2.0], 8.0: [1.0], 8.5: [2.0]}
    columns = models(ages, [0.02], [1e4])
    split = beast2_weights(columns, StellarPriors(mass={"name": "flat"}))
    track = columns["M_ini"] == 1.0
    widths = np.diff(10.0 ** np.array([6.75, 7.25, 7.75, 8.25]))
    np.testing.assert_allclose(split.grid[track], widths / widths.mean())


def test_dust_axis():
    axis = DustAxis(np.array([0.0, 1.0, 3.0]), {"name": "flat", "amp": 2.0})
    np.testing.assert_allclose(axis.measure(1e4), [2.0, 3.0, 4.0])
    step = {"name": "step", "dist0": 100.0, "amp1": 0.1, "damp2": 0.8, "lgsigma1": 0.3, "lgsigma2": 0.4}
    axis = DustAxis(np.array([0.5]), step)
    assert axis.needs_distance
    assert axis.measure(99.0)[0] != axis.measure(101.0)[0]


def test_wrong_columns():
    columns = models({7.0: [1.0, 2.0]})
    with pytest.raises(InputError, match="no column M_ini"):
        stellar_factors({k: v for k, v in columns.items() if k != "M_ini"}, StellarPriors())
    columns["Z"][3] = np.nan
    with pytest.raises(InputError, match="column Z, row 4"):
        stellar_factors(columns, StellarPriors())
    columns = models({7.0: [1.0, 2.0]})
    with pytest.raises(InputError, match="exclude every model"):
        stellar_factors(columns, StellarPriors(age={"name": "exponential", "tau": 1e-9})).product()
