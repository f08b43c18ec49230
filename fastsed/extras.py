"""Packages that only some steps need: a name in, the module or one line that says what to install out."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from fastsed.errors import InputError

_EXTRAS = {"shapely": "survey", "photutils": "survey", "regions": "survey", "matplotlib": "plot"}


def need(module: str, purpose: str) -> Any:
    """Import a module of an optional package.

    Parameters
    ----------
    module : str
        Its full name (`photutils.aperture`).
    purpose : str
        What it is needed for, for the message.

    Raises
    ------
    InputError
        If it is not installed.
    """
    package = module.split(".")[0]
    try:
        return import_module(module)
    except ImportError as error:
        extra = _EXTRAS[package]
        message = f"{purpose} needs {package}: install it with `pip install fastsed[{extra}]`"
        raise InputError(message) from error
