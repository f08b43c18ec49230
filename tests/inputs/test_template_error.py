"""The template error function."""

from __future__ import annotations

import pytest

from fastsed.errors import InputError
from fastsed.inputs.template_error import read_template_error


@pytest.mark.parametrize("text", ["500 0.1\n600 0.2\n", "# lam err\r\n  500\t0.1 1\r\n\r\n600 0.2 1"])
def test_two_columns(tmp_path, text):
    path = tmp_path / "terr"
    path.write_bytes(text.encode())
    table = read_template_error(path)
    assert table.lam.tolist() == [500, 600]
    assert table.error.tolist() == [0.1, 0.2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "terr: is empty: expected the columns wavelength, error"),
        ("500\n", "terr:1: has 1 columns, expected 2"),
        ("500 0.1\n600 abc\n", "terr:2: column error: 'abc' is not a number"),
        ("500 0.1\n500 0.2\n", "terr: wavelengths must ascend, but 500 follows 500"),
        ("500 -0.1\n", r"terr: holds a negative error \(-0.1\)"),
        ("500 nan\n", "terr: holds a wavelength or error that is not finite"),
    ],
)
def test_faults(tmp_path, text, message):
    path = tmp_path / "terr"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_template_error(path)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="none: cannot be read: No such file"):
        read_template_error(tmp_path / "none")


def test_reference(shared):
    table = read_template_error(shared / "data" / "TEMPLATE_ERROR.fast.v0.2")
    assert table.lam.size > 1000


@pytest.mark.parametrize(
    ("factor", "unit"), [(1, ""), (1e-4, "are they in micron?"), (1e-10, "are they in m?")]
)
def test_units(tmp_path, caplog, factor, unit):
    path = tmp_path / "err.txt"
    path.write_text("".join(f"{lam * factor} 0.1\n" for lam in (900, 5000, 20000)))
    read_template_error(path)
    assert unit in caplog.text
    assert len(caplog.records) == bool(unit)
