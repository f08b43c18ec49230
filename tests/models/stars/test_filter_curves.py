"""Filter curves: integrals against quadrature, what is read, what is refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.models.stars.filter_curves import (
    band_weights,
    filter_curve,
    read_filter_curves,
    trapezoid_weights,
)

LAM = np.linspace(4000.0, 6000.0, 41)
CURVE = filter_curve("F", np.array([4500.0, 4800.0, 5200.0, 5600.0]), np.array([0.0, 1.0, 0.8, 0.0]))


def write(path, unit="AA", detector="photon", lam=CURVE.lam, throughput=CURVE.throughput, name="F"):
    rows = np.asarray(np.rec.fromarrays([lam, throughput], names="WAVELENGTH,THROUGHPUT"))
    with h5py.File(path, "a") as f:
        f[f"filters/{name}"] = rows
        f[f"filters/{name}"].attrs["WAVELENGTH_UNIT"] = np.bytes_(unit)
        f[f"filters/{name}"].attrs["DETECTOR"] = np.bytes_(detector)


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


def test_units_and_detectors(tmp_path):
    path = tmp_path / "filters.hd5"
    write(path, "nm", lam=CURVE.lam[::-1] / 10, throughput=CURVE.throughput[::-1])
    write(path, "micron", "energy", lam=CURVE.lam / 1e4, name="E")
    plain, energy = read_filter_curves(path, ["F", "E"])
    np.testing.assert_allclose(plain.lam, CURVE.lam)
    np.testing.assert_allclose(plain.throughput, CURVE.throughput)
    np.testing.assert_allclose(energy.throughput, CURVE.throughput / CURVE.lam)


def test_wrong_libraries(tmp_path):
    path = tmp_path / "filters.hd5"
    write(path, name="HST_F")
    with pytest.raises(InputError, match="no filter ACS_F; it has HST_F"):
        read_filter_curves(path, ["ACS_F"])
    write(path, "parsec", name="U")
    with pytest.raises(InputError, match="unknown unit of wavelength 'parsec'"):
        read_filter_curves(path, ["U"])
    write(path, throughput=np.zeros(4), name="N")
    with pytest.raises(InputError, match="lets no light through"):
        read_filter_curves(path, ["N"])
    with h5py.File(path, "a") as f:
        f["filters/X"] = np.zeros(3)
    with pytest.raises(InputError, match="no columns WAVELENGTH"):
        read_filter_curves(path, ["X"])
    (tmp_path / "short.hd5").write_bytes(path.read_bytes()[:900])
    with pytest.raises(InputError, match=r"not a readable HDF5 file"):
        read_filter_curves(tmp_path / "short.hd5", ["F"])
    with h5py.File(tmp_path / "other.hd5", "w") as f:
        f["seds"] = np.zeros(3)
    with pytest.raises(InputError, match='no group "filters"'):
        read_filter_curves(tmp_path / "other.hd5", ["F"])
    with pytest.raises(InputError, match="no point of the spectra inside"):
        band_weights(CURVE, np.array([1000.0, 2000.0]))
