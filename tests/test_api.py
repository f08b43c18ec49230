"""The library: what it gives is what the command writes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from astropy.table import Table

import fastsed
from fastsed.errors import InputError
from tests.helpers import copy_example
from tests.outputs.helpers import read_fout

KEYS = {"a_v_step": 0.5, "no_cache": True, "verbose": False}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    copy_example(tmp_path, 12)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def results(folder):
    return fastsed.run("gst.param", n_sim=20, c_interval=[68, 95], **KEYS)


def test_the_table_is_the_catalogue(folder, results):
    written = read_fout(folder / "gst.fout")
    assert results.table.colnames == list(written.columns)
    for name, texts in written.columns.items():
        if name != "id":
            step = {"z": 1e-4, "chi2": 1e-6}.get(name.split("_")[-1], 0.01)
            np.testing.assert_allclose(
                results.table[name], np.array(texts, float), rtol=1e-6, atol=0.501 * step
            )
            assert results.table[name].dtype == np.float64
    assert list(map(str, results.table["id"])) == written.columns["id"]
    assert len(results) == 12
    assert results.fitted.all()


def test_units_and_descriptions(results):
    table = results.table
    assert str(table["lmass"].unit) == "dex(solMass)"
    assert str(table["Av"].unit) == "mag"
    assert table["chi2"].unit is None
    assert table["u95_lmass"].unit == table["lmass"].unit
    assert all(table[name].description for name in table.colnames)


def test_quantities_are_those_of_the_columns_without_rounding(results):
    for name in ("z", "lmass", "lssfr", "ltau", "Av"):
        np.testing.assert_allclose(results.quantity(name), results.table[name], atol=0.00501)
    formed = results.quantity("lmform")
    assert (formed > results.quantity("lmass")).all()
    assert len(set((100 * formed) % 1)) > 3
    with pytest.raises(InputError, match="there is no quantity 'lmas'"):
        results.quantity("lmas")


def test_spectrum_and_data_of_a_best_fit(results):
    one = results.sed("2")
    assert one.wavelength.shape == one.flux.shape
    valid = np.isfinite(one.data_error)
    chi2 = np.sum(((one.data_flux - one.model_flux)[valid] / one.data_error[valid]) ** 2)
    assert chi2 == pytest.approx(results.best.chi2[1], rel=0.2), "the template error makes it smaller"
    assert chi2 >= results.best.chi2[1]
    with pytest.raises(InputError, match="there is no source 'x'"):
        results.sed("x")


def test_history_of_a_best_fit(results):
    one = results.sfh("2", step=50)
    formed = np.trapezoid(one.sfr, one.time)
    assert np.log10(formed) == pytest.approx(results.quantity("lmform")[1], abs=0.05)


@pytest.mark.parametrize("suffix", ["ecsv", "csv"])
def test_written_tables_read_back(folder, results, suffix):
    path = results.write(folder / f"out.{suffix}")
    table = Table.read(path)
    assert table.colnames == results.table.colnames
    np.testing.assert_allclose(table["lmass"], results.table["lmass"], rtol=1e-6)


def test_the_written_catalogue_is_that_of_the_run(folder, results):
    assert results.write(folder / "again.fout").read_bytes() == (folder / "gst.fout").read_bytes()
    with pytest.raises(InputError, match=r"a suffix that says the format is needed"):
        results.write(folder / "again.dat")


def test_parts_of_a_catalogue_merge_to_the_whole(folder, results):
    lines = (folder / "gst.cat").read_text().splitlines(keepends=True)
    header, rows = [x for x in lines if x.startswith("#")], [x for x in lines if not x.startswith("#")]
    parts = []
    for k, (start, stop) in enumerate([(0, 2), (2, 3), (3, 7), (7, 8), (8, 12)]):
        (folder / f"part{k}.cat").write_text("".join(header + rows[start:stop]))
        keys = KEYS | {"catalog": f"part{k}", "output_file": f"part{k}", "n_sim": 20, "c_interval": [68, 95]}
        parts.append(fastsed.run("gst.param", **keys))
    merged = fastsed.merge(parts)
    for name in results.table.colnames:
        np.testing.assert_array_equal(merged.table[name], results.table[name])
    np.testing.assert_array_equal(merged.best.chi2, results.best.chi2)
    np.testing.assert_array_equal(merged.sed("9").model_flux, results.sed("9").model_flux)
    np.testing.assert_array_equal(merged.sed("9").data_flux, results.sed("9").data_flux)
    with pytest.raises(InputError, match="different models"):
        fastsed.merge([results, fastsed.run("gst.param", a_v_max=1.0, n_sim=20, **KEYS)])


def test_progress_is_told_or_shown(folder, capfd):
    done = []
    fastsed.run("gst.param", progress=done.append, **KEYS)
    assert sum(done) > 1000
    fastsed.run("gst.param", progress=True, **KEYS)
    assert "models" in capfd.readouterr().err


def test_public_names_are_all_there():
    for name in fastsed.__all__:
        assert getattr(fastsed, name) is not None
        assert name in dir(fastsed)
        if name != "__version__":
            assert getattr(fastsed, name).__doc__


def test_the_import_alone_is_light():
    heavy = ["astropy", "h5py", "scipy", "pandas", "pyarrow", "matplotlib", "numpy"]
    code = f"import fastsed, sys; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == "[]"
