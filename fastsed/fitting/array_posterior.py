"""Posteriors over a user's own array of models: the array and the data in, what the weights tell out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.special import erfcx, log_ndtr, logsumexp

from fastsed._ext.chi2_rows import all_chi2
from fastsed.arrays import Floats, Ints
from fastsed.fitting.fixed_scale import PAIRS
from fastsed.fitting.kernel_views import data_view, tile_view
from fastsed.fitting.observations import Observations
from fastsed.fitting.posterior_estimates import MOST_WITHOUT_VALUE, Histograms, PosteriorEstimates
from fastsed.models.model_array import ArrayGrid

# bins over the range of a quantity, at least
BINS = 1024
# sigma below a limit
FAR_BELOW = -1e4


def array_posteriors(
    grid: ArrayGrid, data: Observations, probabilities: Sequence[float], marginal: bool = False
) -> PosteriorEstimates:
    """Weigh all models of an array for each source.

    ln w is -chi2/2 + ln_prior, with errors of the models also -sum ln sigma_total, and with a scale that is integrated
    over (flat and positive) also ln Phi(s n) - ln n, s the best scale and n^2 the sum of (model / error)^2, with upper
    limits half of the second derivative of chi2.

    Parameters
    ----------
    grid : ArrayGrid
    data : Observations
    probabilities : sequence of float
        Of the quantiles.
    marginal : bool
        Whether the scale is integrated over; it says nothing where models have none.
    """
    rows = np.flatnonzero(data.last_z >= 0)
    levels = np.asarray(probabilities, dtype=np.float64)
    quantities = {name: _Quantity(values) for name, values in grid.models.quantities.items()}
    estimates: dict[str, list[_Estimates]] = {name: [] for name in quantities}
    neff, lnz = np.zeros(data.n_sources), np.full(data.n_sources, -np.inf)
    step = max(1, PAIRS // grid.axes.size)
    for start in range(0, data.n_sources, step):
        some = np.arange(start, min(start + step, data.n_sources))
        weights = np.zeros((len(some), grid.axes.size))
        inside = np.isin(some, rows)
        ln = _ln_weights(grid, data, some[inside], marginal)
        total = logsumexp(ln, axis=1)
        with np.errstate(invalid="ignore"):
            weights[inside] = np.where(np.isfinite(total)[:, None], np.exp(ln - total[:, None]), 0.0)
        lnz[some[inside]] = total
        squares = (weights**2).sum(axis=1)
        neff[some] = np.where(squares > 0, 1 / np.where(squares > 0, squares, 1), 0.0)
        for name, quantity in quantities.items():
            estimates[name].append(quantity.estimates(weights, levels))
    return _together(estimates, neff, lnz)


def _ln_weights(grid: ArrayGrid, data: Observations, sources: Ints, marginal: bool) -> Floats:
    """ln w of all models for some sources, (nsource, nmodel); -inf for models of a negative scale."""
    flux, sigma = grid.flux, grid.sigma
    value, variance = data.value[sources], data.variance[sources]
    ln = np.zeros((len(sources), len(flux)))
    if grid.models.ln_prior is not None:
        ln += grid.models.ln_prior
    if not grid.models.scale:
        for band in range(data.n_columns):
            total = variance[:, [band]] + (0.0 if sigma is None else sigma[:, band] ** 2)
            ln -= 0.5 * (value[:, [band]] - flux[:, band]) ** 2 / total
            if sigma is not None:
                ln -= np.where(np.isfinite(total), 0.5 * np.log(np.where(np.isfinite(total), total, 1)), 0)
        for row, of_models, limit in _limited(grid, data, sources):
            ln[row] += log_ndtr(limit - of_models).sum(axis=1)
        return ln
    num, norm2 = (value / variance) @ flux.T, (1 / variance) @ (flux.T**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = num / norm2
        limited = list(_limited(grid, data, sources))
        rows = [row for row, _, _ in limited]
        scale[rows] = _limited_scales(grid, data, sources[rows])
        for row, of_models, limit in limited:
            below = limit - scale[row][:, None] * of_models
            norm2[row] += _curvature(below, of_models)
            ln[row] += log_ndtr(below).sum(axis=1)
        for band in range(data.n_columns):
            ln -= 0.5 * (value[:, [band]] - scale * flux[:, band]) ** 2 / variance[:, [band]]
        if marginal:
            ln += log_ndtr(scale * np.sqrt(norm2)) - 0.5 * np.log(norm2)
        return np.where(scale > 0, ln, -np.inf)


def _limited(grid: ArrayGrid, data: Observations, sources: Ints) -> Iterator[tuple[int, Floats, Floats]]:
    """Of the sources with upper limits: their place, models (nmodel, nlimit) and limits over the errors of these."""
    if data.limit is None or data.limit_error is None:
        return
    for row, (limit, error) in enumerate(zip(data.limit[sources], data.limit_error[sources], strict=True)):
        given = np.isfinite(error)
        if given.any():
            yield row, grid.flux[:, given] / error[given], limit[given] / error[given]


def _limited_scales(grid: ArrayGrid, data: Observations, sources: Ints) -> Floats:
    """The scale of the smallest chi2 of each model, (nsource, nmodel), for sources with upper limits."""
    scale, view = np.empty((len(sources), grid.axes.size)), data_view(data)
    for tile in grid.tiles(data.redshifts_needed(1)):
        chi2, found, spec_scale = np.empty((3, len(sources), tile.n_models))
        all_chi2(tile_view(grid, tile), view, sources, chi2, found, spec_scale, grid.n_threads)
        scale[:, tile.ids] = found
    return scale


def _curvature(below: Floats, flux: Floats) -> Floats:
    """Half of what upper limits add to the second derivative of chi2 by the scale, (nmodel,).

    `below`, `flux`: (nmodel, nlimit), how far the models are below the limits, and the models, over their errors.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        # phi / Phi
        hazard = np.sqrt(2 / np.pi) / erfcx(-below * np.sqrt(0.5))
        # far below 0, its sum with the argument has lost its digits: the asymptotic series
        slope = np.where(below < FAR_BELOW, 1 - 1 / below**2, hazard * (hazard + below))
    return np.asarray((flux**2 * slope).sum(axis=1))


class _Estimates:
    """What the weights of some sources tell of a quantity, and its histograms."""

    def __init__(self, mean: Floats, std: Floats, without: Floats, quantiles: Floats, histograms: Histograms):
        self.mean, self.std, self.without, self.quantiles = mean, std, without, quantiles
        self.histograms = histograms


class _Quantity:
    """Values of a quantity, and their bins, a power of two wide."""

    def __init__(self, values: Floats):
        self.known = np.isfinite(values)
        self.values = np.where(self.known, values, 0.0)
        low, high = (
            (self.values[self.known].min(), self.values[self.known].max()) if self.known.any() else (0.0, 0.0)
        )
        span = max(high - low, 2.0**-20 * max(abs(low), abs(high)), 2.0**-500)
        self.per_step = 2.0 ** np.ceil(np.log2(BINS / span))
        bins = np.floor(self.values * self.per_step)
        self.first = int(np.floor(low * self.per_step))
        self.bins = np.where(self.known, bins - self.first, 0).astype(np.int64)
        self.n_bins = int(self.bins.max(initial=0)) + 1

    def estimates(self, weights: Floats, levels: Floats) -> _Estimates:
        """From weights (nsource, nmodel), whose sums are 1, or 0 for sources without any."""
        of_known = np.where(self.known, weights, 0.0)
        valid = of_known.sum(axis=1)
        # about the likeliest value, so that nothing is rounded where it is the only one
        origin = self.values[np.argmax(of_known, axis=1)]
        difference = self.values - origin[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            shift = (of_known * difference).sum(axis=1) / valid
            spread = np.sqrt((of_known * (difference - shift[:, None]) ** 2).sum(axis=1) / valid)
        without = np.where(weights.any(axis=1), np.clip(1 - valid, 0, 1), np.nan)
        histograms = self._histograms(of_known)
        enough = without <= MOST_WITHOUT_VALUE
        quantiles = histograms.quantiles(levels)
        return _Estimates(
            np.where(enough, origin + shift, np.nan),
            np.where(enough, spread, np.nan),
            without,
            np.where(enough[:, None], quantiles, np.nan),
            histograms,
        )

    def _histograms(self, weights: Floats) -> Histograms:
        """Of each source the bins from the first to the last that has any weight."""
        lows, each = [], []
        for row in weights:
            sums = np.bincount(self.bins, weights=row, minlength=self.n_bins)
            filled = np.flatnonzero(sums)
            first, stop = (int(filled[0]), int(filled[-1]) + 1) if len(filled) else (0, 0)
            lows.append(self.first + first)
            each.append(sums[first:stop])
        counts = np.array([len(one) for one in each], dtype=np.int64)
        return Histograms(
            np.array(lows, dtype=np.int64),
            counts,
            np.where(counts > 0, self.per_step, 0.0),
            np.concatenate(each) if each else np.empty(0),
        )


def _together(estimates: Mapping[str, Sequence[_Estimates]], neff: Floats, lnz: Floats) -> PosteriorEstimates:
    def joined(attribute: str) -> dict[str, Floats]:
        return {
            name: np.concatenate([getattr(part, attribute) for part in parts])
            for name, parts in estimates.items()
        }

    return PosteriorEstimates(
        mean=joined("mean"),
        std=joined("std"),
        without_value=joined("without"),
        percentiles=joined("quantiles"),
        neff=neff,
        lnz=lnz,
        axis_values={},
        axis_pdf={},
        known_redshift=np.zeros(len(lnz), dtype=bool),
        histograms={
            name: Histograms.concatenated([part.histograms for part in parts])
            for name, parts in estimates.items()
        },
    )
