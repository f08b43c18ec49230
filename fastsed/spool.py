"""Rows that are too many for memory: arrays in, a temporary file in between, arrays out; a full disk is named."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError


@contextmanager
def tmpdir_errors() -> Iterator[None]:
    """Turn what goes wrong with temporary files within the block into an error that names their folder.

    Raises
    ------
    InputError
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        advice = "set TMPDIR to a folder with more space"
        raise InputError(f"TMPDIR {tempfile.gettempdir()}: cannot be written: {reason}; {advice}") from error


class Spool:
    """Rows of one type in a temporary file without a name, which is gone with the process at the latest.

    Parameters
    ----------
    dtype : dtype
        Of the rows.
    """

    def __init__(self, dtype: np.dtype[Any]):
        self._dtype = dtype
        with tmpdir_errors():
            self._file: IO[bytes] = tempfile.TemporaryFile(prefix="fastsed-")  # noqa: SIM115 - closed by close()

    def append(self, rows: NDArray[Any]) -> None:
        """Write rows at the end."""
        with tmpdir_errors():
            self._file.seek(0, os.SEEK_END)
            self._file.write(np.ascontiguousarray(rows).view(np.uint8).data)
            self._file.flush()

    def pieces(self, n_rows: int) -> Iterator[NDArray[Any]]:
        """All rows, at most `n_rows` at a time, as they came."""
        self._file.seek(0)
        while len(rows := np.fromfile(self._file, dtype=self._dtype, count=n_rows)):
            yield rows

    def in_runs(self, counts: Sequence[int]) -> Iterator[NDArray[Any]]:
        """All rows, so many at a time, as they came."""
        self._file.seek(0)
        for count in counts:
            yield np.fromfile(self._file, dtype=self._dtype, count=count)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def mapped_rows(dtype: np.dtype[Any], n_rows: int) -> NDArray[Any]:
    """Memory for rows that is a temporary file without a name, for which there is space on the disk."""
    with tmpdir_errors(), tempfile.TemporaryFile(prefix="fastsed-") as file:
        # the first look at a page of a map that the disk has no space for would end the process
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, max(1, n_rows * dtype.itemsize))
        # the map outlives the file object
        return np.memmap(
            file, dtype=dtype, mode="r+" if hasattr(os, "posix_fallocate") else "w+", shape=(n_rows,)
        )
