"""Models that are made from settings: the same fit as with the grid in a file."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from astropy.io import fits

from fastsed.cli.survey.main import main
from fastsed.errors import InputError
from fastsed.survey.fits_tables import write_fits_table
from fastsed.survey.generated_models import GeneratedModels, open_models
from fastsed.survey.noise_tables import write_noise_table
from fastsed.survey.star_models import FileModels
from fastsed.survey.toothpick import Toothpick
from tests.models.stars.small_stars import NAMES, library, stars, write_filters, write_library
from tests.survey.star_tests import FILTERS, VEGA, artificial_stars

SETTINGS = f"""
filters = {list(NAMES)}
filter_curves = "filters.hd5"
isochrones = "iso.csv"
atmospheres = ["lib.hd5"]
distances = [700.0, 800.0, 50.0]
distance_unit = "kpc"
av = [0.0, 1.0, 0.25]
rv = [2.5, 4.5, 1.0]
fA = [0.5, 1.0, 0.5]
output = "g.hd5"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert NAMES == FILTERS
    write_library("lib.hd5", library())
    write_filters("filters.hd5")
    columns = stars(12)
    rows = [",".join(columns)] + [
        ",".join(map(repr, map(float, r))) for r in zip(*columns.values(), strict=True)
    ]
    (tmp_path / "iso.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "s.toml").write_text(SETTINGS)
    (tmp_path / "vega.txt").write_text("".join(f"{n} {v}\n" for n, v in zip(NAMES, VEGA, strict=True)))
    write_noise_table(Toothpick.from_stars(artificial_stars(6000), VEGA), FILTERS, "noise.hd5")
    assert main(["grid", "-q", "s.toml"]) == 0
    return tmp_path


def test_same_models_as_in_the_file(folder):
    with FileModels("g.hd5", "noise.hd5") as stored, open_models("s.toml", "noise.hd5") as made:
        assert isinstance(made, GeneratedModels)
        assert made.n_models == stored.n_models
        assert list(made.columns) == list(stored.columns)
        first = 0
        for block in made.blocks():
            rows = slice(first, first + len(block.seds))
            np.testing.assert_array_equal(block.seds, stored.grid.read_seds(rows))
            np.testing.assert_array_equal(block.error, stored.noise.read("error", rows))
            first = rows.stop
        assert first == made.n_models
        models = np.random.default_rng(1).integers(0, made.n_models, 200)
        every = range(len(made.columns))
        np.testing.assert_allclose(made.values(every, models), stored.values(every, models), rtol=1e-13)
        firsts = [first for first, _ in made.column_blocks()]
        assert firsts[0] == 0


def test_same_fit(folder):
    with FileModels("g.hd5", "noise.hd5") as stored:
        complete = (stored.noise.read("completeness") > 0).all(axis=1)
        rows = np.random.default_rng(5).choice(np.flatnonzero(complete), 40)
        rate = stored.grid.read_seds()[rows] / VEGA * np.random.default_rng(6).normal(1, 0.05, (40, 3))
    write_fits_table(
        "cat.fits", {f"{name.rsplit('_', 1)[-1]}_RATE": rate[:, k] for k, name in enumerate(NAMES)}
    )
    for source, base in (("g.hd5", "a"), ("s.toml", "b")):
        assert main(["fit", "-q", source, "noise.hd5", "cat.fits", "--vega", "vega.txt", "-o", base]) == 0
    one, other = fits.getdata("a_stats.fits"), fits.getdata("b_stats.fits")
    for name in one.names:
        if one[name].dtype.kind == "f":
            np.testing.assert_allclose(other[name], one[name], rtol=1e-12, err_msg=name)
        else:
            np.testing.assert_array_equal(other[name], one[name], err_msg=name)
    with h5py.File("a_lnp.hd5") as a, h5py.File("b_lnp.hd5") as b:
        np.testing.assert_array_equal(a["star_3/idx"][()], b["star_3/idx"][()])


def test_wrong_inputs(folder, capsys):
    assert main(["noise", "splinter", "g.hd5", "-o", "whole.hd5"]) == 0
    with pytest.raises(InputError, match="need a table of"):
        open_models("s.toml", "whole.hd5")
    with pytest.raises(InputError, match="an index list is for a grid in a file"):
        open_models("s.toml", "noise.hd5", "index.hd5")
    (folder / "s.toml").write_text(SETTINGS.replace("'HST_WFC3_F336W', ", ""))
    with pytest.raises(InputError, match="is for the filters"):
        open_models("s.toml", "noise.hd5")
