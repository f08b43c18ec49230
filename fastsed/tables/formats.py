"""The formats of tables: a path in, the name of its format and the path without suffix out."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from types import ModuleType

from fastsed.errors import InputError

SUFFIXES: dict[str, tuple[str, ...]] = {
    "fits": (".fits", ".fit", ".fits.gz"),
    "ecsv": (".ecsv",),
    "csv": (".csv",),
    "hdf5": (".hdf5", ".h5"),
    "parquet": (".parquet", ".parq"),
    "votable": (".vot", ".votable", ".xml"),
}
"""Suffixes of each format; the first one is written."""


def format_of(path: str | os.PathLike[str]) -> str | None:
    """Format of a table after the suffix of its name, whatever the case of its letters; None for other files."""
    name = os.fspath(path).lower()
    for kind, suffixes in SUFFIXES.items():
        if name.endswith(suffixes):
            return kind
    return None


def stem_of(path: str) -> str:
    """The path of a table without its suffix; other paths stay as they are."""
    longest = max(
        (s for suffixes in SUFFIXES.values() for s in suffixes if path.lower().endswith(s)),
        key=len,
        default="",
    )
    return path[: len(path) - len(longest)]


def known_suffixes() -> str:
    """The suffixes as a message lists them."""
    return ", ".join(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)


def require(
    module: str, what: str, path: str | os.PathLike[str] | None = None, extra: str = "tables"
) -> ModuleType:
    """Import a package of an extra.

    Raises
    ------
    InputError
        Where it is not installed, saying how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise InputError(
            f"{what} need the package {package}: pip install 'fastsed[{extra}]'", path
        ) from error


def csv_metadata_path(path: str | os.PathLike[str]) -> Path:
    """Where units and descriptions of a CSV file are, after "CSV on the Web" (W3C 2015): `<name>-metadata.json`."""
    return Path(f"{os.fspath(path)}-metadata.json")


def check_installed(kind: str) -> None:
    """Check that what a format needs is installed.

    Raises
    ------
    InputError
        Where it is not, saying what to install.
    """
    if kind == "parquet":
        require("pyarrow.parquet", "Parquet tables")
