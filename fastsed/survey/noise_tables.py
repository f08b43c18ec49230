"""Toothpick models as the tables of their bands: a few kB in a file, evaluated block by block of a grid where needed.

Layout of the file (HDF5): the attribute `observation_model` = "toothpick", `extrapolate`, `negative_below`; a dataset
`bands/<filter>` (n_knots,) with flux, bias, sigma, completeness and the attributes `faintest` and `number`; `absflux`
(n_filters, n_filters) where there is one. Fluxes are in erg/s/cm2/Angstrom.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np

from fastsed.arrays import Floats
from fastsed.atomic import atomic_path
from fastsed.errors import InputError
from fastsed.foreign import parser_errors
from fastsed.hdf5_file import open_hdf5
from fastsed.survey import hdf5
from fastsed.survey.noise_file import BASIC, NoiseFile
from fastsed.survey.sed_grid import BLOCK_ROWS, SedGrid
from fastsed.survey.toothpick import BandTable, Toothpick, ToothpickRules

KNOTS = np.dtype([(name, "f8") for name in ("flux", "bias", "sigma", "completeness")])


def write_noise_table(model: Toothpick, filters: Sequence[str], path: str | PathLike[str]) -> None:
    """Write the tables of a toothpick model.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    import h5py

    with atomic_path(path) as temporary, h5py.File(temporary, "w") as f:
        f.attrs["observation_model"] = "toothpick"
        f.attrs["extrapolate"], f.attrs["negative_below"] = (
            model.rules.extrapolate,
            model.rules.negative_below,
        )
        for number, (name, band) in enumerate(zip(filters, model.bands, strict=True)):
            rows = np.empty(len(band.flux), KNOTS)
            for column in KNOTS.names or ():
                rows[column] = getattr(band, column)
            data = f.create_dataset(f"bands/{name}", data=rows, track_times=False)
            data.attrs["faintest"], data.attrs["number"] = band.faintest, number
        if model.absflux is not None:
            f.create_dataset("absflux", data=model.absflux, track_times=False)


def is_noise_table(path: str | PathLike[str]) -> bool:
    """Whether a file holds the tables of a toothpick model (false for one that cannot be opened)."""
    with suppress(InputError), open_hdf5(path) as f:
        return hdf5.as_text(f.attrs.get("observation_model", "")) == "toothpick"
    return False


def read_noise_table(path: str | PathLike[str]) -> tuple[tuple[str, ...], Toothpick]:
    """Read the tables of a toothpick model.

    Returns
    -------
    filters : tuple of str
    model : Toothpick

    Raises
    ------
    InputError
        If it is no such file, or is damaged.
    """
    with open_hdf5(path) as f, parser_errors(path, "a table of `noise toothpick --table`"):
        group = f.get("bands")
        if group is None or not hasattr(group, "keys"):
            raise InputError('has no group "bands"', path)
        bands = [(name, *_band(f, name, path)) for name in group]
        rules = _rules(f, path)
        absflux = None
        if "absflux" in f:
            absflux = np.asarray(
                hdf5.read_rows(hdf5.number_dataset(f, "absflux", path, 2), slice(None), path), float
            )
    bands.sort(key=lambda band: band[1])
    if absflux is not None and absflux.shape != (len(bands), len(bands)):
        raise InputError(f'its "absflux" has the shape {absflux.shape} for {len(bands)} bands', path)
    return tuple(name for name, _, _ in bands), Toothpick(tuple(band for _, _, band in bands), absflux, rules)


def _rules(f: Any, path: str | PathLike[str]) -> ToothpickRules:
    extrapolate = hdf5.as_text(f.attrs.get("extrapolate", "zero"))
    if extrapolate not in ("zero", "constant"):
        raise InputError(f"its attribute extrapolate is '{extrapolate}', not zero or constant", path)
    below = bool(f.attrs.get("negative_below", False))
    rules = ToothpickRules(negative_below=below)
    return rules if extrapolate == "zero" else replace(rules, extrapolate="constant")


def _band(f: Any, name: str, path: str | PathLike[str]) -> tuple[int, BandTable]:
    data = hdf5.dataset(f, f"bands/{name}", path, 1)
    if not set(KNOTS.names or ()) <= set(data.dtype.names or ()) or not {"faintest", "number"} <= set(
        data.attrs
    ):
        raise InputError(f"the table of {name} lacks a column or an attribute", path)
    rows = hdf5.read_rows(data, slice(None), path)
    columns = {column: np.asarray(rows[column], dtype=np.float64) for column in KNOTS.names or ()}
    finite = all(np.isfinite(values).all() for values in columns.values())
    if not len(rows) or not finite or (np.diff(columns["flux"]) <= 0.0).any():
        raise InputError(f"the table of {name} holds no ascending fluxes with finite values", path)
    return int(data.attrs["number"]), BandTable(**columns, faintest=float(data.attrs["faintest"]))


class TabulatedNoise:
    """A toothpick model in place of a noise file: the rows of a grid are evaluated when they are asked for.

    It has what `NoiseFile` has.

    Parameters
    ----------
    path : path-like
    grid : SedGrid
        Whose models are evaluated; it must stay open.

    Raises
    ------
    InputError
        If the file cannot be read, or is for other filters than the grid's.
    """

    names = BASIC
    has_full_covariance = False

    def __init__(self, path: str | PathLike[str], grid: SedGrid):
        self.path, self._grid = Path(path), grid
        filters, self.model = read_noise_table(path)
        if filters != tuple(grid.filters):
            raise InputError(
                f"is for the filters {' '.join(filters)}; {grid.path} has {' '.join(grid.filters)}", path
            )
        self.n_models, self.n_filters = grid.n_models, len(filters)
        self._last: tuple[tuple[int, int], dict[str, Floats]] | None = None

    def blocks(self, n_rows: int = BLOCK_ROWS) -> Iterator[slice]:
        """Slices of `n_rows` rows that cover the models."""
        return self._grid.blocks(n_rows)

    def read(self, name: str, rows: slice | None = None) -> Floats:
        """Some rows of bias, error or completeness, all by default (n_rows, n_filters)."""
        rows = rows or slice(0, self.n_models)
        key, last = (rows.start, rows.stop), self._last
        if last is None or last[0] != key:
            # one assignment: threads may read at the same time
            self._last = last = (key, self.model.datasets(self._grid.read_seds(rows)))
        return last[1][name]

    def close(self) -> None:
        """Forget what was evaluated."""
        self._last = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


Noise = NoiseFile | TabulatedNoise


def open_noise(path: str | PathLike[str], grid: SedGrid, reuse: bool = False) -> Noise:
    """The noise of the models of a grid, from a file of their noise or from a table (`reuse`: see `NoiseFile`).

    Raises
    ------
    InputError
        If the file cannot be read, or is for other models or filters than the grid's.
    """
    if is_noise_table(path):
        return TabulatedNoise(path, grid)
    noise = NoiseFile(path, reuse)
    try:
        noise.check_against(grid.n_models, len(grid.filters), grid.path)
    except InputError:
        noise.close()
        raise
    return noise
