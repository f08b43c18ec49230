"""The grammar of SFH_QUANTITIES: names such as sfr10 or tform50 in; kinds with their numbers out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from fastsed.errors import InputError

KINDS = {
    "tform": "percentage of the stars",
    "tsf": "",
    "past_sfr": "",
    "tquench": "factor",
    "sfr": "time in Myr",
    "brate": "time in Myr",
}
"""Kinds in the order of the output columns, with what X is where the name of a quantity ends in a number X."""


@dataclass(frozen=True)
class SfhQuantity:
    """One non-parametric quantity of a star formation history.

    Attributes
    ----------
    name : str
        As it appears in the outputs.
    kind : str
        tform, tsf, past_sfr, tquench, sfr or brate.
    argument : float
        The X of tformX [%], tquenchX, sfrX and brateX [Myr]; 0 for the others.
    """

    name: str
    kind: str
    argument: float = 0.0


def parse_sfh_quantities(names: Sequence[str]) -> list[SfhQuantity]:
    """Read the names of SFH_QUANTITIES.

    Returns
    -------
    list of SfhQuantity
        In the order of the output columns: tformX, tsf, past_sfr, tquenchX, sfrX, brateX; those of one kind
        as they were given, repeated ones once.

    Raises
    ------
    InputError
        If a name is not a quantity, or its X is out of range.
    """
    quantities = dict.fromkeys(_parse_quantity(name) for name in names)
    order = list(KINDS)
    return sorted(quantities, key=lambda quantity: order.index(quantity.kind))


def _parse_quantity(name: str) -> SfhQuantity:
    match = re.fullmatch(r"([a-z_]+?)(\d+(?:\.\d*)?|\.\d+)?", name.strip().lower())
    kind = match[1] if match else ""
    if match is None or kind not in KINDS:
        raise InputError(f"SFH_QUANTITIES: unknown quantity '{name}': {_advice(name)}")
    meaning = KINDS[kind]
    if bool(meaning) != bool(match[2]):
        right = f"{kind}X, with X the {meaning}" if meaning else f"{kind}, without a number"
        raise InputError(f"SFH_QUANTITIES: '{name}' should be {right}")
    argument = float(match[2] or 0.0)
    if meaning and (argument == 0 or (kind == "tform" and argument > 100)):
        allowed = "above 0 and at most 100" if kind == "tform" else "above 0"
        raise InputError(f"SFH_QUANTITIES: '{name}': the {meaning} must be {allowed}")
    return SfhQuantity(name.strip().lower(), kind, argument)


def _advice(name: str) -> str:
    known = [kind + "X" * bool(meaning) for kind, meaning in KINDS.items()]
    stem = name.strip().lower().rstrip("0123456789.")
    near = get_close_matches(stem, list(KINDS), n=1)
    hint = f"did you mean '{near[0]}{'X' * bool(KINDS[near[0]])}'? " if near else ""
    return f"{hint}known: {', '.join(known)}"
