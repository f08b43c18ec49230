"""The tiles of the grid against every model's spectrum, made and integrated one at a time."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from tests.models.helpers import (
    AGES,
    BANDS,
    make_filter,
    make_grid,
    make_params,
    slow_fluxes,
    tiled_fluxes,
)

BURST = [
    "CUSTOM_SFH=(t<10^lburst)*exp(-t/10^Tau) + (Amp > 0.5)*(lage > 8.5)*1e-1",
    "CUSTOM_PARAMS=[lburst,Tau,Amp]",
    *("LBURST_MIN=8", "LBURST_MAX=9", "LBURST_STEP=0.5", "TAU_MIN=8", "TAU_MAX=9", "TAU_STEP=1"),
    *("AMP_MIN=0", "AMP_MAX=1", "AMP_STEP=1", "CUSTOM_SFH_STEP=7"),
]


def burst(lookback):
    """The formula of BURST at lookback times."""

    def history(t, lage, lburst, tau, amp):
        time = t if lookback else 10**lage - t
        return (time < 10**lburst) * np.exp(-time / 10**tau) + (amp > 0.5) * (lage > 8.5) * 0.1

    return history


def assert_same(found, expected):
    """Fluxes agree to 1e-10, and the same models are there."""
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=0)


def test_gridded_fluxes(library):
    params = make_params(library)
    grid = make_grid(params)
    found, _ = tiled_fluxes(grid)
    assert found.shape == (5, 3, 1, 5, 1, 2, 4)
    assert np.isnan(found).any()
    assert_same(found, slow_fluxes(params, grid))


@pytest.mark.parametrize(
    "keys",
    [
        ["METAL=[0.02,0.008]"],
        ["DUST_LAW=noll", "E_B=2", "DELTA=-0.3", "NO_IGM=1"],
        ["IGM=inoue14", "DUST_LAW=mw", "H0=50", "OMEGA_M=0.2", "OMEGA_L=0.8"],
        ["NO_MAX_AGE=1", "LOG_AGE_MAX=10.2", "Z_STEP_TYPE=1", "Z_STEP=0.15"],
    ],
)
def test_gridded_fluxes_of_other_choices(library, keys):
    params = make_params(library, *keys)
    grid = make_grid(params)
    found, _ = tiled_fluxes(grid)
    assert_same(found, slow_fluxes(params, grid))
    if "NO_MAX_AGE=1" in keys:
        assert not np.isnan(found).any()


@pytest.mark.parametrize("lookback", [False, True])
def test_custom_fluxes(library, lookback):
    params = make_params(
        library, *BURST, f"CUSTOM_SFH_LOOKBACK={lookback:d}", "METAL=[0.008,0.02]", "Z_STEP=2"
    )
    grid = make_grid(params)
    found, _ = tiled_fluxes(grid)
    assert found.shape == (3, 3, 1, 5, 2, 3, 2, 2, 4)
    assert_same(found, slow_fluxes(params, grid, burst(lookback)))


DIFFERENTIAL = [
    "DIFFERENTIAL_A_V=1",
    "A_V_BC_MIN=0",
    "A_V_BC_MAX=1.4",
    "A_V_BC_STEP=0.7",
    "LOG_BC_AGE_MAX=7.2",
]


def test_differential_attenuation(library):
    params = make_params(library, *BURST, *DIFFERENTIAL, "Z_STEP=4")
    grid = make_grid(params)
    found, _ = tiled_fluxes(grid)
    assert found.shape[1:3] == (3, 3)
    assert_same(found, slow_fluxes(params, grid, burst(False)))
    uniform, _ = tiled_fluxes(make_grid(make_params(library, *BURST, "Z_STEP=4")))
    np.testing.assert_allclose(found[:, :, 0], uniform[:, :, 0], rtol=1e-12)
    assert (found[0, 0, 2] < uniform[0, 0, 0]).any()


def test_history_that_needs_no_parameters(library):
    params = make_params(library, "CUSTOM_SFH=exp(-t/1e9)", "CUSTOM_SFH_STEP=5", "Z_STEP=4")
    grid = make_grid(params)
    found, _ = tiled_fluxes(grid)
    assert found.shape == (2, 3, 1, 5, 1, 4)
    assert_same(found, slow_fluxes(params, grid, lambda t, lage: np.exp(-(10**lage - t) / 1e9)))


def test_band_outside_the_spectrum(library):
    bands = [make_filter(100.0, 200.0), *BANDS]
    found, _ = tiled_fluxes(make_grid(make_params(library, "NO_IGM=1"), bands))
    given = found[np.isfinite(found).all(axis=-1)]
    assert not given[:, 0].any()
    assert (given[:, 1:] > 0).all()


def test_only_the_redshifts_needed(library):
    grid = make_grid(make_params(library))
    everything, _ = tiled_fluxes(grid)
    wanted = np.array([False, True, False, True, False])
    some, tiles = tiled_fluxes(grid, wanted)
    assert {tile.iz for tile in tiles} == {1, 3}
    assert np.isnan(some[~wanted]).all()
    np.testing.assert_allclose(some[wanted], everything[wanted], rtol=1e-12)


def test_nothing_to_fit_makes_no_tiles(library):
    assert tiled_fluxes(make_grid(make_params(library)), np.zeros(5, dtype=bool))[1] == []
    too_old = make_grid(make_params(library, "LOG_AGE_MIN=10", "LOG_AGE_MAX=10.1", "Z_MIN=3"))
    assert tiled_fluxes(too_old)[1] == []
    assert tiled_fluxes(make_grid(make_params(library), n_threads=2), np.zeros(5, dtype=bool))[1] == []


def test_ages_beyond_the_age_of_the_universe(library):
    from astropy.cosmology import FlatLambdaCDM

    grid = make_grid(make_params(library, "LOG_AGE_STEP=0.05", "LOG_AGE_MAX=10.2"))
    found, _ = tiled_fluxes(grid)
    given = np.isfinite(found).all(axis=-1)[:, 0, 0, :, 0, 0]
    limit = np.log10(FlatLambdaCDM(H0=70, Om0=0.3).age(grid.axes.z.astype(float)).to_value("yr"))
    clear = np.abs(grid.axes.lage - limit[:, None]) > 1e-3  # the constants differ a little
    np.testing.assert_array_equal(given[clear], (grid.axes.lage <= limit[:, None])[clear])


def excluded(grid, keep):
    """The grid's fluxes, NaN where keep(name -> value along its axis) is false."""
    axes = grid.axes
    values = {}
    for i, (name, points) in enumerate(axes.as_dict().items()):
        shape = [1] * len(axes.shape)
        shape[i] = -1
        values[name] = points.astype(float).reshape(shape)
    return np.broadcast_to(keep(**values), axes.shape)


FORMULAS = [
    ("lage > 8.5", lambda lage, **_: lage <= 8.5),
    ("ltau < 9 || metal == 0.008", lambda ltau, metal, **_: (ltau >= 9) & (metal != np.float32(0.008))),
    ("LAGE < ltau", lambda lage, ltau, **_: lage >= ltau),
    ("Av > 0.7", lambda Av, **_: Av <= 0.7),
    ("z > 2 && aV < 0.2 && lage < 8", lambda z, Av, lage, **_: ~((z > 2) & (Av < 0.2) & (lage < 8))),
    ("z > 1", lambda z, **_: z <= 1),
    ("0", lambda z, **_: z > -1),
    ("1", lambda z, **_: z < -1),
]


@pytest.mark.parametrize(("formula", "keep"), FORMULAS, ids=[f for f, _ in FORMULAS])
def test_grid_exclude(library, formula, keep):
    # 0.008 as a float32 is not 0.008
    formula = formula.replace("metal == 0.008", "abs(metal - 0.008) < 1e-6")
    keys = ["METAL=[0.02,0.008]"]
    everything, _ = tiled_fluxes(make_grid(make_params(library, *keys)))
    grid = make_grid(make_params(library, *keys, f"GRID_EXCLUDE={formula}"))
    found, _ = tiled_fluxes(grid)
    kept = excluded(grid, keep)
    assert kept.any() or formula == "1"
    np.testing.assert_array_equal(np.isnan(found[~kept]), True)
    np.testing.assert_array_equal(np.isnan(found[kept]), np.isnan(everything[kept]))
    np.testing.assert_allclose(found[kept], everything[kept], rtol=1e-12)


@pytest.mark.parametrize(
    ("formula", "keep"),
    [
        ("Tau > lburst", lambda Tau, lburst, **_: Tau <= lburst),
        ("lburst != 8.5 || tau != 9 || lage != lage", lambda lburst, Tau, **_: (lburst == 8.5) & (Tau == 9)),
        ("av == 0.5 && amp == 1", lambda Av, Amp, **_: (Av != 0.5) | (Amp != 1)),
    ],
)
def test_grid_exclude_for_custom_histories(library, formula, keep):
    keys = [*BURST, "Z_STEP=4"]
    everything, _ = tiled_fluxes(make_grid(make_params(library, *keys)))
    grid = make_grid(make_params(library, *keys, f"GRID_EXCLUDE={formula}"))
    found, _ = tiled_fluxes(grid)
    expected = np.where(excluded(grid, keep)[..., None], everything, np.nan)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_order_settles_ties_as_in_the_peer(library):
    # metal, history, lage, Av, Av_bc, z; the last one the fastest
    grid = make_grid(make_params(library, *BURST, *DIFFERENTIAL, "METAL=[0.02,0.008]"))
    n_z = len(grid.axes.z)
    ids, order = [], []
    for tile in grid.tiles(np.ones(n_z, dtype=bool)):
        ids.append(tile.iz * grid.axes.models_per_redshift + tile.ids)
        order.append(tile.order * n_z + tile.iz)
    ids, order = np.concatenate(ids), np.concatenate(order)
    z, av, bc, lage, metal, *history = np.unravel_index(ids, grid.axes.shape)
    expected = np.lexsort((z, bc, av, lage, *reversed(history), metal))
    np.testing.assert_array_equal(np.argsort(order, kind="stable"), expected)
    assert len(np.unique(order)) == len(order)


@pytest.mark.parametrize("keys", [["METAL=[0.02,0.008]"], [*BURST, *DIFFERENTIAL]], ids=["gridded", "custom"])
def test_threads_change_nothing(library, keys):
    runs = []
    for n_threads in (1, 2, 5):
        grid = make_grid(make_params(library, *keys, "MAX_QUEUED_FITS=100"), n_threads=n_threads)
        tiles = list(grid.tiles(np.ones(len(grid.axes.z), dtype=bool)))
        runs.append([(t.iz, t.ids.tobytes(), t.order.tobytes(), t.flux.tobytes()) for t in tiles])
    assert len(runs[0]) > 5
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize("keys", [["METAL=[0.02,0.008]"], BURST], ids=["gridded", "custom"])
def test_max_queued_fits_bounds_the_tiles(library, keys):
    whole, one_each = tiled_fluxes(make_grid(make_params(library, *keys)))
    small, tiles = tiled_fluxes(make_grid(make_params(library, *keys, "MAX_QUEUED_FITS=9")))
    assert len(tiles) > len(one_each)
    assert max(t.n_models for t in tiles) <= 9
    np.testing.assert_array_equal(np.isnan(small), np.isnan(whole))
    np.testing.assert_allclose(small, whole, rtol=1e-12)
    larger, few = tiled_fluxes(make_grid(make_params(library, *keys, "MAX_QUEUED_FITS=10000000")))
    assert len(few) == len(one_each)
    np.testing.assert_array_equal(larger, whole)


def test_number_of_tiles(library):
    params = make_params(library, "METAL=[0.02,0.008]", "LOG_AGE_MAX=8.7")
    _, tiles = tiled_fluxes(make_grid(params))
    assert len(tiles) == 5 * 2  # a small grid: one tile a redshift and metallicity
    n_models = 3 * 3 * 2
    assert [t.n_models for t in tiles] == [n_models] * 10
    assert all(t.flux.shape == (4, n_models + -n_models % 16) for t in tiles)


def test_dust_luminosities_of_tiles(library):
    keys = [*BURST, *DIFFERENTIAL, "Z_STEP=4"]
    grid = make_grid(make_params(library, *keys), needs_dust=True)
    for tile in grid.tiles(np.array([True, True])):
        every, young, cirrus = tile.dust[:, : tile.n_models]
        np.testing.assert_allclose(young + cirrus, every, rtol=1e-12)
        assert (every >= -1e-12).all()
        _, av, bc, *_ = np.unravel_index(tile.iz * grid.axes.models_per_redshift + tile.ids, grid.axes.shape)
        assert not every[(av == 0) & (bc == 0)].any()
        assert not cirrus[av == 0].any()
    assert next(make_grid(make_params(library, *keys)).tiles(np.array([True, True]))).dust is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["LOG_AGE_MIN=5"], "covers log\\(age/yr\\) = 6.00 to 10.30, but the grid asks for 5 to 9.7"),
        (["LOG_AGE_MAX=10.7", "NO_MAX_AGE=1"], "LOG_AGE_MIN or LOG_AGE_MAX"),
    ],
)
def test_ages_that_the_library_does_not_have(library, keys, message):
    grid = make_grid(make_params(library, *keys))
    with pytest.raises(InputError, match=message):
        list(grid.tiles(np.ones(5, dtype=bool)))


def test_ages_at_the_very_ends_of_the_library(library):
    # single precision puts axis values a hair outside
    ends = ["LOG_AGE_MIN=6", f"LOG_AGE_MAX={np.log10(AGES[-1]):.17g}", "NO_MAX_AGE=1", "Z_STEP=4"]
    for more in ([], ["SFH=del"]):
        found, _ = tiled_fluxes(make_grid(make_params(library, *ends, "NO_IGM=1", *more)))
        assert (found > 0).all()
