"""Figures of fitted stars: the numbers that are drawn are those of the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

pytest.importorskip("matplotlib")

from fastsed.cli.plot import main
from fastsed.errors import InputError
from fastsed.fitting.stars.options import FitOptions
from fastsed.report.stars import StarTable, pixel_medians, plot_cmd, plot_star_map, plot_star_pdf
from fastsed.survey.star_fits import StarFitSettings, fit_catalogue
from tests.survey.small_grids import small_field


@pytest.fixture(scope="module")
def stars(tmp_path_factory: pytest.TempPathFactory) -> StarTable:
    folder: Path = tmp_path_factory.mktemp("stars")
    small_field(folder)
    files = [folder / name for name in ("grid.hd5", "noise.hd5", "cat.fits", "vega.txt", "f")]
    fit_catalogue(StarFitSettings(*files, FitOptions(n_samples=None, pairs=("Av", "logT"))))
    return StarTable.open(folder / "f_stats.fits")


def test_colours_and_magnitudes(stars):
    rows = fits.getdata(stars.path, 1)
    with np.errstate(invalid="ignore"):
        blue, red = (-2.5 * np.log10(rows[name]) - 21.10 for name in stars.filters[-2:])
    figure = plot_cmd(stars)
    dots = next(c for c in figure.axes[0].collections if c.get_gid() == "stars")
    np.testing.assert_allclose(dots.get_offsets(), np.stack([blue - red, red], axis=1))
    np.testing.assert_allclose(dots.get_array(), rows["logT_p50"])
    low, high = figure.axes[0].get_ylim()
    assert low > high, "bright stars are at the top"
    vega = stars.path.parent / "vega.txt"
    of_vega = {
        words[0]: float(words[1])
        for words in map(str.split, vega.read_text().splitlines())
        if words[0] != "#"
    }
    name = stars.filters[0]
    with np.errstate(invalid="ignore"):
        expected = -2.5 * np.log10(rows[name] / of_vega[name])
    np.testing.assert_allclose(stars.magnitude(name, vega), expected)


def test_posterior_of_a_star(stars):
    figure = plot_star_pdf(stars, "2")
    axes = next(one for one in figure.axes if one.lines and one.lines[0].get_gid() == "Av")
    with fits.open(str(stars.path).replace("stats", "pdf1d")) as hdus:
        image = hdus["Av"].data
    np.testing.assert_allclose(axes.lines[0].get_xdata(), image[-1])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), image[2] / image[2].sum())
    median = fits.getdata(stars.path, 1)["Av_p50"][2]
    assert any(line.get_xdata()[0] == median for line in axes.lines[1:])
    with pytest.raises(InputError, match="there is no star 'x'"):
        plot_star_pdf(stars, "x")


def test_maps(stars):
    figure = plot_star_map(stars, names=("Av", "logT"))
    rows = fits.getdata(stars.path, 1)
    for axes, name in zip(figure.axes, ("Av", "logT"), strict=False):
        np.testing.assert_allclose(
            axes.collections[0].get_offsets(), np.stack([rows["RA"], rows["DEC"]], axis=1)
        )
        np.testing.assert_allclose(axes.collections[0].get_array(), rows[f"{name}_p50"])
    x, y = np.array([0.1, 0.2, 0.9, 0.9]), np.array([0.1, 0.4, 0.9, 0.8])
    edges = [np.array([0, 0.5, 1.0])] * 2
    medians = pixel_medians(x, y, np.array([1.0, 3.0, 5.0, 6.0]), edges)
    np.testing.assert_array_equal(medians, [[2.0, np.nan], [np.nan, 5.5]])


def test_command(stars, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([str(stars.path), "--what", "cmd"]) == 0
    assert main([str(stars.path), "0", "4", "-o", "pdfs.pdf"]) == 0
    assert (tmp_path / "f_stats_cmd.png").exists()
    assert (tmp_path / "pdfs.pdf").read_bytes().count(b"/Type /Page ") == 2
    assert main([str(stars.path), "--what", "map", "--names", "logA"]) == 1
    assert "has no column logA_p50" in capsys.readouterr().err
    assert main([str(stars.path), "--what", "pdf"]) == 2
