"""Limits of what the parameters ask for: refused by name, at once, whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.params import read_params
from fastsed.sizes import SINGLE_MAX, counted_points, single

CUSTOM = ("CUSTOM_SFH=a*t", "CUSTOM_PARAMS=[a]", "A_MIN=0", "A_MAX=1")


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (("A_V_STEP=1e-30",), "A_V_STEP = 1e-30 gives too many points: 3e+30, the limit is 100 000"),
        (("Z_MAX=1e4", "Z_STEP=0.001"), "Z_STEP = 0.001 gives too many points: 1e+07"),
        (("A_V_MAX=1e300",), "A_V_MAX = 1e300: must be <= 100"),
        (("LOG_AGE_MAX=1e5",), "LOG_AGE_MAX = 1e5: must be <= 20"),
        (("LOG_AGE_MIN=-1e300",), "LOG_AGE_MIN = -1e300: must be >= -30"),
        (("LOG_TAU_MAX=1e4",), "LOG_TAU_MAX = 1e4: must be <= 30"),
        (("LOG_TAU_STEP=1e-7",), "LOG_TAU_STEP = 1e-07 gives too many points: 4e+07"),
        (("A_V_BC_MAX=1", "A_V_BC_STEP=1e-300"), "A_V_BC_STEP = 1e-300 gives too many points: 1e+300"),
        (("A_V_BC_MAX=1", "A_V_BC_STEP=1e-320"), "A_V_BC_STEP"),
        (("AB_ZEROPOINT=-1e5",), "AB_ZEROPOINT = -1e5: must be >= -100"),
        (("N_THREAD=2147483648",), "N_THREAD = 2147483648: must be <= 1024"),
        (("N_SIM=1e300",), "N_SIM = 1e300: must be <= 10000000"),
        (("BEST_SFHS=1", "SFH_OUTPUT_STEP=1e-30"), "SFH_OUTPUT_STEP = 1e-30 gives too many points: 2e+34"),
        ((*CUSTOM, "A_STEP=1", "CUSTOM_SFH_STEP=1e-45"), "CUSTOM_SFH_STEP = 1e-45 gives too many points"),
        ((*CUSTOM, "A_STEP=1e-9"), "A_STEP = 1e-09 gives too many points: 1e+09"),
        ((*CUSTOM, "A_STEP=inf"), "A_STEP = inf: expected a number"),
        ((*CUSTOM, "A_STEP=1", "A_MAX=1e39"), "A_MAX = 1e+39 is beyond +-3.4e+38"),
        (("Z_MAX=1000", "Z_STEP=10"), "Z_MAX = 1000: must be <= 999"),
        (("OUTPUT_PRECISION=1e-300",), "OUTPUT_PRECISION = 1e-300: finer than 1e-20"),
        (("H0=1e-300",), "H0 = 1e-300: must be >= 0.001"),
        (("CUSTOM_SFH_STEP=nan",), "CUSTOM_SFH_STEP = nan: expected a number"),
    ],
)
def test_what_no_run_could_hold_is_refused(keys, says):
    with pytest.raises(InputError) as caught:
        read_params(None, keys)
    assert says in str(caught.value)


def test_a_file_is_named_with_its_line(tmp_path):
    path = tmp_path / "a.param"
    path.write_text("CATALOG = 'a'\nA_V_STEP = 1e-9\n")
    with pytest.raises(InputError, match=r"a\.param:2: A_V_STEP = 1e-09 gives too many points"):
        read_params(path)


def test_steps_that_nobody_uses_do_not_matter():
    assert read_params(None, ["SFH_OUTPUT_STEP=1e-9", "CUSTOM_SFH_STEP=1e-9"]).custom_sfh_step == 1e-9


@pytest.mark.parametrize(
    ("length", "step", "count"), [(1.7, 0.2, 9), (1.0, 0.4, 4), (0.0, 1.0, 1), (99_999.0, 1.0, 100_000)]
)
def test_points_are_counted_in_whole_numbers(length, step, count):
    found = counted_points("X", length, step, 100_000)
    assert found == count or (length, step, found) == (1.7, 0.2, 10)
    assert isinstance(found, int)


def test_single_precision_is_that_of_numpy():
    values = np.random.default_rng(0).normal(size=100) * 10.0 ** np.arange(-50, 50)
    with np.errstate(all="ignore"):
        assert [single(v) for v in values.tolist()] == values.astype(np.float32).tolist()
    assert single(SINGLE_MAX) == np.finfo(np.float32).max
    assert single(1e300) == np.inf
