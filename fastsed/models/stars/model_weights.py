"""Stars, distances, dust points and priors in; the weights of all models, as products of a few factors, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fastsed.arrays import Floats
from fastsed.models.stars.dust_grid import DustGrid
from fastsed.models.stars.weights import (
    StellarPriors,
    beast2_weights,
    distance_measure,
    normalised,
    stellar_factors,
)


@dataclass(frozen=True)
class ModelWeights:
    """Weights of all models as products of a factor for each star, distance and dust point.

    Attributes
    ----------
    weight, prior, grid : list of (float64 (n_stars,), float64 (n_points, n_distances))
        `weight` = `prior` x `grid`: the prior density, and the volume of the cell.
    """

    weight: tuple[Floats, Floats]
    prior: tuple[Floats, Floats]
    grid: tuple[Floats, Floats]

    @classmethod
    def of(
        cls,
        columns: Mapping[str, Floats],
        distances: Floats,
        dust: DustGrid,
        priors: StellarPriors,
        beast2: bool = False,
    ) -> ModelWeights:
        """The weights of a grid: BEAST HEAD's, or the absolute measure with sum 1.

        Parameters
        ----------
        columns : mapping of float64 (n_stars,)
            logA, M_ini, Z of the stars.
        distances : float64 (n_distances,)
            [pc]
        dust : DustGrid
        priors : StellarPriors
        beast2 : bool

        Raises
        ------
        InputError
            If the priors exclude every model.
        """

        def at_distances(what: str) -> Floats:
            if not any(axis.needs_distance for axis in (dust.av, dust.rv, dust.f_a)):
                return np.repeat(dust.factors(1.0, what)[:, None], len(distances), axis=1)
            return np.column_stack([dust.factors(float(d), what) for d in distances])

        if beast2:
            split = beast2_weights(columns, priors)
            prior, relative = at_distances("prior"), at_distances("relative")
            return cls((split.weight, prior * relative), (split.prior, prior), (split.grid, relative))
        weight = _absolute(columns, distances, priors, at_distances("measure"))
        volume = _absolute(columns, distances, StellarPriors(mass={"name": "flat"}), at_distances("volume"))
        ratio = tuple(
            np.divide(a, b, out=np.zeros_like(a), where=b > 0.0) for a, b in zip(weight, volume, strict=True)
        )
        return cls(weight, (ratio[0], ratio[1]), volume)


def _absolute(
    columns: Mapping[str, Floats], distances: Floats, priors: StellarPriors, dust: Floats
) -> tuple[Floats, Floats]:
    """Absolute measure of stars, and of distances times dust points, each with sum 1."""
    stars, distance = stellar_factors(columns, priors), distance_measure(distances, priors.distance)
    return (
        normalised(stars.age * stars.mass * stars.met, "stars"),
        normalised(dust * distance, "distances and dust points"),
    )
