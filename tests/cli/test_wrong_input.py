"""Bad keys and files of simulations, spectra, luminosities, formulas and grids: one message each, nothing written."""

from __future__ import annotations

from collections import namedtuple

import pytest

from fastsed.cli.main import run
from tests.helpers import COARSE, copy_example

CUSTOM = ("CUSTOM_SFH=exp(-t/10^lt)", "CUSTOM_PARAMS=[lt]", "LT_MIN=8", "LT_MAX=9", "LT_STEP=1")
SPEC = "# wl_low wl_up F1 E1\n5000 5010 1 0.1\n5010 5020 1 0.1\n"
STEPS = "# wl F1 E1\n5000 1 0.1\n5010 1 0.1\n5030 1 0.1\n"
ZOUT = "# id z_phot\n1 0.1\n2 0.2\n"
LIR = "# ID LIR ELIR COMP\n1 1e10 1e9 bc\n2 1e10 1e9 all\n"

KEYS = [
    # simulations and intervals
    (("SEED=-1",), "SEED = -1: must be >= 0"),
    (("SEED=x",), "SEED = x: expected a whole number"),
    (("SEED=4294967296", "N_SIM=3"), "SEED = 4294967296"),
    (("N_SIM=1e2.5",), "N_SIM = 1e2.5: expected a whole number"),
    (("BEST_FROM_SIM=1",), "BEST_FROM_SIM = 1 needs simulations"),
    (("N_SIM=5", "C_INTERVAL=[68,120]"), "C_INTERVAL = [68,120]: must be < 100"),
    (("SAVE_BESTCHI=-1",), "SAVE_BESTCHI = -1: must be >= 0"),
    (("GRID_STRINGS=pascal",), "GRID_STRINGS = pascal: must be one of null, counted"),
    # histories
    (("CUSTOM_SFH=t", "CUSTOM_PARAMS=[lt]"), "the custom parameter 'lt' has no LT_MIN, LT_MAX, LT_STEP"),
    (("CUSTOM_SFH=t", "CUSTOM_PARAMS=[z]"), "CUSTOM_PARAMS: the name 'z' has a meaning of its own"),
    ((*CUSTOM, "CUSTOM_SFH_STEP=0"), "CUSTOM_SFH_STEP = 0: must be > 0"),
    ((*CUSTOM, "CUSTOM_SFH_LOOKBACK=2"), "CUSTOM_SFH_LOOKBACK = 2: expected 0 or 1"),
    (("DIFFERENTIAL_A_V=1",), "DIFFERENTIAL_A_V = 1 needs a CUSTOM_SFH"),
    ((*CUSTOM, "LOG_BC_AGE_MAX=old"), "LOG_BC_AGE_MAX = old: expected a number"),
    (("MY_SFH=mine",), "MY_SFH = 'mine': no library of this history"),
    (("SFH_QUANTITIES=[tsff]",), "unknown quantity 'tsff'"),
    (("SFH_QUANTITIES=[tform200]",), "SFH_QUANTITIES: 'tform200': the percentage"),
    (("SFH_OUTPUT=age",), "SFH_OUTPUT = age: must be one of sfr, mass"),
    (("BEST_SFHS=1", "SFH_OUTPUT_STEP=0"), "SFH_OUTPUT_STEP = 0: must be > 0"),
    (("GRID_EXCLUDE=1",), "GRID_EXCLUDE excludes every model"),
    # priors
    (("POSTERIOR=1", "PRIOR_AV=gauss(1,2)"), "command line: PRIOR_AV = gauss(1,2): expected one of 'flat'"),
    (("POSTERIOR=1", "PRIOR_LAGE=expr(x-10)"), "command line: PRIOR_LAGE: the density at 8"),
    (("POSTERIOR=1", "PRIOR_Z=pz(none)"), "command line: PRIOR_Z = pz(none): there is no such file"),
    # the rest
    (("APPLY_VDISP=-3",), "APPLY_VDISP = -3: must be >= 0"),
    (("MAX_QUEUED_FITS=-1",), "MAX_QUEUED_FITS = -1: must be >= 0"),
    (("PARALLEL=gpu",), "PARALLEL = gpu: must be one of none, sources, models, generators"),
    (("CONTINUUM_INDICES=none",), "none: cannot be read: No such file"),
]
FILES = [
    (("MAKE_SEDS=none",), {}, "none: cannot be read: No such file"),
    (("MAKE_SEDS=list",), {"list": "a 1\n"}, "list:1: has 2 fields, expected 3"),
    (("MAKE_SEDS=list",), {"list": "\na 10000000000 1\n"}, "list:2: there is no model 10000000000"),
    (("MAKE_SEDS=list",), {"list": "# nothing\n"}, "list: lists no models"),
    (("USE_LIR=1",), {"gst.lir": LIR}, "gst.lir:2: column COMP: 'bc' needs DIFFERENTIAL_A_V = 1"),
    (("USE_LIR=1",), {"gst.lir": "# ID LIR ELIR\n1 1e10 1e9\n"}, "gst.lir: lists 1 sources, but the"),
    (("USE_LIR=1",), {"gst.lir": "# ID LIR\n1 1\n2 1\n"}, "gst.lir: has no column ELIR"),
    (("SPECTRUM=none",), {}, "none.spec: cannot be read: No such file"),
    (("SPECTRUM=gst",), {"gst.spec": ""}, "gst.spec: has no header"),
    (("SPECTRUM=gst",), {"gst.spec": STEPS}, "gst.spec: the steps of WL are not uniform to 5%"),
    (("SPECTRUM=gst",), {"gst.spec": SPEC.replace("wl_up", "up")}, "gst.spec: has no column WL_UP"),
    (("SPECTRUM=gst",), {"gst.spec": SPEC.replace("1 0.1", "1 x")}, "gst.spec:2: "),
    (
        ("SPECTRUM=gst",),
        {"gst.spec": SPEC.replace("F1 E1", "F7 E7")},
        "gst.spec: has no spectrum of a source",
    ),
    (("SPECTRUM=gst", "SPEC_LSF_FILE=none"), {"gst.spec": SPEC}, "none: cannot be read: No such file"),
    (
        ("SPECTRUM=gst", "SPEC_LSF_FILE=lsf"),
        {"gst.spec": SPEC, "lsf": "5000 x\n"},
        "lsf:1: column sigma: 'x'",
    ),
    (("SPECTRUM=gst", "TEMP_ERR_SPEC_FILE=none"), {"gst.spec": SPEC}, "none: cannot be read: No such file"),
    (("N_SIM=3", "C_INTERVAL=80"), {"gst.zout": ZOUT}, "C_INTERVAL = 80: with photometric redshifts"),
    (("ZPHOT_CONF=68",), {"gst.zout": ZOUT}, "gst.zout: has no column L68"),
    (("NAME_ZPHOT=z_m2",), {"gst.zout": ZOUT}, "gst.zout: has no column Z_M2"),
]
# the formula, where the caret points, and the fault
FORMULAS = [
    ("CUSTOM_SFH", "exp(-t/10^8", 3, "this '(' is never closed"),
    ("CUSTOM_SFH", "exp(-t/10^tau)", 10, "unknown name 'tau'"),
    ("CUSTOM_SFH", "gauss(t)", 0, "unknown name 'gauss'"),
    ("CUSTOM_SFH", "t 3", 2, "an operator is missing before '3'"),
    ("CUSTOM_SFH", "t*Av", 2, "unknown name 'Av'"),
    ("GRID_EXCLUDE", "nothing > 1", 0, "unknown name 'nothing'"),
    ("GRID_EXCLUDE", "lage >", 6, "but the formula ends"),
    ("GRID_EXCLUDE", "lage = 3", 5, ""),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The shipped example, two galaxies of it, as the working directory."""
    copy_example(tmp_path, 2)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def message_of(capsys, folder, keys, files):
    """What a run with these keys and files says on standard error; it must write nothing."""
    for name, text in files.items():
        (folder / name).write_text(text)
    before = sorted(path.name for path in folder.iterdir())
    assert run(["gst.param", *COARSE, "NO_CACHE=1", "OUTPUT_COLUMNS=[]", *keys, "-q"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fastsed: error: ")
    assert "Traceback" not in err
    assert sorted(path.name for path in folder.iterdir()) == before, "something was written"
    return err


@pytest.mark.parametrize(("keys", "message"), KEYS, ids=[" ".join(k[-2:]) for k, _ in KEYS])
def test_keys(folder, capsys, keys, message):
    err = message_of(capsys, folder, keys, {})
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("PRIOR_LAGE = normal(9, 0)", "PRIOR_LAGE = normal(9, 0): sigma must be > 0"),
        ("GRID_EXCLUDE = nothing > 1", "GRID_EXCLUDE: unknown name 'nothing'"),
    ],
)
def test_what_is_found_late_has_its_line(folder, capsys, line, message):
    """Priors and formulas are read when the grid is known, long after the file."""
    lines = [*(folder / "gst.param").read_text().splitlines(), "POSTERIOR = 1", line]
    (folder / "gst.param").write_text("\n".join(lines) + "\n")
    err = message_of(capsys, folder, (), {})
    assert f"gst.param:{len(lines)}: {message}" in err


@pytest.mark.parametrize(("keys", "files", "message"), FILES, ids=[f"{k[-1]} {m}" for k, _, m in FILES])
def test_files(folder, capsys, keys, files, message):
    err = message_of(capsys, folder, keys, files)
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("key", "formula", "caret", "message"), FORMULAS, ids=[f[1] for f in FORMULAS])
def test_formulas_are_shown_with_a_caret(folder, capsys, key, formula, caret, message):
    err = message_of(capsys, folder, [f"{key}={formula}"], {})
    first, shown, pointed = err.rstrip("\n").split("\n")
    assert message in first
    assert shown.strip() == formula
    assert pointed.index("^") - shown.index(formula) == caret


def test_a_grid_too_large_for_the_disk(folder, capsys, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**6, 10**6 - 1000, 1000))
    err = message_of(capsys, folder, ["SAVE_CHI_GRID=1"], {})
    assert err.startswith("fastsed: error: chi2.grid: the chi2 grid needs ")
    assert "but only 1 kB are free" in err
    assert err.count("\n") == 1
