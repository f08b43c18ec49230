"""The observation model `splinter`: an error that is a fraction of the model flux, no bias, all recovered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError


@dataclass(frozen=True)
class Splinter:
    """Noise proportional to the flux.

    Attributes
    ----------
    fraction : float
    absflux : float64 (n_filters, n_filters), optional
        Fractional covariance of the absolute calibration, of which the diagonal counts.
    """

    fraction: float = 0.10
    absflux: Floats | None = None

    def __post_init__(self) -> None:
        if not (self.fraction > 0.0 and np.isfinite(self.fraction)):
            raise InputError(f"the fractional uncertainty {self.fraction:g} must be positive")

    def evaluate(self, flux: Floats) -> tuple[Floats, Floats, Floats]:
        """Bias, error and completeness of models.

        Parameters
        ----------
        flux : float64 (n, n_filters)

        Returns
        -------
        bias, error, completeness : float64 (n, n_filters)
        """
        error = self.fraction * flux
        if self.absflux is not None:
            error = np.sqrt(np.diag(self.absflux) * flux**2 + error**2)
        return np.zeros_like(flux), error, np.ones_like(flux)

    def datasets(self, flux: Floats) -> dict[str, Floats]:
        """What a noise file holds of these models."""
        return dict(zip(("bias", "error", "completeness"), self.evaluate(flux), strict=True))
