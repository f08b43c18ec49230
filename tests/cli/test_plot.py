"""The command `fastsed-plot`."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib")

from fastsed.cli.plot import main
from tests.helpers import copy_example

KEYS = ("N_SIM=20", "A_V_STEP=0.5", "VERBOSE=0")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    copy_example(tmp_path, 5)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_figures_of_sources_and_of_the_catalogue(folder, capsys):
    assert main(["gst.param", "2", *KEYS, "--what", "sed,sfh,chi2", "-o", "a.png"]) == 0
    names = ["a_chi2.png", "a_sed_2.png", "a_sfh_2.png"]
    assert sorted(path.name for path in folder.glob("*.png")) == names
    assert capsys.readouterr().out.split() == [word for name in names for word in ("wrote", name)]
    assert not (folder / "gst.fout").exists(), "nothing else is written"


def test_pages_and_defaults(folder, capsys):
    assert main(["gst.param", "1", "3", *KEYS, "-o", "a.pdf"]) == 0
    assert (folder / "a.pdf").read_bytes().count(b"/Type /Page ") == 2
    assert main(["gst.param", *KEYS]) == 0
    assert (folder / "gst_overview.png").exists()


def test_one_source_alone_has_the_same_figure(folder):
    assert main(["gst.param", "3", *KEYS, "-o", "one.pdf"]) == 0
    assert main(["gst.param", "3", "1", *KEYS, "--what", "overview,sed", "-o", "all.svg"]) == 0
    assert main(["gst.param", "3", *KEYS, "-o", "one.svg"]) == 0
    drawn = [(folder / name).read_text() for name in ("one.svg", "all_sed_3.svg")]
    paths = [
        sorted(line for line in text.splitlines() if line.lstrip().startswith(("L ", "M "))) for text in drawn
    ]
    assert paths[0] == paths[1]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["gst.param", "9"], 1, "gst.cat: there is no source '9'"),
        (["gst.param", "--what", "sed"], 2, "sed: which sources?"),
        (["gst.param", "--what", "picture"], 2, "'picture' is none of sed, pdf"),
        (["gst.param", "1", "-o", "a.doc"], 1, "a.doc: figures are written as"),
        (["none.param"], 1, "none.param: there is no such file"),
        (["gst.param", "1", "--width", "-3"], 1, "a width in inches"),
        (["gst.param", "--what", "photoz"], 1, "no known redshifts"),
        (["gst.param", "1", "MAKE_SEDS=list"], 1, "MAKE_SEDS is set"),
    ],
)
def test_errors(folder, capsys, words, status, message):
    assert main([*words, *KEYS]) == status
    errors = capsys.readouterr().err.splitlines()
    assert message in errors[-1]
    assert not list(folder.glob("*.png"))


def test_a_source_that_is_not_in_a_table(folder, capsys):
    names, *lines = (folder / "gst.cat").read_text().splitlines()
    rows = [names.lstrip("# "), *(line for line in lines if not line.startswith("#"))]
    (folder / "t.csv").write_text("\n".join(",".join(row.split()) for row in rows))
    assert main(["gst.param", "9", "CATALOG=t.csv", *KEYS]) == 1
    assert "error: t.csv: there is no source '9'" in capsys.readouterr().err


def test_tables_have_no_spectra(folder, capsys):
    (folder / "a.fout").write_text("# id z lmass lsfr chi2\n1 0.5 10 1 1.2\n2 0.6 11 2 nan\n")
    assert main(["a.fout", "-o", "a.png"]) == 0
    assert main(["a.fout", "1"]) == 1
    assert "holds no spectra: figures of sources need the parameter file" in capsys.readouterr().err
    (folder / "z.txt").write_text("# id z_spec\n1 0.5\n")
    assert main(["a.fout", "--what", "photoz", "--known-z", "z.txt", "-o", "z.png"]) == 0
