"""Paths: of the files that come with fastsed or that a user installs, and what a user may write for one."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from fastsed.errors import InputError


def share_dir() -> Path:
    """Folder of the files shipped with the package (filters, libraries, examples)."""
    installed = Path(__file__).resolve().parent / "share"
    return installed if installed.is_dir() else Path(__file__).resolve().parent.parent / "share"


def user_data_dir() -> Path:
    """Folder for libraries that the user installs; `FASTSED_DATA_DIR` overrides the platform's usual place."""
    chosen = os.environ.get("FASTSED_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    return base / "fastsed"


def for_system(path: str | os.PathLike[str]) -> str:
    """The path as the system takes it: UTF-8 also in a locale that does not know the letters of its name."""
    text = os.fspath(path)
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return os.fsdecode(text.encode("utf-8", "surrogateescape"))
    return text


def expanded(path: str) -> str:
    """A path with `~` and environment variables (`$NAME`, `${NAME}`) replaced, as a shell does.

    Raises
    ------
    InputError
        Where there is no such user or variable, and no file of that very name either.
    """
    if "~" not in path and "$" not in path:
        return path
    full = os.path.expanduser(os.path.expandvars(path))
    unknown = re.search(r"\$(\w+|\{[^}]*\})", full)
    if unknown and not _exists(full):
        raise InputError(f"there is no environment variable {unknown[1].strip('{}')} to replace in '{path}'")
    if full.startswith("~") and not _exists(full.split("/")[0]):
        raise InputError(
            f"there is no home folder to replace in '{path}'; a folder of that name is './{full}'"
        )
    return full


def _exists(path: str) -> bool:
    return os.path.exists(for_system(path))
