"""Kernels at awkward sizes and with NaN, against numpy; `make sanitize` runs this with every access checked."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from math import erf
from pathlib import Path

import numpy as np
import pytest

from fastsed._ext import gridio, posterior

from .kernel_problems import Problem, Spectra

LEVELS = ["scalar", "avx2", "avx512"]
SIZES = list(product([1, 15, 16, 17, 33], [1, 3, 5], [1, 7, 33]))


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each SIMD level in turn; those that the processor lacks fall back to a lower one."""
    monkeypatch.setenv("FASTSED_SIMD", request.param)
    return request.param


def spoil(problem: Problem) -> None:
    """Leave some models without a flux or a number, and mask a band of every other source."""
    models = problem.flux[:, : problem.n_model]
    models[:, 2::7] = 0
    models[0, 3::7] = np.nan
    if problem.n_band > 2:
        problem.value[::2, 1], problem.variance[::2, 1] = 0, np.inf


def chi2_of(problem: Problem, value: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """chi2 (..., nmodel) of data (..., nband) with their best scale."""
    flux = problem.flux[:, : problem.n_model]
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = (weight * value) @ flux / (weight @ flux**2)
        return np.sum(weight[..., None] * (value[..., None] - scale[..., None, :] * flux) ** 2, axis=-2)


def weights(problem: Problem) -> np.ndarray:
    """1 / variance of all data."""
    return 1 / (problem.variance + problem.template_error2 * problem.value**2)


@pytest.mark.parametrize(("n_model", "n_source", "n_band"), SIZES)
def test_chi2_kernels(level: str, n_model: int, n_source: int, n_band: int) -> None:
    problem = Problem(n_model, n_source, n_band)
    spoil(problem)
    expected = chi2_of(problem, problem.value, weights(problem))
    atol = 1e-8 * np.sum(weights(problem) * problem.value**2)
    np.testing.assert_allclose(problem.all_chi2()["chi2"], expected, rtol=1e-6, atol=atol)
    best = problem.find_best()
    np.testing.assert_allclose(best["chi2"], np.nanmin(expected, axis=1), rtol=1e-9, atol=1e-20)
    found = problem.acceptable_models(5.0)
    source, model = np.nonzero(expected < 5)
    np.testing.assert_array_equal(found["source"], source)
    np.testing.assert_array_equal(found["model"], model)
    np.testing.assert_allclose(found["chi2"], expected[source, model], rtol=1e-9, atol=1e-20)


def same_bits(a: posterior.Weights, b: posterior.Weights) -> None:
    """All sums of two."""
    for name in ("sums", "axes", "moments"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    for quantity in range(4):
        for mine, other in zip(a.histograms_of(quantity), b.histograms_of(quantity), strict=True):
            np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize(
    ("n_cell", "n_population", "n_source"),
    [(1, 8, 1), (3, 8, 5), (5, 24, 16), (31, 48, 17), (2, 2056, 35)],
)
@pytest.mark.parametrize("noise", [0.05, 2.0])
def test_weights(
    monkeypatch: pytest.MonkeyPatch, n_cell: int, n_population: int, n_source: int, noise: float
) -> None:
    """Against all models in numpy; the same bits at each level, with the screen, and for more threads than work."""
    problem = Problem(n_cell * n_population, n_source, noise=noise)
    # some models vanish in single precision beside the others
    problem.flux[:, 2 : problem.n_model : 11] *= 1e-60
    monkeypatch.setenv("FASTSED_SIMD", "scalar")
    unknown = problem.weigh(n_cell)
    found = problem.weigh(n_cell, known=unknown)
    np.testing.assert_allclose(found.sums, unknown.sums, rtol=1e-9)
    for level in ("avx2", "avx512"):
        monkeypatch.setenv("FASTSED_SIMD", level)
        same_bits(problem.weigh(n_cell), unknown)
        same_bits(problem.weigh(n_cell, known=unknown), found)
    monkeypatch.setattr("fastsed._ext.runtime.MULTIPLY_ADDS_PER_THREAD", 1)
    same_bits(problem.weigh(n_cell, n_threads=7, known=unknown), found)

    weight, flux = weights(problem), problem.flux[:, : problem.n_model]
    scale = (weight * problem.value) @ flux / (weight @ flux**2)
    chi2 = np.where(scale > 0, chi2_of(problem, problem.value, weight), np.inf)
    w = np.exp(-0.5 * (chi2 - chi2.min(axis=1, keepdims=True)))
    total = w.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        found.sums[:, 0] + np.log(found.sums[:, 2]), np.log(total[:, 0]) - 0.5 * chi2.min(axis=1), rtol=1e-7
    )
    pdf = (w / total).reshape(n_source, n_cell, n_population)
    ends = np.cumsum([1, 1, n_cell, 1, n_population])
    sums = [np.ones((n_source, 1))] * 2 + [pdf.sum(axis=2), np.ones((n_source, 1)), pdf.sum(axis=1)]
    for axis, expected in zip(np.split(found.axes, ends[:-1], axis=1), sums, strict=True):
        np.testing.assert_allclose(axis / found.sums[:, 2:3], expected, atol=1e-6)
    gain = (weight * problem.value**2).sum(axis=1, keepdims=True) - chi2
    np.testing.assert_allclose(
        found.sums[:, 4] / found.sums[:, 2], ((w / total) / gain).sum(axis=1), rtol=1e-5
    )
    for k, values in enumerate(problem.described[:, : problem.n_model]):
        x = (
            values + np.log10(np.where(w > 0, scale, 1))
            if k < 3
            else np.tile(values[:n_population], (n_source, n_cell))
        )
        share = np.where(np.isfinite(x), w / total, 0)
        origin, invalid, first, _ = found.moments[:, k].T
        np.testing.assert_allclose(invalid / found.sums[:, 2], 1 - share.sum(axis=1), atol=1e-6)
        known = share.sum(axis=1) > 1e-3
        mean = (share * np.nan_to_num(x)).sum(axis=1) / np.where(known, share.sum(axis=1), 1)
        of_values = np.where(known, found.sums[:, 2] - invalid, 1)
        np.testing.assert_allclose((origin + first / of_values)[known], mean[known], rtol=1e-4)
        low, count, per_step, weight_of_bins = found.histograms_of(k)
        start = 0
        for row in range(n_source):
            bins = weight_of_bins[start : start + count[row]] / found.sums[row, 2]
            start += count[row]
            centre = (low[row] + np.arange(count[row]) + 0.5) / per_step[row]
            if not known[row]:
                continue
            if k == 3:
                assert abs((bins * centre).sum() - mean[row]) < 1 / per_step[row]
                continue
            # the mass of the Gaussian in each bin, about the middle of the bin that a model is in
            steps = np.arange(-60, 62) - 0.5
            gaussian = np.diff([0.5 * erf(step / 5 / np.sqrt(2)) for step in steps])
            edges = np.arange(low[row], low[row] + count[row] + 1) - 1e-9
            of_bins, _ = np.histogram(100 * np.nan_to_num(x[row]), edges, weights=share[row])
            np.testing.assert_allclose(bins, np.convolve(of_bins, gaussian)[60:-60], atol=1e-6)


def test_few_models_far_away_count_in_standard_deviations(level: str) -> None:
    """Though they weigh nothing in a mean, beside as many better ones."""
    n, far_away, spread = 4096, 20.0, 0.05
    near, far = Problem(n, 1, n_band=2), Problem(n, 1, n_band=2)
    # S/N 10 in one band; chi2 is 100 sin^2 of the angle between models and data: 0 and 36
    for problem, angle in ((near, 0.0), (far, np.arcsin(0.6))):
        problem.value[:] = [[10, 0]]
        problem.variance[:] = 1
        problem.template_error2[:] = 0
        problem.flux[:, :n] = [[np.cos(angle)], [np.sin(angle) + 1e-9]]
    near.described[0, :n] = np.random.default_rng(0).normal(0, spread, n)
    far.described[0, :n] = far_away
    found = near.weigh(1)
    far.add_weights(found, 1)
    # their scales
    x = np.append(near.described[0, :n] + 1, far.described[0, :n] + np.log10(8))
    share = np.append(np.ones(n), np.full(n, np.exp(-18)))
    share /= share.sum()
    mean, std = np.average(x, weights=share), np.sqrt(np.cov(x, aweights=share, bias=True))
    origin, _, first, second = found.moments[0, 0] / [1, *[found.sums[0, 2]] * 3]
    np.testing.assert_allclose(origin + first, mean, atol=1e-5 * std)
    np.testing.assert_allclose(np.sqrt(second - first**2), std, rtol=1e-5)


@pytest.mark.parametrize(("n_model", "n_source"), [(9361, 1), (9376, 300), (20001, 7), (30000, 65)])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_best_of_more_models_than_the_cache_holds(n_model: int, n_source: int, n_threads: int) -> None:
    problem = Problem(n_model, n_source)
    # the best of the last source is the last model
    problem.flux[:, n_model - 1] = problem.value[-1]
    expected = chi2_of(problem, problem.value, weights(problem))
    best = problem.find_best(n_threads)
    np.testing.assert_array_equal(best["model"], np.argmin(expected, axis=1))
    np.testing.assert_allclose(best["chi2"], expected.min(axis=1), rtol=1e-9, atol=1e-20)


FEWER_THREADS = """
import sys

import numpy as np

sys.path.append(sys.argv[1])
from tests.kernel_problems import Problem

problem = Problem(1000, 300)
for name, values in problem.find_best(1).items():
    np.testing.assert_array_equal(problem.find_best(4)[name], values)
for name, values in problem.simulate(20, True, 1).items():
    np.testing.assert_array_equal(problem.simulate(20, True, 4)[name], values)
"""


def test_fewer_threads_than_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may refuse threads: others do their share."""
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    root = str(Path(__file__).parents[1])
    subprocess.run([sys.executable, "-P", "-c", FEWER_THREADS, root], check=True, timeout=60)


@pytest.mark.parametrize("prune", [False, True])
@pytest.mark.parametrize("n_sim", [1, 7, 8, 17, 100, 257, 1025])
@pytest.mark.parametrize(("n_model", "n_source", "n_band"), [(1, 1, 2), (17, 3, 7), (100, 2, 33)])
def test_simulations(level: str, n_model: int, n_source: int, n_band: int, n_sim: int, prune: bool) -> None:
    problem = Problem(n_model, n_source, n_band)
    spoil(problem)
    found = problem.simulate(n_sim, prune)
    weight = weights(problem)
    noise = found["noise"] / np.where(weight > 0, np.sqrt(weight), np.inf)[:, None, :]
    value = problem.value[:, None, :] + noise
    expected = np.stack(
        [chi2_of(problem, v, np.broadcast_to(w, v.shape)) for v, w in zip(value, weight, strict=True)]
    )
    np.testing.assert_allclose(found["chi2"], np.nanmin(expected, axis=2), rtol=1e-9, atol=1e-20)


@pytest.mark.parametrize("prune", [False, True])
@pytest.mark.parametrize("faint", [0.0, 1e-60, 1e-30, 1e-12, 1e-6, 1e-3])
@pytest.mark.parametrize("masked", [1e6, 1e20, np.inf])
def test_simulations_of_models_that_nearly_vanish(
    level: str, masked: float, faint: float, prune: bool
) -> None:
    """The best models are faint where the data are good: single precision cannot hold their directions."""
    problem = Problem(100, 3, 5)
    problem.flux[1] = problem.flux[0]
    models = problem.flux[:2, : problem.n_model : 3]
    models[1] *= np.linspace(2, 5, models.shape[1])
    models *= faint
    problem.value[:, 1] = 3 * problem.value[:, 0]
    problem.variance[:, :2] = (0.03 * problem.value[:, :2]) ** 2
    problem.variance[:, 2:] *= masked
    found = problem.simulate(60, prune)
    weight = weights(problem)
    noise = found["noise"] / np.where(weight > 0, np.sqrt(weight), np.inf)[:, None, :]
    value = problem.value[:, None, :] + noise
    expected = np.stack(
        [chi2_of(problem, v, np.broadcast_to(w, v.shape)) for v, w in zip(value, weight, strict=True)]
    )
    np.testing.assert_allclose(found["chi2"], np.nanmin(expected, axis=2), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("n_spectrum", [1, 3, 11, 16, 44, 131])
@pytest.mark.parametrize(("n_screen", "n_lam"), [(1, 301), (8, 301), (9, 301), (9, 5000), (31, 5000)])
def test_band_fluxes(level: str, n_spectrum: int, n_screen: int, n_lam: int) -> None:
    """In short runs of wavelengths each screen by itself, in long ones as mixtures."""
    spectra = Spectra(n_lam, n_spectrum, n_screen, 3)
    spectra.band_fluxes()
    for (lam, response), out in zip(spectra.bands, spectra.out, strict=True):
        own = spectra.lam * 2.0
        points = np.union1d(lam, own[(own > lam[0]) & (own < lam[-1])])
        curve = np.interp(points, lam, response)
        for screen, fluxes in zip(spectra.screens.T, out, strict=True):
            seen = spectra.sed.astype(float) * screen[:, None]
            expected = [np.trapezoid(np.interp(points, own, s) * curve, points) for s in seen.T]
            np.testing.assert_allclose(fluxes, expected, rtol=2e-12)


@pytest.mark.parametrize(
    ("n_source", "n_model"), [(1, 1), (3, 17), (255, 16), (256, 15), (257, 33), (600, 2)]
)
@pytest.mark.parametrize("n_threads", [1, 7])
def test_fill_block(n_source: int, n_model: int, n_threads: int) -> None:
    rng = np.random.default_rng(n_source)
    n_property, spec_row = 5, 3
    # every third source does not take these models
    column = np.where(np.arange(n_source) % 3 == 2, -1, np.cumsum(np.arange(n_source) % 3 != 2) - 1)
    chi2, scale, spec_scale = rng.lognormal(0, 3, (3, column.max() + 1, n_model))
    chi2[0, 0], scale[0, -1], spec_scale[0, n_model // 2] = np.inf, np.nan, 0
    properties, scales = rng.normal(0, 1e3, (n_model, n_property)), np.array([1, 0, 1, 0, 0], dtype=np.uint8)
    block = np.empty((n_model, 1 + n_property, n_source), dtype=np.float32)
    gridio.fill_block(chi2, scale, spec_scale, column, properties, scales, spec_row, block, n_threads)
    fitted = column >= 0
    with np.errstate(divide="ignore", over="ignore"):
        expected = np.where(scales, properties[:, None] * scale.T[..., None], properties[:, None])
        expected[..., spec_row] = (scale / spec_scale).T
        np.testing.assert_array_equal(block[:, 0, fitted], chi2.T.astype(np.float32))
        np.testing.assert_array_equal(block[:, 1:, fitted], np.moveaxis(expected, 2, 1).astype(np.float32))
    assert np.isposinf(block[:, 0, ~fitted]).all()
    assert np.isnan(block[:, 1:, ~fitted]).all()
