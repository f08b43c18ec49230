"""The names of SFH_QUANTITIES: their order, and what is said of wrong ones."""

from __future__ import annotations

import pytest

from fastsed.errors import InputError
from fastsed.quantities import SFH
from fastsed.sfh_quantities import KINDS, SfhQuantity, parse_sfh_quantities


def names(quantities):
    return [quantity.name for quantity in quantities]


def test_names_in_the_order_of_the_output():
    given = ["brate10", "sfr10", "sfr2.5", "tquench10", "past_sfr", "TSF", "tform90", "tform50", "sfr10"]
    expected = ["tform90", "tform50", "tsf", "past_sfr", "tquench10", "sfr10", "sfr2.5", "brate10"]
    parsed = parse_sfh_quantities(given)
    assert names(parsed) == expected
    assert parsed[6] == SfhQuantity("sfr2.5", "sfr", 2.5)
    assert parse_sfh_quantities([]) == []


def test_every_kind_has_a_column():
    assert list(SFH) == list(KINDS)
    assert [column.name for column in SFH.values()] == [k + "<X>" * bool(x) for k, x in KINDS.items()]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tquenched10", "did you mean 'tquenchX'"),
        ("mass", "known: tformX, tsf"),
        ("sfr", "should be sfrX, with X the time in Myr"),
        ("tsf10", "should be tsf, without a number"),
        ("sfr0", "must be above 0"),
        ("tform101", "at most 100"),
        ("", "known: tformX"),
    ],
)
def test_bad_name(name, message):
    with pytest.raises(InputError, match="SFH_QUANTITIES") as error:
        parse_sfh_quantities(["tsf", name])
    assert message in str(error.value)
