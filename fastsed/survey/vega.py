"""Fluxes of Vega: a text file, or BEAST's and pyphot's vega.hd5, in; F_lambda of some filters out."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.hdf5_file import is_hdf5, open_hdf5
from fastsed.survey import hdf5


def read_vega(path: str | PathLike[str], filters: Sequence[str]) -> NDArray[np.float64]:
    """Flux of Vega in each filter.

    Parameters
    ----------
    path : path-like
        Text, `#` comments, two columns: filter and F_lambda; or HDF5 with the table `/sed` (FNAME, LUM).
    filters : sequence of str

    Returns
    -------
    ndarray, shape (n_filters,)
        [erg/s/cm2/Angstrom].

    Raises
    ------
    InputError
        If the file cannot be read, lacks a filter, or a flux is not a positive number.
    """
    fluxes = _from_hdf5(path) if is_hdf5(path) else _from_text(path)
    missing = [name for name in filters if name not in fluxes]
    if missing:
        raise InputError(f"has no flux for the filter {', '.join(missing)}", path)
    values = np.array([fluxes[name] for name in filters])
    for name, value in zip(filters, values, strict=True):
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"the flux of {name} is {value:g}, not a positive number", path)
    return values


def _from_text(path: str | PathLike[str]) -> dict[str, float]:
    fluxes: dict[str, float] = {}
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError("is neither text nor HDF5", path) from error
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].replace(",", " ").split()
        if not words:
            continue
        try:
            name, value = words
            fluxes[name] = float(value)
        except ValueError as error:
            raise InputError(f'"{line.strip()}" is not a filter and a flux', path, number) from error
    return fluxes


def _from_hdf5(path: str | PathLike[str]) -> dict[str, float]:
    with open_hdf5(path) as f:
        table = hdf5.dataset(f, "sed", path, 1)
        if not {"FNAME", "LUM"} <= set(table.dtype.names or ()):
            raise InputError('its table "sed" has no columns FNAME and LUM', path)
        rows = hdf5.read_rows(table, slice(None), path)
    return {hdf5.as_text(row["FNAME"]).strip(): float(row["LUM"]) for row in rows}
