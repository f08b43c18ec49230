"""Isochrones and evolutionary tracks in the formats people have: a path in, columns under BEAST's names out."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.models.stars.constants import Z_SUN
from fastsed.survey.model_tables import read_model_table

REQUIRED = ("logA", "M_ini", "logL", "logT", "logg", "Z")
# our name: names in PARSEC's, MIST's and others' tables (lower case)
NAMES = {
    "logA": ("loga", "logage", "log_age", "log10_isochrone_age_yr", "log(age/yr)", "age_log"),
    "M_ini": ("m_ini", "mini", "initial_mass", "mass_ini", "m_initial"),
    "M_act": ("m_act", "mass", "mact", "star_mass"),
    "logL": ("logl", "log_l", "logl/lo", "log_lum"),
    "logT": ("logt", "logte", "log_teff", "log_t", "logteff"),
    "logg": ("logg", "log_g"),
    "Z": ("zini", "z_ini", "z"),
    "eep": ("eep",),
    "stage": ("stage", "label", "phase"),
    "mbolmag": ("mbolmag", "mbol"),
}
METALLICITIES = ("feh", "[fe/h]", "mh", "[m/h]")


def read_isochrones(path: str | Path, solar_z: float = Z_SUN) -> dict[str, Floats]:
    """Read isochrones or tracks.

    Parameters
    ----------
    path : path-like
        CSV, text (the output of PARSEC's CMD page among it), ECSV, FITS; HDF5 as lachesis-grids has it.
    solar_z : float
        Z of [Fe/H] = 0, for tables without Z.

    Returns
    -------
    dict of float64 (n,)
        Columns under BEAST's names, others under theirs, in the order of the file.

    Raises
    ------
    InputError
        For a file that cannot be read or lacks a column, and for values that are no numbers.
    """
    if str(path).lower().endswith((".hd5", ".hdf5", ".h5")):
        from fastsed.survey.lachesis import read_lachesis

        columns = read_lachesis(path)
    else:
        columns = read_model_table(path)
        metal = _mist_metallicity(path)
        if metal is not None:
            columns = {"Z": np.full(len(next(iter(columns.values()))), metal)} | columns
    try:
        return standard_columns(columns, solar_z)
    except InputError as error:
        raise InputError(error.message, path) from None


def _mist_metallicity(path: str | Path) -> float | None:
    """Initial Z that the header of a MIST file (.iso) states; None for other files."""
    with open(path, "rb") as f:
        lines = f.read(2000).decode("latin-1").splitlines()
    if not lines or not lines[0].startswith("# MIST"):
        return None
    for names, values in pairwise(lines):
        words = names.lstrip("#").split()
        if "Zinit" in words:
            try:
                return float(values.lstrip("#").split()[words.index("Zinit")])
            except (ValueError, IndexError):
                raise InputError("the header of this MIST file states no number for Zinit", path) from None
    return None


def standard_columns(columns: dict[str, Floats], solar_z: float = Z_SUN) -> dict[str, Floats]:
    """The columns under BEAST's names; of a table with other names, those that are known here.

    The metallicity is the initial one, which all stars of an isochrone have.

    Raises
    ------
    InputError
        If one of logA, M_ini, logL, logT, logg, Z is absent or holds values that are no numbers.
    """
    lower = {name.lower(): name for name in reversed(columns)}
    if all(name in columns for name in REQUIRED) and "zini" not in lower:
        renamed = dict(columns)
    else:
        ours = {name: next((lower[o] for o in others if o in lower), None) for name, others in NAMES.items()}
        renamed = {name: columns[theirs] for name, theirs in ours.items() if theirs is not None}
    metal = next((lower[name] for name in METALLICITIES if name in lower), None)
    if "Z" not in renamed and metal is not None:
        renamed["Z"] = solar_z * 10.0 ** columns[metal]
    absent = [name for name in REQUIRED if name not in renamed]
    if absent:
        raise InputError(f"no column {', '.join(absent)} (there are: {', '.join(columns)})")
    for name in REQUIRED:
        bad = np.flatnonzero(~np.isfinite(renamed[name]))
        if len(bad):
            raise InputError(
                f"column {name}, row {bad[0] + 1}: {renamed[name][bad[0]]} is not a finite number"
            )
    return renamed
