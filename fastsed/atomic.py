"""Write a file under a temporary name, then rename it: a path in, a whole file or none out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from fastsed.errors import InputError


def temporary_path(path: str | os.PathLike[str]) -> Path:
    """A hidden name in the same folder that no other run, or thread of this one, uses."""
    target = Path(path)
    return target.with_name(f".{target.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` when the block succeeds.

    For writers that want a name (HDF5, FITS). Missing parent folders are made.

    Raises
    ------
    InputError
        If the folder cannot be made or the file cannot be written.
    """
    target = Path(path)
    temporary = temporary_path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", target) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Open `path` for writing, so that it appears whole or not at all.

    Parameters
    ----------
    path : path-like
    mode : {"w", "wb"}

    Yields
    ------
    file object
    """
    with atomic_path(path) as temporary:
        encoding = None if "b" in mode else "utf-8"
        with open(temporary, mode, encoding=encoding, newline=None if "b" in mode else "\n") as f:
            yield f
