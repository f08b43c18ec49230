"""Spectra of single models at full resolution: modelIDs in; wavelengths and fluxes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastsed.arrays import Floats, Ints
from fastsed.inputs.spectra import lsf_sigma
from fastsed.models.attenuation import attenuation_curve, transmission
from fastsed.models.grid import ModelGrid
from fastsed.models.kinematics import convolve
from fastsed.models.photometry import BandWeights, band_integral
from fastsed.models.populations import Basis, Populations


@dataclass(frozen=True)
class _Metal:
    """Spectra of one metallicity, with the attenuation A_lambda/A_V at their wavelengths."""

    index: int
    populations: Populations
    basis: Basis
    dust: Floats
    in_parts: bool


@dataclass(frozen=True)
class _Redshift:
    """The way to us: observed wavelengths, flux of 1 Lsun/A at each, weights of the bands."""

    indices: tuple[int, int]
    lam: Floats
    factor: Floats
    bands: list[BandWeights]


@dataclass(frozen=True)
class _Stars:
    """Intrinsic and attenuated spectrum of one model [Lsun/A]."""

    model: int
    metal: _Metal
    intrinsic: Floats
    attenuated: Floats


class SpectrumBuilder:
    """Builds spectra of models from their populations, for a scale of one.

    The spectra of one metallicity, what one redshift needs and one model are kept from call to call: ask for
    models in the order of `sorted_models`.

    Parameters
    ----------
    grid : ModelGrid
    """

    def __init__(self, grid: ModelGrid):
        self._grid = grid
        self._metal: _Metal | None = None
        self._redshift: _Redshift | None = None
        self._stars: _Stars | None = None

    def rest(self, model_id: int) -> tuple[Floats, Floats]:
        """Rest wavelengths (nlam,) [A] and the spectrum (nlam,) behind its dust [Lsun/A]."""
        stars = self._stars_of(model_id)
        return stars.metal.basis.lam, stars.attenuated

    def observed(self, model_id: int) -> tuple[Floats, Floats]:
        """Observed wavelengths (nlam,) [A] and flux (nlam,) [1e-19 erg/s/cm2/A]."""
        light = self._redshift_of(model_id)
        return light.lam, self._stars_of(model_id).attenuated * light.factor

    def intrinsic(self, model_id: int) -> tuple[Floats, Floats]:
        """The same without attenuation by dust; the intergalactic medium absorbs as before."""
        light = self._redshift_of(model_id)
        return light.lam, self._stars_of(model_id).intrinsic * light.factor

    def lsf(self, model_id: int) -> tuple[Floats, Floats]:
        """`observed`, convolved with the line spread function of SPEC_LSF_FILE."""
        lam, flux = self.observed(model_id)
        return lam, convolve(lam, flux[None], lsf_sigma(self._grid.params.spec_lsf_file, lam))[0]

    def band_fluxes(self, model_id: int) -> Floats:
        """Fluxes (nband,) [1e-19 erg/s/cm2/A] in the bands of the grid; 0 outside the spectrum."""
        _, flux = self.observed(model_id)
        return np.array([flux[w.start : w.stop] @ w.values for w in self._redshift_of(model_id).bands])

    def _stars_of(self, model_id: int) -> _Stars:
        if self._stars is None or self._stars.model != model_id:
            self._stars = self._build(model_id)
        return self._stars

    def _build(self, model_id: int) -> _Stars:
        """Add up the spectra of the populations of a model."""
        axes = self._grid.axes
        ids = np.array([model_id], dtype=np.int64)
        _, metals, number = axes.cells_and_populations(ids)
        metal = self._metal_of(int(metals[0]))
        weights = metal.populations.weights(number)
        sed, n_young = metal.basis.sed, metal.basis.n_young
        if weights is None:
            spectra = metal.populations.basis_of(number).sed if metal.in_parts else sed[:, number]
            young, old = np.zeros(len(sed)), spectra[:, 0].astype(float)
        else:
            young, old = sed[:, :n_young] @ weights[0, :n_young], sed[:, n_young:] @ weights[0, n_young:]
        av, av_bc = (float(axes.parameters(ids)[name][0]) for name in ("Av", "Av_bc"))
        attenuated = old * transmission(metal.dust, av) + young * transmission(metal.dust, av + av_bc)
        return _Stars(model_id, metal, young + old, attenuated)

    def _metal_of(self, index: int) -> _Metal:
        if self._metal is None or self._metal.index != index:
            # drop the old spectra before the new ones are read
            self._metal = self._redshift = self._stars = None
            p = self._grid.params
            populations, in_parts = self._grid.populations[index], self._grid.metal(index).in_parts
            # too many spectra to be in memory together are found one by one
            basis = populations.basis_of(np.array([0])) if in_parts else populations.basis()
            dust = attenuation_curve(p.dust_law, basis.lam, p.e_b, p.delta)
            self._metal = _Metal(index, populations, basis, dust, in_parts)
        return self._metal

    def _redshift_of(self, model_id: int) -> _Redshift:
        metal = self._stars_of(model_id).metal
        iz = model_id // self._grid.axes.models_per_redshift
        if self._redshift is None or self._redshift.indices != (metal.index, iz):
            z, lam = float(self._grid.axes.z[iz]), metal.basis.lam
            factor = self._grid.cosmology.luminosity_to_flux(z) * self._grid.igm(lam, z)
            bands = [band_integral(lam, 1 + z, band) for band in self._grid.bands]
            self._redshift = _Redshift((metal.index, iz), lam * (1 + z), factor, bands)
        return self._redshift


def sorted_models(grid: ModelGrid, model_ids: Ints) -> Ints:
    """Order in which to build models: one metallicity after the other, and redshift by redshift.

    Parameters
    ----------
    grid : ModelGrid
    model_ids : (n,) int64

    Returns
    -------
    ndarray (n,) int64
        Positions in `model_ids`.
    """
    iz, _, _, _, imetal, *_ = grid.axes.indices(model_ids)
    return np.lexsort((iz, imetal))
