"""Upper limits of one source, for an array of models: distances to the limits in, the scales that minimise chi2 out.

The kernels have the same in chi2_limits.h, model by model.
"""

from __future__ import annotations

import numpy as np
from scipy.special import erfcx

from fastsed.arrays import Floats

# relative to the scale; chi2 is that of the minimum to the square of it
CONVERGED = 1e-14
# steps of Newton's method, or halves of what is left; a few are enough
MOST_STEPS = 200
# below it the hazard and -x agree to so many digits that their difference follows from a series
FAR_BELOW = -25.0


def limited_scales(detected: Floats, norm2: Floats, flux: Floats, limit: Floats) -> tuple[Floats, Floats]:
    """The scale of each model at which chi2 with the limits is smallest; it is convex in the scale.

    Parameters
    ----------
    detected, norm2 : (nmodel,)
        Scale of the smallest chi2 of the detections alone, and sum of (model / error)^2 over them.
    flux : (nmodel, nlimit)
        Models in the bands of the limits, over the errors of these.
    limit : (nlimit,)
        The limits over their errors.

    Returns
    -------
    scale, second : (nmodel,)
        `second` is half of what the limits add to the second derivative of chi2 there.
    """
    scale = np.array(detected)
    low, high = np.full(scale.shape, -np.inf), np.full(scale.shape, np.inf)
    active = np.flatnonzero(np.isfinite(scale) & (norm2 > 0))
    for _ in range(MOST_STEPS):
        if not len(active):
            break
        before, norm, of_active = scale[active], norm2[active], flux[active]
        first, second = _derivatives(before, of_active, limit)
        first += norm * (before - detected[active])
        high[active] = np.where(first > 0, before, high[active])
        low[active] = np.where(first > 0, low[active], before)
        after = before - first / (norm + second)
        # beyond the limits the derivative is that of the detections alone: the step leads back to where it began
        outside = ~((after >= low[active]) & (after <= high[active]))
        after[outside] = 0.5 * (low[active] + high[active])[outside]
        scale[active] = after
        active = active[np.abs(after - before) > CONVERGED * np.abs(before)]
    return scale, _derivatives(scale, flux, limit)[1]


def _derivatives(scale: Floats, flux: Floats, limit: Floats) -> tuple[Floats, Floats]:
    """Half of the first and of the second derivative of what the limits add to chi2, (nmodel,) each."""
    x = limit - scale[:, None] * flux
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        # phi / Phi
        hazard = np.sqrt(2 / np.pi) / erfcx(-x * np.sqrt(0.5))
        r = 1 / x**2
        tail = r * (1 - 3 * r * (1 - 5 * r * (1 - 7 * r)))
        more = np.where(x < FAR_BELOW, -x * tail / (1 - tail), hazard + x)
    return (flux * hazard).sum(axis=1), (flux**2 * hazard * more).sum(axis=1)
