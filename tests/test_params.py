"""The parameter file: what is understood, what is refused, and how it is documented."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from fastsed.config import machine
from fastsed.config.fit import chi2_threshold
from fastsed.errors import InputError, UsageError
from fastsed.params import (
    Params,
    describe_key,
    key_fields,
    parameters_markdown,
    read_params,
)


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def _read(text: str | bytes, overrides=()) -> Params:
        path = tmp_path / "fast.param"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_params(path, overrides)

    return _read


def test_defaults(read):
    params = read("")
    assert params.ab_zeropoint == 23.9
    assert params.c_interval == (68.0,)
    assert params.metal == (0.02,)
    assert params.name_zphot == "z_phot"
    assert params.filters_res.endswith("FILTER.RES.latest")
    assert (params.seed, params.igm, params.grid_strings) == (42, "madau95", "null")
    assert params.explicit == frozenset()
    assert read("LIBRARY = co11").metal == (0.019,)
    assert read("LIBRARY = co11\nMETAL = 0.05").metal == (0.05,)


def test_values_of_every_type(read):
    params = read(
        "catalog = 'my cat'   # comment with 'quotes\n"
        "\tN_SIM\t=\t100\n"
        "BEST_FIT = 1\r\n"
        'OUTPUT_DIR = "out # put" # a real comment\n'
        "LIBRARY = bc03\n"
        "METAL = [0.008, 0.02,0.05]\n"
        "C_INTERVAL = 95\n"
        "REST_MAG = []\n"
        "OUTPUT_COLUMNS = ['id', \"z\", Av]\n"
        "SFH_QUANTITIES =\n"
        "CUSTOM_SFH = (t > 1)*exp(-t/1e9)\n"
        "Z_STEP = 1.e-2\n"
        "DUST_LAW = 'Noll'\n"
        "# Z_MAX = 3\n"
    )
    assert params.catalog == "my cat"
    assert params.output_file == "my cat"
    assert params.n_sim == 100
    assert params.best_fit is True
    assert params.output_dir == "out # put"
    assert params.library == "bc03"
    assert params.metal == (0.008, 0.02, 0.05)
    assert params.c_interval == (95.0,)
    assert params.rest_mag == ()
    assert params.output_columns == ("id", "z", "Av")
    assert params.sfh_quantities == ()
    assert params.custom_sfh == "(t > 1)*exp(-t/1e9)"
    assert params.z_step == 0.01
    assert params.dust_law == "noll"
    assert params.z_max == 9.0
    assert {"catalog", "n_sim", "dust_law"} <= params.explicit
    assert "z_max" not in params.explicit


def test_empty_list_value_keeps_the_default(read):
    assert read("C_INTERVAL =").c_interval == (68.0,)
    assert read("C_INTERVAL = []").c_interval == ()


def test_bytes_that_are_no_utf8(read):
    params = read(b"\xef\xbb\xbfCATALOG = 'gal' # \xc5ngstr\xf6m\r\nZ_MAX = 3\r\n")
    assert (params.catalog, params.z_max) == ("gal", 3.0)


def test_alias(read):
    assert read("FILTERS_FORMAT = 0").filter_format == 0


def test_overrides_precede_the_file(read):
    params = read("Z_MAX = 3\nZ_MIN=1", ["z_max=4", "METAL=[0.05]"])
    assert (params.z_min, params.z_max, params.metal) == (1.0, 4.0, (0.05,))
    assert "metal" in params.explicit
    with pytest.raises(InputError, match=r"^command line: Z_MAX = x: expected a number"):
        read("", ["Z_MAX=x"])
    with pytest.raises(InputError, match=r"^command line: expected KEY=value, found 'Z_MAX'"):
        read("", ["Z_MAX"])
    assert read_params(None, ["CATALOG=gal"]).catalog == "gal"


def test_duplicated_key_warns_and_the_last_counts(read, caplog):
    assert read("Z_MAX = 3\nZ_MIN = 1\nz_max = 5").z_max == 5.0
    assert ":3: Z_MAX was already set in line 1" in caplog.text


def test_unknown_key_warns_with_the_nearest(read, caplog):
    read("N_SIMS = 3\nFROBNICATE = 1")
    assert ":1: unknown key N_SIMS is ignored; did you mean N_SIM?" in caplog.text
    assert "unknown key FROBNICATE is ignored" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("N_SIM = 10\nhello", ":2: expected 'KEY = value', found 'hello'"),
        ("= 3", ":1: no key before the '='"),
        ("N_SIM = ten", ":1: N_SIM = ten: expected a whole number"),
        ("N_SIM = 1.5", "N_SIM = 1.5: expected a whole number"),
        ("N_SIM =", "expected a whole number"),
        ("N_SIM = -1", "N_SIM = -1: must be >= 0"),
        ("Z_MAX = nan", "Z_MAX = nan: expected a number"),
        ("Z_MAX = 1_0", "expected a number"),
        ("BEST_FIT = 2", "BEST_FIT = 2: expected 0 or 1"),
        ("METAL = [0.02, x]", "METAL = .*: expected a number"),
        ("METAL = [0.02,,0.05]", "expected a number"),
        ("METAL = [0.02", r"a list is written \[a, b, c\]"),
        ("METAL = [0]", "must be > 0"),
        ("METAL = 2", "must be < 1"),
        ("C_INTERVAL = [68, 100]", "must be < 100"),
        ("C_INTERVAL = 0", "must be > 0"),
        (
            "DUST_LAW = 'calzeti'",
            "DUST_LAW = 'calzeti': must be one of calzetti, mw, ccm89, noll, noll09, kc",
        ),
        ("ZPHOT_CONF = 90", "must be one of 0, 68, 95, 99"),
        ("SFH_OUTPUT = 'age'", "must be one of sfr, mass"),
        ("PARALLEL = 'gpu'", "must be one of none, sources, models, generators"),
        ("Z_MIN = 3\nZ_MAX = 2", ":1: Z_MIN = 3 is above Z_MAX = 2"),
        ("Z_MIN = 0", "Z_MIN = 0: must be > 0"),
        ("LOG_AGE_MIN = 11", "LOG_AGE_MIN = 11 is above LOG_AGE_MAX = 10.3"),
        ("A_V_STEP = 0", ":1: A_V_STEP = 0 cannot lead from 0 to 3"),
        ("Z_STEP = -0.1", "Z_STEP = -0.1 must not be negative"),
        ("LOG_TAU_STEP = -1", "must not be negative"),
        ("A_V_MIN = -1", "must be >= 0"),
        ("H0 = 0", "H0 = 0: must be >= 0.001"),
        ("OMEGA_M = -0.3", "must be >= 0"),
        ("OUTPUT_PRECISION = 1", "must be < 1"),
        ("REST_MAG = [0]", "must be >= 1"),
        ("DIFFERENTIAL_A_V = 1", ":1: DIFFERENTIAL_A_V = 1 needs a CUSTOM_SFH"),
        ("BEST_FROM_SIM = 1", ":1: BEST_FROM_SIM = 1 needs simulations"),
        ("SFH_QUANTITIES = ['tsf', 'sfr']", "'sfr' should be sfrX, with X the time in Myr"),
    ],
)
def test_bad_input_gives_one_clear_message(read, tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read(text)
    assert str(tmp_path / "fast.param") in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.param: the parameter file cannot be read: No such file"):
        read_params(tmp_path / "none.param")


def test_single_values_need_no_step(read):
    assert read("Z_STEP = 0").z_step == 0.0
    assert read("A_V_MIN = 1\nA_V_MAX = 1\nA_V_STEP = 0").a_v_step == 0.0


class TestCustomParameters:
    FORMULA = "CUSTOM_SFH = 'exp(-t/10^log_tau)*10^Foo'\nCUSTOM_PARAMS = ['log_tau','Foo']\n"

    def test_ranges(self, read, caplog):
        params = read(self.FORMULA + "LOG_TAU_MAX = 9\nfoo_min = 1\nFOO_MAX = 2\nFoo_Step = 0.5\n")
        assert params.custom_params == ("log_tau", "Foo")
        assert params.custom_ranges == {"log_tau": (6.5, 9.0, 0.5), "foo": (1.0, 2.0, 0.5)}
        assert not caplog.records

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("FOO_MIN = 1", r":2: the custom parameter 'Foo' has no FOO_MAX, FOO_STEP"),
            ("FOO_MIN=3\nFOO_MAX=2\nFOO_STEP=1", ":3: FOO_MIN = 3 is above FOO_MAX = 2"),
            ("FOO_MIN=1\nFOO_MAX=2\nFOO_STEP=0", ":5: FOO_STEP = 0 cannot lead"),
            ("FOO_MIN=1\nFOO_MAX=2\nFOO_STEP=x", ":5: FOO_STEP = x: expected a number"),
        ],
    )
    def test_bad_ranges(self, read, text, message):
        with pytest.raises(InputError, match=message):
            read(self.FORMULA + text)

    def test_priors_may_be_within_quotes(self, read):
        priors = "PRIOR_FOO = 'normal(8, 1)'\nPRIOR_LOG_TAU = expr(x)\nPRIOR_AV = 'normal(1, 1)'\n"
        params = read(self.FORMULA + "FOO_MIN = 1\nFOO_MAX = 2\nFOO_STEP = 0.5\n" + priors)
        assert params.priors == {"foo": "normal(8, 1)", "log_tau": "expr(x)", "av": "normal(1, 1)"}

    @pytest.mark.parametrize("name", ["t", "Av", "log_age", "a-b", "log_tau', 'LOG_TAU"])
    def test_bad_names(self, read, name):
        with pytest.raises(InputError, match="CUSTOM_PARAMS"):
            read(f"CUSTOM_SFH = 't'\nCUSTOM_PARAMS = ['{name}']")

    def test_without_formula_they_are_left_out(self, read, caplog):
        params = read("CUSTOM_PARAMS = ['foo']\nFOO_MIN = 1")
        assert params.custom_params == ()
        assert not caplog.records


class TestCorrections:
    def test_chi2_threshold(self):
        special = pytest.importorskip("scipy.special")
        for percent in (68, 90, 95, 99):
            assert special.erf((chi2_threshold(percent) / 2) ** 0.5) == pytest.approx(percent / 100)

    def test_interval_from_chi2_raises_save_bestchi(self, read, caplog):
        params = read("INTERVAL_FROM_CHI2 = 1\nC_INTERVAL = [95, 68]\nSAVE_BESTCHI = 1")
        assert params.save_bestchi == pytest.approx(3.8415, abs=1e-3)
        assert "SAVE_BESTCHI = 1 is too small" in caplog.text
        assert read("INTERVAL_FROM_CHI2 = 1\nSAVE_BESTCHI = 30").save_bestchi == 30.0

    def test_interval_from_chi2_drops_useless_simulations(self, read, caplog):
        assert read("INTERVAL_FROM_CHI2 = 1\nN_SIM = 9").n_sim == 0
        assert "setting N_SIM = 0" in caplog.text
        assert read("INTERVAL_FROM_CHI2 = 1\nN_SIM = 9\nSAVE_SIM = 1").n_sim == 9
        assert read("INTERVAL_FROM_CHI2 = 1\nN_SIM = 9\nBEST_FROM_SIM = 1").n_sim == 9

    def test_output_precision(self, read, caplog):
        assert read("OUTPUT_PRECISION = 1e-6").output_precision == 1e-6
        assert not caplog.records
        assert read("OUTPUT_PRECISION = 0.002").output_precision == 1e-3
        assert "OUTPUT_PRECISION = 0.002 is not a power of ten: using 0.001" in caplog.text

    def test_auto_scale_without_spectrum(self, read):
        assert read("AUTO_SCALE = 1").auto_scale is False
        assert read("AUTO_SCALE = 1\nSPECTRUM = 'gal'").auto_scale is True

    def test_birth_clouds_without_differential_attenuation(self, read, caplog):
        params = read("A_V_BC_MAX = 2")
        assert (params.a_v_bc_min, params.a_v_bc_max) == (0.0, 0.0)
        assert "A_V_BC_MIN and A_V_BC_MAX are ignored" in caplog.text
        assert read("A_V_BC_MAX = 2\nDIFFERENTIAL_A_V = 1\nCUSTOM_SFH = 't'").a_v_bc_max == 2.0

    def test_both_zphot_keys(self, read, caplog):
        caplog.set_level(logging.INFO)
        read("FORCE_ZPHOT = 1\nBEST_AT_ZPHOT = 1")
        assert "one of them is enough" in caplog.text


class TestThreads:
    @pytest.fixture(autouse=True)
    def _cores(self, monkeypatch):
        monkeypatch.setattr(machine, "available_threads", lambda: 6)

    @pytest.mark.parametrize(
        ("text", "threads"),
        [
            ("", 6),
            ("N_THREAD = 3", 3),
            ("PARALLEL = 'none'", 1),
            ("PARALLEL = 'none'\nN_THREAD = 3", 1),
            ("PARALLEL = 'sources'", 6),
            ("PARALLEL = 'Models'\nN_THREAD = 4", 4),
        ],
    )
    def test_rule(self, read, text, threads):
        assert read(text).n_threads() == threads


def test_describe_key():
    text = describe_key("a_v_step")
    assert text.startswith("A_V_STEP\n")
    assert "Default: 0.1" in text
    assert "Unit:    mag" in text
    assert "FILTER_FORMAT" in describe_key("filters_format")
    with pytest.raises(UsageError, match=r"there is no key DUST_LAWS; did you mean DUST_LAW\?"):
        describe_key("dust_laws")


def test_every_key_is_documented():
    page = parameters_markdown()
    for name, row in key_fields().items():
        assert page.count(f"| `{name.upper()}` |") == 1
        assert row.metadata["doc"].endswith(".")


def test_committed_page_is_up_to_date():
    page = Path(__file__).resolve().parents[1] / "docs" / "parameters.md"
    assert page.read_text(encoding="utf-8") == parameters_markdown(), "run scripts/build_docs.py"


def test_reads_the_reference_files(shared, caplog):
    files = sorted(shared.glob("golden/*/fast.param"))
    assert len(files) > 10
    for path in files:
        params = read_params(path)
        assert params.catalog in ("gal", "gst")
        assert params.n_threads() == 1
    assert "unknown key" not in caplog.text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(
            (text, True)
            for text in ("1", "1.", "1.0", "1e0", "true", "True", "yes", "ON", "T", ".true.", "'1'")
        ),
        *((text, False) for text in ("0", "0.", "0.0", "-0", "false", "No", "off", "f", ".FALSE.")),
    ],
)
def test_booleans(read, text, value):
    assert read(f"BEST_FIT = {text}\nNO_CACHE = {text}").best_fit is value


@pytest.mark.parametrize("text", ["2", "-1", "0.5", "maybe", "", "nan"])
def test_no_booleans(read, text):
    with pytest.raises(InputError, match="expected 0 or 1"):
        read(f"BEST_FIT = {text}")


def test_numbers_of_fortran(read):
    params = read("Z_MAX = 1.5D0\nN_SIM = 1.D2\nZ_MIN = 1d-3\nE_B = \u22121")
    assert (params.z_max, params.n_sim, params.z_min, params.e_b) == (1.5, 100, 1e-3, -1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_files_of_every_editor(read, encoding, ending):
    text = ending.join(
        ["# é", "CATALOG\u00a0= 'galé'  # note", "LIBRARY = \u2018bc03\u2019", "BEST_FIT\t=\t1"]
    )
    params = read(text.encode(encoding))
    assert (params.catalog, params.library, params.best_fit) == ("galé", "bc03", True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"SIMPLE  =                    T", "the parameter file is a FITS file"),
        (b"\x89HDF\r\n\x1a\n", "the parameter file is an HDF5 file"),
        (b"\x1f\x8b\x08\0", "the parameter file is a file compressed by gzip"),
        (b"\x7fELF\0", "the parameter file is a program"),
        (b"a = 1\n\0\0\x01", "the parameter file is a binary file"),
        (b"<html>", "the parameter file is a page of HTML"),
        (b"id,F1,E1\n1,2,3\n", r":1: expected 'KEY = value'.*comma-separated values \(CSV\)"),
        (b"# id F1 E1\na 2 3\n", ":2: expected 'KEY = value'.*looks like a catalogue"),
        (b"id F1 E1\na 2 3\n", ":1: expected .KEY = value.*looks like a catalogue"),
        (b"x" * 500, r"found 'x{80}\.\.\.'"),
    ],
)
def test_what_is_no_parameter_file(read, data, message):
    with pytest.raises(InputError, match=message):
        read(data)


PATHS = [
    "CATALOG",
    "FILTERS_RES",
    "TEMP_ERR_FILE",
    "SPECTRUM",
    "TEMP_ERR_SPEC_FILE",
    "SPEC_LSF_FILE",
    "LIBRARY_DIR",
    "OUTPUT_DIR",
    "MAKE_SEDS",
    "CONTINUUM_INDICES",
]


@pytest.mark.parametrize("name", PATHS)
def test_home_and_variables_in_paths(read, monkeypatch, tmp_path, name):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WHERE", "there")
    monkeypatch.delenv("NOWHERE", raising=False)
    assert getattr(read(f"{name} = '~/$WHERE/x'"), name.lower()) == str(tmp_path / "there" / "x")
    assert getattr(read("", [f"{name}=${{WHERE}}/x"]), name.lower()) == "there/x"
    with pytest.raises(InputError, match=rf"fast\.param:2: {name}: there is no environment variable NOWHERE"):
        read(f"\n{name} = $NOWHERE/x")


def test_all_paths_are_known():
    known = {name for name, row in key_fields().items() if row.metadata["is_path"]}
    assert known == {name.lower() for name in [*PATHS, "OUTPUT_FILE"]}


@pytest.mark.parametrize(
    ("keys", "folder", "name"),
    [
        ("OUTPUT_FILE = x", "", "x"),
        ("OUTPUT_FILE = out/x", "out", "x"),
        ("OUTPUT_FILE = a/b/x\nOUTPUT_DIR = out", "out/a/b", "x"),
        ("OUTPUT_FILE = /tmp/x\nOUTPUT_DIR = out", "/tmp", "x"),
        ("OUTPUT_FILE = out/\nCATALOG = in/gal", "out", "in/gal"),
        ("CATALOG = in/gal", "", "in/gal"),
    ],
)
def test_folder_of_output_file(read, keys, folder, name):
    params = read(keys)
    assert (params.output_dir, params.output_file) == (folder, name)


def test_filters_by_name_in_rest_mag(tmp_path):
    params = read_params(None, ["REST_MAG=[sdss_u, 'BESSELL_V', 161]"])
    assert params.rest_mag == (156, 137, 161)
    assert Params(rest_mag=["sdss_u", 137]).rest_mag == (156, 137)
    assert replace(params, n_sim=3).rest_mag == (156, 137, 161)
    for text, message in (
        ("f160w", "'f160w' is ambiguous"),
        ("sdss_uu", "no filter named 'sdss_uu'"),
        ("0", ">= 1"),
    ):
        with pytest.raises(InputError, match=f"REST_MAG = .*{message}"):
            read_params(None, [f"REST_MAG=[{text}]"])
    with pytest.raises(InputError, match="REST_MAG"):
        Params(rest_mag=[1.5])
