"""BEAST's grids of model fluxes (or spectra): HDF5 and FITS in, HDF5 out, both by blocks of rows.

Layout: `seds` (n_models, n_filters), `lamb` (n_filters,), `grid` (n_models,) compound with the attribute `filters`,
and `covdiag`, `covoffdiag` where the models have a covariance of their own. See docs/formats.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.foreign import parser_errors
from fastsed.hdf5_file import atomic_hdf5, open_hdf5
from fastsed.survey import hdf5
from fastsed.survey.tables import is_fits, open_fits

if TYPE_CHECKING:
    import h5py
    from astropy.io.fits import HDUList

Layout = Literal["head", "1.3.2"]
BLOCK_ROWS = 8192
"""Rows a block: some MB, which the processor's cache still holds when the columns are taken from it."""
COVARIANCES = ("covdiag", "covoffdiag")


class _Source(Protocol):
    """What a file of one kind offers; rows are read when they are asked for."""

    wavelengths: NDArray[np.float64]
    filters: tuple[str, ...]
    table_type: np.dtype[Any]
    n_models: int
    has_covariances: bool

    @property
    def has_single_rows(self) -> bool: ...

    def rows(self, name: str, rows: slice) -> NDArray[Any]: ...

    def single_rows(self, rows: NDArray[np.int64]) -> NDArray[Any]: ...

    def close(self) -> None: ...


class SedGrid:
    """A grid of model fluxes in a file; rows are read when they are asked for.

    Use it in a `with` statement, or close it.

    Parameters
    ----------
    path : path-like
        HDF5 (BEAST HEAD and 1.x), or FITS (HEAD's extensions SEDS and GRID; older: spectra with the wavelengths as
        last row of the primary image, and a table).
    spectra : bool, optional
        The file may be a grid of spectra: it needs no filter names.
    reuse : bool, optional
        Rows that are read are valid until the next reading of such rows, which saves the time that fresh memory takes.

    Attributes
    ----------
    path : Path
    wavelengths : ndarray, shape (n_filters,)
        Effective wavelengths of the filters, or wavelengths of the spectra [Angstrom].
    filters : tuple of str
    columns : tuple of str
        Names of the columns of `grid`, in the file's order.
    n_models : int
    has_covariances : bool
        Whether the models have a covariance of their own (`covdiag`, `covoffdiag`).

    Raises
    ------
    InputError
        If it is not such a grid, or is damaged.
    """

    def __init__(self, path: str | PathLike[str], spectra: bool = False, reuse: bool = False):
        self.path = Path(path)
        self._source: _Source = _FitsSource(self.path) if is_fits(path) else _Hdf5Source(self.path, reuse)
        self.wavelengths, self.filters = self._source.wavelengths, self._source.filters
        self.n_models, self.has_covariances = self._source.n_models, self._source.has_covariances
        self.columns: tuple[str, ...] = self._source.table_type.names or ()
        self._whole_columns: dict[str, NDArray[Any]] = {}
        if not spectra and len(self.filters) != len(self.wavelengths):
            self.close()
            raise InputError(
                f"names {len(self.filters)} filters ({' '.join(self.filters)}) for {len(self.wavelengths)} columns "
                "of fluxes",
                path,
            )

    @property
    def table_type(self) -> np.dtype[Any]:
        """Type of a row of `grid`, in the processor's byte order and without padding."""
        source = self._source.table_type
        return np.dtype([(name, source[name].newbyteorder("=")) for name in self.columns])

    def blocks(self, n_rows: int = BLOCK_ROWS) -> Iterator[slice]:
        """Slices of `n_rows` rows that cover the grid."""
        for first in range(0, self.n_models, n_rows):
            yield slice(first, min(first + n_rows, self.n_models))

    def read_seds(self, rows: slice | None = None) -> NDArray[np.float64]:
        """Fluxes (or spectra) of some rows, all by default.

        Returns
        -------
        ndarray, shape (n_rows, n_filters)
            [erg/s/cm2/Angstrom].
        """
        return _float64(self._source.rows("seds", rows or slice(0, self.n_models)))

    def read_covariances(self, rows: slice | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Diagonals and packed upper triangles of the models' covariances.

        Returns
        -------
        diagonal : ndarray, shape (n_rows, n_filters)
        off_diagonal : ndarray, shape (n_rows, n_filters * (n_filters - 1) / 2)
            Row-major: (0, 1), (0, 2), ..., (1, 2), ...
        """
        rows = rows or slice(0, self.n_models)
        return _float64(self._source.rows("covdiag", rows)), _float64(self._source.rows("covoffdiag", rows))

    def read_table(self, rows: slice | None = None) -> NDArray[Any]:
        """Rows of `grid` as they are in the file, all by default."""
        return self._source.rows("grid", rows or slice(0, self.n_models))

    def read_columns(self, names: Sequence[str], rows: slice | None = None) -> dict[str, NDArray[np.float64]]:
        """Some columns of `grid`, each contiguous; the file is read once.

        Raises
        ------
        InputError
            If the grid has no such column.
        """
        absent = [name for name in names if name not in self.columns]
        if absent:
            raise InputError(
                f"has no column {', '.join(absent)} (columns: {' '.join(self.columns)})", self.path
            )
        rows = rows or slice(0, self.n_models)
        n_rows = rows.stop - rows.start
        types = self.table_type
        columns = {name: np.empty(n_rows, types[name]) for name in names}
        for first in range(rows.start, rows.stop, BLOCK_ROWS):
            last = min(first + BLOCK_ROWS, rows.stop)
            block = self.read_table(slice(first, last))
            for name, column in columns.items():
                column[first - rows.start : last - rows.start] = block[name]
        return columns

    def read_rows(self, rows: NDArray[np.int64], names: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Some columns of single rows, in any order.

        Where the file does not allow to read single rows, the columns are read whole, once.
        """
        if self._source.has_single_rows:
            block = self._source.single_rows(rows)
            return {name: block[name] for name in names}
        absent = [name for name in names if name not in self._whole_columns]
        if absent:
            self._whole_columns |= self.read_columns(absent)
        return {name: self._whole_columns[name][rows] for name in names}

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class SedGridWriter:
    """Writes a grid in BEAST's HDF5 layout block by block; the file appears when the last row is there.

    Use it in a `with` statement.

    Parameters
    ----------
    path : path-like
    n_models : int
    wavelengths : ndarray, shape (n_filters,)
    filters : sequence of str
        Empty for a grid of spectra.
    columns : mapping of str to dtype, or structured dtype
        The columns of `grid`, in this order.
    layout : {"head", "1.3.2"}, optional
        "1.3.2": with PyTables' attributes, by which that release reads it, and the columns in alphabetical order.
    covariances : bool, optional
        Whether `append` gets covariances.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        n_models: int,
        wavelengths: NDArray[np.float64],
        filters: Sequence[str],
        columns: Mapping[str, Any] | np.dtype[Any],
        layout: Layout = "head",
        covariances: bool = False,
    ):
        self.path, self.n_models, self._layout, self._filters = Path(path), n_models, layout, tuple(filters)
        self._wavelengths = np.asarray(wavelengths, float)
        types = (
            {n: columns[n] for n in columns.names or ()} if isinstance(columns, np.dtype) else dict(columns)
        )
        names = sorted(types) if layout == "1.3.2" else list(types)
        self._table_type = np.dtype([(name, types[name]) for name in names])
        self._covariances, self._written, self._stack = covariances, 0, ExitStack()

    def __enter__(self) -> Self:
        f = self._file = self._stack.enter_context(atomic_hdf5(self.path, libver="earliest"))
        n_filters = self._wavelengths.size
        shapes: dict[str, tuple[int, ...]] = {"seds": (self.n_models, n_filters)}
        if self._covariances:
            shapes["covdiag"] = (self.n_models, n_filters)
            shapes["covoffdiag"] = (self.n_models, n_filters * (n_filters - 1) // 2)
        for name, shape in shapes.items():
            f.create_dataset(name, shape, "f8", track_times=False)
        f.create_dataset("lamb", data=self._wavelengths, track_times=False)
        table = f.create_dataset("grid", (self.n_models,), self._table_type, track_times=False)
        self._set_attributes(table)
        return self

    def _set_attributes(self, table: h5py.Dataset) -> None:
        names = " ".join(self._filters)
        if self._layout == "head":
            if names:
                table.attrs["filters"] = names
            return
        hdf5.set_pytables_root(self._file)
        for name in self._file:
            if name != "grid":
                hdf5.set_pytables_array(self._file[name])
        hdf5.set_pytables_table(table, "grid")
        if names:
            table.attrs["filters"] = np.bytes_(names)

    def append(
        self,
        seds: NDArray[np.float64],
        table: Mapping[str, NDArray[Any]] | NDArray[Any],
        covdiag: NDArray[np.float64] | None = None,
        covoffdiag: NDArray[np.float64] | None = None,
    ) -> None:
        """Write the next rows.

        Parameters
        ----------
        seds : ndarray, shape (n_rows, n_filters)
        table : mapping of str to ndarray (n_rows,), or structured ndarray
            The columns of `grid`.
        covdiag, covoffdiag : ndarray, optional
            With `covariances`.
        """
        rows = slice(self._written, self._written + len(seds))
        if rows.stop > self.n_models:
            raise ValueError(f"{rows.stop} rows for a grid of {self.n_models} models")
        if isinstance(table, np.ndarray) and table.dtype == self._table_type:
            block = table
        else:
            block = np.empty(len(seds), self._table_type)
            for name in self._table_type.names or ():
                block[name] = table[name]
        self._file["seds"][rows] = seds
        self._file["grid"][rows] = block
        if self._covariances:
            self._file["covdiag"][rows], self._file["covoffdiag"][rows] = covdiag, covoffdiag
        self._written = rows.stop

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: Any) -> None:
        if kind is None and self._written != self.n_models:
            error = ValueError(f"{self._written} rows written of {self.n_models}")
            self._stack.__exit__(type(error), error, None)
            raise error
        self._stack.__exit__(kind, value, trace)


def _check_shapes(data: Mapping[str, Any], path: Path) -> None:
    """One row a model everywhere, and covariances for as many filters as the fluxes have.

    Raises
    ------
    InputError
        If datasets do not fit together.
    """
    n, k = len(data["grid"]), data["seds"].shape[1]
    for name, values in data.items():
        if len(values) != n:
            raise InputError(f'its "{name}" has {len(values)} rows, its "grid" has {n}', path)
    for name, width in zip(COVARIANCES, (k, k * (k - 1) // 2), strict=True):
        if name in data and data[name].shape != (n, width):
            raise InputError(f'its "{name}" has the shape {data[name].shape}, not {(n, width)}', path)


class _Hdf5Source:
    """BEAST's HDF5 layout, of HEAD (h5py) and of 1.x (PyTables, whose attributes are not looked at)."""

    def __init__(self, path: Path, reuse: bool):
        self._path, self._file, self._reuse = path, open_hdf5(path), reuse
        try:
            with parser_errors(path, "a readable grid"):
                self._read_structure()
        except BaseException:
            self._file.close()
            raise

    def _read_structure(self) -> None:
        f, path = self._file, self._path
        seds, lamb = hdf5.number_dataset(f, "seds", path, 2), hdf5.number_dataset(f, "lamb", path, 1)
        table = hdf5.dataset(f, "grid", path, 1)
        if table.dtype.names is None:
            raise InputError('its dataset "grid" is no table (compound type)', path)
        self.n_models, self.table_type = len(table), table.dtype
        self._data = {"seds": seds, "grid": table}
        self.has_covariances = all(name in f for name in COVARIANCES)
        if self.has_covariances:
            self._data |= {name: hdf5.number_dataset(f, name, path, 2) for name in COVARIANCES}
        _check_shapes(self._data, path)
        if seds.shape[1] != len(lamb):
            raise InputError(
                f'its "seds" has {seds.shape[1]} columns, its "lamb" has {len(lamb)} values', path
            )
        self.wavelengths = hdf5.read_rows(lamb, slice(None), path).astype(float)
        attributes = {name.lower(): name for name in table.attrs if name.lower() == "filters"}
        text = hdf5.as_text(table.attrs[attributes["filters"]]) if attributes else ""
        self.filters = tuple(text.split())
        self._raw = {name: hdf5.raw_rows(data, self._reuse) for name, data in self._data.items()}

    def rows(self, name: str, rows: slice) -> NDArray[Any]:
        return hdf5.read_rows(self._raw[name] or self._data[name], rows, self._path)

    @property
    def has_single_rows(self) -> bool:
        return self._raw["grid"] is not None

    def single_rows(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        raw = self._raw["grid"]
        assert raw is not None
        try:
            return raw.read_single(rows)
        except OSError as error:
            raise InputError(f"is damaged: {error}", self._path) from error

    def close(self) -> None:
        for raw in self._raw.values():
            if raw is not None:
                raw.close()
        self._file.close()


class _FitsSource:
    """FITS: HEAD's extensions, or the older primary image with the wavelengths as its last row."""

    has_single_rows = True

    def __init__(self, path: Path):
        self._path = path
        with ExitStack() as stack:
            file = stack.enter_context(open_fits(path))
            self._read_structure(file)
            self._stack = stack.pop_all()

    def _read_structure(self, file: HDUList) -> None:
        hdus = {hdu.name.upper(): hdu for hdu in file[1:]}
        if "SEDS" in hdus:
            self.wavelengths = np.array(file[0].data, float).ravel()
            table, seds = hdus["GRID"], hdus["SEDS"].data
        else:
            image, table = file[0].data, file[1]
            if image is None or image.ndim != 2:
                raise InputError("is not a FITS grid: no extension SEDS, and no image of spectra", self._path)
            self.wavelengths, seds = np.array(image[-1], float), image[:-1]
        self._data = {"seds": seds, "grid": table.data}
        self.has_covariances = all(name.upper() in hdus for name in COVARIANCES)
        if self.has_covariances:
            self._data |= {name: hdus[name.upper()].data for name in COVARIANCES}
        self.n_models, self.table_type = len(table.data), table.data.dtype
        _check_shapes(self._data, self._path)
        if seds.shape[1] != len(self.wavelengths):
            raise InputError(
                f"has {seds.shape[1]} fluxes a model for {len(self.wavelengths)} wavelengths", self._path
            )
        self.filters = tuple(str(table.header.get("FILTERS", "")).split())

    def rows(self, name: str, rows: slice) -> NDArray[Any]:
        block: NDArray[Any] = np.asarray(self._data[name][rows])
        return block

    def single_rows(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        return np.asarray(self._data["grid"][rows])

    def close(self) -> None:
        self._data = {}
        self._stack.close()


def _float64(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.ascontiguousarray(values, dtype=np.float64)
