"""Which file is found, in folders made for the purpose."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from fastsed.library.find import find_gridded, find_ssp, list_libraries, missing_library, search_folders
from fastsed.library.hdf5 import write_ssp_hdf5

from .make_files import AGES, ascii_text, ised_records, simple, write_fits, write_records


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Empty folders for what a user installed and for what is shipped; LIBRARY_DIR is `given`."""
    user, share = tmp_path / "user", tmp_path / "share"
    monkeypatch.setenv("FASTSED_DATA_DIR", str(user))
    monkeypatch.setattr("fastsed.library.find.share_dir", lambda: share)
    return tmp_path / "given", user / "libraries", share / "libraries"


def put_text(folder, name="toy_lr_ch_z02"):
    path = folder / "ssp.lr" / f"{name}.ised_ASCII"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(ascii_text())
    return path


def put_ised(folder, name="toy_lr_ch_z02_ltau9.0", sfh="exp"):
    path = folder / f"ised_{sfh}.lr" / f"{name}.ised"
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_records(path, ised_records())


def put_hdf5(folder, name="toy_lr_ch.hdf5", metals=(0.004, 0.02), **names):
    write_ssp_hdf5(folder / name, [simple(metal, **names) for metal in metals])
    return folder / name


def test_order_of_the_folders(places):
    given, user, share = places
    assert search_folders(None) == [user, share]
    assert search_folders("") == [user, share]
    assert search_folders(given) == [given, user, share]
    assert search_folders(share) == [share, user]


def test_library_dir_wins_then_user_then_shipped(places):
    paths = [put_hdf5(folder) for folder in places]
    for path in paths:
        assert find_ssp(places[0], "toy", "lr", "ch", 0.02) == (path, 0.02)
        path.unlink()
    assert find_ssp(places[0], "toy", "lr", "ch", 0.02) is None


def test_fast_names_win_over_hdf5_and_the_fits_twin_over_text(places):
    given = places[0]
    put_hdf5(given)
    text = put_text(given)
    assert find_ssp(given, "toy", "lr", "ch", 0.02) == (text, 0.02)
    twin = write_fits(text.with_name(text.name + ".fits"))
    assert find_ssp(given, "toy", "lr", "ch", 0.02) == (twin, 0.02)
    path, metal = find_ssp(given, "toy", "lr", "ch", 0.004)
    assert (path.name, metal) == ("toy_lr_ch.hdf5", 0.004)


def test_metallicities_of_a_float32_grid(places):
    put_hdf5(places[0])
    assert find_ssp(places[0], "toy", "lr", "ch", float(np.float32(0.004))) is not None
    assert find_ssp(places[0], "toy", "lr", "ch", 0.00405) is None


def test_attributes_count_not_the_file_name(places):
    given = places[0]
    path = put_hdf5(given / "ssp.hr", "whatever.h5", RESOLUTION="hr")
    assert find_ssp(given, "TOY", "hr", "ch", 0.02) == (path, 0.02)
    assert find_ssp(given, "toy", "lr", "ch", 0.02) is None
    put_hdf5(given, "other_lr_ch.hdf5")
    assert find_ssp(given, "other", "lr", "ch", 0.02) is None


def test_names_of_the_file_where_there_are_no_attributes(places):
    path = put_hdf5(places[0], "own_lr_kr.h5", LIBRARY="", RESOLUTION="", IMF="")
    assert find_ssp(places[0], "own", "lr", "kr", 0.02) == (path, 0.02)


def test_empty_names_stand_for_the_shipped_library(places):
    path = put_hdf5(places[2], "bc03_lr_kr.hdf5", LIBRARY="bc03", IMF="kr")
    assert find_ssp(None, "", "", "", 0.02) == (path, 0.02)
    assert find_gridded(None, "", "", "", "del", 0.02, 9.0) is None


def test_gridded(places):
    given = places[0]
    path = put_ised(given)
    assert find_gridded(given, "toy", "lr", "ch", "exp", 0.02, 9) == path
    for other in (("del", 0.02, 9.0), ("exp", 0.02, 9.5), ("exp", 0.004, 9.0)):
        assert find_gridded(given, "toy", "lr", "ch", *other) is None


def test_gridded_hdf5(places):
    given = places[0]
    one = replace(simple(0.02, SFH="del"), kind="gridded", sfr=AGES)
    write_ssp_hdf5(given / "toy_lr_ch_del.hdf5", [one, one], [8.5, 9.0])
    found = find_gridded(given, "toy", "lr", "ch", "del", 0.02, float(np.float32(8.5)))
    assert found == given / "toy_lr_ch_del.hdf5"
    assert find_gridded(given, "toy", "lr", "ch", "exp", 0.02, 8.5) is None
    assert find_gridded(given, "toy", "lr", "ch", "del", 0.02, 10.0) is None
    assert find_ssp(given, "toy", "lr", "ch", 0.02) is None


def test_foreign_hdf5_files_are_skipped_with_a_note(places, caplog):
    given = places[0]
    given.mkdir()
    (given / "toy_lr_ch.hdf5").write_bytes(b"something else")
    with caplog.at_level(logging.INFO, "fastsed"):
        assert find_ssp(given, "toy", "lr", "ch", 0.02) is None
    assert "toy_lr_ch.hdf5" in caplog.text


def test_list(places):
    given, user, share = places
    put_ised(given)
    put_ised(given, "toy_lr_ch_z004_ltau8.5")
    put_text(given)
    put_text(given, "toy_lr_ch_z0004")
    (given / "ssp.lr" / "README").write_text("not a library")
    put_hdf5(share, "bc03_lr_kr.hdf5", LIBRARY="bc03", IMF="kr")
    user.mkdir(parents=True)
    gridded, text, shipped = list_libraries(given)
    assert (gridded.name, gridded.kind, gridded.sfh) == ("toy_lr_ch_exp", "gridded", "exp")
    assert (gridded.metallicities, gridded.log_tau) == ([0.004, 0.02], [8.5, 9.0])
    assert (text.name, text.kind, text.metallicities) == ("toy_lr_ch", "ssp", [0.0004, 0.02])
    assert (shipped.name, shipped.folder, shipped.metallicities) == ("bc03_lr_kr", share, [0.004, 0.02])
    assert shipped.size == (share / "bc03_lr_kr.hdf5").stat().st_size


def test_message_when_nothing_is_found(places):
    given, user, share = places
    put_hdf5(share)
    message = str(missing_library(given, "toy", "lr", "ch", 0.03))
    for part in (
        "toy_lr_ch, metallicity 0.03",
        str(given),
        str(user),
        str(share),
        "0.004, 0.02 (nearest: 0.02)",
    ):
        assert part in message
    assert "fastsed-library install bc03" in message
    message = str(missing_library(given, "co11", "hr", "ch", 0.019, "exp", 8.5))
    assert "co11_hr_ch, metallicity 0.019, SFH exp, log tau 8.5" in message
    assert "there is toy_lr_ch" in message
    (share / "toy_lr_ch.hdf5").unlink()
    assert "no library at all" in str(missing_library(None, "", "", "", 0.02))
