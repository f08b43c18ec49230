"""Table of contents of our files of posterior samples: where the samples of each star are, without the HDF5 library.

It lies in bytes that HDF5 does not look at: a block behind the superblock points to a description and to a table with a
row per star. It counts only as long as nobody has changed the file since: size and names are checked.
"""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.survey.hdf5_bytes import SUPERBLOCK_SIZE

MAGIC = b"fsedlnp1"
_BLOCK = struct.Struct("<8sQQIIQ24x")
FIRST_DATA = SUPERBLOCK_SIZE + _BLOCK.size


@dataclass(frozen=True)
class StarField:
    """A dataset that each star has.

    Attributes
    ----------
    dtype : numpy.dtype
    shape : tuple of int, optional
        Fixed shape of each star's values; None for a vector with one value a sample.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Contents:
    """What a file holds and where.

    Attributes
    ----------
    fields : dict of StarField
    index : uint64 (n_star, 1 + n_field)
        Number of samples of each star, then the position in the file of each dataset.
    root : dict of ndarray
        Datasets of the root group.
    """

    fields: dict[str, StarField]
    index: NDArray[np.uint64]
    root: dict[str, NDArray[Any]]


def describe(
    fields: Mapping[str, StarField],
    index: tuple[int, int],
    root: Mapping[str, tuple[NDArray[Any], int]],
    group: tuple[int, int],
) -> bytes:
    """The description of a file.

    Parameters
    ----------
    fields : dict of StarField
    index : (int, int)
        Position of the table, and its number of rows.
    root : dict of (ndarray, int)
        Datasets of the root group and where their values are.
    group : (int, int)
        Position and size of the root group.
    """
    description = {
        "fields": {name: [field.dtype.str, field.shape] for name, field in fields.items()},
        "index": index,
        "root": {name: [values.dtype.str, values.shape, at] for name, (values, at) in root.items()},
        "group": group,
    }
    return json.dumps(description).encode()


def block(description: bytes, address: int, group: bytes, file_size: int) -> bytes:
    """The block behind the superblock.

    Parameters
    ----------
    description : bytes
    address : int
        Where it is.
    group : bytes
        The root group.
    file_size : int
    """
    sums = zlib.crc32(description), zlib.crc32(group)
    return _BLOCK.pack(MAGIC, address, len(description), *sums, file_size)


def read_contents(path: str | os.PathLike[str]) -> Contents | None:
    """The table of contents of a file, or None if it has none or was changed since it was written."""
    with open(path, "rb") as f:
        head = f.read(FIRST_DATA)
        if len(head) < FIRST_DATA:
            return None
        magic, address, size, check, group_check, file_size = _BLOCK.unpack(head[SUPERBLOCK_SIZE:])
        if magic != MAGIC or file_size != os.fstat(f.fileno()).st_size or address + size > file_size:
            return None
        f.seek(address)
        description = f.read(size)
        if zlib.crc32(description) != check:
            return None
        contents = json.loads(description)
        start, length = contents["group"]
        f.seek(start)
        if zlib.crc32(f.read(length)) != group_check:
            return None
    fields = {
        name: StarField(np.dtype(kind), None if shape is None else tuple(shape))
        for name, (kind, shape) in contents["fields"].items()
    }
    at, n = contents["index"]
    index = _values(path, "<u8", (n, 1 + len(fields)), at)
    return Contents(fields, index, {name: _values(path, *where) for name, where in contents["root"].items()})


def _values(path: str | os.PathLike[str], kind: str, shape: tuple[int, ...], at: int) -> NDArray[Any]:
    count = math.prod(shape)
    if not count:
        return np.zeros(shape, dtype=kind)
    return np.fromfile(path, kind, count, offset=at).reshape(shape)
