"""A grid file and an observation model in; the noise file of that grid out, block by block."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from fastsed.arrays import Floats
from fastsed.survey.noise_file import NoiseFileWriter
from fastsed.survey.sed_grid import SedGrid
from fastsed.survey.trunchen import Trunchen


class ObservationModel(Protocol):
    """What an observation model offers."""

    def datasets(self, flux: Floats) -> dict[str, Floats]:
        """What a noise file holds of models of these fluxes (n, n_filters)."""


def write_noise_file(grid: SedGrid, model: ObservationModel, path: str | Path) -> None:
    """Evaluate an observation model for every model of a grid.

    A grid whose models have a covariance of their own (`covdiag`, `covoffdiag`) gives it to `trunchen` in place of
    the general one.

    Raises
    ------
    InputError
        If the grid is damaged or the file cannot be written.
    """
    with NoiseFileWriter(path, grid.n_models) as writer:
        for rows in grid.blocks():
            flux = grid.read_seds(rows)
            if grid.has_covariances and isinstance(model, Trunchen):
                writer.append(model.datasets(flux, _full(*grid.read_covariances(rows))))
            else:
                writer.append(model.datasets(flux))


def _full(diagonal: Floats, upper: Floats) -> Floats:
    """Symmetric matrices (n, f, f) of their diagonals and packed upper triangles."""
    n, f = diagonal.shape
    matrix = np.zeros((n, f, f))
    i, j = np.triu_indices(f, 1)
    matrix[:, i, j] = matrix[:, j, i] = upper
    matrix[:, np.arange(f), np.arange(f)] = diagonal
    return matrix
