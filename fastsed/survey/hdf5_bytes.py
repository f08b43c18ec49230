"""The byte layout of simple HDF5 objects (HDF5 File Format Specification 3.0): their fields in, bytes out.

Enough of the format for files of very many small groups, which the HDF5 library takes long to write: a superblock of
version 0, a root group with a symbol table, object headers of version 1, datasets stored contiguously.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.hdf5_file import SIGNATURE

UNDEFINED = 0xFFFFFFFFFFFFFFFF
SUPERBLOCK_SIZE = 96
# entries of a symbol node, and children of a tree node, are at most twice these
LEAF_K, INTERNAL_K = 32, 16

_NO_FREE_BLOCK = 1


def padded(data: bytes) -> bytes:
    """`data` and zeros up to a multiple of 8 bytes."""
    return data + bytes(-len(data) % 8)


def superblock(root_header: int, tree: int, heap: int, end_of_file: int) -> bytes:
    """The first 96 bytes of a file (specification II.A, version 0)."""
    fixed = struct.pack("<8BHHI", 0, 0, 0, 0, 0, 8, 8, 0, LEAF_K, INTERNAL_K, 0)
    addresses = struct.pack("<4Q", 0, UNDEFINED, end_of_file, UNDEFINED)
    return SIGNATURE + fixed + addresses + _symbol_entry(0, root_header, tree, heap)


def _symbol_entry(name: int, header: int, tree: int, heap: int) -> bytes:
    return struct.pack("<QQIIQQ", name, header, 1, 0, tree, heap)


def message(kind: int, data: bytes) -> bytes:
    """A header message (specification IV.A.1.a)."""
    body = padded(data)
    return struct.pack("<HHB3x", kind, len(body), 0) + body


def object_header(messages: Sequence[bytes]) -> bytes:
    """An object header of version 1 that holds these messages."""
    body = b"".join(messages)
    return struct.pack("<BxHII4x", 1, len(messages), 1, len(body)) + body


def group_messages(links: Sequence[tuple[str, int]]) -> list[bytes]:
    """Messages of a small group: (name, address of the object header) of each child."""
    link_info = message(0x0002, struct.pack("<BBQQ", 0, 0, UNDEFINED, UNDEFINED))
    group_info = message(0x000A, struct.pack("<BB", 0, 0))
    hard = [
        message(0x0006, struct.pack("<BBB", 1, 0, len(name)) + name.encode() + struct.pack("<Q", address))
        for name, address in links
    ]
    return [link_info, group_info, *hard]


def dataset_messages(dtype: np.dtype[Any], shape: tuple[int, ...], address: int) -> list[bytes]:
    """Messages of a contiguous dataset whose values begin at `address`."""
    size = dtype.itemsize * math.prod(shape)
    return [
        message(0x0001, dataspace(shape)),
        message(0x0003, datatype(dtype)),
        message(0x0005, struct.pack("<BBBBI", 2, 2, 2, 1, 0)),
        message(0x0008, struct.pack("<BBQQ", 3, 1, address if size else UNDEFINED, size)),
    ]


def dataspace(shape: tuple[int, ...]) -> bytes:
    """A dataspace of version 1; () is a scalar."""
    return struct.pack("<BBBxI", 1, len(shape), 0, 0) + struct.pack(f"<{len(shape)}Q", *shape)


def datatype(dtype: np.dtype[Any]) -> bytes:
    """The datatype message of a numpy type, as the HDF5 library encodes it."""
    from h5py import h5t

    # the first two bytes tell the library what it is that follows
    return bytes(h5t.py_create(dtype).encode()[2:])


def root_group(
    names: NDArray[np.bytes_], addresses: NDArray[np.uint64], start: int
) -> tuple[bytes, int, int, int]:
    """The root group, to be written at `start`.

    Parameters
    ----------
    names : bytes (n,)
        Of the children.
    addresses : uint64 (n,)
        Of their object headers.
    start : int
        Position in the file.

    Returns
    -------
    data : bytes
    header, tree, heap : int
        Addresses of the group's object header, B-tree and local heap.
    """
    order = np.argsort(names, kind="stable")
    width = -(-(names.dtype.itemsize + 1) // 8) * 8
    heap_data = bytes(8) + names[order].astype(f"S{width}").tobytes()
    heap = start
    heap_bytes = struct.pack("<4sB3xQQQ", b"HEAP", 0, len(heap_data), _NO_FREE_BLOCK, heap + 32) + heap_data
    offsets = np.uint64(8) + np.arange(len(names), dtype=np.uint64) * np.uint64(width)
    leaf, nodes, last = _symbol_nodes(offsets, addresses[order], heap + len(heap_bytes))
    tree_bytes, tree = _tree(nodes, last, heap + len(heap_bytes) + len(leaf))
    before = heap_bytes + leaf + tree_bytes
    header = start + len(before)
    table = message(0x0011, struct.pack("<QQ", tree, heap))
    return before + object_header([table]), header, tree, heap


def _symbol_nodes(
    offsets: NDArray[np.uint64], addresses: NDArray[np.uint64], start: int
) -> tuple[bytes, NDArray[np.uint64], NDArray[np.uint64]]:
    """Symbol nodes of sorted names: bytes, address of each node, heap offset of each node's last name."""
    per_node = 2 * LEAF_K
    entry = np.dtype(
        [("name", "<u8"), ("header", "<u8"), ("cache", "<u4"), ("pad", "<u4"), ("scratch", "V16")]
    )
    node = np.dtype(
        [("id", "S4"), ("version", "u1"), ("pad", "u1"), ("n", "<u2"), ("entries", entry, per_node)]
    )
    n = len(offsets)
    nodes = np.zeros(max(1, -(-n // per_node)), dtype=node)
    nodes["id"], nodes["version"] = b"SNOD", 1
    first = np.arange(len(nodes)) * per_node
    nodes["n"] = np.minimum(n - first, per_node)
    flat = nodes["entries"].reshape(-1)
    flat["name"][:n], flat["header"][:n] = offsets, addresses
    nodes["entries"] = flat.reshape(nodes["entries"].shape)
    last = offsets[np.minimum(first + per_node, n) - 1] if n else np.zeros(1, dtype=np.uint64)
    where = np.uint64(start) + np.arange(len(nodes), dtype=np.uint64) * np.uint64(node.itemsize)
    return nodes.tobytes(), where, last


def _tree(children: NDArray[np.uint64], last: NDArray[np.uint64], start: int) -> tuple[bytes, int]:
    """A B-tree of version 1 over the nodes `children`, whose last names are at `last` in the heap."""
    per_node = 2 * INTERNAL_K
    size = 24 + 8 * (2 * per_node + 1)
    data, level = bytearray(), 0
    while True:
        first = np.arange(0, len(children), per_node)
        where = np.uint64(start + len(data)) + np.arange(len(first), dtype=np.uint64) * np.uint64(size)
        for i, begin in enumerate(first.tolist()):
            end = min(begin + per_node, len(children))
            pairs = np.empty(2 * (end - begin) + 1, dtype="<u8")
            pairs[0] = last[begin - 1] if begin else 0
            pairs[1::2], pairs[2::2] = children[begin:end], last[begin:end]
            left = int(where[i - 1]) if i else UNDEFINED
            right = int(where[i + 1]) if i + 1 < len(first) else UNDEFINED
            node = struct.pack("<4sBBHQQ", b"TREE", 0, level, end - begin, left, right) + pairs.tobytes()
            data += node.ljust(size, b"\0")
        if len(first) == 1:
            return bytes(data), int(where[0])
        children, last = where, last[np.minimum(first + per_node, len(last)) - 1]
        level += 1
