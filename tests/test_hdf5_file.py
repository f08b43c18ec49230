"""HDF5 files appear whole or not at all, also where the disk is full."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.hdf5_file import atomic_hdf5, open_hdf5

VALUES = np.random.default_rng(1).normal(size=(50, 40, 30))


def write(path):
    with atomic_hdf5(path, libver="earliest") as f:
        f.attrs["name"] = "toy"
        f.create_dataset("packed", data=VALUES, chunks=(5, 40, 30), compression="gzip")
        f.create_dataset("plain", VALUES.shape, "f8")
        for start in range(0, 50, 7):
            f["plain"][start : start + 7] = VALUES[start : start + 7]
        np.testing.assert_array_equal(f["plain"][3], VALUES[3])


def test_what_is_written_can_be_read(tmp_path):
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as f:
        assert f.attrs["name"] == "toy"
        for name in ("packed", "plain"):
            np.testing.assert_array_equal(f[name][...], VALUES)


@pytest.mark.parametrize("space", [0, 100, 3000, 300_000, 800_000])
def test_full_disk(tmp_path, monkeypatch, space):
    """Whatever fits, there is no crash and no file, but the reason."""
    pwrite = os.pwrite

    def limited(descriptor, data, at):
        if at + len(data) > space:
            raise OSError(28, "No space left on device")
        return pwrite(descriptor, data, at)

    monkeypatch.setattr(os, "pwrite", limited)
    with pytest.raises(InputError, match=r"a\.h5: cannot be written: No space left on device"):
        write(tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())


def test_an_error_of_the_writer_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_hdf5(tmp_path / "a.h5") as f:
        f["x"] = 1 / 0
    assert not list(tmp_path.iterdir())


def test_files_of_any_number_of_data_sets_are_opened(tmp_path, monkeypatch):
    """Files of samples have several data sets a star; looking at all would take longer than reading some."""
    looked_at = []
    monkeypatch.setattr("fastsed.hdf5_file.MOST_VISITED", 10)
    monkeypatch.setattr("fastsed.hdf5_file.parse_foreign", lambda visit, path, what: visit())
    monkeypatch.setattr(
        "fastsed.hdf5_file.check_claimed_size", lambda size, path, what: looked_at.append(what)
    )
    with h5py.File(tmp_path / "many.h5", "w") as f:
        for i in range(100):
            f[f"star_{i}/lnp"] = np.full(3, i)
    with open_hdf5(tmp_path / "many.h5") as f:
        np.testing.assert_array_equal(f["star_99/lnp"], [99, 99, 99])
    assert 0 < len(looked_at) <= 10
