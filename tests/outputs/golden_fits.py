"""The reference scenarios that have files per source, set up as a run does; a test helper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastsed.params import read_params
from fastsed.pipeline import fit_problem
from fastsed.problem import Problem, prepare


def prepared(shared: Path, monkeypatch: pytest.MonkeyPatch, name: str, *overrides: str) -> Problem:
    """A scenario as `fastsed.pipeline.prepare` sets it up, in its folder."""
    monkeypatch.chdir(shared / "golden" / name)
    return prepare(read_params("fast.param", overrides))


def best_models(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """modelIDs and scales of all sources."""
    fits = fit_problem(problem).best
    return fits.model_id, fits.scale


def assert_same_digits(found: Path, expected: Path, rtol: float = 1.1e-5, skip_last: bool = False) -> None:
    """Same header and, but for a unit of the last of six digits, same numbers.

    `skip_last`: FAST++ halves a convolved spectrum at its very end, where it leaves out the far side of the
    sample; we do not.
    """
    assert found.read_text().splitlines()[0] == expected.read_text().splitlines()[0]
    rows = slice(None, -1 if skip_last else None)
    np.testing.assert_allclose(np.loadtxt(found)[rows], np.loadtxt(expected)[rows], rtol=rtol, atol=1e-30)
