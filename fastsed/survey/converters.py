"""Files that users have in; the same content in the formats of the survey out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats
from fastsed.atomic import atomic_path, atomic_write
from fastsed.errors import InputError
from fastsed.models.stars.constants import Z_SUN
from fastsed.models.stars.filter_curves import FilterCurve, filter_curve
from fastsed.models.stars.isochrones import choose_isochrones, select_rows
from fastsed.survey.fits_tables import write_fits_table
from fastsed.survey.isochrone_files import read_isochrones
from fastsed.survey.model_tables import read_model_table
from fastsed.survey.text_columns import read_number_rows

log = logging.getLogger(__name__)

ISOCHRONE_COLUMNS = ("Z", "logA", "M_ini", "M_act", "logL", "logT", "logg", "mbolmag", "stage", "eep")
NODE_COLUMNS = {"teff", "logt", "logte", "log_teff", "logg", "log_g", "z", "logz", "feh", "[fe/h]", "[m/h]"}


def convert_isochrones(
    paths: Sequence[str | Path],
    ages: Sequence[float] | None = None,
    metals: Sequence[float] | None = None,
    solar_z: float = Z_SUN,
) -> dict[str, Floats]:
    """Isochrones of one or several files (PARSEC's CMD page, MIST, lachesis-grids, tables) in one table.

    Parameters
    ----------
    paths : sequence of path-like
    ages : [min, max, step], optional
        log10 yr.
    metals : sequence of float, optional
        Z.
    solar_z : float
        Z of [Fe/H] = 0.

    Returns
    -------
    dict of float64 (n,)
        BEAST's columns, ordered by Z, age and initial mass.

    Raises
    ------
    InputError
        For a file that cannot be used.
    """
    tables = [read_isochrones(path, solar_z) for path in paths]
    names = [name for name in ISOCHRONE_COLUMNS if all(name in table for table in tables)]
    joined = {name: np.concatenate([table[name] for table in tables]) for name in names}
    joined = choose_isochrones(joined, ages, metals)
    # masses of an isochrone may repeat: the file's order stays
    return select_rows(joined, np.lexsort([joined["M_ini"], joined["logA"], joined["Z"]]))


def write_columns_table(columns: dict[str, Floats], path: str | Path) -> None:
    """Write columns as FITS (`.fits`) or CSV."""
    if str(path).lower().endswith((".fits", ".fit")):
        write_fits_table(path, columns)
        return
    with atomic_write(path) as f:
        f.write(",".join(columns) + "\n")
        f.writelines(
            ",".join(map(repr, row)) + "\n" for row in np.column_stack(list(columns.values())).tolist()
        )


def convert_band_fluxes(path: str | Path, names: dict[str, str], factor: float = 1.0) -> dict[str, Floats]:
    """A table of fluxes by band with the bands under the names of their filters.

    Parameters
    ----------
    path : path-like
        Columns Teff, logg, Z (or [Fe/H]) and fluxes.
    names : dict
        Column: filter.
    factor : float
        By which the fluxes are multiplied to be surface fluxes [erg/s/cm2/Angstrom].

    Raises
    ------
    InputError
        For a file that cannot be read, or has no such column.
    """
    columns = read_model_table(path)
    absent = [name for name in names if name not in columns]
    if absent:
        raise InputError(f"no column {absent[0]} (there are: {', '.join(columns)})", path)
    nodes = {k: v for k, v in columns.items() if k.lower() in NODE_COLUMNS}
    return nodes | {new: factor * columns[old] for old, new in names.items()}


def convert_filters(paths: Sequence[str | Path], names: Sequence[str] | None = None) -> list[FilterCurve]:
    """Filters of text files with two columns, wavelength [Angstrom] and throughput.

    Parameters
    ----------
    paths : sequence of path-like
    names : sequence of str, optional
        By default those of the files, without suffix.

    Raises
    ------
    InputError
        For a file that is no filter, or another number of names.
    """
    names = [Path(path).stem for path in paths] if names is None else list(names)
    if len(names) != len(paths):
        raise InputError(f"{len(names)} names for {len(paths)} filters")
    if len(set(names)) < len(names):
        raise InputError("two filters have the same name")
    curves = []
    for path, name in zip(paths, names, strict=True):
        lam, throughput = read_number_rows(path, 2, "a wavelength and a throughput").T
        curves.append(filter_curve(name, lam, throughput))
    return curves


def write_filters(curves: Sequence[FilterCurve], path: str | Path) -> None:
    """Write filters in the layout that BEAST and pyphot read (`/filters/NAME`).

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    import h5py

    with atomic_path(path) as temporary, h5py.File(temporary, "w") as f:
        for curve in curves:
            rows = np.empty(len(curve.lam), [("WAVELENGTH", "f8"), ("THROUGHPUT", "f8")])
            rows["WAVELENGTH"], rows["THROUGHPUT"] = curve.lam, curve.throughput
            data = f.create_dataset(f"filters/{curve.name}", data=rows, track_times=False)
            data.attrs["WAVELENGTH_UNIT"], data.attrs["DETECTOR"] = np.bytes_("AA"), np.bytes_("photon")
