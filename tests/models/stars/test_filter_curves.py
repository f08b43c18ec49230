"""Filter curves: integrals against quadrature, what is read, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.models.stars.filter_curves import band_weights, filter_curve, trapezoid_weights

LAM = np.linspace(4000.0, 6000.0, 41)
CURVE = filter_curve("F", np.array([4500.0, 4800.0, 5200.0, 5600.0]), np.array([0.0, 1.0, 0.8, 0.0]))


def test_trapezoid_weights():
    values = np.sin(LAM / 300)
    assert trapezoid_weights(LAM) @ values == pytest.approx(np.trapezoid(values, LAM), rel=1e-13)


def test_band_flux_by_trapezoids():
    spectrum = 1 + np.sin(LAM / 300)
    photons = LAM * np.interp(LAM, CURVE.lam, CURVE.throughput, 0, 0)
    expected = np.trapezoid(photons * spectrum, LAM) / np.trapezoid(photons, LAM)
    assert band_weights(CURVE, LAM) @ spectrum == pytest.approx(expected, rel=1e-13)
    assert band_weights(CURVE, LAM) @ np.full(41, 3.0) == pytest.approx(3.0)
    inside = photons > 0
    lost = np.trapezoid((photons * spectrum)[inside], LAM[inside]) / np.trapezoid(photons, LAM)
    assert band_weights(CURVE, LAM, positive_only=True) @ spectrum == pytest.approx(lost, rel=1e-13)
    assert lost < expected


def test_effective_wavelength():
    assert CURVE.effective_wavelength() == pytest.approx(
        np.trapezoid(CURVE.lam * CURVE.throughput, CURVE.lam) / np.trapezoid(CURVE.throughput, CURVE.lam)
    )
