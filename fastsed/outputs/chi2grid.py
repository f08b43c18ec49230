"""chi2 of the models of the grid: values of the fit in, FAST++'s binary `.grid` files out, and back.

Both kinds of file start with a header (little-endian: length of the header, a letter for the version, names
of the properties, names and values of the axes). Then come

* full grid (`chi2.grid`; letter D, older C): float32 [model, 1 + property, source], chi2 first;
* best chi2 (`best_chi2/*.grid`; letter E, older B): for each model its number, chi2 and properties.

Properties are stored as the fit has them: linear masses, luminosities and rates although they are named
`lmass`..., fluxes in uJy for magnitudes; only `la2t` and the axes are logarithms. A model that was not fitted
is NaN; a model that was not allowed for a source has chi2 = inf and NaN properties.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.arrays import Singles
from fastsed.atomic import atomic_path, write_small
from fastsed.errors import InputError

log = logging.getLogger(__name__)

Strings = str  # "null" or "counted", as GRID_STRINGS
Axes = Mapping[str, Singles]

_BLOCK_BYTES = 1 << 25
_MAX_NAMES = 100_000  # more in a header means that it is not one
_START = struct.Struct("<Ic")
_COUNT = struct.Struct("<I")


def _encode_text(text: str, strings: Strings) -> bytes:
    raw = text.encode()
    if strings == "null":
        return raw + b"\0"
    if len(raw) > 255:
        raise InputError(f"the name '{text[:40]}...' is too long for GRID_STRINGS='counted': use 'null'")
    return bytes([len(raw)]) + raw


def _encode_header(
    version: bytes, axes: Axes, properties: Sequence[str], n_sources: int | None, strings: Strings
) -> bytes:
    body = b"" if n_sources is None else struct.pack("<Q", n_sources)
    body += _COUNT.pack(len(properties))
    body += b"".join(_encode_text(name, strings) for name in properties)
    body += _COUNT.pack(len(axes))
    for name, values in axes.items():
        body += _encode_text(name, strings) + _COUNT.pack(len(values)) + values.astype("<f4").tobytes()
    return _START.pack(_START.size + len(body), version) + body


def _row_type(version: str, n_properties: int) -> np.dtype[Any]:
    model = "<u8" if version == "E" else "<u4"
    return np.dtype([("model", model), ("chi2", "<f4"), ("properties", "<f4", (n_properties,))])


def size_text(size: float) -> str:
    """A number of bytes for readers: three digits and a unit."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            break
        size /= 1000
    return f"{size:.3g} {unit}"


def full_grid_size(axes: Axes, properties: Sequence[str], n_sources: int) -> int:
    """Size in bytes of a whole chi2 grid; the parameters are those of `ChiGridWriter`."""
    header = _encode_header(b"D", axes, properties, n_sources, "counted")
    return (
        len(header)
        + 4 * math.prod(len(values) for values in axes.values()) * (1 + len(properties)) * n_sources
    )


def check_space(path: str | os.PathLike[str], needed: int) -> None:
    """Refuse a chi2 grid of `needed` bytes where the disk of `path` has no room for it.

    Raises
    ------
    InputError
        With what is needed and what is free.
    """
    folder = Path(path).absolute().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"the chi2 grid needs {size_text(needed)} but only {size_text(free)} are free: "
            "use a smaller grid, SAVE_BESTCHI instead of SAVE_CHI_GRID, or another OUTPUT_DIR",
            path,
        )


class ChiGridWriter:
    """Write a full chi2 grid in blocks of models, in any order; the file appears when all is written.

    Use it as a context manager, or call `close`. Models that are never written are NaN.

    Parameters
    ----------
    path : path-like
    axes : mapping of str to float32 array
        Values of each axis, slowest first.
    properties : sequence of str
        Names of the properties, in the order of the data.
    n_sources : int
    strings : {"null", "counted"}
        GRID_STRINGS: how names are written.

    Raises
    ------
    InputError
        If the disk has no room for it, or the file cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        axes: Axes,
        properties: Sequence[str],
        n_sources: int,
        strings: Strings = "null",
    ):
        header = _encode_header(b"D", axes, properties, n_sources, strings)
        self.n_models = math.prod(len(values) for values in axes.values())
        self._model_shape = (1 + len(properties), n_sources)
        self._offset, self._model_bytes = len(header), 4 * math.prod(self._model_shape)
        self._written: list[tuple[int, int]] = []
        check_space(path, self.expected_size)
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(path))
            self._file: IO[bytes] = stack.enter_context(open(temporary, "wb"))
            self._file.write(header)
            self._stack = stack.pop_all()

    @property
    def expected_size(self) -> int:
        """Size of the whole file in bytes."""
        return self._offset + self.n_models * self._model_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._stack.__exit__(kind, error, trace)

    def write_block(self, first_model: int, data: Singles) -> None:
        """Write consecutive models.

        Parameters
        ----------
        first_model : int
            Their first modelID.
        data : float32 array (n, 1 + nproperty, nsource)
            chi2 and properties of each model for each source.
        """
        if data.shape[1:] != self._model_shape or first_model + len(data) > self.n_models:
            grid = (self.n_models, *self._model_shape)
            raise ValueError(f"block {data.shape} at model {first_model} does not fit the grid {grid}")
        self._seek(first_model)
        self._file.write(np.ascontiguousarray(data, dtype="<f4").data)
        self._mark(first_model, first_model + len(data))

    def close(self) -> None:
        """Fill what was not written with NaN, and give the file its name."""
        with self._stack:
            self._fill()

    def _seek(self, model: int) -> None:
        self._file.seek(self._offset + model * self._model_bytes)

    def _mark(self, start: int, stop: int) -> None:
        """Remember that the models [start, stop) are written; blocks mostly follow each other."""
        if self._written and self._written[-1][1] == start:
            start = self._written.pop()[0]
        self._written.append((start, stop))

    def _fill(self) -> None:
        done = 0
        nothing = np.full(
            max(1, _BLOCK_BYTES // max(self._model_bytes, 1)) * math.prod(self._model_shape), np.nan, "<f4"
        )
        for start, stop in [*sorted(self._written), (self.n_models, self.n_models)]:
            self._seek(done)
            missing = max(0, start - done) * self._model_bytes
            while missing > 0:
                piece = min(missing, nothing.nbytes)
                self._file.write(nothing.data.cast("B")[:piece])
                missing -= piece
            done = max(done, stop)


def best_chi2_header(axes: Axes, properties: Sequence[str], strings: Strings = "null") -> bytes:
    """The header of the files of acceptable models, which is the same for all sources.

    Parameters
    ----------
    axes : mapping of str to float32 array
        Values of each axis of the grid, slowest first.
    properties : sequence of str
    strings : {"null", "counted"}
        GRID_STRINGS: how names are written.
    """
    return _encode_header(b"E", axes, properties, None, strings)


def write_best_chi2(
    path: str | os.PathLike[str], header: bytes, model_ids: ArrayLike, chi2: ArrayLike, values: ArrayLike
) -> None:
    """Write the acceptable models of one source, into a folder that exists.

    Parameters
    ----------
    path : path-like
    header : bytes
        As `best_chi2_header` makes it.
    model_ids : uint64 array (n,)
    chi2 : float32 array (n,)
    values : float32 array (n, nproperty)

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    rows = np.empty(np.shape(model_ids), dtype=_row_type("E", np.shape(values)[1]))
    rows["model"], rows["chi2"], rows["properties"] = model_ids, chi2, values
    write_small(os.fspath(path), header + rows.tobytes())


@dataclass(frozen=True)
class _Header:
    version: str
    strings: Strings
    n_sources: int
    axes: dict[str, Singles]
    properties: list[str]
    size: int


class _Cursor:
    """Walk through the bytes of a header; ValueError where they make no sense."""

    def __init__(self, raw: bytes, strings: Strings):
        self.raw, self.strings, self.at = raw, strings, _START.size

    def integer(self, form: str = "<I") -> int:
        try:
            (value,) = struct.unpack_from(form, self.raw, self.at)
        except struct.error as error:
            raise ValueError("the header ends too early") from error
        self.at += struct.calcsize(form)
        return int(value)

    def count(self) -> int:
        value = self.integer()
        if value > _MAX_NAMES:
            raise ValueError(f"{value} names")
        return value

    def text(self) -> str:
        if self.strings == "counted":
            start = self.at + 1
            stop = start + self.integer("<B")
            self.at = stop
        else:
            start, stop = self.at, self.raw.find(b"\0", self.at)
            self.at = stop + 1
        if not start < stop <= len(self.raw):
            raise ValueError("a name is missing")
        name = self.raw[start:stop].decode()  # UnicodeDecodeError is a ValueError
        if not name.isprintable():
            raise ValueError(f"name {name!r}")
        return name

    def values(self) -> Singles:
        n = self.integer()
        stop = self.at + 4 * n
        if stop > len(self.raw):
            raise ValueError("the header ends too early")
        result = np.frombuffer(self.raw[self.at : stop], dtype="<f4")
        self.at = stop
        return result.astype(np.float32)


def _parse_header(raw: bytes, version: str, strings: Strings) -> _Header:
    cursor = _Cursor(raw, strings)
    n_sources = cursor.integer("<Q" if version == "D" else "<I") if version in "CD" else 1
    properties = [cursor.text() for _ in range(cursor.count())]
    axes = {}
    for _ in range(cursor.count()):
        name = cursor.text()
        axes[name] = cursor.values()
    if cursor.at != len(raw):
        raise ValueError(f"the header ends at {cursor.at}, not at {len(raw)}")
    return _Header(version, strings, n_sources, axes, properties, len(raw))


def _read_header(path: Path) -> _Header:
    try:
        with open(path, "rb") as f:
            start = f.read(_START.size)
            if len(start) < _START.size:
                raise InputError(f"not a chi2 grid: it holds {len(start)} bytes only", path)
            size, letter = _START.unpack(start)
            version = letter.decode("latin-1")
            if version not in "BCDE":
                known = "C, D (full grid), B, E (best chi2)"
                raise InputError(f"not a chi2 grid: the type is {version!r} instead of {known}", path)
            raw = start + f.read(max(0, min(size, os.fstat(f.fileno()).st_size) - _START.size))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path) from error
    if len(raw) < size:
        raise InputError(f"cut short: the header is {size} bytes long, the file {len(raw)}", path)
    candidates: tuple[Strings, ...] = ("null", "counted")
    for strings in candidates:
        try:
            return _parse_header(raw, version, strings)
        except ValueError as error:
            reason = error
    raise InputError(f"not a chi2 grid: its header makes no sense ({reason})", path)


@dataclass(frozen=True)
class Chi2Grid:
    """A chi2 grid on disk; values are read as they are asked for.

    Attributes
    ----------
    path : Path
    kind : {"full", "best"}
        All models for all sources, or the good models of one source.
    version : {"B", "C", "D", "E"}
    strings : {"null", "counted"}
        How names are stored.
    axes : dict of str to float32 array
        Values of each axis, slowest first.
    properties : list of str
    n_sources : int
        1 for the kind "best".
    data : memory map
        float32 (nmodel, 1 + nproperty, nsource), or for the kind "best" one record per model with the fields
        `model`, `chi2` and `properties`.
    """

    path: Path
    kind: Literal["full", "best"]
    version: str
    strings: Strings
    axes: dict[str, Singles]
    properties: list[str]
    n_sources: int
    data: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each axis."""
        return tuple(len(values) for values in self.axes.values())

    @property
    def n_models(self) -> int:
        """Number of models in the file."""
        return len(self.data)

    def parameters(self, model_ids: ArrayLike) -> dict[str, Singles]:
        """Value of each axis for the given modelIDs; InputError for one that the axes do not have."""
        places = self._places(model_ids)
        return {name: values[i] for (name, values), i in zip(self.axes.items(), places, strict=True)}

    def blocks(self, max_bytes: int = _BLOCK_BYTES) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Go through the file in pieces: rows, and `data` of these rows."""
        step = max(1, max_bytes // max(1, self.data[:1].nbytes))
        for start in range(0, self.n_models, step):
            rows = slice(start, min(start + step, self.n_models))
            yield rows, self.data[rows]

    def select(
        self,
        source: int | None = None,
        properties: Sequence[str] | None = None,
        **ranges: float | tuple[float, float],
    ) -> dict[str, NDArray[Any]]:
        """Models of a part of the grid, without reading the rest.

        Parameters
        ----------
        source : int, optional
            Row of the source in the catalogue, from 0; all sources if not given.
        properties : sequence of str, optional
            Which to read; all if not given.
        **ranges : float or (float, float)
            For any axis: a value (the nearest one of the grid is taken) or two limits, both included.

        Returns
        -------
        dict
            `model` (n,), each axis (n,), `chi2` and each property: (n,) for one source or a best-chi2 file,
            else (n, nsource).

        Raises
        ------
        InputError
            For an axis, a property or a source that the file does not have.
        """
        requested = list(self.properties if properties is None else properties)
        self._check_names("property", requested, self.properties)
        self._check_names("axis", ranges, list(self.axes))
        if source is not None and not 0 <= source < self.n_sources:
            raise InputError(f"no source {source}: the grid has {self.n_sources}, counted from 0", self.path)
        places = [self._indices(name, ranges.get(name)) for name in self.axes]
        if self.kind == "full":
            rows = np.ravel_multi_index(np.ix_(*places), self.shape).ravel()
            models = rows
        else:
            ids = self.data["model"].astype(np.int64)
            result = zip(self._places(ids), places, strict=True)
            rows = np.flatnonzero(
                np.logical_and.reduce([np.isin(axis_index, index) for axis_index, index in result])
            )
            models = ids[rows]
        values = {name: self._read(name, rows, source) for name in ("chi2", *requested)}
        return {"model": models, **self.parameters(models), **values}

    def _places(self, model_ids: ArrayLike) -> tuple[NDArray[np.intp], ...]:
        """Index along each axis."""
        ids = np.asarray(model_ids)
        outside = (ids < 0) | (ids >= math.prod(self.shape))
        if outside.any():
            raise InputError(
                f"is damaged: it holds model {ids[outside][0]}, but its axes have {math.prod(self.shape)} models",
                self.path,
            )
        return np.unravel_index(ids.astype(np.intp), self.shape)

    def _check_names(self, what: str, names: Sequence[str] | Mapping[str, Any], known: list[str]) -> None:
        for name in names:
            if name not in known:
                raise InputError(f"the grid has no {what} '{name}', but {', '.join(known)}", self.path)

    def _indices(self, name: str, limits: float | tuple[float, float] | None) -> NDArray[np.intp]:
        values = self.axes[name]
        if limits is None:
            return np.arange(len(values))
        if isinstance(limits, tuple):
            low, high = np.float32(limits[0]), np.float32(limits[1])
            return np.flatnonzero((values >= low) & (values <= high))
        return np.array([np.argmin(np.abs(values - np.float32(limits)))])

    def _read(self, name: str, rows: NDArray[np.intp], source: int | None) -> Singles:
        index = 0 if name == "chi2" else 1 + self.properties.index(name)
        if self.kind == "full":
            result = self.data[rows, index] if source is None else self.data[rows, index, source]
        elif name == "chi2":
            result = self.data["chi2"][rows]
        else:
            result = self.data["properties"][rows, index - 1]
        return np.asarray(result, dtype=np.float32)


def read_chi2_grid(path: str | os.PathLike[str]) -> Chi2Grid:
    """Open a chi2 grid of any version, with names in either form.

    A best-chi2 file that was cut short gives its whole rows, with a warning.

    Parameters
    ----------
    path : path-like
        File of SAVE_CHI_GRID or SAVE_BESTCHI.

    Returns
    -------
    Chi2Grid
        Axes and properties; chi2 are read when they are asked for.

    Raises
    ------
    InputError
        If it is not a chi2 grid, or a full grid of the wrong size.
    """
    path = Path(path)
    header = _read_header(path)
    full = header.version in "CD"
    row: Any = np.dtype("<f4") if full else _row_type(header.version, len(header.properties))
    available = path.stat().st_size - header.size
    shape: tuple[int, ...]
    if full:
        n_models = math.prod(len(values) for values in header.axes.values())
        shape = (n_models, 1 + len(header.properties), header.n_sources)
        if available != 4 * math.prod(shape):
            what = "cut short" if available < 4 * math.prod(shape) else "longer than its header says"
            needed = header.size + 4 * math.prod(shape)
            raise InputError(f"{what}: {header.size + available} bytes instead of {needed}", path)
    else:
        shape = (available // row.itemsize,)
        if available % row.itemsize:
            log.warning("%s: cut short within a row; the %d whole rows are used", path, shape[0])
    if math.prod(shape):
        data: NDArray[Any] = np.memmap(path, dtype=row, mode="r", offset=header.size, shape=shape)
    else:
        data = np.empty(shape, dtype=row)
    return Chi2Grid(
        path=path,
        kind="full" if full else "best",
        version=header.version,
        strings=header.strings,
        axes=header.axes,
        properties=header.properties,
        n_sources=header.n_sources,
        data=data,
    )
