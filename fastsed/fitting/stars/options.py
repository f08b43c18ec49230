"""Options of a fit of stars, checked when they are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastsed.errors import InputError
from fastsed.fitting.stars.parameters import Compat, ParameterRange


@dataclass(frozen=True)
class FitOptions:
    """How stars are fitted.

    Attributes
    ----------
    threshold : float
        Models count whose ln(posterior) is larger than the largest one plus this (negative) number.
    n_samples : int or None
        At most so many samples of the posterior for each star; None for all acceptable models.
    max_bins : int
        Of a PDF.
    pairs : sequence of str
        Parameters of which pairs have a 2-D PDF.
    normalize, full_covariance : bool
        See `ModelNoise`.
    compat : {"beast2", "beast1"}
        Rules of BEAST HEAD or of release 1.3.2.
    incomplete : {"drop", "refuse", "keep"}
        See `ModelNoise`.
    seed : int
        Of the random choice of samples.
    spans : dict of ParameterRange, optional
        Ranges that bins are made from in place of those of the models: of a whole grid, for a part of it.

    Raises
    ------
    InputError
        If a value makes no sense.
    """

    threshold: float = -10.0
    n_samples: int | None = 500
    max_bins: int = 100
    pairs: Sequence[str] = ()
    normalize: bool = True
    full_covariance: bool = True
    compat: Compat = "beast2"
    incomplete: str = "drop"
    seed: int = 0
    spans: dict[str, ParameterRange] | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.threshold) and self.threshold < 0):
            raise InputError(f"the threshold is {self.threshold:g}; it must be negative (ln of a ratio)")
        if self.n_samples is not None and self.n_samples < 0:
            raise InputError(f"{self.n_samples} samples a star; there cannot be fewer than none")
        if not 1 <= self.max_bins < 65535:
            raise InputError(f"{self.max_bins} bins; there must be 1 to 65534")
