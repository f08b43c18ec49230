"""Tabulated star formation histories as they are seen at the observation."""

from __future__ import annotations

import pytest

from fastsed.errors import InputError
from fastsed.inputs.history_table import read_history


def test_history_at_the_observation_is_interpolated(tmp_path):
    (tmp_path / "sfh.txt").write_text("0 0\n10 2\n20 6\n")
    found = read_history(tmp_path / "sfh.txt", 15.0)
    assert found.lookback.tolist() == [0.0, 5e6, 15e6]
    assert found.sfr.tolist() == [4.0, 2.0, 0.0]


def test_lookback_times_are_taken_as_they_are(tmp_path):
    (tmp_path / "sfh.txt").write_text("0 3\n10 2\n20 6\n")
    history = read_history(tmp_path / "sfh.txt")
    assert history.lookback.tolist() == [0.0, 1e7, 2e7]
    assert history.sfr.tolist() == [3.0, 2.0, 6.0]


@pytest.mark.parametrize(
    ("text", "tobs", "message"),
    [
        ("0 1\n", 1.0, "one row only"),
        ("0 1\n10 -1\n", 5.0, "negative star formation rate, -1"),
        ("0 1\n10 1\n10 1\n", 5.0, "10 follows 10"),
        ("0 1\n10 1\n", 10.1, "the observation is at tobs=10.1"),
        ("1 1\n10 1\n", None, "begins at the lookback time 1"),
        ("0 1\n2e9 1\n", 5.0, "must be in Myr"),
    ],
)
def test_what_is_no_history(tmp_path, text, tobs, message):
    (tmp_path / "sfh.txt").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_history(tmp_path / "sfh.txt", tobs)
    assert "sfh.txt" in str(error.value)
