"""The tables T against spectra that are attenuated, redshifted and integrated one by one."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.models.attenuation import attenuation_curve
from fastsed.models.igm import igm_transmission
from fastsed.models.photometry import rest_magnitude_weights
from fastsed.models.populations import Basis
from fastsed.models.tables import FluxTables, make_dust_transmission, make_rest_tables, wavelengths_in_use
from tests.models.helpers import BANDS, LAM, make_filter, spectra, union_integral

AV = np.float32([0.0, 0.3, 1.7])
AV_BC = np.float32([0.0, 0.9])
N_YOUNG, N_BASIS = 3, 37
SED = spectra(11, N_BASIS)
K = attenuation_curve("calzetti", LAM)


def curve(lam):
    return attenuation_curve("calzetti", lam)


def dust(n_young, av_bc=AV_BC):
    return lambda lam: make_dust_transmission(lam, curve, AV, av_bc, n_young > 0)


def basis(n_young=N_YOUNG):
    return Basis(LAM, np.ascontiguousarray(SED.T, dtype=np.float32), n_young)


def attenuated(n_young=N_YOUNG, av_bc=AV_BC):
    """(ncell, nbasis, nlam) one by one."""
    cells = [
        [SED[i] * 10 ** (-0.4 * (float(a) + (float(b) if i < n_young else 0.0)) * K) for i in range(N_BASIS)]
        for a in AV
        for b in av_bc
    ]
    return np.array(cells)


def test_dust_transmission():
    found = make_dust_transmission(LAM, curve, AV, AV_BC, True)
    assert found.n_cells == 6
    np.testing.assert_allclose(found.old, 10 ** (-0.4 * AV.astype(float)[:, None] * K), rtol=1e-12)
    total = (AV.astype(float)[:, None] + AV_BC.astype(float)).ravel()
    np.testing.assert_allclose(found.young, 10 ** (-0.4 * total[:, None] * K), rtol=1e-12)
    assert make_dust_transmission(LAM, curve, AV, AV_BC, False).young is None


@pytest.mark.parametrize("level", ["scalar", "avx2", "avx512"])
@pytest.mark.parametrize("n_young", [0, 1, N_YOUNG, N_BASIS])
def test_fluxes(monkeypatch, n_young, level):
    monkeypatch.setenv("FASTSED_SIMD", level)
    z = np.float32([0.4, 2.6])
    tables = FluxTables(basis(n_young), BANDS, dust(n_young), z)
    expected = np.empty((len(BANDS), 6, N_BASIS))
    for redshift in z.astype(float):
        seen = attenuated(n_young) * igm_transmission(LAM, redshift) * 0.37
        for b, band in enumerate(BANDS):
            for cell in range(6):
                for i in range(N_BASIS):
                    expected[b, cell, i] = union_integral(LAM * (1 + redshift), seen[cell, i], band)
        passed = 0.37 * igm_transmission(tables.basis.lam, redshift)
        out = np.full_like(expected, np.nan)
        tables.fluxes(tables.windows(redshift, passed, slice(0, 4)), slice(0, N_BASIS), out)
        np.testing.assert_allclose(out, expected, rtol=1e-10)
        for part in (slice(0, 2), slice(2, 5), slice(4, 5), slice(1, 18), slice(5, 36), slice(3, 19)):
            for bands in (slice(0, 4), slice(1, 2), slice(2, 4)):
                piece = np.full((bands.stop - bands.start, 6, part.stop - part.start), np.nan)
                tables.fluxes(tables.windows(redshift, passed, bands), part, piece)
                np.testing.assert_allclose(piece, expected[bands, :, part], rtol=1e-10)


@pytest.mark.parametrize("n", [1, 3, 8, 17, N_BASIS])
def test_fluxes_are_the_same_at_every_level(monkeypatch, n):
    """To the last bit, so that catalogues and caches are, too."""
    tables = FluxTables(basis(N_YOUNG), BANDS, dust(N_YOUNG), np.float32([0.4]))
    windows = tables.windows(0.4, 0.37 * igm_transmission(tables.basis.lam, 0.4), slice(0, 4))
    found = []
    for level in ("scalar", "avx2", "avx512"):
        monkeypatch.setenv("FASTSED_SIMD", level)
        found.append(np.full((len(BANDS), 6, n), np.nan))
        tables.fluxes(windows, slice(N_BASIS - n, N_BASIS), found[-1])
    assert np.isfinite(found[0]).all()
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_bands_beyond_the_spectrum_have_no_flux():
    bands = [make_filter(50.0, 300.0), make_filter(1e5, 5e5), make_filter(6e5, 7e5), make_filter(5e3, 6e3)]
    tables = FluxTables(basis(), bands, dust(N_YOUNG), np.float32([0.1, 0.5]))
    out = np.full((4, 6, N_BASIS), np.nan)
    windows = tables.windows(0.5, np.ones(len(tables.basis.lam)), slice(0, 4))
    tables.fluxes(windows, slice(0, N_BASIS), out)
    assert not out[:3].any()
    assert (out[3] > 0).all()
    only = FluxTables(basis(), bands[2:3], dust(N_YOUNG), np.float32([0.1, 0.5]))
    out[0] = np.nan
    only.fluxes(only.windows(0.5, np.ones(len(only.basis.lam)), slice(0, 1)), slice(0, N_BASIS), out[:1])
    assert not out[0].any()


@pytest.mark.parametrize(
    "edge", [LAM[10], np.nextafter(LAM[10], 0), np.nextafter(LAM[10], 9e9), 0.5 * sum(LAM[9:11])]
)
def test_wavelengths_in_use_lose_nothing(edge):
    z = np.float32([0.7, 3.1])
    bands = [
        make_filter(edge * (1 + float(z[1])), 3000.0, 5),
        make_filter(4000.0, LAM[-40] * (1 + float(z[0])), 5),
    ]
    seen = wavelengths_in_use(LAM, bands, z)
    assert 0 <= seen.start < seen.stop <= len(LAM)
    for redshift in z.astype(float):
        for band in bands:
            whole = union_integral(LAM * (1 + redshift), SED[0], band)
            assert union_integral(LAM[seen] * (1 + redshift), SED[0][seen], band) == pytest.approx(
                whole, rel=1e-12
            )
    assert wavelengths_in_use(LAM, [], z).stop > 0


@pytest.mark.parametrize("n_young", [0, N_YOUNG])
def test_rest_tables(n_young):
    band = make_filter(5000.0, 6000.0)
    functionals = np.array([rest_magnitude_weights(LAM, band), np.where(LAM < 4000.0, 0.5, 0.0)])
    found = make_rest_tables(basis(n_young), dust(n_young)(LAM), functionals, 912.0)
    after = attenuated(n_young)
    lost = np.trapezoid(SED - after, LAM, axis=-1)
    np.testing.assert_allclose(found.absorbed, lost, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.absorbed_young[:, :n_young], lost[:, :n_young], rtol=1e-9, atol=1e-12)
    assert not found.absorbed_young[:, n_young:].any()
    x = np.union1d(LAM[LAM < 912.0], [912.0])
    ionising = [np.trapezoid(np.interp(x, LAM, sed), x) for sed in SED]
    np.testing.assert_allclose(found.ionising, ionising, rtol=1e-12)
    np.testing.assert_allclose(found.attenuated[1], after @ functionals[1], rtol=1e-10)
    factor = functionals[0].sum()  # a flat spectrum of 1 Lsun/A
    for cell in range(6):
        for i in range(N_BASIS):
            expected = union_integral(LAM, after[cell, i], band) * factor
            assert found.attenuated[0, cell, i] == pytest.approx(expected, rel=1e-10)


def test_rest_tables_without_functionals():
    found = make_rest_tables(basis(), dust(N_YOUNG)(LAM), np.zeros((0, len(LAM))), 912.0)
    assert found.attenuated.shape == (0, 6, N_BASIS)
