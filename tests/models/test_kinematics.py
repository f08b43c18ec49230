"""Velocity broadening against a slow direct sum and the addition of Gaussian widths."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.models.kinematics import broaden


def direct(lam, sed, sigma_kms):
    """The definition, one sample at a time."""
    middle = (lam[1:] + lam[:-1]) / 2
    edges = [1.5 * lam[0] - 0.5 * lam[1], *middle, 1.5 * lam[-1] - 0.5 * lam[-2]]
    out = np.zeros_like(sed)
    for i, centre in enumerate(lam):
        sigma = centre * sigma_kms / 2.99792e5
        for j in range(lam.size):
            low, up = ((min(max(e - centre, -5 * sigma), 5 * sigma)) / sigma for e in edges[j : j + 2])
            out[:, i] += sed[:, j] * 0.5 * (math.erf(up / math.sqrt(2)) - math.erf(low / math.sqrt(2)))
    return out


@pytest.mark.parametrize("sigma_kms", [30.0, 350.0, 3000.0])
def test_against_the_definition(sigma_kms):
    rng = np.random.default_rng(1)
    lam = np.cumsum(rng.uniform(0.5, 15.0, 150)) + 4000.0
    sed = rng.random((3, 150))
    np.testing.assert_allclose(broaden(lam, sed, sigma_kms), direct(lam, sed, sigma_kms), rtol=1e-10)


def test_widths_add_in_quadrature():
    lam = np.arange(4900.0, 5100.0, 0.2)
    line = np.exp(-0.5 * ((lam - 5000.0) / 3.0) ** 2)[None]
    out = broaden(lam, line, 300.0)[0]
    width = np.hypot(3.0, 5000.0 * 300.0 / 2.99792e5)
    assert out.sum() == pytest.approx(line.sum(), rel=1e-3)
    spread = np.sqrt((out * (lam - 5000.0) ** 2).sum() / out.sum())
    assert spread == pytest.approx(width, rel=3e-3)


def test_constant_stays_constant_but_at_the_ends():
    lam = np.geomspace(1000.0, 20000.0, 3000)
    out = broaden(lam, np.ones((1, 3000)), 250.0)[0]
    np.testing.assert_allclose(out[50:-50], 1.0, atol=1e-6)
    assert out[0] == pytest.approx(0.5, abs=0.3)  # half of the Gaussian lies outside and is not made up for


def test_coarse_sampling_leaves_the_spectrum():
    lam = np.array([1000.0, 2000.0, 4000.0, 8000.0])
    sed = np.array([[1.0, 5.0, 2.0, 7.0]])
    np.testing.assert_allclose(broaden(lam, sed, 300.0), sed, rtol=1e-6)


def test_zero_is_a_copy():
    lam, sed = np.arange(1.0, 5.0), np.ones((2, 4))
    out = broaden(lam, sed, 0.0)
    np.testing.assert_array_equal(out, sed)
    assert out is not sed


@pytest.mark.parametrize("sigma_kms", [-1.0, np.nan])
def test_bad_dispersion(sigma_kms):
    with pytest.raises(InputError, match="APPLY_VDISP"):
        broaden(np.arange(1.0, 5.0), np.ones((2, 4)), sigma_kms)
