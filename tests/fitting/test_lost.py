"""Why sources have no fit."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.fitting.lost import check_fittable, report_lost, report_without_posterior
from fastsed.fitting.observations import sum_in_window

YES, NO = np.ones(3, dtype=bool), np.zeros(3, dtype=bool)


def test_sum_in_window():
    ages_at = np.array([5, 3, 0, 0])
    first, last = np.array([0, 1, 2, 0]), np.array([3, 1, 3, -1])
    assert sum_in_window(ages_at, first, last).tolist() == [8, 3, 0, 0]


def test_some_can_be_fitted():
    check_fittable(np.array([False, True]), np.array([True, False]), "gal.cat")


def test_none_can_be_fitted():
    with pytest.raises(InputError) as caught:
        check_fittable(NO, np.array([True, False, True]), "gal.cat")
    assert str(caught.value) == (
        "gal.cat: no source can be fitted: 2 sources with an error of zero, 1 source without any valid flux"
    )


@pytest.mark.parametrize(
    ("n_ages", "n_models", "reason"),
    [
        (0, 0, "every age is older than the Universe at their redshift"),
        (4, 0, "GRID_EXCLUDE excludes every model"),
        (4, 100, "every model is zero or NaN"),
    ],
)
def test_reasons(n_ages, n_models, reason, caplog):
    ages, models = np.full(3, n_ages), np.full(3, n_models)
    with pytest.raises(InputError, match=f"^fast.param: no model of the grid can be fitted: {reason}"):
        report_lost(YES, NO, ages, models, "fast.param")
    report_lost(YES, np.array([True, False, False]), ages, models, "fast.param")
    assert caplog.messages[0].startswith(f"2 sources not fitted, with NaN in the catalogue: {reason}")


def test_several_reasons(caplog):
    fitted = np.array([True, False, False])
    report_lost(YES, fitted, np.array([4, 0, 4]), np.array([100, 0, 0]), "")
    assert len(caplog.messages) == 2
    caplog.clear()
    report_lost(fitted, fitted, np.array([4, 0, 4]), np.array([100, 0, 0]), "")
    assert not caplog.messages


def test_sources_without_posterior(caplog):
    lnz = np.array([-3.0, -np.inf, -np.inf])
    report_without_posterior(np.array([True, False, False]), lnz)
    assert not caplog.messages
    report_without_posterior(YES, lnz)
    assert caplog.messages[0].startswith("2 sources fitted, but without a posterior")
