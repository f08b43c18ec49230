"""The models of a fit, from a grid and its noise model in files; all of them, or those of an index list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Ints
from fastsed.errors import InputError
from fastsed.fitting.stars.source import FullCovariance, ModelBlock
from fastsed.survey.index_lists import read_index_list
from fastsed.survey.noise_tables import Noise, open_noise
from fastsed.survey.sed_grid import BLOCK_ROWS, SedGrid

MANDATORY = ("weight", "specgrid_indx")


class FileModels:
    """A `ModelSource` of BEAST's files. Use it in a `with` statement, or close it.

    Parameters
    ----------
    grid, noise : path-like
    index : path-like, optional
        Index list: rows of the grid that are used. Row numbers stay those of the grid.

    Attributes
    ----------
    grid : SedGrid
    noise : NoiseFile or TabulatedNoise
    input_paths : tuple of path-like
        Files that decide about the models.

    Raises
    ------
    InputError
        If a file cannot be read, or they do not belong together.
    """

    def __init__(
        self, grid: str | PathLike[str], noise: str | PathLike[str], index: str | PathLike[str] | None = None
    ):
        self.input_paths = tuple(path for path in (grid, noise, index) if path is not None)
        self.grid = SedGrid(grid, reuse=True)
        try:
            self.noise: Noise = open_noise(noise, self.grid, reuse=True)
        except BaseException:
            self.grid.close()
            raise
        try:
            self._prepare(grid, index)
        except BaseException:
            self.close()
            raise

    def _prepare(self, grid: str | PathLike[str], index: str | PathLike[str] | None) -> None:
        missing = [name for name in MANDATORY if name not in self.grid.columns]
        if missing:
            raise InputError(f"its table has no column {', '.join(missing)}", grid)
        self._rows = None if index is None else read_index_list(index, self.grid.n_models)
        types = self.grid.table_type
        self._names = [
            name for name in self.grid.columns if types[name].kind in "fiu" and not types[name].shape
        ]
        self._all_float = self._names == list(self.grid.columns) and all(
            types[name] == "f8" for name in self._names
        )

    @property
    def n_models(self) -> int:
        """Number of models."""
        return self.grid.n_models if self._rows is None else len(self._rows)

    @property
    def filters(self) -> Sequence[str]:
        """Names of the filters."""
        return self.grid.filters

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns of numbers."""
        return self._names

    def blocks(self) -> Iterator[ModelBlock]:
        """All models, in the order of the grid; a block is valid until the next one."""
        for first, rows, some in self._pieces():
            yield self._block(first, rows, some)

    def column_blocks(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Number of the first model, and the columns, of the same blocks."""
        for first, rows, some in self._pieces():
            table = self.grid.read_table(rows)
            yield first, self._numbers(table if some is None else table[some])

    def _pieces(self) -> Iterator[tuple[int, slice, NDArray[np.int64] | None]]:
        """Number of the first model, rows of the grid, and those of them that are used, if not all."""
        first = 0
        for rows in self.grid.blocks(BLOCK_ROWS):
            some = self._selected(rows)
            n = rows.stop - rows.start if some is None else len(some)
            if n:
                yield first, rows, some
            first += n

    def _selected(self, rows: slice) -> NDArray[np.int64] | None:
        """Rows of an index list within some rows of the grid, relative to the first of these."""
        if self._rows is None:
            return None
        low, high = np.searchsorted(self._rows, [rows.start, rows.stop])
        inside: Ints = self._rows[low:high] - rows.start
        return inside

    def _block(self, first: int, rows: slice, some: NDArray[np.int64] | None) -> ModelBlock:
        def pick(values: NDArray[Any]) -> NDArray[Any]:
            return values if some is None else values[some]

        sets = {name: pick(self.noise.read(name, rows)) for name in ("bias", "error", "completeness")}
        full = None
        if self.noise.has_full_covariance:
            full = FullCovariance(
                *(pick(self.noise.read(n, rows)) for n in ("q_norm", "icov_diag", "icov_offdiag"))
            )
        columns = self._numbers(pick(self.grid.read_table(rows)))
        return ModelBlock(
            first,
            pick(self.grid.read_seds(rows)),
            columns,
            sets["bias"],
            sets["error"],
            sets["completeness"],
            full,
        )

    def _numbers(self, table: NDArray[Any]) -> NDArray[np.float64]:
        """Columns side by side."""
        if self._all_float and table.dtype.isnative and table.dtype.itemsize == 8 * len(self._names):
            return table.view(np.float64).reshape(len(table), len(self._names))
        columns = np.empty((len(table), len(self._names)))
        for i, name in enumerate(self._names):
            columns[:, i] = table[name]
        return columns

    def grid_rows(self, models: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the grid of some models."""
        return models if self._rows is None else self._rows[models]

    def models_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The models of some rows of the grid."""
        return rows if self._rows is None else np.searchsorted(self._rows, rows)

    def values(self, columns: Sequence[int], models: NDArray[np.int64]) -> NDArray[np.float64]:
        """Values (n_models, n_columns) of some columns, by their numbers, of some models."""
        names = [self._names[i] for i in columns]
        rows = self.grid.read_rows(self.grid_rows(models), names)
        return np.column_stack([rows[name] for name in names])

    def close(self) -> None:
        """Close the files."""
        self.grid.close()
        self.noise.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
