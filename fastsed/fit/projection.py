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
SLACK = 1e-4
# models from which the basis is extended at a time
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


def project(
    flux: Floats, root_weight: Floats, value: Floats, noise: Floats, noise_power: Floats
) -> Coordinates | None:
    """Coordinates of the models of a tile, the data and the noise in a space that holds the weighted models.

    Parameters
    ----------
    flux : (ncolumn, stride)
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
    found = _model_space(flux, root_weight)
    if found is None:
        return None
    basis, models, slack = found
    data = root_weight * value
    total = data @ data + 2 * (data @ noise) + noise_power
    return Coordinates(models, basis @ data, basis @ noise, total, slack)


def _model_space(flux: Floats, root_weight: Floats) -> tuple[Floats, Floats, float] | None:
    """Orthonormal basis (dimension, ncolumn) of the weighted models, their coordinates, and the slack.

    The basis is made from a sample of the models, then from those that are farthest outside, until none is; None if
    it grows to more than half of the columns.
    """
    norm2 = np.empty(flux.shape[1])
    weighted_norms(flux, root_weight**2, norm2)
    outside2 = norm2.copy()
    basis, models = np.empty((0, len(flux))), np.empty((0, flux.shape[1]))
    sample = np.unique(np.linspace(0, flux.shape[1] - 1, SAMPLE).astype(int))
    while True:
        relative2 = np.divide(outside2, norm2, out=np.zeros_like(norm2), where=norm2 > 0)
        if len(basis):
            worst = np.argsort(relative2)[-SAMPLE:]
            sample = worst[relative2[worst] > SLACK**2]
        added = _new_directions(basis, root_weight[:, None] * flux[:, sample])
        if len(added) == 0:
            return basis, models, float(np.sqrt(max(relative2.max(), 0.0))) + 1e-7
        basis = np.vstack([basis, added])
        if 2 * len(basis) > len(root_weight):
            return None
        rows = (added * root_weight) @ flux
        models = np.vstack([models, rows])
        outside2 -= np.sum(rows**2, axis=0)


def _new_directions(basis: Floats, vectors: Floats) -> Floats:
    """Orthonormal directions (n, ncolumn), orthogonal to the basis, without which the vectors (ncolumn, m) leave it.

    They are the principal directions of what the basis leaves of the vectors, all of unit length at first.
    """
    length2 = np.sum(vectors**2, axis=0)
    left = vectors[:, length2 > 0] / np.sqrt(length2[length2 > 0])
    for _ in range(2):
        left = left - basis.T @ (basis @ left)
    power, mixture = np.linalg.eigh(left.T @ left)
    # smaller ones are rounding, or too small to matter
    kept = power > max(SLACK**2 / 16, 1e-13 * power.max(initial=0.0))
    directions = (left @ mixture[:, kept] / np.sqrt(power[kept])).T
    # once more, against the rounding of the small ones
    directions -= (directions @ basis.T) @ basis
    return np.linalg.qr(directions.T)[0].T if len(directions) else directions
