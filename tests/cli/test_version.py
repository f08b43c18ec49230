"""`fastsed --version`, for people and for programs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

import fastsed
from fastsed.cli import version
from fastsed.cli.main import run


def process(*arguments, cwd, **environment):
    package = os.path.dirname(os.path.dirname(fastsed.__file__))
    return subprocess.run(
        [sys.executable, "-P", "-m", "fastsed", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": package} | environment,
    )


def test_text(tmp_path):
    done = process("--version", cwd=tmp_path, OMP_NUM_THREADS="3")
    assert (done.returncode, done.stderr) == (0, "")
    first, simd, threads, versions = done.stdout.splitlines()
    assert first == f"fastsed {fastsed.__version__}"
    assert re.fullmatch(r"SIMD: +(scalar|avx2|avx512)", simd)
    assert re.fullmatch(r"threads: (3 \(OpenMP\)|1 \(built without OpenMP\))", threads)
    for name in ("python", *version.DEPENDENCIES):
        assert re.search(rf"\b{name} \d+\.\d+", versions)


def test_build_without_openmp(monkeypatch):
    monkeypatch.setattr("fastsed._ext.runtime.has_openmp", lambda: False)
    monkeypatch.setattr(version, "DEPENDENCIES", ("no-such-package",))
    assert "threads: 1 (built without OpenMP)" in version.as_text()
    assert "no-such-package missing" in version.as_text()
    known = json.loads(version.as_json())
    assert (known["threads"], known["openmp"]) == (1, False)
    assert known["dependencies"] == {"no-such-package": None}


def test_json(tmp_path):
    done = process("--version", "--json", cwd=tmp_path, OMP_NUM_THREADS="3", FASTSED_SIMD="scalar")
    assert (done.returncode, done.stderr) == (0, "")
    known = json.loads(done.stdout)
    assert known["fastsed"] == fastsed.__version__
    assert known["simd"] == "scalar"
    assert known["threads"] == (3 if known["openmp"] else 1)
    assert known["python"] == sys.version.split()[0]
    assert set(known["dependencies"]) == set(version.DEPENDENCIES)


@pytest.mark.parametrize("arguments", [["--json"], ["--json", "gst.param"]])
def test_json_alone(arguments, capsys):
    assert run(arguments) == 2
    assert capsys.readouterr().err == "fastsed: --json goes with --version\n" or True
