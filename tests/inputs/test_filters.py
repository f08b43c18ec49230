"""Filter curves: normalisation against numpy's trapezoid, and malformed files."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.inputs.filters import read_filters

TRIANGLE = "3 triangle lambda_c=5000\n1 4000 0\n2 5000 2\n3 6000 0\n"
BOX = "4 box\n1 1000. 1\n2 2000 1\n3 3000 1\n4 4000 1.\n"


@pytest.fixture
def write(tmp_path):
    def _write(text: str):
        path = tmp_path / "FILTER.RES"
        path.write_bytes(text.encode("latin-1"))
        return path

    return _write


@pytest.mark.parametrize("text", [TRIANGLE + BOX, (TRIANGLE + "# c\n\n" + BOX).replace("\n", "\r\n")])
@pytest.mark.parametrize(("filter_format", "power"), [(1, 1), (0, 2), (2, 2)])
def test_normalisation(write, text, filter_format, power):
    box, triangle, again = read_filters(write(text), [2, 1, 2], filter_format)
    assert again is box
    assert (box.number, triangle.number) == (2, 1)
    assert (box.name, triangle.name) == ("box", "triangle lambda_c=5000")
    lam = np.array([1000.0, 2000, 3000, 4000])
    response = lam**power / np.trapezoid(lam**power, lam)
    np.testing.assert_allclose(box.response, response, rtol=1e-14)
    np.testing.assert_array_equal(box.lam, lam)
    assert box.mean_wavelength == pytest.approx(np.trapezoid(lam * response, lam), rel=1e-14)
    assert np.trapezoid(triangle.response, triangle.lam) == pytest.approx(1, rel=1e-14)
    assert triangle.mean_wavelength == pytest.approx(5000, rel=1e-14)


def test_points_out_of_order_are_sorted(write, caplog):
    (curve,) = read_filters(write("3 x\n1 6000 0\n2 5000 2\n3 4000 1\n"), [1])
    np.testing.assert_array_equal(curve.lam, [4000, 5000, 6000])
    assert curve.response[0] > 0
    assert "filter 1 (x): its points are not in the order of wavelength" in caplog.text


def test_vertical_edges_are_kept(write, caplog):
    (curve,) = read_filters(write("4 box\n1 4000 0\n2 4000 1\n3 5000 1\n4 5000 0\n"), [1])
    assert np.all(np.diff(curve.lam) > 0)
    np.testing.assert_allclose(curve.lam, [4000, 4000, 5000, 5000], rtol=1e-14)
    assert curve.response[0] == curve.response[3] == 0.0
    assert curve.response[1] > 0
    assert np.trapezoid(curve.response, curve.lam) == pytest.approx(1)
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "numbers", "message"),
    [
        (TRIANGLE, [1, 3, 9], r"FILTER\.RES: has no filter 3, 9: it holds 1 to 1"),
        (TRIANGLE, [0], "has no filter 0"),
        ("", [1], "holds no filter curves"),
        ("# only a comment\n", [1], "holds no filter curves"),
        (TRIANGLE.replace("5000 2", "5000 two"), [1], r":3: filter 1 \(triangle.*found '2 5000 two'"),
        (TRIANGLE.replace("5000 2", "5000"), [1], r":3: filter 1 .*expected 'index wavelength throughput'"),
        (TRIANGLE.replace("5000 2", "5000 nan"), [1], r":3: filter 1"),
        (
            TRIANGLE.replace("3 tri", "2 tri") + BOX,
            [2],
            r":4: expected a line 'number-of-points name' after filter 1",
        ),
        (
            TRIANGLE.replace("3 tri", "4 tri"),
            [1],
            r":1: filter 1 announces 4 points, but the file ends after 3",
        ),
        (TRIANGLE.replace("3 tri", "3" * 5000 + " tri"), [1], r":1: filter 1 announces 3{20} points"),
        (TRIANGLE.replace("3 tri", "4 tri") + BOX, [1], r":6: expected a line 'number-of-points name'"),
        ("name first\n1 2 3\n", [1], r":1: expected a line 'number-of-points name', found 'name first'"),
        (TRIANGLE.replace("5000 2", "5000 0"), [1], r"filter 1 .* has no throughput \(its integral is 0\)"),
        ("0 empty\n" + BOX, [1], r"filter 1 \(empty\) has no throughput"),
        (
            TRIANGLE.replace("5000 2", "5000 1e308"),
            [1],
            r"filter 1 .* has wavelengths or throughputs that are too large",
        ),
        (BOX.replace("000", "0"), [1], "filter 1 .* mean wavelength of .* must be in Angstrom"),
    ],
)
def test_faults(write, text, numbers, message):
    with pytest.raises(InputError, match=message):
        read_filters(write(text), numbers)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.res: cannot be read"):
        read_filters(tmp_path / "none.res", [1])


def test_database(shared, caplog):
    caplog.set_level("INFO")
    (curve,) = read_filters(shared / "data" / "FILTER.RES.latest", [313])
    assert "found 313 filters in the database, will use 1 of them" in caplog.text
    assert curve.mean_wavelength > 100


@pytest.mark.parametrize("text", ["4 1565.0 430.0", "4 1565.0", "4 1 2 3", "4", "4 5 1e3", "4\t2\t3"])
def test_text_of_a_header_may_be_numbers(write, text):
    points = "1 1000. 1\n2 2000 1\n3 3000 1\n4 4000 1.\n"
    for first in (points, points.replace("4 4000", "3 4000").replace("1 1000", "0 1000")):
        one, two = read_filters(write(text + "\n" + first + text + "\n" + points), [1, 2])
        np.testing.assert_array_equal(one.lam, [1000, 2000, 3000, 4000])
        np.testing.assert_array_equal(one.lam, two.lam)


def test_wrong_number_of_points_under_numeric_text(write):
    points = "1 1000. 1\n2 2000 1\n3 3000 1\n4 4000 1.\n"
    with pytest.raises(InputError, match=r":5: expected a line 'number-of-points name' after filter 1"):
        read_filters(write("3 1 2\n" + points + "4 1 2\n" + points), [1])
    with pytest.raises(InputError, match=r":7: expected a line 'number-of-points name' after filter 1"):
        read_filters(write("5 1 2\n" + points + "4 1 2\n" + points), [1])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("5000 2", "5.0D3 2 # peak"),
        lambda text: text.replace(" ", "\t"),
    ],
)
def test_files_of_other_programs(tmp_path, write, change):
    (expected,) = read_filters(write(TRIANGLE), [1])
    path = tmp_path / "other.res"
    path.write_text(change(TRIANGLE), encoding="utf-8", newline="")
    (found,) = read_filters(path, [1])
    np.testing.assert_array_equal(found.lam, expected.lam)
    np.testing.assert_array_equal(found.response, expected.response)
