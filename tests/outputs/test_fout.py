"""The catalogue: FAST++'s files made again from their own values, and every rule of printing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fastsed._version import __version__
from fastsed.columns import confidence_labels, output_columns
from fastsed.errors import InputError
from fastsed.models.attenuation import dust_law
from fastsed.outputs.fout import FoutHeader, FoutWriter, build_header, printed_values, round_to
from fastsed.params import Params, read_params
from fastsed.quantities import Quantity
from tests.outputs.helpers import FOUT_SCENARIOS, read_fout, read_index_kinds

HEADER = FoutHeader(("fastsed version: x",))
MASS = Quantity("lmass", "", "log[mass/Msol]", "log")
ID, NMODEL, CHI2 = (Quantity(name, "", kind="other") for name in ("id", "nmodel", "chi2"))


def _stored(column: Quantity, texts: list[str]) -> np.ndarray:
    """The values that the catalogue shows, before they were transformed."""
    shown = np.array(texts, dtype=float)
    shown[(shown == 0) & np.signbit(shown)] = -1e-6  # "-0" is a small negative number, rounded
    if column.transform == "log":
        return np.where(shown == -99, 0, 10.0**shown)
    return 10 ** (-0.4 * (shown - 23.9)) if column.transform == "magnitude" else shown


def write_fout(path, *, header, ids, columns, values, intervals=None, confidences=(), precision=0.0):
    """A whole catalogue at once."""
    with FoutWriter(path, header, columns, confidences if intervals else (), precision) as writer:
        writer.append_rows(ids, values, intervals)


@pytest.mark.parametrize("scenario", FOUT_SCENARIOS)
def test_catalogues_of_fastpp_come_out_byte_for_byte(shared, tmp_path, scenario):
    folder = shared / "golden" / scenario
    params = read_params(folder / "fast.param")
    table = read_fout(folder / "expected" / "gal.fout")
    columns = output_columns(params, read_index_kinds(folder, params))
    confidences = params.c_interval if params.n_sim or params.interval_from_chi2 else ()
    values = {c.name: _stored(c, table.columns[c.name]) for c in columns if c.name not in ("id", "nmodel")}
    if "nmodel" in table.columns:
        values["nmodel"] = np.array(table.columns["nmodel"], dtype=int)
    intervals = {}
    for column in columns:
        if column.has_interval:
            names = [f"{side}{c:g}_{column.name}" for c in confidences for side in "lu"]
            bounds = [_stored(column, table.columns[name]) for name in names]
            intervals[column.name] = np.reshape(np.array(bounds).T, (len(table.ids), -1, 2)) if bounds else []
    bands = next(line for line in table.header if line.startswith("# Filters")).split(":")[1].split()
    dust = dust_law(params.dust_law).describe(params.e_b, params.delta)
    header = build_header(
        params, [int(b) for b in bands], dust, photoz="gal.zout" if (folder / "gal.zout").exists() else ""
    )
    path = tmp_path / "gal.fout"
    write_fout(
        path,
        header=header,
        ids=table.ids,
        columns=columns,
        values=values,
        intervals=intervals if confidences else None,
        confidences=confidences,
        precision=params.output_precision,
    )
    written = path.read_text()
    assert written.split("\n", 1)[0] == f"# fastsed version: {__version__}"
    assert written.split("\n", 1)[1] == table.text.split("\n", 1)[1]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "-99"), (np.inf, "99"), (np.nan, "nan"), (-1, "nan"), (1e10, "10"), (2e10, "10.3"), (0.999, "-0")],
)
def test_special_values_of_logarithms(tmp_path, value, expected):
    write_fout(tmp_path / "a", header=HEADER, ids=["1"], columns=[ID, MASS], values={"lmass": [value]})
    assert (tmp_path / "a").read_text().splitlines()[-1] == f"       1{expected:>10}"


def test_magnitudes_and_their_bounds(tmp_path):
    column = Quantity("M140", "", "[ABmag]", "magnitude")
    assert printed_values(column, [1.0, 100.0]).tolist() == pytest.approx([23.9, 18.9])
    write_fout(
        tmp_path / "a",
        header=HEADER,
        ids=["1"],
        columns=[column],
        values={"M140": [10.0]},
        intervals={"M140": [[[1.0, 100.0]]]},
        confidences=(68,),
    )
    titles, row = (tmp_path / "a").read_text().splitlines()[-2:]
    assert titles == "#     M140  l68_M140  u68_M140"  # lower and upper in magnitudes, not in flux
    assert row == "      21.4      18.9      23.9"


def test_rounding_takes_halves_away_from_zero():
    assert round_to([0.5, 1.5, -0.5, 2.4, np.nan], 1).tolist()[:4] == [1, 2, -1, 2]
    assert round_to([0.125, -0.375], 0.25).tolist() == [0.25, -0.5]
    assert np.isnan(round_to([np.nan], 1)).all()


def test_rows_that_were_not_fitted(tmp_path):
    values = {"lmass": [np.nan], "chi2": [np.nan], "nmodel": np.array([0])}
    write_fout(tmp_path / "a", header=HEADER, ids=["7"], columns=[ID, NMODEL, MASS, CHI2], values=values)
    assert (tmp_path / "a").read_text().splitlines()[-1] == f"       7{0:15d}{'nan':>10}{'nan':>15}"


@pytest.mark.parametrize(
    ("precision", "expected"), [(0, "1.234568e+01"), (1e-4, "1.2346e+01"), (0.1, "1.2e+01")]
)
def test_decimals_of_chi2(tmp_path, precision, expected):
    values = {"chi2": [12.345678]}
    write_fout(tmp_path / "a", header=HEADER, ids=[""], columns=[CHI2], values=values, precision=precision)
    assert (tmp_path / "a").read_text().splitlines()[-1].split() == [expected]


def test_texts_that_fill_their_column_stay_apart(tmp_path):
    column = Quantity("Hb", "", precision=1e-12)
    names = ["averylongidentifier", "2"]
    write_fout(
        tmp_path / "a",
        header=HEADER,
        ids=names,
        columns=[ID, column, column],
        values={"Hb": [-1.23456e-5, 1.0]},
    )
    rows = [line.split() for line in (tmp_path / "a").read_text().splitlines() if line[0] != "#"]
    assert rows == [[names[0], "-1.23456e-05", "-1.23456e-05"], ["2", "1", "1"]]


def test_units_line_is_left_out_where_nothing_has_a_unit(tmp_path):
    write_fout(tmp_path / "a", header=HEADER, ids=["1"], columns=[ID], values={})
    assert (tmp_path / "a").read_text().splitlines()[1].startswith("# For value=0.")


def test_pieces_make_the_same_file_as_a_whole(tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    columns = [ID, MASS, CHI2]
    ids, mass, chi2 = [str(i) for i in range(50)], 10 ** rng.normal(10, 1, 50), rng.exponential(1, 50)
    write_fout(tmp_path / "a", header=HEADER, ids=ids, columns=columns, values={"lmass": mass, "chi2": chi2})
    monkeypatch.setattr("fastsed.outputs.fout.ROWS_PER_BLOCK", 7)
    with FoutWriter(tmp_path / "b", HEADER, columns) as writer:
        for part in (slice(0, 20), slice(20, 50)):
            assert not (tmp_path / "b").exists()
            writer.append_rows(ids[part], {"lmass": mass[part], "chi2": chi2[part]})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_nothing_is_left_of_a_run_that_fails(tmp_path):
    with pytest.raises(KeyError, match="lmass"), FoutWriter(tmp_path / "a", HEADER, [ID, MASS]) as writer:
        writer.append_rows(["1"], {})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "a.fout").mkdir()
    with pytest.raises(InputError, match=r"a\.fout: cannot be written"):
        write_fout(tmp_path / "a.fout", header=HEADER, ids=[], columns=[ID], values={})


def test_header_of_a_history_of_ones_own_has_no_tau():
    lines = build_header(Params(catalog="c", my_sfh="burst", metal=(0.02,)), [1, 2], "Law").lines
    assert not any("tau" in line for line in lines)
    assert "SFH:         burst (inst. SFR)" in lines
    assert lines[-1] == "Filters:     1  2"


def test_header_names_the_library_that_empty_keys_stand_for():
    lines = build_header(Params(catalog="c", metal=(0.02,)), [1], "Law").lines
    assert "Library:     Bruzual & Charlot (2003)" in lines
    assert "Stellar IMF: Kroupa  " in lines


def test_header_names_what_it_does_not_know_as_the_user_does():
    params = dataclasses.replace(Params(catalog="c"), library="new", imf="top", metal=(0.02, 0.004))
    lines = build_header(params, [], "Law").lines
    assert "Library:     new" in lines
    assert "Stellar IMF: top     " in lines
    assert "metallicity: 0.02  0.004" in lines


def test_properties_that_single_precision_does_not_hold():
    assert printed_values(MASS, [1e-50, 1e-44, 0.0, 1e39]).tolist() == pytest.approx(
        [-99, -44, -99, 99], abs=0.1
    )


@pytest.mark.parametrize(("longest", "blanks"), [(1, 5), (6, 5), (7, 6), (19, 18)])
def test_the_id_column_is_as_wide_as_the_longest_id(tmp_path, longest, blanks):
    path = tmp_path / "a.fout"
    with FoutWriter(path, HEADER, [ID, MASS], longest_id=longest) as writer:
        writer.append_rows(["1", "7" * longest], {"lmass": [1.0, 2.0]})
    *_, title, first, second = path.read_text().splitlines()
    assert title.startswith("#" + " " * blanks + "id ")
    assert len(title) == len(first) == len(second)


@pytest.mark.parametrize(
    ("confidences", "labels"),
    [
        ((68, 95.0), ["68", "95"]),
        ((68.27, 99.73, 90.5), ["68", "100", "91"]),
        ((68, 68.27, 95), ["68", "68.27", "95"]),
        ((), []),
    ],
)
def test_intervals_are_named_by_whole_percents(confidences, labels):
    assert confidence_labels(confidences) == labels
