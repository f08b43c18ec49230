"""fastsed-survey --example: a simulated field through all steps, its parameters recovered."""

from __future__ import annotations

import re
import sys

import pytest
from astropy.io import fits

from fastsed.cli.survey.main import main


def test_all_steps(tmp_path, capsys):
    pytest.importorskip("shapely")
    folder = tmp_path / "example"
    assert main(["--example", str(folder)]) == 0
    out = capsys.readouterr().out
    for step in (
        "simulate",
        "sourceden",
        "grid",
        "ast-inputs",
        "cut",
        "split",
        "noise",
        "fit",
        "merge",
        "reorder",
        "condense",
    ):
        assert f"$ fastsed-survey {step} " in out
    assert len(fits.getdata(folder / "field" / "field_stats.fits")) == 3000
    inside = {name: int(share) for name, share in re.findall(r"^(\w+) .* (\d+)%$", out, re.MULTILINE)}
    assert 60 <= inside["Av"] <= 76
    assert 58 <= inside["M_ini"] <= 76
    (folder / "field.toml").write_text("changed")
    assert main(["--example", str(folder)]) == 1
    assert "was changed" in capsys.readouterr().err


def test_folders_that_hold_something_else(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("x")
    assert main(["--example", str(tmp_path)]) == 1
    assert "holds other files" in capsys.readouterr().err
    assert main(["--example", str(tmp_path / "mine.txt")]) == 1
    assert "is a file" in capsys.readouterr().err


def test_what_is_not_installed_is_told_before_the_first_step(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shapely", None)
    assert main(["--example", str(tmp_path / "new")]) == 1
    assert (
        "the example needs shapely: install it with `pip install fastsed[survey]`" in capsys.readouterr().err
    )
    assert not (tmp_path / "new").exists()
