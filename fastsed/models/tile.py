"""A tile, the fluxes of a block of models that are fitted together, and what each of its rows holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fastsed.aligned import aligned_rows
from fastsed.arrays import Floats, Ints


@dataclass(frozen=True)
class Tile:
    """Model fluxes of one redshift and a block of populations of one metallicity.

    Attributes
    ----------
    iz : int
        Index of the redshift.
    ids : (nmodel,) int64
        modelID of each model, less that of the first model of the redshift.
    order : (nmodel,) int64
        Position in the order that settles ties, without z: metal, history, lage, Av, Av_bc.
    flux : (nband, stride)
        [1e-19 erg/s/cm2/A] per unit scale, linear luminosities [Lsun]; rows as in `Rows`, zero in the padding.
    dust : (3, stride) or None
        Dust luminosity [Lsun]: all, birth clouds, cirrus; only where a luminosity is fitted.
    sigma : (nband, nmodel) or None
        Errors of the models, in the unit of the fluxes; only where models have their own.
    ln_prior : (nmodel,) or None
        Natural logarithm of the prior probability; only where models have their own.
    """

    iz: int
    ids: Ints
    order: Ints
    flux: Floats
    dust: Floats | None
    sigma: Floats | None = None
    ln_prior: Floats | None = None

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self.ids)

    def part(self, start: int, stop: int) -> Tile:
        """Some of the models, as a tile of their own."""
        n = stop - start
        flux = aligned_rows(len(self.flux), n)
        flux[:, :n] = self.flux[:, start:stop]
        dust = None
        if self.dust is not None:
            dust = np.zeros((3, flux.shape[1]))
            dust[:, :n] = self.dust[:, start:stop]
        return replace(
            self,
            ids=self.ids[start:stop],
            order=self.order[start:stop],
            flux=flux,
            dust=dust,
            sigma=None if self.sigma is None else self.sigma[:, start:stop],
            ln_prior=None if self.ln_prior is None else self.ln_prior[start:stop],
        )


@dataclass(frozen=True)
class Rows:
    """Which rows of a tile hold what: photometric bands, linear luminosities, spectral channels.

    Attributes
    ----------
    n_photometry, n_channels : int
    components : tuple of int
        Dust components that are fitted as linear data: 0 all, 1 birth clouds, 2 cirrus.
    """

    n_photometry: int
    n_channels: int = 0
    components: tuple[int, ...] = ()

    @property
    def n_main(self) -> int:
        """Rows before the spectral channels."""
        return self.n_photometry + len(self.components)

    @property
    def count(self) -> int:
        """All rows."""
        return self.n_main + self.n_channels

    @property
    def bands(self) -> list[int]:
        """Rows of the photometric bands, then of the channels."""
        return [*range(self.n_photometry), *range(self.n_main, self.count)]

    @property
    def parts(self) -> list[tuple[slice, slice]]:
        """Runs of bands, and their rows: the photometry, the channels."""
        n, n_bands = self.n_photometry, self.n_photometry + self.n_channels
        runs = [(slice(0, n), slice(0, n)), (slice(n, n_bands), slice(self.n_main, self.count))]
        return [(bands, part_rows) for bands, part_rows in runs if bands.stop > bands.start]

    @property
    def luminosities(self) -> range:
        """Rows of the linear luminosities."""
        return range(self.n_photometry, self.n_main)
