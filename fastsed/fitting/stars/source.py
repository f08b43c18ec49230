"""What a fit of stars takes its models from: blocks of rows of fluxes, parameters, noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats

BLOCK_ROWS = 8192


@dataclass(frozen=True)
class FullCovariance:
    """Inverse covariances of models.

    Attributes
    ----------
    q_norm : ndarray, shape (n,)
        -1/2 ln of the determinant of each covariance.
    diagonal : ndarray, shape (n, n_filters)
    off_diagonal : ndarray, shape (n, n_filters (n_filters - 1) / 2)
        Row-major: (0, 1), (0, 2), ..., (1, 2), ...
    """

    q_norm: Floats
    diagonal: Floats
    off_diagonal: Floats


@dataclass(frozen=True)
class ModelBlock:
    """Some models in a row.

    Attributes
    ----------
    first : int
        Number of the first one among all.
    seds : ndarray, shape (n, n_filters)
        Fluxes.
    columns : ndarray, shape (n, n_columns)
        Values of the columns.
    bias, error : ndarray, shape (n, n_filters)
        The observed flux of a model is flux + bias +- |error|.
    completeness : ndarray, shape (n, n_filters), or None
    covariance : FullCovariance or None
    """

    first: int
    seds: Floats
    columns: Floats
    bias: Floats
    error: Floats
    completeness: Floats | None = None
    covariance: FullCovariance | None = None


class ModelSource(Protocol):
    """Models with their noise, read as often as needed."""

    @property
    def n_models(self) -> int:
        """Number of models."""

    @property
    def filters(self) -> Sequence[str]:
        """Names of the filters."""

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns, with `weight` among them."""

    def blocks(self) -> Iterator[ModelBlock]:
        """All models, in order; a block is valid until the next one."""

    def column_blocks(self) -> Iterator[tuple[int, Floats]]:
        """Number of the first model, and the columns, of the same blocks."""

    def grid_rows(self, models: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the grid, as they are reported, of some models."""

    def models_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The models of some rows of the grid."""

    def values(self, columns: Sequence[int], models: NDArray[np.int64]) -> Floats:
        """Values (n_models, n_columns) of some columns, by their numbers, of some models."""


def column_values(source: ModelSource, name: str, rows: NDArray[np.int64]) -> Floats:
    """Values (n,) of any column of the models of some rows of the grid."""
    return source.values([list(source.columns).index(name)], source.models_of(rows))[:, 0]


@dataclass(frozen=True)
class ArrayModels:
    """Models in memory.

    Attributes
    ----------
    filters : sequence of str
    seds, bias, error : ndarray, shape (n_models, n_filters)
    table : mapping of str to ndarray (n_models,)
        Columns: `weight`, and parameters of any name.
    completeness : ndarray, shape (n_models, n_filters), optional
    covariance : FullCovariance, optional
    """

    filters: Sequence[str]
    seds: Floats
    table: Mapping[str, NDArray[np.float64]]
    bias: Floats
    error: Floats
    completeness: Floats | None = None
    covariance: FullCovariance | None = None

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self.seds)

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns."""
        return list(self.table)

    def blocks(self) -> Iterator[ModelBlock]:
        """All models, in order."""
        for first in range(0, self.n_models, BLOCK_ROWS):
            rows = slice(first, first + BLOCK_ROWS)
            full = self.covariance
            yield ModelBlock(
                first,
                self.seds[rows],
                self._columns(rows),
                self.bias[rows],
                self.error[rows],
                None if self.completeness is None else self.completeness[rows],
                None
                if full is None
                else FullCovariance(full.q_norm[rows], full.diagonal[rows], full.off_diagonal[rows]),
            )

    def column_blocks(self) -> Iterator[tuple[int, Floats]]:
        """Number of the first model, and the columns, of the same blocks."""
        for first in range(0, self.n_models, BLOCK_ROWS):
            yield first, self._columns(slice(first, first + BLOCK_ROWS))

    def _columns(self, rows: slice) -> Floats:
        return np.column_stack([np.asarray(column[rows], float) for column in self.table.values()])

    def grid_rows(self, models: NDArray[np.int64]) -> NDArray[np.int64]:
        """The models' own numbers."""
        return models

    def models_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The same numbers."""
        return rows

    def values(self, columns: Sequence[int], models: NDArray[np.int64]) -> Floats:
        """Values (n_models, n_columns) of some columns, by their numbers, of some models."""
        names = self.columns
        return np.column_stack([np.asarray(self.table[names[i]], float)[models] for i in columns])
