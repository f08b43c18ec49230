"""GRID_EXCLUDE: a formula of the axes in, the models that are not fitted out."""

from __future__ import annotations

import numpy as np

from fastsed.arrays import Floats, Ints, Mask
from fastsed.expressions import parse_key
from fastsed.models.axes import Axes

CELL_NAMES = frozenset({"z", "av", "av_bc"})


class Exclusion:
    """Which models a formula excludes.

    Parameters
    ----------
    text : str
        The formula, in the names of the axes; empty: nothing is excluded.
    axes : Axes
    where : str, optional
        Where it was written, for errors.

    Raises
    ------
    ExpressionError
        If the formula is malformed or uses an unknown name.
    """

    def __init__(self, text: str, axes: Axes, where: str | None = None):
        self._axes = axes
        self._formula = parse_key("GRID_EXCLUDE", text, axes.names, where) if text else None
        names = self._formula.names if self._formula else frozenset()
        self.by_population = bool(names) and not names & CELL_NAMES
        self.by_cell = bool(names & CELL_NAMES) or (self._formula is not None and not names)

    def keep_populations(self, numbers: Ints, imetal: int) -> Mask:
        """Which populations (n,) stay, where the formula knows nothing of redshift and dust."""
        if self._formula is None or not self.by_population:
            return np.ones(len(numbers), dtype=bool)
        keep = self._formula.evaluate(self._population_values(numbers, imetal)) == 0
        return np.broadcast_to(keep, len(numbers))

    def keep_models(self, iz: int, numbers: Ints, imetal: int) -> Mask | None:
        """Which models (ncell, n) of a redshift stay; None for all."""
        if self._formula is None or not self.by_cell:
            return None
        axes = self._axes
        values = self._population_values(numbers, imetal)
        values["z"] = np.asarray(axes.z[iz], dtype=float)
        values["av"] = axes.values_of("Av").astype(float)[:, None, None]
        values["av_bc"] = axes.values_of("Av_bc").astype(float)[:, None]
        keep = self._formula.evaluate(values) == 0
        return np.broadcast_to(keep, (*axes.cell_shape, len(numbers))).reshape(-1, len(numbers))

    def _population_values(self, numbers: Ints, imetal: int) -> dict[str, Floats]:
        ilage, ihistory = np.divmod(numbers, self._axes.n_history)
        return {
            "lage": self._axes.lage[ilage].astype(float),
            "metal": np.asarray(self._axes.metal[imetal], dtype=float),
            **self._axes.history_parameters(ihistory),
        }
