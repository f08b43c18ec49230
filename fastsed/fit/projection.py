"""The space that the models of many data columns lie in: tiles and weights in, a few coordinates of every model out.

Hundreds of spectral channels hold no more than some tens of independent model shapes. In an orthonormal basis of these
the simulations are products of short vectors, and only the noise inside the space can change which model wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastsed._ext.chi2 import weighted_norms

Floats = NDArray[np.float64]

# fewer columns than this are not worth a projection
FEWEST_COLUMNS = 48
# part of a model's length that may lie outside the space
SLACK = 1e-5
# the basis is first made from one model in so many
SAMPLING = 16


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


def project(flux: Floats, root_weight: Floats, value: Floats, noise: Floats) -> Coordinates | None:
    """Coordinates of the models of a tile, the data and the noise in a space that holds the weighted models.

    Parameters
    ----------
    flux : (ncolumn, stride)
    root_weight, value : (ncolumn,)
        Inverse errors, 0 where masked, and data.
    noise : (ncolumn, nsim)

    Returns
    -------
    Coordinates or None
        None where the models fill more than half of the data columns: nothing would be gained.
    """
    space = _ModelSpace(root_weight)
    if space.extend(np.ascontiguousarray(flux[:, ::SAMPLING])) is None:
        return None
    whole = space.extend(flux)
    if whole is None:
        return None
    used, data = root_weight > 0, root_weight * value
    total = data @ data + 2 * (data @ noise) + used @ noise**2
    return Coordinates(whole[0], space.basis @ data, (space.basis * used) @ noise, total, whole[1])


class _ModelSpace:
    """An orthonormal basis of weighted models, that grows with those it sees.

    Parameters
    ----------
    root_weight : (ncolumn,)
        Inverse errors, 0 where masked.
    """

    def __init__(self, root_weight: Floats):
        self._root_weight = root_weight
        self._directions: list[Floats] = []

    @property
    def basis(self) -> Floats:
        """Orthonormal vectors (dimension, ncolumn)."""
        return np.array(self._directions).reshape(-1, len(self._root_weight))

    def extend(self, flux: Floats) -> tuple[Floats, float] | None:
        """Add what the models need; their coordinates, and the largest part left outside.

        The direction that is missing most is added until nothing is missing; None if they need too many.
        """
        norm2 = np.empty(flux.shape[1])
        weighted_norms(flux, self._root_weight**2, norm2)
        rows = list((self.basis * self._root_weight) @ flux)
        outside2 = norm2 - sum(row**2 for row in rows)
        relative2 = np.divide(outside2, norm2, out=np.zeros_like(norm2), where=norm2 > 0)
        while relative2.max() > SLACK**2:
            if 2 * len(rows) >= len(self._root_weight):
                return None
            direction = self._orthogonal(self._root_weight * flux[:, int(np.argmax(relative2))])
            if direction is None:
                break
            self._directions.append(direction)
            rows.append((direction * self._root_weight) @ flux)
            outside2 -= rows[-1] ** 2
            np.divide(outside2, norm2, out=relative2, where=norm2 > 0)
        return np.array(rows), float(np.sqrt(max(relative2.max(), 0.0))) + 1e-7

    def _orthogonal(self, vector: Floats) -> Floats | None:
        """Unit vector of the part of `vector` outside the basis; None where rounding is all that is left."""
        length, basis = np.linalg.norm(vector), self.basis
        for _ in range(2):
            vector = vector - (basis @ vector) @ basis
        left = np.linalg.norm(vector)
        return vector / left if left > 1e-9 * length else None
