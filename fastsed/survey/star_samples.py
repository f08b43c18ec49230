"""Posterior samples: an `*_lnp.hd5` of ours or of BEAST in, counts and columns of many stars out."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.errors import InputError
from fastsed.hdf5_file import open_hdf5
from fastsed.survey.star_contents import StarField, read_contents
from fastsed.survey.star_groups import PREFIX, Samples

if TYPE_CHECKING:
    import h5py


class StarSamples:
    """The samples of the stars of a file.

    Parameters
    ----------
    path : path-like

    Attributes
    ----------
    numbers : int64 (n_star,)
        The N of each `star_N`, ascending.
    fields : dict of StarField
        Sorted by name; empty if there is no star.
    root : dict of ndarray
        Other datasets of the root group.

    Raises
    ------
    InputError
        If it is not there, no HDF5 file, damaged, or its groups hold no `idx` and `lnp`.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError("no such file", self.path)
        self._map: mmap.mmap | None = None
        self._file: h5py.File | None = None
        self.root: dict[str, NDArray[Any]]
        contents = read_contents(self.path)
        if contents is not None:
            # ours, unchanged: no need for the HDF5 library
            self.fields, self.root, self._index = contents.fields, contents.root, contents.index
            self.numbers = np.arange(len(contents.index))
            with open(self.path, "rb") as f:
                self._map = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
            return
        with damaged_file(self.path):
            self._file = open_hdf5(self.path)
        try:
            with damaged_file(self.path):
                self._open(self._file)
        except BaseException:
            self.close()
            raise

    def _open(self, file: h5py.File) -> None:
        stars: list[str] = []
        others: list[str] = []
        for name in file:
            (stars if _is_star(name) else others).append(name)
        self.numbers = np.array(sorted(int(name[len(PREFIX) :]) for name in stars), dtype=np.int64)
        self.root = {name: file[name][()] for name in others if hasattr(file[name], "shape")}
        self.fields = self._find_fields(file[f"{PREFIX}{self.numbers[0]}"]) if stars else {}

    def _find_fields(self, group: h5py.Group) -> dict[str, StarField]:
        stored = {name: (group[name].dtype, group[name].shape) for name in sorted(group)}
        for name in ("idx", "lnp"):
            if name not in stored:
                raise InputError(
                    f"{group.name} holds no dataset {name!r}: not a file of posterior samples", self.path
                )
        # the fluxes of the star are (n_filter, 1); everything else has a value a sample
        return {
            name: StarField(dtype.newbyteorder("="), shape if name == "input" else None)
            for name, (dtype, shape) in stored.items()
        }

    def read(self, stars: ArrayLike, default: Mapping[str, StarField] | None = None) -> Samples:
        """Samples of some stars, in the order given.

        Parameters
        ----------
        stars : array_like of int
            The N of `star_N`. One that the file does not hold has no samples, and NaN in fields of fixed shape.
        default : dict of StarField, optional
            Fields to return if the file holds no star at all.

        Returns
        -------
        Samples
        """
        fields = self.fields or dict(default or {})
        asked = np.asarray(stars, dtype=np.int64)
        rows = np.searchsorted(self.numbers, asked)
        rows[rows == len(self.numbers)] = 0
        present = self.numbers[rows] == asked if len(self.numbers) else np.zeros(len(asked), dtype=bool)
        rows[~present] = -1
        with damaged_file(self.path):
            parts = self._mapped(fields, rows) if self._map is not None else self._grouped(fields, rows)
        counts = np.zeros(len(rows), dtype=np.int64)
        columns = {}
        for name, field in fields.items():
            pieces = parts[name]
            values = np.frombuffer(b"".join(pieces), dtype=field.dtype)
            if field.shape is None:
                lengths = np.array([len(piece) for piece in pieces], dtype=np.int64) // field.dtype.itemsize
                self._check(
                    asked, counts, lengths, name, name == min(n for n in fields if fields[n].shape is None)
                )
                counts = lengths
            columns[name] = values if field.shape is None else values.reshape(len(rows), *field.shape)
        return Samples(counts, columns)

    def _check(
        self,
        stars: NDArray[np.int64],
        counts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        name: str,
        first: bool,
    ) -> None:
        wrong = np.flatnonzero(lengths != counts)
        if not first and len(wrong):
            i = wrong[0]
            message = (
                f"{PREFIX}{stars[i]}/{name} holds {lengths[i]} values, but the datasets beside it {counts[i]}"
            )
            raise InputError(message, self.path)

    def _mapped(self, fields: dict[str, StarField], rows: NDArray[np.int64]) -> dict[str, list[Any]]:
        """Pieces of the file: one per star and field."""
        assert self._map is not None
        view = memoryview(self._map)
        table = self._index[rows].astype(np.int64)
        parts = {}
        for name, field in fields.items():
            begins = table[:, 1 + list(self.fields).index(name)]
            n = table[:, 0] if field.shape is None else np.full(len(rows), int(np.prod(field.shape)))
            ends = begins + n * field.dtype.itemsize
            inside = (begins >= 0) & (ends >= begins) & (ends <= len(view))
            if not inside[rows >= 0].all():
                raise InputError("damaged: samples lie outside of the file", self.path)
            missing = _missing(field)
            pieces = zip(begins.tolist(), ends.tolist(), rows.tolist(), strict=True)
            parts[name] = [view[begin:end] if row >= 0 else missing for begin, end, row in pieces]
        return parts

    def _grouped(self, fields: dict[str, StarField], rows: NDArray[np.int64]) -> dict[str, list[Any]]:
        """The same from a file that the HDF5 library, or somebody else, wrote."""
        from h5py import h5d, h5s

        parts: dict[str, list[Any]] = {name: [] for name in fields}
        for row in rows.tolist():
            for name, field in fields.items():
                if row < 0:
                    parts[name].append(_missing(field))
                    continue
                assert self._file is not None
                path = f"{PREFIX}{self.numbers[row]}/{name}"
                dataset = h5d.open(self._file.id, path.encode())
                if field.shape is not None and dataset.shape != field.shape:
                    raise InputError(f"{path} has shape {dataset.shape} instead of {field.shape}", self.path)
                values = np.empty(dataset.shape, dtype=field.dtype)
                if values.size:
                    dataset.read(h5s.ALL, h5s.ALL, values)
                parts[name].append(values.tobytes())
        return parts

    def close(self) -> None:
        """Close the file."""
        if self._map is not None:
            # after an error, its traceback may still refer to pieces of it
            with suppress(BufferError):
                self._map.close()
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


def _is_star(name: str) -> bool:
    return name.startswith(PREFIX) and name[len(PREFIX) :].isdecimal()


def _missing(field: StarField) -> bytes:
    """Values of a star that is not there."""
    if field.shape is None:
        return b""
    fill = np.nan if field.dtype.kind == "f" else 0
    return np.full(field.shape, fill, dtype=field.dtype).tobytes()


@contextmanager
def damaged_file(path: Path) -> Iterator[None]:
    """Turn what h5py raises on a file that is no HDF5, or is damaged, into an InputError."""
    try:
        yield
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = str(error).strip("'\"").splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"not a readable HDF5 file, or cut short: {reason}", path) from error
