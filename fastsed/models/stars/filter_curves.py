"""Filter curves, and the weights with which spectra become band fluxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError


@dataclass(frozen=True)
class FilterCurve:
    """Throughput of a filter with a photon-counting detector.

    Attributes
    ----------
    name : str
    lam : float64 (n,)
        Ascending [Angstrom].
    throughput : float64 (n,)
        Linear between the wavelengths, 0 beyond.
    """

    name: str
    lam: Floats
    throughput: Floats

    def effective_wavelength(self, lam: Floats | None = None) -> float:
        """int lambda T dlambda / int T dlambda [Angstrom], over its points or over wavelengths of spectra."""
        lam = self.lam if lam is None else lam
        throughput = self.at(lam)
        return float(np.trapezoid(lam * throughput, lam) / np.trapezoid(throughput, lam))

    def at(self, lam: Floats) -> Floats:
        """Throughput at wavelengths [Angstrom]."""
        return np.interp(lam, self.lam, self.throughput, left=0.0, right=0.0)


def filter_curve(name: str, lam: Floats, throughput: Floats) -> FilterCurve:
    """A filter of points in any order.

    Raises
    ------
    InputError
        For fewer than two points, numbers or integrals that are not finite, or no throughput.
    """
    order = np.argsort(lam, kind="stable")
    lam, throughput = np.asarray(lam)[order], np.asarray(throughput)[order]
    if len(lam) < 2 or not (np.isfinite(lam).all() and np.isfinite(throughput).all()) or not lam[0] > 0.0:
        raise InputError(f"filter {name} has fewer than two points, or points that are no numbers")
    with np.errstate(over="ignore", invalid="ignore"):
        integrals = np.trapezoid(throughput, lam), np.trapezoid(lam * throughput, lam)
    if not np.isfinite(integrals).all():
        raise InputError(f"filter {name} has wavelengths or throughputs that are too large")
    if not integrals[0] > 0.0:
        raise InputError(f"filter {name} lets no light through")
    return FilterCurve(name, lam, throughput)


def trapezoid_weights(lam: Floats) -> Floats:
    """Weights (n,) of the trapezoid rule on ascending wavelengths."""
    half = np.diff(lam) / 2.0
    widths: Floats = np.concatenate([half, [0.0]]) + np.concatenate([[0.0], half])
    return widths


def band_weights(curve: FilterCurve, lam: Floats, positive_only: bool = False) -> Floats:
    """Weights (n,) of a spectrum on `lam`: flux = int lambda T F / int lambda T, by trapezoids.

    Parameters
    ----------
    curve : FilterCurve
    lam : float64 (n,)
        Wavelengths of the spectrum, ascending [Angstrom].
    positive_only : bool
        As BEAST HEAD: the numerator is a trapezoid over the points with T > 0 alone, which loses the outermost half
        intervals and bridges gaps.

    Raises
    ------
    InputError
        If the spectrum has no point inside of the filter.
    """
    photons = lam * curve.at(lam)
    norm = photons @ trapezoid_weights(lam) if len(lam) > 1 else 0.0
    if not norm > 0.0:
        raise InputError(
            f"filter {curve.name} ({curve.lam[0]:g} to {curve.lam[-1]:g} Angstrom) has no point of the spectra inside"
        )
    if not positive_only:
        return np.asarray(photons * trapezoid_weights(lam) / norm)
    weights, inside = np.zeros(len(lam)), photons > 0.0
    weights[inside] = photons[inside] * trapezoid_weights(lam[inside]) / norm
    return weights
