"""Trimming against the rules by the definition; index lists; what goes wrong."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.fitting.stars.source import ArrayModels
from fastsed.survey import trimming
from fastsed.survey.index_lists import read_index_list, write_index_list
from fastsed.survey.noise_file import NoiseFile
from fastsed.survey.sed_grid import SedGrid
from fastsed.survey.trimming import SubFile, TrimRules, trim_grid
from tests.fitting.stars.reference import random_models, random_stars
from tests.survey.small_grids import write_catalogue, write_models


@pytest.fixture
def field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[ArrayModels, np.ndarray, list[np.ndarray]]:
    """Models with errors of either sign, their completeness, stars of three sub files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trimming, "BLOCK_ROWS", 100)
    models = random_models(37, 20, 4, 1, "floor")
    rng = np.random.default_rng(2)
    models.error[rng.random(models.error.shape) < 0.1] *= -1
    completeness = np.where(rng.random(models.error.shape) < 0.03, 0.0, 0.7)
    write_models(tmp_path, models, completeness)
    stars = [random_stars(models, n, 3 + n) for n in (1, 4, 20)]
    for i, fluxes in enumerate(stars):
        write_catalogue(tmp_path / f"cat{i}.fits", fluxes)
    return models, completeness, stars


def kept(models: ArrayModels, completeness: np.ndarray, stars: np.ndarray, rules: TrimRules) -> np.ndarray:
    error = models.error
    keep = (completeness > 0).all(axis=1)
    if rules.compat == "beast1":
        keep = (error > 0).sum(axis=1) >= rules.n_detected
        error = np.abs(error)
    flux = models.seds + models.bias
    keep &= (flux + rules.n_sigma * error >= stars.min(axis=0)).all(axis=1)
    keep &= (flux - rules.n_sigma * error <= stars.max(axis=0)).all(axis=1)
    return np.flatnonzero(keep)


@pytest.mark.parametrize(
    "rules",
    [
        TrimRules(),
        TrimRules(1.0),
        TrimRules(compat="beast1"),
        TrimRules(5, 3, "beast1"),
        TrimRules(8, 4, "beast2"),
    ],
)
def test_models_that_are_kept(field, rules: TrimRules) -> None:
    models, completeness, stars = field
    subs = [SubFile(f"cat{i}.fits", f"out{i}") for i in range(3)]
    expected = [kept(models, completeness, s, rules) for s in stars]
    if any(len(rows) == 0 for rows in expected):
        subs, expected = subs[2:], expected[2:]
    assert 0 < len(expected[-1]) < len(models.seds)
    trim_grid("grid.hd5", "noise.hd5", subs, "vega.txt", rules)
    trim_grid("grid.hd5", "noise.hd5", subs, "vega.txt", rules, index=True)
    for sub, rows in zip(subs, expected, strict=True):
        grid_path, noise_path = sub.products(rules, False)
        with SedGrid(grid_path) as grid, NoiseFile(noise_path) as noise:
            np.testing.assert_array_equal(grid.read_seds(), models.seds[rows])
            columns = grid.read_columns(grid.columns)
            np.testing.assert_array_equal(columns["fullgrid_idx"], rows)
            for name, values in models.table.items():
                np.testing.assert_array_equal(columns[name], values[rows])
            error = np.abs(models.error) if rules.compat == "beast1" else models.error
            np.testing.assert_array_equal(noise.read("error"), error[rows])
            np.testing.assert_array_equal(noise.read("completeness"), completeness[rows])
        np.testing.assert_array_equal(read_index_list(sub.products(rules, True)[0], len(models.seds)), rows)


def test_impossible_sub_files(field) -> None:
    models, completeness, stars = field
    far = stars[2].copy()
    far[:, 1] = 1.0
    write_catalogue(Path("far.fits"), far)
    subs = [SubFile("far.fits", "far"), SubFile("cat2.fits", "near")]
    with pytest.raises(
        InputError, match=r"far.fits: no model of grid.hd5 is left for it: none has .* in HST_X_F100W$"
    ):
        trim_grid("grid.hd5", "noise.hd5", subs, "vega.txt")
    assert Path("near_seds_trim.grid.hd5").exists()
    assert not Path("far_seds_trim.grid.hd5").exists()
    # as BEAST: that band does not count
    trim_grid("grid.hd5", "noise.hd5", subs[:1], "vega.txt", TrimRules(compat="beast2"))
    far[:, 1] = np.nan
    others = np.delete(np.arange(4), 1)
    part = ArrayModels(
        (), models.seds[:, others], models.table, models.bias[:, others], models.error[:, others]
    )
    expected = kept(part, completeness, far[:, others], TrimRules())
    with SedGrid("far_seds_trim.grid.hd5") as grid:
        np.testing.assert_array_equal(grid.read_columns(["fullgrid_idx"])["fullgrid_idx"], expected)


def test_fluxes_that_are_not_finite(field, caplog: pytest.LogCaptureFixture) -> None:
    models, completeness, stars = field
    some = stars[2].copy()
    some[3, 0] = np.nan
    write_catalogue(Path("nan.fits"), some)
    trim_grid("grid.hd5", "noise.hd5", [SubFile("nan.fits", "nan")], "vega.txt", index=True)
    assert "fluxes of 1 stars" in caplog.text
    low, high = np.nanmin(some, axis=0), np.nanmax(some, axis=0)
    rows = kept(models, completeness, np.array([low, high]), TrimRules())
    np.testing.assert_array_equal(read_index_list("nan_index.hd5", len(models.seds)), rows)
    some[:, 0] = np.nan
    write_catalogue(Path("nan.fits"), some)
    with pytest.raises(InputError, match="no star with a finite flux in HST_X_F000W"):
        trim_grid("grid.hd5", "noise.hd5", [SubFile("nan.fits", "nan")], "vega.txt")


def test_index_lists_of_other_grids(tmp_path: Path) -> None:
    path = tmp_path / "i.hd5"
    write_index_list(path, np.array([1, 5, 8]), 10)
    np.testing.assert_array_equal(read_index_list(path, 10), [1, 5, 8])
    with pytest.raises(InputError, match="of a grid of 10 models, not of 11"):
        read_index_list(path, 11)
    for rows, message in (([], "lists no model"), ([5, 1], "do not ascend"), ([0, 10], "do not ascend")):
        write_index_list(path, np.array(rows, dtype=int), 10)
        with pytest.raises(InputError, match=message):
            read_index_list(path, 10)
    with h5py.File(path, "w") as f:
        f["other"] = 1
    with pytest.raises(InputError, match='no dataset "fullgrid_idx"'):
        read_index_list(path, 10)
