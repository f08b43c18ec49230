"""Absorption by the intergalactic medium: steps of Madau, and equations of Inoue et al. worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.models.igm import igm_transmission
from fastsed.models.inoue14 import LINES


def test_madau95_steps():
    lam = [911.9, 912.0, 1025.9, 1026.0, 1215.9, 1216.0, 5000.0]
    none, blue, blue2, red, red2, clear, clear2 = igm_transmission(lam, 3.0)
    assert none == 0
    assert blue == blue2
    assert red == red2
    assert clear == clear2 == 1


@pytest.mark.parametrize("z", [0.5, 2.0, 3.5, 6.0])
def test_madau95_decrements_are_band_averages(z):
    from scipy.integrate import quad

    def alpha(lam):
        return math.exp(-0.0036 * (lam * (1 + z) / 1216) ** 3.46)

    def beta(lam):
        lines = ((1.7e-3, 1026), (1.2e-3, 972.5), (9.3e-4, 950))
        return math.exp(-sum(a * (lam * (1 + z) / line) ** 3.46 for a, line in lines))

    blue, red = igm_transmission([1000.0, 1100.0], z)
    assert red == pytest.approx(quad(alpha, 1050, 1170)[0] / 120, rel=1e-3)
    assert blue == pytest.approx(quad(beta, 920, 1015)[0] / 95, rel=3e-3)


def test_inoue14_one_line():
    # z = 3, 1100 A: Lyman alpha only, at 1 + z_abs = 4400 / 1215.67 = 3.619403
    laf = 2.35379e-3 * 3.619403**3.7
    dla = 5.38995e-5 * 3.619403**3
    assert igm_transmission(1100.0, 3.0, "inoue14") == pytest.approx(math.exp(-laf - dla), rel=1e-5)
    # z = 1, 1200 A: the low-redshift powers, 1 + z_abs = 2400 / 1215.67 = 1.974220
    laf, dla = 1.68976e-2 * 1.974220**1.2, 1.61698e-4 * 1.974220**2
    assert igm_transmission(1200.0, 1.0, "inoue14") == pytest.approx(math.exp(-laf - dla), rel=1e-5)
    # z = 6, 1200 A: the high-redshift power, 1 + z_abs = 8400 / 1215.67 = 6.909770
    laf, dla = 1.02611e-4 * 6.909770**5.5, 5.38995e-5 * 6.909770**3
    assert igm_transmission(1200.0, 6.0, "inoue14") == pytest.approx(math.exp(-laf - dla), rel=1e-4)


def test_inoue14_two_lines():
    # z = 2.5, 1000 A: Lyman alpha at 3500 / 1215.67 = 2.879071, beta at 3500 / 1025.72 = 3.412237
    laf = 2.35379e-3 * 2.879071**3.7 + 6.53625e-4 * 3.412237**3.7
    dla = 1.61698e-4 * 2.879071**2 + 5.15129e-5 * 3.412237**3
    assert igm_transmission(1000.0, 2.5, "inoue14") == pytest.approx(math.exp(-laf - dla), rel=1e-5)


@pytest.mark.parametrize("z", [0.4, 1.0, 1.8, 2.5, 4.0, 5.5, 7.0])
def test_inoue14_is_continuous_in_wavelength(z):
    # every piece of the fits counts the same absorbers: the depth is continuous across their limits
    lam = np.linspace(300.0, 911.79, 4000)
    depth = -np.log(igm_transmission(lam, z, "inoue14"))
    assert np.all(depth > 0)
    assert np.abs(np.diff(depth)).max() < 0.03 * max(1.0, depth.max())


@pytest.mark.parametrize("edge", [1.2, 2.0, 4.7])
@pytest.mark.parametrize("lam", [500.0, 800.0, 905.0, 1000.0, 1100.0])
def test_inoue14_is_continuous_in_redshift(edge, lam):
    below, above = (igm_transmission(lam, edge + d, "inoue14") for d in (-1e-6, 1e-6))
    assert below == pytest.approx(above, rel=5e-3)


def test_inoue14_mean_decrements():
    # observed effective depths of Lyman alpha: Faucher-Giguere et al. (2008) to z = 4, then Fan et al. (2006)
    lam = np.linspace(1050.0, 1170.0, 500)
    for z in (2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0):
        absorber = lam * (1 + z) / 1215.67
        depth = 0.0018 * absorber**3.92 if z <= 4 else 0.85 * (absorber / 5) ** 4.3
        observed = np.exp(-depth).mean()
        assert igm_transmission(lam, z, "inoue14").mean() == pytest.approx(observed, abs=0.04)


@pytest.mark.parametrize("model", ["madau95", "inoue14"])
def test_between_zero_and_one_and_falling_with_redshift(model):
    lam = np.array([[600.0, 915.0, 930.0], [1000.0, 1100.0, 1215.0]])
    curves = np.array([igm_transmission(lam, z, model) for z in np.linspace(0.0, 10.0, 41)])
    assert curves.shape == (41, 2, 3)
    assert curves.min() >= 0
    assert curves.max() <= 1
    assert np.all(np.diff(curves, axis=0) <= 0)
    np.testing.assert_array_equal(igm_transmission([1216.0, 2000.0], 7.0, model), 1.0)


def test_line_table_is_the_lyman_series():
    level = np.arange(2, 41)
    np.testing.assert_allclose(LINES[:, 0], 911.7535 / (1 - 1 / level**2), rtol=3e-6)
    assert np.all(np.diff(LINES[:, 1:], axis=0) < 0)


def test_no_model_and_unknown_model():
    np.testing.assert_array_equal(igm_transmission([100.0, 1000.0], 5.0, None), 1.0)
    with pytest.raises(InputError, match="IGM = 'meiksin06': choose one of madau95, inoue14"):
        igm_transmission(1000.0, 5.0, "meiksin06")
