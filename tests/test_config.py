"""Configuration objects made from Python: the same checks, corrections and messages as those of a file."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest

from fastsed.config.fit import FitOptions
from fastsed.config.machine import MachineOptions
from fastsed.config.models import ModelOptions
from fastsed.config.options import OptionError
from fastsed.config.outputs import OutputOptions
from fastsed.errors import InputError
from fastsed.params import Params, read_params

WRONG = [
    ({"n_sim": -5}, "N_SIM = -5: must be >= 0"),
    ({"n_sim": 2.5}, "N_SIM = 2.5: expected a whole number"),
    ({"c_interval": [68, 120]}, "C_INTERVAL = [68, 120]: must be < 100"),
    ({"dust_law": "calzeti"}, "DUST_LAW = calzeti: must be one of calzetti, mw"),
    ({"h0": float("nan")}, "H0 = nan: expected a number"),
    ({"best_from_sim": True}, "BEST_FROM_SIM = 1 needs simulations"),
    ({"a_v_min": 2.0, "a_v_max": 1.0}, "A_V_MIN = 2 is above A_V_MAX = 1"),
    ({"verbose": "perhaps"}, "VERBOSE = perhaps: expected 0 or 1"),
    ({"custom_sfh": "t", "custom_params": ["a"]}, "the custom parameter 'a' has no A_MIN, A_MAX, A_STEP"),
    (
        {"custom_sfh": "t", "custom_params": "a", "a_min": 1, "a_max": 2},
        "the custom parameter 'a' has no A_STEP",
    ),
    ({"custom_sfh": "t", "custom_params": ["z"]}, "the name 'z' has a meaning of its own"),
    ({"n_simm": 3}, "there is no key N_SIMM; did you mean N_SIM?"),
]


@pytest.mark.parametrize(("keys", "says"), WRONG, ids=[" ".join(keys) for keys, _ in WRONG])
def test_wrong_values_are_refused_alike(keys, says):
    for make in (lambda: Params(**keys), lambda: read_params(None, **keys)):
        with pytest.raises(InputError) as caught:
            make()
        assert says in str(caught.value)


@pytest.mark.parametrize("wrong", [{"n_sim": -5}, {"c_interval": (0.0,)}, {"seed": "x"}])
def test_replacing_a_value_checks_it(wrong):
    with pytest.raises(OptionError) as caught:
        dataclasses.replace(FitOptions(), **wrong)
    with pytest.raises(OptionError) as again:
        dataclasses.replace(Params(), **wrong)
    assert str(again.value) == str(caught.value)


def test_a_file_and_python_give_the_same(tmp_path):
    path = tmp_path / "fast.param"
    path.write_text(
        "N_SIM = 10\nC_INTERVAL = [68, 95]\nMETAL = 0.02\nCUSTOM_SFH = 't*a'\nCUSTOM_PARAMS = [a]\n"
        "A_MIN = 0\nA_MAX = 1\nA_STEP = 0.5\nOUTPUT_DIR = out\nVERBOSE = no\n"
    )
    written = read_params(path)
    made = Params(
        n_sim=np.int64(10), c_interval=np.array([68, 95]), METAL=0.02, custom_sfh="t*a", custom_params=["a"],
        a_min=0, a_max=1, A_STEP=0.5, output_dir=Path("out"), verbose=0,
    )  # fmt: skip
    assert dataclasses.replace(written, path="", explicit=frozenset()) == dataclasses.replace(
        made, explicit=frozenset()
    )
    assert made.custom_ranges == {"a": (0.0, 1.0, 0.5)}
    assert made.c_interval == (68.0, 95.0)
    assert dataclasses.replace(made, n_sim=3).custom_ranges == made.custom_ranges


def test_keys_of_python_come_before_those_of_a_file(tmp_path):
    path = tmp_path / "fast.param"
    path.write_text("N_SIM = 10\nSEED = 3\n")
    params = read_params(path, N_SIM=5)
    assert (params.n_sim, params.seed) == (5, 3)
    with pytest.raises(InputError, match="N_SIM = -1: must be >= 0"):
        read_params(path, n_sim=-1)


def test_text_is_understood_as_in_a_file():
    params = Params(n_sim="10", c_interval="[68, 95]", no_igm="yes", metal="0.008")
    assert (params.n_sim, params.c_interval, params.no_igm, params.metal) == (
        10,
        (68.0, 95.0),
        True,
        (0.008,),
    )


def test_what_follows_from_other_options(caplog):
    assert FitOptions(interval_from_chi2=True, c_interval=90).save_bestchi == pytest.approx(2.7055, rel=1e-4)
    assert ModelOptions(library="co11").metal == (0.019,)
    assert OutputOptions(output_file="out/name").output_dir == "out"
    assert Params(catalog="gal").output_file == "gal"
    assert not caplog.records[1:]
    assert ModelOptions(a_v_bc_max=2).a_v_bc_max == 0.0
    assert "A_V_BC_MIN and A_V_BC_MAX are ignored" in caplog.text


def test_they_are_immutable_and_can_be_pickled():
    params = Params(n_sim=3, custom_sfh="t", custom_params=["a"], a_min=0, a_max=1, a_step=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        params.n_sim = 4  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(params)) == params


def test_unknown_instruction_set_of_the_environment(monkeypatch):
    monkeypatch.setenv("FASTSED_SIMD", "sse2")
    with pytest.raises(
        InputError, match="FASTSED_SIMD=sse2: must be one of scalar, avx2, avx512, or not be set"
    ):
        MachineOptions()
    for known in ("scalar", "avx2", "avx512", ""):
        monkeypatch.setenv("FASTSED_SIMD", known)
        MachineOptions()
