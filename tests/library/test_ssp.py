"""Simple populations in their three file formats, against the arrays that were written."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.library.hdf5 import describe_hdf5
from fastsed.library.ssp import read_library, read_ssp, ssp_name, write_ssp_hdf5

from .make_files import AGES, LAM, LIVING, SED, ascii_text, ised_records, simple, write_fits, write_records


def check(got, metal=0.02, scale=1.0, rtol=1e-9):
    np.testing.assert_allclose(got.ages, AGES, rtol=rtol)
    np.testing.assert_allclose(got.lam, LAM, rtol=rtol)
    np.testing.assert_allclose(got.sed, scale * SED, rtol=max(rtol, 1e-7))
    np.testing.assert_allclose(got.mass, LIVING, rtol=rtol)
    np.testing.assert_array_equal(got.sfr, 0.0)
    np.testing.assert_array_equal(got.formed, 1.0)
    assert got.kind == "ssp"
    assert got.metallicity == metal
    assert got.sed.dtype == np.float64
    assert got.sed.flags.c_contiguous


# --- text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total_mass", [1.0, 2.5])
def test_ascii(tmp_path, total_mass):
    path = tmp_path / ssp_name("toy", "lr", "ch", 0.02)
    path.write_text(ascii_text(total_mass))
    check(read_ssp(path))


def test_ascii_needs_no_more_than_the_mass(tmp_path):
    path = tmp_path / "toy_lr_ch_z02.ised_ASCII"
    path.write_text(ascii_text(closing=2))
    check(read_ssp(path))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: "", "head is cut"),
        (lambda text: "hello world", "is not a GALAXEV .ised_ASCII"),
        (lambda text: text[:60], "head is cut"),
        (lambda text: "9" * 30 + text, "head is cut"),
        (lambda text: text[:1000], "is truncated: it ends before the line strengths of age 4"),
        (lambda text: text[:950], "is truncated: it ends within the fluxes of age 4"),
        (lambda text: ascii_text(closing=1), "is truncated: it ends before the closing block 2"),
        (lambda text: text.replace(" 8 9.1", " 9 9.1"), "is damaged"),
        (lambda text: text.replace("5.500000000e+03", "5.5xx"), "'5.5xx' is not a number"),
        (lambda text: text.replace("5.500000000e+03", "1.0"), "wavelengths are not an ascending list"),
    ],
)
def test_bad_ascii(tmp_path, spoil, message):
    path = tmp_path / "toy_lr_ch_z02.ised_ASCII"
    path.write_text(spoil(ascii_text()))
    with pytest.raises(InputError, match=message) as caught:
        read_ssp(path)
    assert path.name in str(caught.value)


def test_missing_file_and_unknown_kind(tmp_path):
    with pytest.raises(InputError, match=r"z02\.ised_ASCII: cannot be read"):
        read_ssp(tmp_path / "toy_lr_ch_z02.ised_ASCII")
    with pytest.raises(InputError, match="no known kind"):
        read_ssp(tmp_path / "toy.dat")


def test_composite_populations_are_refused(tmp_path):
    path = write_records(tmp_path / "a.ised", ised_records())
    with pytest.raises(InputError, match="simple ones"):
        read_ssp(path)
    assert read_library(path).kind == "gridded"


def test_shared_library(shared):
    got = read_ssp(shared / "data/libraries/ssp.lr/bc03_lr_kr_z02.ised_ASCII")
    assert got.sed.shape == (221, 802)
    assert got.mass[0] == 1
    assert got.mass[-1] == pytest.approx(0.41169, abs=1e-5)
    assert np.all(got.mass[1:] <= got.mass[:-1])


# --- FITS -------------------------------------------------------------------------------------------------


def test_fits(tmp_path):
    check(read_ssp(write_fits(tmp_path / "toy_lr_ch_z02.ised_ASCII.fits")))


def test_bad_fits(tmp_path):
    path = tmp_path / "toy_lr_ch_z02.ised_ASCII.fits"
    path.write_bytes(b"not FITS")
    with pytest.raises(InputError, match="is not a table with AGE"):
        read_ssp(path)
    write_fits(path, SED=SED[:-1])
    with pytest.raises(InputError, match="SED has 48 values for 7 ages and 8 wavelengths"):
        read_ssp(path)


# --- HDF5 -------------------------------------------------------------------------------------------------


def test_hdf5_holds_several_metallicities(tmp_path):
    path = tmp_path / "toy.hdf5"
    write_ssp_hdf5(path, [simple(0.004, 1.0), simple(0.02, 2.0), simple(0.05, 3.0)])
    for metal, scale in ((0.004, 1.0), (0.02, 2.0), (0.05, 3.0)):
        check(read_ssp(path, float(np.float32(metal))), metal, scale)
    contents = describe_hdf5(path)
    assert (contents.n_ages, contents.n_wavelengths) == (AGES.size, LAM.size)
    assert contents.attributes["LIBRARY"] == "toy"
    assert contents.metallicities.tolist() == [0.004, 0.02, 0.05]
    assert list(tmp_path.iterdir()) == [path]


def test_hdf5_of_one_metallicity_needs_no_choice(tmp_path):
    path = tmp_path / "toy.h5"
    write_ssp_hdf5(path, [simple(0.02, citation="a paper")])
    got = read_ssp(path)
    check(got)
    assert got.provenance["citation"] == "a paper"


def test_hdf5_is_reproducible_and_chunked_by_metallicity(tmp_path):
    for name in ("a.hdf5", "b.hdf5"):
        write_ssp_hdf5(tmp_path / name, [simple(0.004), simple(0.02)])
    assert (tmp_path / "a.hdf5").read_bytes() == (tmp_path / "b.hdf5").read_bytes()
    with h5py.File(tmp_path / "a.hdf5") as f:
        assert f["sed"].chunks[0] == 1
        assert f["sed"].dtype == np.float32


def test_hdf5_gridded_round_trip(tmp_path):
    one = replace(simple(0.02, SFH="del"), kind="gridded", sfr=np.arange(AGES.size) * 1.0, formed=AGES)
    two = replace(one, sed=2 * one.sed)
    path = tmp_path / "g.hdf5"
    write_ssp_hdf5(path, [one, two], [8.5, 9.0])
    got = read_library(path, 0.02, 9.0)
    np.testing.assert_allclose(got.sed, two.sed, rtol=1e-7)
    np.testing.assert_array_equal(got.sfr, one.sfr)
    np.testing.assert_array_equal(got.formed, AGES)
    assert got.kind == "gridded"
    with pytest.raises(
        InputError, match=r"no single population of metallicity 0\.02 and log tau 9\.5.*8\.5, 9"
    ):
        read_library(path, 0.02, 9.5)


def test_hdf5_refuses_what_it_does_not_hold(tmp_path):
    path = tmp_path / "toy.hdf5"
    write_ssp_hdf5(path, [simple(0.004), simple(0.02)])
    with pytest.raises(InputError, match=r"metallicity 0\.03; it holds metallicity 0\.004, 0\.02"):
        read_ssp(path, 0.03)
    with pytest.raises(InputError, match="say which"):
        read_ssp(path)


def test_hdf5_refuses_populations_that_do_not_belong_together(tmp_path):
    other = replace(simple(0.05), lam=LAM * 1.1)
    with pytest.raises(InputError, match="cannot hold both"):
        write_ssp_hdf5(tmp_path / "toy.hdf5", [simple(), other])
    with pytest.raises(InputError, match="no population"):
        write_ssp_hdf5(tmp_path / "toy.hdf5", [])
    assert not list(tmp_path.iterdir())


def test_bad_hdf5(tmp_path):
    path = tmp_path / "toy.hdf5"
    with pytest.raises(InputError, match="No such file"):
        read_ssp(path)
    path.write_bytes(b"not HDF5 at all")
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        read_ssp(path)
    with h5py.File(path, "w") as f:
        f["x"] = 1
    with pytest.raises(InputError, match="is not a fastsed library"):
        read_ssp(path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.attrs.modify("version", 99), "version 99"),
        (lambda f: f.__delitem__("living_fraction"), "lacks living_fraction"),
        (
            lambda f: (f.__delitem__("ages"), f.create_dataset("ages", data=AGES[:-1])),
            "spectra have the shape",
        ),
    ],
)
def test_damaged_hdf5(tmp_path, spoil, message):
    path = tmp_path / "toy.hdf5"
    write_ssp_hdf5(path, [simple()])
    with h5py.File(path, "r+") as f:
        spoil(f)
    with pytest.raises(InputError, match=message):
        read_ssp(path)


def test_truncated_hdf5(tmp_path):
    path = tmp_path / "toy.hdf5"
    write_ssp_hdf5(path, [simple()])
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"toy\.hdf5: "):
        read_ssp(path)
