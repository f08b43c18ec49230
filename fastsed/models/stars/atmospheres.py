"""Libraries of stellar atmospheres: spectra or band fluxes in; the flux of each node in each band, before dust, out.

A library has nodes (Teff, log g, Z) with a surface flux. For each band it gives a `BandBasis`: the spectra over the
wavelengths of the band, times the weights of the band's integral. The flux behind dust is then one product with the
transmission, for all nodes and many dust points at once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.models.stars.constants import SPEED_OF_LIGHT, STEFAN_BOLTZMANN
from fastsed.models.stars.extinction import ExtinctionLaw
from fastsed.models.stars.filter_curves import FilterCurve, band_weights
from fastsed.models.stars.node_weights import (
    column_weights,
    is_scattered,
    pegase_weights,
    temperature_columns,
)

log = logging.getLogger(__name__)

Indices = NDArray[np.intp]
Scheme = Literal["columns", "pegase"]

TINY = 1e-9
MARGIN_T, MARGIN_G = 0.1, 0.3  # dex beyond the outermost nodes that still count


@dataclass(frozen=True)
class Nodes:
    """Where a library has atmospheres; each float64 (n,)."""

    log_t: Floats
    log_g: Floats
    z: Floats

    def inside(self, log_t: Floats, log_g: Floats, margin_t: float, margin_g: float) -> NDArray[np.bool_]:
        """Whether points lie between the lowest and highest gravity of the library at their temperature.

        Both limits are linear between the temperatures of the nodes. Limits belong to the library. For scattered
        nodes it is their convex hull that counts.
        """
        if is_scattered(self.log_t):
            return self._inside_hull(log_t, log_g, margin_t, margin_g)
        columns, member = temperature_columns(self.log_t)
        low, high = np.full(len(columns), np.inf), np.full(len(columns), -np.inf)
        np.minimum.at(low, member, self.log_g)
        np.maximum.at(high, member, self.log_g)
        between = (log_t >= columns[0] - margin_t - TINY) & (log_t <= columns[-1] + margin_t + TINY)
        above = log_g >= np.interp(log_t, columns, low) - margin_g - TINY
        below = log_g <= np.interp(log_t, columns, high) + margin_g + TINY
        return np.asarray(between & above & below)

    def _inside_hull(
        self, log_t: Floats, log_g: Floats, margin_t: float, margin_g: float
    ) -> NDArray[np.bool_]:
        """Whether points lie in the convex hull of the nodes with their margins."""
        from scipy.spatial import Delaunay

        signs = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)]
        corners = [
            np.column_stack([self.log_t + t * (margin_t + TINY), self.log_g + g * (margin_g + TINY)])
            for t, g in signs
        ]
        hull = Delaunay(np.unique(np.concatenate(corners), axis=0))
        return np.asarray(hull.find_simplex(np.column_stack([log_t, log_g])) >= 0)

    def weights(self, log_t: Floats, log_g: Floats, z: Floats, scheme: Scheme) -> tuple[Indices, Floats]:
        """Nodes of each point and their weights.

        `columns`: linear in log Z between the metallicities of the library, the outermost beyond. `pegase`: linear
        in Z with the two weights exchanged, as BEAST has them.

        Returns
        -------
        index : intp (n, 8)
        weight : float64 (n, 8)
        """
        find = column_weights if scheme == "columns" else pegase_weights
        metals = np.unique(self.z)
        low, fraction = _metal_fractions(metals, z, linear=scheme == "pegase")
        if scheme == "pegase":
            between = (fraction > 0.0) & (fraction < 1.0)
            fraction = np.where(between, 1.0 - fraction, fraction)
        index, weight = np.zeros((len(z), 8), dtype=np.intp), np.zeros((len(z), 8))
        for side, part in ((0, 1.0 - fraction), (1, fraction)):
            metal = np.minimum(low + side, len(metals) - 1)
            for k in np.unique(metal[part > 0.0]):
                points, rows = (metal == k) & (part > 0.0), np.flatnonzero(self.z == metals[k])
                local, values = find(log_t[points], log_g[points], self.log_t[rows], self.log_g[rows])
                index[points, 4 * side : 4 * side + 4] = rows[local]
                weight[points, 4 * side : 4 * side + 4] = values * part[points, None]
        return index, weight


def _metal_fractions(metals: Floats, z: Floats, linear: bool) -> tuple[Indices, Floats]:
    """The metallicity at or below each Z, and the way to the next (clipped)."""
    if len(metals) == 1:
        return np.zeros(len(z), dtype=np.intp), np.zeros(len(z))
    # a table with fewer digits than the library means the same metallicity
    nearest = metals[np.abs(np.subtract.outer(z, metals)).argmin(axis=1)]
    z = np.where(np.isclose(z, nearest, rtol=1e-9, atol=0.0), nearest, z)
    low = np.clip(np.searchsorted(metals, z, side="right") - 1, 0, len(metals) - 2)
    logarithmic = not linear and metals[0] > 0.0 and bool((z > 0.0).all())
    axis, values = (np.log(metals), np.log(z)) if logarithmic else (metals, z)
    return low, np.clip((values - axis[low]) / (axis[low + 1] - axis[low]), 0.0, 1.0)


@dataclass(frozen=True)
class BandBasis:
    """Flux of the nodes in one band: `weighted @ transmission`.

    Attributes
    ----------
    lam : float64 (m,)
        Wavelengths at which the dust counts [Angstrom].
    weighted : float64 (n_nodes, m)
        Surface flux times the weights of the band's integral.
    without_dust : float64 (n_nodes,)
        Surface flux in the band [erg/s/cm2/Angstrom].
    """

    lam: Floats
    weighted: Floats
    without_dust: Floats


class Atmospheres(Protocol):
    """What a library offers."""

    @property
    def name(self) -> str:
        """The file it comes from."""

    @property
    def nodes(self) -> Nodes:
        """Where it has atmospheres."""

    def band_bases(
        self, curves: Sequence[FilterCurve], law: ExtinctionLaw, beast2: bool, keep: Indices
    ) -> list[BandBasis]:
        """The bands, for the nodes `keep`."""

    def effective_wavelength(self, curve: FilterCurve, law: ExtinctionLaw) -> float:
        """Effective wavelength of a filter as these atmospheres sample it [Angstrom]."""


@dataclass(frozen=True)
class SpectralLibrary:
    """Atmospheres with spectra.

    Attributes
    ----------
    name : str
    nodes : Nodes
    lam : float64 (m,)
        Ascending [Angstrom].
    spectra : float (n_nodes, m)
        Surface flux [erg/s/cm2/Angstrom].
    """

    name: str
    nodes: Nodes
    lam: Floats
    spectra: NDArray[np.floating]

    def shifted(self, velocity: float) -> SpectralLibrary:
        """Seen from a star that recedes with `velocity` [km/s] (wavelengths only, as in BEAST)."""
        return SpectralLibrary(
            self.name, self.nodes, self.lam * (1.0 + velocity / SPEED_OF_LIGHT), self.spectra
        )

    def band_bases(
        self, curves: Sequence[FilterCurve], law: ExtinctionLaw, beast2: bool, keep: Indices
    ) -> list[BandBasis]:
        """The bands, over the wavelengths strictly inside of the law's range.

        Parameters
        ----------
        curves : sequence of FilterCurve
        law : ExtinctionLaw
        beast2 : bool
            Integrals as in BEAST HEAD (see `band_weights`), those without dust over all wavelengths.
        keep : intp (n_nodes,)
            Nodes that are needed.
        """
        inside = law.inside(self.lam)
        bases = []
        for curve in curves:
            weights = band_weights(curve, self.lam[inside], beast2)
            used = np.flatnonzero(weights)
            where = np.flatnonzero(inside)[used]
            lowest, highest = self.lam[inside][[0, -1]]
            lost = curve.throughput[(curve.lam < lowest) | (curve.lam > highest)]
            if lost.max(initial=0.0) > 0.01 * curve.throughput.max():
                log.warning(
                    "filter %s is cut off: the spectra of %s and the law %s cover %.6g to %.6g Angstrom",
                    *(curve.name, self.name, law.name, lowest, highest),
                )
            weighted = np.asarray(self.spectra[np.ix_(keep, where)], dtype=np.float64) * weights[used]
            full = weighted.sum(axis=1)
            if beast2:
                all_weights = band_weights(curve, self.lam, True)
                positive = np.flatnonzero(all_weights)
                full = np.asarray(self.spectra[np.ix_(keep, positive)], np.float64) @ all_weights[positive]
            bases.append(BandBasis(self.lam[where], weighted, full))
        return bases

    def effective_wavelength(self, curve: FilterCurve, law: ExtinctionLaw) -> float:
        """Effective wavelength of a filter over the wavelengths inside of the law's range [Angstrom]."""
        return curve.effective_wavelength(self.lam[law.inside(self.lam)])


@dataclass(frozen=True)
class BandFluxLibrary:
    """Atmospheres known by their fluxes in some bands only; extinction is that at each band's effective wavelength.

    Attributes
    ----------
    name : str
    nodes : Nodes
    fluxes : dict of str: float64 (n_nodes,)
        Surface flux by filter name [erg/s/cm2/Angstrom].
    """

    name: str
    nodes: Nodes
    fluxes: dict[str, Floats]

    def band_bases(
        self, curves: Sequence[FilterCurve], law: ExtinctionLaw, beast2: bool, keep: Indices
    ) -> list[BandBasis]:
        """The bands, each as if it were one wavelength wide."""
        absent = [curve.name for curve in curves if curve.name not in self.fluxes]
        if absent:
            raise InputError(
                f"no fluxes in {', '.join(absent)} (there are: {', '.join(self.fluxes)})", self.name
            )
        log.warning(
            "%s has no spectra: extinction is that at the effective wavelength of each band "
            "(a few per cent of A in broad bands; more in the far ultraviolet)",
            self.name,
        )
        bases = []
        for curve in curves:
            flux = self.fluxes[curve.name][keep]
            bases.append(BandBasis(np.array([curve.effective_wavelength()]), flux[:, None], flux))
        return bases

    def effective_wavelength(self, curve: FilterCurve, law: ExtinctionLaw) -> float:
        """Effective wavelength of a filter [Angstrom]."""
        return curve.effective_wavelength()


def library_of(libraries: Sequence[Atmospheres], log_t: Floats, log_g: Floats) -> Indices:
    """Which library each star belongs to.

    Returns
    -------
    intp (n,)
        The first whose boundary contains it, else the first whose boundary with margins does; -1 for none.
    """
    chosen = np.full(len(log_t), -1, dtype=np.intp)
    for margins in ((0.0, 0.0), (MARGIN_T, MARGIN_G)):
        for k, library in enumerate(libraries):
            free = np.flatnonzero(chosen < 0)
            chosen[free[library.nodes.inside(log_t[free], log_g[free], *margins)]] = k
    return chosen


def bolometric_scale(log_t: Floats) -> Floats:
    """sigma T^4 [erg/s/cm2], the integral of a surface flux."""
    return np.asarray(STEFAN_BOLTZMANN * 10.0 ** (4.0 * log_t))
