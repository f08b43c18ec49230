"""Where the files that come with fastsed, and those that a user installs, are found."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def share_dir() -> Path:
    """Folder of the files shipped with the package (filters, libraries, examples)."""
    installed = Path(__file__).resolve().parent / "share"
    return installed if installed.is_dir() else Path(__file__).resolve().parent.parent / "share"


def user_data_dir() -> Path:
    """Folder for libraries that the user installs; `FASTSED_DATA_DIR` overrides the platform's usual place."""
    chosen = os.environ.get("FASTSED_DATA_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    return base / "fastsed"
