"""The commands extinction, prior, axis-weights and weights, run in-process."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fastsed.cli.survey.main import main
from fastsed.models.stars.extinction import extinction_law


def test_extinction(tmp_path):
    (tmp_path / "wave.txt").write_text("# A\n2000\n5500 # V\n\n20000\n")
    out = tmp_path / "out.txt"
    arguments = [
        "--law",
        "G16",
        "--wave",
        str(tmp_path / "wave.txt"),
        "--Av",
        "2",
        "--Rv",
        "3",
        "--f_A",
        "0.6",
    ]
    assert main(["extinction", *arguments, "-o", str(out)]) == 0
    lam = np.array([2000.0, 5500.0, 20000.0])
    expected = 2 * extinction_law("G16").relative(lam, 3.0, 0.6)
    np.testing.assert_array_equal(np.loadtxt(out), np.column_stack([lam, expected]))


def test_prior_and_axis_weights(tmp_path):
    (tmp_path / "x.txt").write_text("7\n8\n")
    (tmp_path / "model.json").write_text(json.dumps({"name": "exponential", "tau": 1.0}))
    out = tmp_path / "out.txt"
    assert main(["prior", "age", str(tmp_path / "model.json"), str(tmp_path / "x.txt"), "-o", str(out)]) == 0
    np.testing.assert_allclose(np.loadtxt(out)[:, 1], np.exp([-0.01, -0.1]))
    assert main(["axis-weights", str(tmp_path / "x.txt"), "-o", str(out), "--log"]) == 0
    np.testing.assert_allclose(np.loadtxt(out)[:, 1], np.array([1, 10]) / 5.5)


def test_weights(tmp_path):
    from astropy.table import Table

    (tmp_path / "models.csv").write_text("logA,M_ini,Z\n7,1,0.02\n7,3,0.02\n8,1,0.02\n8,2,0.02\n")
    (tmp_path / "age.json").write_text('{"name": "flat_log"}')
    arguments = ["weights", str(tmp_path / "models.csv"), "-o", str(tmp_path / "w.fits")]
    assert main([*arguments, "--age_prior", str(tmp_path / "age.json")]) == 0
    table = Table.read(tmp_path / "w.fits")
    assert table.colnames == ["logA", "M_ini", "Z", "weight"]
    assert table["weight"].sum() == pytest.approx(1.0)
    assert main([*arguments, "--compat", "beast2"]) == 0
    assert Table.read(tmp_path / "w.fits").colnames[-3:] == ["weight", "prior_weight", "grid_weight"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.txt", "7\nx\n", "x.txt:2: 'x' is not a number"),
        ("x.txt", "nan\n", "x.txt:1: 'nan' is not a number"),
        ("x.txt", "# only\n", "no numbers"),
        ("model.json", "{", "model.json:1: not JSON"),
        ("model.json", "[" * 100_000, "nested too deeply"),
        ("model.json", "[1]", "it must look like"),
    ],
)
def test_wrong_files(tmp_path, capsys, name, text, message):
    (tmp_path / "x.txt").write_text("7\n8\n")
    (tmp_path / "model.json").write_text('{"name": "flat"}')
    (tmp_path / name).write_text(text)
    files = [str(tmp_path / "model.json"), str(tmp_path / "x.txt")]
    assert main(["prior", "age", *files, "-o", str(tmp_path / "out.txt")]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out.txt").exists()
