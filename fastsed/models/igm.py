"""Rest wavelengths and a redshift in; the mean transmission of the intergalactic medium out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.models import inoue14

IGM_MODELS = ("madau95", "inoue14")


def igm_transmission(lam_rest: ArrayLike, z: float, model: str | None = "madau95") -> Floats:
    """Mean transmission of the intergalactic medium.

    Parameters
    ----------
    lam_rest : array_like
        Wavelengths in the frame of the source [A], any shape.
    z : float
        Redshift of the source.
    model : {"madau95", "inoue14"} or None
        Madau (1995) in the two-step form of FAST, Inoue et al. (2014), or none at all.

    Returns
    -------
    ndarray
        Between 0 and 1, same shape as `lam_rest`; 1 redward of Lyman alpha.

    Raises
    ------
    InputError
        If there is no such model.
    """
    lam = np.asarray(lam_rest, dtype=np.float64)
    if model is None:
        return np.ones_like(lam)
    if model.lower() == "madau95":
        return _madau95(lam, z)
    if model.lower() == "inoue14":
        return _inoue14(lam, z)
    raise InputError(f"unknown absorption model IGM = '{model}': choose one of {', '.join(IGM_MODELS)}")


def _madau95(lam: Floats, z: float) -> Floats:
    """Nothing below 912 A, the mean decrements D_B and D_A of Madau (1995) up to 1026 and 1216 A."""
    between_alpha_beta = np.linspace(1050.0, 1170.0, 100) * (1 + z)
    between_beta_limit = np.linspace(920.0, 1015.0, 100) * (1 + z)
    d_a = np.exp(-3.6e-3 * (between_alpha_beta / 1216.0) ** 3.46).mean()
    tau_b = (
        1.7e-3 * (between_beta_limit / 1026.0) ** 3.46
        + 1.2e-3 * (between_beta_limit / 972.5) ** 3.46
        + 9.3e-4 * (between_beta_limit / 950.0) ** 3.46
    )
    return np.select([lam < 912.0, lam < 1026.0, lam < 1216.0], [0.0, np.exp(-tau_b).mean(), d_a], 1.0)


def _inoue14(lam: Floats, z: float) -> Floats:
    """Inoue et al. (2014), equation 15: Lyman series and continuum, of the forest (LAF) and of DLAs."""
    transmission = np.ones_like(lam)
    absorbed = lam < inoue14.LINES[0, 0]
    x = lam[absorbed] * (1 + z)
    tau = _series_laf(x, z) + _series_dla(x, z)
    # the fits are rounded to four digits, which may leave a continuum depth just below zero at the limit
    tau += np.maximum(_continuum_laf(x / inoue14.LYMAN_LIMIT, z), 0.0)
    tau += np.maximum(_continuum_dla(x / inoue14.LYMAN_LIMIT, z), 0.0)
    transmission[absorbed] = np.exp(-tau)
    return transmission


def _series_laf(lam_obs: Floats, z: float) -> Floats:
    """Equation 21: each line absorbs between itself and the source, as one of three powers of 1+z_abs."""
    line, a1, a2, a3 = inoue14.LINES[:, :4].T[:, :, None]
    x = lam_obs / line
    depth = np.select([x < 2.2, x < 5.7], [a1 * x**1.2, a2 * x**3.7], a3 * x**5.5)
    return np.asarray(np.where(x < 1 + z, depth, 0.0).sum(axis=0))


def _series_dla(lam_obs: Floats, z: float) -> Floats:
    """Equation 22."""
    line, a1, a2 = inoue14.LINES[:, [0, 4, 5]].T[:, :, None]
    x = lam_obs / line
    depth = np.where(x < 3.0, a1 * x**2, a2 * x**3)
    return np.asarray(np.where(x < 1 + z, depth, 0.0).sum(axis=0))


def _continuum_laf(x: Floats, z: float) -> Floats:
    """Equations 25 to 27, for x = lambda_obs / Lyman limit."""
    zp = 1 + z
    if zp < 2.2:
        depth = 0.3248 * (x**1.2 - zp**-0.9 * x**2.1)
    elif zp < 5.7:
        below = 2.545e-2 * zp**1.6 * x**2.1 + 0.3248 * x**1.2 - 0.2496 * x**2.1
        depth = np.where(x < 2.2, below, 2.545e-2 * (zp**1.6 * x**2.1 - x**3.7))
    else:
        below = 5.221e-4 * zp**3.4 * x**2.1 + 0.3248 * x**1.2 - 3.140e-2 * x**2.1
        middle = 5.221e-4 * zp**3.4 * x**2.1 + 0.2182 * x**2.1 - 2.545e-2 * x**3.7
        depth = np.select([x < 2.2, x < 5.7], [below, middle], 5.221e-4 * (zp**3.4 * x**2.1 - x**5.5))
    return np.where(x < zp, depth, 0.0)


def _continuum_dla(x: Floats, z: float) -> Floats:
    """Equations 28 and 29, for x = lambda_obs / Lyman limit."""
    zp = 1 + z
    if zp < 3.0:
        depth = 0.2113 * zp**2 - 0.07661 * zp**2.3 * x**-0.3 - 0.1347 * x**2
    else:
        near = 0.04696 * zp**3 - 0.01779 * zp**3.3 * x**-0.3
        below = 0.6340 + near - 0.1347 * x**2 - 0.2905 * x**-0.3
        depth = np.where(x < 3.0, below, near - 0.02916 * x**3)
    return np.where(x < zp, depth, 0.0)
