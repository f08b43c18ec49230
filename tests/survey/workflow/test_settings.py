"""Settings files: the template is one, BEAST's are read and never executed."""

from __future__ import annotations

import tomllib

import pytest

from fastsed.cli.survey.main import main
from fastsed.errors import InputError
from fastsed.survey.known_keys import known_keys
from fastsed.survey.workflow.beast_settings import read_beast_settings, to_toml
from fastsed.survey.workflow.template import TEMPLATE

BEAST = '''
"""BEAST settings"""
import numpy as np
from astropy import units
project = "beast_example_phat"
surveyname = "PHAT"
filters = ["HST_WFC3_F275W", "HST_ACS_WFC_F475W"]
obsfile = "data/b15.fits"
astfile = "data/fake.fits"
distances = [24.47]
distance_unit = units.mag
logt = [6.0, 10.13, 1.0]
z = (0.03, 0.019)
avs = [0.0, 10.055, 1.0]
rvs = [2.0, 6.0, 1.0]
fAs = [0.0, 1.0, 0.25]
rv_prior_model = {"name": "flat"}
av_prior_model = {"name": "lognormal", "mean": 0.5, "sigma": 0.3, "max": None}
extLaw = extinction.Gordon16_RvFALaw()
osl = stellib.Tlusty() + stellib.Kurucz()
ast_n_flux_bins = 40
ast_with_positions = True
sd_binmode = "custom"
sd_custom = None
open("executed", "w").write("!")
path = __import__("os").getcwd()
'''


def test_literals_of_beast(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beast_settings.txt").write_text(BEAST)
    found = read_beast_settings("beast_settings.txt")
    assert found == {
        "project": "beast_example_phat",
        "filters": ["HST_WFC3_F275W", "HST_ACS_WFC_F475W"],
        "obsfile": "data/b15.fits",
        "astfile": "data/fake.fits",
        "distances": [24.47],
        "distance_unit": "mag",
        "logt": [6.0, 10.13, 1.0],
        "z": [0.03, 0.019],
        "av": [0.0, 10.055, 1.0],
        "rv": [2.0, 6.0, 1.0],
        "fA": [0.0, 1.0, 0.25],
        "rv_prior_model": {"name": "flat"},
        "av_prior_model": {"name": "lognormal", "mean": 0.5, "sigma": 0.3},
        "extinction": "G16",
        "ast_n_flux_bins": 40,
        "ast_with_positions": True,
        "sd_binmode": "custom",
    }
    assert not (tmp_path / "executed").exists()
    for name in ("surveyname", "osl", "line 25", "path"):
        assert name in caplog.text


def test_the_command_writes_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datamodel.py").write_text(BEAST)
    assert main(["import-settings", "datamodel.py", "-o", "new.toml"]) == 0
    assert tomllib.loads((tmp_path / "new.toml").read_text()) == read_beast_settings("datamodel.py")


@pytest.mark.parametrize(
    "value",
    [1, 2.5, -1e-30, True, 'a"b\\c\n\u00e9', [1, [2, "x"]], {"a b": {"c": [1.5]}, "d": False}, float("inf")],
)
def test_what_is_written_is_read(value):
    assert tomllib.loads(to_toml({"key": value, "2MASS_J": value})) == {"key": value, "2MASS_J": value}


@pytest.mark.parametrize("text", ["project = = 3", "\0", "(" * 500, "\u00b2 = 1"])
def test_what_is_no_settings_file(tmp_path, text):
    (tmp_path / "s.txt").write_text(text)
    with pytest.raises(InputError):
        read_beast_settings(tmp_path / "s.txt")


def test_the_template_has_known_keys_only():
    values = tomllib.loads(TEMPLATE)
    assert set(values) <= set(known_keys())


def test_init_writes_it_once(tmp_path, capsys):
    assert main(["init", str(tmp_path / "new")]) == 0
    assert (tmp_path / "new" / "settings.toml").read_text() == TEMPLATE
    assert main(["init", str(tmp_path / "new")]) == 1
    assert "is not overwritten" in capsys.readouterr().err
