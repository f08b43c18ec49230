"""The tables T: one metallicity's spectra, filters and dust in; band fluxes and rest-frame quantities per spectrum out.

Everything between a spectrum and a band flux is linear, so it is done once per (redshift, band) as a product of a
small matrix (attenuation x band weights) with the spectra. Nothing after this touches a spectrum again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import numpy as np

from fastsed._ext.photometry import BandWindows, band_fluxes
from fastsed.arrays import Floats, Singles
from fastsed.inputs.filters import Response
from fastsed.models.attenuation import transmission
from fastsed.models.dust_skeleton import DustSkeleton, make_dust_skeleton, whole_runs
from fastsed.models.photometry import total_weights
from fastsed.models.populations import WAVELENGTHS_AT_ONCE, Basis

# blocks of spectra that threads may be at work on, one ending while the next begins
BLOCKS_KEPT = 2

Curve = Callable[[Floats], Floats]


@dataclass
class DustTransmission:
    """Transmission of the grid's dust cells, a cell being one (Av, Av_bc), Av_bc the faster.

    Attributes
    ----------
    old : (nav, nlam) fraction that passes at Av
    young : (nav * nbc, nlam) fraction that passes at Av + Av_bc; None without differential attenuation
    n_bc : int
    old_skeleton, young_skeleton : DustSkeleton
        The same as the band fluxes need them; made when they are first asked for.
    """

    old: Floats
    young: Floats | None
    n_bc: int

    @cached_property
    def old_skeleton(self) -> DustSkeleton:
        return make_dust_skeleton(self.old)

    @cached_property
    def young_skeleton(self) -> DustSkeleton | None:
        return None if self.young is None else make_dust_skeleton(self.young)

    @property
    def n_cells(self) -> int:
        """Number of dust cells."""
        return len(self.old) * self.n_bc


def make_dust_transmission(
    lam: Floats, curve: Curve, av: Singles, av_bc: Singles, young: bool
) -> DustTransmission:
    """Transmission of each dust cell at rest wavelengths `lam` (nlam,), for the law k = curve(lam)."""
    k = curve(lam)
    a = av.astype(float)
    old = transmission(k, a[:, None])
    both = (a[:, None] + av_bc.astype(float)).ravel()
    return DustTransmission(old, transmission(k, both[:, None]) if young else None, len(av_bc))


class FluxTables:
    """Band fluxes of the basis spectra of one metallicity, redshift by redshift.

    Parameters
    ----------
    basis : Basis
        Trimmed to the wavelengths that `bands` can see at `redshifts`.
    bands : list of Response
    dust_of : callable
        ``lam -> DustTransmission``.
    redshifts : (nz,)
    """

    def __init__(
        self,
        basis: Basis,
        bands: list[Response],
        dust_of: Callable[[Floats], DustTransmission],
        redshifts: Singles,
    ):
        # whole runs: fluxes do not depend on which redshifts are asked for
        seen = whole_runs(wavelengths_in_use(basis.lam, bands, redshifts), len(basis.lam))
        self.basis = Basis(basis.lam[seen], np.ascontiguousarray(basis.sed[seen]), basis.n_young)
        self.bands = bands
        self._blocks: dict[tuple[int, int], Singles] = {}
        self._lock = Lock()
        self._curves = [(band.lam, band.response) for band in bands]
        self.dust = dust_of(self.basis.lam)
        self._old, self._young = self.dust.old_skeleton, self.dust.young_skeleton

    def windows(self, z: float, transmission: Floats, bands: slice) -> BandWindows:
        """Weights of some bands at redshift `z`.

        Parameters
        ----------
        z : float
        transmission : (nlam,)
            Factor from luminosity [Lsun/A] to observed flux, intergalactic medium included, at the wavelengths of
            `basis`.
        bands : slice
        """
        return BandWindows(self.basis.lam, 1 + z, self._curves[bands], transmission)

    def fluxes(self, windows: BandWindows, which: slice, out: Floats) -> None:
        """Fluxes of the basis spectra `which` in some bands.

        Parameters
        ----------
        windows : BandWindows
        which : slice
            With start and stop.
        out : (nband, ncell, stop - start)
            Filled.
        """
        n_bc, sed = self.dust.n_bc, self._columns(which)
        n_young = min(max(self.basis.n_young - which.start, 0), which.stop - which.start)
        by_av = out[:, ::n_bc, n_young:]
        band_fluxes(windows, self._old.arguments, sed[:, n_young:], by_av)
        for other in range(1, n_bc):
            out[:, other::n_bc, n_young:] = by_av
        if n_young and self._young is not None:
            band_fluxes(windows, self._young.arguments, sed[:, :n_young], out[:, :, :n_young])

    def _columns(self, which: slice) -> Singles:
        """Some of the spectra, side by side in memory: they are read many times, redshift after redshift."""
        if which.stop - which.start == self.basis.sed.shape[1]:
            return self.basis.sed
        key = which.start, which.stop
        with self._lock:
            if key not in self._blocks:
                if len(self._blocks) >= BLOCKS_KEPT:
                    del self._blocks[next(iter(self._blocks))]
                self._blocks[key] = np.ascontiguousarray(self.basis.sed[:, which])
            return self._blocks[key]


def wavelengths_in_use(lam: Floats, bands: list[Response], redshifts: Singles) -> slice:
    """The run of rest wavelengths that any band sees at any redshift, with a neighbour on either side."""
    low = min((band.lam[0] for band in bands), default=lam[0]) / (1 + float(redshifts.max()))
    high = max((band.lam[-1] for band in bands), default=lam[-1]) / (1 + float(redshifts.min()))
    start = max(int(np.searchsorted(lam, low, side="right")) - 2, 0)
    stop = min(int(np.searchsorted(lam, high, side="left")) + 2, len(lam))
    # a band beyond the spectrum must still find it too short, not empty
    return slice(min(start, len(lam) - 2), max(stop, 2))


@dataclass
class RestTables:
    """Rest-frame quantities of the basis spectra of one metallicity, linear in them.

    Attributes
    ----------
    absorbed : (ncell, nbasis)
        Luminosity absorbed by dust [Lsun].
    absorbed_young : (ncell, nbasis)
        Its part from stars in birth clouds.
    ionising : (nbasis,)
        Intrinsic luminosity below LAMBDA_ION [Lsun].
    attenuated : (nq, ncell, nbasis)
        Linear functions of the attenuated spectrum: rest magnitude fluxes, then the windows of the indices.
    """

    absorbed: Floats
    absorbed_young: Floats
    ionising: Floats
    attenuated: Floats


def make_rest_tables(
    basis: Basis, dust: DustTransmission, functionals: Floats, lambda_ion: float
) -> RestTables:
    """Rest-frame tables of a basis.

    Parameters
    ----------
    basis : Basis
    dust : DustTransmission
        At the wavelengths of `basis`.
    functionals : (nq, nlam)
        Weights of further linear functions of the attenuated spectrum.
    lambda_ion : float
        Wavelength [Angstrom] below which light ionises.
    """
    total = total_weights(basis.lam)
    attenuated = np.empty((len(functionals), dust.n_cells, basis.sed.shape[1]))
    for row, table in zip(functionals, attenuated, strict=True):
        _apply(basis, row, dust.old, dust.young, dust.n_bc, table)
    absorbed = np.empty((dust.n_cells, basis.sed.shape[1]))
    young = None if dust.young is None else 1 - dust.young
    # not a difference of integrals: exactly zero without dust
    _apply(basis, total, 1 - dust.old, young, dust.n_bc, absorbed)
    absorbed_young = absorbed.copy()
    absorbed_young[:, basis.n_young :] = 0
    ionising = _product(total_weights(basis.lam, lambda_ion)[None], basis.sed)[0]
    return RestTables(absorbed, absorbed_young, ionising, attenuated)


def _apply(basis: Basis, weights: Floats, old: Floats, young: Floats | None, n_bc: int, out: Floats) -> None:
    """Fill `out` (ncell, nbasis) with a linear function of the spectra behind the dust."""
    seen, n_young = _support(weights), basis.n_young
    by_av = _product(old[:, seen] * weights[seen], basis.sed[seen, n_young:])
    out[:, n_young:] = np.repeat(by_av, n_bc, axis=0)
    if n_young and young is not None:
        out[:, :n_young] = _product(young[:, seen] * weights[seen], basis.sed[seen, :n_young])


def _product(left: Floats, sed: Singles) -> Floats:
    """left (n, nlam) times sed (nlam, nbasis) in double precision, without a copy of all the spectra in it."""
    out = np.zeros((len(left), sed.shape[1]))
    for start in range(0, len(sed), WAVELENGTHS_AT_ONCE):
        run = slice(start, start + WAVELENGTHS_AT_ONCE)
        out += left[:, run] @ sed[run].astype(float)
    return out


def _support(row: Floats) -> slice:
    """The run of wavelengths in which a row of weights is not zero."""
    used = np.flatnonzero(row)
    return slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)
