"""Filter curves by name from an HDF5 library, and the weights with which spectra become band fluxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.survey import hdf5

if TYPE_CHECKING:
    import h5py

Floats = NDArray[np.float64]
ANGSTROM = {
    "": 1.0,
    "aa": 1.0,
    "a": 1.0,
    "angstrom": 1.0,
    "angstroms": 1.0,
    "nm": 10.0,
    "um": 1e4,
    "micron": 1e4,
}


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


def read_filter_curves(path: str | Path, names: Sequence[str]) -> list[FilterCurve]:
    """Read filters from a library: groups `/filters/NAME` with WAVELENGTH and THROUGHPUT.

    BEAST's `filters.hd5` and the `new_filters.hd5` that pyphot installs have this layout. Wavelengths may have a unit
    (attribute WAVELENGTH_UNIT); filters of energy-counting detectors (attribute DETECTOR) are divided by wavelength.

    Raises
    ------
    InputError
        For a file that cannot be read, or a filter that is absent or not usable.
    """
    with hdf5.open_hdf5(path) as f:
        if "filters" not in f or not hasattr(f["filters"], "keys"):
            raise InputError('has no group "filters"', path)
        absent = [name for name in names if name not in f["filters"]]
        if absent:
            alike = [name for name in f["filters"] if name.rsplit("_", 1)[-1] == absent[0].rsplit("_", 1)[-1]]
            hint = f"; it has {', '.join(alike)}" if alike else f" among its {len(f['filters'])} filters"
            raise InputError(f"no filter {absent[0]}{hint}", path)
        return [_read_curve(f, name, path) for name in names]


def _read_curve(f: h5py.File, name: str, path: str | Path) -> FilterCurve:
    table = hdf5.dataset(f, f"filters/{name}", path, 1)
    if not {"WAVELENGTH", "THROUGHPUT"} <= set(table.dtype.names or ()):
        raise InputError(f"filter {name} has no columns WAVELENGTH and THROUGHPUT", path)
    rows = hdf5.read_rows(table, slice(None), path)
    unit = hdf5.as_text(table.attrs.get("WAVELENGTH_UNIT", "")).strip().lower()
    if unit not in ANGSTROM:
        raise InputError(f"filter {name}: unknown unit of wavelength '{unit}'", path)
    lam = np.asarray(rows["WAVELENGTH"], dtype=np.float64) * ANGSTROM[unit]
    throughput = np.asarray(rows["THROUGHPUT"], dtype=np.float64)
    if hdf5.as_text(table.attrs.get("DETECTOR", "photon")).strip().lower() == "energy":
        throughput = throughput / lam
    try:
        return filter_curve(name, lam, throughput)
    except InputError as error:
        raise InputError(error.message, path) from None


def filter_curve(name: str, lam: Floats, throughput: Floats) -> FilterCurve:
    """A filter of points in any order.

    Raises
    ------
    InputError
        For fewer than two points, numbers that are not finite, or no throughput.
    """
    order = np.argsort(lam, kind="stable")
    lam, throughput = np.asarray(lam)[order], np.asarray(throughput)[order]
    if len(lam) < 2 or not (np.isfinite(lam).all() and np.isfinite(throughput).all()) or not lam[0] > 0.0:
        raise InputError(f"filter {name} has fewer than two points, or points that are no numbers")
    if not np.trapezoid(throughput, lam) > 0.0:
        raise InputError(f"filter {name} lets no light through")
    return FilterCurve(name, lam, throughput)


def trapezoid_weights(lam: Floats) -> Floats:
    """Weights (n,) of the trapezoid rule on ascending wavelengths."""
    half = np.diff(lam) / 2.0
    return np.concatenate([half, [0.0]]) + np.concatenate([[0.0], half])


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
