"""Infrared luminosities."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.inputs.luminosity import find_luminosities, read_luminosities
from fastsed.params import read_params

LIR = "# ID LIR ELIR LOG COMP\na 1e12 1e11 0 all\nb 12.1 0.2 1 BC\nc 3e12 1e12 0 cirrus\n"


@pytest.fixture
def write(tmp_path):
    def _write(text: str):
        path = tmp_path / "gal.lir"
        path.write_text(text, newline="")
        return path

    return _write


@pytest.mark.parametrize("text", [LIR, LIR.replace("\n", "\r\n"), LIR.replace(" ", "\t")])
def test_all_columns(write, text):
    lir = read_luminosities(write(text), ["a", "b", "c"], differential=True)
    assert lir.value.tolist() == [1e12, 12.1, 3e12]
    assert lir.error.tolist() == [1e11, 0.2, 1e12]
    assert lir.log.tolist() == [False, True, False]
    assert lir.component.tolist() == [0, 1, 2]


@pytest.mark.parametrize("none", ["0 0", "-99 -99", "nan nan", "1e12 nan", "nan 1e11", "1e12 0", "inf 1"])
def test_missing_values(write, none):
    lir = read_luminosities(write(f"# elir_ id lir elir\n0 a {none}\n0 b -1e10 1e11\n"), ["a", "b"])
    assert (lir.value[0], lir.error[0]) == (0.0, np.inf)
    assert (lir.value[1], lir.error[1]) == (-1e10, 1e11)
    assert not lir.log.any()
    assert not lir.component.any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# ID LIR\na 1\n", r"gal\.lir: has no column ELIR"),
        (LIR.replace("0.2 1", "0.2 2"), r"gal\.lir:3: column LOG: '2' must be 0 or 1"),
        (LIR.replace("BC", "dust"), r"gal\.lir:3: column COMP: 'dust' must be one of all, bc, cirrus"),
        (LIR.replace("12.1", "x"), r"gal\.lir:3: column LIR: 'x' is not a number"),
        (LIR.replace("b 12.1", "B 12.1"), r"gal\.lir:3: source 'B' stands where the catalogue has 'b'"),
        (LIR + "d 1 1 0 all\n", r"lists 4 sources, but the catalogue 3"),
    ],
)
def test_faults(write, text, message):
    with pytest.raises(InputError, match=message):
        read_luminosities(write(text), ["a", "b", "c"], differential=True)


def test_components_need_differential_attenuation(write):
    with pytest.raises(InputError, match=r"gal\.lir:3: column COMP: 'BC' needs DIFFERENTIAL_A_V = 1"):
        read_luminosities(write(LIR), ["a", "b", "c"])
    every = LIR.replace("BC", "all").replace("cirrus", "ALL")
    assert not read_luminosities(write(every), ["a", "b", "c"]).component.any()


def test_what_has_no_square_is_no_luminosity(write, caplog):
    lir = read_luminosities(
        write("# id lir elir\na 1e200 1e11\nb 1e12 1e170\nc 1e12 1e11\n"), ["a", "b", "c"]
    )
    assert lir.error.tolist() == [np.inf, np.inf, 1e11]
    assert "gal.lir:2: column LIR: 2 values are masked" in caplog.text


def test_without_the_file(tmp_path, caplog):
    params = read_params(None, [f"CATALOG={tmp_path / 'gal'}", "USE_LIR=1"])
    assert find_luminosities(params, ["1"]) is None
    assert f"there is no file '{tmp_path / 'gal.lir'}': no infrared luminosities are used" in caplog.text
    (tmp_path / "gal.lir").write_text("\ufeff# A title\n# id lir elir\n1.0 1.0D10 1e9\n", encoding="utf-8")
    assert find_luminosities(params, ["1"]).value.tolist() == [1e10]
    assert find_luminosities(dataclasses.replace(params, use_lir=False), ["1"]) is None
