"""MAKE_SEDS: the files of FAST++, and one clear message for each fault of the list."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.outputs.make_seds import make_seds, read_sed_list
from tests.outputs.golden_fits import assert_same_digits, prepared


def test_files_are_those_of_fastpp(shared, monkeypatch, tmp_path):
    problem = prepared(shared, monkeypatch, "make_seds", f"OUTPUT_DIR={tmp_path}")
    assert make_seds(problem) == 3
    expected = sorted(Path("expected/seds").iterdir())
    found = sorted((tmp_path / "seds").iterdir())
    assert [path.name for path in found] == [path.name for path in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert_same_digits(ours, theirs)


def test_spectra_scale(shared, monkeypatch, tmp_path):
    (tmp_path / "list").write_text("# id model scale\n\none 777 1\n  two\t777 -2.5e9  # negative\n")
    out = f"OUTPUT_DIR={tmp_path}"
    problem = prepared(shared, monkeypatch, "make_seds", f"MAKE_SEDS={tmp_path / 'list'}", out)
    assert make_seds(problem) == 2
    one, two = (np.loadtxt(tmp_path / f"seds/{name}.fit") for name in ("one", "two"))
    np.testing.assert_allclose(two[:, 1], -2.5e9 * one[:, 1], rtol=1e-5)


def test_intrinsic_spectra_where_wanted(shared, monkeypatch, tmp_path):
    problem = prepared(shared, monkeypatch, "make_seds", "INTRINSIC_BEST_FIT=1", f"OUTPUT_DIR={tmp_path}")
    make_seds(problem)
    assert (tmp_path / "seds/b.fit").read_text().startswith("# wl fl fl_nodust (x 10^-19 ")


def test_a_model_without_a_spectrum_is_told(shared, monkeypatch, tmp_path):
    (tmp_path / "list").write_text("ok 0 1\nold 20 1\n")
    overrides = [f"MAKE_SEDS={tmp_path / 'list'}", f"OUTPUT_DIR={tmp_path}", "LOG_AGE_MAX=10.5"]
    problem = prepared(shared, monkeypatch, "make_seds", *overrides)
    with pytest.raises(
        InputError, match=r"list:2: model 20 has log\(age/yr\) = 10.5, but the library covers"
    ):
        make_seds(problem)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lists_of_other_programs(tmp_path, ending):
    lines = ["\ufeff# id, model, scale", "a\u00e9, 3.0, 1.D2", "b\t1e1\t\u22122 # note"]
    (tmp_path / "list").write_text(ending.join(lines), encoding="utf-8", newline="")
    found = [(one.identity, one.model, one.scale) for one in read_sed_list(tmp_path / "list", 100)]
    assert found == [("a\u00e9", 3, 100), ("b", 10, -2)]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a 0 1\nb 1\n", 2, "has 2 fields, expected 3: id, modelID and scale"),
        ("a 0 1 1\n", 1, "has 4 fields, expected 3"),
        ("a 1.5 1\n", 1, "the modelID '1.5' must be a whole number"),
        ("a -1 1\n", 1, "the modelID '-1' must be a whole number, not negative"),
        ("a ² 1\n", 1, "the modelID '²' must be a whole number"),
        ("\n#x\na 100 1\n", 3, "there is no model 100: the grid has 100 models, 0 to 99"),
        ("a 99999999999999999999999 1\n", 1, "there is no model 99999999999999999999999"),
        ("a 0 x\n", 1, "the scale 'x' must be a number"),
        ("a 0 nan\n", 1, "the scale 'nan' must be a number"),
        ("a 0 inf\n", 1, "the scale 'inf' must be a number"),
        ("../a 0 1\n", 1, "the id '../a' must be fit for a file name: no slashes"),
        ("a\\b 0 1\n", 1, "must be fit for a file name"),
        ("a 0 1\nb 1 1\na 2 1\n", 3, "the id 'a' is already on line 1"),
    ],
)
def test_faults_of_the_list(tmp_path, text, line, message):
    (tmp_path / "list").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_sed_list(tmp_path / "list", 100)
    assert str(caught.value).startswith(f"{tmp_path / 'list'}:{line}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "# nothing\n\n"])
def test_an_empty_list_is_told(tmp_path, text):
    (tmp_path / "list").write_text(text)
    with pytest.raises(InputError, match="lists no models: expected lines with id, modelID and scale"):
        read_sed_list(tmp_path / "list", 100)


def test_a_missing_list_is_told(tmp_path):
    with pytest.raises(InputError, match="list: cannot be read: No such file"):
        read_sed_list(tmp_path / "list", 100)


def test_lists_of_other_systems(tmp_path):
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbfa 0 1\r\nb\t99\t2e3\r\n")
    found = read_sed_list(tmp_path / "list", 100)
    assert [(one.identity, one.model, one.scale) for one in found] == [("a", 0, 1.0), ("b", 99, 2e3)]
