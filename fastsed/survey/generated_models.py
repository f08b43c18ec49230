"""Settings of a physics model and a table of its noise in; the models of a fit, made when asked for, out.

No grid is stored: neither fluxes nor noise are ever in a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.fitting.stars.source import BLOCK_ROWS, ModelBlock
from fastsed.survey.noise_tables import is_noise_table, read_noise_table
from fastsed.survey.physics_grid import input_files, physics_grid
from fastsed.survey.settings import read_settings
from fastsed.survey.star_models import FileModels

SETTINGS_SUFFIX = ".toml"


class GeneratedModels:
    """A `ModelSource` of a physics model that is made block by block. Use it in a `with` statement, or close it.

    Parameters
    ----------
    settings : path-like
        Settings of `grid`.
    noise : path-like
        Table of `noise toothpick --table`.

    Attributes
    ----------
    grid : StellarGrid
    input_paths : tuple of Path
        Files that decide about the models.

    Raises
    ------
    InputError
        For wrong settings or inputs, or noise of other filters.
    """

    def __init__(self, settings: str | PathLike[str], noise: str | PathLike[str]):
        if not is_noise_table(noise):
            raise InputError(
                "models that are made from settings need a table of `noise toothpick --table`", noise
            )
        read = read_settings(Path(settings))
        self.grid = physics_grid(read)
        self.input_paths = (Path(settings), *input_files(read), Path(noise))
        filters, self._noise = read_noise_table(noise)
        if filters != self.grid.filters:
            raise InputError(
                f"is for the filters {' '.join(filters)}; {settings} has {' '.join(self.grid.filters)}", noise
            )

    @property
    def n_models(self) -> int:
        """Number of models."""
        return self.grid.n_models

    @property
    def filters(self) -> Sequence[str]:
        """Names of the filters."""
        return self.grid.filters

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns."""
        return self.grid.table_type().names or ()

    def blocks(self) -> Iterator[ModelBlock]:
        """All models, in the order in which `grid` writes them."""
        first = 0
        for seds, table in self.grid.blocks():
            columns = table.view(np.float64).reshape(len(table), -1)
            for start in range(0, len(seds), BLOCK_ROWS):
                rows = slice(start, start + BLOCK_ROWS)
                yield ModelBlock(first, seds[rows], columns[rows], *self._noise.evaluate(seds[rows]))
                first += len(seds[rows])

    def column_blocks(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Number of the first model, and the columns, of the same blocks."""
        first = 0
        for _, table in self.grid.blocks():
            columns = table.view(np.float64).reshape(len(table), -1)
            for start in range(0, len(columns), BLOCK_ROWS):
                yield first, columns[start : start + BLOCK_ROWS]
                first += len(columns[start : start + BLOCK_ROWS])

    def grid_rows(self, models: NDArray[np.int64]) -> NDArray[np.int64]:
        """The models' own numbers: rows of the grid that `grid` would write."""
        return models

    def models_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The same numbers."""
        return rows

    def values(self, columns: Sequence[int], models: NDArray[np.int64]) -> NDArray[np.float64]:
        """Values (n_models, n_columns) of some columns, by their numbers, of some models."""
        return self.grid.values([self.columns[k] for k in columns], models)

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_models(
    grid: str | PathLike[str], noise: str | PathLike[str], index: str | PathLike[str] | None = None
) -> FileModels | GeneratedModels:
    """The models of a fit: of a grid and its noise in files, or made from the settings (`.toml`) of a physics model.

    Raises
    ------
    InputError
        If an input is wrong, or an index list is given for models that are made.
    """
    if not str(grid).lower().endswith(SETTINGS_SUFFIX):
        return FileModels(grid, noise, index)
    if index is not None:
        raise InputError(
            "an index list is for a grid in a file, not for models that are made from settings", index
        )
    return GeneratedModels(grid, noise)
