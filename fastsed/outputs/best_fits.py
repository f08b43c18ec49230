"""BEST_FIT: best models of the sources in; `best_fits/*.fit` and `*.input_res.fit` out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastsed.config.run import RunOptions
from fastsed.models.spectrum import SpectrumBuilder, sorted_models
from fastsed.outputs.seds import write_best_fit, write_input_res
from fastsed.paths import for_system

if TYPE_CHECKING:
    from fastsed.pipeline import Setup

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FOLDER = "best_fits"


def source_path(params: RunOptions, identity: str, suffix: str, folder: str = FOLDER) -> Path:
    """Path of a file about one source, as FAST++ names it: `OUTPUT_DIR/folder/catalogue_id.suffix`.

    Slashes of the id become underscores.
    """
    name = f"{Path(params.catalog).name}_{identity}.{suffix}"
    return Path(params.output_dir) / folder / for_system(name.replace("/", "_").replace("\\", "_"))


def write_best_fits(setup: Setup, models: Ints, scales: Floats) -> int:
    """Write the spectrum of the best model of each source, and its fluxes beside the data.

    Parameters
    ----------
    setup : Setup
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
    grid, data = setup.grid, setup.data
    builder = SpectrumBuilder(grid)
    fitted = np.flatnonzero(models >= 0)
    lam = np.array([band.mean_wavelength for band in grid.bands])
    rows = grid.rows.bands
    for source in fitted[sorted_models(grid, models[fitted])].tolist():
        model, scale, identity = int(models[source]), float(scales[source]), setup.catalog.ids[source]
        write_spectrum(source_path(setup.params, identity, "fit"), builder, setup.params, model, scale)
        write_input_res(
            source_path(setup.params, identity, "input_res.fit"),
            lam,
            scale * builder.band_fluxes(model),
            data.value[source, rows],
            np.sqrt(data.variance[source, rows]),
        )
    log.info("wrote the best fits of %d sources to '%s'", len(fitted), Path(setup.params.output_dir) / FOLDER)
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
