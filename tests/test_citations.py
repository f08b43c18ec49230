"""What a run should cite."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastsed.citations import Citation, bibtex, citations, references
from fastsed.cli.main import run
from fastsed.models.attenuation import DUST_LAWS
from fastsed.models.igm import IGM_MODELS
from fastsed.params import read_params
from fastsed.paths import share_dir
from tests.helpers import copy_example

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = {"fastsed", "Kriek2009", "Bruzual2003", "Kroupa2001", "Calzetti2000", "Madau1995", "Brammer2008"}


def keys(**changes):
    return {key for one in citations(read_params(None, **changes)) for key in one.keys}


def fields(entry):
    return dict(re.findall(r"^  (\w+) = \{(.*)\},$", entry, re.MULTILINE))


@pytest.mark.parametrize("key", references())
def test_entries_are_whole(key):
    found = fields(references()[key])
    needed = {"author", "title"} | (
        {"journal", "year", "volume", "pages", "doi"} if key != "fastsed" else set()
    )
    assert needed <= found.keys()
    assert all(value.count("{") == value.count("}") for value in found.values())
    if key != "fastsed":
        assert re.fullmatch(r"10\.\d{4,}/\S+", found["doi"])
        # as in Kroupa2001
        assert key.endswith(found["year"])


def test_entries_are_all_of_the_file():
    text = (share_dir() / "references.bib").read_text(encoding="utf-8")
    assert len(re.findall(r"^@", text, re.MULTILINE)) == len(references())
    dois = re.findall(r"doi = \{(.*)\}", text)
    assert len(dois) == len(set(dois))


def test_citation_file_agrees():
    """CITATION.cff names the papers of a default run, with the same numbers."""
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    by_doi = {fields(entry).get("doi"): fields(entry) for entry in references().values()}
    listed = text.split("references:")[1].split("- type:")[1:]
    assert len(listed) >= 3
    for block in listed:
        found = dict(re.findall(r'^ +(title|volume|start|year|doi): "?(.*?)"?$', block, re.MULTILINE))
        known = by_doi[found["doi"]]
        assert (known["title"], known["volume"], known["year"]) == (
            found["title"],
            found["volume"],
            found["year"],
        )
        assert known["pages"] == found["start"]


def test_default_run():
    assert {key for one in citations() for key in one.keys} >= DEFAULT | {
        "SanchezBlazquez2006",
        "Carnall2018",
    }


@pytest.mark.parametrize("name", DUST_LAWS)
def test_every_dust_law_is_cited(name):
    """With the papers that the law itself names."""
    entries = "".join(references()[key] for key in keys(dust_law=name) - keys(dust_law="calzetti"))
    surname = DUST_LAWS[name].citation.split()[0].rstrip(",")
    assert name == "calzetti" or surname in entries


@pytest.mark.parametrize("name", IGM_MODELS)
def test_absorption(name):
    expected = {"madau95": "Madau1995", "inoue14": "Inoue2014"}[name]
    assert expected in keys(igm=name)
    assert expected not in keys(igm=name, no_igm=1)


def test_what_is_used_counts():
    assert "CharlotFall2000" not in keys()
    young = {"custom_sfh": "exp(-t/10^log_tau)", "custom_params": ("log_tau",), "differential_a_v": 1}
    assert "CharlotFall2000" in keys(**young)
    assert {"Worthey1994", "Trager1998"} <= keys(
        continuum_indices=str(share_dir() / "CONT_INDICES.worthey94")
    )
    assert "Chabrier2003" in keys(imf="ch", library_dir="nowhere")
    assert "Carnall2018" not in keys(imf="ch", library_dir="nowhere")
    assert "Brammer2008" not in keys(filters_res="mine.res")


def test_unknown_sources_are_told():
    text = bibtex(
        citations(read_params(None, library="mine", imf="xx", filters_res="mine.res"), ["ABC/x.dat 1"])
    )
    assert "% cite the makers of the library mine" in text
    assert "% cite the source of the initial mass function xx" in text
    assert "% filters ABC/x.dat\n% cite the papers of their instruments" in text


def test_entries_come_once():
    text = bibtex([Citation("one", ("Noll2009",)), Citation("two", ("Noll2009", "Madau1995"))])
    assert text.count("@article{Noll2009,") == 1
    assert "% two (see above: Noll2009)" in text
    assert text.startswith("% one\n\n@article{Noll2009,\n")
    assert text.endswith("}\n")


class TestCommand:
    def test_of_a_parameter_file(self, tmp_path, monkeypatch, capsys):
        copy_example(tmp_path, 3)
        monkeypatch.chdir(tmp_path)
        before = sorted(tmp_path.iterdir())
        assert run(["--cite", "gst.param", "DUST_LAW=kc"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        found = set(re.findall(r"^@\w+\{(\w+),", out, re.MULTILINE))
        assert found >= DEFAULT | {"KriekConroy2013", "Martin2005", "Fukugita1996", "Skrutskie2006"}
        # nothing but entries, comments and empty lines
        assert not [line for line in out.splitlines() if line and line[0] not in "@% }"]
        assert sorted(tmp_path.iterdir()) == before

    def test_of_no_file(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        assert run(["--cite"]) == 0
        assert capsys.readouterr().out == bibtex(citations())

    def test_of_a_missing_file(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        assert run(["--cite", "none.param"]) == 1
        assert "none.param" in capsys.readouterr().err
