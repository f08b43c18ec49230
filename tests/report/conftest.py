"""A small fit of the shipped example, for figures and reports."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

import pytest

import fastsed
from tests.helpers import copy_example

KEYS = {"a_v_step": 0.5, "no_cache": True, "verbose": False}


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the first galaxies of the example, one with a band that is hardly detected; nobody changes it."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("example")
    path = copy_example(folder, 12)
    lines = (folder / "gst.cat").read_text().splitlines()
    names = lines[0][1:].split()
    first = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    words = lines[first].split()
    words[names.index("F158")], words[names.index("E158")] = "-20", "50"
    lines[first] = " ".join(words)
    (folder / "gst.cat").write_text("\n".join(lines) + "\n")
    return path.parent


@pytest.fixture(scope="session")
def results(example: Path) -> fastsed.Results:
    """Its results, with intervals from 40 simulations."""
    with chdir(example):
        return fastsed.run("gst.param", n_sim=40, c_interval=[68, 95], **KEYS)
