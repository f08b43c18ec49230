"""Libraries of stellar atmospheres in files: BEAST's spectral grids and tables of band fluxes in; atmospheres out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.models.stars.atmospheres import BandFluxLibrary, Nodes, SpectralLibrary
from fastsed.models.stars.constants import Z_SUN
from fastsed.survey.model_tables import read_model_table
from fastsed.survey.sed_grid import SedGrid

SPECTRUM_SUFFIXES = (".hd5", ".hdf5", ".h5", ".fits", ".fits.gz", ".fit")


def read_atmospheres(path: str | Path, solar_z: float = Z_SUN) -> SpectralLibrary | BandFluxLibrary:
    """Read a library.

    Parameters
    ----------
    path : path-like
        A spectral grid in BEAST's layouts (HDF5 or FITS: `kurucz2004.grid.fits`, `tlusty.lowres.grid.fits` and the
        like), or a table of fluxes by band: columns Teff (or logT), logg, Z (or [Fe/H], feh) and one a filter.
    solar_z : float
        Z of [Fe/H] = 0.

    Raises
    ------
    InputError
        For a file that cannot be read or lacks a column.
    """
    if _is_spectral(path):
        return _read_spectral(path, solar_z)
    columns = read_model_table(path)
    nodes, used = _nodes(columns, path, solar_z)
    fluxes = {name: values for name, values in columns.items() if name not in used}
    for name, values in fluxes.items():
        if not (np.isfinite(values).all() and (values >= 0.0).all()):
            raise InputError(f"column {name}: a surface flux that is negative or no number", path)
    return BandFluxLibrary(str(path), nodes, fluxes)


def _is_spectral(path: str | Path) -> bool:
    lower = str(path).lower()
    if lower.endswith(SPECTRUM_SUFFIXES[:3]):
        return True
    if not lower.endswith(SPECTRUM_SUFFIXES):
        return False
    from astropy.io import fits

    try:
        with fits.open(path) as hdus:
            return bool(hdus[0].header.get("NAXIS", 0) > 0)
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"is not a readable FITS file ({error})", path) from error


def _read_spectral(path: str | Path, solar_z: float) -> SpectralLibrary:
    with SedGrid(path, spectra=True) as grid:
        table = grid.read_columns([name for name in grid.columns if grid.table_type[name].kind in "fiu"])
        nodes, _ = _nodes(table, path, solar_z)
        lam = np.asarray(grid.wavelengths, dtype=np.float64)
        spectra = grid.read_seds()
    order = np.argsort(lam, kind="stable")
    lam, spectra = lam[order], spectra[:, order]
    if len(lam) < 2 or not lam[0] > 0.0 or not (np.diff(lam) > 0.0).all():
        raise InputError("its wavelengths must be positive and distinct", path)
    if not np.isfinite(spectra).all():
        raise InputError("its spectra hold values that are no numbers", path)
    return SpectralLibrary(str(path), nodes, lam, spectra)


def _nodes(columns: dict[str, Floats], path: str | Path, solar_z: float) -> tuple[Nodes, set[str]]:
    """Nodes of a table, and the names of the columns that tell them (and their like)."""
    lower = {name.lower(): name for name in columns}
    node_values: dict[str, Floats] = {}
    choices: dict[str, list[tuple[str, Callable[[Floats], Floats]]]] = {
        "log Teff": [
            ("logt", np.asarray),
            ("logte", np.asarray),
            ("log_teff", np.asarray),
            ("teff", np.log10),
        ],
        "log g": [("logg", np.asarray), ("log_g", np.asarray)],
        "Z": [
            ("z", np.asarray),
            ("logz", lambda v: solar_z * 10.0**v),
            ("feh", lambda v: solar_z * 10.0**v),
            ("[fe/h]", lambda v: solar_z * 10.0**v),
            ("[m/h]", lambda v: solar_z * 10.0**v),
        ],
    }
    used: set[str] = set()
    for meaning, names in choices.items():
        for name, convert in names:
            if name in lower:
                used.add(lower[name])
                if meaning not in node_values:
                    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                        node_values[meaning] = np.asarray(
                            convert(np.asarray(columns[lower[name]], dtype=np.float64))
                        )
        if meaning not in node_values:
            raise InputError(f"no column of {meaning} ({' or '.join(name for name, _ in names)})", path)
        if not np.isfinite(node_values[meaning]).all():
            raise InputError(f"its {meaning} holds values that are no numbers", path)
    return Nodes(node_values["log Teff"], node_values["log g"], node_values["Z"]), used
