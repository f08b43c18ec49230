"""`fastsed-grid2fits`: FAST++'s own tables from its own grids, other formats, and wrong input."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fastsed.cli.grid2fits import main
from fastsed.outputs.chi2grid import ChiGridWriter, best_chi2_header, read_chi2_grid, write_best_chi2

GRIDS = [
    "chi_grid/expected/chi2.grid",
    "custom_sfh/expected/best_chi2/gal_1.chi2.grid",
    "interval_chi2/expected/best_chi2/gal_1.chi2.grid",
    "interval_chi2/expected/best_chi2/gal_5.chi2.grid",
]
AXES = {"z": np.array([0.5, 1.0], dtype=np.float32), "Av": np.array([0.0, 1.0, 2.0], dtype=np.float32)}


@pytest.fixture
def full(tmp_path):
    """A full grid of 6 models and 2 sources, one model not fitted."""
    data = np.random.default_rng(3).normal(size=(6, 2, 2)).astype(np.float32)
    with ChiGridWriter(tmp_path / "chi2.grid", AXES, ["lmass"], 2) as writer:
        writer.write_block(1, data[1:])
    data[0] = np.nan
    return tmp_path / "chi2.grid", data


@pytest.fixture
def best(tmp_path):
    """Three models of one source."""
    header = best_chi2_header(AXES, ["lmass"])
    write_best_chi2(tmp_path / "g_1.chi2.grid", header, [4, 0, 2], [1, 2, 3], [[7], [8], [9]])
    return tmp_path / "g_1.chi2.grid"


@pytest.mark.parametrize("block", [1 << 25, 100])
@pytest.mark.parametrize("name", GRIDS)
def test_tables_are_those_of_fastpp(shared, tmp_path, monkeypatch, name, block):
    from astropy.io import fits

    monkeypatch.setattr("fastsed.outputs.chi2grid.Chi2Grid.blocks.__defaults__", (block,))
    source = shared / "golden" / name
    assert main([str(source), "-o", str(tmp_path / "a.fits")]) == 0
    with fits.open(tmp_path / "a.fits") as found, fits.open(f"{source}.fits") as expected:
        found.verify("exception")
        layout = [[(c.name, c.format, c.dim) for c in hdus[1].columns] for hdus in (found, expected)]
        assert layout[0] == layout[1]
        for column in expected[1].columns.names:
            assert np.array_equal(found[1].data[column], expected[1].data[column], equal_nan=True)
    assert (tmp_path / "a.fits").stat().st_size % 2880 == 0


def test_names_of_tables_come_from_those_of_grids(full, best):
    assert main([str(full[0]), str(best)]) == 0
    assert full[0].with_name("chi2.grid.fits").exists()
    assert best.with_name("g_1.chi2.grid.fits").exists()


def test_hdf5_of_a_full_grid(full):
    import h5py

    path, data = full
    assert main([str(path), "--format", "hdf5"]) == 0
    with h5py.File(f"{path}.h5") as f:
        assert list(f.attrs["axes"]) == ["z", "Av"]
        assert np.array_equal(f["axes/Av"], AXES["Av"])
        assert np.array_equal(f["chi2"], data[:, 0], equal_nan=True)
        assert np.array_equal(f["lmass"], data[:, 1], equal_nan=True)


def test_hdf5_of_a_best_chi2_file_by_the_suffix_of_the_output(best, tmp_path):
    import h5py

    assert main([str(best), "-o", str(tmp_path / "o.hdf5")]) == 0
    with h5py.File(tmp_path / "o.hdf5") as f:
        assert f["model"][:].tolist() == [4, 0, 2]
        assert f["lmass"][:].tolist() == [7, 8, 9]


def test_parquet_of_both_kinds(full, best):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    path, data = full
    assert main([str(path), str(best), "--format", "parquet"]) == 0
    table = parquet.read_table(f"{path}.parquet").to_pydict()
    assert table["source"] == [0, 1] * 6
    assert np.array_equal(table["lmass"], data[:, 1].ravel(), equal_nan=True)
    assert np.array_equal(table["Av"], np.repeat(np.tile(AXES["Av"], 2), 2))
    assert parquet.read_table(f"{best}.parquet").to_pydict()["model"] == [4, 0, 2]


def test_parquet_without_pyarrow_says_what_to_install(best, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main([str(best), "--format", "parquet"]) == 1
    assert "pip install 'fastsed[tables]'" in capsys.readouterr().err
    assert not best.with_name("g_1.chi2.grid.parquet").exists()


@pytest.mark.parametrize("kind", ["fits", "hdf5"])
def test_a_file_without_models_makes_an_empty_table(tmp_path, kind):
    write_best_chi2(tmp_path / "a", best_chi2_header(AXES, ["lmass"]), [], [], np.empty((0, 1)))
    assert read_chi2_grid(tmp_path / "a").n_models == 0
    assert main([str(tmp_path / "a"), "--format", kind]) == 0


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "holds 0 bytes only"), (b"SIMPLE  =  T", "the type is")]
)
def test_files_that_are_no_grids_end_with_one_message(tmp_path, capsys, content, message):
    (tmp_path / "a").write_bytes(content)
    assert main([str(tmp_path / "a")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"fastsed-grid2fits: error: {tmp_path / 'a'}: not a chi2 grid: ")
    assert message in error
    assert error.count("\n") == 1


def test_a_missing_file_is_told(tmp_path, capsys):
    assert main([str(tmp_path / "a")]) == 1
    assert (
        capsys.readouterr().err
        == f"fastsed-grid2fits: error: {tmp_path / 'a'}: cannot be read: No such file or directory\n"
    )


@pytest.mark.parametrize("arguments", [[], ["a", "b", "-o", "c"], ["a", "--format", "csv"]])
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: fastsed-grid2fits" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["out.csv", "out.txt"])
def test_suffixes_of_other_formats(best, tmp_path, capsys, name):
    assert main([str(best), "-o", str(tmp_path / name)]) == 1
    assert f"{name}: a suffix of fits, hdf5, parquet is needed, or --format" in capsys.readouterr().err
    assert not (tmp_path / name).exists()
