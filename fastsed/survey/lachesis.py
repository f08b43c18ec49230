"""Isochrones in the HDF5 files of lachesis-grids (MIST, PARSEC, BaSTI, ...): a path in, columns out."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.hdf5_file import open_hdf5
from fastsed.survey import hdf5

log = logging.getLogger(__name__)

NEEDED = ("initial_mass", "log_Teff", "log_g", "log_L")


def read_lachesis(path: str | Path) -> dict[str, Floats]:
    """Read isochrones stored as runs of rows, one a metallicity and age (`storage` = sparse_v1).

    Returns
    -------
    dict of float64 (n,)
        The file's columns (eep, age, initial_mass, star_mass, log_Teff, log_g, log_L, phase, ...), and feh; the age
        as `logA`.

    Raises
    ------
    InputError
        For a file that cannot be read or has another layout.
    """
    with open_hdf5(path) as f:
        storage = hdf5.as_text(f.attrs.get("storage", ""))
        if storage != "sparse_v1" or "columns" not in f.attrs:
            raise InputError("is no file of isochrones: no attributes storage = sparse_v1 and columns", path)
        names = [hdf5.as_text(name) for name in f.attrs["columns"]]
        values = hdf5.read_rows(hdf5.number_dataset(f, "values", path, 2), slice(None), path)
        metals, ages, lengths = (
            hdf5.read_rows(hdf5.number_dataset(f, name, path, 1), slice(None), path)
            for name in ("feh_values", "age_values", "lengths")
        )
    if (
        values.shape[1] != len(names)
        or len(lengths) != len(metals) * len(ages)
        or lengths.sum() != len(values)
    ):
        raise InputError("its datasets do not fit together", path)
    columns = {name: np.ascontiguousarray(values[:, k], dtype=np.float64) for k, name in enumerate(names)}
    columns["feh"] = np.repeat(np.repeat(np.asarray(metals, np.float64), len(ages)), lengths)
    # float32 in the rows; the axis has all digits
    columns["logA"] = np.repeat(np.tile(np.asarray(ages, np.float64), len(metals)), lengths)
    columns.pop("age", None)
    whole = np.all([np.isfinite(columns[name]) for name in NEEDED if name in columns], axis=0)
    if not whole.all():
        log.warning("%s: %d of %d rows without numbers left out", path, np.count_nonzero(~whole), len(whole))
    return {name: column[whole] for name, column in columns.items()}
