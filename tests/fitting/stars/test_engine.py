"""The star fit against the definition, star by star; the same bits whatever the threads, SIMD level, order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.fitting.stars.chunks import ChunkedFitter
from fastsed.fitting.stars.engine import StarFitter
from fastsed.fitting.stars.options import FitOptions
from fastsed.fitting.stars.parameters import symlog
from fastsed.fitting.stars.source import ArrayModels
from tests.fitting.stars.reference import fit_directly, hard_stars, random_models, random_stars, sharp_models

KINDS = {"fraction": 6, "floor": 3, "full": 4}


def values_of(models: ArrayModels, name: str) -> np.ndarray:
    if name.startswith("symlog"):
        k = models.filters.index(name[6:].removesuffix("_wd_bias"))
        return symlog(models.seds[:, k] + models.bias[:, k])
    return models.table[name]


def check_star(
    models: ArrayModels, fitter: StarFitter, result, i: int, flux: np.ndarray, threshold: float
) -> None:
    direct = fit_directly(models, flux, threshold)
    best = direct.lnp.max()
    assert result.n_models[i] == len(direct.members)
    assert direct.lnp[result.best_row[i]] == pytest.approx(best, rel=1e-12, abs=1e-9)
    assert result.ln_p_max[i] == pytest.approx(best, rel=1e-12)
    members = direct.chi2[direct.members]
    assert result.chi2_min[i] == pytest.approx(members.min(), rel=1e-9, abs=1e-12)
    assert result.total_log_norm[i] == pytest.approx(best - np.log(direct.weights.max()), rel=1e-12)
    first = int(result.samples.counts[:i].sum())
    rows = result.samples.rows[first : first + result.samples.counts[i]]
    np.testing.assert_array_equal(np.sort(rows), direct.members)
    np.testing.assert_allclose(
        result.samples.lnp[first : first + len(rows)], direct.lnp[rows], rtol=3e-7, atol=1e-6
    )
    for p, (name, bins) in enumerate(zip(fitter.names, fitter.pdf_bins.one, strict=True)):
        values = values_of(models, name)
        np.testing.assert_allclose(result.pdf1d[p][i], direct.pdf(values, bins), rtol=1e-9, atol=1e-14)
        assert result.expectation[i, p] == pytest.approx(
            values[direct.members] @ direct.weights, rel=1e-7, abs=1e-7
        )
        expected = direct.percentiles(values, bins)
        np.testing.assert_allclose(result.percentiles[i, p], expected, rtol=1e-8, atol=1e-8)
    for q, (one, two) in enumerate(fitter.pdf_bins.pair_names):
        bins = fitter.pdf_bins.pair_bins[q]
        codes = [
            b.codes(values_of(models, n)[direct.members]).astype(int)
            for n, b in zip((one, two), bins, strict=True)
        ]
        expected = np.zeros((bins[0].n_bins, bins[1].n_bins))
        np.add.at(expected, tuple(codes), direct.weights)
        np.testing.assert_allclose(result.pdf2d[q][i], expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("error", KINDS)
@pytest.mark.parametrize("threshold", [-10.0, -0.5, -40.0])
def test_every_number_of_hard_stars(error: str, threshold: float) -> None:
    models = random_models(90, 60, KINDS[error], 1, error)
    pairs = ("Av", "Rv", "M_ini", "logT", "logX_wd")
    fitter = StarFitter(models, FitOptions(threshold, None, 40, pairs))
    for kind, fluxes in hard_stars(models, 12, 3).items():
        result = fitter.fit(fluxes)
        for i, flux in enumerate(fluxes):
            check_star(models, fitter, result, i, flux, threshold)
            assert result.status[i] == 1, kind


@pytest.mark.parametrize("error", KINDS)
def test_no_acceptable_model_is_missed(error: str) -> None:
    """Hundreds of stars of each kind against all models of a deeper tree: the number and the best of them."""
    models = random_models(400, 120, KINDS[error], 2, error)
    fitter = StarFitter(models, FitOptions(n_samples=0, max_bins=10))
    for kind, fluxes in hard_stars(models, 25 if error == "full" else 100, 4).items():
        result = fitter.fit(fluxes)
        for i, flux in enumerate(fluxes):
            direct = fit_directly(models, flux)
            assert result.n_models[i] == len(direct.members), kind
            assert direct.lnp[result.best_row[i]] == pytest.approx(direct.lnp.max(), rel=1e-12), kind


@pytest.mark.parametrize("signal_to_noise", [30.0, 1e3, 1e4, 1e5, 1e6])
@pytest.mark.parametrize("copies", [1, 16])
def test_margins_of_single_precision(signal_to_noise: float, copies: int) -> None:
    """Without one of the margins of stars.h and stars_build.h, models near the threshold are missed."""
    models = sharp_models(6000 * copies // 2, 4, signal_to_noise, 30, copies)
    threshold = -10.0
    fitter = StarFitter(models, FitOptions(threshold, 0, 5))
    fluxes = random_stars(models, 200, 31)
    for scale in (1.0, 1 + 20 / signal_to_noise):
        result = fitter.fit(fluxes * scale)
        for i, flux in enumerate(fluxes * scale):
            direct = fit_directly(models, flux, threshold)
            assert result.n_models[i] == len(direct.members)
            assert direct.lnp[result.best_row[i]] == pytest.approx(direct.lnp.max(), rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("n_models", [1, 2, 15, 16, 17, 255, 256, 257, 4097])
def test_any_number_of_models(n_models: int) -> None:
    models = random_models(n_models, 1, 2, 5)
    models.table["weight"][:] = np.linspace(1, 2, n_models)
    fitter = StarFitter(models, FitOptions(n_samples=None))
    fluxes = random_stars(models, 5, 6)
    result = fitter.fit(fluxes)
    for i, flux in enumerate(fluxes):
        check_star(models, fitter, result, i, flux, -10.0)


@pytest.mark.parametrize("factor", [1e20, 1e60, 1e100, -1e60, 1e200, 1e-60])
@pytest.mark.parametrize("error", KINDS)
def test_absurd_fluxes(error: str, factor: float) -> None:
    """Squares that single precision cannot hold: every model is compared; those of double precision: not fitted."""
    models = random_models(33, 7, KINDS[error], 1, error)
    fluxes = factor * random_stars(models, 3, 6)
    for fitter in (StarFitter(models), ChunkedFitter(models, chunk_models=50)):
        result = fitter.fit(fluxes)
        for i, flux in enumerate(fluxes):
            direct = fit_directly(models, flux)
            if not np.isfinite(direct.lnp).any():
                assert result.status[i] == 3
                continue
            assert direct.lnp[result.best_row[i]] == pytest.approx(direct.lnp.max(), rel=1e-12)
            assert result.total_log_norm[i] == pytest.approx(direct.lnp.max(), rel=1e-6, abs=10)


def test_ties_go_to_the_lowest_row() -> None:
    models = random_models(300, 2, 3, 7)
    half = 300
    models.seds[half:], models.error[half:], models.bias[half:] = (
        models.seds[:half], models.error[:half], models.bias[:half],
    )  # fmt: skip
    models.table["weight"][:] = np.tile(np.linspace(1, 2, half), 2)
    result = StarFitter(models).fit(random_stars(models, 50, 8))
    assert (result.best_row < half).all()
    assert (result.chi2_min_row < half).all()


def test_stars_that_cannot_be_fitted() -> None:
    models = random_models(60, 10, 3, 9)
    fluxes = random_stars(models, 4, 10)
    fluxes[1, 2], fluxes[2, 0] = np.nan, np.inf
    result = StarFitter(models, FitOptions(pairs=("Av", "logT"))).fit(fluxes)
    np.testing.assert_array_equal(result.status, [1, 2, 2, 1])
    assert np.isnan(result.expectation[1:3]).all()
    assert (result.best_row[1:3] == -1).all()
    assert all((pdf[1:3] == 0).all() for pdf in [*result.pdf1d, *result.pdf2d])
    assert (result.samples.counts[1:3] == 0).all()


def test_few_samples_are_a_random_choice() -> None:
    models = random_models(400, 30, 2, 11, "floor")
    flux = np.repeat(random_stars(models, 1, 12), 3000, axis=0)
    result = StarFitter(models, FitOptions(n_samples=7, max_bins=5)).fit(flux)
    members = fit_directly(models, flux[0]).members
    assert len(members) > 20
    assert (result.samples.counts == 7).all()
    rows = result.samples.rows.reshape(-1, 7)
    assert all(len(set(row)) == 7 for row in rows[:100].tolist())
    counts = np.bincount(np.searchsorted(members, rows.ravel()), minlength=len(members))
    mean = 3000 * 7 / len(members)
    assert np.abs(counts - mean).max() < 5 * np.sqrt(mean)
    other = StarFitter(models, FitOptions(n_samples=7, max_bins=5, seed=1)).fit(flux[:5])
    assert (other.samples.rows != result.samples.rows[:35]).any()


def test_the_same_bits_in_parts_and_by_threads() -> None:
    models = random_models(200, 50, 5, 13, "floor")
    fluxes = np.concatenate(list(hard_stars(models, 30, 14).values()))
    options = FitOptions(n_samples=20, pairs=("Av", "logT", "M_ini"))
    whole = StarFitter(models, options).fit(fluxes)
    fitter = StarFitter(models, options, n_threads=3)
    parts = [fitter.fit(fluxes[i : i + 7], first=i) for i in range(0, len(fluxes), 7)]
    np.testing.assert_array_equal(whole.expectation, np.concatenate([p.expectation for p in parts]))
    np.testing.assert_array_equal(whole.samples.rows, np.concatenate([p.samples.rows for p in parts]))
    for k in range(len(whole.pdf1d)):
        np.testing.assert_array_equal(whole.pdf1d[k], np.concatenate([p.pdf1d[k] for p in parts]))
    for k in range(len(whole.pdf2d)):
        np.testing.assert_array_equal(whole.pdf2d[k], np.concatenate([p.pdf2d[k] for p in parts]))


ROOT = Path(__file__).resolve().parents[3]
DIGEST = """
import hashlib, sys, numpy as np
# last, so that an installed fastsed comes before that of the checkout
sys.path.append(sys.argv[1])
from tests.fitting.stars.reference import hard_stars, random_models
from fastsed.fitting.stars.chunks import ChunkedFitter
from fastsed.fitting.stars.engine import StarFitter
from fastsed.fitting.stars.options import FitOptions
digest = hashlib.sha256()
for error, bands in (("fraction", 6), ("floor", 3), ("full", 4)):
    models = random_models(150, 40, bands, 15, error)
    fitter = StarFitter(models, FitOptions(n_samples=30, pairs=("Av", "logT", "logX_wd")))
    r = fitter.fit(np.concatenate(list(hard_stars(models, 20, 16).values())))
    for a in [r.best_row, r.ln_p_max, r.chi2_min, r.total_log_norm, r.expectation, r.percentiles, *r.pdf1d, *r.pdf2d,
              r.samples.rows, r.samples.lnp, r.samples.chi2]:
        digest.update(np.ascontiguousarray(a).tobytes())
print(digest.hexdigest())
"""


def test_the_same_bits_at_every_simd_level() -> None:
    digests = set()
    for level in ("scalar", "avx2", "avx512"):
        environment = os.environ | {"FASTSED_SIMD": level}
        run = subprocess.run(
            [sys.executable, "-P", "-c", DIGEST, ROOT],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(run.stdout)
    assert len(digests) == 1


def test_byte_order_of_fits() -> None:
    models = random_models(80, 20, 3, 17)
    fluxes, options = random_stars(models, 9, 18), FitOptions(pairs=("Av", "logT"))
    native = StarFitter(models, options).fit(fluxes)
    swapped = StarFitter(models, options, fits_order=True).fit(fluxes)
    for one, two in zip([*native.pdf1d, *native.pdf2d], [*swapped.pdf1d, *swapped.pdf2d], strict=True):
        assert two.dtype == np.dtype(">f8")
        np.testing.assert_array_equal(one, two)


def test_wrong_options_and_models() -> None:
    for options in ({"threshold": 0.0}, {"threshold": np.nan}, {"max_bins": 0}, {"n_samples": -1}):
        with pytest.raises(InputError):
            FitOptions(**options)
    models = random_models(20, 2, 2, 19)
    with pytest.raises(InputError, match="shape"):
        StarFitter(models).fit(np.ones((3, 5)))
    models.table["weight"][:] = 0
    with pytest.raises(InputError, match="no model can be fitted"):
        StarFitter(models)
