"""The kernels need no more instructions than they used to: counted by callgrind, so without a clock.

`scripts/record_instructions.py` records the counts anew, when a kernel has changed for a reason.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastsed
from fastsed._ext import best_fit, runtime

RECORD = Path(__file__).parent / "data" / "instructions.json"
PROBLEMS = Path(__file__).parent / "kernel_problems.py"
# valgrind knows no AVX-512
SIMD = "avx2"
ALLOWED_GROWTH = 1.10


def compiler() -> str:
    """Name and major version of the compiler that made the kernels, as they themselves say."""
    found = re.search(rb"(GCC: \([^)]*\)|clang version) (\d+)\.", Path(best_fit.__file__).read_bytes())
    if found is None:
        return "unknown"
    return f"{'GCC' if found[1].startswith(b'GCC') else 'clang'} {int(found[2])}"


def this_platform() -> dict[str, str]:
    """What the counts depend on."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "compiler": compiler(),
        "simd": SIMD,
        "openmp": "yes" if runtime.has_openmp() else "no",
    }


def count_instructions(kernels: list[str], folder: Path) -> dict[str, int]:
    """Instructions in one call of each kernel (names of kernel_problems.FIXED), all that it calls included."""
    environment = os.environ | {
        "FASTSED_SIMD": SIMD,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(fastsed.__file__).resolve().parents[1]),
    }
    command = [
        "valgrind",
        "--tool=callgrind",
        f"--callgrind-out-file={folder}/%p",
        "--toggle-collect=__pyx_pw_7fastsed_4_ext_*",
        sys.executable,
        str(PROBLEMS),
        *kernels,
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    counts = {}
    for line in done.stdout.splitlines():
        process, kernel = line.split(" ", 1)
        total = re.search(r"^summary: (\d+)", (folder / process).read_text(), re.MULTILINE)
        assert total, f"callgrind says nothing about {kernel}"
        counts[kernel] = int(total[1])
    return counts


@pytest.fixture(scope="module")
def recorded() -> dict[str, int]:
    """The recorded counts, where they apply."""
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not here")
    record = json.loads(RECORD.read_text())
    if record["platform"] != this_platform():
        pytest.skip(f"recorded for {record['platform']}, and this is {this_platform()}")
    return record["instructions"]


@pytest.fixture(scope="module")
def counted(recorded: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The counts of today."""
    counts = count_instructions(list(recorded), tmp_path_factory.mktemp("callgrind"))
    if not any(counts.values()):
        pytest.skip("the kernels have no symbols (stripped): callgrind cannot find them")
    return counts


def test_no_kernel_needs_more_instructions(recorded: dict[str, int], counted: dict[str, int]) -> None:
    grown = {
        kernel: f"{before:,} -> {counted[kernel]:,} ({counted[kernel] / before - 1:+.1%})"
        for kernel, before in recorded.items()
        if not 0 < counted[kernel] <= ALLOWED_GROWTH * before
    }
    assert not grown, f"if this has a reason: scripts/record_instructions.py; {grown}"


def test_every_kernel_is_recorded() -> None:
    from .kernel_problems import FIXED

    assert list(json.loads(RECORD.read_text())["instructions"]) == list(FIXED)
