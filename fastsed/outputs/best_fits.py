"""BEST_FIT: best models of the sources in; `best_fits/*.fit` and `*.input_res.fit` out."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats, Ints
from fastsed.config.run import RunOptions
from fastsed.models.spectrum import SpectrumBuilder, sorted_models
from fastsed.outputs.paths import BEST_FITS, source_path
from fastsed.outputs.seds import write_best_fit, write_input_res
from fastsed.problem import Problem

log = logging.getLogger(__name__)


def write_best_fits(problem: Problem, models: Ints, scales: Floats) -> int:
    """Write the spectrum of the best model of each source, and its fluxes beside the data.

    Parameters
    ----------
    problem : Problem
    models : (nsource,) int64
        modelIDs; negative where there is no fit.
    scales : (nsource,)

    Returns
    -------
    int
        Number of sources written.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    grid, data = problem.grid, problem.data
    builder = SpectrumBuilder(grid)
    fitted = np.flatnonzero(models >= 0)
    lam = np.array([band.mean_wavelength for band in grid.bands])
    rows = grid.rows.bands
    for source in fitted[sorted_models(grid, models[fitted])].tolist():
        model, scale, identity = int(models[source]), float(scales[source]), problem.catalog.ids[source]
        write_spectrum(source_path(problem.params, identity, "fit"), builder, problem.params, model, scale)
        write_input_res(
            source_path(problem.params, identity, "input_res.fit"),
            lam,
            scale * builder.band_fluxes(model),
            data.value[source, rows],
            np.sqrt(data.variance[source, rows]),
        )
    log.info(
        "wrote the best fits of %d sources to '%s'", len(fitted), Path(problem.params.output_dir) / BEST_FITS
    )
    return len(fitted)


def write_spectrum(
    path: Path, builder: SpectrumBuilder, params: RunOptions, model: int, scale: float
) -> None:
    """Write the spectrum of one model, with the columns that INTRINSIC_BEST_FIT and LSF_BEST_FIT ask for."""
    lam, flux = builder.observed(model)
    columns = {"fl": scale * flux}
    if params.intrinsic_best_fit:
        columns["fl_nodust"] = scale * builder.intrinsic(model)[1]
    if params.lsf_best_fit and params.spec_lsf_file:
        columns["fl_lsf"] = scale * builder.lsf(model)[1]
    write_best_fit(path, lam, columns)
