"""chi2.grid of whole small runs: every model and source against a direct evaluation."""

from __future__ import annotations

import errno
from collections import namedtuple

import numpy as np
import pytest

import fastsed
from fastsed.errors import InputError
from fastsed.fitting.best_fit import find_best_fits
from fastsed.fitting.passes import walk
from fastsed.models.properties import property_names
from fastsed.outputs.grid_file import chi_grid_reducer
from fastsed.uncertainties import scaled_properties
from tests.fitting.toys import add_log_prior, all_models, make_problem, slow_fit


def write_chi_grid(problem, path):
    """Write the file in a pass of its own."""
    redshifts = np.ones(len(problem.grid.axes.z), dtype=bool)
    with chi_grid_reducer(problem, path) as reducer:
        walk(problem.grid, redshifts, [reducer], problem.data.n_sources)


def written(problem, path):
    """The file that a run writes, opened."""
    write_chi_grid(problem, path)
    return fastsed.read_chi2_grid(path)


def expected(problem):
    """(nmodel, 1 + nproperty, nsource) by the definition."""
    grid, data = problem.grid, problem.data
    models, names = all_models(grid), property_names(grid)
    found = np.full((grid.axes.size, 1 + len(names), data.n_sources), np.nan)
    for row in range(data.n_sources):
        chi2, scale, spec_scale = slow_fit(models, data, row)
        values = scaled_properties(problem, models.ids, scale, spec_scale)
        found[models.ids, 0, row] = chi2
        outside = np.isinf(chi2)
        for i, name in enumerate(names):
            found[models.ids, 1 + i, row] = np.where(outside, np.nan, values[name])
    return found


def assert_same(grid, reference):
    assert grid.data.shape == reference.shape
    np.testing.assert_array_equal(np.isnan(grid.data), np.isnan(reference))
    np.testing.assert_array_equal(np.isinf(grid.data), np.isinf(reference))
    # chi2 may be a difference of larger numbers: still good to single precision
    np.testing.assert_allclose(grid.data, reference, rtol=1e-5)


@pytest.mark.parametrize("strings", ["null", "counted"])
def test_every_chi2_and_property(library, tmp_path, strings):
    problem = make_problem(library, "METAL=[0.008,0.02]", f"GRID_STRINGS={strings}")
    grid = written(problem, tmp_path / "chi2.grid")
    assert (grid.version, grid.strings, grid.n_sources) == ("D", strings, 6)
    assert grid.properties == property_names(problem.grid)
    assert list(grid.axes) == ["z", "Av", "Av_bc", "lage", "metal", "ltau"]
    for name, values in problem.grid.axes.as_dict().items():
        np.testing.assert_array_equal(grid.axes[name], values)
    assert_same(grid, expected(problem))
    models = all_models(problem.grid)
    assert len(models.ids) < problem.grid.axes.size, "some models should be older than the Universe"


def test_the_best_of_the_grid_is_the_best_fit(library, tmp_path):
    problem = make_problem(library, "METAL=[0.02,0.008]")
    fits = find_best_fits(problem.grid, problem.data)
    grid = written(problem, tmp_path / "chi2.grid")
    np.testing.assert_array_equal(np.nanargmin(grid.data[:, 0], axis=0), fits.model_id)
    np.testing.assert_allclose(np.nanmin(grid.data[:, 0], axis=0), fits.chi2, rtol=1e-6)
    chosen = grid.select(source=2, properties=["lscale"], metal=0.008)
    assert np.unique(chosen["metal"]).tolist() == [np.float32(0.008)]
    best = np.nanargmin(chosen["chi2"])
    assert chosen["chi2"][best] >= fits.chi2[2] * (1 - 1e-6)


@pytest.mark.parametrize("keep", [48 << 20, 0])
def test_windows(library, tmp_path, monkeypatch, keep):
    """A model at a redshift that a source may not have: infinite chi2, no properties. Kept tiles change nothing."""
    monkeypatch.setattr("fastsed.models.grid.KEEP_BYTES", keep)
    problem = make_problem(library)
    data = problem.data
    data.first_z[:] = data.best_first_z[:] = [0, 1, 1, 3, 0, 0]
    data.last_z[:] = data.best_last_z[:] = [-1, 1, 2, 3, -1, -1]
    find_best_fits(problem.grid, data)  # as a run does before
    grid = written(problem, tmp_path / "chi2.grid")
    assert_same(grid, expected(problem))
    chi2 = grid.data[:, 0]
    assert (np.isinf(chi2).all(axis=0) | np.isnan(chi2).any(axis=0)).all()
    assert not np.isfinite(chi2[:, [0, 4, 5]]).any()


def test_two_scales_and_luminosities(library, tmp_path):
    problem = make_problem(library, n_channels=4, components=(0,))
    data = problem.data
    data.own_spec_scale[:3] = 1
    data.template_error[:] = 0.1
    data.value[1::2, 4], data.variance[1::2, 4] = 0.0, np.inf
    add_log_prior(problem, [1, 5], 0)
    grid = written(problem, tmp_path / "chi2.grid")
    assert_same(grid, expected(problem))
    sscale = grid.data[:, 1 + grid.properties.index("sscale")]
    fitted = np.isfinite(sscale[:, 0])
    assert (sscale[fitted, :3] != 1).any()
    np.testing.assert_allclose(sscale[fitted, 3:], 1, rtol=1e-6)


def test_excluded_models_are_nan(library, tmp_path):
    problem = make_problem(library, "GRID_EXCLUDE=Av > 0.5 || (lage < 8.2 && ltau > 9) || z > 1.4")
    reference = expected(problem)
    grid = written(problem, tmp_path / "chi2.grid")
    assert_same(grid, reference)
    values = grid.parameters(np.arange(grid.n_models))
    out = (values["Av"] > 0.5) | (values["lage"] < 8.2) & (values["ltau"] > 9) | (values["z"] > 1.4)
    assert np.isnan(grid.data[out]).all()
    young = values["lage"] <= problem.grid.age_limit.min()
    assert np.isfinite(grid.data[~out & young][:, 0]).all()


@pytest.mark.parametrize(("block", "tile"), [(1, 8 << 20), (3000, 1), (16 << 20, 1)])
def test_small_blocks_and_tiles_give_the_same_file(library, tmp_path, monkeypatch, block, tile):
    problem = make_problem(library, "METAL=[0.008,0.02]", "GRID_EXCLUDE=Av > 0.5 && lage < 8.2")
    whole = written(problem, tmp_path / "whole")
    monkeypatch.setattr("fastsed.fitting.full_grid.BLOCK_BYTES", block)
    monkeypatch.setattr("fastsed.models.grid.TILE_BYTES", tile)
    again = make_problem(library, "METAL=[0.008,0.02]", "GRID_EXCLUDE=Av > 0.5 && lage < 8.2")
    parts = written(again, tmp_path / "parts")
    np.testing.assert_allclose(parts.data, whole.data, rtol=3e-6)


def test_threads_write_the_same_bytes(library, tmp_path):
    for n in (1, 2, 5):
        write_chi_grid(make_problem(library, "METAL=[0.008,0.02]", n_threads=n), tmp_path / str(n))
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes() == (tmp_path / "5").read_bytes()


def test_a_full_disk_ends_before_anything_is_written(library, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**6, 10**6 - 1000, 1000))
    problem = make_problem(library)
    with pytest.raises(
        InputError, match=r"chi2\.grid: the chi2 grid needs .* but only 1 kB are free.*SAVE_BESTCHI"
    ):
        write_chi_grid(problem, tmp_path / "chi2.grid")
    assert list(tmp_path.iterdir()) == []


def test_expected_size_is_announced(library, tmp_path, caplog):
    problem = make_problem(library)
    with caplog.at_level("INFO"):
        write_chi_grid(problem, tmp_path / "chi2.grid")
    size = (tmp_path / "chi2.grid").stat().st_size
    assert f"{size / 1e9:.3g} GB" in caplog.text or "MB" in caplog.text or "kB" in caplog.text


def test_a_run_that_breaks_leaves_no_file(library, tmp_path, monkeypatch):
    def broken(*_):
        raise MemoryError

    monkeypatch.setattr("fastsed.fitting.full_grid.all_chi2", broken)
    with pytest.raises(MemoryError):
        write_chi_grid(make_problem(library), tmp_path / "chi2.grid")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", [1, 3])
def test_a_disk_that_fills_up_leaves_no_file(library, tmp_path, monkeypatch, failing):
    """The last block fails when nothing comes after it."""
    problem = make_problem(library)
    blocks = []

    def full(self, first_model, data):
        blocks.append(first_model)
        if len(blocks) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")

    if failing > 1:
        monkeypatch.setattr("fastsed.fitting.full_grid.BLOCK_BYTES", 1)
    monkeypatch.setattr("fastsed.outputs.chi2grid.ChiGridWriter.write_block", full)
    with pytest.raises(InputError, match=r"chi2\.grid: cannot be written: No space left"):
        write_chi_grid(problem, tmp_path / "chi2.grid")
    assert len(blocks) == failing
    assert list(tmp_path.iterdir()) == []
