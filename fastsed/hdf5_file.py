"""HDF5 files: paths in; files opened with clear errors, or written so that they appear whole or not at all, out."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastsed.atomic import atomic_path
from fastsed.errors import InputError
from fastsed.foreign import check_claimed_size, parse_foreign, parser_errors

if TYPE_CHECKING:
    import h5py


WHAT = "a readable HDF5 file"
# groups and data sets that are looked at before this process opens a file, and the data sets that are read for trial
MOST_VISITED = 1000
SMALL_BYTES = 1 << 16
SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""The first bytes of a file."""


def is_hdf5(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as HDF5 does.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path) from error


def open_hdf5(path: str | os.PathLike[str]) -> h5py.File:
    """Open a file for reading.

    Raises
    ------
    InputError
        If it does not exist, is no HDF5 file, or is truncated.
    """
    import h5py

    visits = itertools.count(1)

    def check(name: str, item: h5py.Group | h5py.Dataset) -> bool | None:
        list(item.attrs.items())
        if isinstance(item, h5py.Dataset):
            check_claimed_size(item.nbytes, path, f'dataset "{name}"')
            if item.nbytes <= SMALL_BYTES:
                _ = item[()]
        # anything but None ends the visit
        return True if next(visits) == MOST_VISITED else None

    def visit() -> None:
        with h5py.File(path, "r") as f:
            list(f.attrs.items())
            f.visititems(check)

    # whatever a damaged file leads to has ended before this process looks at it
    parse_foreign(visit, path, WHAT)
    with parser_errors(path, WHAT):
        return h5py.File(path, "r")


@contextmanager
def atomic_hdf5(path: str | os.PathLike[str], **options: Any) -> Iterator[h5py.File]:
    """Open an HDF5 file for writing that gets its name when the block has succeeded and all of it is written.

    Parameters
    ----------
    path : path-like
    **options
        Of `h5py.File`.

    Yields
    ------
    h5py.File

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    import h5py

    with atomic_path(path) as temporary, CheckedFile(temporary) as checked:
        try:
            with h5py.File(checked, "w", **options) as f:
                yield f
        except Exception:
            # what HDF5 says of a disk that is full follows from it
            checked.check()
            raise
        checked.check()


class CheckedFile:
    """A file that keeps its first error for itself until it is asked.

    HDF5 crashes when it cannot write what it holds while it closes a file. So it never hears of an error: what follows
    is not written.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path):
        self._file = open(path, "w+b", buffering=0)  # noqa: SIM115 - closed by __exit__
        self._at = self._size = 0
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise the first error, if there was one."""
        if self._error is not None:
            raise self._error

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of any file."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        """As of any file."""
        return self._at

    def write(self, data: Any) -> int:
        """Write all of `data`, or nothing more for ever."""
        view = memoryview(data).cast("B")
        done = 0
        try:
            while done < len(view) and self._error is None:
                done += os.pwrite(self._file.fileno(), view[done:], self._at + done)
        except OSError as error:
            self._error = error
        self._at += len(view)
        self._size = max(self._size, self._at)
        return len(view)

    def read(self, size: int) -> bytes:
        """As `readinto`; by this name h5py knows a file."""
        buffer = bytearray(size)
        self.readinto(buffer)
        return bytes(buffer)

    def readinto(self, buffer: Any) -> int:
        """Read what is there; zeros stand for what was not written."""
        view = memoryview(buffer).cast("B")
        content = os.pread(self._file.fileno(), len(view), self._at)
        view[:] = content.ljust(len(view), b"\0")
        self._at += len(view)
        return len(view)

    def truncate(self, size: int) -> int:
        """Set the size."""
        self._size = size
        try:
            if self._error is None:
                self._file.truncate(size)
        except OSError as error:
            self._error = error
        return size

    def flush(self) -> None:
        """Nothing is held back."""

    def __enter__(self) -> CheckedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
