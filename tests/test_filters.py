"""Filters by number and name, and curves of the user's."""

from __future__ import annotations

import pickle
import re

import astropy.units as u
import numpy as np
import pytest

import fastsed.filters
from fastsed.errors import InputError
from fastsed.filter_names import FilterNumber, filter_names, filter_number, is_filter_name
from fastsed.filters import Filter, get, search
from fastsed.inputs.filters import read_filters, read_throughputs
from fastsed.paths import share_dir

DATABASE = share_dir() / "FILTER.RES.latest"


def test_every_curve_has_a_short_unique_name():
    names = [row.name for row in filter_names()]
    curves = read_throughputs(DATABASE)
    assert len(names) == len(set(names)) == len(curves) == 432
    assert [row.number for row in filter_names()] == list(range(1, 433))
    assert all(re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", name) and len(name) <= 24 for name in names)
    for row, curve in zip(filter_names(), curves, strict=True):
        assert row.description == " ".join(curve.name.split())
        throughput = curve.throughput
        mean = np.trapezoid(curve.lam**2 * throughput, curve.lam) / np.trapezoid(
            curve.lam * throughput, curve.lam
        )
        assert row.wavelength == pytest.approx(mean, rel=1e-5)
        assert row.width == pytest.approx(np.trapezoid(throughput, curve.lam) / throughput.max(), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("sdss_u", 156),
        ("sdss_z", 160),
        ("galex_fuv", 120),
        ("galex_nuv", 121),
        ("2mass_j", 161),
        ("hst_wfc3_f160w", 205),
        ("hst_acs_f814w", 239),
        ("hst_acs_f814w_t77", 6),
        ("jwst_nircam_f200w", 366),
        ("jwst_miri_f770w", 396),
        ("spitzer_irac_ch1", 18),
        ("wise_w4", 247),
        ("herschel_spire_250", 331),
        ("euclid_vis", 410),
        ("lsst_y", 424),
        ("roman_f213", 432),
        ("bessell_v", 137),
        ("johnson_cousins_i", 144),
    ],
)
def test_names_of_well_known_filters(name, number):
    assert get(name).number == get(name.upper()).number == filter_number(name) == number
    assert is_filter_name(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("f160w", "'f160w' is ambiguous: hst_nicmos_f160w, hst_wfc3_f160w$"),
        (
            "sdss",
            r"is ambiguous: sdss_u, sdss_g, sdss_r, sdss_i, sdss_z, cosmos_sdss_u, \.\.\. \(10 in all\)",
        ),
        ("sdsss_u", "no filter named 'sdsss_u'; the nearest: sdss_u, "),
        ("", "the nearest"),
        ("0", "no filter 0: the database holds 1 to 432"),
        (433, "no filter 433"),
        (-1, "no filter -1"),
    ],
)
def test_names_that_are_none(name, message):
    with pytest.raises(InputError, match=message):
        get(name)


def test_get_takes_numbers_names_and_filters():
    sdss_u = get(156)
    assert (sdss_u.name, sdss_u.number) == ("sdss_u", 156)
    assert get("156").name == get(np.int64(156)).name == "sdss_u"
    assert get(sdss_u) is sdss_u
    (response,) = read_filters(DATABASE, [156])
    assert sdss_u.mean_wavelength == response.mean_wavelength
    np.testing.assert_array_equal(sdss_u.response().response, response.response)
    (energies,) = read_filters(DATABASE, [156], 2)
    np.testing.assert_array_equal(sdss_u.response(2).response, energies.response)
    again = pickle.loads(pickle.dumps(sdss_u))
    np.testing.assert_array_equal(again.transmission, sdss_u.transmission)
    for wrong in (True, 156.0, None, ["sdss_u"]):
        with pytest.raises(TypeError, match="a filter is a number, a name"):
            get(wrong)


def test_search():
    table = search("galex")
    assert table.colnames == ["number", "name", "wavelength", "width", "description"]
    assert table["name"].tolist() == ["galex_fuv", "galex_nuv"]
    assert table["number"].tolist() == [120, 121]
    assert table["wavelength"].unit == table["width"].unit == u.AA
    assert search("NIRCam f200w")["name"].tolist() == ["jwst_nircam_f200w"]
    assert search("156")["name"].tolist() == ["sdss_u"]
    assert len(search()) == 432
    assert len(search("no such filter")) == 0


def test_a_curve_of_the_users():
    triangle = Filter([0.4, 0.5, 0.6] * u.um, [0, 2, 0], "triangle")
    lam = np.linspace(4000, 6000, 200001)
    height = np.interp(lam, triangle.wavelength, triangle.transmission)
    assert triangle.width == pytest.approx(1000)
    # the trapezoid rule of FAST on the points of the curve, not the exact integral
    points, values = np.array([4000, 5000, 6000]), np.array([0, 2, 0])
    mean = np.trapezoid(points**2 * values, points) / np.trapezoid(points * values, points)
    assert triangle.mean_wavelength == pytest.approx(mean)
    assert mean == pytest.approx(
        np.trapezoid(lam**2 * height, lam) / np.trapezoid(lam * height, lam), rel=0.01
    )
    assert repr(triangle) == "<Filter triangle: 5000 A, width 1000 A>"
    with pytest.raises(ValueError, match="read-only"):
        triangle.wavelength[0] = 1


@pytest.mark.parametrize(
    ("wavelength", "transmission", "message"),
    [
        ([3000, 4000], [0, 0], "no throughput"),
        ([0.3, 0.4], [1, 1], "wavelengths must be in Angstrom"),
        ([4000, 3000], [1, 1], "must rise, but 3000 follows 4000"),
        ([3000, 3000], [1, 1], "must rise"),
        ([3000], [1], "at least 2"),
        ([3000, 4000], [1, 1, 1], r"found shapes \(2,\) and \(3,\)"),
        ([3000, np.nan], [1, 1], "not finite"),
    ],
)
def test_curves_that_are_none(wavelength, transmission, message):
    with pytest.raises(InputError, match=message):
        Filter(wavelength, transmission, "x")


def test_names_belong_to_the_database_that_comes_with_fastsed(tmp_path):
    path = tmp_path / "FILTER.RES"
    path.write_text("3 mine\n1 4000 0\n2 5000 2\n3 6000 0\n")
    assert read_filters(path, [1])[0].name == "mine"
    with pytest.raises(InputError, match="its filter 1 is 'mine', not hst_acs_f435w_t77: names are those of"):
        read_filters(path, [FilterNumber(1)])
    assert read_filters(DATABASE, [filter_number("sdss_u")])[0].number == 156


def test_the_list_of_names_is_what_its_script_makes(tmp_path, monkeypatch):
    import importlib.util

    script = share_dir().parent / "scripts" / "build_filter_names.py"
    if not script.is_file():
        pytest.skip("an installed package has no scripts")
    spec = importlib.util.spec_from_file_location("build_filter_names", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "TARGET", tmp_path / "FILTER.NAMES")
    module.main()
    assert (tmp_path / "FILTER.NAMES").read_text() == (share_dir() / "FILTER.NAMES").read_text()


def test_the_examples_of_the_docstrings():
    assert repr(fastsed.filters.get("sdss_u")) in get.__doc__
