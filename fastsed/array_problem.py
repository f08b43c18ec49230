"""The fit of a table with a user's own array of models: columns and the array in, results out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fastsed.config.run import RunOptions
from fastsed.errors import InputError
from fastsed.fitting.best_fit import BestFit, BestFits
from fastsed.fitting.fixed_scale import FixedScale
from fastsed.fitting.observations import Observations
from fastsed.fitting.passes import Progress, walk
from fastsed.inputs.catalog import take_limits
from fastsed.models.model_array import ArrayGrid, ModelArray
from fastsed.quantities import BY_NAME, Quantity
from fastsed.results import Results
from fastsed.table_problem import Photometry


def fit_array(
    photometry: Photometry,
    bands: Sequence[int],
    models: ModelArray,
    options: RunOptions,
    progress: Progress | None = None,
) -> Results:
    """Find the best model of every source, and the posteriors of the quantities where they are asked for.

    Parameters
    ----------
    photometry : Photometry
        In the unit of the models.
    bands : sequence of int
        Column of the array for each band.
    models : ModelArray
    options : RunOptions
        Threads and posteriors.
    progress : callable, optional

    Raises
    ------
    InputError
        For columns that the array has not, and upper limits beside errors of the models.
    """
    n_band = models.flux.shape[1]
    for band in bands:
        if isinstance(band, bool) or not isinstance(band, int | np.integer) or not 0 <= band < n_band:
            raise InputError(f"bands: {band!r} is no column of the models, which have {n_band}, from 0")
    if photometry.limits is not None and models.sigma is not None:
        raise InputError("limits: not with errors of the models (sigma)")
    factor = np.ones(len(bands))
    grid = ArrayGrid(models, [int(band) for band in bands], factor, options.n_threads())
    data = _observations(photometry)
    reducer = BestFit(grid, data) if models.scale else FixedScale(grid, data)
    walk(grid, data.redshifts_needed(1), [reducer], data.n_sources, progress)
    results = _results(photometry, models, data, reducer.result())
    if not options.posterior:
        return results
    from fastsed.fitting.array_posterior import array_posteriors

    percentiles = tuple(options.posterior_percentiles)
    levels = [percent / 100 for percent in percentiles]
    posterior = array_posteriors(grid, data, levels, options.posterior_scale == "marginal")
    return replace(results, posterior=posterior, percentiles=percentiles)


def _observations(photometry: Photometry) -> Observations:
    """The data as they are, masked where there is no measurement."""
    n, n_band = photometry.flux.shape
    flux, error = photometry.flux.copy(), photometry.error.copy()
    limit, limit_error = take_limits(flux, error, photometry.limits) or (None, None)
    masked = np.isnan(flux)
    none = np.zeros(n, dtype=np.int64)
    last = np.where(masked.all(axis=1), -1, 0)
    return Observations(
        value=np.where(masked, 0.0, flux),
        variance=np.where(masked, np.inf, error**2),
        n_main=n_band,
        template_error=np.zeros((1, n_band)),
        own_spec_scale=np.zeros(n, dtype=np.uint8),
        log_component=np.full(n, -1, dtype=np.int32),
        log_lir=np.zeros(n),
        log_error=np.ones(n),
        first_z=none,
        last_z=last,
        best_first_z=none,
        best_last_z=last,
        limit=limit,
        limit_error=limit_error,
    )


def _results(photometry: Photometry, models: ModelArray, data: Observations, best: BestFits) -> Results:
    fitted = best.fitted
    values = {}
    for name, of_models in models.quantities.items():
        values[name] = np.full(len(fitted), np.nan)
        values[name][fitted] = of_models[best.model_id[fitted]]
    columns = [Quantity(name, "Given with the models.", kind="other") for name in models.quantities]
    values["scale"] = best.scale
    values["chi2"] = best.chi2 / np.maximum(1, data.n_data() - models.scale)
    values["nmodel"] = best.n_models
    scale = Quantity("scale", "Factor between the model and the source.", kind="other")
    return Results(
        ids=photometry.ids,
        columns=(BY_NAME["id"], *columns, scale, BY_NAME["nmodel"], BY_NAME["chi2"]),
        axes={},
        best=best,
        values=values,
        intervals={},
        confidences=(),
    )
