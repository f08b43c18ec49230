"""The data as the fit sees them: catalogue, redshifts and template errors in, one table of data columns out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastsed.inputs.redshifts import Redshifts
from fastsed.models.axes import Axes
from fastsed.params import Params

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class Observations:
    """Data of all sources, one column per band, linear luminosity or spectral channel.

    Attributes
    ----------
    value : (nsource, ncolumn)
        Flux [1e-19 erg/s/cm2/A] or luminosity [Lsun]; 0 where masked.
    variance : (nsource, ncolumn)
        Square of its error; infinite where masked.
    n_main : int
        Columns that share the main scale under AUTO_SCALE; spectral channels follow.
    template_error : (nz, ncolumn)
        Relative error of the models.
    own_spec_scale : (nsource,) uint8
        1 where the spectrum has a scale of its own.
    log_component : (nsource,) int32
        Component of a logarithmic luminosity prior (0 all, 1 birth clouds, 2 cirrus), -1 for none.
    log_lir, log_error : (nsource,)
        That prior: log10(L/Lsun) and its error [dex].
    first_z, last_z : (nsource,)
        Window of redshift indices, both included; empty (first > last) for sources that are not fitted.
    best_first_z, best_last_z : (nsource,)
        Window for the best fit alone.
    """

    value: Floats
    variance: Floats
    n_main: int
    template_error: Floats
    own_spec_scale: NDArray[np.uint8]
    log_component: NDArray[np.int32]
    log_lir: Floats
    log_error: Floats
    first_z: Ints
    last_z: Ints
    best_first_z: Ints
    best_last_z: Ints

    @property
    def n_sources(self) -> int:
        """Number of sources."""
        return len(self.value)

    @property
    def n_columns(self) -> int:
        """Number of data columns."""
        return self.value.shape[1]

    def n_data(self) -> Ints:
        """Number of valid data of each source, a logarithmic luminosity included."""
        return np.isfinite(self.variance).sum(axis=1) + (self.log_component >= 0)

    def wanted_redshifts(self, n_z: int) -> NDArray[np.bool_]:
        """Which redshifts any source needs, (nz,)."""
        edges = np.zeros(n_z + 1, dtype=np.int64)
        used = self.first_z <= self.last_z
        np.add.at(edges, self.first_z[used], 1)
        np.add.at(edges, self.last_z[used] + 1, -1)
        return np.cumsum(edges[:-1]) > 0


def redshift_windows(
    params: Params, axes: Axes, redshifts: Redshifts, fittable: NDArray[np.bool_]
) -> tuple[Ints, Ints, Ints, Ints]:
    """The redshift indices that each source may take.

    A spectroscopic redshift, or a photometric one under FORCE_ZPHOT, leaves the nearest grid redshift;
    ZPHOT_CONF leaves the interval; BEST_AT_ZPHOT holds the best fit, not the window, at the photometric redshift.

    Returns
    -------
    first, last, best_first, best_last : (nsource,) int64
    """
    n = len(fittable)
    first, last = np.zeros(n, dtype=np.int64), np.full(n, len(axes.z) - 1, dtype=np.int64)
    if params.zphot_conf:
        bounded = np.isfinite(redshifts.lower) & np.isfinite(redshifts.upper)
        first[bounded] = axes.nearest_redshift(redshifts.lower[bounded])
        last[bounded] = axes.nearest_redshift(redshifts.upper[bounded])
    fixed = redshifts.z_spec.copy()
    if params.force_zphot:
        fixed = np.where(np.isfinite(fixed), fixed, redshifts.z_phot)
    known = np.isfinite(fixed)
    first[known] = last[known] = axes.nearest_redshift(fixed[known])
    best_first, best_last = first.copy(), last.copy()
    if params.best_at_zphot:
        held = np.isfinite(redshifts.z_phot) & ~known
        best_first[held] = best_last[held] = axes.nearest_redshift(redshifts.z_phot[held])
    for window_end in (last, best_last):
        window_end[~fittable] = -1
    return first, last, best_first, best_last
