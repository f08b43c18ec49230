"""Damage to files: bytes of a good file in, bytes of a bad one out, the same ones for the same random generator."""

from __future__ import annotations

import contextlib
import io
import random
import re
import struct
from collections.abc import Callable

TOKENS = (
    *(
        "nan",
        "-nan",
        "inf",
        "-inf",
        "1e999",
        "-1e999",
        "1e308",
        "1e-320",
        "1e-30",
        "-99",
        "-999",
        "0",
        "-0",
        "1",
        "-1",
    ),
    *(
        "2147483648",
        "-2147483649",
        "4294967296",
        "18446744073709551616",
        "9" * 30,
        "9" * 5000,
        "1e9",
        "1e5",
        "1.",
    ),
    *(
        "",
        " ",
        "#",
        "##",
        ",",
        ";",
        "=",
        "'",
        '"',
        "[",
        "]",
        "[]",
        "''",
        "(",
        ")",
        "*",
        "^",
        "\\",
        "/",
        "..",
        "~",
        "$HOME",
    ),
    *(
        "0x10",
        "1_000",
        "1d5",
        "1,5",
        "--",
        "N/A",
        "True",
        "none",
        "id",
        "ID",
        "F1",
        "E1",
        "E156",
        "z_spec",
        "1e",
        "e5",
    ),
    *(
        "\u00e9",
        "\u0661",
        "\u2212",
        "\ufeff",
        "\u2028",
        "\x00",
        "\x1a",
        "\x0c",
        "\x85",
        "\t",
        "%s",
        "{0}",
        "x" * 300,
    ),
)
INTEGERS = (0, 1, 2, 3, 255, 256, 65535, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1)
FLOATS = (0.0, -1.0, 1e-45, 1e38, float("inf"), float("-inf"), float("nan"), 1e300, -1e-300)
WORD = re.compile(rb"[^\s,=\[\]()'#]+")

Mutation = Callable[[random.Random, bytearray], bytearray]


def _span(rng: random.Random, size: int) -> tuple[int, int]:
    """A range within `size` bytes, short more often than long."""
    start = rng.randrange(size + 1)
    length = int(size ** rng.random()) if size else 0
    return start, min(size, start + length)


def _flip(rng: random.Random, data: bytearray) -> bytearray:
    for _ in range(rng.choice((1, 1, 2, 8))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _overwrite(rng: random.Random, data: bytearray) -> bytearray:
    start, stop = _span(rng, len(data))
    fill = rng.choice((b"\0", b"\xff", b" ", b"\n", b"9", None))
    data[start:stop] = rng.randbytes(stop - start) if fill is None else fill * (stop - start)
    return data


def _delete(rng: random.Random, data: bytearray) -> bytearray:
    start, stop = _span(rng, len(data))
    del data[start:stop]
    return data


def _truncate(rng: random.Random, data: bytearray) -> bytearray:
    del data[rng.randrange(len(data) + 1) :]
    return data


def _repeat(rng: random.Random, data: bytearray) -> bytearray:
    start, stop = _span(rng, min(len(data), 100_000))
    at = rng.randrange(len(data) + 1)
    data[at:at] = data[start:stop] * rng.choice((1, 1, 2, 5))
    return data


def _number(rng: random.Random, data: bytearray) -> bytearray:
    """A remarkable number in binary form, in the head of the file more often than elsewhere."""
    form = rng.choice("<>") + rng.choice("BHIQfd")
    size = struct.calcsize(form)
    if len(data) < size:
        return data
    at = rng.randrange(min(len(data) - size + 1, rng.choice((64, 1024, len(data)))))
    value = rng.choice(FLOATS if form[1] in "fd" else INTEGERS)
    with contextlib.suppress(OverflowError):
        struct.pack_into(form, data, at, value if form[1] in "fd" else value % 2 ** (8 * size))
    return data


def _line_ends(rng: random.Random, data: bytearray) -> bytearray:
    return data.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n", b"", b"\x00\n")))


def _mark(rng: random.Random, data: bytearray) -> bytearray:
    """What editors and programs put at the head or the end of a text."""
    head = rng.choice(
        (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\n", b"# x\n", b"%PDF-1.4\n", b"\x1f\x8b", b"SIMPLE  =")
    )
    return bytearray(rng.choice((head + data, data + head)))


def _encode(rng: random.Random, data: bytearray) -> bytearray:
    text = data.decode("utf-8", "replace")
    return bytearray(text.encode(rng.choice(("utf-16", "utf-32", "latin-1", "utf-8-sig")), "replace"))


def _word(rng: random.Random, data: bytearray) -> bytearray:
    """One word replaced by a remarkable one, or by another of the file."""
    window = rng.choice((200, len(data)))
    words = list(WORD.finditer(bytes(data[:window])))
    if not words:
        return data
    found = rng.choice(words)
    other = rng.choice(words)[0] if rng.random() < 0.2 else rng.choice(TOKENS).encode()
    data[found.start() : found.end()] = other
    return data


def _lines(rng: random.Random, data: bytearray) -> bytearray:
    """Lines lost, doubled, exchanged, joined or cut."""
    lines = bytes(data).split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    what = rng.randrange(5)
    if what == 0:
        del lines[i]
    elif what == 1:
        lines.insert(j, lines[i])
    elif what == 2:
        lines[i], lines[j] = lines[j], lines[i]
    elif what == 3:
        lines[i] += rng.choice((b" ", b"", b" # ")) + lines[j]
    else:
        lines[i] = lines[i][: rng.randrange(len(lines[i]) + 1)]
    return bytearray(b"\n".join(lines))


def _column(rng: random.Random, data: bytearray) -> bytearray:
    """A column lost or doubled in every line, or in all but the first."""
    lines = bytes(data).split(b"\n")
    at, first, doubled = rng.randrange(6), rng.randrange(2), rng.random() < 0.5
    for i in range(first, len(lines)):
        words = lines[i].split()
        if at < len(words):
            words[at : at + 1] = [words[at]] * 2 if doubled else []
            lines[i] = b" ".join(words)
    return bytearray(b"\n".join(lines))


BINARY: tuple[Mutation, ...] = (_flip, _overwrite, _delete, _truncate, _repeat, _number, _number)
TEXT: tuple[Mutation, ...] = (
    *(_word, _word, _word, _word, _lines, _lines, _column),
    *(_flip, _overwrite, _delete, _truncate, _repeat, _line_ends, _mark, _encode),
)


def damage(rng: random.Random, data: bytes, mutations: tuple[Mutation, ...]) -> bytes:
    """A few mutations one after the other."""
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5))):
        result = rng.choice(mutations)(rng, result)
    return bytes(result)


def damage_text(rng: random.Random, data: bytes) -> bytes:
    return damage(rng, data, TEXT)


def damage_binary(rng: random.Random, data: bytes) -> bytes:
    return damage(rng, data, BINARY)


def damage_fits(rng: random.Random, data: bytes) -> bytes:
    """Bytes, or the value of a header card: what stands there is what a reader sizes its arrays by."""
    if rng.random() < 0.4:
        return damage_binary(rng, data)
    result = bytearray(data)
    cards = [at for at in range(0, len(data), 80) if data[at + 8 : at + 10] == b"= "]
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.choice(cards)
        value = rng.choice(
            [*TOKENS, *map(str, INTEGERS), "'1E'", "'9999999999E'", "'PE(5)'", "'5A'", "T", "F"]
        )
        result[at + 10 : at + 80] = value.encode("latin-1", "replace")[:70].rjust(20).ljust(70)
    return bytes(result)


def damage_hdf5(rng: random.Random, data: bytes) -> bytes:
    """Bytes, or a whole file of which a part has another shape, type or content, or is missing."""
    if rng.random() < 0.5:
        return damage_binary(rng, data)
    import h5py

    stream = io.BytesIO(data)
    with h5py.File(stream, "r+") as f:
        names: list[str] = []
        f.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        _change_part(rng, f, rng.choice(names))
    return stream.getvalue()


def _change_part(rng: random.Random, f: object, name: str) -> None:
    """Change one dataset or attribute of an HDF5 file."""
    import h5py
    import numpy as np

    assert isinstance(f, h5py.File)
    values = f[name][()]
    what = rng.randrange(8)
    if what == 0 and f.attrs:
        key = rng.choice(sorted(f.attrs))
        f.attrs[key] = rng.choice(["", "x", 5, -1.5, np.arange(3), "\u00e9" * 300, b"\xff\xfe", True])
        return
    if what == 1 and f.attrs:
        del f.attrs[rng.choice(sorted(f.attrs))]
        return
    del f[name]
    if what == 2:
        f.create_group(name)
    elif what == 3:
        f[name] = rng.choice(["text", b"\xff", 1.5, [], [[1.0, 2.0]], ["a", "b"]])
    elif what == 4 and np.ndim(values) and np.size(values) and np.asarray(values).dtype.kind in "fiu":
        flat = np.array(values)
        numbers = {"f": (np.nan, np.inf, -1.0, 0.0, 1e30), "i": (-1, 0, 127), "u": (0, 127)}
        flat.flat[rng.randrange(flat.size)] = rng.choice(numbers[flat.dtype.kind])
        f[name] = flat
    elif what == 5:
        f[name] = np.asarray(values)[..., :-1] if np.ndim(values) and np.shape(values)[-1] else values
    elif what == 6 and np.ndim(values):
        f[name] = np.asarray(values)[::-1]
    elif what == 7:
        f.create_dataset(name, shape=(rng.choice((2**30, 2**40)), 1000), dtype="f8", chunks=(1024, 10))
