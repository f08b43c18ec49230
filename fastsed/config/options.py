"""Options that know their documentation and their limits; whoever makes an object of them gets the same checks."""

from __future__ import annotations

import math
import numbers
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, get_args, get_type_hints

from fastsed.errors import InputError
from fastsed.paths import expanded, for_system

EXPECTED: dict[type, str] = {bool: "0 or 1", int: "a whole number", float: "a number", str: "a text"}
_WITHIN: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
_TYPES: dict[type, dict[str, Any]] = {}


class OptionError(InputError):
    """An option has a value that it cannot have.

    Parameters
    ----------
    name : str
        Of the option, in lower case.
    fault : str
        What is wrong, and what would be right.
    value : object, optional
        That is wrong by itself. The message begins with the key, in upper case, and it; without, `fault` is all.
    """

    def __init__(self, name: str, fault: str, value: Any = None):
        self.name, self.fault, self.value = name, fault, value
        super().__init__(fault if value is None else self.message_for(_shown(value)))

    def message_for(self, text: str) -> str:
        """The message, with the value as it was written."""
        return self.fault if self.value is None else f"{self.name.upper()} = {text}: {self.fault}"


def option(
    default: Any,
    section: str,
    doc: str,
    *,
    unit: str = "",
    choices: tuple[Any, ...] = (),
    default_text: str = "",
    is_path: bool = False,
    named: Callable[[str], Any] | None = None,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
) -> Any:
    """One row of the table of keys: a dataclass field that knows its documentation and its limits.

    Parameters
    ----------
    default : object
    section : str
        Heading under which the key is documented.
    doc : str
        What it does, for the user.
    unit : str, optional
    choices : tuple, optional
        The values it may take.
    default_text : str, optional
        How the documentation shows a default that is worked out when the object is made.
    is_path : bool, optional
        Whether it names a file or folder, in which `~` and environment variables are replaced.
    named : callable, optional
        For numbers that may be given by name: the number of a name, or an InputError.
    ge, gt, le, lt : float, optional
        Limits of the value, or of each value of a list: >=, >, <=, <.
    """
    limits = {">=": ge, ">": gt, "<=": le, "<": lt}
    metadata = {
        "section": section,
        "doc": doc,
        "unit": unit,
        "choices": choices,
        "default_text": default_text,
        "is_path": is_path,
        "named": named,
        "limits": {sign: limit for sign, limit in limits.items() if limit is not None},
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of the configuration objects.

    A class of options may have a method `complete`, which works out what follows from other options, and a method
    `check`, which refuses combinations that make no sense. Those of all bases are called, bases first.

    Attributes
    ----------
    path : str
        The file they were read from, '' if none: for messages.
    explicit : frozenset of str
        Lower-case names of the options that the user set.
    places : mapping of str to str
        Where the options were set, as far as it is known: for messages.

    Raises
    ------
    OptionError
        Where a value is not one that the option may have.
    """

    path: str = ""
    explicit: frozenset[str] = frozenset()
    places: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        types = option_types(type(self))
        for row in option_fields(type(self)):
            self.correct(row.name, checked(row, types[row.name], getattr(self, row.name)))
        for name in ("complete", "check"):
            for kind in reversed(type(self).__mro__):
                if name in vars(kind):
                    vars(kind)[name](self)

    def where(self, name: str) -> str | None:
        """Where an option was set, for messages: a line of a file, the command line; the file if no more is known."""
        return self.places.get(name, self.path) or None

    def correct(self, name: str, value: Any) -> None:
        """Set an option while the object is being made."""
        object.__setattr__(self, name, value)

    def set_missing(self, name: str, value: Any) -> None:
        """Set an option that is empty while the object is being made."""
        if not getattr(self, name):
            self.correct(name, value)


def option_types(kind: type) -> dict[str, Any]:
    """The types of the fields of `kind`, by name; evaluated once for a class, for that is slow."""
    if kind not in _TYPES:
        _TYPES[kind] = get_type_hints(kind)
    return _TYPES[kind]


def option_fields(kind: type[Options]) -> list[Field[Any]]:
    """The options of a class, in the order of the documentation."""
    return [row for row in fields(kind) if "doc" in row.metadata]


def checked(row: Field[Any], kind: Any, value: Any) -> Any:
    """A value in the type of its option, within its limits.

    Parameters
    ----------
    row : Field
        From `option`.
    kind : type
        Of the value; tuple[x, ...] for lists.
    value : object
        Numbers of any type; any sequence, or a single value, for a list; any path-like for a path.

    Raises
    ------
    OptionError
    """
    arguments = get_args(kind)
    if not arguments:
        return _checked_value(row, kind, value, value)
    # numpy's arrays are no sequences, but have a list of their values
    values = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(values, str) or not isinstance(values, Sequence):
        values = (values,)
    return tuple(_checked_value(row, arguments[0], one, values) for one in values)


def _checked_value(row: Field[Any], kind: type, value: Any, whole: Any) -> Any:
    """One value of an option; `whole` is all that it has."""
    converted = _converted(row, kind, value, whole)
    choices = row.metadata["choices"]
    if choices and converted not in choices:
        raise OptionError(row.name, f"must be one of {', '.join(map(str, choices))}", whole)
    for sign, limit in row.metadata["limits"].items():
        if not _WITHIN[sign](converted, kind(limit)):
            raise OptionError(row.name, f"must be {sign} {limit:.10g}", whole)
    return converted


def _converted(row: Field[Any], kind: type, value: Any, whole: Any) -> Any:
    """A value in the type of its option."""
    if kind is str and isinstance(value, str | os.PathLike):
        text = os.fspath(value)
        if row.metadata["is_path"]:
            return _path(row, text)
        choices = {str(choice).lower(): choice for choice in row.metadata["choices"]}
        return choices.get(text.strip().lower(), text)
    if row.metadata["named"] and isinstance(value, str):
        try:
            return row.metadata["named"](value)
        except InputError as error:
            raise OptionError(row.name, error.message, whole) from None
    if kind is int and row.metadata["named"] and isinstance(value, int) and not isinstance(value, bool):
        return value  # which may know that it was a name
    if kind is bool and value in (0, 1) and isinstance(value, numbers.Real | bool):
        return bool(value)
    if kind in (int, float) and isinstance(value, numbers.Real) and math.isfinite(value):
        is_integer = isinstance(value, numbers.Integral) or float(value).is_integer()
        if kind is float or is_integer:
            return int(value) if kind is int else float(value)  # type: ignore[call-overload]
    raise OptionError(row.name, f"expected {EXPECTED[kind]}", whole)


def _path(row: Field[Any], text: str) -> str:
    """A path as the system takes it, with `~` and variables replaced."""
    try:
        return for_system(expanded(text))
    except InputError as error:
        raise OptionError(row.name, f"{row.name.upper()}: {error.message}") from None


def _shown(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
