"""Axes of A(V), R(V), f_A and an extinction law in; the dust points of a grid, their transmissions and weights, out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.models.cells import axis_weights, cell_widths
from fastsed.models.stars.extinction import ExtinctionLaw
from fastsed.models.stars.weights import DustAxis

MAGNITUDE = 0.4 * np.log(10.0)


@dataclass(frozen=True)
class DustGrid:
    """The dust points of a grid: those of the axes that the law allows, A(V) slowest, f_A fastest.

    Attributes
    ----------
    law : ExtinctionLaw
    av, rv, f_a : DustAxis
        `f_a` has the one value 1 for a law that is no mixture.
    beast2 : bool
        Transmission exp(-A) of BEAST, with A in magnitudes, rather than 10^(-0.4 A); the law's limits are strict.
    """

    law: ExtinctionLaw
    av: DustAxis
    rv: DustAxis
    f_a: DustAxis
    beast2: bool = False

    def __post_init__(self) -> None:
        if (self.av.values < 0.0).any():
            raise InputError(f"A(V) = {self.av.values.min():g} must not be negative")
        if not self.law.depends_on_rv and not self.law.is_mixture and len(self.rv.values) > 1:
            raise InputError(f"the law {self.law.name} does not depend on R(V): give one value of rv")
        if not self.law.is_mixture and len(self.f_a.values) > 1:
            raise InputError(f"the law {self.law.name} is no mixture: give one value of fA, or none")
        if not len(self.index):
            raise InputError(f"no point of the axes rv and fA is valid for the law {self.law.name}")

    @cached_property
    def index(self) -> NDArray[np.intp]:
        """Positions on the three axes (n_points, 3)."""
        limits = (float(self.rv.values.min()), float(self.rv.values.max()))
        slack = 0.0 if self.beast2 else 1e-9
        pairs = [
            (j, k)
            for j, rv in enumerate(self.rv.values)
            for k, f_a in enumerate(self.f_a.values)
            if self.law.valid(float(rv), float(f_a), limits, slack)
        ]
        return np.array(
            [(i, j, k) for i in range(len(self.av.values)) for j, k in pairs], dtype=np.intp
        ).reshape(-1, 3)

    @cached_property
    def columns(self) -> dict[str, Floats]:
        """Av, Rv and, for a mixture, Rv_A and f_A of each point (n_points,)."""
        i, j, k = self.index.T
        rv, f_a = self.rv.values[j], self.f_a.values[k]
        columns = {"Av": self.av.values[i], "Rv": rv}
        if self.law.is_mixture:
            columns["Rv_A"] = np.array([self.law.rv_a(r, f) for r, f in zip(rv, f_a, strict=True)])
            columns["f_A"] = f_a
        return columns

    def curves(self, lam: Floats) -> Floats:
        """The distinct curves A/A(V) of the grid at some wavelengths, (n_lam, n_curves)."""
        pairs, _ = self._distinct
        curves = [
            self.law.relative(lam, float(self.rv.values[j]), float(self.f_a.values[k])) for j, k in pairs
        ]
        return np.column_stack(curves)

    def transmission(self, curves: Floats, points: slice) -> Floats:
        """Fraction of the light that passes, (n_lam, n_points), from what `curves` gave."""
        magnitudes = curves[:, self._distinct[1][points]] * self.columns["Av"][points]
        return np.asarray(np.exp(-(1.0 if self.beast2 else MAGNITUDE) * magnitudes))

    @cached_property
    def _distinct(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Distinct pairs of R(V) and f_A, and the pair of each point."""
        pairs, which = np.unique(self.index[:, 1:], axis=0, return_inverse=True)
        return pairs, which.ravel()

    def factors(self, distance: float, what: str) -> Floats:
        """What the dust contributes to the weight of each point (n_points,) at a distance [pc].

        Parameters
        ----------
        distance : float
        what : {"measure", "volume", "prior", "relative"}
            Prior times cell, the cell alone, the prior alone, or the cell relative to its mean.
        """
        total = np.ones(len(self.index))
        for axis, position in zip((self.av, self.rv, self.f_a), self.index.T, strict=True):
            match what:
                case "measure":
                    values = axis.measure(distance)
                case "volume":
                    values = cell_widths(axis.values)
                case "prior":
                    values = axis.density(distance)
                case _:
                    values = axis_weights(axis.values)
            total *= values[position]
        return total
