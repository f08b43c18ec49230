"""Filter curves in HDF5: units and detectors that are understood, files that are refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.models.stars.filter_curves import band_weights, filter_curve
from fastsed.survey.filter_files import read_filter_curves

LAM = np.linspace(4000.0, 6000.0, 41)
CURVE = filter_curve("F", np.array([4500.0, 4800.0, 5200.0, 5600.0]), np.array([0.0, 1.0, 0.8, 0.0]))


def write(path, unit="AA", detector="photon", lam=CURVE.lam, throughput=CURVE.throughput, name="F"):
    rows = np.asarray(np.rec.fromarrays([lam, throughput], names="WAVELENGTH,THROUGHPUT"))
    with h5py.File(path, "a") as f:
        f[f"filters/{name}"] = rows
        f[f"filters/{name}"].attrs["WAVELENGTH_UNIT"] = np.bytes_(unit)
        f[f"filters/{name}"].attrs["DETECTOR"] = np.bytes_(detector)


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
    with pytest.raises(InputError, match="wavelengths or throughputs that are too large"):
        filter_curve("F", np.array([1e300, 2e300]), np.array([1e300, 1.0]))
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
