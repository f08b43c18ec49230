"""Libraries of atmospheres in files: layouts that are read, inputs that are refused."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from fastsed.errors import InputError
from fastsed.models.stars.atmospheres import BandFluxLibrary, SpectralLibrary
from fastsed.survey.atmosphere_files import read_atmospheres
from tests.models.stars.small_stars import LAM, library, write_library


def test_hdf5_and_both_kinds_of_fits(tmp_path):
    lib = library()
    write_library(tmp_path / "lib.hd5", lib)
    table = Table({"logT": lib.nodes.log_t, "logg": lib.nodes.log_g, "Z": lib.nodes.z})
    old = fits.HDUList([fits.PrimaryHDU(np.vstack([lib.spectra, LAM])), fits.table_to_hdu(table)])
    old.writeto(tmp_path / "old.grid.fits")
    grid = fits.table_to_hdu(table)
    grid.name = "GRID"
    new = fits.HDUList([fits.PrimaryHDU(LAM), fits.ImageHDU(lib.spectra, name="SEDS"), grid])
    new.writeto(tmp_path / "new.fits")
    for name in ("lib.hd5", "old.grid.fits", "new.fits"):
        got = read_atmospheres(tmp_path / name)
        assert isinstance(got, SpectralLibrary)
        np.testing.assert_array_equal(got.spectra, lib.spectra)
        np.testing.assert_array_equal(got.lam, LAM)
        for a, b in ((got.nodes.log_t, lib.nodes.log_t), (got.nodes.z, lib.nodes.z)):
            np.testing.assert_array_equal(a, b)


def test_wavelengths_in_descending_order(tmp_path):
    lib = library()
    write_library(tmp_path / "lib.hd5", replace(lib, lam=LAM[::-1], spectra=lib.spectra[:, ::-1]))
    got = read_atmospheres(tmp_path / "lib.hd5")
    np.testing.assert_array_equal(got.lam, LAM)
    np.testing.assert_array_equal(got.spectra, lib.spectra)


def test_tables_of_band_fluxes(tmp_path):
    (tmp_path / "bands.csv").write_text("Teff,logg,[Fe/H],F1,F2\n5000,4.5,-1,1e7,2e7\n10000,4,0,3e7,4e7\n")
    got = read_atmospheres(tmp_path / "bands.csv", solar_z=0.02)
    assert isinstance(got, BandFluxLibrary)
    np.testing.assert_allclose(got.nodes.log_t, np.log10([5000, 10000]))
    np.testing.assert_allclose(got.nodes.z, [0.002, 0.02])
    assert set(got.fluxes) == {"F1", "F2"}


def test_wrong_files(tmp_path):
    lib = library()
    write_library(tmp_path / "lib.hd5", lib)
    data = (tmp_path / "lib.hd5").read_bytes()
    (tmp_path / "short.hd5").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"short.hd5"):
        read_atmospheres(tmp_path / "short.hd5")
    with h5py.File(tmp_path / "lib.hd5", "a") as f:
        f["seds"][0, 0] = np.nan
    with pytest.raises(InputError, match="values that are no numbers"):
        read_atmospheres(tmp_path / "lib.hd5")
    with h5py.File(tmp_path / "lib.hd5", "a") as f:
        del f["grid"]
        f["grid"] = np.zeros(len(lib.nodes.z), [("logT", "f8"), ("Z", "f8")])
    with pytest.raises(InputError, match="no column of log g"):
        read_atmospheres(tmp_path / "lib.hd5")
    (tmp_path / "x.fits").write_bytes(b"SIMPLE")
    with pytest.raises(InputError, match=r"x.fits"):
        read_atmospheres(tmp_path / "x.fits")
    (tmp_path / "bands.csv").write_text("Teff,logg,Z,F1\n5000,4.5,0.02,-1\n")
    with pytest.raises(InputError, match="column F1: a surface flux that is negative"):
        read_atmospheres(tmp_path / "bands.csv")
    (tmp_path / "bands.csv").write_text("Teff,logg,Z,F1\n-5,4.5,0.02,1\n")
    with pytest.raises(InputError, match="log Teff holds values that are no numbers"):
        read_atmospheres(tmp_path / "bands.csv")
