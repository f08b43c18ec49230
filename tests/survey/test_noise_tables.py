"""Toothpick models as tables: what a fit reads of them is what a noise file of the whole grid holds."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.survey.noise_file import NoiseFile
from fastsed.survey.noise_tables import TabulatedNoise, open_noise, read_noise_table, write_noise_table
from fastsed.survey.observation_model import write_noise_file
from fastsed.survey.sed_grid import SedGrid, SedGridWriter
from fastsed.survey.star_models import FileModels
from fastsed.survey.toothpick import BEAST1_RULES, DEFAULT_RULES, Toothpick
from tests.survey.star_tests import FILTERS, VEGA, artificial_stars

FLUX = 10 ** np.random.default_rng(3).uniform(-21, -15, (500, 3))
TABLE = {"weight": np.ones(500), "specgrid_indx": np.arange(500.0)}


@pytest.fixture
def grid(tmp_path):
    with SedGridWriter(
        tmp_path / "g.hd5", 500, np.arange(3.0), FILTERS, dict.fromkeys(TABLE, "f8")
    ) as writer:
        writer.append(FLUX, TABLE)
    return tmp_path / "g.hd5"


@pytest.mark.parametrize("rules", [DEFAULT_RULES, BEAST1_RULES])
@pytest.mark.parametrize("absflux", [None, np.diag([1e-4, 4e-4, 9e-4])])
def test_same_as_the_file_of_the_whole_grid(grid, tmp_path, rules, absflux):
    model = Toothpick.from_stars(artificial_stars(), VEGA, rules, absflux)
    write_noise_table(model, FILTERS, tmp_path / "table.hd5")
    assert (tmp_path / "table.hd5").stat().st_size < 20_000
    with SedGrid(grid) as opened:
        write_noise_file(opened, model, tmp_path / "file.hd5")
        table, whole = open_noise(tmp_path / "table.hd5", opened), open_noise(tmp_path / "file.hd5", opened)
        assert isinstance(table, TabulatedNoise)
        assert isinstance(whole, NoiseFile)
        with table, whole:
            for rows in (None, slice(3, 50), slice(100, 101)):
                for name in table.names:
                    np.testing.assert_array_equal(table.read(name, rows), whole.read(name, rows))


def test_models_of_a_fit(grid, tmp_path):
    model = Toothpick.from_stars(artificial_stars(), VEGA)
    write_noise_table(model, FILTERS, tmp_path / "table.hd5")
    with FileModels(grid, tmp_path / "table.hd5") as source:
        (block,) = source.blocks()
    np.testing.assert_array_equal(block.error, model.evaluate(FLUX)[1])


def test_damaged_and_foreign_tables(grid, tmp_path):
    path = tmp_path / "table.hd5"
    write_noise_table(Toothpick.from_stars(artificial_stars(), VEGA), FILTERS, path)
    with SedGridWriter(tmp_path / "o.hd5", 1, np.arange(3.0), FILTERS[::-1], {"weight": "f8"}) as writer:
        writer.append(FLUX[:1], {"weight": np.ones(1)})
    with SedGrid(tmp_path / "o.hd5") as other, pytest.raises(InputError, match="is for the filters"):
        open_noise(path, other)
    data = path.read_bytes()
    (tmp_path / "short.hd5").write_bytes(data[: len(data) // 2])
    with SedGrid(grid) as opened, pytest.raises(InputError, match=r"short\.hd5"):
        open_noise(tmp_path / "short.hd5", opened)
    for change, message in (
        (lambda f: f[f"bands/{FILTERS[0]}"].attrs.pop("faintest"), "lacks a column or an attribute"),
        (lambda f: f.attrs.__setitem__("extrapolate", "linear"), "not zero or constant"),
        (lambda f: f.create_dataset("absflux", data=np.eye(2)), "shape"),
        (lambda f: f[f"bands/{FILTERS[1]}"].__setitem__(0, (9.0, 0, 0, 0)), "no ascending fluxes"),
        (lambda f: f.__delitem__("bands"), 'no group "bands"'),
    ):
        path.write_bytes(data)
        with h5py.File(path, "a") as f:
            change(f)
        with pytest.raises(InputError, match=message):
            read_noise_table(path)
