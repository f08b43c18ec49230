"""The chi2 kernel against plain numpy, on data and models of every awkward kind."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed._ext.acceptable import acceptable_models
from fastsed._ext.best_fit import find_best
from fastsed._ext.runtime import simd_name
from fastsed._ext.views import DataView, TileView

LEVELS = ["scalar", "avx2", "avx512"]


def nothing(n):
    """Results before the first tile."""
    return {
        "chi2": np.full(n, np.nan),
        "scale": np.full(n, np.nan),
        "spec_scale": np.full(n, np.nan),
        "tolerance": np.zeros(n),
        "model": np.full(n, -1, dtype=np.int64),
        "order": np.zeros(n, dtype=np.int64),
    }


def views(flux, value, variance, n_main=None, **other):
    """Models (nband, nmodel) and data (nsource, nband) as the kernel wants them."""
    n_band, n_model = flux.shape
    n = len(value)
    stride = n_model + -n_model % 16
    padded = np.zeros((n_band, stride))
    padded[:, :n_model] = flux
    dust = other.get("dust")
    if dust is not None:
        dust = np.ascontiguousarray(np.pad(dust, ((0, 0), (0, stride - n_model))))
    iz, nz = other.get("iz", 0), other.get("nz", 1)
    tile = TileView(
        padded,
        dust,
        other.get("ids", np.arange(n_model, dtype=np.int64)),
        other.get("orders", np.arange(n_model, dtype=np.int64)),
        n_band if n_main is None else n_main,
        other.get("first", 0),
        iz,
        nz,
    )
    error2 = np.full((nz, n_band), np.nan)
    error2[iz] = other.get("template_error2", 0)
    data = DataView(
        np.ascontiguousarray(value, dtype=float),
        np.ascontiguousarray(variance, dtype=float),
        error2,
        np.asarray(other.get("own_scale", np.zeros(n)), dtype=np.uint8),
        np.asarray(other.get("log_component", np.full(n, -1)), dtype=np.int32),
        np.asarray(other.get("log_lir", np.zeros(n)), dtype=float),
        np.asarray(other.get("log_error", np.ones(n)), dtype=float),
    )
    return tile, data


def best(flux, value, variance, *, start=None, active=None, n_threads=1, **other):
    """Best fits to models (nband, nmodel) of data (nsource, nband)."""
    tile, data = views(flux, value, variance, **other)
    n = len(value)
    found = nothing(n) if start is None else {k: v.copy() for k, v in start.items()}
    chosen = np.ones((1, n), dtype=np.uint8)
    if active is not None:
        chosen[:] = np.isin(np.arange(n), active)
    find_best([tile], data, chosen, *found.values(), n_threads)
    return found


def plain(flux, value, variance, template_error2=0.0):
    """chi2 and scale of all models, (nsource, nmodel), in extended precision."""
    flux, value = flux.astype(np.longdouble), value.astype(np.longdouble)
    with np.errstate(all="ignore"):
        weight = 1 / (variance.astype(np.longdouble) + template_error2 * value**2)
        scale = (weight * value) @ flux / (weight @ flux**2)
        residual = value[:, :, None] - scale[:, None, :] * flux
        return np.asarray((weight[:, :, None] * residual**2).sum(axis=1), dtype=float), scale.astype(float)


def invented(n_model, n_source, n_band=7, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    flux = rng.lognormal(0, 1, (n_band, n_model))
    truth = rng.integers(n_model, size=n_source)
    value = flux[:, truth].T * rng.uniform(0.1, 10, (n_source, 1))
    error = noise * np.abs(value) * rng.uniform(0.5, 2, value.shape)
    return flux, value + error * rng.standard_normal(value.shape), error**2


def assert_best(found, chi2, scale, rtol=1e-10):
    """These are the minima of chi2 (nsource, nmodel)."""
    rows = np.arange(len(chi2))
    expected = np.nanargmin(chi2, axis=1)
    np.testing.assert_array_equal(found["model"], expected)
    np.testing.assert_allclose(found["chi2"], chi2[rows, expected], rtol=rtol, atol=1e-20)
    np.testing.assert_allclose(found["scale"], scale[rows, expected], rtol=rtol)
    np.testing.assert_array_equal(found["spec_scale"], found["scale"])


def assert_identical(one, other):
    for name, values in one.items():
        assert values.tobytes() == other[name].tobytes(), name


@pytest.fixture(params=LEVELS)
def level(request, monkeypatch):
    """Each SIMD level in turn; those that the processor lacks fall back to a lower one."""
    monkeypatch.setenv("FASTSED_SIMD", request.param)
    return request.param


def test_the_level_can_be_forced(monkeypatch):
    monkeypatch.setenv("FASTSED_SIMD", "scalar")
    assert simd_name() == "scalar"
    monkeypatch.delenv("FASTSED_SIMD")
    ours = simd_name()
    assert ours in LEVELS
    for name in LEVELS[: LEVELS.index(ours) + 1]:
        monkeypatch.setenv("FASTSED_SIMD", name)
        assert simd_name() == name


@pytest.mark.parametrize("n_band", [1, 2, 7, 33])
@pytest.mark.parametrize("n_source", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("n_model", [1, 2, 7, 8, 15, 16, 17, 33, 1025])
def test_against_numpy(level, n_model, n_source, n_band):
    flux, value, variance = invented(n_model, n_source, n_band, seed=n_model)
    found = best(flux, value, variance)
    if n_band == 1:  # everything fits
        assert (found["chi2"] < 1e-20).all()
        np.testing.assert_array_equal(found["model"], 0)
        np.testing.assert_allclose(found["scale"], value[:, 0] / flux[0, 0], rtol=1e-12)
    else:
        assert_best(found, *plain(flux, value, variance))


def test_template_error(level):
    flux, value, variance = invented(300, 7)
    te2 = np.linspace(0, 0.3, 7) ** 2
    assert_best(best(flux, value, variance, template_error2=te2), *plain(flux, value, variance, te2))
    assert (
        best(flux, value, variance)["chi2"] > best(flux, value, variance, template_error2=te2)["chi2"]
    ).all()


def test_masked_bands(level):
    flux, value, variance = invented(200, 6)
    masked = np.random.default_rng(1).random(value.shape) < 0.4
    masked[:, :2] = False
    value[masked], variance[masked] = 0, np.inf
    found = best(flux, value, variance, template_error2=np.full(7, 0.01))
    assert_best(found, *plain(flux, value, variance, 0.01))
    for i in range(6):
        use = ~masked[i]
        alone = best(
            flux[use],
            value[i : i + 1, use],
            variance[i : i + 1, use],
            template_error2=np.full(use.sum(), 0.01),
        )
        assert alone["model"][0] == found["model"][i]
        assert alone["chi2"][0] == pytest.approx(found["chi2"][i], rel=1e-12)


def test_all_bands_masked(level):
    flux, value, variance = invented(50, 3)
    value[1], variance[1] = 0, np.inf
    found = best(flux, value, variance)
    assert found["model"][1] == -1
    assert np.isnan(found["chi2"][1])
    assert (found["model"][[0, 2]] >= 0).all()


def test_scales_may_be_negative(level):
    flux, value, variance = invented(100, 3)
    found = best(flux, -value, variance)
    assert (found["scale"] < 0).all()
    assert_best(found, *plain(flux, -value, variance))


def test_models_without_flux_or_number_are_never_chosen(level):
    flux, value, variance = invented(100, 5)
    bad = np.random.default_rng(3).random(100) < 0.5
    bad[[0, -1]] = True
    kinds = np.resize([0.0, np.nan, np.inf], bad.sum())
    flux[:, bad] = kinds
    with np.errstate(all="ignore"):
        chi2, scale = plain(flux, value, variance)
    found = best(flux, value, variance)
    assert not bad[found["model"]].any()
    assert_best(found, np.where(bad, np.nan, chi2), scale)


@pytest.mark.parametrize("kind", [0.0, np.nan])
def test_only_bad_models(level, kind):
    flux, value, variance = invented(40, 3)
    found = best(np.full_like(flux, kind), value, variance)
    np.testing.assert_array_equal(found["model"], -1)
    assert np.isnan(found["chi2"]).all()


@pytest.mark.parametrize("kind", [np.nan, np.inf])
def test_infinite_data_do_no_harm(level, kind):
    flux, value, variance = invented(64, 5)
    value[2, 3] = kind
    found = best(flux, value, variance, template_error2=np.full(7, 0.01))
    assert found["model"][2] == -1
    rows = [0, 1, 3, 4]
    others = best(flux, value[rows], variance[rows], template_error2=np.full(7, 0.01))
    for name in found:
        np.testing.assert_array_equal(found[name][rows], others[name])


def test_data_of_zero_fit_every_model(level):
    # chi2 = 0 with a scale of 0, whatever the model: the first in the order of ties wins
    flux, value, variance = invented(3000, 2)
    value[:] = 0
    orders = np.random.default_rng(0).permutation(3000).astype(np.int64)
    found = best(flux, value, variance, orders=orders)
    np.testing.assert_array_equal(found["chi2"], 0)
    np.testing.assert_array_equal(found["scale"], 0)
    np.testing.assert_array_equal(found["model"], int(np.argmin(orders)))


@pytest.mark.parametrize("off", [1e-3, 1e-5, 1e-7])
def test_huge_signal_to_noise(level, off):
    # chi2 is far below the rounding errors of the sum of squares
    rng = np.random.default_rng(0)
    flux = rng.lognormal(0, 1, (7, 500))
    value = 3.7 * flux[:, [123, 7, 300]].T * (1 + off * rng.standard_normal((3, 7)))
    variance = (1e-8 * value) ** 2
    found = best(flux, value, variance)
    np.testing.assert_array_equal(found["model"], [123, 7, 300])
    assert_best(found, *plain(flux, value, variance), rtol=1e-6)


def test_noise_free_data(level):
    flux, _, _ = invented(500, 1)
    value = 0.37 * flux[:, [3, 250, 499]].T
    found = best(flux, value, (1e-8 * value) ** 2)
    np.testing.assert_array_equal(found["model"], [3, 250, 499])
    np.testing.assert_allclose(found["scale"], 0.37, rtol=1e-14)
    assert (found["chi2"] < 1e-13).all()


def test_extreme_units(level):
    for factor in (1e-100, 1e100):
        flux, value, variance = invented(200, 3)
        plainly = best(flux, value, variance)
        found = best(flux * factor, value, variance)
        np.testing.assert_array_equal(found["model"], plainly["model"])
        np.testing.assert_allclose(found["chi2"], plainly["chi2"], rtol=1e-10)
        np.testing.assert_allclose(found["scale"] * factor, plainly["scale"], rtol=1e-12)


def test_several_tiles(level):
    flux, value, variance = invented(900, 5)
    chi2, scale = plain(flux, value, variance)
    found = None
    for iz in range(3):
        part = slice(300 * iz, 300 * iz + 300)
        found = best(flux[:, part], value, variance, start=found, first=300 * iz, iz=iz, nz=3)
    assert_best(found, chi2, scale)


MANY = 300


def awkward(kind):
    """Models (nband, nmodel) and data of many sources that try a screen in single precision."""
    rng = np.random.default_rng(11)
    flux, value, variance = invented(
        901, MANY, seed=9, noise={"noisy": 0.3, "good": 1e-4, "perfect": 1e-9}.get(kind, 0.05)
    )
    if kind == "near-ties":
        flux = flux[:, :1] * (1 + 2e-6 * rng.standard_normal(flux.shape))
        value = flux[:, rng.integers(901, size=MANY)].T
        variance = (1e-7 * value) ** 2
        value = value + np.sqrt(variance) * rng.standard_normal(value.shape)
    if kind == "wide":
        factor = 10.0 ** rng.uniform(-8, 8, 901)
        flux = flux * factor
    if kind == "wider":
        flux = flux * 10.0 ** rng.uniform(-40, 0, 901)
    if kind in ("tiny", "huge"):
        unit = 1e-70 if kind == "tiny" else 1e70
        flux, value, variance = flux * unit, value * unit, variance * unit**2
    if kind == "uneven":
        unit = 10.0 ** rng.uniform(-20, 15, 7)
        flux, value, variance = flux * unit[:, None], value * unit, variance * unit**2
    if kind == "one band":
        variance[:, 0] *= 1e-8
    if kind == "negative":
        value = -value
    if kind == "masked":
        variance[rng.random(variance.shape) < 0.5] = np.inf
        value[~np.isfinite(variance)] = 0
    if kind == "broken":
        flux[:, ::7] = 0
        flux[2, ::11] = np.nan
    return flux, value, variance


AWKWARD = (
    *("noisy", "good", "perfect", "near-ties", "wide", "wider", "tiny", "huge"),
    *("uneven", "one band", "negative", "masked", "broken"),
)


@pytest.mark.parametrize("kind", AWKWARD)
def test_many_sources_find_what_each_finds(level, kind):
    """Enough sources are screened in single precision, few in double precision: to the last bit the same."""
    flux, value, variance = awkward(kind)
    together = best(flux, value, variance)
    few = [best(flux, value[i : i + 12], variance[i : i + 12]) for i in range(0, MANY, 12)]
    assert_identical(together, {name: np.concatenate([f[name] for f in few]) for name in together})


def accepted(flux, value, variance, limit):
    """Models below a limit (nsource,), by source and model."""
    tile, data = views(flux, value, variance)
    rows = acceptable_models([tile], data, np.ones((1, len(value)), dtype=np.uint8), limit, 1)
    return rows[np.lexsort((rows["model"], rows["source"]))]


@pytest.mark.parametrize("kind", AWKWARD)
def test_many_sources_accept_what_each_accepts(level, kind):
    flux, value, variance = awkward(kind)
    chi2 = best(flux, value, variance)["chi2"]
    for excess in (1e-9, 4.0, 1e4):
        limit = np.where(np.isfinite(chi2), chi2 + excess, np.inf)
        together = accepted(flux, value, variance, limit)
        assert len(together) >= np.isfinite(chi2).sum()
        few = []
        for i in range(0, MANY, 12):
            few.append(accepted(flux, value[i : i + 12], variance[i : i + 12], limit[i : i + 12]))
            few[-1]["source"] += i
        assert together.tobytes() == np.concatenate(few).tobytes()


def test_many_sources_against_numpy(level):
    flux, value, variance = awkward("good")
    assert_best(best(flux, value, variance), *plain(flux, value, variance), rtol=1e-7)


def test_ids_and_numbers_beyond_32_bits(level):
    flux, value, variance = invented(50, 2)
    ids = np.arange(50, dtype=np.int64)[::-1] * 10**9
    found = best(flux, value, variance, ids=np.ascontiguousarray(ids), first=10**13)
    np.testing.assert_array_equal(
        found["model"], 10**13 + ids[np.argmin(plain(flux, value, variance)[0], axis=1)]
    )


def test_only_active_sources_change(level):
    flux, value, variance = invented(50, 6)
    before = nothing(6)
    found = best(flux, value, variance, active=[4, 1], start=before)
    for i in (0, 2, 3, 5):
        for name in found:
            np.testing.assert_array_equal(found[name][i], before[name][i])
    everything = best(flux, value, variance)
    for name in found:
        np.testing.assert_array_equal(found[name][[1, 4]], everything[name][[1, 4]])
    assert_identical(best(flux, value, variance, active=[]), nothing(6))


# --- ties -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factors", [[1.0], [0.1, 3.7, 1e5, 7.0, 1 / 3]], ids=["equal", "proportional"])
@pytest.mark.parametrize("noise", [0.1, 1e-3, 1e-8])
def test_ties_go_to_the_lowest_order(level, factors, noise):
    rng = np.random.default_rng(2)
    base, value, variance = invented(40, 5, noise=noise, seed=6)
    # every model six times, in any place; its order says which is the first
    flux = np.concatenate([base * f for f in np.resize(factors, 6)], axis=1)
    place = rng.permutation(240)
    flux, origin = np.ascontiguousarray(flux[:, place]), place % 40
    orders = rng.permutation(240).astype(np.int64)
    found = best(flux, value, variance, orders=orders)
    wanted = np.argmin(plain(base, value, variance)[0], axis=1)
    for i in range(5):
        same = np.flatnonzero(origin == wanted[i])
        assert found["model"][i] == same[np.argmin(orders[same])]


@pytest.mark.parametrize("reverse", [False, True])
def test_ties_across_tiles(level, reverse):
    # z comes last in the order, so for the same model the lower redshift wins; else the lower order
    flux, value, variance = invented(30, 3)
    tiles = [(0, flux, np.arange(30)), (1, flux * 3.0, np.arange(30)), (2, flux * 0.7, np.arange(30) - 1)]
    found = None
    for iz, fluxes, orders in tiles[::-1] if reverse else tiles:
        more = {"first": 30 * iz, "iz": iz, "nz": 3, "orders": orders.astype(np.int64)}
        found = best(fluxes, value, variance, start=found, **more)
    expected = np.argmin(plain(flux, value, variance)[0], axis=1)
    np.testing.assert_array_equal(found["model"], 60 + expected)
    found = None
    for iz, fluxes, _ in tiles[1::-1] if reverse else tiles[:2]:
        found = best(fluxes, value, variance, start=found, first=30 * iz, iz=iz, nz=2)
    np.testing.assert_array_equal(found["model"], expected)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_ties_across_parts_of_a_tile(level, n_threads):
    # one source and many models: the tile is divided into parts
    n = 70_000
    rng = np.random.default_rng(0)
    base = rng.lognormal(0, 1, (5, 100))
    flux = np.ascontiguousarray(np.tile(base, n // 100) * rng.uniform(0.5, 2, n))
    value = base[:, [42]].T * 2 * (1 + 0.1 * rng.standard_normal((1, 5)))
    variance = (0.1 * value) ** 2
    wanted = int(np.argmin(plain(base, value, variance)[0]))
    for first in (wanted, n - 100 + wanted, n // 2 + wanted):
        orders = rng.permutation(n).astype(np.int64) + 1
        orders[first] = 0
        found = best(flux, value, variance, orders=orders, n_threads=n_threads)
        assert found["model"][0] == first


# --- threads and levels -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_model", "n_source"), [(5000, 37), (130_000, 1), (20_000, 3), (1, 1), (16, 2)])
def test_threads_and_levels_agree_to_the_last_bit(monkeypatch, n_model, n_source):
    flux, value, variance = invented(n_model, n_source, seed=1)
    rng = np.random.default_rng(0)
    own, component = rng.random(n_source) < 0.3, rng.integers(-1, 3, n_source)
    more = {
        "n_main": 5, "own_scale": own, "log_component": component, "log_lir": rng.normal(0, 1, n_source),
        "log_error": np.full(n_source, 0.2), "dust": rng.lognormal(0, 1, (3, n_model)),
        "orders": rng.permutation(n_model).astype(np.int64), "template_error2": np.full(7, 1e-3),
    }  # fmt: skip
    reference = best(flux, value, variance, **more)
    assert (reference["model"] >= 0).all()
    for name in LEVELS:
        monkeypatch.setenv("FASTSED_SIMD", name)
        for n_threads in (1, 2, 5):
            assert_identical(best(flux, value, variance, n_threads=n_threads, **more), reference)


# --- AUTO_SCALE and luminosities --------------------------------------------------------------------------


def two_scales(flux, value, variance, n_main):
    """chi2 and both scales, (nsource, nmodel), where the columns from n_main on have their own scale."""
    main, scale = plain(flux[:n_main], value[:, :n_main], variance[:, :n_main])
    spectrum, spec_scale = plain(flux[n_main:], value[:, n_main:], variance[:, n_main:])
    return main + spectrum, scale, spec_scale


@pytest.mark.parametrize("n_model", [1, 17, 1000])
def test_auto_scale(level, n_model):
    flux, value, variance = invented(n_model, 7, n_band=11)
    value[:, 4:] *= 5.0  # the spectra are badly calibrated
    own = np.array([1, 0, 1, 1, 0, 0, 1])
    found = best(flux, value, variance, n_main=4, own_scale=own)
    chi2, scale, spec_scale = two_scales(flux, value, variance, 4)
    one_chi2, one_scale = plain(flux, value, variance)
    for i in range(7):
        expected = np.argmin(chi2[i] if own[i] else one_chi2[i])
        assert found["model"][i] == expected
        assert found["chi2"][i] == pytest.approx((chi2 if own[i] else one_chi2)[i, expected], rel=1e-10)
        assert found["scale"][i] == pytest.approx((scale if own[i] else one_scale)[i, expected], rel=1e-10)
        assert found["spec_scale"][i] == pytest.approx(
            (spec_scale if own[i] else one_scale)[i, expected], rel=1e-10
        )


def test_auto_scale_is_blind_to_the_calibration_of_the_spectrum(level):
    flux, value, variance = invented(300, 3, n_band=12)
    own = np.ones(3)
    one = best(flux, value, variance, n_main=5, own_scale=own)
    value[:, 5:] *= 8.0
    variance[:, 5:] *= 64.0
    other = best(flux, value, variance, n_main=5, own_scale=own)
    np.testing.assert_array_equal(one["model"], other["model"])
    np.testing.assert_allclose(other["chi2"], one["chi2"], rtol=1e-10)
    np.testing.assert_allclose(other["spec_scale"], 8 * one["spec_scale"], rtol=1e-10)


@pytest.mark.parametrize("own", [0, 1])
def test_logarithmic_luminosity(level, own):
    flux, value, variance = invented(400, 6, n_band=9, noise=1.0)
    rng = np.random.default_rng(9)
    dust = rng.lognormal(0, 2, (3, 400))
    dust[:, ::5] = 0.0  # counts as 1e-4
    component = np.array([0, 1, 2, -1, 0, 2])
    lir, error = rng.normal(0, 1, 6), rng.uniform(0.02, 0.3, 6)
    found = best(
        flux, value, variance, n_main=5, own_scale=np.full(6, own), dust=dust, log_component=component,
        log_lir=lir, log_error=error,
    )  # fmt: skip
    if own:
        chi2, scale, _ = two_scales(flux, value, variance, 5)
    else:
        chi2, scale = plain(flux, value, variance)
    without = np.argmin(chi2, axis=1)
    for i in range(6):
        if component[i] >= 0:
            with np.errstate(invalid="ignore"):  # of a negative scale: NaN, not chosen
                light = np.log10(scale[i] * np.maximum(dust[component[i]], 1e-4))
            chi2[i] += ((lir[i] - light) / error[i]) ** 2
        expected = np.nanargmin(chi2[i])
        assert found["model"][i] == expected
        assert found["chi2"][i] == pytest.approx(chi2[i, expected], rel=1e-9)
        assert found["scale"][i] == pytest.approx(scale[i, expected], rel=1e-10)
    assert (found["model"] != without).sum() >= 3, "the prior should matter here"


def test_logarithmic_luminosity_needs_a_positive_scale(level):
    flux, value, variance = invented(50, 2)
    value[0] *= -1
    more = {"dust": np.ones((3, 50)), "log_component": [0, 0], "log_error": [0.1, 0.1]}
    found = best(flux, value, variance, **more)
    assert found["model"][0] == -1
    assert found["model"][1] >= 0


def test_hand_worked_case(level):
    # one model (1, 2), data (2, 2), errors (1, 2): w = (1, 1/4); scale = (2 + 1) / (1 + 1) = 1.5;
    # chi2 = 0.5^2 + (2 - 3)^2 / 4 = 0.5; log10(1.5 * 100) = 2.176, prior 2.276 +- 0.05 adds 4
    flux, value, variance = np.array([[1.0], [2.0]]), np.array([[2.0, 2.0]]), np.array([[1.0, 4.0]])
    found = best(flux, value, variance)
    assert (found["chi2"][0], found["scale"][0]) == (0.5, 1.5)
    prior = {"dust": np.full((3, 1), 100.0), "log_component": [0], "log_error": [0.05]}
    found = best(flux, value, variance, log_lir=[np.log10(150) + 0.1], **prior)
    assert found["chi2"][0] == pytest.approx(4.5, rel=1e-12)
    # own scales: each column fits exactly
    found = best(flux, value, variance, n_main=1, own_scale=[1])
    assert (found["chi2"][0], found["scale"][0], found["spec_scale"][0]) == (0, 2, 1)
