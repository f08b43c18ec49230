"""HDF5 as the survey's files use it: read rows without copies, PyTables' attributes."""

from __future__ import annotations

import os
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError

if TYPE_CHECKING:
    import h5py


def dataset(f: h5py.File, name: str, path: str | PathLike[str], ndim: int) -> h5py.Dataset:
    """The dataset `name` of the file's root.

    Raises
    ------
    InputError
        If it is missing, a group, or not of `ndim` dimensions.
    """
    import h5py

    item = f.get(name)
    if not isinstance(item, h5py.Dataset):
        raise InputError(f'has no dataset "{name}"', path)
    if item.ndim != ndim:
        raise InputError(f'its dataset "{name}" has {item.ndim} dimensions, not {ndim}', path)
    return item


def number_dataset(f: h5py.File, name: str, path: str | PathLike[str], ndim: int) -> h5py.Dataset:
    """A dataset of numbers, as `dataset` finds it.

    Raises
    ------
    InputError
        Also if it holds anything but numbers.
    """
    item = dataset(f, name, path, ndim)
    if item.dtype.kind not in "fiu":
        raise InputError(f'its dataset "{name}" holds {item.dtype}, not numbers', path)
    return item


class RawRows:
    """Rows of a contiguous, native dataset, read straight from the file: much faster than by the HDF5 library.

    Parameters
    ----------
    data : h5py.Dataset
        See `raw_rows`.
    reuse : bool, optional
        Read into the same memory again and again: rows are valid until the next reading.
    """

    def __init__(self, data: h5py.Dataset, reuse: bool = False):
        self._buffer: NDArray[Any] | None = None
        self._reuse = reuse
        self._file = open(data.file.filename, "rb", buffering=0)  # noqa: SIM115 (closed by `close`)
        self._offset, self._dtype, self._shape = data.id.get_offset(), data.dtype, data.shape
        self._row_size = data.dtype.itemsize * int(np.prod(data.shape[1:]))

    def read(self, rows: slice) -> NDArray[Any]:
        """Rows from a slice with step 1."""
        first, last, _ = rows.indices(self._shape[0])
        block = self._memory(max(last - first, 0))
        self._fill(block.reshape(-1).view(np.uint8).data, first)
        return block

    def _fill(self, view: memoryview, row: int) -> None:
        """Read into memory what the file holds from the beginning of a row on."""
        position = self._offset + row * self._row_size
        while len(view):
            n_read = os.preadv(self._file.fileno(), [view], position)
            if n_read == 0:
                raise OSError("the file ends too early")
            view, position = view[n_read:], position + n_read

    def _memory(self, n_rows: int) -> NDArray[Any]:
        if not self._reuse:
            return np.empty((n_rows, *self._shape[1:]), self._dtype)
        if self._buffer is None or len(self._buffer) < n_rows:
            self._buffer = np.empty((n_rows, *self._shape[1:]), self._dtype)
        return self._buffer[:n_rows]

    def read_single(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Single rows, in any order."""
        block = np.empty((len(rows), *self._shape[1:]), self._dtype)
        bytes_of = block.view(np.uint8).reshape(len(rows), self._row_size)
        for i, row in enumerate(rows.tolist()):
            self._fill(bytes_of[i].data, row)
        return block

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def raw_rows(data: h5py.Dataset, reuse: bool = False) -> RawRows | None:
    """Fast access to the rows of a dataset; None where its layout does not allow it."""
    if data.id.get_offset() is None or data.size == 0 or data.chunks is not None or data.external:
        return None
    if not (_is_native(data.dtype) and data.id.get_type().get_size() == data.dtype.itemsize):
        return None
    return RawRows(data, reuse)


def _is_native(dtype: np.dtype[Any]) -> bool:
    if dtype.names is None:
        return dtype.isnative and dtype.kind in "fiu"
    return all(_is_native(dtype[name]) for name in dtype.names)


def read_rows(data: h5py.Dataset | RawRows, rows: slice, path: str | PathLike[str]) -> NDArray[Any]:
    """Some rows of a dataset.

    Raises
    ------
    InputError
        If they cannot be read (a damaged file).
    """
    try:
        read: NDArray[Any] = data.read(rows) if isinstance(data, RawRows) else data[rows]
        return read
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"is damaged: {error}", path) from error


def as_text(value: object) -> str:
    """An attribute that may be str, bytes or an array of one of them."""
    if isinstance(value, np.ndarray):
        return " ".join(as_text(item) for item in value.ravel())
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def set_pytables_root(f: h5py.File) -> None:
    """Attributes by which PyTables knows the file's root as its own."""
    _set_bytes(f, CLASS="GROUP", PYTABLES_FORMAT_VERSION="2.1", TITLE="", VERSION="1.0")


def set_pytables_array(data: h5py.Dataset, flavor: str = "numpy") -> None:
    """Attributes by which PyTables knows a dataset as an Array."""
    _set_bytes(data, CLASS="ARRAY", FLAVOR=flavor, TITLE="", VERSION="2.4")


def set_pytables_table(data: h5py.Dataset, title: str) -> None:
    """Attributes by which PyTables knows a compound dataset as a Table."""
    _set_bytes(data, CLASS="TABLE", TITLE=title, VERSION="2.7")
    data.attrs["NROWS"] = np.int64(len(data))
    for number, name in enumerate(data.dtype.names or ()):
        _set_bytes(data, **{f"FIELD_{number}_NAME": name})
        data.attrs[f"FIELD_{number}_FILL"] = data.dtype[name].type(0)


def _set_bytes(item: h5py.HLObject, **values: str) -> None:
    """Text as fixed-length bytes; empty text as PyTables keeps it, a null value."""
    import h5py

    for name, text in values.items():
        item.attrs[name] = np.bytes_(text) if text else h5py.Empty(np.dtype("S1"))
