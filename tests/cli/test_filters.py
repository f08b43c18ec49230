"""The command fastsed-filters."""

from __future__ import annotations

import sys

import pytest

from fastsed.cli.filters import main


def test_search(capsys):
    assert main(["search", "nircam", "F2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0].split()[:4] == ["366", "jwst_nircam_f200w", "20028.2", "4571"]
    assert main(["search"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 432
    assert main(["search", "no", "such", "filter"]) == 1
    assert capsys.readouterr().out == ""


def test_show(capsys):
    assert main(["show", "SDSS_U", "205"]) == 0
    out = capsys.readouterr().out
    assert "filter:                 sdss_u (156)" in out
    assert "mean wavelength:        3572.18 A" in out
    assert "hst_wfc3_f160w (205)" in out
    assert main(["show", "sdss_uu"]) == 1
    assert "there is no filter named 'sdss_uu'; the nearest: sdss_u" in capsys.readouterr().err


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_plot(tmp_path, suffix, start):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"filters.{suffix}"
    assert main(["plot", "galex_nuv", "sdss_u", "wise_w1", "-o", str(path)]) == 0
    first = path.read_bytes()
    assert first.startswith(start)
    assert main(["plot", "galex_nuv", "sdss_u", "wise_w1", "-o", str(path)]) == 0
    assert path.read_bytes() == first


def test_plots_that_are_refused(tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    assert main(["plot", "sdss_u", "-o", str(tmp_path / "u.bmp")]) == 1
    assert "a picture must end in one of .png, .pdf, .svg" in capsys.readouterr().err
    assert main(["plot", "f160w", "-o", str(tmp_path / "u.png")]) == 1
    assert "ambiguous" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["plot", "sdss_u", "-o", str(tmp_path / "u.png")]) == 1
    assert "pictures need the package matplotlib: pip install 'fastsed[plot]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [[], ["plot", "sdss_u"], ["draw", "sdss_u"]])
def test_wrong_usage(words):
    with pytest.raises(SystemExit) as status:
        main(words)
    assert status.value.code == 2
