"""The table of all keys: a field each, in lower case; checked when it is made, from a file or from Python."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from fastsed.config.models import check_custom_names
from fastsed.config.options import OptionError, option_fields, option_types
from fastsed.config.run import RunOptions
from fastsed.errors import InputError
from fastsed.params.reader import ALIASES, parse_custom_number, parse_text, unquoted

_ENDS = ("min", "max", "step")


@dataclass(frozen=True, kw_only=True, init=False)
class Params(RunOptions):
    """All keys of a parameter file: an attribute per key, in lower case; lists are tuples.

    Besides the keys: `custom_ranges` (lower-case name of a custom parameter -> min, max, step), `path`
    (the file read, '' if none), `explicit` (lower-case names of the keys that the user set) and `places` (where).

    Parameters
    ----------
    **keys
        Values, or the text that would stand in a file, of keys in lower or upper case; also `<NAME>_MIN`, `_MAX` and
        `_STEP` of each of `custom_params`.

    Raises
    ------
    InputError
        Where a key is unknown, or a value or a combination of values is wrong.
    """

    def __init__(self, **keys: Any):
        values = {ALIASES.get(name.lower(), name.lower()): value for name, value in keys.items()}
        rows = {row.name: row for row in fields(type(self))}
        types = option_types(type(self))
        self.correct("explicit", frozenset(values).intersection(key_fields()))
        for row in rows.values():
            if row.name in values:
                value = values.pop(row.name)
                is_text = isinstance(value, str) and types[row.name] is not str and "doc" in row.metadata
                self.correct(row.name, parse_text(row, types[row.name], value) if is_text else value)
            elif row.name != "explicit":
                default = row.default_factory() if row.default_factory is not MISSING else row.default
                self.correct(row.name, default)
        if self.custom_sfh:
            check_custom_names(self.custom_params)
        ranges, unknown = _custom_ranges(self.custom_params, values, bool(self.custom_sfh))
        self.correct("custom_ranges", {**self.custom_ranges, **ranges})
        custom_priors = prior_keys(self.custom_params)
        given = {custom_priors[key]: values[key] for key in unknown if key in custom_priors}
        self.correct(
            "priors",
            {**self.priors, **{k: unquoted(v) if isinstance(v, str) else v for k, v in given.items()}},
        )
        unknown = [key for key in unknown if key not in custom_priors]
        if unknown:
            raise InputError(
                f"there is no key {unknown[0].upper()}{suggestion(unknown[0])}", self.path or None
            )
        self.__post_init__()


def key_fields() -> dict[str, Field[Any]]:
    """The table of keys: lower-case name -> dataclass field, in the order of the documentation."""
    return {row.name: row for row in option_fields(Params)}


def _custom_ranges(
    names: Any, values: Mapping[str, Any], needed: bool
) -> tuple[dict[str, tuple[float, float, float]], list[str]]:
    """MIN, MAX and STEP of the custom parameters for which all three are given; and what else is given."""
    ranges, left = {}, dict(values)
    for name in [names] if isinstance(names, str) else names:
        given = [left.pop(f"{name.lower()}_{end}", None) for end in _ENDS]
        missing = [f"{name}_{end}".upper() for end, value in zip(_ENDS, given, strict=True) if value is None]
        if needed and 0 < len(missing) < len(_ENDS):
            raise OptionError("custom_params", f"the custom parameter '{name}' has no {', '.join(missing)}")
        if not missing:
            ends = [
                parse_custom_number(f"{name.lower()}_{end}", value)
                if isinstance(value, str)
                else float(value)
                for end, value in zip(_ENDS, given, strict=True)
            ]
            ranges[name.lower()] = (ends[0], ends[1], ends[2])
    return ranges, list(left)


def prior_keys(names: Any) -> dict[str, str]:
    """Key PRIOR_<NAME> of each custom parameter, and its name; in lower case."""
    return {f"prior_{n.lower()}": n.lower() for n in ([names] if isinstance(names, str) else names)}


def suggestion(name: str) -> str:
    """Which key may be meant by an unknown name; '' if none is near."""
    near = difflib.get_close_matches(name.lower(), key_fields(), n=1)
    return f"; did you mean {near[0].upper()}?" if near else ""
