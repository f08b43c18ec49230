"""Trimming: a grid, its noise model, sub files of stars in; the models that can look like their stars out.

The grid is read by blocks, once to choose the models of all sub files and once to copy them; with index lists, only
its fluxes are read, once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed._ext.trim import select_models
from fastsed.errors import InputError
from fastsed.survey.index_lists import DATASET, write_index_list
from fastsed.survey.noise_file import NoiseFileWriter
from fastsed.survey.noise_tables import Noise, open_noise
from fastsed.survey.sed_grid import BLOCK_ROWS, Layout, SedGrid, SedGridWriter
from fastsed.survey.star_catalogue import read_star_catalogue

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrimRules:
    """Which models are kept.

    A model is kept if in every band its flux with bias, give or take `n_sigma` errors, reaches into the range of the
    stars' fluxes. Before, all models go that are not complete in every band (BEAST HEAD), or have fewer than
    `n_detected` positive errors (`compat="beast1"`: the errors' signs say what the artificial stars reach).

    Attributes
    ----------
    n_sigma : float
    n_detected : int
        Of 1.3.2's rule.
    compat : {"beast1", "beast2"} or None
        BEAST leaves out a band in which no model passes; None: such a sub file is an error.

    Raises
    ------
    InputError
        If a number makes no sense.
    """

    n_sigma: float = 3.0
    n_detected: int = 4
    compat: str | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.n_sigma) and self.n_sigma >= 0):
            raise InputError(f"a margin of {self.n_sigma:g} sigma; it cannot be negative")

    def usable(self, error: NDArray[np.float64], completeness: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Models that may be kept at all."""
        if self.compat == "beast1":
            return np.asarray((error > 0).sum(axis=1) >= self.n_detected)
        return np.asarray((completeness > 0).all(axis=1))


@dataclass(frozen=True)
class SubFile:
    """A sub file of stars and what is made for it.

    Attributes
    ----------
    catalogue : path-like
    base : path-like
        What the names of its products begin with.
    """

    catalogue: str | PathLike[str]
    base: str | PathLike[str]

    def products(self, rules: TrimRules, index: bool) -> list[Path]:
        """Trimmed grid and noise model, or index list."""
        if index:
            return [Path(f"{self.base}_index.hd5")]
        if rules.compat == "beast1":
            return [Path(f"{self.base}_sed_trim.grid.hd5"), Path(f"{self.base}_noisemodel_trim.hd5")]
        return [Path(f"{self.base}_seds_trim.grid.hd5"), Path(f"{self.base}_noisemodel_trim.grid.hd5")]


def trim_grid(
    grid: str | PathLike[str],
    noise: str | PathLike[str],
    sub_files: Sequence[SubFile],
    vega: str | PathLike[str],
    rules: TrimRules | None = None,
    index: bool = False,
    columns: Sequence[str] | None = None,
) -> list[Path]:
    """Write the trimmed grids, or index lists, of some sub files.

    Parameters
    ----------
    grid, noise : path-like
    sub_files : sequence of SubFile
    vega : path-like
        Fluxes of Vega.
    rules : TrimRules, optional
    index : bool, optional
        Write index lists instead of copies.
    columns : sequence of str, optional
        Columns of the catalogues with fluxes relative to Vega.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If an input is wrong, or no model is left for a sub file; what could be made for others is written before.
    """
    rules = rules or TrimRules()
    with SedGrid(grid) as models, open_noise(noise, models) as noise_model:
        windows = np.array([_window(sub.catalogue, models.filters, vega, columns) for sub in sub_files])
        chosen = _choose(models, noise_model, windows, rules)
        full = [i for i, rows in enumerate(chosen) if len(rows)]
        files = [sub_files[i].products(rules, index) for i in full]
        if index:
            for i, paths in zip(full, files, strict=True):
                write_index_list(paths[0], chosen[i], models.n_models)
        else:
            _copy(models, noise_model, [chosen[i] for i in full], files, rules)
        empty = [i for i, rows in enumerate(chosen) if not len(rows)]
        if empty:
            raise InputError(
                _why_empty(models, noise_model, windows[empty[0]], rules), sub_files[empty[0]].catalogue
            )
    return [path for paths in files for path in paths]


def _window(
    catalogue: str | PathLike[str],
    filters: Sequence[str],
    vega: str | PathLike[str],
    columns: Sequence[str] | None,
) -> NDArray[np.float64]:
    """Faintest and brightest star in each band, (n_filters, 2)."""
    fluxes = read_star_catalogue(catalogue, filters, vega, columns).fluxes
    finite = np.isfinite(fluxes)
    if not finite.any(axis=0).all():
        band = filters[int(np.argmin(finite.any(axis=0)))]
        raise InputError(f"has no star with a finite flux in {band}", catalogue)
    if not finite.all():
        n_stars = int((~finite.all(axis=1)).sum())
        logger.warning("%s: fluxes of %d stars that are not finite do not count", catalogue, n_stars)
    low, high = np.where(finite, fluxes, np.inf).min(axis=0), np.where(finite, fluxes, -np.inf).max(axis=0)
    return np.column_stack([low, high])


def _blocks(
    models: SedGrid, noise: Noise, rules: TrimRules
) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]]:
    """First row, fluxes with bias, margins, and which models are usable, of blocks of the grid."""
    for rows in models.blocks(BLOCK_ROWS):
        error = noise.read("error", rows)
        usable = rules.usable(error, noise.read("completeness", rows))
        size = np.abs(error) if rules.compat == "beast1" else error
        yield rows.start, models.read_seds(rows) + noise.read("bias", rows), rules.n_sigma * size, usable


def _choose(
    models: SedGrid, noise: Noise, windows: NDArray[np.float64], rules: TrimRules
) -> list[NDArray[np.integer]]:
    """Rows of the models that are kept for each window."""
    chosen = _select(models, noise, windows, rules)
    if rules.compat is not None:
        for i, rows in enumerate(chosen):
            if not len(rows):
                chosen[i] = _without_impossible_bands(models, noise, windows[i], rules)
    return chosen


def _select(
    models: SedGrid, noise: Noise, windows: NDArray[np.float64], rules: TrimRules
) -> list[NDArray[np.integer]]:
    kind = np.uint32 if models.n_models <= 2**32 else np.uint64
    pieces: list[list[NDArray[np.integer]]] = [[] for _ in windows]
    windows = np.ascontiguousarray(windows)
    for first, flux, margin, usable in _blocks(models, noise, rules):
        for piece, rows in zip(pieces, select_models(flux, margin, usable, windows), strict=True):
            piece.append(np.add(rows, first, dtype=kind, casting="unsafe"))
    return [np.concatenate([np.zeros(0, kind), *piece]) for piece in pieces]


def _without_impossible_bands(
    models: SedGrid, noise: Noise, window: NDArray[np.float64], rules: TrimRules
) -> NDArray[np.integer]:
    """As BEAST: band after band, those in which none of the models left passes do not count."""
    open_window = np.tile([-np.inf, np.inf], (len(window), 1))
    rows = _select(models, noise, open_window[None], rules)[0]
    for k in range(len(window)):
        narrower = open_window.copy()
        narrower[k] = window[k]
        passing = _select(models, noise, narrower[None], rules)[0]
        if len(passing):
            open_window, rows = narrower, passing
    return rows


def _why_empty(models: SedGrid, noise: Noise, window: NDArray[np.float64], rules: TrimRules) -> str:
    """Why no model is left."""
    each = np.tile([-np.inf, np.inf], (len(window) + 1, len(window), 1))
    each[np.arange(len(window)), np.arange(len(window))] = window
    numbers = [len(rows) for rows in _select(models, noise, each, rules)]
    if numbers[-1] == 0:
        rule = (
            "enough positive errors" if rules.compat == "beast1" else "a completeness above zero in all bands"
        )
        return f"no model of {models.path} is left for it: none has {rule}"
    bands = [name for name, n in zip(models.filters, numbers[:-1], strict=True) if n == 0]
    if bands:
        return f"no model of {models.path} is left for it: none has such fluxes in {', '.join(bands)}"
    return f"no model of {models.path} is left for it: none has such fluxes in all bands together"


def _copy(
    models: SedGrid,
    noise: Noise,
    chosen: Sequence[NDArray[np.integer]],
    files: Sequence[Sequence[Path]],
    rules: TrimRules,
) -> None:
    """Write trimmed grids and noise models, reading the whole ones once."""
    layout: Layout = "1.3.2" if rules.compat == "beast1" else "head"
    types: dict[str, Any] = {name: models.table_type[name] for name in models.columns if name != DATASET}
    types[DATASET] = np.dtype("i8")
    with ExitStack() as stack:
        grids = [
            stack.enter_context(
                SedGridWriter(
                    paths[0],
                    len(rows),
                    models.wavelengths,
                    models.filters,
                    types,
                    layout,
                    models.has_covariances,
                )
            )
            for rows, paths in zip(chosen, files, strict=True)
        ]
        noises = [
            stack.enter_context(NoiseFileWriter(paths[1], len(rows)))
            for rows, paths in zip(chosen, files, strict=True)
        ]
        for rows in models.blocks(BLOCK_ROWS):
            _copy_block(models, noise, rows, chosen, grids, noises, rules)


def _copy_block(
    models: SedGrid,
    noise: Noise,
    rows: slice,
    chosen: Sequence[NDArray[np.integer]],
    grids: Sequence[SedGridWriter],
    noises: Sequence[NoiseFileWriter],
    rules: TrimRules,
) -> None:
    """Copy what is chosen of some rows."""
    limits = [np.searchsorted(numbers, [rows.start, rows.stop]) for numbers in chosen]
    if all(low == high for low, high in limits):
        return
    seds, table = models.read_seds(rows), models.read_table(rows)
    covariances = models.read_covariances(rows) if models.has_covariances else ()
    sets = {name: noise.read(name, rows) for name in noise.names}
    if rules.compat == "beast1":
        sets["error"] = np.abs(sets["error"])
    for numbers, (low, high), grid, noise_writer in zip(chosen, limits, grids, noises, strict=True):
        if low == high:
            continue
        numbers_here = numbers[low:high].astype(np.int64)
        some = numbers_here - rows.start
        columns = {name: table[name][some] for name in models.columns if name != DATASET}
        grid.append(seds[some], columns | {DATASET: numbers_here}, *(part[some] for part in covariances))
        noise_writer.append({name: values[some] for name, values in sets.items()})
