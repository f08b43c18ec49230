"""What is said of each key: for `--help-param`, and for docs/parameters.md."""

from __future__ import annotations

from dataclasses import Field
from typing import Any

from fastsed.errors import UsageError
from fastsed.params.reader import ALIASES
from fastsed.params.table import key_fields, suggestion

_TYPE_NAMES = {
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "0 / 1",
    "tuple[str, ...]": "list of texts",
    "tuple[int, ...]": "list of integers",
    "tuple[float, ...]": "list of numbers",
}


def describe_key(name: str) -> str:
    """Describe one key in plain text.

    Raises
    ------
    UsageError
        For an unknown name; it suggests the nearest key.
    """
    lower = name.strip().lower()
    row = key_fields().get(ALIASES.get(lower, lower))
    if row is None:
        raise UsageError(f"there is no key {name.upper()}{suggestion(name)}")
    lines = [row.name.upper(), "", row.metadata["doc"], ""]
    lines += [f"  {title + ':':<9}{text}" for title, text in _facts(row).items() if text]
    return "\n".join(lines)


def parameters_markdown() -> str:
    """The page docs/parameters.md: all keys, grouped by section."""
    lines = [
        "# The parameter file",
        "",
        "<!-- Written by scripts/build_docs.py from fastsed/config: change it there. -->",
        "",
        "One `KEY = value` per line; keys may be in lower or upper case. What follows a `#` is a comment,",
        "unless it is within quotes. A list is written `[a, b, c]`; a single value also makes a list. Paths",
        "are relative to the folder in which the program is started, wherever the file is; `~` and environment",
        "variables (`$NAME`) in them are replaced. What is 0 or 1 may also be `no` or `yes`, `false` or `true`.",
        "Any key can be given on the command line too, as `KEY=value`, and `fastsed --help-param KEY` shows what",
        "is said of it here.",
    ]
    sections: dict[str, list[Field[Any]]] = {}
    for row in key_fields().values():
        sections.setdefault(row.metadata["section"], []).append(row)
    for section, rows in sections.items():
        lines += [
            "",
            f"## {section}",
            "",
            "| Key | Type | Default | Unit | Values | Meaning |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_markdown_row(row) for row in rows]
    lines += [
        "",
        "## Keys named after your own parameters",
        "",
        "Each name in CUSTOM_PARAMS has three keys: `<NAME>_MIN`, `<NAME>_MAX` and `<NAME>_STEP`, all of",
        "them required; `log_tau` takes those that exist already.",
        "",
    ]
    return "\n".join(lines)


def _facts(row: Field[Any]) -> dict[str, str]:
    """Type, default, unit and allowed values of a key, as text."""
    kind = str(row.type)
    limits = [f"{sign} {limit:.10g}" for sign, limit in row.metadata["limits"].items()]
    choices = " / ".join(map(str, row.metadata["choices"]))
    return {
        "Type": _TYPE_NAMES[kind],
        "Default": row.metadata["default_text"] or _as_written(row.default),
        "Unit": row.metadata["unit"],
        "Values": choices or " and ".join(limits),
    }


def _as_written(value: Any) -> str:
    """A value as it stands in a parameter file."""
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_as_written, value)) + "]"
    if isinstance(value, str):
        return f"'{value}'"
    return f"{value:g}"


def _markdown_row(row: Field[Any]) -> str:
    facts = _facts(row)
    cells = [f"`{row.name.upper()}`", *facts.values(), row.metadata["doc"]]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
