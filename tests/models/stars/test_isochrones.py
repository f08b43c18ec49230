"""Isochrones and tracks in the formats people have; axes; interpolation at equal EEP."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.models.stars.isochrones import axis_values, choose_isochrones, interpolate_tracks


def test_choice_of_isochrones():
    columns = {"logA": np.array([6.6, 6.70001, 6.8, 6.9]), "Z": np.array([0.01, 0.01, 0.02, 0.02])}
    got = choose_isochrones(columns, [6.6, 6.8, 0.1])
    np.testing.assert_array_equal(got["logA"], [6.6, 6.70001, 6.8])
    np.testing.assert_array_equal(choose_isochrones(columns, metals=[0.0201])["Z"], [0.02, 0.02])
    with pytest.raises(InputError, match=r"no isochrone of log age 7: the nearest is 6\.9"):
        choose_isochrones(columns, [6.6, 7.0, 0.1])
    with pytest.raises(InputError, match=r"no isochrone of Z 0\.05"):
        choose_isochrones(columns, metals=[0.05])


def test_axis_values():
    np.testing.assert_allclose(axis_values("av", [0.0, 1.2, 0.4]), [0, 0.4, 0.8, 1.2])
    np.testing.assert_allclose(axis_values("av", [0.0, 1.0, 0.4]), np.arange(0, 1.2, 0.4))
    np.testing.assert_array_equal(axis_values("av", [2.5]), [2.5])
    np.testing.assert_array_equal(axis_values("av", [0.5, 0.5, 0.0]), [0.5])
    np.testing.assert_allclose(axis_values("av", [0.1, 10.0, 0.5, "log"]), 10 ** np.arange(-1, 1, 0.5))
    for wrong in (
        [1, 2],
        [1, 2, "x"],
        [2, 1, 0.5],
        [1, 2, 0],
        [0, 1, 0.1, "log"],
        [1, 2, 0.1, "lin"],
        [True],
        [],
    ):
        with pytest.raises(InputError):
            axis_values("av", wrong)


def tracks():
    rows = [
        (z, m, e, 6 + 0.1 * e + m, 0.5 * m + e, 3.5 + 0.01 * m, 4.0, 100 * z)
        for z in (0.01, 0.02)
        for m in (1.0, 2.0, 4.0)
        for e in range(3 if m < 4 else 2)
    ]
    return dict(
        zip(("Z", "M_ini", "eep", "logA", "logL", "logT", "logg", "x"), np.array(rows).T.copy(), strict=True)
    )


def test_tracks_are_interpolated_at_equal_eep():
    got = interpolate_tracks(tracks(), np.array([1.0, 1.5, 3.0]), np.array([0.015]))
    np.testing.assert_array_equal(np.unique(got["Z"]), [0.015])
    np.testing.assert_allclose(got["logL"], 0.5 * got["M_ini"] + got["eep"])
    np.testing.assert_allclose(got["x"], 1.5)
    # the heaviest track ends one point earlier
    assert [(got["M_ini"] == m).sum() for m in (1.0, 1.5, 3.0)] == [3, 3, 2]
    with pytest.raises(InputError, match="M_ini = 9 is beyond the tracks"):
        interpolate_tracks(tracks(), np.array([9.0]), None)
    with pytest.raises(InputError, match="need a column eep"):
        interpolate_tracks({"Z": np.ones(1)}, None, None)


def test_condensed_tracks_keep_their_ends():
    n = 101
    track = {"Z": np.full(n, 0.02), "M_ini": np.ones(n), "eep": np.arange(n), "logL": np.linspace(0, 1, n)}
    track |= {"logT": np.full(n, 3.7), "logA": np.linspace(6, 9, n)}
    got = interpolate_tracks(track, None, None, condense=True)
    assert got["eep"][0] == 0
    assert got["eep"][-1] == 100
    assert (np.diff(got["logL"])[:-1] > 0.05).all()
    assert (np.diff(got["logL"]) < 0.0601).all()
