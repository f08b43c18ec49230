"""Spectra, histories and simulations: FAST++'s files made again from their own values."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.outputs.seds import write_best_fit, write_input_res
from fastsed.outputs.sfhs import sfh_times, write_sfh
from fastsed.outputs.simulations import write_simulations


@pytest.mark.parametrize(
    "name",
    [
        *("best_fit_sed/expected/best_fits/gal_1.fit", "spectrum_idl/expected/best_fits/gal_1.fit"),
        *("custom_sfh/expected/best_fits/gal_1.fit", "make_seds/expected/seds/a.fit"),
    ],
)
def test_spectra_come_out_byte_for_byte(shared, tmp_path, name):
    source = shared / "golden" / name
    table, titles = np.loadtxt(source), source.read_text().split("(")[0].split()[2:]
    write_best_fit(tmp_path / "a", table[:, 0], dict(zip(titles, table.T[1:], strict=True)))
    assert (tmp_path / "a").read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        *("best_fit_sed/expected/best_fits/gal_3", "custom_sfh/expected/best_fits/gal_1"),
        *("best_from_sim/expected/best_fits/gal_8", "make_seds/expected/seds/b"),
    ],
)
def test_models_and_data_come_out_byte_for_byte(shared, tmp_path, name):
    source = shared / "golden" / f"{name}.input_res.fit"
    write_input_res(tmp_path / "a", *np.loadtxt(source).T)
    assert (tmp_path / "a").read_bytes() == source.read_bytes()


def test_masked_bands_have_no_flux_and_an_infinite_error(tmp_path):
    write_input_res(tmp_path / "a", [57874.8], [0.829816], [0.0], [np.inf])
    assert (tmp_path / "a").read_text().splitlines()[
        1
    ] == "      57874.8     0.829816            0          inf"


def test_numbers_too_small_for_their_column_stay_apart(tmp_path):
    write_best_fit(tmp_path / "a", [1.0, 2.0], {"fl": [-1.23456e-110, 1e60]})
    assert np.loadtxt(tmp_path / "a").tolist() == [[1, 0], [2, np.inf]]


@pytest.mark.parametrize(
    ("name", "quantity", "confidences"),
    [
        ("best_fit_sed/expected/best_fits/gal_1.sfh", "sfr", ()),
        ("sfh_mass/expected/best_fits/gal_2.sfh", "mass", ()),
        ("custom_sfh/expected/best_fits/gal_1.sfh", "sfr", (90,)),
    ],
)
def test_histories_come_out_byte_for_byte(shared, tmp_path, name, quantity, confidences):
    source = shared / "golden" / name
    table = np.loadtxt(source)
    write_sfh(
        tmp_path / "a",
        table[:, 0],
        table[:, 1],
        quantity=quantity,
        intervals=table[:, 2:].reshape(len(table), -1, 2) if confidences else None,
        confidences=confidences,
    )
    assert (tmp_path / "a").read_bytes() == source.read_bytes()
    step = (table[1, 0] - table[0, 0]) / 1e6
    assert sfh_times(table[-1, 0], step) == pytest.approx(table[:, 0], rel=1e-5)


def test_histories_with_simulations(tmp_path):
    intervals = np.arange(8.0).reshape(2, 2, 2)
    write_sfh(
        tmp_path / "a",
        [1, 2],
        [3, 4],
        median=[5, 6],
        intervals=intervals,
        confidences=(68, 95),
        quantity="mass",
    )
    title, *_ = (tmp_path / "a").read_text().splitlines()
    assert title == "# t Mstar(t) (Msol) med_Mstar l68_Mstar u68_Mstar l95_Mstar u95_Mstar"
    assert np.loadtxt(tmp_path / "a").tolist() == [[1, 3, 5, 0, 1, 2, 3], [2, 4, 6, 4, 5, 6, 7]]


@pytest.mark.parametrize(("age", "step", "expected"), [(2e6, 10, [1e6, 2e6]), (12e6, 5, [1e6, 6e6, 12e6])])
def test_times_of_histories_end_at_the_observation(age, step, expected):
    assert sfh_times(age, step).tolist() == expected


def test_simulations_are_those_of_fastpp(shared, tmp_path):
    from astropy.io import fits

    source = shared / "golden" / "sims" / "expected" / "best_fits" / "gal_1.sims.fits"
    expected = fits.getdata(source)
    names = [str(name).strip() for name in expected["PARAMS"][0]]
    write_simulations(tmp_path / "a.fits", names, expected["RESULT"][0], expected["CHI2"][0])
    found = fits.getdata(tmp_path / "a.fits")
    assert found.columns.names == expected.columns.names
    for name in found.columns.names:
        assert found[name].shape == expected[name].shape
        assert found[name].dtype == expected[name].dtype
        if name == "PARAMS":  # FAST++ pads the names with blanks
            assert [label.strip() for label in found[name][0]] == names
        else:
            assert np.array_equal(found[name], expected[name])


@pytest.mark.parametrize(
    "write", [lambda path: write_sfh(path, [1], [1]), lambda path: write_simulations(path, ["z"], [[1]], [1])]
)
def test_files_that_cannot_be_written_are_told(tmp_path, write):
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match="a: cannot be written"):
        write(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
