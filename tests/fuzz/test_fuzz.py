"""Some damaged files for every reader, always the same ones; `make fuzz` tries many more."""

from __future__ import annotations

import random
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="limits of time and memory need POSIX")

from fastsed.errors import InputError
from tests.fuzz.mutate import damage_binary, damage_fits, damage_hdf5, damage_text
from tests.fuzz.runner import _outcome, make_input
from tests.fuzz.targets import TARGETS, fits_library_seeds, hdf5_seeds

INPUTS = 600
SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "fuzz.py"


def test_damaged_files_end_in_clear_errors():
    command = [sys.executable, "-P", str(SCRIPT), "--inputs", str(INPUTS), "--seed", "0"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{INPUTS} damaged inputs of {len(TARGETS)} kinds, seed 0: 0 findings" in result.stdout


def test_inputs_are_the_same_for_the_same_seed():
    (target,) = (target for target in TARGETS if target.name == "catalog")
    inputs = [make_input(target, [b"# id F1 E1\n1 2 3\n"], 1, number) for number in range(50)]
    assert inputs == [make_input(target, [b"# id F1 E1\n1 2 3\n"], 1, number) for number in range(50)]
    assert len(set(inputs)) > 40
    assert inputs != [make_input(target, [b"# id F1 E1\n1 2 3\n"], 2, number) for number in range(50)]


@pytest.mark.parametrize(
    ("damage", "seeds"),
    [
        (damage_text, lambda _: [b"1 2 3\n4 5 6\n"]),
        (damage_binary, lambda _: [bytes(range(256))]),
        (damage_text, lambda _: [b""]),
        (damage_binary, lambda _: [b""]),
        (damage_fits, fits_library_seeds),
        (damage_hdf5, hdf5_seeds),
    ],
)
def test_every_damage_can_be_done(damage, seeds, tmp_path):
    (data,) = seeds(tmp_path)
    results = {damage(random.Random(number), data) for number in range(200)}
    assert len(results) > 50 or not data


def refuse(_):
    raise InputError("no")


def warn(_):
    warnings.warn("overflow", RuntimeWarning, stacklevel=1)


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda _: None, None),
        (refuse, None),
        (lambda path: int(path.read_text()), "ValueError"),
        (lambda _: sys.exit(2), "SystemExit"),
        (warn, "RuntimeWarning"),
    ],
)
def test_what_is_a_finding(read, expected, tmp_path):
    outcome = _outcome(replace(TARGETS[0], read=read), tmp_path, b"x")
    assert outcome is None if expected is None else outcome[0].startswith(expected)
