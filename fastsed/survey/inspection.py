"""Any file of the survey in; what it is, and what it holds, in a few lines out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.hdf5_file import open_hdf5
from fastsed.models.stars.atmospheres import SpectralLibrary
from fastsed.survey import hdf5
from fastsed.survey.atmosphere_files import read_atmospheres
from fastsed.survey.isochrone_files import read_isochrones
from fastsed.survey.model_tables import read_model_table
from fastsed.survey.noise_file import NoiseFile
from fastsed.survey.noise_tables import read_noise_table
from fastsed.survey.sed_grid import SedGrid

if TYPE_CHECKING:
    import h5py

MOST_NAMES, MOST_DISTINCT = 12, 10_000
HDF5_SUFFIXES = (".hd5", ".hdf5", ".h5")


def describe(path: str | Path) -> list[str]:
    """Lines about a file: a grid, atmospheres, a noise model, filters, Vega, isochrones, a map, samples or a table.

    Raises
    ------
    InputError
        If it cannot be read, or is none of these.
    """
    if str(path).lower().endswith(HDF5_SUFFIXES):
        return _describe_hdf5(path)
    if not Path(path).exists():
        raise InputError("no such file", path)
    for attempt in (_describe_grid, _describe_isochrones, _describe_table):
        try:
            return attempt(path)
        except InputError as error:
            last = error
    raise last


def _describe_hdf5(path: str | Path) -> list[str]:
    with open_hdf5(path) as f:
        kind = _kind(f)
        if kind in ("filters", "vega", "map", "samples"):
            return _SIMPLE[kind](f)
    if kind == "noise":
        return _describe_noise(path)
    if kind == "toothpick":
        filters, model = read_noise_table(path)
        knots = ", ".join(f"{name} {len(band.flux)}" for name, band in zip(filters, model.bands, strict=True))
        return ["toothpick model of independent bands, as tables", f"  knots: {knots}"]
    if kind == "isochrones":
        return _describe_isochrones(path)
    if kind == "grid":
        return _describe_grid(path)
    raise InputError("is none of: grid, noise model, filters, Vega, isochrones, map, samples", path)


def _kind(f: h5py.File) -> str:
    if {"seds", "lamb", "grid"} <= set(f):
        return "grid"
    if {"bias", "error", "completeness"} <= set(f):
        return "noise"
    if hdf5.as_text(f.attrs.get("observation_model", "")) == "toothpick":
        return "toothpick"
    for name, kind in (("filters", "filters"), ("sed", "vega"), ("tile_data", "map")):
        if name in f:
            return kind
    if hdf5.as_text(f.attrs.get("storage", "")) == "sparse_v1":
        return "isochrones"
    return "samples" if any(name.startswith("star_") for name in f) else ""


def _names(names: list[str]) -> str:
    more = f" ... ({len(names)} in all)" if len(names) > MOST_NAMES else ""
    return " ".join(names[:MOST_NAMES]) + more


def _describe_filters(f: h5py.File) -> list[str]:
    return [f"filter curves: {len(f['filters'])}", f"  {_names(list(f['filters']))}"]


def _describe_vega(f: h5py.File) -> list[str]:
    names = (
        [hdf5.as_text(name).strip() for name in f["sed"]["FNAME"]]
        if "FNAME" in (f["sed"].dtype.names or ())
        else []
    )
    return [f"fluxes of Vega in {len(names)} filters", f"  {_names(names)}"]


def _describe_map(f: h5py.File) -> list[str]:
    table = f["tile_data"]
    values = table["value"]
    return [f"map of {len(table)} tiles", f"  values {np.nanmin(values):.6g} to {np.nanmax(values):.6g}"]


def _describe_samples(f: h5py.File) -> list[str]:
    return [f"posterior samples of {sum(name.startswith('star_') for name in f)} stars"]


_SIMPLE: dict[str, Callable[[h5py.File], list[str]]] = {
    "filters": _describe_filters,
    "vega": _describe_vega,
    "map": _describe_map,
    "samples": _describe_samples,
}


def _describe_noise(path: str | Path) -> list[str]:
    with NoiseFile(path) as noise:
        kind = "with full covariances" if noise.has_full_covariance else "of independent bands"
        lines = [f"noise model {kind}: {noise.n_models} models, {noise.n_filters} filters"]
        complete = sum((noise.read("completeness", rows) > 0).all(axis=1).sum() for rows in noise.blocks())
    return [*lines, f"  models with completeness above 0 in every filter: {complete}"]


def _describe_grid(path: str | Path) -> list[str]:
    with SedGrid(path, spectra=True) as grid:
        if not grid.filters:
            return _describe_atmospheres(path)
        names = [name for name in grid.columns if grid.table_type[name].kind in "fiu"]
        lines = [
            f"physics grid: {grid.n_models} models, {len(grid.filters)} filters",
            f"  filters: {' '.join(grid.filters)}",
        ]
        fluxes = {f"log{name}_{kind}" for name in grid.filters for kind in ("nd", "wd")}
        lines += _column_ranges(grid, [name for name in names if name not in fluxes])
    return lines


def _column_ranges(grid: SedGrid, names: list[str]) -> list[str]:
    """Least, largest and number of distinct values of columns, from one reading."""
    low, high = dict.fromkeys(names, np.inf), dict.fromkeys(names, -np.inf)
    distinct: dict[str, NDArray[np.float64]] = {name: np.zeros(0) for name in names}
    for rows in grid.blocks():
        for name, values in grid.read_columns(names, rows).items():
            low[name] = min(low[name], float(values.min()))
            high[name] = max(high[name], float(values.max()))
            if len(distinct[name]) <= MOST_DISTINCT:
                distinct[name] = np.union1d(distinct[name], values)
    count = {
        name: f"{len(v)} values" if len(v) <= MOST_DISTINCT else "many values" for name, v in distinct.items()
    }
    return [f"  {name:14s} {low[name]:.6g} to {high[name]:.6g}, {count[name]}" for name in names]


def _describe_atmospheres(path: str | Path) -> list[str]:
    library = read_atmospheres(path)
    nodes = library.nodes
    lines = [
        f"atmospheres: {len(nodes.z)} nodes",
        f"  Teff {10 ** nodes.log_t.min():.0f} to {10 ** nodes.log_t.max():.0f} K",
        f"  log g {nodes.log_g.min():g} to {nodes.log_g.max():g}",
        f"  Z {_names([f'{z:.4g}' for z in np.unique(nodes.z)])}",
    ]
    if isinstance(library, SpectralLibrary):
        lam = library.lam
        lines.append(f"  {len(lam)} wavelengths, {lam[0]:.6g} to {lam[-1]:.6g} Angstrom")
    else:
        lines.append(f"  fluxes in {_names(list(library.fluxes))}")
    return lines


def _describe_isochrones(path: str | Path) -> list[str]:
    columns = read_isochrones(path)
    ages, metals = np.unique(columns["logA"]), np.unique(columns["Z"])
    return [
        f"isochrones: {len(columns['Z'])} stars",
        f"  log age {ages[0]:g} to {ages[-1]:g}, {len(ages)} values",
        f"  Z {_names([f'{z:.4g}' for z in metals])}",
        f"  initial mass {columns['M_ini'].min():.4g} to {columns['M_ini'].max():.4g} Msun",
        f"  columns: {' '.join(columns)}",
    ]


def _describe_table(path: str | Path) -> list[str]:
    columns = read_model_table(path)
    lower = {name.lower() for name in columns}
    if lower & {"teff", "logt"} and lower & {"logg"}:
        return _describe_atmospheres(path)
    return [f"table: {len(next(iter(columns.values())))} rows", f"  columns: {_names(list(columns))}"]
