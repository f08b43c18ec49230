"""The FAST parameter file: a file and replacements of its values in, checked `Params` out."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from fastsed.config.options import OptionError, option_types
from fastsed.errors import InputError
from fastsed.params.reader import Entry, file_entries, last_of_each, override_entry, parse_text
from fastsed.params.table import Params, key_fields, prior_keys, suggestion

log = logging.getLogger(__name__)


def read_params(
    path: str | os.PathLike[str] | None = None, overrides: Sequence[str] = (), /, **keys: Any
) -> Params:
    """Read and check a parameter file.

    Parameters
    ----------
    path : path-like or None
        The file; None for defaults and replacements only.
    overrides : sequence of str
        `KEY=value`, as on the command line, each taking precedence over the file.
    **keys
        Values of keys, in lower or upper case, taking precedence over both.

    Returns
    -------
    Params
        All keys with their values.

    Raises
    ------
    InputError
        Where a line, a value or a combination of values is wrong; it names file, line, key and value.
    """
    entries = last_of_each(file_entries(path)) if path is not None else {}
    entries.update({entry.name: entry for entry in map(override_entry, overrides)})
    name = "" if path is None else os.fspath(path)
    replaced = {key.lower() for key in keys}
    try:
        values = _values(entries)
        places = {entry.name: entry.place for entry in entries.values()} | dict.fromkeys(replaced, "")
        left = {k: v for k, v in values.items() if k not in replaced}
        return Params(path=name, places=places, **left, **keys)
    except OptionError as error:
        entry = entries.get(error.name)
        if entry is not None and entry.name not in replaced:
            raise entry.error(error.message_for(entry.value)) from None
        raise InputError(error.message, name or None) from None


def _values(entries: Mapping[str, Entry]) -> dict[str, Any]:
    """Values of the known keys, in their types, and the texts of the ranges of custom parameters."""
    rows, types = key_fields(), option_types(Params)
    values = {
        entry.name: parse_text(rows[entry.name], types[entry.name], entry.value)
        for entry in entries.values()
        if entry.name in rows
    }
    ranges = [
        f"{name.lower()}_{end}" for name in values.get("custom_params", ()) for end in ("min", "max", "step")
    ]
    names = [*ranges, *prior_keys(values.get("custom_params", ()))]
    for entry in entries.values():
        if entry.name in rows:
            continue
        if entry.name in names:
            values[entry.name] = entry.value
        else:
            log.warning(
                "%s: unknown key %s is ignored%s", entry.place, entry.name.upper(), suggestion(entry.name)
            )
    return values
