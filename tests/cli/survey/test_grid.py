"""The command grid: a settings file in, a grid in BEAST's layout out."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from fastsed.cli.survey.main import main
from tests.models.stars.small_stars import NAMES, library, stars, write_filters, write_library

SETTINGS = f"""
project = "small"
filters = {list(NAMES)}
filter_curves = "filters.hd5"
isochrones = "iso.csv"
atmospheres = ["lib.hd5"]
distances = [700.0, 800.0, 50.0]
distance_unit = "kpc"
av = [0.0, 1.0, 0.5]
rv = [3.1]
fA = [1.0]
av_prior_model = {{ name = "lognormal", mean = 0.6, sigma = 0.5 }}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_library(tmp_path / "lib.hd5", library())
    write_filters(tmp_path / "filters.hd5")
    columns = stars(4)
    rows = [",".join(columns)] + [
        ",".join(map(repr, map(float, row))) for row in zip(*columns.values(), strict=True)
    ]
    (tmp_path / "iso.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "settings.toml").write_text(SETTINGS)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def test_grid(folder, capsys):
    assert main(["grid", "../settings.toml"]) == 0
    assert "216 models: 24 stars, 3 distances, 3 dust points" in capsys.readouterr().out
    with h5py.File(folder / "small_seds.grid.hd5") as f:
        assert f["grid"].attrs["filters"] == " ".join(NAMES)
        assert f["seds"].shape == (216, 3)
        np.testing.assert_array_equal(np.unique(f["grid"]["distance"]), [7e5, 7.5e5, 8e5])
        assert f["grid"]["weight"].sum() == pytest.approx(1)


def test_beast2_and_units(folder):
    text = SETTINGS.replace('"kpc"', '"mag"').replace("[700.0, 800.0, 50.0]", "[20.0, 20.4, 0.2]")
    (folder / "settings.toml").write_text(text + 'compat = "beast2"\noutput = "out/b.hd5"\n')
    assert main(["grid", "-q", "../settings.toml"]) == 0
    with h5py.File(folder / "out" / "b.hd5") as f:
        expected = 10 ** (np.arange(20.0, 20.4 + 0.2, 0.2) / 5 + 1)
        np.testing.assert_allclose(np.unique(f["grid"]["distance"]), expected)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("av = [0.0, 1.0, 0.5]", "av = [0.0, 1.0]", "av = [0.0, 1.0] must be"),
        ("isochrones", "isochronen", "give either isochrones or tracks"),
        ('filter_curves = "filters.hd5"', "", "the key filter_curves is missing"),
        ('"lognormal"', '"normal"', "av_prior_model: dust prior: unknown model 'normal'"),
        ('distance_unit = "kpc"', 'distance_unit = "ly"', "choose one of pc, kpc, Mpc, mag"),
        ("distances = [700.0, 800.0, 50.0]", 'distances = ["a"]', "[distance] or [min, max, step] is needed"),
        ("[700.0, 800.0, 50.0]", "[-1.0]", "distances must be positive"),
        ("'HST_WFC3_F336W'", "'HST_ACS_WFC_F475W'", "is there twice"),
        ("project", "project =", "is no settings file (TOML)"),
        ("rv = [3.1]", 'rv = [3.1]\nextinction = "X"', "unknown extinction law 'X'"),
        ('["lib.hd5"]', '["absent.hd5"]', "absent.hd5: cannot be read"),
    ],
)
def test_wrong_settings(folder, capsys, old, new, message):
    assert old in SETTINGS
    (folder / "settings.toml").write_text(SETTINGS.replace(old, new, 1))
    assert main(["grid", "../settings.toml"]) == 1
    error = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(error) == 1
    assert message in error[0]
    assert not (folder / "small_seds.grid.hd5").exists()


def test_unknown_keys_are_said(folder, capsys):
    (folder / "settings.toml").write_text("avs = [1.0]\n" + SETTINGS)
    assert main(["grid", "../settings.toml"]) == 0
    assert "unknown keys have no effect: avs" in capsys.readouterr().err


def test_tracks(folder):
    """Tracks at equal EEP, interpolated in mass and metallicity."""
    rows = ["Z,M_ini,eep,logA,M_act,logL,logT,logg"]
    rows += [
        f"{z},{m},{e},{7 + 0.1 * e},{m},{3.5 * np.log10(m) + 0.05 * e},{3.76 + 0.5 * np.log10(m) - 0.01 * e},4.2"
        for z in (0.004, 0.02)
        for m in (1.0, 2.0, 4.0)
        for e in range(5)
    ]
    (folder / "tracks.csv").write_text("\n".join(rows) + "\n")
    text = SETTINGS.replace(
        'isochrones = "iso.csv"', 'tracks = "tracks.csv"\nlogmass = [0.0, 0.6, 0.2]\nz = [0.01]'
    )
    (folder / "settings.toml").write_text(text)
    assert main(["grid", "-q", "../settings.toml"]) == 0
    with h5py.File(folder / "small_seds.grid.hd5") as f:
        np.testing.assert_allclose(np.unique(f["grid"]["M_ini"]), 10 ** np.array([0.0, 0.2, 0.4, 0.6]))
        np.testing.assert_array_equal(np.unique(f["grid"]["Z"]), [0.01])
        assert "eep" in f["grid"].dtype.names
        assert f["grid"]["weight"].sum() == pytest.approx(1)
