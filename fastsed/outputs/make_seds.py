"""MAKE_SEDS: a list of models in; `seds/*.fit` and `seds/*.input_res.fit` out, without a fit."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from fastsed.errors import InputError
from fastsed.inputs.sed_list import ListedSed, read_sed_list
from fastsed.models.grid import ModelGrid
from fastsed.models.spectrum import SpectrumBuilder, sorted_models
from fastsed.outputs.best_fits import write_spectrum
from fastsed.outputs.paths import SEDS
from fastsed.outputs.seds import write_input_res
from fastsed.paths import for_system
from fastsed.problem import Problem

log = logging.getLogger(__name__)


def make_seds(problem: Problem) -> int:
    """Write the spectra of the models that MAKE_SEDS lists, in `seds` below OUTPUT_DIR.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    int
        Number of models written.

    Raises
    ------
    InputError
        For a fault in the list, or if a file cannot be written.
    """
    p, grid = problem.params, problem.grid
    listed = read_sed_list(p.make_seds, grid.axes.size)
    folder = Path(p.output_dir) / SEDS
    lam = np.array([band.mean_wavelength for band in grid.bands])
    builder = SpectrumBuilder(grid)
    for i in sorted_models(grid, np.array([one.model for one in listed], dtype=np.int64)).tolist():
        one = listed[i]
        _check_age(grid, one, p.make_seds)
        name = for_system(one.identity)
        write_spectrum(folder / f"{name}.fit", builder, p, one.model, one.scale)
        write_input_res(folder / f"{name}.input_res.fit", lam, one.scale * builder.band_fluxes(one.model))
    log.info("wrote %d SEDs to '%s'", len(listed), folder)
    return len(listed)


def _check_age(grid: ModelGrid, one: ListedSed, path: str) -> None:
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
