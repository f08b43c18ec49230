"""Fits of stars with any number of models: a source that is read chunk by chunk in; the same posteriors out.

Memory does not depend on the number of models. For each batch of stars the models are read twice: once for the most
probable one, and once to add up those that are acceptable.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed._ext import stars as kernel
from fastsed.arrays import Floats
from fastsed.fitting.stars.binning import PdfBins, choose_bins
from fastsed.fitting.stars.comparison import ModelNoise, NoModel
from fastsed.fitting.stars.engine import StarFitter
from fastsed.fitting.stars.models import RangeScan
from fastsed.fitting.stars.options import FitOptions
from fastsed.fitting.stars.parameters import percentiles
from fastsed.fitting.stars.results import FITTED, NO_MODEL, NO_VALID_FLUX, LnpSamples, StarPosteriors
from fastsed.fitting.stars.source import FullCovariance, ModelBlock, ModelSource

logger = logging.getLogger(__name__)

CHUNK_MODELS = 1 << 17
"""Models in memory at a time, which take about 700 bytes each."""
PDF_BYTES = 1 << 27
PERCENTILES = (16, 50, 84)


@dataclass(frozen=True)
class _Chunk:
    """Some models in a row: a source of its own."""

    whole: ModelSource
    first: int
    block: ModelBlock

    @property
    def n_models(self) -> int:
        return len(self.block.seds)

    @property
    def filters(self) -> Sequence[str]:
        return self.whole.filters

    @property
    def columns(self) -> Sequence[str]:
        return self.whole.columns

    def blocks(self) -> Iterator[ModelBlock]:
        yield self.block

    def column_blocks(self) -> Iterator[tuple[int, Floats]]:
        yield 0, self.block.columns

    def grid_rows(self, models: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.whole.grid_rows(models + self.first)

    def models_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.whole.models_of(rows) - self.first

    def values(self, columns: Sequence[int], models: NDArray[np.int64]) -> Floats:
        return self.block.columns[models][:, list(columns)]


def _chunks(source: ModelSource, n_models: int) -> Iterator[_Chunk]:
    """The models of a source, at least `n_models` at a time."""
    held: list[ModelBlock] = []
    first = n_held = 0
    for block in source.blocks():
        held.append(_copied(block))
        n_held += len(block.seds)
        if n_held >= n_models:
            joined, held = _joined(held), []
            yield _Chunk(source, first, joined)
            del joined
            first, n_held = first + n_held, 0
    if held:
        yield _Chunk(source, first, _joined(held))


def _copied(block: ModelBlock) -> ModelBlock:
    """A block that stays valid when the next one is read."""
    full = block.covariance
    return ModelBlock(
        0,
        block.seds.copy(),
        block.columns.copy(),
        block.bias.copy(),
        block.error.copy(),
        None if block.completeness is None else block.completeness.copy(),
        None
        if full is None
        else FullCovariance(full.q_norm.copy(), full.diagonal.copy(), full.off_diagonal.copy()),
    )


def _joined(blocks: Sequence[ModelBlock]) -> ModelBlock:
    def join(pick: Callable[[Any], Any]) -> Any:
        parts = [pick(block) for block in blocks]
        return None if parts[0] is None else np.concatenate(parts)

    full = blocks[0].covariance and FullCovariance(
        join(lambda b: b.covariance.q_norm),
        join(lambda b: b.covariance.diagonal),
        join(lambda b: b.covariance.off_diagonal),
    )
    return ModelBlock(
        0, join(lambda b: b.seds), join(lambda b: b.columns), join(lambda b: b.bias), join(lambda b: b.error),
        join(lambda b: b.completeness), full,
    )  # fmt: skip


class ChunkedFitter:
    """Fits stars with the models of a source, some models at a time; otherwise as `StarFitter`.

    Parameters
    ----------
    source : ModelSource
    options : FitOptions, optional
    n_threads : int, optional
    fits_order : bool, optional
        PDFs in the byte order of FITS.
    chunk_models : int, optional
        Models in memory at a time.

    Attributes
    ----------
    names, pdf_bins, source
        As those of `StarFitter`.
    """

    def __init__(
        self,
        source: ModelSource,
        options: FitOptions | None = None,
        n_threads: int = 1,
        fits_order: bool = False,
        chunk_models: int = CHUNK_MODELS,
    ):
        self.source, self.options = source, options or FitOptions()
        self._n_threads, self.fits_order, self._chunk_models = n_threads, fits_order, chunk_models
        self._scan()
        self._best_rows, self._best_values = np.zeros(0, np.int64), np.zeros((0, len(self.names)))

    def _scan(self) -> None:
        """Ranges of the parameters and the sum of the weights, from a first reading."""
        options, source = self.options, self.source
        ranges = RangeScan(source, options.max_bins, options.compat)
        noise = self._noise()
        noise.start(len(source.filters), 0)
        for block in source.blocks():
            biased = ranges.add(block)
            noise.count(block, biased, block.columns[:, ranges.weight_column])
        noise.report()
        self._log_sum = noise.log_sum() if options.normalize else 0.0
        spans = ranges.spans()
        self.names = tuple(spans)
        self.pdf_bins: PdfBins = choose_bins(self.names, (0,) * len(spans), spans, options)
        given = {name: span for name, span in (options.spans or {}).items() if name in spans}
        self._options = replace(options, spans=spans | given)

    def _noise(self) -> ModelNoise:
        return ModelNoise(self.options.normalize, self.options.full_covariance, self.options.incomplete)

    def _fitters(self, names: Sequence[str]) -> Iterator[StarFitter]:
        """A fitter for each chunk that has models which can be compared with stars."""
        for chunk in _chunks(self.source, self._chunk_models):
            try:
                fitter = StarFitter(chunk, self._options, self._n_threads, names=names, log_sum=self._log_sum)
            except NoModel:
                continue
            # no chunk is kept while the next one is read
            del chunk
            yield fitter
            del fitter

    @property
    def stars_a_reading(self) -> int:
        """Stars whose PDFs take `PDF_BYTES`: so many at a time are worth a reading of all models."""
        bins = [b.n_bins for b in self.pdf_bins.one]
        planes = [one.n_bins * two.n_bins for one, two in self.pdf_bins.pair_bins]
        return max(128, PDF_BYTES // (8 * (sum(bins) + sum(planes) + 1)))

    def fit(self, fluxes: Floats, first: int = 0, reuse: bool = False) -> StarPosteriors:
        """Fit some stars: see `StarFitter.fit`.

        The more stars at a time, the fewer times the models are read.
        """
        del reuse
        fluxes = np.ascontiguousarray(fluxes, dtype=np.float64)
        status = np.where(np.isfinite(fluxes).all(axis=1), FITTED, NO_VALID_FLUX).astype(np.int16)
        best = np.full(len(fluxes), -np.inf)
        for fitter in self._fitters(()):
            fitter.raise_best(fluxes, status == FITTED, best)
            del fitter
        status[(status == FITTED) & ~np.isfinite(best)] = NO_MODEL
        sums = _Sums(self, len(fluxes), first)
        for fitter in self._fitters(self.names):
            sums.add(fitter, fluxes, status == FITTED, best)
            del fitter
        result = sums.result(status, best)
        self._best_rows, self._best_values = result.best_row, sums.best_values
        return result

    def values_of(self, rows: NDArray[np.int64]) -> Floats:
        """Values of all parameters of the most probable models of the last fit, by their rows."""
        order = np.argsort(self._best_rows, kind="stable")
        return self._best_values[order[np.searchsorted(self._best_rows, rows, sorter=order)]]


class _Sums:
    """Sums over the chunks, for some stars."""

    def __init__(self, owner: ChunkedFitter, n_stars: int, first: int):
        self.owner, self.numbers = owner, np.arange(first, first + n_stars, dtype=np.int64)
        bins, n_names = owner.pdf_bins, len(owner.names)
        summary = np.zeros(n_stars, kernel.SUMMARY)
        summary["best_row"] = summary["chi2_row"] = np.iinfo(np.int64).max
        summary["chi2_min"] = np.inf
        self.arrays: dict[str, Any] = {
            "summary": summary,
            "expectation": np.zeros((n_stars, n_names)),
            "pdf1d": [np.zeros((n_stars, b.n_bins)) for b in bins.one],
            "pdf2d": [np.zeros((n_stars, one.n_bins, two.n_bins)) for one, two in bins.pair_bins],
        }
        self.best_values = np.full((n_stars, n_names), np.nan)
        n_samples = owner.options.n_samples
        self.n_samples = np.iinfo(np.int64).max if n_samples is None else n_samples
        self.limits = np.full(n_stars, np.iinfo(np.uint64).max, dtype=np.uint64)
        self.samples = (
            np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32),
        )  # fmt: skip

    def add(self, fitter: StarFitter, fluxes: Floats, valid: NDArray[np.bool_], best: Floats) -> None:
        """Add what the models of a chunk contribute."""
        before = self.arrays["summary"]["best_row"].copy()
        counts, rows, lnp, chi2 = fitter.add(fluxes, self.numbers, valid, best, self.limits, self.arrays)
        new = self.arrays["summary"]["best_row"] != before
        if new.any():
            self.best_values[new] = fitter.values_of(self.arrays["summary"]["best_row"][new])
        if counts.any():
            self._keep_samples(np.repeat(np.arange(len(counts)), counts), rows, lnp, chi2)

    def _keep_samples(self, *new: NDArray[Any]) -> None:
        """Of all samples so far (stars, rows, ln P, chi2), those of each star with the smallest keys."""
        parts: list[NDArray[Any]] = [
            np.concatenate([old, more]) for old, more in zip(self.samples, new, strict=True)
        ]
        keys = kernel.sample_keys(self.owner.options.seed, self.numbers[parts[0]], parts[1])
        order = np.lexsort((keys, parts[0]))
        stars = parts[0][order]
        starts = np.searchsorted(stars, np.arange(len(self.numbers)))
        keep = np.arange(len(stars)) - starts[stars] < self.n_samples
        chosen = order[keep]
        self.samples = (parts[0][chosen], parts[1][chosen], parts[2][chosen], parts[3][chosen])
        last = np.searchsorted(self.samples[0], np.arange(len(self.numbers)), side="right") - 1
        full = np.bincount(self.samples[0], minlength=len(self.numbers)) >= self.n_samples
        self.limits[full] = keys[chosen][last[full]]

    def _in_order(self, pdfs: list[Floats]) -> list[Floats]:
        """In the byte order that is asked for, without a copy."""
        if not self.owner.fits_order:
            return pdfs
        return [pdf.byteswap(inplace=True).view(pdf.dtype.newbyteorder(">")) for pdf in pdfs]

    def result(self, status: NDArray[np.int16], best: Floats) -> StarPosteriors:
        """Posteriors from the sums."""
        done, summary = status == FITTED, self.arrays["summary"]
        total = np.where(done, summary["log_norm"], np.nan)
        middle = np.full((len(status), len(self.owner.names), 3), np.nan)
        for pdf in [*self.arrays["pdf1d"], *self.arrays["pdf2d"]]:
            pdf[done] /= total[done].reshape(-1, *(1,) * (pdf.ndim - 1))
        for i, (pdf, bins) in enumerate(zip(self.arrays["pdf1d"], self.owner.pdf_bins.one, strict=True)):
            middle[done, i] = percentiles(pdf[done], bins.centres, PERCENTILES)
        pdf1d, pdf2d = (self._in_order(self.arrays[kind]) for kind in ("pdf1d", "pdf2d"))
        rows = {name: np.where(done, summary[name], -1) for name in ("best_row", "chi2_row")}
        counts = np.bincount(self.samples[0], minlength=len(status)).astype(np.int64)
        return StarPosteriors(
            status, rows["best_row"], np.where(done, best, np.nan), np.where(done, best, np.nan) + np.log(total),
            np.where(done, summary["chi2_min"], np.nan), rows["chi2_row"], summary["n_models"],
            self.arrays["expectation"] / total[:, None], middle, pdf1d, pdf2d, LnpSamples(counts, *self.samples[1:]),
        )  # fmt: skip
