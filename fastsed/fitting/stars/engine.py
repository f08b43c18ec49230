"""Fits of stars: models in the order of likeness and a tree over them; fluxes of stars in; posteriors out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed._ext import stars as kernel
from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.fitting.stars.binning import build_parameters, choose_bins
from fastsed.fitting.stars.comparison import ModelNoise
from fastsed.fitting.stars.models import MODEL, StarModels, scan_models
from fastsed.fitting.stars.options import FitOptions
from fastsed.fitting.stars.parameters import symlog
from fastsed.fitting.stars.results import LnpSamples, StarPosteriors
from fastsed.fitting.stars.source import ModelSource


class StarFitter:
    """Fits stars with the models of a source.

    Parameters
    ----------
    source : ModelSource
    options : FitOptions, optional
    n_threads : int, optional
    fits_order : bool, optional
        PDFs in the byte order of FITS.
    names : sequence of str, optional
        Parameters; by default all that have finite values.
    log_sum : float, optional
        ln of the sum of the weights of a grid of which the models are a part.

    Attributes
    ----------
    names : tuple of str
        Parameters, in the order of the results.
    pdf_bins : PdfBins

    Raises
    ------
    InputError
        If the models cannot be fitted.
    """

    def __init__(
        self,
        source: ModelSource,
        options: FitOptions | None = None,
        n_threads: int = 1,
        fits_order: bool = False,
        names: Sequence[str] | None = None,
        log_sum: float | None = None,
    ):
        self.options = options = options or FitOptions()
        noise = ModelNoise(options.normalize, options.full_covariance, options.incomplete, log_sum)
        models = scan_models(source, options.max_bins, noise, options.compat, names)
        self._arrays: dict[str, Any] | None = None
        self._fits_order, self._n_threads, self._noise = fits_order, n_threads, noise
        self.names, self.source = models.names, source
        self.pdf_bins = choose_bins(models.names, models.kinds, models.spans, options)
        order = self._order(models)
        self._ordered = models.records[order]
        # what is in order now need not be kept as it was
        models = replace(models, records=np.zeros((0, 0)))
        self._tree, self._positions = self._build_tree(models, order, n_threads)
        self._parameters = build_parameters(
            models, self.pdf_bins, self._positions, self._ordered[:, : self._noise.n_filters]
        )
        self._models = models
        samples = -1 if options.n_samples is None else options.n_samples
        self._fit = kernel.StarFit(
            self._tree, self._parameters, options.threshold, samples, options.seed, fits_order, n_threads
        )

    def _order(self, models: StarModels) -> NDArray[np.uint32]:
        self._ratios, self._floors = self._noise.typical_errors(models.records)
        constants = (0.4 * models.records[:, self._noise.n_filters]).astype(np.float32)
        return kernel.order_by_likeness(
            models.records, self._noise.n_filters, constants, self._ratios, self._floors
        )

    def _build_tree(
        self, models: StarModels, order: NDArray[np.uint32], n_threads: int
    ) -> tuple[kernel.StarTree, NDArray[np.uint32]]:
        """The tree, and the position in it of each model of the source."""
        ordered = models.models[order]
        rows = self.source.grid_rows(ordered)
        if len(rows) and rows.max() >= 2**32 - 1:
            raise InputError(f"row {rows.max()} of the grid: rows beyond 2^32 cannot be fitted")
        tree = self._noise.build_tree(self._ordered, rows.astype(np.uint32), order, n_threads)
        positions = np.full(self.source.n_models, kernel.NO_ID, np.uint32)
        positions[ordered] = np.arange(len(ordered), dtype=np.uint32)
        return tree, positions

    def fit(self, fluxes: Floats, first: int = 0, reuse: bool = False) -> StarPosteriors:
        """Fit some stars.

        Parameters
        ----------
        fluxes : ndarray, shape (n_stars, n_filters)
            In the unit of the models.
        first : int, optional
            Number of the first star, which decides which samples are drawn.
        reuse : bool, optional
            The arrays of the last result with `reuse` may be overwritten, which saves the time that fresh memory takes.

        Raises
        ------
        InputError
            If the fluxes are not of the models' filters.
        """
        fluxes = np.ascontiguousarray(fluxes, dtype=np.float64)
        if fluxes.ndim != 2 or fluxes.shape[1] != self._noise.n_filters:
            raise InputError(f"fluxes of shape {fluxes.shape} for models in {self._noise.n_filters} filters")
        n = len(fluxes)
        scaled = fluxes * self._noise.unit
        order = kernel.order_by_likeness(
            np.nan_to_num(scaled), self._noise.n_filters, None, self._ratios, self._floors
        )
        arrays = self._reused_arrays(n) if reuse else self._result_arrays(n)
        numbers = np.arange(first, first + n, dtype=np.int64)
        samples = LnpSamples(*self._fit.fit(scaled, numbers, order, arrays))
        summary = arrays["summary"]
        return StarPosteriors(
            arrays["status"], summary["best_row"], summary["ln_p_max"], summary["log_norm"], summary["chi2_min"],
            summary["chi2_row"], summary["n_models"], arrays["expectation"], arrays["percentiles"], arrays["pdf1d"],
            arrays["pdf2d"], samples,
        )  # fmt: skip

    def raise_best(self, fluxes: Floats, valid: NDArray[np.bool_], best: Floats) -> None:
        """Raise the largest ln(posterior) that is known of some stars by that among these models.

        Parameters
        ----------
        fluxes : ndarray, shape (n_stars, n_filters)
        valid : ndarray of bool, shape (n_stars,)
            Stars that are searched.
        best : ndarray, shape (n_stars,)
            -inf where nothing is known; raised in place.
        """
        scaled = fluxes * self._noise.unit
        self._fit.raise_best(scaled, self._order_of_stars(scaled, valid), best)

    def add(
        self,
        fluxes: Floats,
        numbers: NDArray[np.int64],
        valid: NDArray[np.bool_],
        best: Floats,
        limits: NDArray[np.uint64],
        arrays: dict[str, Any],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        """Add what these models contribute to stars whose best model among all is known; see the kernel's `add`."""
        scaled = fluxes * self._noise.unit
        return self._fit.add(scaled, numbers, self._order_of_stars(scaled, valid), best, limits, arrays)

    def _order_of_stars(self, scaled: Floats, valid: NDArray[np.bool_]) -> NDArray[np.uint32]:
        rows = np.flatnonzero(valid).astype(np.uint32)
        some = np.ascontiguousarray(scaled[rows])
        return rows[kernel.order_by_likeness(some, self._noise.n_filters, None, self._ratios, self._floors)]

    def values_of(self, rows: NDArray[np.int64]) -> Floats:
        """Values of all parameters of some models.

        Parameters
        ----------
        rows : ndarray of int, shape (n,)
            Rows of the grid, as the results name them.

        Returns
        -------
        ndarray, shape (n, n_parameters)
        """
        models = self.source.models_of(rows)
        values = np.empty((len(rows), len(self.names)))
        for kind, table in enumerate((self._models.spectra, self._models.dust)):
            numbers = [i for i, k in enumerate(self._models.kinds) if k == kind]
            values[:, numbers] = table.rows[table.ids[models]][:, [self._models.columns[i] for i in numbers]]
        of_models = [i for i, k in enumerate(self._models.kinds) if k == MODEL]
        columns = [i for i in of_models if self._models.columns[i] >= 0]
        if columns:
            values[:, columns] = self.source.values([self._models.columns[i] for i in columns], models)
        for i in of_models:
            if self._models.columns[i] < 0:
                values[:, i] = symlog(
                    self._biased_flux(models, -1 - self._models.columns[i]), self._models.compat
                )
        return values

    def _biased_flux(self, models: NDArray[np.int64], k: int) -> Floats:
        flux: Floats = self._ordered[self._positions[models], k] / self._noise.unit[k]
        return flux

    def _reused_arrays(self, n: int) -> dict[str, Any]:
        if self._arrays is None or len(self._arrays["status"]) < n:
            self._arrays = self._result_arrays(n)
        return {
            name: [one[:n] for one in array] if isinstance(array, list) else array[:n]
            for name, array in self._arrays.items()
        }

    def _result_arrays(self, n: int) -> dict[str, Any]:
        dtype = np.dtype(">f8" if self._fits_order else "f8")
        return {
            "status": np.zeros(n, np.int16),
            "summary": np.zeros(n, kernel.SUMMARY),
            "expectation": np.empty((n, len(self.names))),
            "percentiles": np.empty((n, len(self.names), 3)),
            "pdf1d": [np.empty((n, b.n_bins), dtype) for b in self.pdf_bins.one],
            "pdf2d": [np.empty((n, one.n_bins, two.n_bins), dtype) for one, two in self.pdf_bins.pair_bins],
        }
