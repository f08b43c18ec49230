"""The command simulate: a field and its artificial stars, from the settings of the example with fewer stars."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from fastsed.cli.survey.main import main
from fastsed.paths import share_dir


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("isochrones.csv", "atmospheres.csv", "filters.hd5", "vega.txt"):
        (tmp_path / name).write_bytes((share_dir() / "stars" / name).read_bytes())
    text = (share_dir() / "examples" / "stars" / "field.toml").read_text()
    (tmp_path / "field.toml").write_text(text.replace("sim_n_stars = 3000", "sim_n_stars = 300"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_field_and_artificial_stars(folder, capsys):
    assert main(["simulate", "field.toml"]) == 0
    assert "field_obs.fits, field_truth.fits, field_image.fits" in capsys.readouterr().out
    seen, truth = Table.read("field_obs.fits"), Table.read("field_truth.fits")
    assert len(seen) == len(truth) == 300
    np.testing.assert_array_equal(seen["RA"], truth["RA"])
    ratio = seen["G_RATE"] * 5.449117e-09 / truth["flux_SDSS_g"]
    assert 0.9 < np.median(ratio) < 1.1
    with fits.open("field_image.fits") as hdus:
        assert hdus["SCI"].header["CTYPE1"] == "RA---TAN"
    bands = "GALEX_NUV SDSS_u SDSS_g SDSS_r SDSS_i SDSS_z 2MASS_J 2MASS_Ks"
    lines = [f"0 1 {ra:.5f} {dec:.5f} " + " ".join(["20.00000"] * 8) for ra, dec in seen["RA", "DEC"][:50]]
    (folder / "list.txt").write_text(f"zeros ones RA DEC {bands}\n" + "\n".join(lines) + "\n")
    assert main(["simulate", "field.toml", "--asts", "list.txt"]) == 0
    tests = Table.read("field_asts.fits")
    assert len(tests) == 50
    assert set(tests["G_IN"]) == {20.0}
    good = tests["G_RATE"] > 0
    assert good.mean() > 0.8
    assert np.median(tests["G_VEGA"][good]) == pytest.approx(20.0, abs=0.05)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[sim_depth]", "[sim_deep]", "sim_depth = {filter = magnitude} is needed"),
        ("SDSS_u = 24.5", "SDSS_w = 24.5", "no magnitude for SDSS_u"),
        ("sim_size = 100.0", "sim_size = -1.0", "field.toml: sim_size = -1 must be positive"),
        ("sim_size = 100.0", "sim_size = 0.1", "arcsec holds 1.01e+04 neighbours; at most 100"),
        ("sim_gradient = 6.0", "sim_gradient = inf", "field.toml: sim_gradient = inf must be finite"),
        ("SDSS_u = 24.5", "SDSS_u = nan", "must be finite"),
    ],
)
def test_wrong_settings(folder, capsys, old, new, message):
    path = folder / "field.toml"
    path.write_text(path.read_text().replace(old, new))
    assert main(["simulate", "field.toml"]) == 1
    assert message in capsys.readouterr().err


def test_lists_that_are_none(folder, capsys):
    assert main(["simulate", "-q", "field.toml"]) == 0
    for text in ("x y\n1 2\n", ""):
        (folder / "list.txt").write_text(text)
        assert main(["simulate", "field.toml", "--asts", "list.txt"]) == 1
        assert "is no list of artificial stars" in capsys.readouterr().err
    (folder / "field_truth.fits").unlink()
    assert main(["simulate", "field.toml", "--asts", "absent.txt"]) == 1
