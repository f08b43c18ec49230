"""Calls of `fastsed-survey` against the peer's outputs, with the tolerances of the reference's tool."""

from __future__ import annotations

import importlib.util
import os
import shlex
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from fastsed.cli.survey.main import COMMANDS, main

# the tool leaves it to Python to close the files that it reads
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

ROOT = Path(__file__).resolve().parents[3] / "shared" / "golden_survey"
SCENARIOS = sorted(path.parent.name for path in ROOT.glob("*/commands")) or ["none"]


class InProcess:
    """Stands for `subprocess` in the tool: the command is a function call in the scenario's folder."""

    TimeoutExpired = TimeoutError

    @staticmethod
    def run(command: list[str], cwd: str, **_: object) -> SimpleNamespace:
        if command[0] != "fastsed-survey":
            import subprocess

            return subprocess.run(command, cwd=cwd, capture_output=True, text=True)
        before = Path.cwd()
        os.chdir(cwd)
        try:
            status = main(command[1:])
        except SystemExit as error:
            status = error.code
        finally:
            os.chdir(before)
        return SimpleNamespace(returncode=status, stdout="", stderr="")


@pytest.fixture(scope="module")
def compare() -> ModuleType:
    """The tool, as a module."""
    path = ROOT.parent / "tools" / "compare_survey.py"
    spec = importlib.util.spec_from_file_location("reference_compare_survey", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.subprocess = InProcess
    return module


def steps(name):
    """The steps that a scenario calls."""
    lines = (ROOT / name / "commands").read_text(encoding="utf-8").splitlines()
    return {shlex.split(line)[0] for line in lines if line.strip() and not line.startswith("#")}


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name, compare, tmp_path):
    if name == "none":
        pytest.skip("the reference scenarios (../shared) are not here")
    assert steps(name) <= COMMANDS.keys()
    report, _ = compare.run(str(ROOT), name, "fastsed-survey", str(tmp_path), 300, False)
    assert not report.bad, "; ".join(report.bad)
