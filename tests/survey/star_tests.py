"""Invented artificial stars for the tests of the observation models."""

from __future__ import annotations

import numpy as np

from fastsed.survey.asts import ArtificialStars

FILTERS = ("HST_WFC3_F336W", "HST_ACS_WFC_F475W", "HST_ACS_WFC_F814W")
VEGA = np.array([3.2e-9, 5.1e-9, 1.1e-9])


def artificial_stars(n: int = 3000, seed: int = 1, copies: int = 1) -> ArtificialStars:
    """Stars of 18 to 28 mag, each `copies` times; faint ones are lost, some are chance alignments or flagged."""
    rng = np.random.default_rng(seed)
    mag_in = np.repeat(rng.uniform(18, 28, (n // copies, 3)), copies, axis=0)
    flux = 10 ** (-0.4 * mag_in)
    common = rng.normal(size=(n, 1)) * 0.05 * flux
    rate = flux * (1 + rng.normal(0.01, 0.05, (n, 3))) + common + rng.normal(0, 3e-11, (n, 3))
    rate[rng.random((n, 3)) < np.clip((mag_in - 25) / 4, 0, 1)] = 0.0
    rate[rng.random(n) < 0.02] *= 5.0
    with np.errstate(divide="ignore", invalid="ignore"):
        mag_out = np.where(rate > 0, -2.5 * np.log10(np.abs(rate)), 99.999)
    return ArtificialStars(FILTERS, mag_in, rate, mag_out, rng.random(n) < 0.03)
