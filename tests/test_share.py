"""The shipped data files: whole, and equal to the reference where there is one."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fastsed.library.find import find_ssp
from fastsed.library.hdf5 import describe_hdf5
from fastsed.library.ssp import read_ssp
from fastsed.paths import share_dir

ROOT = Path(__file__).resolve().parents[1]


def curves(path):
    """Headers and (n, 2) curves of a filter file, read independently of the package."""
    lines = path.read_text().splitlines()
    found, at = [], 0
    while at < len(lines) and lines[at].strip():
        n = int(lines[at].split()[0])
        rows = [line.split()[1:3] for line in lines[at + 1 : at + 1 + n]]
        found.append((lines[at].split(), np.array(rows, dtype=float)))
        assert len(rows) == n
        at += 1 + n
    return found


@pytest.fixture(scope="module")
def filters():
    return curves(share_dir() / "FILTER.RES.latest")


def mean_wavelength(curve):
    lam, throughput = curve.T
    return np.trapezoid(lam * lam * throughput, lam) / np.trapezoid(lam * throughput, lam)


def test_filter_file_is_whole(filters):
    assert len(filters) == 432
    for header, curve in filters:
        assert curve.shape == (int(header[0]), 2)
        assert np.all(np.isfinite(curve))
        assert np.trapezoid(curve[:, 1], curve[:, 0]) > 0


def test_filters_are_those_of_eazy(filters, shared):
    reference = curves(shared / "data/FILTER.RES.latest")
    assert len(reference) == 313
    for (header, curve), (expected_header, expected) in zip(filters, reference, strict=False):
        assert header == expected_header
        np.testing.assert_array_equal(curve, expected)


# --- spectral indices -------------------------------------------------------------------------------------


def indices(path):
    """name -> (type, numbers)."""
    found = {}
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, rest = line.partition("=")
            kind, *numbers = (part.strip() for part in rest.split(","))
            found[name.strip()] = kind, [float(number) for number in numbers]
    return found


@pytest.mark.parametrize(("name", "count"), [("CONT_INDICES.balogh99", 3), ("CONT_INDICES.worthey94", 25)])
def test_index_files(name, count):
    found = indices(share_dir() / name)
    assert len(found) == count
    for kind, numbers in found.values():
        assert (kind, len(numbers)) in {("abs", 6), ("ratio", 4)}
        assert all(low < up for low, up in zip(numbers[::2], numbers[1::2], strict=True))
        if kind == "abs":
            line_low, line_up, blue_low, blue_up, red_low, red_up = numbers
            assert blue_low < red_low
            assert (blue_low + blue_up) / 2 < (line_low + line_up) / 2 < (red_low + red_up) / 2


@pytest.mark.parametrize("name", ["CONT_INDICES.balogh99", "CONT_INDICES.worthey94"])
def test_indices_are_those_of_the_reference(name, shared):
    ours, reference = indices(share_dir() / name), indices(shared / "data" / name)
    assert ours == reference


# --- default library --------------------------------------------------------------------------------------


def test_default_library(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTSED_DATA_DIR", str(tmp_path))
    path = share_dir() / "libraries" / "bc03_lr_kr.hdf5"
    contents = describe_hdf5(path)
    assert contents.metallicities.tolist() == [0.0001, 0.0004, 0.004, 0.008, 0.02, 0.05]
    assert path.stat().st_size < 8e6
    assert {"origin", "citation", "licence"} <= set(contents.attributes)
    for metal in contents.metallicities:
        assert find_ssp(None, "", "", "", metal) == (path, metal)
        got = read_ssp(path, metal)
        assert got.sed.shape == (221, got.lam.size)
        assert np.all(np.isfinite(got.sed))
        assert np.all(got.sed >= 0)
        assert np.all(np.diff(got.ages) > 0)
        assert np.all((got.mass > 0.3) & (got.mass <= 1.0))


def test_default_library_has_the_luminosity_of_the_sun_for_old_stars():
    """A 10 Gyr solar population of a Kroupa IMF has a bolometric mass-to-light ratio (formed) of 2 to 4."""
    got = read_ssp(share_dir() / "libraries" / "bc03_lr_kr.hdf5", 0.02)
    old = np.argmin(abs(got.ages - 1e10))
    assert 0.2 < np.trapezoid(got.sed[old], got.lam) < 0.5


# --- example ----------------------------------------------------------------------------------------------

BANDS = {
    120: ("FUV", 1530),
    121: ("NUV", 2310),
    156: ("/u", 3570),
    157: ("/g", 4720),
    158: ("/r", 6180),
    159: ("/i", 7500),
    160: ("/z", 8950),
    161: ("2MASS/J", 12400),
    162: ("2MASS/H", 16500),
    163: ("2MASS/K", 21600),
}


@pytest.fixture(scope="module")
def example():
    path = share_dir() / "examples/gst/gst.cat"
    with path.open() as f:
        names = f.readline().lstrip("#").split()
    table = np.loadtxt(path)
    return {name: table[:, k] for k, name in enumerate(names)}


def test_example_bands_are_the_filters_that_they_say(filters, example):
    assert {name for name in example if name.startswith("F")} == {f"F{number}" for number in BANDS}
    for number, (word, wavelength) in BANDS.items():
        header, curve = filters[number - 1]
        assert word in " ".join(header)
        assert mean_wavelength(curve) == pytest.approx(wavelength, rel=0.02)


def test_example_photometry_is_that_of_galaxies(example):
    assert len(example["id"]) == 500
    assert np.all((example["z_spec"] > 0) & (example["z_spec"] < 0.6))
    mag = {}
    for number in BANDS:
        seen = example[f"E{number}"] > 0
        assert np.all(example[f"F{number}"][~seen] == 0)
        assert np.all(example[f"E{number}"][seen] >= 0.0299 * abs(example[f"F{number}"][seen]))
        flux = np.where(seen & (example[f"F{number}"] > 0), example[f"F{number}"], np.nan)
        mag[number] = 23.9 - 2.5 * np.log10(flux)
    # median colours (AB) of SDSS main-sample galaxies: Blanton et al. 2003, ApJ 594, 186
    for blue, red, low, high in [
        (156, 157, 1.2, 2.0),
        (157, 158, 0.6, 1.0),
        (158, 159, 0.3, 0.5),
        (159, 160, 0.15, 0.4),
        (160, 161, 0.0, 0.5),
        (161, 162, 0.0, 0.4),
        (121, 158, 2.0, 6.0),
        (120, 121, 0.0, 1.5),
    ]:
        assert low < np.nanmedian(mag[blue] - mag[red]) < high
    assert 15 < np.nanmedian(mag[158]) < 18


def test_example_parameters_cover_the_redshifts(example):
    text = (share_dir() / "examples/gst/gst.param").read_text()
    values = dict(re.findall(r"^(\w+)\s*=\s*([^#\n]*\S)", text, flags=re.MULTILINE))
    assert values["LIBRARY"] == "''"
    assert values["SFH"] == "'del'"
    assert float(values["Z_MIN"]) <= example["z_spec"].min()
    assert float(values["Z_MAX"]) >= example["z_spec"].max() - 1e-4


def test_numbers_of_the_example_are_those_of_the_readme():
    """Each constant of the script stands in the table of sources."""
    script = (ROOT / "scripts" / "build_example.py").read_text()
    table = (ROOT / "share" / "README.md").read_text().split("**Numbers**")[1].split("**Cite**")[0]
    names = ("SDSS_TO_AB", "TWOMASS_TO_AB", "GALEX_ZEROPOINT", "SFD_R_BAND", "SCHLAFLY11", "PEEK13")
    numbers = [
        number
        for name in names
        for number in re.findall(r"\d+\.\d+", re.search(rf"^{name} = (.*)$", script, re.MULTILINE)[1])
    ]
    assert len(numbers) == 5 + 3 + 2 + 1 + 8 + 6
    assert all(re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", table) for number in numbers)


def test_every_file_is_in_the_readme():
    text = (share_dir() / "README.md").read_text()
    for path in share_dir().rglob("*"):
        if path.is_file() and path.name != "README.md":
            assert path.name in text or path.parent.name in text, path
