"""Products of a fit while they grow: posteriors of some stars in; at the end BEAST's files, whole or not at all.

They grow in a hidden folder beside the products, each file in its final layout. After every batch of stars a line is
added to the folder's journal, so that a run that was killed goes on with the first star that is not in it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from fastsed.atomic import rename_synced
from fastsed.errors import InputError
from fastsed.fitting.stars.results import LnpSamples
from fastsed.survey.fit_layout import FitLayout, ImagePart
from fastsed.survey.pdf_files import square_primary
from fastsed.survey.star_groups import Samples, StarGroupWriter, fit_fields

JOURNAL = "journal"
VERSION = 1
STARS_A_GROUP = 1024
"""Stars whose samples lie together in the file."""
PARTIAL = "_fit.partial"
PRODUCTS = {"stats": "_stats.fits", "pdf1d": "_pdf1d.fits", "pdf2d": "_pdf2d.fits", "lnp": "_lnp.hd5"}


def partial_folder(base: str | os.PathLike[str]) -> Path:
    """The folder in which the products `BASE_stats.fits` and so on grow; it is there while they are not whole."""
    path = Path(base)
    return path.with_name(f".{path.name}{PARTIAL}")


def product_paths(base: str | os.PathLike[str], with_pairs: bool) -> dict[str, Path]:
    """The products of a fit by kind: stats, pdf1d, lnp, and pdf2d where there are pairs."""
    return {
        kind: Path(f"{os.fspath(base)}{suffix}")
        for kind, suffix in PRODUCTS.items()
        if with_pairs or kind != "pdf2d"
    }


class FitStore:
    """Products that grow. Use it in a `with` statement.

    Parameters
    ----------
    base : path-like
        What the names of the products begin with.
    layout : FitLayout
    fluxes : ndarray, shape (n_stars, n_filters)
        Of the catalogue.
    fingerprint : str
        Of all that decides about the products.
    resume : bool
        Go on with what a run with the same fingerprint left; otherwise, it is removed.

    Attributes
    ----------
    n_done : int
        Stars whose results are there.
    """

    def __init__(
        self,
        base: str | os.PathLike[str],
        layout: FitLayout,
        fluxes: NDArray[np.float64],
        fingerprint: str,
        resume: bool = False,
    ):
        self.base, self.layout, self._fluxes, self._fingerprint = Path(base), layout, fluxes, fingerprint
        self.folder, self._resume = partial_folder(base), resume
        self._paths = product_paths(base, bool(layout.pair_names))
        self._parts = {"pdf1d": layout.pdf1d_parts(), "pdf2d": layout.pdf2d_parts()}
        self._stats_before, self._stats_behind = layout.stats_file()
        self._chunks: list[tuple[int, int, int]] = []  # first star, number, position of its samples
        self._samples_end, self._moving = 0, False
        self._stack = ExitStack()

    @property
    def n_done(self) -> int:
        """Stars whose results are there."""
        return self._chunks[-1][0] + self._chunks[-1][1] if self._chunks else 0

    def __enter__(self) -> Self:
        try:
            if not (self._resume and self._read_journal()):
                self._begin()
            if not self._moving:
                self._files = {
                    name: self._open(name, "r+b") for name in ("stats", *self._image_kinds(), "samples")
                }
                self._journal = self._open(JOURNAL, "ab")
        except OSError as error:
            self._stack.close()
            raise InputError(f"cannot be written: {error.strerror or error}", self.folder) from error
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def _image_kinds(self) -> list[str]:
        return [kind for kind in ("pdf1d", "pdf2d") if kind in self._paths]

    def _open(self, name: str, mode: str) -> IO[bytes]:
        return self._stack.enter_context(open(self.folder / name, mode, buffering=0))

    def _read_journal(self) -> bool:
        """Whether there is a journal of such a run; what it says."""
        try:
            lines = (self.folder / JOURNAL).read_bytes().split(b"\n")[:-1]
            head = json.loads(lines[0]) if lines else {}
            if head != {"version": VERSION, "fingerprint": self._fingerprint}:
                return False
            for line in lines[1:]:
                entry = json.loads(line)
                if "moving" in entry:
                    self._moving = True
                else:
                    self._chunks.append((entry["first"], entry["n"], entry["samples"]))
                    self._samples_end = entry["end"]
        except (OSError, ValueError, KeyError, TypeError):
            self._chunks, self._samples_end, self._moving = [], 0, False
            return False
        return True

    def _begin(self) -> None:
        """Files of the final size without results."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        size = self.layout.n_stars * self.layout.stats_type.itemsize
        with open(self.folder / "stats", "wb") as f:
            f.write(self._stats_before)
            f.seek(size, os.SEEK_CUR)
            f.write(self._stats_behind)
            f.truncate()
        for kind in self._image_kinds():
            with open(self.folder / kind, "wb") as f:
                f.write(square_primary())
                for part in self._parts[kind]:
                    _write_frame(f, part)
        (self.folder / "samples").touch()
        head = {"version": VERSION, "fingerprint": self._fingerprint}
        (self.folder / JOURNAL).write_text(json.dumps(head) + "\n")

    def append(
        self,
        rows: NDArray[Any],
        pdf1d: Sequence[NDArray[np.float64]],
        pdf2d: Sequence[NDArray[np.float64]],
        samples: LnpSamples,
    ) -> None:
        """Add the results of the next stars.

        Parameters
        ----------
        rows : structured ndarray, shape (n,)
            Of the layout's `stats_type`.
        pdf1d, pdf2d : sequence of ndarray, shape (n, ...)
            In FITS's byte order.
        samples : LnpSamples
        """
        first, n = self.n_done, len(rows)
        try:
            _write_at(self._files["stats"], len(self._stats_before) + first * rows.dtype.itemsize, rows)
            for kind, images in (("pdf1d", pdf1d), ("pdf2d", pdf2d)):
                if kind in self._files:
                    for part, image in zip(self._parts[kind], images, strict=True):
                        _write_at(self._files[kind], part.start + first * part.row_size, image)
            begin = end = self._samples_end
            for column in (samples.counts, samples.rows, samples.lnp, samples.chi2):
                end = _write_at(self._files["samples"], end, column)
            self._note({"first": first, "n": n, "samples": begin, "end": end})
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror or error}", self.folder) from error
        self._chunks.append((first, n, begin))
        self._samples_end = end

    def _note(self, entry: dict[str, object]) -> None:
        self._journal.write(json.dumps(entry).encode() + b"\n")

    def finish(self) -> list[Path]:
        """Give the products their names, when all stars are there.

        Returns
        -------
        list of Path
        """
        if self.n_done != self.layout.n_stars:
            raise ValueError(f"{self.n_done} stars of {self.layout.n_stars}")
        if not self._moving:
            self._write_samples()
            self._note({"moving": True})
        self._stack.close()
        try:
            for kind, path in self._paths.items():
                if (self.folder / kind).exists():
                    rename_synced(self.folder / kind, path)
            shutil.rmtree(self.folder)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror or error}", self.base) from error
        return list(self._paths.values())

    def _write_samples(self) -> None:
        """The file of samples from those of the batches."""
        root = {
            "grid_waves": self.layout.wavelengths,
            "obs_filters": np.array([name.encode() for name in self.layout.filters]),
        }
        with StarGroupWriter(self.folder / "lnp", fit_fields(len(self.layout.filters)), root) as writer:
            for first, samples in _regrouped(self._stored_samples(), STARS_A_GROUP):
                fluxes = self._fluxes[first : first + len(samples.counts), :, None]
                columns: dict[str, NDArray[Any]] = {
                    "input": fluxes,
                    "idx": samples.rows,
                    "lnp": samples.lnp,
                    "chi2": samples.chi2,
                }
                writer.append(Samples(samples.counts, columns))

    def _stored_samples(self) -> Iterator[tuple[int, LnpSamples]]:
        with open(self.folder / "samples", "rb") as f:
            for first, n, position in self._chunks:
                f.seek(position)
                counts = np.fromfile(f, np.int64, n)
                total = int(counts.sum())
                rows = np.fromfile(f, np.int64, total)
                yield (
                    first,
                    LnpSamples(
                        counts, rows, np.fromfile(f, np.float32, total), np.fromfile(f, np.float32, total)
                    ),
                )


def _regrouped(stored: Iterator[tuple[int, LnpSamples]], n_stars: int) -> Iterator[tuple[int, LnpSamples]]:
    """The same samples, `n_stars` stars at a time, whatever the batches in which they were stored."""
    none, nothing = np.zeros(0, np.int64), np.zeros(0, np.float32)
    first, held = 0, LnpSamples(none, none, nothing, nothing)
    for _, samples in stored:
        held = LnpSamples(
            np.concatenate([held.counts, samples.counts]),
            np.concatenate([held.rows, samples.rows]),
            np.concatenate([held.lnp, samples.lnp]),
            np.concatenate([held.chi2, samples.chi2]),
        )
        while len(held.counts) >= n_stars:
            n = int(held.counts[:n_stars].sum())
            yield first, LnpSamples(held.counts[:n_stars], held.rows[:n], held.lnp[:n], held.chi2[:n])
            held = LnpSamples(held.counts[n_stars:], held.rows[n:], held.lnp[n:], held.chi2[n:])
            first += n_stars
    if len(held.counts):
        yield first, held


def _write_frame(f: IO[bytes], part: ImagePart) -> None:
    """Header, centres and padding of an image; the data of the stars are a hole."""
    f.seek(part.position)
    f.write(part.header)
    f.seek(part.shape[0] * part.row_size, os.SEEK_CUR)
    f.write(part.centres.tobytes())
    f.truncate(part.end)


def _write_at(f: IO[bytes], position: int, values: NDArray[Any]) -> int:
    """Write an array; the position behind it."""
    view = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
    while len(view):
        written = os.pwrite(f.fileno(), view, position)
        view, position = view[written:], position + written
    return position
