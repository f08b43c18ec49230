"""Files of posterior samples: what the HDF5 library reads from ours, what ours reads from those of others."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.survey.star_contents import StarField
from fastsed.survey.star_groups import Samples, StarGroupWriter, fit_fields
from fastsed.survey.star_samples import StarSamples

ROOT = {"grid_waves": np.array([3355.0, 4747.0]), "obs_filters": np.array(["HST_F336W", "HST_F475W"])}


def samples(n_star, seed=0, largest=40):
    """Invented samples of `n_star` stars, some without any."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, largest, n_star)
    n = int(counts.sum())
    columns = {
        "input": rng.normal(size=(n_star, 2, 1)),
        "idx": rng.integers(0, 1 << 40, n),
        "lnp": rng.normal(size=n).astype("f4"),
        "chi2": rng.normal(size=n).astype("f4"),
    }
    return Samples(counts, columns)


def write(path, parts, root=ROOT):
    with StarGroupWriter(path, fit_fields(2), root) as writer:
        for part in parts:
            writer.append(part)
    return path


def by_library(path):
    """All stars of a file, as h5py reads them."""
    with h5py.File(path) as f:
        return {k: {n: f[k][n][()] for n in f[k]} for k in f if k.startswith("star_")}


def star(part, i):
    edges = np.concatenate([[0], np.cumsum(part.counts)])
    piece = slice(edges[i], edges[i + 1])
    return {n: v[i] if n == "input" else v[piece] for n, v in part.columns.items()}


@pytest.mark.parametrize("sizes", [[], [1], [0, 3], [11, 0, 5], [64], [65], [2049, 1], [5000]])
def test_library_reads_all_stars(tmp_path, sizes):
    parts = [samples(n, seed, 4) for seed, n in enumerate(sizes)]
    found = by_library(write(tmp_path / "a_lnp.hd5", parts))
    expected = [star(part, i) for part in parts for i in range(len(part.counts))]
    assert found.keys() == {f"star_{i}" for i in range(len(expected))}
    for i, columns in enumerate(expected):
        for name, values in columns.items():
            assert found[f"star_{i}"][name].dtype == values.dtype
            assert np.array_equal(found[f"star_{i}"][name], values), (i, name)


def test_root_holds_stars_and_two_datasets(tmp_path):
    # BEAST counts the stars as the children of the root less two
    with h5py.File(write(tmp_path / "a_lnp.hd5", [samples(12)])) as f:
        assert len(f) == 12 + 2
        assert f["obs_filters"][()].tolist() == [b"HST_F336W", b"HST_F475W"]
        assert f["grid_waves"][()].tolist() == [3355, 4747]


def test_library_can_add_to_the_file(tmp_path):
    path = write(tmp_path / "a_lnp.hd5", [samples(200)])
    with h5py.File(path, "r+") as f:
        f["star_200/idx"] = np.arange(3)
        f["star_200/lnp"] = np.arange(3.0)
        f.move("star_7", "star_201")
    found = by_library(path)
    assert len(found) == 201
    assert np.array_equal(found["star_201"]["idx"], star(samples(200), 7)["idx"])
    with StarSamples(path) as reader:
        assert reader.numbers[-2:].tolist() == [200, 201]


def copied(path):
    """The same stars in a file that h5py wrote."""
    target = path.with_name("copy_lnp.hd5")
    with h5py.File(path) as f, h5py.File(target, "w") as g:
        for name in f:
            f.copy(name, g)
    return target


@pytest.mark.parametrize("own", [True, False])
def test_stars_are_read_in_the_order_asked_for(tmp_path, own):
    part = samples(130)
    path = write(tmp_path / "a_lnp.hd5", [part])
    with StarSamples(path if own else copied(path)) as reader:
        assert (reader._map is not None) == own
        assert reader.numbers.tolist() == list(range(130))
        asked = [100, 3, 3, 129, 11]
        found = reader.read(asked)
        assert reader.read([]).counts.shape == (0,)
        assert reader.root["grid_waves"].tolist() == [3355, 4747]
    assert found.counts.tolist() == part.counts[asked].tolist()
    for i, number in enumerate(asked):
        for name, values in star(part, number).items():
            assert np.array_equal(star(found, i)[name], values), (i, name)


@pytest.mark.parametrize("own", [True, False])
def test_absent_stars_have_no_samples(tmp_path, own):
    path = write(tmp_path / "a_lnp.hd5", [samples(3)])
    with StarSamples(path if own else copied(path)) as reader:
        found = reader.read([5, 1])
    assert found.counts.tolist() == [0, samples(3).counts[1]]
    assert np.isnan(found.columns["input"][0]).all()
    assert np.isfinite(found.columns["input"][1]).all()


def test_other_fields(tmp_path):
    fields = {
        "idx": StarField(np.dtype("i8")),
        "lnp": StarField(np.dtype("f8")),
        "subgrid": StarField(np.dtype("i8")),
    }
    columns = {"idx": np.arange(5), "lnp": np.arange(5) / 3, "subgrid": np.ones(5)}
    with StarGroupWriter(tmp_path / "m_lnp.hd5", fields) as writer:
        writer.append(Samples(np.array([2, 3]), columns))
    found = by_library(tmp_path / "m_lnp.hd5")
    assert found["star_1"]["lnp"].tolist() == [2 / 3, 1, 4 / 3]
    assert found["star_0"]["subgrid"].tolist() == [1, 1]


def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path):
    writer = StarGroupWriter(tmp_path / "a.hd5", fit_fields(2))

    def fail():
        with writer:
            writer.append(samples(3))
            raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        fail()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("length", [0, 50, 300, 3000, 6000])
@pytest.mark.parametrize("own", [True, False])
def test_files_cut_short(tmp_path, length, own):
    path = write(tmp_path / "a_lnp.hd5", [samples(30)])
    path = path if own else copied(path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match="HDF5"), StarSamples(path) as reader:
        reader.read(np.arange(30))


def test_foreign_files(tmp_path):
    with h5py.File(tmp_path / "a.hd5", "w") as f:
        f["star_0/x"] = 1
    with pytest.raises(InputError, match="/star_0 holds no dataset 'idx'"):
        StarSamples(tmp_path / "a.hd5")
    with h5py.File(tmp_path / "b.hd5", "w") as f:
        f["star_0/idx"], f["star_0/lnp"] = np.arange(3), np.arange(4.0)
    with StarSamples(tmp_path / "b.hd5") as reader, pytest.raises(InputError, match="star_0"):
        reader.read([0])
    with pytest.raises(InputError, match="no such file"):
        StarSamples(tmp_path / "c.hd5")
