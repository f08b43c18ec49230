"""What a fit that was broken off left in BEAST's files: the results of its first stars."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.fitting.stars.results import FITTED, LnpSamples
from fastsed.survey.fit_layout import FitLayout, ImagePart
from fastsed.survey.fit_store import product_paths
from fastsed.survey.fits_blocks import read_blocks
from fastsed.survey.fits_rows import FitsRows
from fastsed.survey.star_samples import StarSamples

CLOSE = 1e-9
"""Relative difference within which fluxes and bin centres are the same."""
STARS_A_TIME = 1024

Results = tuple[NDArray[Any], list[NDArray[np.float64]], list[NDArray[np.float64]], LnpSamples]


class EarlierResults:
    """Results of the first stars of a catalogue, in BEAST's files or in ours.

    Parameters
    ----------
    base : path-like
        What the names of the files begin with.
    layout : FitLayout
        Of the products that are to be.
    fluxes : ndarray, shape (n_stars, n_filters)
    n_samples : int or None
        Largest number of samples of a star.

    Attributes
    ----------
    n_stars : int
        How many stars, from the first one on, have results in all files.

    Raises
    ------
    InputError
        If the files are not there, or not those of such a fit.
    """

    def __init__(
        self,
        base: str | os.PathLike[str],
        layout: FitLayout,
        fluxes: NDArray[np.float64],
        n_samples: int | None,
    ):
        self._layout, self._paths = layout, product_paths(base, bool(layout.pair_names))
        self._stats = FitsRows.open(self._paths["stats"])
        self._check_stats(fluxes)
        kinds = (("pdf1d", layout.pdf1d_parts()), ("pdf2d", layout.pdf2d_parts()))
        self._images = {kind: self._open_images(kind, parts) for kind, parts in kinds if kind in self._paths}
        self._samples = StarSamples(self._paths["lnp"])
        self.n_stars = self._count_stars(n_samples)

    def _check_stats(self, fluxes: NDArray[np.float64]) -> None:
        """Refuse results of other parameters or other stars."""
        path, names = self._paths["stats"], set(self._stats.dtype.names or ())
        extras = {"fit_status", "row_id", "chi2min_fullgrid_indx", "Pmax_fullgrid_indx"}
        missing = set(self._layout.stats_type.names or ()) - names - extras
        if missing:
            raise InputError(f"has no column {min(missing)}", path)
        if self._stats.n != self._layout.n_stars:
            raise InputError(f"has {self._stats.n} stars, the catalogue {self._layout.n_stars}", path)
        for k, name in enumerate(self._layout.filters):
            column = self._stats.column(name)
            # stars that were not reached have their fluxes already, or zeros
            different = ~np.isclose(column, fluxes[:, k], rtol=CLOSE, atol=0, equal_nan=True) & (column != 0)
            if different.any():
                raise InputError(f"has other fluxes {name} than the catalogue", path)

    def _open_images(self, kind: str, parts: list[ImagePart]) -> list[NDArray[np.float64]]:
        """The PDFs of all stars, mapped into memory; refuse those with other bins."""
        path, images = self._paths[kind], []
        blocks = {block.header.value("EXTNAME"): block for block in read_blocks(path)[1:]}
        for part in parts:
            block = blocks.get(part.name)
            shape = (part.shape[0] + len(part.centres), *part.shape[1:])
            if block is None or block.header.shape != shape or block.header.value("BITPIX") != -64:
                raise InputError(f"has no PDFs of {part.name} with the shape {shape}", path)
            image = np.memmap(path, ">f8", "r", block.start, shape)
            if not np.allclose(image[part.shape[0] :], part.centres, rtol=CLOSE, atol=0):
                raise InputError(f"has other bins of {part.name}", path)
            images.append(image[: part.shape[0]])
        return images

    def _count_stars(self, n_samples: int | None) -> int:
        done = self._stats.column("Pmax") != 0
        for image in self._images["pdf1d"][:1]:
            done &= image.sum(axis=1) > 0
        numbers = self._samples.numbers
        has_samples = np.zeros(len(done), bool)
        has_samples[numbers[numbers < len(done)]] = True
        done &= has_samples
        n_stars = len(done) if done.all() else int(np.argmin(done))
        counts = self._samples.read(np.arange(n_stars)).counts
        too_many = np.flatnonzero(counts > (n_samples if n_samples is not None else np.inf))
        return int(too_many[0]) if len(too_many) else n_stars

    def batches(self) -> Iterator[Results]:
        """Results as `FitStore.append` takes them."""
        for first in range(0, self.n_stars, STARS_A_TIME):
            rows = slice(first, min(first + STARS_A_TIME, self.n_stars))
            stored = self._stats.rows(rows)
            stats = np.zeros(len(stored), self._layout.stats_type)
            for name in stats.dtype.names or ():
                if name in (stored.dtype.names or ()):
                    stats[name] = stored[name]
                elif name == "fit_status":
                    stats[name] = FITTED
            samples = self._samples.read(np.arange(rows.start, rows.stop))
            columns = samples.columns
            lnp = LnpSamples(
                samples.counts, columns["idx"].astype(np.int64), columns["lnp"].astype(np.float32),
                columns["chi2"].astype(np.float32),
            )  # fmt: skip
            pdfs = {kind: [image[rows] for image in images] for kind, images in self._images.items()}
            yield stats, pdfs["pdf1d"], pdfs.get("pdf2d", []), lnp

    def close(self) -> None:
        """Close the files."""
        self._samples.close()
