"""Best-fit files: digit by digit those of FAST++, with the data beside the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.outputs.best_fits import source_path, write_best_fits
from fastsed.params import read_params
from tests.outputs.golden_fits import assert_same_digits, best_models, prepared


@pytest.mark.parametrize(
    "name", ["best_fit_sed", "spectrum_idl", "spectrum_gridded", "custom_sfh", "diff_av"]
)
def test_files_are_those_of_fastpp(shared, monkeypatch, tmp_path, name):
    problem = prepared(shared, monkeypatch, name, f"OUTPUT_DIR={tmp_path}")
    count = write_best_fits(problem, *best_models(problem))
    expected = sorted(Path("expected/best_fits").glob("*.fit"))
    found = sorted((tmp_path / "best_fits").iterdir())
    assert [path.name for path in found] == [path.name for path in expected]
    assert count == len(expected) // 2
    convolved = bool(problem.params.apply_vdisp or problem.params.lsf_best_fit)
    for ours, theirs in zip(found, expected, strict=True):
        assert_same_digits(ours, theirs, skip_last=convolved and "input_res" not in ours.name)


def test_model_that_fits_is_the_model_that_is_written(shared, monkeypatch, tmp_path):
    """chi2 of the written model is that of the fit."""
    problem = prepared(shared, monkeypatch, "best_fit_sed", f"OUTPUT_DIR={tmp_path}", "TEMP_ERR_FILE=")
    from fastsed.pipeline import fit_problem

    fits = fit_problem(problem).best
    write_best_fits(problem, fits.model_id, fits.scale)
    for row, identity in enumerate(problem.catalog.ids):
        _, model, observed, error = np.loadtxt(tmp_path / f"best_fits/gal_{identity}.input_res.fit").T
        assert np.sum(((model - observed) / error) ** 2) == pytest.approx(fits.chi2[row], rel=1e-4)


def test_only_the_wanted_columns_and_sources_are_written(shared, monkeypatch, tmp_path):
    out = f"OUTPUT_DIR={tmp_path}"
    problem = prepared(shared, monkeypatch, "best_fit_sed", out, "INTRINSIC_BEST_FIT=0", "LSF_BEST_FIT=1")
    models, scales = best_models(problem)
    models = np.where(np.arange(len(models)) == 1, models, -1)
    assert write_best_fits(problem, models, scales) == 1
    assert sorted(path.name for path in (tmp_path / "best_fits").iterdir()) == [
        "gal_2.fit",
        "gal_2.input_res.fit",
    ]
    # LSF_BEST_FIT needs a line spread function
    assert (tmp_path / "best_fits/gal_2.fit").read_text().startswith("# wl fl (x 10^-19 ")


def test_names_of_files(tmp_path):
    params = read_params(
        None, [f"CATALOG={tmp_path / 'deep' / 'field'}", "OUTPUT_DIR=out", "OUTPUT_FILE=other"]
    )
    assert source_path(params, "7", "fit") == Path("out/best_fits/field_7.fit")
    assert source_path(params, "../a\\b", "sfh") == Path("out/best_fits/field_.._a_b.sfh")
    assert source_path(params, "7", "chi2.grid", "best_chi2") == Path("out/best_chi2/field_7.chi2.grid")


def test_a_folder_that_cannot_be_made_is_told(shared, monkeypatch, tmp_path):
    (tmp_path / "best_fits").write_text("in the way")
    problem = prepared(shared, monkeypatch, "best_fit_sed", f"OUTPUT_DIR={tmp_path}")
    with pytest.raises(InputError, match=r"best_fits.gal_\d.fit: cannot be written"):
        write_best_fits(problem, *best_models(problem))
