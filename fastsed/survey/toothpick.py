"""The observation model `toothpick`: artificial stars in; bias, error, completeness of any flux, band by band, out.

The model is a table a band, a few dozen fluxes long, which is interpolated where it is needed: no noise file of the
size of the grid has to exist.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.survey.asts import UNDETECTED, ArtificialStars

log = logging.getLogger(__name__)

PERCENTILES = (16.0, 50.0, 84.0)


@dataclass(frozen=True)
class ToothpickRules:
    """How artificial stars become a table.

    Attributes
    ----------
    n_bins : int
        Bins of equal width in log flux.
    min_per_bin : int
        A bin needs more recovered stars than this.
    ratio_cut : float or None
        Stars recovered with more than so many times their flux are chance alignments: not recovered.
    extrapolate : {"zero", "constant"}
        Beyond the table everything is zero, or the value of its end.
    statistic : {"percentile", "moments"}
        Bias and error from median and half the 16-84 % range, or from mean and standard deviation.
    use_flags : bool
        Flagged stars are not recovered.
    use_magnitudes : bool
        Recovered fluxes from magnitudes rather than from rates.
    nan_rates : {"drop", "head"}
        "head": as BEAST HEAD, which drops the rows without a number only in bands where an input magnitude is none.
    negative_below : bool
        The error of models at or below the faintest recovered star is negative (BEAST 1.3.2); otherwise, with an
        absolute flux covariance, that of models with completeness 0 is (HEAD).
    """

    n_bins: int = 50
    min_per_bin: int = 10
    ratio_cut: float | None = 2.0
    extrapolate: Literal["zero", "constant"] = "zero"
    statistic: Literal["percentile", "moments"] = "percentile"
    use_flags: bool = True
    use_magnitudes: bool = False
    nan_rates: Literal["drop", "head"] = "drop"
    negative_below: bool = False

    def __post_init__(self) -> None:
        if self.n_bins < 1:
            raise InputError(f"the number of flux bins, {self.n_bins}, must be positive")
        if self.min_per_bin < 0:
            raise InputError(
                f"the number of stars that a bin needs, {self.min_per_bin}, must not be negative"
            )
        if self.ratio_cut is not None and not self.ratio_cut > 0.0:
            raise InputError(f"the cut of the flux ratio, {self.ratio_cut:g}, must be positive")


DEFAULT_RULES = ToothpickRules()
BEAST2_RULES = replace(DEFAULT_RULES, nan_rates="head")
BEAST1_RULES = ToothpickRules(
    n_bins=30, min_per_bin=5, ratio_cut=None, extrapolate="constant", use_flags=False, negative_below=True
)


@dataclass(frozen=True)
class BandTable:
    """Noise of one band as a function of flux [erg/s/cm2/Angstrom], piecewise linear between its knots.

    Attributes
    ----------
    flux, bias, sigma, completeness : float64 (n_knots,)
        `flux` ascending.
    faintest : float
        Faintest input flux of a recovered star.
    """

    flux: Floats
    bias: Floats
    sigma: Floats
    completeness: Floats
    faintest: float


@dataclass(frozen=True)
class Toothpick:
    """Noise of each band from a table.

    Attributes
    ----------
    bands : tuple of BandTable
    absflux : float64 (n_filters, n_filters), optional
        Fractional covariance of the absolute calibration, of which the diagonal counts.
    rules : ToothpickRules
    """

    bands: tuple[BandTable, ...]
    absflux: Floats | None = None
    rules: ToothpickRules = DEFAULT_RULES

    @classmethod
    def from_stars(
        cls,
        stars: ArtificialStars,
        vega: Floats,
        rules: ToothpickRules = DEFAULT_RULES,
        absflux: Floats | None = None,
    ) -> Toothpick:
        """Bin artificial stars.

        Parameters
        ----------
        stars : ArtificialStars
        vega : float64 (n_filters,)
            Flux of Vega [erg/s/cm2/Angstrom].
        rules, absflux
            See the class.

        Raises
        ------
        InputError
            If no bin of a band has enough recovered stars.
        """
        bands = tuple(_band_table(stars, k, float(vega[k]), rules) for k in range(len(stars.filters)))
        return cls(bands, absflux, rules)

    def evaluate(self, flux: Floats) -> tuple[Floats, Floats, Floats]:
        """Bias, error and completeness of models.

        Parameters
        ----------
        flux : float64 (n, n_filters)
            [erg/s/cm2/Angstrom]

        Returns
        -------
        bias, error, completeness : float64 (n, n_filters)
            A negative error marks a model outside of what was tested (see `ToothpickRules`).
        """
        bias, error, completeness = (np.empty(flux.shape) for _ in range(3))
        for k, band in enumerate(self.bands):
            x = flux[:, k]
            bias[:, k] = self._interpolate(x, band.flux, band.bias)
            error[:, k] = self._interpolate(x, band.flux, band.sigma)
            completeness[:, k] = self._interpolate(x, band.flux, band.completeness)
        if self.absflux is not None:
            error = np.sqrt(np.diag(self.absflux) * flux**2 + error**2)
        if self.rules.negative_below:
            error[flux <= np.array([band.faintest for band in self.bands])] *= -1.0
        elif self.absflux is not None:
            error[completeness <= 0.0] *= -1.0
        return bias, error, completeness

    def datasets(self, flux: Floats) -> dict[str, Floats]:
        """What a noise file holds of these models."""
        return dict(zip(("bias", "error", "completeness"), self.evaluate(flux), strict=True))

    def _interpolate(self, x: Floats, knots: Floats, values: Floats) -> Floats:
        if self.rules.extrapolate == "constant":
            return np.interp(x, knots, values)
        return np.interp(x, knots, values, left=0.0, right=0.0)


def _band_table(stars: ArtificialStars, k: int, vega: float, rules: ToothpickRules) -> BandTable:
    name = stars.filters[k]
    flux_in, flux_out = _fluxes(stars, k, rules)
    if not len(flux_in):
        raise InputError(f"no artificial star has an input magnitude in {name}")
    low, high, centres = _bins(flux_in, rules.n_bins)
    order = np.argsort(flux_in, kind="stable")
    flux_in, flux_out = flux_in[order], flux_out[order]
    starts, stops = np.searchsorted(flux_in, low), np.searchsorted(flux_in, high)
    rows = []
    for centre, start, stop in zip(centres, starts, stops, strict=True):
        recovered = flux_out[start:stop] != 0.0
        if recovered.sum() > rules.min_per_bin:
            difference = flux_out[start:stop][recovered] - flux_in[start:stop][recovered]
            rows.append(
                (centre * vega, *_statistics(difference, vega, rules), recovered.sum() / (stop - start))
            )
    if not rows:
        raise InputError(
            f"no flux bin of {name} has more than {rules.min_per_bin} recovered artificial stars"
        )
    flux, bias, sigma, completeness = np.array(rows).T
    return BandTable(flux, bias, sigma, completeness, float(flux_in[flux_out != 0.0].min() * vega))


def _fluxes(stars: ArtificialStars, k: int, rules: ToothpickRules) -> tuple[Floats, Floats]:
    """Input and recovered fluxes of a band, relative to Vega; 0 = not recovered."""
    mag_in, flux_out, valid = (
        stars.mag_in[:, k],
        stars.rate[:, k].copy(),
        np.ones(len(stars.rate), dtype=bool),
    )
    if rules.use_magnitudes:
        if stars.mag_out is None:
            raise InputError("the table of artificial stars has no recovered magnitudes")
        magnitude = stars.mag_out[:, k]
        flux_out = np.where(magnitude >= UNDETECTED, 0.0, 10.0 ** (-0.4 * np.minimum(magnitude, UNDETECTED)))
        valid = mag_in < UNDETECTED
    missing = np.isnan(mag_in) | np.isnan(flux_out)
    if rules.nan_rates == "drop" or np.isnan(mag_in).any():
        valid &= ~missing
        if missing.any():
            log.warning("%s: %d artificial stars without a number left out", stars.filters[k], missing.sum())
    flux_in, flux_out = 10.0 ** (-0.4 * mag_in[valid]), flux_out[valid]
    if rules.use_flags:
        flux_out[stars.flagged[valid]] = 0.0
    if rules.ratio_cut is not None:
        flux_out[flux_out > rules.ratio_cut * flux_in] = 0.0
    return flux_in, flux_out


def _bins(flux: Floats, n_bins: int) -> tuple[Floats, Floats, Floats]:
    """Lower edges, upper edges and geometric centres of bins of equal width in log flux."""
    first = np.log10(flux.min())
    # the brightest star falls inside of the last bin
    width = (np.log10(flux.max() * 1.000001) - first) / n_bins
    low = first + np.arange(n_bins) * width
    high = low + width
    return 10.0**low, 10.0**high, 10.0 ** (0.5 * (low + high))


def _statistics(difference: Floats, vega: float, rules: ToothpickRules) -> tuple[float, float]:
    """Bias and error [erg/s/cm2/Angstrom] of differences relative to Vega."""
    if rules.statistic == "moments":
        return float(difference.mean() * vega), float(difference.std() * vega)
    low, middle, high = np.percentile(difference, PERCENTILES)
    return float(middle * vega), float((high - low) / 2.0 * vega)
