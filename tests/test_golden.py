"""Runs of whole parameter files against the peer's outputs, with the tolerances of the reference's tool."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from fastsed.cli.main import fit
from fastsed.params import read_params

# the tool leaves it to Python to close the files that it reads
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

SCENARIOS = [
    *("best_fit_sed", "best_from_sim", "chi_grid", "custom_burst", "custom_sfh", "diff_av", "full_grid"),
    *("interval_chi2", "kc_exp_metal", "lir_cirrus", "make_seds", "metals", "noll_sfr", "outputs"),
    *("sfh_mass", "sims", "sims_zphot", "spectrum_gridded", "spectrum_idl", "tru", "zphot_best"),
    *("zphot_conf95", "zphot_few", "zphot_force"),
]


class InProcess:
    """Stands for `subprocess` in the tool: the command is a function call in the scenario's folder."""

    @staticmethod
    def run(_command: list[str], cwd: str, **_: object) -> SimpleNamespace:
        before = Path.cwd()
        os.chdir(cwd)
        try:
            fit(read_params("fast.param", ["VERBOSE=0"]))
        finally:
            os.chdir(before)
        return SimpleNamespace(returncode=0, stdout="", stderr="")


@pytest.fixture(scope="module")
def compare(shared) -> ModuleType:
    """The tool, as a module."""
    spec = importlib.util.spec_from_file_location("reference_compare", shared / "tools" / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.subprocess = InProcess
    return module


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name, shared, compare, tmp_path):
    if not (shared / "golden" / name / "expected").is_dir():
        pytest.skip(f"the reference scenario {name} is not here")
    ok, notes, _ = compare.run(str(shared), "golden", name, "fastsed", str(tmp_path))
    assert ok, "; ".join(notes)
    shutil.rmtree(tmp_path, ignore_errors=True)
