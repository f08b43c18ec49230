"""The space that the models of many data columns lie in: tiles and weights in, a few coordinates of every model out.

Hundreds of spectral channels hold no more than some tens of independent model shapes. In an orthonormal basis of these
the simulations are products of short vectors, and only the noise inside the space can change which model wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastsed._ext.simulate import weighted_norms
from fastsed.arrays import Floats, Ints
from fastsed.models.tile import Tile

# fewer columns than this are not worth a projection
FEWEST_COLUMNS = 48
# part of a model's length that may lie outside the space, and its part of the product of data and model
LARGEST_SLACK, SLACK_OF_PRODUCT = 1e-2, 0.05
# models from which the space is extended at a time
SAMPLE = 96


@dataclass(frozen=True)
class Coordinates:
    """What the simulations of one source need to know of a tile.

    Attributes
    ----------
    models : (dimension, stride)
    data : (dimension,)
    noise : (dimension, nsim)
    total : (nsim,)
        Squared length of the simulated data, in all columns.
    slack : float
        Largest part of a model's length outside the space.
    """

    models: Floats
    data: Floats
    noise: Floats
    total: Floats
    slack: float


class Projector:
    """Finds the spaces of the tiles of one source, one after another.

    Tiles of one block of populations at neighbouring redshifts resemble each other: the models that span the space of
    one tile are tried first for the next.
    """

    def __init__(self) -> None:
        self._block: tuple[int, int] | None = None
        self._spanning = np.empty(0, dtype=np.int64)

    def project(
        self, tile: Tile, root_weight: Floats, value: Floats, noise: Floats, noise_power: Floats
    ) -> Coordinates | None:
        """Coordinates of the models of a tile, the data and the noise in a space that holds the weighted models.

        Parameters
        ----------
        tile : Tile
        root_weight, value : (ncolumn,)
            Inverse errors, 0 where masked, and data.
        noise : (ncolumn, nsim)
        noise_power : (nsim,)
            Sum of the squared noise over the columns that are not masked.

        Returns
        -------
        Coordinates or None
            None where the models fill more than half of the data columns: nothing would be gained.
        """
        data = root_weight * value
        slack = min(LARGEST_SLACK, SLACK_OF_PRODUCT / max(float(np.linalg.norm(data)), 1e-300))
        block = int(tile.ids[0]), tile.n_models
        result = _model_space(tile.flux, root_weight, self._spanning if block == self._block else None, slack)
        if result is None:
            return None
        self._spanning, basis, models, left = result
        self._block = block
        total = data @ data + 2 * (data @ noise) + noise_power
        return Coordinates(models, basis @ data, basis @ noise, total, left)


def _model_space(
    flux: Floats, root_weight: Floats, spanning: Ints | None, slack: float
) -> tuple[Ints, Floats, Floats, float] | None:
    """Models that span the space of all, its orthonormal basis (dimension, ncolumn), the coordinates, and the slack.

    The space is that of `spanning`, or of some of a sample of the models, extended by those that are farthest outside
    until none is; None if it grows to more than half of the columns.
    """
    norm2 = np.empty(flux.shape[1])
    weighted_norms(flux, root_weight**2, norm2)
    lit = norm2 > 0
    inverse = np.divide(1, np.sqrt(norm2), out=np.zeros_like(norm2), where=lit)

    def unit_vectors(numbers: Ints) -> Floats:
        return root_weight[:, None] * flux[:, numbers] * inverse[numbers]

    if spanning is None:
        sample = np.unique(np.linspace(0, flux.shape[1] - 1, SAMPLE).astype(int))
        spanning = sample[_independent(unit_vectors(sample), slack)]
    spanning = spanning[lit[spanning]]
    added = unit_vectors(spanning)
    basis, models = np.empty((0, len(flux))), np.empty((0, flux.shape[1]))
    outside2 = lit.astype(float)
    while True:
        new = _new_directions(basis, added)
        basis = np.vstack([basis, new])
        if 2 * len(basis) > len(root_weight):
            return None
        rows = (new * root_weight) @ flux
        models = np.vstack([models, rows])
        outside2 -= np.sum((rows * inverse) ** 2, axis=0)
        worst = np.argsort(outside2)[-SAMPLE:]
        worst = worst[outside2[worst] > slack**2]
        vectors = unit_vectors(worst)
        vectors -= basis.T @ (basis @ vectors)
        chosen = _independent(vectors, slack)
        if len(chosen) == 0:
            return spanning, basis, models, float(np.sqrt(max(outside2.max(), 0.0))) + 1e-7
        spanning, added = np.concatenate([spanning, worst[chosen]]), vectors[:, chosen]


def _independent(vectors: Floats, slack: float) -> Ints:
    """Numbers of those of the vectors (ncolumn, n) that leave no other farther outside their space than half `slack`.

    One after another the one that is farthest outside the space of those before (the Cholesky decomposition with
    pivots of their products).
    """
    products = vectors.T @ vectors
    left = np.diagonal(products).copy()
    factor = np.empty((len(left), 0))
    chosen: list[int] = []
    # smaller ones are rounding
    while len(left) and left.max() > max(slack**2 / 4, 1e-13):
        chosen.append(int(np.argmax(left)))
        column = (products[:, chosen[-1]] - factor @ factor[chosen[-1]]) / np.sqrt(left[chosen[-1]])
        factor = np.column_stack([factor, column])
        left -= column**2
        left[chosen] = 0
    return np.array(chosen, dtype=np.int64)


def _new_directions(basis: Floats, vectors: Floats) -> Floats:
    """Orthonormal directions (n, ncolumn), orthogonal to the basis, without which the vectors (ncolumn, n) leave it."""
    left = vectors - basis.T @ (basis @ vectors)
    left /= np.linalg.norm(left, axis=0)
    # once more, against the rounding of the short ones
    left -= basis.T @ (basis @ left)
    return np.linalg.qr(left)[0].T
