"""Files of 1-D PDFs, `*_pdf1d.fits`: rows of some of them in, files in the layout of a fit or condensed out."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from fastsed.atomic import atomic_path
from fastsed.errors import InputError
from fastsed.survey.fits_blocks import EMPTY_PRIMARY, card, header_bytes, padding, read_blocks, with_value

# bytes of PDFs that are held at once
CHUNK_BYTES = 1 << 24
_FLOAT = np.dtype(">f8")


@dataclass(frozen=True)
class PdfImage:
    """The PDFs of one parameter.

    Attributes
    ----------
    path : str
    name : str
        Of the parameter.
    start : int
        Position in the file.
    shape : tuple of int
        (n_star + 1, n_bin) as a fit writes it, the last row being the bin centres, or (n_star, n_bin, 2) condensed:
        probabilities and centres.
    """

    path: str
    name: str
    start: int
    shape: tuple[int, ...]

    @property
    def condensed(self) -> bool:
        """Whether each star has its own bin centres."""
        return len(self.shape) == 3

    @property
    def n_star(self) -> int:
        """Number of stars."""
        return self.shape[0] if self.condensed else self.shape[0] - 1

    @property
    def n_bin(self) -> int:
        """Number of bins."""
        return self.shape[1]

    def rows(self, rows: slice) -> NDArray[np.float64]:
        """Probabilities (n, n_bin) of some stars, or both planes (n, n_bin, 2) if condensed; FITS's byte order."""
        first, end, _ = rows.indices(self.n_star)
        return self._read(first, end)

    def centres(self) -> NDArray[np.float64]:
        """Bin centres (n_bin,) of the layout of a fit."""
        return self._read(self.shape[0] - 1, self.shape[0]).reshape(-1)

    def planes(self, rows: slice, n_bin: int | None = None) -> NDArray[np.float64]:
        """Probabilities and bin centres (n, n_bin, 2) of some stars; NaN beyond the bins that there are."""
        first, end, _ = rows.indices(self.n_star)
        n_bin = n_bin or self.n_bin
        planes = np.empty((end - first, n_bin, 2), _FLOAT)
        planes[:, self.n_bin :] = np.nan
        filled = planes[:, : self.n_bin]
        if self.condensed:
            filled[:] = self.rows(rows)
        elif end == self.n_star:
            # the bin centres follow the last star
            values = self._read(first, self.shape[0])
            filled[..., 0], filled[..., 1] = values[:-1], values[-1]
        else:
            filled[..., 0], filled[..., 1] = self.rows(rows), self.centres()
        return planes

    def _read(self, first: int, end: int) -> NDArray[np.float64]:
        """Rows [first, end) of the image."""
        shape = (end - first, *self.shape[1:])
        offset = self.start + first * math.prod(self.shape[1:]) * _FLOAT.itemsize
        return np.fromfile(self.path, _FLOAT, math.prod(shape), offset=offset).reshape(shape)


def read_pdfs(path: str | os.PathLike[str]) -> dict[str, PdfImage]:
    """The images of a file, by parameter.

    Raises
    ------
    InputError
        If the file cannot be read or holds something else.
    """
    images: dict[str, PdfImage] = {}
    for block in read_blocks(path)[1:]:
        name, shape = block.header.value("EXTNAME"), block.header.shape
        if (
            block.header.value("XTENSION") != "IMAGE"
            or block.header.value("BITPIX") != -64
            or len(shape) not in (2, 3)
            or not name
        ):
            raise InputError(
                f"not a file of 1-D PDFs: extension {name or len(images) + 1} is no image of them", path
            )
        if shape[0] < 1 or (len(shape) == 3 and shape[2] != 2):
            raise InputError(f"not a file of 1-D PDFs: extension {name} has shape {shape}", path)
        images[str(name)] = PdfImage(os.fspath(path), str(name), block.start, shape)
    if not images:
        raise InputError("holds no PDFs", path)
    if len({image.n_star for image in images.values()}) > 1:
        raise InputError("not a file of 1-D PDFs: the parameters have different numbers of stars", path)
    return images


class PdfWriter:
    """Writes images one after the other.

    Parameters
    ----------
    path : path-like
    square : bool
        Begin with the 2 x 2 zeros that BEAST's fits begin with, rather than with an empty primary HDU.
    sync : bool
        See `atomic_path`.
    """

    def __init__(self, path: str | os.PathLike[str], square: bool = False, sync: bool = True):
        self._path, self._square, self._sync = Path(path), square, sync
        self._stack = ExitStack()
        self._file: IO[bytes]

    def __enter__(self) -> Self:
        temporary = self._stack.enter_context(atomic_path(self._path, self._sync))
        self._file = self._stack.enter_context(open(temporary, "wb"))
        self._file.write(square_primary() if self._square else EMPTY_PRIMARY)
        return self

    def write(self, name: str, shape: tuple[int, ...], pieces: Iterable[NDArray[np.float64]]) -> None:
        """Write the image of a parameter from pieces that follow each other."""
        self._file.write(image_header(name, shape))
        size = 0
        for piece in pieces:
            data = np.ascontiguousarray(piece, _FLOAT)
            size += data.nbytes
            self._file.write(data.data)
        self._file.write(padding(size))

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: Any
    ) -> bool | None:
        return self._stack.__exit__(kind, value, trace)


def image_header(name: str, shape: tuple[int, ...]) -> bytes:
    """Header of an image extension of float64."""
    axes = [card(f"NAXIS{i}", n) for i, n in enumerate(reversed(shape), start=1)]
    ends = [card("PCOUNT", 0), card("GCOUNT", 1), card("EXTNAME", name)]
    return header_bytes(
        [card("XTENSION", "IMAGE"), card("BITPIX", -64), card("NAXIS", len(shape)), *axes, *ends]
    )


def square_primary() -> bytes:
    """The primary HDU that BEAST's fits begin with: 2 x 2 zeros."""
    cards = [
        card("SIMPLE", True),
        card("BITPIX", -64),
        card("NAXIS", 2),
        card("NAXIS1", 2),
        card("NAXIS2", 2),
    ]
    return header_bytes([*cards, card("EXTEND", True)]) + bytes(32) + padding(32)


class PdfRows:
    """Some stars of a file at a time, in the file's own layout.

    Parameters
    ----------
    images : dict of PdfImage
        The file.
    """

    def __init__(self, images: dict[str, PdfImage]):
        self._parts = []
        for name, image in images.items():
            data = np.memmap(image.path, _FLOAT, "r", image.start, image.shape)
            last = b"" if image.condensed else image.centres().tobytes()
            self._parts.append((image_header(name, image.shape), f"NAXIS{len(image.shape)}", data, last))

    def file(self, rows: NDArray[np.int64]) -> bytes:
        """A whole file with these stars."""
        pieces = [EMPTY_PRIMARY]
        for header, axis, data, last in self._parts:
            values = data[rows].tobytes() + last
            pieces += [with_value(header, axis, len(rows) + bool(last)), values, padding(len(values))]
        return b"".join(pieces)


def stack_pdfs(files: Sequence[dict[str, PdfImage]], path: str | os.PathLike[str], sync: bool = True) -> None:
    """Write the stars of several files one after the other, condensed; NaN where a file has fewer bins than others.

    Parameters
    ----------
    files : sequence of dict of PdfImage
    path : path-like
    sync : bool
        See `atomic_path`.
    """
    with PdfWriter(path, sync=sync) as writer:
        for name, parts in _by_name(files):
            n_bin = max(image.n_bin for image in parts if image is not None)
            n_star = sum(next(iter(images.values())).n_star for images in files)
            numbers = [next(iter(images.values())).n_star for images in files]
            pieces = _condensed_pieces(parts, numbers, n_bin)
            writer.write(name, (n_star, n_bin, 2), pieces)


def _by_name(files: Sequence[dict[str, PdfImage]]) -> Iterator[tuple[str, list[PdfImage | None]]]:
    names = dict.fromkeys(name for images in files for name in images)
    for name in names:
        yield name, [images.get(name) for images in files]


def _condensed_pieces(
    parts: Sequence[PdfImage | None], numbers: Sequence[int], n_bin: int
) -> Iterator[NDArray[np.float64]]:
    for image, n in zip(parts, numbers, strict=True):
        step = max(1, CHUNK_BYTES // (16 * n_bin))
        for i in range(0, n, step):
            rows = slice(i, min(i + step, n))
            yield (np.full((rows.stop - i, n_bin, 2), np.nan) if image is None else image.planes(rows, n_bin))


def same_bins(files: Sequence[dict[str, PdfImage]]) -> bool:
    """Whether all files have the same parameters with the same bins, in the layout of a fit."""
    first = files[0]
    for images in files:
        if images.keys() != first.keys() or any(image.condensed for image in images.values()):
            return False
        for name, image in images.items():
            centres = (image.centres(), first[name].centres())
            if image.n_bin != first[name].n_bin or not np.array_equal(*centres, equal_nan=True):
                return False
    return True


def join_pdfs(files: Sequence[dict[str, PdfImage]], path: str | os.PathLike[str]) -> None:
    """Write the stars of several files with the same bins one after the other, in the layout of a fit."""
    with PdfWriter(path, square=True) as writer:
        for name, image in files[0].items():
            parts = [images[name] for images in files]
            n_star = sum(part.n_star for part in parts)
            writer.write(name, (n_star + 1, image.n_bin), _joined_pieces(parts))


def _joined_pieces(parts: Sequence[PdfImage]) -> Iterator[NDArray[np.float64]]:
    for part in parts:
        step = max(1, CHUNK_BYTES // (8 * part.n_bin))
        for i in range(0, part.n_star, step):
            yield part.rows(slice(i, i + step))
    yield parts[0].centres()[None]
