"""Fits of stars from Python: what the command writes of the same stars."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from astropy.table import Table

import fastsed
from fastsed.cli.survey.main import run_step
from fastsed.errors import InputError
from fastsed.survey.sed_grid import SedGrid


@pytest.fixture(scope="module")
def scenario(shared):
    folder = shared / "golden_survey" / "fit_toothpick"
    if not folder.is_dir():
        pytest.skip("the scenarios of star fits are not here")
    return folder


@pytest.fixture(scope="module")
def words(scenario):
    """Files and options of the scenario's fit."""
    (line,) = [x for x in (scenario / "commands").read_text().splitlines() if x.startswith("fit ")]
    words = line.split()
    return {
        "grid": words[1],
        "noise": words[2],
        "catalogue": words[3],
        "vega": words[words.index("--vega") + 1],
    }


@pytest.fixture
def files(scenario, words, tmp_path, monkeypatch):
    """The scenario in a folder of its own."""
    import shutil

    copy = tmp_path / "scenario"
    shutil.copytree(scenario, copy)
    (tmp_path / "data").symlink_to(scenario.parent / "data")
    monkeypatch.chdir(copy)
    for line in (copy / "commands").read_text().splitlines():
        if line and not line.startswith(("fit", "#")):
            run_step(line.split())
    return words


def bands_of(files):
    with SedGrid(files["grid"]) as grid:
        return {name: f"{name.rsplit('_', 1)[-1]}_RATE" for name in grid.filters}


def test_the_same_as_the_command(files):
    run_step(
        [
            "fit",
            files["grid"],
            files["noise"],
            files["catalogue"],
            "-o",
            "f",
            "--vega",
            files["vega"],
            "--pdf2d_param_list",
            "none",
        ]
    )
    written = Table.read("f_stats.fits", hdu=1)
    model = fastsed.StarModel.read(files["grid"], files["noise"], vega=files["vega"])
    results = fastsed.fit(files["catalogue"], model, bands=bands_of(files), unit="vega")
    assert len(results) == len(written)
    assert results.fitted.any()
    for name in ("Av_p50", "logA_Best", "M_ini_Exp", "chi2min", "Pmax"):
        np.testing.assert_allclose(results.table[name], written[name], rtol=1e-12)
    again = fastsed.fit(
        files["catalogue"], pickle.loads(pickle.dumps(model)), bands=bands_of(files), unit="vega", n_threads=1
    )
    np.testing.assert_array_equal(again.table["Pmax"], results.table["Pmax"])
    table = Table.read(results.write("out.ecsv"))
    np.testing.assert_allclose(table["Av_p50"], results.table["Av_p50"])


def test_what_is_wrong_is_said(files):
    bands = bands_of(files)
    with pytest.raises(InputError, match="an observation model is needed"):
        fastsed.StarModel.read(files["grid"])
    with pytest.raises(InputError, match="nowhere"):
        fastsed.StarModel.read("nowhere.hd5", files["noise"])
    model = fastsed.StarModel.read(files["grid"], files["noise"])
    with pytest.raises(InputError, match="needs the fluxes of Vega"):
        fastsed.fit(files["catalogue"], model, bands=bands, unit="vega")
    with pytest.raises(InputError, match="unit = 'uJy': expected 'vega'"):
        fastsed.fit(files["catalogue"], model, bands=bands)
    name, column = bands.popitem()
    with pytest.raises(InputError, match=f"no column for {name}"):
        fastsed.fit(files["catalogue"], model, bands=bands, unit="erg/s/cm2/A")
    with pytest.raises(InputError, match="HST_X is no filter of the grid"):
        fastsed.fit(files["catalogue"], model, bands={**bands, "HST_X": column}, unit="erg/s/cm2/A")
    with pytest.raises(InputError, match="starname"):
        fastsed.fit(
            files["catalogue"], model, bands={**bands, name: column}, unit="erg/s/cm2/A", id="starname"
        )
    with pytest.raises(InputError, match="n_sim: only with a GalaxyModel"):
        fastsed.fit(files["catalogue"], model, bands=bands, n_sim=3)
    with pytest.raises(InputError, match="limits: not with a StarModel"):
        fastsed.fit(files["catalogue"], model, bands=bands, unit="erg/s/cm2/A", limits={name: "starname"})
    for options in ({"posterior": True}, {"intervals": (95,)}):
        with pytest.raises(InputError, match="fits of stars always have their posteriors"):
            fastsed.fit(files["catalogue"], model, bands=bands, unit="vega", **options)


def test_progress_is_told(files):
    model = fastsed.StarModel.read(files["grid"], noise=files["noise"], vega=files["vega"])
    done = []
    results = fastsed.fit(files["catalogue"], model, bands=bands_of(files), unit="vega", progress=done.append)
    assert sum(done) == len(results)
