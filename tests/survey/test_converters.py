"""Files that users have: folders of spectra, isochrones, band fluxes, filters; and what inspect says of them."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from fastsed.cli.survey.main import main
from fastsed.errors import InputError
from fastsed.survey.atmosphere_files import read_atmospheres
from fastsed.survey.converters import convert_filters, convert_isochrones
from fastsed.survey.filter_files import read_filter_curves
from fastsed.survey.inspection import describe
from fastsed.survey.isochrone_files import read_isochrones
from fastsed.survey.observation_model import write_noise_file
from fastsed.survey.sed_grid import SedGrid, SedGridWriter
from fastsed.survey.spectra_folder import FolderOptions, read_folder
from fastsed.survey.splinter import Splinter
from tests.models.stars.small_stars import LAM, library, write_filters, write_library
from tests.survey.test_isochrone_files import CMD, MIST

WIDE = np.geomspace(300.0, 1e6, 600)


def black_body(teff):
    return np.pi * 1.19104e27 / WIDE**5 / np.expm1(np.minimum(1.4387769e8 / (WIDE * teff), 600))


def write_spectra(folder, names, factor=1.0):
    folder.mkdir(exist_ok=True)
    for name, teff in names.items():
        rows = "".join(f"{w:.8e} {f:.8e}\n" for w, f in zip(WIDE, black_body(teff) / factor, strict=True))
        (folder / name).write_text("# wavelength flux\n" + rows)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"t05750g45.dat": 5750}, (5750, 4.5, 0.02)),
        ({"T10000_g-0.5_z0.004.txt": 10000}, (10000, -0.5, 0.004)),
        ({"teff8000_logg4.00_feh-1.0.spec": 8000}, (8000, 4.0, 0.00152)),
        ({"6000_3.5.txt": 6000}, (6000, 3.5, 0.02)),
    ],
)
def test_names_of_spectra(tmp_path, names, expected):
    write_spectra(tmp_path / "s", names)
    nodes = read_folder(tmp_path / "s", FolderOptions(z=0.02)).nodes
    np.testing.assert_allclose([10 ** nodes.log_t[0], nodes.log_g[0], nodes.z[0]], expected)


def test_folder_to_library(tmp_path, capsys):
    names = {"t05000g40.dat": 5000, "t08000g40.dat": 8000, "t05000g45.dat": 5000}
    write_spectra(tmp_path / "s", names, factor=np.pi)
    # other wavelengths: interpolated
    (tmp_path / "s" / "t09000g40.dat").write_text("400,1\n500,1\n1e5,1\n")
    out = tmp_path / "lib.hd5"
    arguments = ["convert", "atmospheres", str(tmp_path / "s"), "--z", "0.02", "-o", str(out)]
    assert main([*arguments, "--factor", "pi", "--pattern", "*0g4*.dat"]) == 0
    assert "4 spectra of 600 wavelengths" in capsys.readouterr().out
    got = read_atmospheres(out)
    np.testing.assert_allclose(10**got.nodes.log_t, [5000, 5000, 8000, 9000])
    np.testing.assert_allclose(got.spectra[2], black_body(8000), rtol=1e-7)
    assert got.spectra[3][WIDE > 1e5].max() == 0.0
    assert main([*arguments, "--pattern", "t0[58]*"]) == 0
    assert "integrate to 0.318 sigma T^4" in capsys.readouterr().err
    assert "atmospheres: 3 nodes" in "\n".join(describe(out))


def test_wrong_folders(tmp_path):
    (tmp_path / "s").mkdir()
    with pytest.raises(InputError, match="no files"):
        read_folder(tmp_path / "s")
    write_spectra(tmp_path / "s", {"sun.dat": 5750})
    with pytest.raises(InputError, match="its name does not tell Teff and log g"):
        read_folder(tmp_path / "s")
    with pytest.raises(InputError, match="is wrong"):
        read_folder(tmp_path / "s", FolderOptions(names="("))
    write_spectra(tmp_path / "t", {"t05750g45.dat": 5750})
    with pytest.raises(InputError, match="give --z"):
        read_folder(tmp_path / "t")
    options = FolderOptions(names=r"t(?P<teff>\d+)g(?P<logg>\d)", z=0.02)
    assert read_folder(tmp_path / "t", options).nodes.log_g[0] == 4.0
    for text in ("1 2\nx 3\n", "1 2\n", "1 2\n1 3\n"):
        (tmp_path / "t" / "t05750g45.dat").write_text(text)
        with pytest.raises(InputError):
            read_folder(tmp_path / "t", FolderOptions(z=0.02))


def test_isochrones_of_several_files(tmp_path, capsys):
    (tmp_path / "cmd.dat").write_text(CMD)
    (tmp_path / "mist.iso").write_text(MIST)
    out = tmp_path / "iso.csv"
    assert (
        main(
            [
                "convert",
                "isochrones",
                *map(str, [tmp_path / "cmd.dat", tmp_path / "mist.iso"]),
                "-o",
                str(out),
            ]
        )
        == 0
    )
    got = read_isochrones(out)
    assert list(got) == ["Z", "logA", "M_ini", "M_act", "logL", "logT", "logg", "stage"]
    np.testing.assert_allclose(got["Z"], [1.42857e-2] * 2 + [0.015] * 3)
    np.testing.assert_array_equal(
        convert_isochrones([out], [6.6, 6.7, 0.1], [0.015])["logA"], [6.6, 6.6, 6.7]
    )
    assert (
        main(["convert", "isochrones", str(out), "--logt", "9", "9.5", "0.1", "-o", str(tmp_path / "x.fits")])
        == 1
    )
    assert "no isochrone of log age 9" in capsys.readouterr().err
    assert main(["convert", "isochrones", str(out), "-o", str(tmp_path / "x.fits")]) == 0
    np.testing.assert_allclose(read_isochrones(tmp_path / "x.fits")["logT"], got["logT"])


def test_band_fluxes(tmp_path, capsys):
    (tmp_path / "bands.csv").write_text("Teff,logg,feh,g,r,note\n5000,4.5,-1,1,2,x\n6000,4.5,0,3,4,y\n")
    out = tmp_path / "out.csv"
    arguments = ["convert", "fluxes", str(tmp_path / "bands.csv"), "-o", str(out), "--factor", "4pi"]
    assert main([*arguments, "--bands", "g=SDSS_g", "r=SDSS_r"]) == 0
    got = read_atmospheres(out)
    np.testing.assert_allclose(got.fluxes["SDSS_r"], 4 * np.pi * np.array([2, 4]))
    assert "fluxes in SDSS_g SDSS_r" in "\n".join(describe(out))
    assert main([*arguments, "--bands", "g"]) == 2
    assert main([*arguments, "--bands", "z=SDSS_z"]) == 1
    assert "no column z" in capsys.readouterr().err


def test_filters(tmp_path, capsys):
    (tmp_path / "A.txt").write_text("6000 0\n5000 1\n4000 0\n")
    (tmp_path / "B.txt").write_text("4000 0\n5000 2\n6000 0\n")
    out = tmp_path / "f.hd5"
    paths = [str(tmp_path / "A.txt"), str(tmp_path / "B.txt")]
    assert main(["convert", "filters", *paths, "--names", "A", "X_B", "-o", str(out)]) == 0
    a, b = read_filter_curves(out, ["A", "X_B"])
    np.testing.assert_array_equal(a.lam, [4000, 5000, 6000])
    np.testing.assert_array_equal(b.throughput, [0, 2, 0])
    assert describe(out) == ["filter curves: 2", "  A X_B"]
    with pytest.raises(InputError, match="1 names for 2 filters"):
        convert_filters(paths, ["A"])
    with pytest.raises(InputError, match="same name"):
        convert_filters(paths, ["A", "A"])


def test_inspect(tmp_path, capsys):
    write_library(tmp_path / "lib.hd5", library())
    write_filters(tmp_path / "filters.hd5")
    (tmp_path / "cmd.dat").write_text(CMD)
    files = [str(tmp_path / name) for name in ("lib.hd5", "filters.hd5", "cmd.dat")]
    assert main(["inspect", *files]) == 0
    out = capsys.readouterr().out
    for part in (
        "atmospheres: 288 nodes",
        f"{len(LAM)} wavelengths",
        "filter curves: 3",
        "isochrones: 3 stars",
    ):
        assert part in out
    with h5py.File(tmp_path / "other.hd5", "w") as f:
        f["x"] = 1.0
    (tmp_path / "broken.hd5").write_bytes((tmp_path / "lib.hd5").read_bytes()[:700])
    for name, message in (
        ("other.hd5", "is none of"),
        ("broken.hd5", "HDF5"),
        ("absent.csv", "no such file"),
    ):
        assert main(["inspect", str(tmp_path / name)]) == 1
        error = capsys.readouterr().err
        assert message in error
        assert len(error.splitlines()) == 1


def test_inspect_a_grid_and_its_noise(tmp_path):
    n = 9000
    table = {"Av": np.repeat([0.0, 1.0, 2.5], n // 3), "weight": np.random.default_rng(1).random(n)}
    table["logF1_wd"] = np.zeros(n)
    with SedGridWriter(tmp_path / "g.hd5", n, np.ones(1), ["F1"], dict.fromkeys(table, "f8")) as writer:
        writer.append(np.ones((n, 1)), table)
    lines = describe(tmp_path / "g.hd5")
    assert lines[0] == "physics grid: 9000 models, 1 filters"
    assert any(line.split() == ["Av", "0", "to", "2.5,", "3", "values"] for line in lines)
    assert not any("logF1_wd" in line for line in lines)
    with SedGrid(tmp_path / "g.hd5") as grid:
        write_noise_file(grid, Splinter(0.1), tmp_path / "n.hd5")
    assert describe(tmp_path / "n.hd5")[0] == "noise model of independent bands: 9000 models, 1 filters"
