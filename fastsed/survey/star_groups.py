"""Files of posterior samples, `*_lnp.hd5`: columns of many stars in, a group `star_N` for each star out.

The groups hold small datasets (`idx`, `lnp`, `chi2`, `input`), as BEAST writes them. The samples of many stars are
written in one go: the groups are mere headers that point into long columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.atomic import atomic_path
from fastsed.survey.hdf5_bytes import (
    UNDEFINED,
    dataset_messages,
    group_messages,
    object_header,
    padded,
    root_group,
    superblock,
)
from fastsed.survey.star_contents import FIRST_DATA, StarField, block, describe

PREFIX = "star_"
# stars whose headers are made at once
_CHUNK = 1 << 15
# stands for an address, or a length, in a template of headers
_MARK = 0x0005_5A5A_5A5A_5A5A


def fit_fields(n_filter: int) -> dict[str, StarField]:
    """What a fit stores: fluxes `input` (n_filter, 1); rows of the grid `idx`, their `lnp` and `chi2`."""
    return {
        "input": StarField(np.dtype("<f8"), (n_filter, 1)),
        "idx": StarField(np.dtype("<i8")),
        "lnp": StarField(np.dtype("<f4")),
        "chi2": StarField(np.dtype("<f4")),
    }


@dataclass
class Samples:
    """Samples of some stars.

    Attributes
    ----------
    counts : int64 (n_star,)
        Number of samples of each star.
    columns : dict of ndarray
        One array per field: (sum of counts,), or (n_star, *shape) where the shape is fixed.
    """

    counts: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]


class StarGroupWriter:
    """Writes `star_0`, `star_1`, ... in the order in which stars are appended; the file appears when all is written.

    Parameters
    ----------
    path : path-like
    fields : dict of StarField
    root : dict of ndarray, optional
        Datasets of the root group (`grid_waves`, `obs_filters`).
    sync : bool
        See `atomic_path`.
    """

    def __init__(
        self,
        path: str | Path,
        fields: Mapping[str, StarField],
        root: Mapping[str, ArrayLike] | None = None,
        sync: bool = True,
    ):
        # sorted, as the HDF5 library lists the datasets of a group
        self.path, self.fields = Path(path), dict(sorted(fields.items()))
        self._root = {name: _plain(value) for name, value in (root or {}).items()}
        self._counts: list[NDArray[np.int64]] = []
        self._addresses: list[NDArray[np.uint64]] = []
        self._stack, self._sync = ExitStack(), sync
        self._file: IO[bytes]
        self._position = FIRST_DATA

    def __enter__(self) -> Self:
        temporary = self._stack.enter_context(atomic_path(self.path, self._sync))
        # made here, so that it exists where no star is ever appended
        self._file = self._stack.enter_context(open(temporary, "wb"))
        self._file.write(bytes(FIRST_DATA))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if kind is None:
            try:
                self._write_headers()
            except BaseException as failure:
                if not self._stack.__exit__(type(failure), failure, failure.__traceback__):
                    raise
                return None
        return self._stack.__exit__(kind, error, trace)

    def append(self, samples: Samples) -> None:
        """Append stars.

        Parameters
        ----------
        samples : Samples
            With a column for each field.
        """
        counts = np.asarray(samples.counts, dtype=np.int64)
        starts = np.zeros(len(counts), dtype=np.uint64)
        np.cumsum(counts[:-1], out=starts[1:], dtype=np.uint64)
        addresses = np.empty((len(counts), len(self.fields)), dtype=np.uint64)
        for i, (name, field) in enumerate(self.fields.items()):
            values = np.ascontiguousarray(samples.columns[name], dtype=field.dtype)
            if field.shape is None:
                steps = starts * np.uint64(field.dtype.itemsize)
            else:
                size = field.dtype.itemsize * int(np.prod(field.shape))
                steps = np.arange(len(counts), dtype=np.uint64) * np.uint64(size)
            addresses[:, i] = np.uint64(self._position) + steps
            self._write(values.tobytes())
        self._counts.append(counts)
        self._addresses.append(addresses)

    def _write(self, data: bytes) -> int:
        """Write at the end, aligned to 8 bytes; the address of `data`."""
        address = self._position
        self._file.write(data)
        pad = -len(data) % 8
        self._file.write(bytes(pad))
        self._position += len(data) + pad
        return address

    def _write_headers(self) -> None:
        counts = np.concatenate([np.zeros(0, dtype=np.int64), *self._counts])
        addresses = np.concatenate([np.zeros((0, len(self.fields)), dtype=np.uint64), *self._addresses])
        root = {name: (values, self._write(values.tobytes())) for name, values in self._root.items()}
        headers = [
            self._write(object_header(dataset_messages(values.dtype, values.shape, at)))
            for values, at in root.values()
        ]
        stars = [
            self._write_stars(counts[i : i + _CHUNK], addresses[i : i + _CHUNK])
            for i in range(0, len(counts), _CHUNK)
        ]
        index = np.column_stack([counts.astype(np.uint64), addresses])
        table = self._write(index.tobytes()), len(index)
        names = np.array([*(name.encode() for name in root), *_star_names(len(counts))], dtype=bytes)
        children = np.concatenate([np.array(headers, dtype=np.uint64), *stars])
        group, header, tree, heap = root_group(names, children, self._position)
        start = self._write(group)
        description = describe(self.fields, table, root, (start, len(group)))
        address = self._write(description)
        self._file.seek(0)
        self._file.write(superblock(header, tree, heap, self._position))
        self._file.write(block(description, address, group, self._position))

    def _write_stars(self, counts: NDArray[np.int64], addresses: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Write headers of some stars' groups and datasets; the addresses of the groups."""
        template, marks = _template(tuple(self.fields.items()))
        n = len(counts)
        first = np.uint64(self._position) + np.arange(n, dtype=np.uint64) * np.uint64(len(template))
        headers = np.tile(np.frombuffer(template, dtype=np.uint8), (n, 1))

        def put(offset: int, values: NDArray[np.uint64]) -> None:
            headers[:, offset : offset + 8] = values.astype("<u8")[:, None].view(np.uint8)

        for i, field in enumerate(self.fields.values()):
            put(marks["header", i], first + np.uint64(marks["start", i]))
            if field.shape is not None:
                put(marks["data", i], addresses[:, i])
                continue
            put(marks["length", i], counts.astype(np.uint64))
            put(marks["size", i], counts.astype(np.uint64) * np.uint64(field.dtype.itemsize))
            put(marks["data", i], np.where(counts > 0, addresses[:, i], np.uint64(UNDEFINED)))
        self._write(headers.tobytes())
        return first


def _plain(value: ArrayLike) -> NDArray[Any]:
    array = np.ascontiguousarray(value)
    return np.char.encode(array, "utf-8") if array.dtype.kind == "U" else array


def _star_names(n: int) -> list[bytes]:
    return [b"star_%d" % i for i in range(n)]


@lru_cache(maxsize=8)
def _template(fields: tuple[tuple[str, StarField], ...]) -> tuple[bytes, dict[tuple[str, int], int]]:
    """Headers of one star with marks in place of numbers, and where each number goes.

    The keys are (what, number of the field): `header` and `data` are addresses, `length` and `size` the number of
    samples and their bytes; `start` is the offset of a dataset's header itself.
    """
    marks: dict[tuple[str, int], int] = {}
    data = object_header(group_messages([(name, _MARK + i) for i, (name, _) in enumerate(fields)]))
    for i in range(len(fields)):
        marks["header", i] = _offset(data, _MARK + i)
    data = padded(data)
    for i, (_, field) in enumerate(fields):
        shape = field.shape if field.shape is not None else (_MARK,)
        header = object_header(dataset_messages(field.dtype, shape, _MARK + 1))
        marks["start", i], marks["data", i] = len(data), len(data) + _offset(header, _MARK + 1)
        if field.shape is None:
            marks["length", i] = len(data) + _offset(header, _MARK)
            marks["size", i] = marks["data", i] + 8
        data += padded(header)
    return data, marks


def _offset(data: bytes, mark: int) -> int:
    return data.index(mark.to_bytes(8, "little"))
