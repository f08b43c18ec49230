"""A parameter file in another folder: relative paths start at the working directory, and a message says so."""

from __future__ import annotations

import re

import pytest

from fastsed.errors import InputError
from fastsed.inputs.working_directory import check_working_directory
from fastsed.params import read_params


@pytest.fixture
def check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "fast.param").write_text("CATALOG = 'gal'\n")

    def _check(*keys: str) -> None:
        check_working_directory(read_params("run/fast.param", keys))

    return _check


@pytest.mark.parametrize(
    ("key", "value", "file"),
    [
        ("CATALOG", "gal", "gal.cat"),
        ("SPECTRUM", "deep/gal", "deep/gal.spec"),
        ("FILTERS_RES", "F.RES", "F.RES"),
        ("TEMP_ERR_FILE", "err", "err"),
    ],
)
def test_beside_the_parameter_file(check, tmp_path, key, value, file):
    check(f"{key}={value}")
    path = tmp_path / "run" / file
    path.parent.mkdir(exist_ok=True)
    path.touch()
    message = (
        f"{key} = '{value}': paths start at the working directory, '{tmp_path}', which has no .*run/{file}"
    )
    with pytest.raises(InputError, match=re.escape(message).replace(r"\.\*", ".*")):
        check(f"{key}={value}")
    check(f"{key}={tmp_path / value}")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    check(f"{key}={value}")


def test_folder_of_libraries(check, tmp_path):
    (tmp_path / "run" / "libs").mkdir()
    with pytest.raises(InputError, match=r"run fastsed in 'run', or write LIBRARY_DIR = 'run/libs'"):
        check("LIBRARY_DIR=libs")


def test_results_may_go_anywhere(check, tmp_path):
    (tmp_path / "run" / "out").mkdir()
    check("OUTPUT_DIR=out", "OUTPUT_FILE=out/x")
