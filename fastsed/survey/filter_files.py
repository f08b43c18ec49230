"""Filter curves of an HDF5 library: a path and names in, curves out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastsed.errors import InputError
from fastsed.hdf5_file import open_hdf5
from fastsed.models.stars.filter_curves import FilterCurve, filter_curve
from fastsed.survey import hdf5

if TYPE_CHECKING:
    import h5py

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


def read_filter_curves(path: str | Path, names: Sequence[str]) -> list[FilterCurve]:
    """Read filters from a library: groups `/filters/NAME` with WAVELENGTH and THROUGHPUT.

    BEAST's `filters.hd5` and the `new_filters.hd5` that pyphot installs have this layout. Wavelengths may have a unit
    (attribute WAVELENGTH_UNIT); filters of energy-counting detectors (attribute DETECTOR) are divided by wavelength.

    Raises
    ------
    InputError
        For a file that cannot be read, or a filter that is absent or not usable.
    """
    with open_hdf5(path) as f:
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
