"""BEAST's noise-model files: bias, error, completeness of every model, and full covariances where it has them.

Datasets of the root, float64, rows in the grid's order: `bias`, `error`, `completeness` (n_models, n_filters);
for the full covariance `q_norm` (n_models,), `icov_diag` (n_models, n_filters) and `icov_offdiag`
(n_models, n_filters (n_filters - 1) / 2). See docs/formats.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.foreign import parser_errors
from fastsed.hdf5_file import atomic_hdf5, open_hdf5
from fastsed.survey import hdf5
from fastsed.survey.sed_grid import BLOCK_ROWS

BASIC = ("bias", "error", "completeness")
FULL_COVARIANCE = ("q_norm", "icov_diag", "icov_offdiag")


class NoiseFile:
    """A noise model in a file; rows are read when they are asked for.

    Use it in a `with` statement, or close it.

    Parameters
    ----------
    path : path-like
    reuse : bool, optional
        Rows that are read are valid until the next reading of such rows.

    Attributes
    ----------
    path : Path
    n_models, n_filters : int
    names : tuple of str
        The datasets it has: `bias`, `error`, `completeness`, and those of the full covariance.
    has_full_covariance : bool
        Whether `q_norm`, `icov_diag`, `icov_offdiag` are there.

    Raises
    ------
    InputError
        If it is not a noise model, or is damaged.
    """

    def __init__(self, path: str | PathLike[str], reuse: bool = False):
        self.path, self._file, self._reuse = Path(path), open_hdf5(path), reuse
        try:
            with parser_errors(path, "a readable noise model"):
                self._read_structure()
        except BaseException:
            self._file.close()
            raise

    def _read_structure(self) -> None:
        f, path = self._file, self.path
        bias = hdf5.number_dataset(f, "bias", path, 2)
        self.n_models, self.n_filters = bias.shape
        self.names = tuple(name for name in f if f.get(name, getclass=True).__name__ == "Dataset")
        self.has_full_covariance = all(name in self.names for name in FULL_COVARIANCE)
        for name in [*BASIC, *(FULL_COVARIANCE if self.has_full_covariance else ())]:
            shape = self._shape_of(name)
            item = hdf5.number_dataset(f, name, path, len(shape))
            if item.shape != shape:
                raise InputError(f'its "{name}" has the shape {item.shape}, not {shape}', path)
        self._raw = {name: hdf5.raw_rows(f[name], self._reuse) for name in self.names}

    def _shape_of(self, name: str) -> tuple[int, ...]:
        """Shape that a dataset must have; completeness may be one number a model."""
        n, k = self.n_models, self.n_filters
        if name == "q_norm" or (name == "completeness" and name in self._file and self._file[name].ndim == 1):
            return (n,)
        return (n, k * (k - 1) // 2) if name.endswith("offdiag") else (n, k)

    def blocks(self, n_rows: int = BLOCK_ROWS) -> Iterator[slice]:
        """Slices of `n_rows` rows that cover the models."""
        for first in range(0, self.n_models, n_rows):
            yield slice(first, min(first + n_rows, self.n_models))

    def read(self, name: str, rows: slice | None = None) -> NDArray[np.float64]:
        """Some rows of a dataset, all by default; one completeness a model is repeated for every filter.

        Returns
        -------
        ndarray, shape (n_rows, ...)
        """
        rows = rows or slice(0, self.n_models)
        read = hdf5.read_rows(self._raw[name] or self._file[name], rows, self.path)
        if name == "completeness" and read.ndim == 1:
            read = np.repeat(read[:, None], self.n_filters, axis=1)
        return np.ascontiguousarray(read, dtype=np.float64)

    def check_against(self, n_models: int, n_filters: int, grid: str | PathLike[str]) -> None:
        """Raise InputError unless the noise model is that of a grid of this shape."""
        if (self.n_models, self.n_filters) != (n_models, n_filters):
            raise InputError(
                f"is for {self.n_models} models in {self.n_filters} filters; {grid} has {n_models} in {n_filters}",
                self.path,
            )

    def close(self) -> None:
        """Close the file."""
        for raw in self._raw.values():
            if raw is not None:
                raw.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class NoiseFileWriter:
    """Writes a noise model block by block; the file appears when the last row is there.

    It has PyTables' attributes, as BEAST's files of all versions have. Use it in a `with` statement.

    Parameters
    ----------
    path : path-like
    n_models : int
    """

    def __init__(self, path: str | PathLike[str], n_models: int):
        self.path, self.n_models = Path(path), n_models
        self._written, self._stack = 0, ExitStack()

    def __enter__(self) -> Self:
        self._file = self._stack.enter_context(atomic_hdf5(self.path, libver="earliest"))
        hdf5.set_pytables_root(self._file)
        return self

    def append(self, datasets: Mapping[str, NDArray[np.float64]]) -> None:
        """Write the next rows of every dataset; the first call says which ones there are.

        Parameters
        ----------
        datasets : mapping of str to ndarray, shape (n_rows, ...)
        """
        n_rows = len(next(iter(datasets.values())))
        rows = slice(self._written, self._written + n_rows)
        if rows.stop > self.n_models:
            raise ValueError(f"{rows.stop} rows for a noise model of {self.n_models}")
        for name, values in datasets.items():
            if self._written == 0 and name not in self._file:
                shape = (self.n_models, *values.shape[1:])
                hdf5.set_pytables_array(self._file.create_dataset(name, shape, "f8", track_times=False))
            self._file[name][rows] = values
        self._written = rows.stop

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: Any) -> None:
        if kind is None and self._written != self.n_models:
            error = ValueError(f"{self._written} rows written of {self.n_models}")
            self._stack.__exit__(type(error), error, None)
            raise error
        self._stack.__exit__(kind, value, trace)
