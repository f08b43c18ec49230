"""Fits of catalogues of stars: grid, noise model, catalogue in; BEAST's products out."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.fitting.stars.chunks import CHUNK_MODELS, ChunkedFitter
from fastsed.fitting.stars.engine import StarFitter
from fastsed.fitting.stars.options import FitOptions
from fastsed.fitting.stars.results import FITTED, NO_MODEL, NO_VALID_FLUX, StarPosteriors
from fastsed.fitting.stars.source import column_values
from fastsed.survey.fit_layout import STATISTICS, FitLayout
from fastsed.survey.fit_resume import EarlierResults
from fastsed.survey.fit_store import FitStore, product_paths
from fastsed.survey.generated_models import GeneratedModels, open_models
from fastsed.survey.star_catalogue import StarCatalogue, read_star_catalogue
from fastsed.survey.star_models import FileModels
from fastsed.survey.star_names import on_the_sky, star_names
from fastsed.threads import available_threads

logger = logging.getLogger(__name__)

STARS_A_BATCH = 1024
"""Stars whose results are written together: a fraction of a second of work."""
STORED_IN_MEMORY, GENERATED_IN_MEMORY = 10**7, 10**6
"""So many models of a grid, or made from settings, are held in memory, where they take 300 bytes each."""
SAMPLED_BYTES, SAMPLES = 1 << 12, 64


@dataclass(frozen=True)
class StarFitSettings:
    """Inputs and options of the fit of a catalogue.

    Attributes
    ----------
    grid, noise, catalogue, vega : path-like
    base : path-like
        What the names of the products begin with.
    options : FitOptions
    index : path-like or None
        Index list of the models that are used.
    columns : sequence of str or None
        Columns of fluxes relative to Vega.
    survey : str
        Begins the stars' names.
    stars_a_batch : int or None
        Results are kept after every so many stars; None: 1024, or as many as have 128 MB of PDFs
        where there are too many models for the memory.
    compat : {"beast1", "beast2"} or None
        Files without further columns and, for stars that are not fitted, with zeros, as BEAST writes them.
    """

    grid: str | PathLike[str]
    noise: str | PathLike[str]
    catalogue: str | PathLike[str]
    vega: str | PathLike[str]
    base: str | PathLike[str]
    options: FitOptions
    index: str | PathLike[str] | None = None
    columns: Sequence[str] | None = None
    survey: str = "PHAT"
    stars_a_batch: int | None = None
    compat: str | None = None


def fit_catalogue(
    settings: StarFitSettings, resume: bool = False, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Fit the stars of a catalogue and write the products.

    Parameters
    ----------
    settings : StarFitSettings
    resume : bool, optional
        Go on with what an earlier run left, ours or BEAST's.
    progress : callable, optional
        Called with the number of stars that are done, and of all.

    Returns
    -------
    list of Path
        The products.

    Raises
    ------
    InputError
        If an input is wrong or a product cannot be written.
    """
    if settings.stars_a_batch is not None and settings.stars_a_batch < 1:
        raise InputError(f"results are to be kept every {settings.stars_a_batch} stars; it must be 1 or more")
    with open_models(settings.grid, settings.noise, settings.index) as source:
        stars = read_star_catalogue(settings.catalogue, source.filters, settings.vega, settings.columns)
        _tell_of_odd_stars(stars)
        fitter = choose_fitter(source, settings.options)
        run = _Run(settings, source, stars, fitter)
        with FitStore(settings.base, run.layout, stars.fluxes, run.fingerprint(), resume) as store:
            if resume and store.n_done == 0:
                run.take_over(store)
            run.fit(store, progress)
            paths = store.finish()
    run.report()
    return paths


def _tell_of_odd_stars(stars: StarCatalogue) -> None:
    """Say that there are no stars, or that they have no positions."""
    if stars.n_stars == 0:
        logger.warning("%s holds no stars: the products have no rows", stars.path)
    elif stars.ra is None or stars.dec is None:
        logger.warning("%s has no columns RA and DEC: no star has a name", stars.path)
    elif n_lost := int(np.count_nonzero(~on_the_sky(stars.ra, stars.dec))):
        logger.warning("%d stars without a position (RA, DEC) have no name", n_lost)


def stars_statistics(
    source: FileModels | GeneratedModels,
    stars: StarCatalogue,
    options: FitOptions,
    n_threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> NDArray[Any]:
    """Fit stars without writing anything.

    Parameters
    ----------
    source : FileModels or GeneratedModels
    stars : StarCatalogue
    options : FitOptions
    n_threads : int, optional
    progress : callable, optional
        Called with the number of stars done, batch by batch.

    Returns
    -------
    structured array (n_stars,)
        The rows of the stats file.
    """
    settings = StarFitSettings("", "", stars.path, "", "", options)
    fitter = choose_fitter(source, options, n_threads)
    run, rows = _Run(settings, source, stars, fitter), []
    batch = STARS_A_BATCH if isinstance(fitter, StarFitter) else fitter.stars_a_reading
    for start in range(0, stars.n_stars, batch):
        some = slice(start, min(start + batch, stars.n_stars))
        rows.append(run.stats_rows(some, fitter.fit(stars.fluxes[some], start, reuse=True)))
        if progress is not None:
            progress(some.stop - some.start)
    return np.concatenate(rows) if rows else np.zeros(0, run.layout.stats_type)


def choose_fitter(
    source: FileModels | GeneratedModels, options: FitOptions, n_threads: int | None = None
) -> StarFitter | ChunkedFitter:
    """With all models in memory, or, if these are too many, chunk by chunk."""
    limit = STORED_IN_MEMORY if isinstance(source, FileModels) else GENERATED_IN_MEMORY
    if source.n_models <= limit:
        return StarFitter(source, options, n_threads or available_threads(), fits_order=True)
    logger.info("%d models are taken in chunks of %d", source.n_models, CHUNK_MODELS)
    return ChunkedFitter(source, options, n_threads or available_threads(), fits_order=True)


class _Run:
    """The fit of a catalogue."""

    def __init__(
        self,
        settings: StarFitSettings,
        source: FileModels | GeneratedModels,
        stars: StarCatalogue,
        fitter: StarFitter | ChunkedFitter,
    ):
        self.settings, self.source, self.stars, self.fitter = settings, source, stars, fitter
        compat = settings.options.compat
        self.names = star_names(settings.survey, stars.ra, stars.dec, stars.n_stars, compat)
        self.layout = FitLayout(
            source.grid.filters,
            source.grid.wavelengths,
            fitter.names,
            fitter.pdf_bins.one,
            fitter.pdf_bins.pair_names,
            fitter.pdf_bins.pair_bins,
            stars.n_stars,
            max(1, self.names.dtype.itemsize),
            has_positions=stars.ra is not None,
            has_beast_idx=stars.beast_idx is not None,
            has_row_id=stars.row_id is not None,
            has_full_rows="fullgrid_idx" in source.columns,
            extras=settings.compat is None,
            filter_table=compat != "beast1",
        )
        self.counts = {NO_VALID_FLUX: 0, NO_MODEL: 0}

    def fingerprint(self) -> str:
        """Of all that decides about the products: options, the grid's and noise model's files, the stars."""
        settings, digest = self.settings, hashlib.blake2b(digest_size=16)
        options = asdict(replace(settings.options, spans=None))
        digest.update(
            json.dumps([options, settings.survey, settings.compat], sort_keys=True, default=str).encode()
        )
        for path in self.source.input_paths:
            digest.update(_file_digest(path))
        stars = self.stars
        for array in (
            stars.fluxes,
            stars.ra,
            stars.dec,
            stars.beast_idx,
            stars.row_id,
            *(b.edges for b in self.fitter.pdf_bins.one),
        ):
            digest.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def take_over(self, store: FitStore) -> None:
        """Add what an earlier run left in BEAST's files, if it is of such a fit."""
        paths = product_paths(self.settings.base, bool(self.layout.pair_names))
        present = [path for path in paths.values() if path.exists()]
        if not present:
            return
        try:
            earlier = EarlierResults(
                self.settings.base, self.layout, self.stars.fluxes, self.settings.options.n_samples
            )
        except InputError as error:
            logger.warning("the fit starts over: %s", error)
            return
        try:
            for table, pdf1d, pdf2d, samples in earlier.batches():
                self._add_full_rows(table, table["Pmax"] != 0)
                self._add_row_ids(table, store.n_done)
                store.append(table, pdf1d, pdf2d, samples)
        finally:
            earlier.close()
        logger.info("%d of %d stars are fitted already", store.n_done, self.stars.n_stars)

    def fit(self, store: FitStore, progress: Callable[[int, int], None] | None) -> None:
        """Fit the stars that are not done."""
        n_stars, batch = self.stars.n_stars, self.settings.stars_a_batch
        if batch is None:
            batch = STARS_A_BATCH if isinstance(self.fitter, StarFitter) else self.fitter.stars_a_reading
        while store.n_done < n_stars:
            rows = slice(store.n_done, min(store.n_done + batch, n_stars))
            result = self.fitter.fit(self.stars.fluxes[rows], rows.start, reuse=True)
            assert result.samples is not None
            store.append(self.stats_rows(rows, result), result.pdf1d, result.pdf2d, result.samples)
            for status in self.counts:
                self.counts[status] += int((result.status == status).sum())
            if progress is not None:
                progress(store.n_done, n_stars)

    def _add_row_ids(self, table: NDArray[Any], first: int) -> None:
        """Rows of the catalogue that was split, where it is known."""
        if self.stars.row_id is not None and "row_id" in (table.dtype.names or ()):
            table["row_id"] = self.stars.row_id[first : first + len(table)]

    def stats_rows(self, rows: slice, result: StarPosteriors) -> NDArray[Any]:
        """Rows of the stats file."""
        table = np.zeros(rows.stop - rows.start, self.layout.stats_type)
        stars, done = self.stars, result.status == FITTED
        table["Name"] = self.names[rows]
        if stars.ra is not None and stars.dec is not None:
            table["RA"], table["DEC"] = stars.ra[rows], stars.dec[rows]
        if stars.beast_idx is not None:
            table["beast_idx"] = stars.beast_idx[rows]
        self._add_row_ids(table, rows.start)
        for k, name in enumerate(self.layout.filters):
            table[name] = stars.fluxes[rows, k]
        fill = 0.0 if self.settings.compat else np.nan
        best = np.full((len(table), len(self.layout.names)), fill)
        best[done] = self.fitter.values_of(result.best_row[done])
        for i, name in enumerate(self.layout.names):
            columns = (best[:, i], result.expectation[:, i], *result.percentiles[:, i].T)
            for what, column in zip(STATISTICS, columns, strict=True):
                table[f"{name}_{what}"] = np.where(done, column, fill)
        self._add_summary(table, result, done, fill)
        return table

    def _add_summary(
        self, table: NDArray[Any], result: StarPosteriors, done: NDArray[np.bool_], fill: float
    ) -> None:
        """Likelihoods and rows of the grid."""
        summary = {
            "chi2min": result.chi2_min,
            "Pmax": result.ln_p_max,
            "total_log_norm": result.total_log_norm,
        }
        for name, column in summary.items():
            table[name] = np.where(done, column, fill)
        no_row = 0 if self.settings.compat else -1
        table["chi2min_indx"] = np.where(done, result.chi2_min_row, no_row)
        table["Pmax_indx"] = np.where(done, result.best_row, no_row)
        table["specgrid_indx"] = no_row
        table["specgrid_indx"][done] = column_values(self.source, "specgrid_indx", result.best_row[done])
        if "fit_status" in (table.dtype.names or ()):
            table["fit_status"] = result.status
        self._add_full_rows(table, done)

    def _add_full_rows(self, table: NDArray[Any], done: NDArray[np.bool_]) -> None:
        """Rows of the full grid, if the models are from a trimmed one."""
        if "Pmax_fullgrid_indx" not in (table.dtype.names or ()):
            return
        for name in ("Pmax", "chi2min"):
            rows = table[f"{name}_indx"][done].astype(np.int64)
            table[f"{name}_fullgrid_indx"] = -1
            table[f"{name}_fullgrid_indx"][done] = column_values(self.source, "fullgrid_idx", rows)

    def report(self) -> None:
        """Say which stars were not fitted."""
        if self.counts[NO_VALID_FLUX]:
            logger.warning("%d stars are not fitted: a flux is not finite", self.counts[NO_VALID_FLUX])
        if self.counts[NO_MODEL]:
            logger.warning(
                "%d stars are not fitted: no model has a finite probability", self.counts[NO_MODEL]
            )


def _file_digest(path: str | PathLike[str]) -> bytes:
    """Of a file's size, time of change, and some of its contents."""
    status = os.stat(path)
    digest = hashlib.blake2b(f"{status.st_size} {status.st_mtime_ns}".encode(), digest_size=16)
    with open(path, "rb") as f:
        for position in np.linspace(0, max(0, status.st_size - SAMPLED_BYTES), SAMPLES).astype(int):
            f.seek(int(position))
            digest.update(f.read(SAMPLED_BYTES))
    return digest.digest()
