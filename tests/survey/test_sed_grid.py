"""BEAST's grids and noise models: read from both versions, written, damaged files refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits

from fastsed.errors import InputError
from fastsed.survey.noise_file import NoiseFile, NoiseFileWriter
from fastsed.survey.sed_grid import SedGrid, SedGridWriter

FILTERS = ("HST_ACS_WFC_F475W", "HST_ACS_WFC_F814W", "HST_WFC3_F110W")
TYPES = {"logA": "f8", "Av": "f8", "weight": "f8", "specgrid_indx": "f8", "fullgrid_idx": "i8"}


def make(n: int = 23) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(5)
    table = {name: rng.integers(0, 50, n).astype(kind) for name, kind in TYPES.items()}
    return rng.random((n, 3)), table, np.array([4750.0, 8050.0, 11500.0])


def write(path: Path, layout: str = "head", covariances: bool = False) -> None:
    seds, table, wavelengths = make()
    covs = (seds**2, seds[:, ::-1] ** 2) if covariances else (None, None)
    with SedGridWriter(path, 23, wavelengths, FILTERS, TYPES, layout, covariances) as writer:
        for rows in (slice(0, 10), slice(10, 23)):
            parts = [None if c is None else c[rows] for c in covs]
            writer.append(seds[rows], {k: v[rows] for k, v in table.items()}, *parts)


@pytest.mark.parametrize("layout", ["head", "1.3.2"])
def test_what_is_written_is_read(tmp_path: Path, layout: str) -> None:
    write(tmp_path / "g.hd5", layout, covariances=True)
    seds, table, wavelengths = make()
    with SedGrid(tmp_path / "g.hd5") as grid:
        assert grid.filters == FILTERS
        assert set(grid.columns) == set(TYPES)
        assert grid.columns == (tuple(sorted(TYPES)) if layout == "1.3.2" else tuple(TYPES))
        np.testing.assert_array_equal(grid.read_seds(), seds)
        np.testing.assert_array_equal(grid.read_seds(slice(4, 9)), seds[4:9])
        np.testing.assert_array_equal(grid.wavelengths, wavelengths)
        for name, values in grid.read_columns(["Av", "fullgrid_idx"], slice(3, 20)).items():
            np.testing.assert_array_equal(values, table[name][3:20])
            assert values.dtype == TYPES[name]
        np.testing.assert_array_equal(grid.read_covariances(slice(1, 3))[0], seds[1:3] ** 2)
    with h5py.File(tmp_path / "g.hd5") as f:
        assert f["seds"].chunks is None
        assert ("CLASS" in f["grid"].attrs) == (layout == "1.3.2")


def test_chunked_compressed_and_bytes_filters(tmp_path: Path) -> None:
    seds, table, wavelengths = make()
    rows = np.rec.fromarrays([v.astype(">f8") for v in table.values()], names=",".join(table))
    with h5py.File(tmp_path / "g.hd5", "w") as f:
        f.create_dataset("seds", data=seds.astype("f4"), compression="gzip", chunks=(5, 2))
        f["lamb"] = wavelengths
        f.create_dataset("grid", data=rows, compression="gzip").attrs["FILTERS"] = np.bytes_(
            " ".join(FILTERS)
        )
    with SedGrid(tmp_path / "g.hd5") as grid:
        assert grid.filters == FILTERS
        np.testing.assert_array_equal(grid.read_seds(), seds.astype("f4"))
        np.testing.assert_array_equal(grid.read_columns(["logA"])["logA"], table["logA"])


def test_fits_of_both_kinds(tmp_path: Path) -> None:
    seds, table, wavelengths = make()
    columns = [fits.Column(name, {"f8": "D", "i8": "K"}[TYPES[name]], array=v) for name, v in table.items()]
    head = fits.BinTableHDU.from_columns(columns, name="GRID")
    head.header["FILTERS"] = " ".join(FILTERS)
    fits.HDUList([fits.PrimaryHDU(wavelengths), fits.ImageHDU(seds, name="SEDS"), head]).writeto(
        tmp_path / "a.fits"
    )
    old = fits.BinTableHDU.from_columns(columns)
    fits.HDUList([fits.PrimaryHDU(np.vstack([seds, wavelengths])), old]).writeto(tmp_path / "b.fits")
    for name, spectra in (("a.fits", False), ("b.fits", True)):
        with SedGrid(tmp_path / name, spectra=spectra) as grid:
            np.testing.assert_array_equal(grid.read_seds(slice(2, 7)), seds[2:7])
            np.testing.assert_array_equal(grid.wavelengths, wavelengths)
            np.testing.assert_array_equal(grid.read_columns(["Av"])["Av"], table["Av"])
            assert grid.filters == (() if spectra else FILTERS)
    with pytest.raises(InputError, match="names 0 filters"):
        SedGrid(tmp_path / "b.fits")


def test_an_interrupted_writer_leaves_nothing(tmp_path: Path) -> None:
    seds, table, wavelengths = make()
    with (
        pytest.raises(ValueError, match="10 rows written of 23"),
        SedGridWriter(tmp_path / "g.hd5", 23, wavelengths, FILTERS, TYPES) as writer,
    ):
        writer.append(seds[:10], {k: v[:10] for k, v in table.items()})
    assert list(tmp_path.iterdir()) == []


def test_wrong_files(tmp_path: Path) -> None:
    write(tmp_path / "g.hd5")
    whole = (tmp_path / "g.hd5").read_bytes()
    (tmp_path / "cut.hd5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.hd5").write_text("no grid")
    (tmp_path / "text.fits").write_text("no grid")
    with h5py.File(tmp_path / "rows.hd5", "w") as f:
        f["seds"], f["lamb"] = np.ones((3, 3)), np.ones(3)
        f["grid"] = np.zeros(2, [("weight", "f8")])
    with h5py.File(tmp_path / "widths.hd5", "w") as f:
        f["seds"], f["lamb"], f["covdiag"], f["covoffdiag"] = (
            np.ones(s) for s in ((2, 3), 3, (2, 3), (2, 2))
        )
        f["grid"] = np.zeros(2, [("weight", "f8")])
    with h5py.File(tmp_path / "other.hd5", "w") as f:
        f["data"] = np.ones(3)
    cases = {
        "cut.hd5": "not a readable HDF5 file",
        "text.hd5": "not a readable HDF5 file",
        "text.fits": "FITS",
        "none.hd5": "No such file",
        "none.fits": "no such file",
        "rows.hd5": 'its "seds" has 3 rows, its "grid" has 2',
        "widths.hd5": r'its "covoffdiag" has the shape \(2, 2\), not \(2, 3\)',
        "other.hd5": 'no dataset "seds"',
    }
    for name, message in cases.items():
        with pytest.raises(InputError, match=message):
            SedGrid(tmp_path / name)
    with SedGrid(tmp_path / "g.hd5") as grid, pytest.raises(InputError, match="no column mass"):
        grid.read_columns(["mass"])


def test_a_file_that_became_shorter(tmp_path: Path) -> None:
    write(tmp_path / "g.hd5")
    with SedGrid(tmp_path / "g.hd5") as grid:
        assert grid.n_models == 23
        with open(tmp_path / "g.hd5", "r+b") as f:
            f.truncate(100)
        with pytest.raises(InputError, match=r"g\.hd5: is damaged: the file ends too early"):
            grid.read_rows(np.array([3, 20]), ["logA"])


def test_noise_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    sets = {name: rng.random((9, 3)) for name in ("bias", "error")} | {"completeness": rng.random(9)}
    full = {"q_norm": rng.random(9), "icov_diag": rng.random((9, 3)), "icov_offdiag": rng.random((9, 3))}
    with NoiseFileWriter(tmp_path / "n.hd5", 9) as writer:
        for rows in (slice(0, 4), slice(4, 9)):
            writer.append({name: v[rows] for name, v in (sets | full).items()})
    with NoiseFile(tmp_path / "n.hd5") as noise:
        assert noise.has_full_covariance
        np.testing.assert_array_equal(noise.read("bias", slice(2, 6)), sets["bias"][2:6])
        np.testing.assert_array_equal(
            noise.read("completeness"), np.repeat(sets["completeness"][:, None], 3, 1)
        )
        np.testing.assert_array_equal(noise.read("q_norm"), full["q_norm"])
        with pytest.raises(InputError, match="is for 9 models in 3 filters; g has 8 in 3"):
            noise.check_against(8, 3, "g")
    with h5py.File(tmp_path / "n.hd5", "a") as f:
        del f["error"]
    with pytest.raises(InputError, match='no dataset "error"'):
        NoiseFile(tmp_path / "n.hd5")


def test_the_peers_files(shared: Path) -> None:
    folder = shared / "golden_survey"
    for name in ("data/grid6.hd5", "data/trim_grid3.hd5", "trim_beast1/expected/all_sed_trim.grid.hd5"):
        with SedGrid(folder / name) as grid, h5py.File(folder / name) as f:
            np.testing.assert_array_equal(grid.read_seds(), f["seds"][()])
            for column, values in grid.read_columns(grid.columns).items():
                np.testing.assert_array_equal(values, f["grid"][column])
    with NoiseFile(folder / "data/noise_trunchen.hd5") as noise:
        assert noise.has_full_covariance
