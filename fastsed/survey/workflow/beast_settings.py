"""Settings of BEAST (`beast_settings.txt`, `datamodel.py`): literals in, never executed; a settings file out."""

from __future__ import annotations

import ast
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastsed.errors import InputError
from fastsed.text import decode, read_bytes

log = logging.getLogger(__name__)

_NAMES = {
    "project": "project",
    "filters": "filters",
    "obsfile": "obsfile",
    "astfile": "astfile",
    "obs_colnames": "obs_colnames",
    "distances": "distances",
    "logt": "logt",
    "logmass": "logmass",
    "z": "z",
    "avs": "av",
    "rvs": "rv",
    "fAs": "fA",
    **{
        f"{name}_prior_model": f"{name}_prior_model"
        for name in ("age", "mass", "met", "distance", "av", "rv", "fA")
    },
    **{name: name for name in ("sd_binmode", "sd_Nbins", "sd_binwidth", "sd_custom")},
}
"""BEAST's name of a setting, and ours; those that begin with ast_ keep theirs."""

_LAWS = {
    "Gordon16_RvFALaw": "G16",
    "Generalized_RvFALaw": "G16",
    "Gordon03_SMCBar": "G03_SMCBar",
    "Fitzpatrick99": "F99",
}
_UNITS = ("pc", "kpc", "Mpc", "mag")


def read_beast_settings(path: str | Path) -> dict[str, Any]:
    """Settings of ours from a file of BEAST's.

    Parameters
    ----------
    path : path-like
        Lines `name = literal`; nothing in it is executed. What is no literal is left out with a warning.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If it cannot be read, or is no Python text.
    """
    text = decode(read_bytes(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        raise InputError("is no settings file of BEAST: expected lines `name = value`", path, line) from None
    translated: dict[str, Any] = {}
    left: list[str] = []
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom) or _is_text(statement):
            continue
        if not isinstance(statement, ast.Assign) or not all(
            isinstance(t, ast.Name) for t in statement.targets
        ):
            left.append(f"line {statement.lineno}")
            continue
        for target in statement.targets:
            assert isinstance(target, ast.Name)
            _take(target.id, statement, translated, left)
    if left:
        log.warning(
            "%s: left out, since fastsed executes nothing or has no use for it: %s", path, ", ".join(left)
        )
    return translated


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _take(name: str, statement: ast.Assign, translated: dict[str, Any], left: list[str]) -> None:
    value = statement.value
    if name == "distance_unit":
        unit = value.attr if isinstance(value, ast.Attribute) else _literal(value)
        if unit in _UNITS:
            translated["distance_unit"] = unit
            return
    if name == "extLaw" and isinstance(value, ast.Call):
        law = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        if law in _LAWS:
            translated["extinction"] = _LAWS[law]
            return
    ours = _NAMES.get(name, name if name.startswith("ast_") else None)
    literal = _literal(value)
    if ours is None or literal is _NOTHING:
        left.append(f"{name} (line {statement.lineno})")
    elif literal is not None:
        translated[ours] = literal


_NOTHING = object()


def _literal(value: ast.expr) -> Any:
    """The value of a literal; `_NOTHING` for anything else."""
    try:
        return _plain(ast.literal_eval(value))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return _NOTHING


def _plain(value: Any) -> Any:
    """Tuples as lists, which TOML has."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items() if one is not None}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ValueError(value)


def to_toml(values: Mapping[str, Any]) -> str:
    """Settings as the text of a TOML file."""
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in values.items())


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    return repr(value)
