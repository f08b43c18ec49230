"""The command ast-inputs: lists, parameters, positions, archives."""

from __future__ import annotations

import tarfile

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from fastsed.cli.survey.main import main
from fastsed.survey.sed_grid import SedGridWriter
from fastsed.survey.tiles import TileMap, write_map

N, VEGA = 600, np.array([1e-9, 3e-9])
BASE = """project = "f"
physics_grid = "g.hd5"
vega = "vega.txt"
seed = 3
ast_n_flux_bins = 5
ast_n_per_flux_bin = 4
"""


@pytest.fixture
def field(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(8)
    table = {"logA": np.repeat([6.0, 7.0, 8.0], N // 3), "logL": np.zeros(N), "Av": random.random(N)}
    flux = 10 ** random.normal(-15, 0.7, (N, 2))
    with SedGridWriter("g.hd5", N, np.ones(2), ["A_F1", "A_F2"], dict.fromkeys(table, "f8")) as writer:
        writer.append(flux, table)
    (tmp_path / "vega.txt").write_text("A_F1 1e-9\nA_F2 3e-9\n")
    catalogue = Table({"RA": 11 + random.random(300) * 0.02, "DEC": 41 + random.random(300) * 0.01})
    for name in ("F1", "F2"):
        catalogue[f"{name}_RATE"] = np.ones(300)
        catalogue[f"{name}_VEGA"] = np.linspace(14, 17, 300)
    catalogue.write("cat.fits")
    edges = 11 + np.linspace(0, 0.02, 5), 41 + np.linspace(0, 0.01, 3)
    write_map(TileMap(*edges, np.arange(8.0).reshape(4, 2)), "map.hd5")
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [11.01, 41.005], [800, 400]
    wcs.wcs.cdelt = [-0.05 / 3600, 0.05 / 3600]
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((9, 9)), wcs.to_header(), name="SCI")]).writeto(
        "im.fits"
    )
    return -2.5 * np.log10(flux / VEGA), table


def run(text, *options):
    with open("s.toml", "w") as f:
        f.write(BASE + text)
    return main(["ast-inputs", "s.toml", *options])


def test_flux_bins(field):
    magnitudes, table = field
    assert run("") == 0
    listed, parameters = Table.read("f_inputAST_seds.txt", format="ascii"), Table.read("f_ASTparams.fits")
    rows = np.array(parameters["sedgrid_indx"])
    np.testing.assert_allclose(np.column_stack([listed["A_F1"], listed["A_F2"]]), magnitudes[rows], atol=6e-6)
    np.testing.assert_array_equal(parameters["Av"], table["Av"][rows])
    bins = Table.read("f_ASTfluxbins.txt", format="ascii")
    assert bins.colnames == [f"bin_{what}_A_F{k}" for k in (1, 2) for what in ("mins", "maxs", "count")]
    assert sum(bins["bin_count_A_F1"]) == len(rows)


def test_fewer_filters_in_another_order(field):
    magnitudes, _ = field
    assert run('filters = ["A_F2"]') == 0
    rows = np.array(Table.read("f_ASTparams.fits")["sedgrid_indx"])
    listed = Table.read("f_inputAST_seds.txt", format="ascii")
    np.testing.assert_allclose(listed["A_F2"], magnitudes[rows, 1], atol=6e-6)


def test_random_within_the_limit_of_the_catalogue(field):
    magnitudes, table = field
    assert run('obsfile = "cat.fits"\nast_maglimit = [0.5]\nast_models_selected_per_age = 9', "--random") == 0
    rows = np.array(Table.read("f_ASTparams.fits")["sedgrid_indx"])
    limit = np.percentile(np.linspace(14, 17, 300), 90) + 0.5
    assert (magnitudes[rows] < limit).all()
    assert np.unique(table["logA"][rows], return_counts=True)[1].tolist() == [9, 9, 9]
    assert (
        run('ast_maglimit = [15.0, 16.0]\nast_bands_above_maglimit = 1\nast_models_selection = "random"') == 0
    )
    rows = np.array(Table.read("f_ASTparams.fits")["sedgrid_indx"])
    assert (magnitudes[rows] < [15.0, 16.0]).any(axis=1).all()


@pytest.mark.parametrize("existing", ["f_inputAST_seds.txt", "f_ASTparams.fits"])
def test_supplement(field, existing):
    magnitudes, _ = field
    assert run("") == 0
    first = set(Table.read("f_ASTparams.fits")["sedgrid_indx"])
    limits = (
        'ast_suppl_maglimit = { A_F1 = [13.0, 18.0] }\nast_suppl_colorlimit = { "A_F1-A_F2" = [-1.0, 1.0] }\n'
    )
    assert run(f'ast_existing_file = "{existing}"\nast_N_supplement = 50\n{limits}', "--suppl_seds") == 0
    rows = np.array(Table.read("f_ASTparams_suppl.fits")["sedgrid_indx"])
    assert len(rows) == 50
    assert not first & set(rows)
    assert (np.abs(magnitudes[rows, 0] - magnitudes[rows, 1]) < 1).all()


MAP = 'obsfile = "cat.fits"\nast_density_table = "map.hd5"\nsd_Nbins = 2\nast_realization_per_model = 3\n'


def test_positions_from_a_map(field):
    assert run(MAP + "ast_with_positions = true\n") == 0
    n = len(Table.read("f_inputAST_seds.txt", format="ascii"))
    placed = Table.read("f_inputAST.txt", format="ascii")
    assert placed.colnames == ["zeros", "ones", "RA", "DEC", "A_F1", "A_F2"]
    assert len(placed) == 2 * 3 * n
    assert set(placed["zeros"]) == {0}
    assert set(placed["ones"]) == {1}
    assert (
        placed["RA"][: 3 * n] < 11.0101
    ).all()  # the tiles of low density are those of low right ascension
    assert (placed["RA"][3 * n :] > 11.0099).all()


def test_pixels_of_an_image_and_an_archive(field):
    assert run(MAP + 'ast_reference_image = "im.fits"\n', "--split", "50") == 0
    placed = Table.read("f_inputAST.txt", format="ascii")
    assert placed.colnames[2:4] == ["X", "Y"]
    assert 0 < placed["X"].min() < placed["X"].max() < 1600
    with tarfile.open("f_ASTs.tar") as tar:
        names = tar.getnames()
        lines = b"".join(tar.extractfile(name).read() for name in names).decode().splitlines()
    assert names[0] == "fake_1.lst"
    assert len(names) == -(-len(placed) // 50)
    assert [float(line.split()[2]) for line in lines] == pytest.approx(list(placed["X"]))


def test_positions_beside_stars(field):
    assert run('obsfile = "cat.fits"\nast_with_positions = true\nast_reference_image = "im.fits"\n') == 0
    placed = Table.read("f_inputAST.txt", format="ascii")
    assert len(placed) == 20 * len(Table.read("f_inputAST_seds.txt", format="ascii"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('filters = ["X"]', "the grid has no X"),
        ("ast_fluxbin_maglimits = { X = [1.0, 2.0] }", "X is none of the filters"),
        ("ast_fluxbin_maglimits = { A_F1 = [2.0, 1.0] }", "A_F1 must have [low, high]"),
        (
            "ast_fluxbin_maglimits = { A_F1 = [50.0, 51.0] }\nast_filters_inside_maglimits = 2",
            "within the limits",
        ),
        ('ast_models_selection = "best"', "choose one of fluxbins, random, supplement"),
        ('ast_models_selection = "random"', "the key obsfile is missing"),
        ("ast_with_positions = true", "the key obsfile is missing"),
        ('ast_with_positions = true\nobsfile = "cat.fits"', "the catalogue needs X and Y"),
        (MAP + "ast_with_positions = true\nast_coord_boundary = [[1.0], [2.0]]", "at least three corners"),
        (
            MAP + "ast_with_positions = true\nast_erode_selection_region = 60.0",
            "nothing is left of the footprint",
        ),
    ],
)
def test_wrong_settings(field, capsys, tmp_path, text, message):
    assert run(text) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "f_inputAST_seds.txt").exists()
