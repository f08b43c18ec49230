"""How findings are logged, and the verdict of whole runs."""

from __future__ import annotations

import logging
import math

import pytest

from fastsed.cli.main import run
from fastsed.errors import InputError
from fastsed.params import read_params
from fastsed.pipeline import fit_problem
from fastsed.problem import prepare
from fastsed.verdict.finding import Finding, outside, report, warned
from tests.helpers import PLAIN, copy_example


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The first galaxies of the example, in the working directory."""
    copy_example(tmp_path, 12)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(folder, change_row, header=lambda line: line):
    """Rewrite the catalogue, row by row."""
    path = folder / "gst.cat"
    names, *lines = path.read_text().splitlines()
    rows = [change_row(line.split()) for line in lines if not line.startswith("#")]
    path.write_text("\n".join([header(names), *(" ".join(row) for row in rows)]) + "\n")


def test_outside():
    assert [outside(x, (1.0, 2.0)) for x in (0.9, 1.0, 2.0, 2.1)] == [True, False, False, True]


def test_each_warning_once(caplog):
    caplog.set_level(logging.INFO)
    before = warned([Finding("a note"), Finding("odd input", unusual=True)])
    assert [r.getMessage() for r in caplog.records] == ["odd input"]
    report(before, [Finding("odd fits", unusual=True), Finding("fits")])
    assert [(r.levelno, r.getMessage()) for r in caplog.records[1:]] == [
        (logging.INFO, "verdict: 2 unusual findings"),
        (logging.INFO, "a note"),
        (logging.INFO, "unusual, as said above: odd input"),
        (logging.WARNING, "odd fits"),
        (logging.INFO, "fits"),
    ]


def test_a_plain_run_has_a_verdict_and_no_warning(folder, capsys):
    assert run(["gst.param", *PLAIN]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "note: verdict: nothing unusual" in out
    for part in ("median reduced chi2", "median AB magnitude", "edges of the grid", "flux and error"):
        assert part in out


def test_check_begins_with_the_verdict(folder, capsys):
    assert run(["gst.param", *PLAIN, "H0=7", "--check"]) == 0
    out, err = capsys.readouterr()
    assert "warning: H0 = 7 " in err
    assert out.index("verdict: ") < out.index("median AB magnitude") < out.index("all inputs can be read")


def test_quiet_runs_count_warnings(folder, capsys):
    assert run(["gst.param", *PLAIN, "LIBRARY_DIR=nowhere", "NAME_ZPHOT=z_m2", "-q"]) == 0
    assert capsys.readouterr() == ("", "2 warnings not shown: run without -q (VERBOSE = 1)\n")


def test_python_has_the_verdict(folder, caplog):
    change(folder, lambda row: [*row[:2], "-99", "0.5", *row[4:]])
    problem = prepare(read_params("gst.param", PLAIN))
    assert any("F120 (12)" in finding.text for finding in problem.verdict)
    results = fit_problem(problem)
    assert results.verdict[: len(problem.verdict)] == tuple(problem.verdict)
    assert any("median reduced chi2" in f.text and f.unusual for f in results.verdict)
    assert [f.text for f in results.verdict if f.unusual] == caplog.messages


def test_a_redshift_column_of_another_name(folder, capsys):
    change(folder, lambda row: row, lambda names: names.replace("z_spec", "zspec"))
    assert run(["gst.param", *PLAIN, "Z_STEP=0.05"]) == 0
    assert "warning: gst.cat: the column zspec is not used" in capsys.readouterr().err


MISTAKES = {
    "jansky": (lambda f, e: (f * 1e-6, e * 1e-6), "AB_ZEROPOINT = 23.9"),
    "nanojansky": (lambda f, e: (f * 1e3, e * 1e3), "AB_ZEROPOINT = 23.9"),
    "magnitudes": (lambda f, e: (23.9 - 2.5 * math.log10(f), 1.086 * e / f), "look like magnitudes"),
    "inverse variances": (lambda f, e: (f, e**-2.0), "E163"),
    "errors of magnitudes": (lambda f, e: (f, 1.086 * e / f), "E160"),
}


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("n", [3, 12])
def test_usual_mistakes(name, n, folder, caplog):
    """Before the fit, in a catalogue of few or more galaxies."""
    convert, expected = MISTAKES[name]
    copy_example(folder, n)

    def converted(row):
        for i in range(2, len(row), 2):
            flux, error = float(row[i]), float(row[i + 1])
            if error > 0 and flux > 0:
                row[i : i + 2] = map(str, convert(flux, error))
        return row

    change(folder, converted)
    problem = prepare(read_params("gst.param", PLAIN))
    assert any(expected in finding.text and finding.unusual for finding in problem.verdict)
    assert any(expected in message for message in caplog.messages)


def test_names_of_the_translation(folder, caplog):
    change(
        folder,
        lambda row: [*row[:2], "-999", "0.5", *row[4:]],
        lambda names: names.replace(" F120", " f_fuv").replace("z_spec", "z"),
    )
    (folder / "gst.translate").write_text("f_fuv F120\nz Z_SPEC\n")
    prepare(read_params("gst.param", PLAIN))
    assert [m for m in caplog.messages if "f_fuv (F120) (12)" in m]
    assert not any("the column z " in message for message in caplog.messages)


def test_best_fits_outside_their_intervals_are_noted(folder):
    results = fit_problem(prepare(read_params("gst.param", [*PLAIN, "N_SIM=20"])))
    (text,) = [f.text for f in results.verdict if "interval" in f.text]
    assert text.startswith("best fits outside their own 68 % interval: ")
    # redshifts are known here
    assert " z " not in text


@pytest.mark.parametrize(
    ("error", "reason"),
    [("0", "12 sources with an error of zero"), ("-1", "12 sources without any valid flux")],
)
def test_no_source_is_valid(folder, error, reason):
    change(folder, lambda row: [error if i > 2 and i % 2 else word for i, word in enumerate(row)])
    with pytest.raises(InputError, match=reason):
        prepare(read_params("gst.param", PLAIN))
