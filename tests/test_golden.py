"""Whole runs against the outputs of FAST++: the shipped scenarios always, the others where ../shared is."""

from __future__ import annotations

import filecmp
from pathlib import Path

import pytest

from fastsed.cli.main import fit
from fastsed.params import read_params
from tests.golden import copy_inputs, differences, unpack_shipped

SHIPPED = ("edges", "edges_free", "gst_formula", "gst_intervals", "gst_photoz", "gst_seds")
OTHERS = (
    *("best_fit_sed", "best_from_sim", "chi_grid", "custom_burst", "custom_sfh", "diff_av", "full_grid"),
    *("interval_chi2", "kc_exp_metal", "lir_cirrus", "make_seds", "metals", "noll_sfr", "outputs"),
    *("sfh_mass", "sims", "sims_zphot", "spectrum_gridded", "spectrum_idl", "tru", "zphot_best"),
    *("zphot_conf95", "zphot_few", "zphot_force"),
)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Path:
    return unpack_shipped(tmp_path_factory.mktemp("shipped"))


def check(root: Path, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a scenario; every file that FAST++ wrote is there with its figures."""
    monkeypatch.chdir(copy_inputs(root, name, folder))
    fit(read_params("fast.param", ["VERBOSE=0"]))
    results = differences(root / "golden" / name / "expected", Path.cwd())
    assert results
    wrong = [str(result) for result in results if not result.accepted]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scenario(name, shipped, tmp_path, monkeypatch):
    check(shipped, name, tmp_path, monkeypatch)


@pytest.mark.parametrize("name", OTHERS)
def test_scenario(name, shared, tmp_path, monkeypatch):
    check(shared, name, tmp_path, monkeypatch)


def test_every_scenario_is_tested(shared):
    assert sorted(path.name for path in (shared / "golden").iterdir()) == sorted(SHIPPED + OTHERS)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files_are_those_of_the_reference(name, shipped, shared):
    files = [path for path in (shipped / "golden" / name).rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert filecmp.cmp(path, shared / path.relative_to(shipped), shallow=False), path
