"""What the fit asks of models, whatever they are: axes, tiles, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from fastsed.arrays import Ints, Mask, Singles
from fastsed.models.tile import Rows, Tile


class TemplateAxes(Protocol):
    """The numbering of models."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the axes, slowest first."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each axis."""

    @property
    def z(self) -> Singles:
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

    def tiles(self, redshifts: Mask) -> Iterator[Tile]:
        """Tiles of the redshifts marked (nz,), always in the same order."""

    def keeps(self, redshifts: Mask) -> bool:
        """Whether the tiles of some redshifts stay in memory between passes."""

    def n_models_at(self, redshifts: Mask) -> int:
        """Number of models at some redshifts."""
