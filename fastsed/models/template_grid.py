"""What the fit asks of models, whatever they are: axes, tiles, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastsed.models.tile import Rows, Tile

Ints = NDArray[np.int64]


class TemplateAxes(Protocol):
    """The numbering of models."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the axes, slowest first."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each axis."""

    @property
    def z(self) -> NDArray[np.float32]:
        """Redshifts."""

    @property
    def models_per_redshift(self) -> int:
        """Number of models of one redshift."""

    def redshift_index(self, model_ids: Ints) -> Ints:
        """Index of the redshift of each model; negative for negative modelIDs, which stand for none."""

    def models_of_tie_order(self, order: Ints, n_threads: int = 1) -> tuple[Ints, tuple[Ints, ...]]:
        """modelID, and index along each axis, of each position in the order that settles ties."""


class TemplateGrid(Protocol):
    """Models as the fit sees them: galaxies, or a user's own array."""

    @property
    def axes(self) -> Any:
        """A `TemplateAxes`."""

    @property
    def rows(self) -> Rows:
        """Which rows of a tile hold what."""

    @property
    def n_threads(self) -> int:
        """Threads of the fit."""

    def tiles(self, redshifts: NDArray[np.bool_]) -> Iterator[Tile]:
        """Tiles of the redshifts marked (nz,), always in the same order."""

    def keeps(self, redshifts: NDArray[np.bool_]) -> bool:
        """Whether the tiles of some redshifts stay in memory between passes."""

    def n_models_at(self, redshifts: NDArray[np.bool_]) -> int:
        """Number of models at some redshifts."""
