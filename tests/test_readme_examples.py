"""The histories of FAST++'s documentation, run as written on a tiny catalogue with coarse steps."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.params import read_params
from fastsed.pipeline import run
from tests.helpers import copy_example

GRID = """
CATALOG = 'gst'
N_SIM = 0
N_THREAD = 1
VERBOSE = 0
DUST_LAW = 'calzetti'
Z_MIN = 0.02
Z_MAX = 0.3
Z_STEP = 0.04
A_V_MIN = 0
A_V_MAX = 2
A_V_STEP = 1
LOG_AGE_MIN = 8.2
LOG_AGE_MAX = 10
LOG_AGE_STEP = 0.6
CUSTOM_SFH_STEP = 10
"""

DELAYED = """
CUSTOM_SFH = '(t/10^log_tau)*exp(-(t/10^log_tau))'
CUSTOM_PARAMS = ['log_tau']
LOG_TAU_MIN = 8.0
LOG_TAU_MAX = 10.0
LOG_TAU_STEP = 1
"""

BURST = """
CUSTOM_SFH = '(t/10^log_tau)*exp(-t/10^log_tau) + max(0, ((t - 10^log_tburst)/10^log_tau)*exp(-(t - 10^log_tburst)/10^log_tau))'
CUSTOM_PARAMS = ['log_tau','log_tburst']
LOG_TAU_MIN = 6.0
LOG_TAU_MAX = 10.0
LOG_TAU_STEP = 1
LOG_TBURST_MIN = 6.0
LOG_TBURST_MAX = 9.0
LOG_TBURST_STEP = 1
"""  # noqa: E501

PIECEWISE = """
CUSTOM_SFH = '((t > 10^ltburst)*exp(-(t - 10^ltburst)/10^ltrise) + (t < 10^ltburst)*exp((t - 10^ltburst)/10^ltdecl))*10^(lrsfr*(t < 10^ltfree))'
CUSTOM_PARAMS = ['ltburst','ltrise','ltdecl','lrsfr','ltfree']
CUSTOM_SFH_LOOKBACK = 1
LTBURST_MIN = 8
LTBURST_MAX = 9.2
LTBURST_STEP = 0.6
LRSFR_MIN = -2
LRSFR_MAX = 2
LRSFR_STEP = 2
LTFREE_MIN = 7
LTFREE_MAX = 8.5
LTFREE_STEP = 0.75
LTRISE_MIN = 7
LTRISE_MAX = 9.4
LTRISE_STEP = 1.2
LTDECL_MIN = 7
LTDECL_MAX = 9.4
LTDECL_STEP = 1.2
"""  # noqa: E501


@pytest.fixture
def folder(tmp_path, monkeypatch):
    copy_example(tmp_path, 4)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fitted(folder, text, **changes):
    """Run the text as a parameter file; every galaxy has a fit."""
    more = "".join(f"{key} = {value}\n" for key, value in changes.items())
    (folder / "fast.param").write_text(GRID + text + more)
    results = run(read_params(folder / "fast.param"))
    assert (results.best.model_id >= 0).all()
    assert all(np.isfinite(results.values[name]).all() for name in ("lmass", "lsfr", "chi2"))
    assert (folder / "gst.fout").exists()
    return results


def test_delayed(folder):
    """FAST's own delayed history, but for the sampling of the formula."""
    custom = fitted(folder, DELAYED)
    own = fitted(folder, "", SFH="'del'", LOG_TAU_MIN=8, LOG_TAU_MAX=10, LOG_TAU_STEP=1)
    for name in ("z", "lage", "Av"):
        np.testing.assert_array_equal(custom.values[name], own.values[name])
    np.testing.assert_array_equal(custom.values["log_tau"], own.values["ltau"])
    np.testing.assert_allclose(custom.values["lmass"], own.values["lmass"], rtol=0.01)
    np.testing.assert_allclose(custom.values["chi2"], own.values["chi2"], rtol=0.02)


def test_burst(folder):
    free = fitted(folder, BURST)
    assert tuple(free.axes)[5:] == ("log_tau", "log_tburst")
    held = fitted(folder, BURST, GRID_EXCLUDE="'log_tburst < log_tau'")
    assert (held.values["log_tburst"] >= held.values["log_tau"]).all()
    assert (held.values["chi2"] >= free.values["chi2"] * (1 - 1e-9)).all()
    # of 5 x 4 pairs of the axes
    allowed = sum(tburst >= tau for tau in range(6, 11) for tburst in range(6, 10))
    np.testing.assert_array_equal(held.best.n_models * 20, free.best.n_models * allowed)


def test_piecewise_history_in_lookback_time(folder):
    found = fitted(folder, PIECEWISE)
    assert [len(values) for values in found.axes.values()][5:] == [3, 3, 3, 3, 3]


def test_lookback_time_is_the_age_less_the_time(folder):
    """The substitution that the documentation gives leads to the same models."""
    lookback = fitted(folder, PIECEWISE)
    formula = PIECEWISE.splitlines()[1]
    name, _, quoted = formula.partition(" = ")
    # t stands alone, as a word
    words = quoted.replace("(t ", "((10^lage - t) ")
    assert words.count("10^lage") == formula.count("(t ") == 5
    cosmic = fitted(
        folder,
        PIECEWISE.replace(formula, f"{name} = {words}").replace(
            "CUSTOM_SFH_LOOKBACK = 1", "CUSTOM_SFH_LOOKBACK = 0"
        ),
    )
    np.testing.assert_array_equal(cosmic.best.model_id, lookback.best.model_id)
    np.testing.assert_allclose(cosmic.best.chi2, lookback.best.chi2, rtol=1e-6)
    np.testing.assert_allclose(cosmic.values["lmass"], lookback.values["lmass"], rtol=1e-6)
