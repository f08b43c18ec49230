"""The command reweight: the weights of other priors are those of a grid made with them."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from fastsed.cli.survey.main import main
from fastsed.survey.sed_grid import SedGrid, SedGridWriter
from tests.models.stars.small_stars import NAMES, library, stars, write_filters, write_library

SETTINGS = f"""
filters = {list(NAMES)}
filter_curves = "filters.hd5"
isochrones = "iso.csv"
atmospheres = ["lib.hd5"]
distances = [700.0, 800.0, 50.0]
distance_unit = "kpc"
av = [0.0, 1.0, 0.25]
rv = [2.5, 4.5, 1.0]
fA = [0.5, 1.0, 0.5]
output = "g.hd5"
"""
STEP = {"name": "step", "dist0": 760000.0, "amp1": 0.1, "damp2": 0.8, "lgsigma1": 0.3, "lgsigma2": 0.4}
PRIORS = {
    "age": {"name": "exponential", "tau": 0.5},
    "mass": {"name": "salpeter"},
    "met": {"name": "bins_interp", "x": [0.001, 0.03], "values": [1.0, 3.0]},
    "distance": {"name": "absexponential", "dist0": 750000.0, "tau": 40000.0, "amp": 1.0},
    "av": STEP,
    "rv": {"name": "lognormal", "mean": 3.1, "sigma": 0.3},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_library("lib.hd5", library())
    write_filters("filters.hd5")
    columns = stars(12)
    rows = [",".join(columns)] + [
        ",".join(map(repr, map(float, r))) for r in zip(*columns.values(), strict=True)
    ]
    (tmp_path / "iso.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "s.toml").write_text(SETTINGS)
    assert main(["grid", "-q", "s.toml"]) == 0
    return tmp_path


def toml(model):
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in model.items()) + " }"


def test_same_as_a_grid_made_with_these_priors(folder):
    lines = [f"{name}_prior_model = {toml(model)}" for name, model in PRIORS.items()]
    (folder / "t.toml").write_text(SETTINGS.replace("g.hd5", "t.hd5") + "\n".join(lines))
    assert main(["grid", "-q", "t.toml"]) == 0
    options = []
    for name, model in PRIORS.items():
        (folder / f"{name}.json").write_text(json.dumps(model))
        options += [f"--{name}_prior", f"{name}.json"]
    assert main(["reweight", "g.hd5", *options, "-o", "r.hd5"]) == 0
    with h5py.File("t.hd5") as made, h5py.File("r.hd5") as changed:
        np.testing.assert_array_equal(changed["seds"][()], made["seds"][()])
        for name in made["grid"].dtype.names:
            np.testing.assert_allclose(changed["grid"][name], made["grid"][name], rtol=1e-12, err_msg=name)


def test_part_of_a_grid_and_wrong_ones(folder, capsys):
    with SedGrid("g.hd5") as grid:
        rows = grid.read_table()[::7]
        seds = grid.read_seds()[::7]
        with SedGridWriter("part.hd5", len(rows), grid.wavelengths, grid.filters, rows.dtype) as writer:
            writer.append(seds, rows)
        broken = rows.copy()
        broken["specgrid_indx"] = 0.0
        with SedGridWriter("broken.hd5", len(rows), grid.wavelengths, grid.filters, rows.dtype) as writer:
            writer.append(seds, broken)
    assert main(["reweight", "part.hd5", "-o", "r.hd5"]) == 0
    with h5py.File("r.hd5") as f:
        assert f["grid"]["weight"].sum() == pytest.approx(1.0, rel=1e-12)
        np.testing.assert_allclose(f["grid"]["weight"], f["grid"]["prior_weight"] * f["grid"]["grid_weight"])
    assert main(["reweight", "broken.hd5", "-o", "x.hd5"]) == 1
    assert "one has several logA" in capsys.readouterr().err
    (folder / "age.json").write_text('{"name": "exponential", "tau": 1e-12}')
    assert main(["reweight", "g.hd5", "--age_prior", "age.json", "-o", "x.hd5"]) == 1
    assert "exclude every model" in capsys.readouterr().err
    assert not (folder / "x.hd5").exists()
