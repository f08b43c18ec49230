"""MAKE_SEDS: a list of models in; `seds/*.fit` and `seds/*.input_res.fit` out, without a fit."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastsed.errors import InputError
from fastsed.inputs.header import split_row
from fastsed.models.spectrum import SpectrumBuilder, sorted_models
from fastsed.outputs.best_fits import write_spectrum
from fastsed.outputs.seds import write_input_res
from fastsed.paths import for_system
from fastsed.text import decode, parse_number, read_bytes

if TYPE_CHECKING:
    from fastsed.models.grid import ModelGrid
    from fastsed.pipeline import Setup

log = logging.getLogger(__name__)

FOLDER = "seds"


@dataclass(frozen=True)
class WantedSed:
    """One line of the list: the name of the files, the model, its scale, and where it was asked for."""

    identity: str
    model: int
    scale: float
    line: int


def make_seds(setup: Setup) -> int:
    """Write the spectra of the models that MAKE_SEDS lists, in `seds` below OUTPUT_DIR.

    Parameters
    ----------
    setup : Setup

    Returns
    -------
    int
        Number of models written.

    Raises
    ------
    InputError
        For a fault in the list, or if a file cannot be written.
    """
    p, grid = setup.params, setup.grid
    wanted = read_sed_list(p.make_seds, grid.axes.size)
    folder = Path(p.output_dir) / FOLDER
    lam = np.array([band.mean_wavelength for band in grid.bands])
    builder = SpectrumBuilder(grid)
    for i in sorted_models(grid, np.array([one.model for one in wanted], dtype=np.int64)).tolist():
        one = wanted[i]
        _check_age(grid, one, p.make_seds)
        name = for_system(one.identity)
        write_spectrum(folder / f"{name}.fit", builder, p, one.model, one.scale)
        write_input_res(folder / f"{name}.input_res.fit", lam, one.scale * builder.band_fluxes(one.model))
    log.info("wrote %d SEDs to '%s'", len(wanted), folder)
    return len(wanted)


def read_sed_list(path: str | Path, n_models: int) -> list[WantedSed]:
    """Read lines `id modelID scale`; blank lines and what follows a `#` are skipped.

    Parameters
    ----------
    path : path-like
    n_models : int
        Of the grid.

    Raises
    ------
    InputError
        For a line that is none of these, a model outside the grid, an id that is no file name or is repeated,
        or an empty list.
    """
    wanted: dict[str, WantedSed] = {}
    for line, raw in enumerate(read_bytes(path).splitlines(), start=1):
        fields = [decode(field) for field in split_row(raw.replace(b",", b" "), comma=False)]
        if not fields:
            continue
        one = _read_line(fields, n_models, path, line)
        if one.identity in wanted:
            earlier = wanted[one.identity].line
            raise InputError(
                f"the id '{one.identity}' is already on line {earlier}: its files would be overwritten",
                path,
                line,
            )
        wanted[one.identity] = one
    if not wanted:
        raise InputError("lists no models: expected lines with id, modelID and scale", path)
    return list(wanted.values())


def _read_line(fields: list[str], n_models: int, path: str | Path, line: int) -> WantedSed:
    if len(fields) != 3:
        raise InputError(f"has {len(fields)} fields, expected 3: id, modelID and scale", path, line)
    identity, model_text, scale_text = fields
    if any(mark in "/\\" or not mark.isprintable() for mark in identity):
        raise InputError(
            f"the id {identity!r} must be fit for a file name: no slashes, no control characters", path, line
        )
    model = parse_number(model_text)
    if model is None or not model.is_integer() or model < 0:
        raise InputError(f"the modelID '{model_text}' must be a whole number, not negative", path, line)
    if model >= n_models:
        raise InputError(
            f"there is no model {model_text}: the grid has {n_models} models, 0 to {n_models - 1}", path, line
        )
    scale = parse_number(scale_text)
    if scale is None or not math.isfinite(scale):
        raise InputError(f"the scale '{scale_text}' must be a number", path, line)
    return WantedSed(identity, int(model), scale, line)


def _check_age(grid: ModelGrid, one: WantedSed, path: str) -> None:
    """A model whose age the library does not cover has no spectrum."""
    _, _, _, ilage, imetal, *_ = (int(i[0]) for i in grid.axes.indices(np.array([one.model])))
    youngest, oldest = grid.populations[imetal].usable_ages()
    lage = float(grid.axes.lage[ilage])
    # float32 ages may stick out of the library by a rounding
    if not youngest * (1 - 1e-5) <= 10.0**lage <= oldest * (1 + 1e-5):
        raise InputError(
            f"model {one.model} has log(age/yr) = {lage:g}, but the library covers "
            f"{np.log10(max(youngest, 1)):.2f} to {np.log10(oldest):.2f}",
            path,
            one.line,
        )
