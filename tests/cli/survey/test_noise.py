"""The command noise on a small grid: the file holds what the model gives, block by block."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from astropy.table import Table

from fastsed.cli.survey.main import main
from fastsed.survey import sed_grid
from fastsed.survey.noise_tables import read_noise_table
from fastsed.survey.sed_grid import SedGridWriter
from fastsed.survey.toothpick import Toothpick
from fastsed.survey.trunchen import Trunchen
from tests.survey.star_tests import FILTERS, VEGA, artificial_stars

FLUX = np.random.default_rng(3).uniform(1e-19, 1e-16, (50, 3))


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SedGridWriter("grid.hd5", 50, np.arange(3.0), FILTERS, {"weight": "f8"}) as writer:
        writer.append(FLUX, {"weight": np.ones(50)})
    stars = artificial_stars(4000, copies=40)
    table = Table()
    for k, name in enumerate(("F336W", "F475W", "F814W")):
        table[f"{name}_IN"], table[f"{name}_RATE"] = stars.mag_in[:, k], stars.rate[:, k]
        table[f"{name}_VEGA"] = stars.mag_out[:, k]
    table["CUT_FLAG"] = stars.flagged.astype(int)
    table.write("ast.fits")
    (tmp_path / "vega.txt").write_text("".join(f"{n} {v}\n" for n, v in zip(FILTERS, VEGA, strict=True)))
    return stars


def test_models(inputs, monkeypatch):
    monkeypatch.setattr(sed_grid, "BLOCK_ROWS", 7)
    models = {
        "toothpick": Toothpick.from_stars(inputs, VEGA).datasets(FLUX),
        "trunchen": Trunchen.from_stars(inputs, VEGA).datasets(FLUX),
    }
    for kind, expected in models.items():
        assert main(["noise", kind, "grid.hd5", "ast.fits", "--vega", "vega.txt", "-o", "n.hd5"]) == 0
        with h5py.File("n.hd5") as f:
            assert set(f) == set(expected)
            for name, values in expected.items():
                np.testing.assert_allclose(f[name][()], values, rtol=1e-12)
    assert main(["noise", "splinter", "grid.hd5", "-o", "n.hd5", "--frac_unc", "0.2"]) == 0
    with h5py.File("n.hd5") as f:
        np.testing.assert_allclose(f["error"][()], 0.2 * FLUX)


def test_table_in_place_of_a_file(inputs, tmp_path):
    arguments = ["noise", "toothpick", "grid.hd5", "ast.fits", "--vega", "vega.txt", "-o", "n.hd5"]
    assert main([*arguments, "--table"]) == 0
    filters, model = read_noise_table("n.hd5")
    assert filters == FILTERS
    expected = Toothpick.from_stars(inputs, VEGA).evaluate(FLUX)
    for got, values in zip(model.evaluate(FLUX), expected, strict=True):
        np.testing.assert_array_equal(got, values)


def test_own_covariances_of_the_models(inputs):
    own = np.einsum("nf,ng->nfg", FLUX, FLUX) * (1e-3 + 1e-3 * np.eye(3))
    upper = np.triu_indices(3, 1)
    with SedGridWriter("g2.hd5", 50, np.arange(3.0), FILTERS, {"weight": "f8"}, covariances=True) as writer:
        diagonal = np.einsum("nff->nf", own)
        writer.append(FLUX, {"weight": np.ones(50)}, diagonal, own[:, upper[0], upper[1]])
    assert main(["noise", "trunchen", "g2.hd5", "ast.fits", "--vega", "vega.txt", "-o", "n.hd5"]) == 0
    with h5py.File("n.hd5") as f:
        expected = Trunchen.from_stars(inputs, VEGA).datasets(FLUX, own)
        np.testing.assert_allclose(f["cov_offdiag"][()], expected["cov_offdiag"], rtol=1e-12)


def test_wrong_usage_and_files(inputs, capsys, tmp_path):
    base = ["noise", "toothpick", "grid.hd5", "ast.fits", "--vega", "vega.txt", "-o", "n.hd5"]
    assert main([*base, "--use_mag"]) == 2
    (tmp_path / "short.hd5").write_bytes((tmp_path / "grid.hd5").read_bytes()[:1500])
    assert main(["noise", "splinter", "short.hd5", "-o", "n.hd5"]) == 1
    assert main([*base, "--obs_colnames", "F1_RATE"]) == 1
    assert not (tmp_path / "n.hd5").exists()
    assert len(capsys.readouterr().err.splitlines()) == 3
