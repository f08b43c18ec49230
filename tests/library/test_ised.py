"""GALAXEV binary files, against arrays that were written byte by byte, and against the shared libraries."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.library.ised import gridded_name, metallicity_of_name, read_ised

from .make_files import AGES, LAM, LIVING, SED, ised_records, write_records


@pytest.mark.parametrize("order", ["<", ">"])
def test_reads_both_byte_orders(tmp_path, order):
    path = write_records(tmp_path / "toy_lr_ch_z004_ltau9.0.ised", ised_records(order), order)
    got = read_ised(path)
    np.testing.assert_allclose(got.ages, AGES, rtol=1e-7)
    np.testing.assert_allclose(got.lam, LAM, rtol=1e-7)
    np.testing.assert_array_equal(got.sed, SED)
    np.testing.assert_allclose(got.mass, LIVING, rtol=1e-7)
    np.testing.assert_allclose(got.sfr, np.arange(AGES.size) * 1e-9, rtol=1e-7)
    assert (got.kind, got.metallicity, got.source) == ("gridded", 0.004, str(path))
    assert got.sed.dtype.kind == "f"
    assert not got.sed.flags.writeable  # a view of the file


def test_formed_mass_is_the_running_sum(tmp_path):
    sfr = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.5, 0.25]) * 1e-9
    got = read_ised(write_records(tmp_path / "a.ised", ised_records(sfr=sfr)))
    expected = [0.0]
    for i in range(1, AGES.size):
        expected.append(expected[-1] + sfr[i] * (AGES[i] - AGES[i - 1]))
    np.testing.assert_allclose(got.formed, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("info", "n_extra", "good"), [(0, 12, True), (3, 10, True), (3, 12, True), (0, 10, False)]
)
def test_info_tells_how_many_records_close_the_file(tmp_path, info, n_extra, good):
    path = write_records(tmp_path / "a.ised", ised_records(info=info, n_extra=n_extra))
    if good:
        np.testing.assert_allclose(read_ised(path).mass, LIVING, rtol=1e-7)
    else:
        with pytest.raises(InputError, match=r"a\.ised: is truncated"):
            read_ised(path)


@pytest.mark.parametrize("keep", [0, 3, 100, 250, -1, -37])
def test_truncated_files(tmp_path, keep):
    path = write_records(tmp_path / "cut.ised", ised_records())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"cut\.ised: (is truncated|is not a GALAXEV|is damaged)"):
        read_ised(path)


def test_foreign_and_missing_files(tmp_path):
    foreign = tmp_path / "foreign.ised"
    foreign.write_text("# a catalogue, not a library\n1 2 3\n")
    with pytest.raises(InputError, match="is not a GALAXEV"):
        read_ised(foreign)
    with pytest.raises(InputError, match=r"none\.ised: cannot be read"):
        read_ised(tmp_path / "none.ised")


def test_broken_marker_and_counts(tmp_path):
    records = ised_records()
    path = write_records(tmp_path / "bad.ised", records)
    content = bytearray(path.read_bytes())
    content[8 + len(records[0])] ^= 1  # the opening marker of record 2
    path.write_bytes(content)
    with pytest.raises(InputError, match="record 2 is not a Fortran record"):
        read_ised(path)
    records[3] = np.array([LAM.size - 1], "<i4").tobytes() + records[3][4:]
    write_records(path, records)
    with pytest.raises(InputError, match="the record of age 2 is not like that of age 1"):
        read_ised(path)


def test_unsorted_wavelengths(tmp_path):
    records = ised_records()
    records[1] = records[1][:4] + np.asarray(LAM[::-1], "<f4").tobytes()
    with pytest.raises(InputError, match="wavelengths are not an ascending list"):
        read_ised(write_records(tmp_path / "bad.ised", records))


def test_signalling_nans_are_no_numbers(tmp_path):
    records = ised_records()
    records[1] = records[1][:4] + b"\x01\x00\xa0\x7f" + records[1][8:]
    with pytest.raises(InputError, match="wavelengths are not an ascending list"):
        read_ised(write_records(tmp_path / "bad.ised", records))


@pytest.mark.parametrize(
    ("metal", "ltau", "expected"),
    [
        (0.02, 8.5, "bc03_lr_ch_z02_ltau8.5.ised"),
        (np.float64(np.float32(0.008)), 9, "bc03_lr_ch_z008_ltau9.0.ised"),
        (0.0001, 10.25, "bc03_lr_ch_z0001_ltau10.25.ised"),
        (0.019, np.float64(np.float32(8.7)), "bc03_lr_ch_z019_ltau8.7.ised"),
    ],
)
def test_names(metal, ltau, expected):
    assert gridded_name("bc03", "lr", "ch", metal, ltau) == expected
    assert metallicity_of_name(expected) == pytest.approx(metal)


def test_names_without_metallicity():
    assert np.isnan(metallicity_of_name("my_library.ised"))


def test_shared_library(shared):
    path = shared / "data/libraries/ised_exp.lr" / gridded_name("bc03", "lr", "kr", 0.02, 9)
    got = read_ised(path)
    assert got.sed.shape == (221, 802)
    np.testing.assert_allclose(got.sfr, np.exp(-got.ages / 1e9) / 1e9, rtol=1e-5, atol=1e-30)
    assert got.metallicity == 0.02


def test_released_spectra_can_be_looked_at_again(tmp_path):
    found = read_ised(write_records(tmp_path / "a.ised", ised_records()))
    before = found.sed.copy()
    found.release()
    np.testing.assert_array_equal(found.sed, before)
    # spectra in memory stay there
    found.sed = before
    found.release()
    assert found.sed is before


@pytest.mark.parametrize("age", range(len(AGES)))
@pytest.mark.parametrize("end", [False, True])
def test_a_damaged_record_is_named(tmp_path, age, end):
    records = ised_records()
    path = write_records(tmp_path / "bad.ised", records)
    content = bytearray(path.read_bytes())
    start = sum(len(record) + 8 for record in records[: 2 + age])
    content[start + (4 + len(records[2 + age])) * end] ^= 16
    path.write_bytes(content)
    # a first record that is wrong is met before the others are compared with it
    expected = f"the record of age {age + 1} is not like" if age else "record 3 is not a Fortran record"
    with pytest.raises(InputError, match=expected):
        read_ised(path)
    if age:
        np.testing.assert_allclose(read_ised(path, check_spectra=False).mass, LIVING, rtol=1e-7)
