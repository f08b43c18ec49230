"""What is known of each redshift: catalogue, photometric redshifts and the grid's limits in, values out."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from fastsed.arrays import Floats
from fastsed.inputs.catalog import Catalog, counted
from fastsed.inputs.photoz import PhotoZ

log = logging.getLogger(__name__)


@dataclass
class Redshifts:
    """Redshifts of all sources, within the grid; NaN where there is none.

    Attributes
    ----------
    z_spec, z_phot : float64 (nsource,)
    lower, upper : float64 (nsource,)
        Confidence interval of z_phot, where one was asked for.
    """

    z_spec: Floats
    z_phot: Floats
    lower: Floats
    upper: Floats


def resolve_redshifts(catalog: Catalog, photoz: PhotoZ | None, z_min: float, z_max: float) -> Redshifts:
    """Merge what the inputs say, and bring it into the grid.

    A spectroscopic redshift of the catalogue precedes that of the `.zout` file. Redshifts beyond the grid are
    put at its edge; for spectroscopic and photometric ones a warning tells how many.

    Parameters
    ----------
    catalog : Catalog
    photoz : PhotoZ or None
    z_min, z_max : float
        First and last redshift of the grid.
    """
    if photoz is None:
        none = np.full(len(catalog.ids), np.nan)
        photoz = PhotoZ(none, none, none, none)
    z_spec = np.where(np.isnan(catalog.z_spec), photoz.z_spec, catalog.z_spec)
    for name, values in (("spectroscopic", z_spec), ("photometric", photoz.z_phot)):
        _warn_of_clipping(name, values, z_min, z_max)
    # np.clip keeps NaN.
    z_spec, z_phot, lower, upper = (
        np.clip(values, z_min, z_max) for values in (z_spec, photoz.z_phot, photoz.lower, photoz.upper)
    )
    return Redshifts(z_spec, z_phot, lower, upper)


def _warn_of_clipping(name: str, values: Floats, z_min: float, z_max: float) -> None:
    sides = (("below", values < z_min, "MIN", z_min), ("above", values > z_max, "MAX", z_max))
    for side, outside, end, limit in sides:
        if outside.any():
            redshifts = counted(int(outside.sum()), f"{name} redshift")
            log.warning("%s %s the grid: taken as Z_%s = %g", redshifts, side, end, limit)
