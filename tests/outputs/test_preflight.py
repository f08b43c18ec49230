"""What cannot be written is refused before the first model."""

from __future__ import annotations

import os

import pytest

from fastsed.cli.main import run
from fastsed.errors import InputError
from fastsed.outputs.preflight import check_output, check_outputs
from fastsed.params import read_params
from fastsed.problem import prepare
from tests.helpers import PLAIN, copy_example


@pytest.fixture
def folder(tmp_path, monkeypatch):
    copy_example(tmp_path, 3)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def test_good_paths(tmp_path):
    check_output(tmp_path / "new" / "folders" / "a.txt")
    (tmp_path / "a.txt").write_text("old")
    check_output(tmp_path / "a.txt")
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a.txt/b.txt", r"a\.txt is a file, not a folder"),
        ("a.txt/b/c.txt", r"a\.txt is a file, not a folder"),
        ("folder", "it is a folder"),
        ("x" * 256, "a file name of 256 bytes is too long; at most 255"),
        ("é" * 128, "a file name of 256 bytes is too long"),
        ("n" * 300 + "/x", "a file name of 300 bytes is too long"),
        ("a\0b", "holds the character NUL"),
        ("loop/x", "cannot be written"),
    ],
)
def test_bad_paths(tmp_path, path, message):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=message) as caught:
        check_output(tmp_path / path)
    assert len(str(caught.value)) < 600


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="no permission to write"):
        check_output(tmp_path / "a.txt")


def test_no_permission_as_told_by_the_system(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="no permission to write"):
        check_output(tmp_path / "a.txt")


@pytest.mark.parametrize("option", [[], ["--check"]])
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("OUTPUT_DIR=gst.cat", "gst.cat is a file, not a folder"),
        ("OUTPUT_FILE=" + "x" * 300, "a file name of 305 bytes is too long"),
    ],
)
def test_runs_are_refused_before_they_begin(folder, capsys, monkeypatch, option, setting, message):
    monkeypatch.setattr("fastsed.models.grid.ModelGrid.tiles", lambda *_: pytest.fail("a model was made"))
    assert run(["gst.param", *PLAIN, setting, "NO_CACHE=1", *option]) == 1
    assert message in capsys.readouterr().err
    assert names(folder) == ["gst.cat", "gst.param"]


def with_ids(folder, *ids):
    lines = (folder / "gst.cat").read_text().splitlines()
    rows = iter(ids)
    shown = [one if one.startswith("#") else " ".join([next(rows), *one.split()[1:]]) for one in lines]
    (folder / "gst.cat").write_text("\n".join(shown) + "\n")


@pytest.mark.parametrize("key", ["BEST_FIT=1", "BEST_SFHS=1", "SAVE_BESTCHI=1", "SAVE_SIM=1 N_SIM=5"])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("a\x07b", r"the id 'a\\x07b' cannot be part of the name of its file"),
        ("i" * 250, "is too long"),
    ],
)
def test_ids_that_cannot_name_a_file(folder, key, bad, message):
    with_ids(folder, bad, "a_b", "c")
    overrides = [*PLAIN, "NO_CACHE=1"]
    check_outputs(prepare(read_params("gst.param", overrides)))
    problem = prepare(read_params("gst.param", [*overrides, *key.split()]))
    with pytest.raises(InputError, match=message):
        check_outputs(problem)


def test_ids_of_listed_models(folder):
    (folder / "list").write_text(f"a 1 1\n{'x' * 250} 2 1\n")
    problem = prepare(read_params("gst.param", [*PLAIN, "NO_CACHE=1", "MAKE_SEDS=list"]))
    with pytest.raises(InputError, match="a file name of 264 bytes is too long"):
        check_outputs(problem)
    (folder / "list").write_text("a\x07 1 1\n")
    with pytest.raises(InputError, match=r"the id 'a\\x07' must be fit for a file name"):
        prepare(read_params("gst.param", [*PLAIN, "NO_CACHE=1", "MAKE_SEDS=list"]))
