"""The steps that work on tables, as commands: the calls of BEAST's document, wrong usage, pictures."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from fastsed.cli.survey.main import main
from tests.survey.fields import catalogue, stars_of, write_result
from tests.survey.test_background import image_of


@pytest.fixture(autouse=True)
def field(tmp_path, monkeypatch):
    """A catalogue `datafile.fits` and a reference image `image.fits`."""
    monkeypatch.chdir(tmp_path)
    catalogue(300).write("datafile.fits")
    data = np.random.default_rng(1).normal(10, 0.1, (60, 80))
    image = fits.ImageHDU(data, image_of(data).wcs.to_header(), name="SCI")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto("image.fits")


def works(words):
    """Run a command that must succeed."""
    assert main(words.split()) == 0


def error_of(capsys, words, status=1):
    """What the command says, in one line, when it fails."""
    try:
        found = main(words.split())
    except SystemExit as stop:
        found = stop.code
    assert found == status
    lines = capsys.readouterr().err.strip().splitlines()
    assert status == 2 or sum(line.startswith("fastsed-survey: error: ") for line in lines) == 1
    assert not any("Traceback" in line for line in lines)
    return lines[-1]


def test_calls_of_the_document():
    calls = [
        "sourceden -catfile datafile.fits --pixsize 5.",
        "split --n_per_file 62 --sort_col F475W_RATE datafile_with_sourceden.fits",
        "background -catfile datafile.fits --npix 3 -reference image.fits --mask_radius 2 --ann_width 3",
        "tileplot datafile_background_map.hd5 -image image.fits --colorbar background",
    ]
    for call in calls:
        works(call)
    names = set(os.listdir())
    assert "datafile_with_sourceden_SD0-1_sub0.fits" in names
    assert "datafile_background_map_plot_overlay.pdf" in names
    assert sum(len(Table.read(name)) for name in names if "_sub" in name and name.endswith(".fits")) == 300
    with open("datafile_with_sourceden_subfiles.json") as f:
        assert json.load(f)["n"] == 300


def test_row_ids_lead_back_to_the_catalogue():
    works("sourceden datafile.fits --npix 2")
    works("split datafile_with_sourceden.fits --map datafile_sourceden_map.hd5 --sd_Nbins 2")
    whole = Table.read("datafile.fits")
    for name in os.listdir():
        if "_sub" in name and name.endswith(".fits"):
            part = Table.read(name)
            assert np.array_equal(whole["RA"][part["row_id"]], part["RA"])


def test_pictures(monkeypatch):
    works("sourceden datafile.fits --plot")
    options = "--mask_radius 2 --ann_width 3 --plot"
    works(f"background datafile.fits --reference image.fits {options}")
    works("tileplot datafile_sourceden_map.hd5 --image image.fits -o a.png --dpi 50")
    for name in ("datafile_source_den.png", "datafile_background.png", "a.png"):
        with open(name, "rb") as f:
            assert f.read(4) == b"\x89PNG"
    first = Path("a.png").read_bytes()
    works("tileplot datafile_sourceden_map.hd5 --image image.fits -o a.png --dpi 50")
    assert Path("a.png").read_bytes() == first


def test_pictures_without_matplotlib(monkeypatch, capsys):
    works("sourceden datafile.fits")

    def nothing(name):
        raise ImportError(name)

    monkeypatch.setattr("fastsed.extras.import_module", nothing)
    message = error_of(capsys, "tileplot datafile_sourceden_map.hd5 --image image.fits")
    assert "pip install fastsed[plot]" in message
    assert "pip install fastsed[survey]" in error_of(capsys, "sourceden datafile.fits")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ("sourceden none.fits", 1, "none.fits: no such file"),
        ("sourceden", 2, "required"),
        ("sourceden datafile.fits --npix 3 --pixsize 4", 2, "not allowed"),
        ("sourceden datafile.fits --mag_name F1_VEGA", 1, "datafile.fits: no column 'F1_VEGA'"),
        ("sourceden image.fits", 1, "image.fits: holds no table"),
        ("background datafile.fits --reference datafile.fits", 1, "datafile.fits: no image"),
        ("background datafile.fits --reference image.fits --cat_filter F475W x", 2, "'x' is not a magnitude"),
        ("tileplot image.fits --image image.fits", 1, "not a readable HDF5 file"),
        ("cut datafile.fits out.fits", 2, "nothing to cut by"),
        ("cut datafile.fits out.fits --flagged", 2, "belong together"),
        ("cut datafile.fits out.fits --flagged --flag_filter F1", 1, "datafile.fits: no column F1_RATE"),
        ("split datafile.fits --ast image.fits", 2, "--ast needs --map"),
        ("split datafile.fits --sd_Nbins 3", 2, "for the bins of a --map"),
        ("split datafile.fits --n_per_file 0", 2, "neither a number above 0 nor none"),
        ("split datafile.fits --sort_col X", 1, "no column 'X' to sort by"),
        ("merge field_", 1, "no results of sub files"),
        ("reorder -s none -r a -o b", 1, "none: cannot be read"),
        ("condense -d none", 1, "none: no such folder"),
        ("status . --cat datafile.fits", 1, "tells no sub file"),
        ("jobs trim proj datafile.fits", 1, "no sub files of datafile.fits"),
        ("split-grid image.fits -n 2 -o a b", 2, "one PATTERN"),
        ("merge-subgrids a b -o c", 1, "a_stats.fits: cannot be read"),
    ],
)
def test_what_goes_wrong(capsys, words, status, message):
    before = sorted(os.listdir())
    assert message in error_of(capsys, f"{words} -q", status)
    assert sorted(set(os.listdir()) - {"proj"}) == before


@pytest.mark.parametrize("length", [0, 100, 3000, 8000])
def test_catalogues_cut_short(capsys, length):
    with open("datafile.fits", "rb") as f:
        data = f.read()
    with open("datafile.fits", "wb") as f:
        f.write(data[:length])
    for step in (
        "sourceden datafile.fits",
        "split datafile.fits",
        "cut datafile.fits a.fits --partial_overlap",
    ):
        assert "datafile.fits: " in error_of(capsys, f"{step} -q")


def test_cut_and_its_regions():
    table = catalogue(50, seed=3)
    table.write("ast.fits")
    words = "cut datafile.fits a.fits --partial_overlap --input_ast_file ast.fits --output_ast_file b.fits"
    works(f"{words} --region_file")
    zero = (Table.read("a.fits")["F475W_RATE"] == 0) != (Table.read("a.fits")["F814W_RATE"] == 0)
    assert not zero.any()
    assert len(Path("datafile.fits.reg").read_text().splitlines()) == 303
    assert 0 < len(Table.read("b.fits")) < 50
    works("cut datafile.fits c.fits --flagged --flag_filter F475W --region_file --no_write")
    assert not os.path.exists("c.fits")


def test_merge_reorder_condense_status(capsys):
    write_result("f_bin1_sub0", 12)
    write_result("f_bin2_sub0", 3, first_star=12)
    for call in ("merge f_", "reorder -s f_stats.fits -r f_ -o spatial/f -p 20", "condense -d spatial"):
        works(call)
    assert stars_of("f")[0] == list(range(15))
    catalogue(12).write("cat_bin1_sub0.fits")
    works("status . --cat cat_bin1_sub0.fits --json s.json")
    with open("s.json") as f:
        assert json.load(f) == {"cat_bin1_sub0.fits": "done"}
    assert "done    cat_bin1_sub0.fits (12 stars)" in capsys.readouterr().out


@pytest.mark.parametrize("options", ["--npix 1", "--npix 3 --mag_cut 1 2"])
def test_pictures_of_maps_with_hardly_anything(options):
    works(f"sourceden datafile.fits {options} --plot")
    works("tileplot datafile_sourceden_map.hd5 --image image.fits -o a.png --dpi 30")
    assert Path("a.png").stat().st_size


def test_one_source(capsys):
    Table.read("datafile.fits")[:1].write("datafile.fits", overwrite=True)
    assert "no area is left" in error_of(capsys, "sourceden datafile.fits")
    works("sourceden datafile.fits --pixsize 5 -q")
    works("background datafile.fits --reference image.fits --pixsize 5 --mask_radius 2 --ann_width 3 --plot")
    works("split datafile.fits -q")
    assert len(Table.read("datafile_SD0-1_sub0.fits")) == 1


@pytest.mark.parametrize("name", ["RA", "F475W_VEGA", "F814W_RATE"])
def test_columns_of_text_are_named(capsys, name):
    table = Table.read("datafile.fits")
    table[name] = ["1.5"] * len(table)
    table.write("text.fits")
    for call in ("sourceden text.fits --npix 2", "cut text.fits out.fits --flagged --flag_filter F814W"):
        if name == "RA" or call.startswith("sourceden") or name.endswith("RATE"):
            words = call if not call.startswith("cut") or name != "RA" else f"{call} --region_file"
            assert f"text.fits: its column {name} does not hold one number a row" in error_of(capsys, words)


def test_a_cut_does_not_write_over_what_it_reads(capsys):
    before = Path("datafile.fits").read_bytes()
    Path("link.fits").symlink_to("datafile.fits")
    for name in ("datafile.fits", "link.fits"):
        words = f"cut datafile.fits {name} --partial_overlap"
        assert f"{name}: is read; name another file" in error_of(capsys, words)
    assert Path("datafile.fits").read_bytes() == before


def test_options_that_name_columns_are_told(capsys):
    table = Table.read("datafile.fits")
    table.rename_columns(["F475W_VEGA", "F475W_RATE"], ["G_VEGA", "G_RATE"])
    table.write("g.fits")
    says = error_of(capsys, "sourceden g.fits")
    assert "g.fits: no column 'F475W_VEGA' (--mag_name names another); there is" in says
    assert "(--sort_col names another)" in error_of(capsys, "split g.fits")
