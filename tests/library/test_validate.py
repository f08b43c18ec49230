"""One check for all formats, and damaged files of every kind."""

from __future__ import annotations

import dataclasses

import h5py
import numpy as np
import pytest
from astropy.io import fits

from fastsed import foreign
from fastsed.errors import InputError
from fastsed.library.find import list_libraries
from fastsed.library.ssp import read_library, read_ssp, write_ssp_hdf5
from fastsed.library.types import Library
from fastsed.library.validate import check_library, check_spectra
from tests.library.make_files import ised_records, write_records

AGES = np.array([0.0, 1e6, 1e8, 1e10])
LAM = np.array([912.0, 3000.0, 5500.0, 5500.0, 1e5])


def a_library(**changes):
    n = AGES.size
    sed = np.ones((n, LAM.size))
    mass = np.linspace(1, 0.5, n)
    good = Library(AGES, LAM, sed, mass, np.zeros(n), np.ones(n), "ssp", 0.02, "x", {"LIBRARY": "toy"})
    return dataclasses.replace(good, **changes)


def changed(values, where, value):
    values = np.array(values)
    values[where] = value
    return values


FAULTS = [
    ({"lam": LAM[::-1]}, "wavelengths are not an ascending list"),
    ({"lam": changed(LAM, 2, np.nan)}, "wavelengths are not an ascending list"),
    ({"lam": changed(LAM, -1, np.inf)}, "wavelengths are not an ascending list"),
    ({"lam": LAM * 1e-4}, "wavelengths end at 10: they must be in Angstrom"),
    ({"ages": AGES[::-1]}, "ages are not an ascending list"),
    ({"ages": changed(AGES, 2, 1e6)}, "its ages must differ"),
    ({"ages": changed(AGES, 0, -1)}, "ages are not an ascending list"),
    ({"sed": np.full((4, 5), np.nan)}, "spectra hold nan, and 20 such values"),
    ({"sed": -np.ones((4, 5))}, "spectra hold -1"),
    ({"sed": np.full((4, 5), 1e39)}, r"spectra hold 1e\+39"),
    ({"sed": np.ones((5, 4))}, "spectra have the shape"),
    ({"mass": np.full(4, 1.2)}, "a surviving mass is 1.2"),
    ({"mass": np.full(4, -0.1)}, "surviving masses hold -0.1"),
    ({"mass": np.full(3, 0.1)}, "it has 3 surviving masses for 4 ages"),
    ({"formed": np.full(4, np.inf)}, "formed masses hold inf"),
    ({"sfr": np.full(4, np.nan)}, "star formation rates hold nan"),
    ({"kind": "odd"}, "its kind is 'odd'"),
]


@pytest.mark.parametrize(("changes", "message"), FAULTS)
def test_faults(changes, message):
    check_library(a_library(), "a.file")
    with pytest.raises(InputError, match=r"^a\.file: .*" + message):
        check_library(a_library(**changes), "a.file")


@pytest.mark.parametrize(
    ("changes", "message"), [f for f in FAULTS if "shape" not in f[1] and "for 4" not in f[1]]
)
def test_faults_in_hdf5(tmp_path, changes, message):
    path = tmp_path / "toy_lr_kr.hdf5"
    write_ssp_hdf5(path, [a_library()])
    names = {"lam": "wavelengths", "mass": "living_fraction"}
    with h5py.File(path, "r+") as f:
        for key, values in changes.items():
            if key == "kind":
                f.attrs["kind"] = values
                continue
            name = names.get(key, key)
            shape = f[name].shape if name in f else (1, 4)
            if name in f:
                del f[name]
            f[name] = np.reshape(values, shape)
    with pytest.raises(InputError, match=message):
        read_ssp(path, 0.02)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_spectra_of_ised_files(tmp_path, bad):
    records = ised_records()
    spectrum = np.frombuffer(records[4], "<f4").copy()
    spectrum[3] = bad
    path = write_records(
        tmp_path / "a_lr_ch_z02_ltau9.0.ised", [*records[:4], spectrum.tobytes(), *records[5:]]
    )
    with pytest.raises(InputError, match=r"its spectra hold .*, and 1 such values"):
        read_library(path)
    # those who read a part of it check that part
    assert read_library(path, lazy=True).kind == "gridded"


def test_mass_of_composite_populations_may_be_large():
    check_library(a_library(kind="gridded", mass=np.full(4, 1e10)), "a.file")


def test_spectra_of_other_byte_order():
    with pytest.raises(InputError, match="spectra hold -1"):
        check_spectra(-np.ones((3, 4), dtype=">f4"), "a.file")


def damaged(content, rng):
    """Some bytes changed, or the end cut off."""
    content = bytearray(content)
    for at in rng.integers(0, len(content), rng.integers(1, 5)):
        content[at] = rng.integers(0, 256)
    return bytes(content[: rng.integers(1, len(content))]) if rng.random() < 0.2 else bytes(content)


def write_fits(path):
    one = a_library()
    columns = {"AGE": one.ages, "MASS": one.mass, "LAMBDA": one.lam, "SED": one.sed.ravel()}
    made = [fits.Column(name, f"{v.size}D", array=v[None]) for name, v in columns.items()]
    fits.BinTableHDU.from_columns(made).writeto(path)


@pytest.mark.parametrize("ending", ["hdf5", "ised_ASCII.fits"])
def test_damaged_files_end_in_one_error(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(foreign, "PARSER_SECONDS", 0.5)
    good = tmp_path / f"good_lr_kr_z02.{ending}"
    if ending == "hdf5":
        write_ssp_hdf5(good, [a_library()])
    else:
        write_fits(good)
    content, path = good.read_bytes(), tmp_path / f"bad_lr_kr_z02.{ending}"
    rng = np.random.default_rng(1)
    refused = []
    for _ in range(40):
        path.write_bytes(damaged(content, rng))
        try:
            read_library(path, 0.02)
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 3
    assert all(message.startswith(f"{path}: ") and "\n" not in message for message in refused)


def test_a_dataset_larger_than_the_file_can_hold(tmp_path):
    path = tmp_path / "toy_lr_kr.hdf5"
    write_ssp_hdf5(path, [a_library()])
    with h5py.File(path, "r+") as f:
        for name, shape in {"sed": (1, 4, 10**8), "wavelengths": (10**8,)}.items():
            del f[name]
            f.create_dataset(name, shape, "f4", chunks=True)
    with pytest.raises(InputError, match="bytes, but the file has"):
        read_ssp(path)


def test_damaged_neighbours_are_skipped_with_a_warning(tmp_path, caplog):
    write_ssp_hdf5(tmp_path / "toy_lr_kr.hdf5", [a_library()])
    content = (tmp_path / "toy_lr_kr.hdf5").read_bytes()
    (tmp_path / "bad_lr_kr.hdf5").write_bytes(content[: len(content) // 2])
    with h5py.File(tmp_path / "other.hdf5", "w") as f:
        f["x"] = 1
    for _ in range(2):
        assert "toy_hdf5" not in [one.name for one in list_libraries(tmp_path)]
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "bad_lr_kr.hdf5: is not a readable HDF5 file" in warnings[0]


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8"])
@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf, -1e-45, -1.0])
@pytest.mark.parametrize("shape", [(1,), (7, 5), (64, 33)])
def test_every_wrong_spectrum_is_seen(dtype, value, shape):
    sed = np.random.default_rng(1).random(shape).astype(dtype)
    sed.flat[sed.size // 2] = value
    with pytest.raises(InputError, match=r"a.file: is damaged: its spectra hold"):
        check_spectra(sed, "a.file")
    sed.flat[sed.size // 2] = [-0.0, 1e-45, np.finfo(np.float32).max][sed.size % 3]
    check_spectra(sed, "a.file")
    check_spectra(sed[:0], "a.file")
    check_spectra(sed.T[::2], "a.file")
