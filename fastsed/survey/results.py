"""Results of fits of sub files: names in, the files of each and their order out."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.survey.fits_rows import FitsRows
from fastsed.survey.pdf_files import PdfImage, read_pdfs
from fastsed.survey.star_samples import StarSamples

STATS = "_stats.fits"
# `sd0-1_sub3`, `SD0-1_sub3`, `SD_0-1_sub3`, `bin2_sub3`
TAG = re.compile(r"(?:^|_)((?:[sS][dD]_?[0-9.]+-[0-9.]+|bin[0-9]+)_sub[0-9]+)(?=_|\.|$)")


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key that takes digits as numbers: sub2 before sub10."""
    words = re.split(r"(\d+)", text)
    return [(0, int(word), "") if word.isdecimal() else (1, 0, word) for word in words if word]


def tag_of(name: str | os.PathLike[str]) -> str | None:
    """The last part of a file name that tells source density and sub file."""
    tags = TAG.findall(Path(name).name)
    return tags[-1] if tags else None


@dataclass(frozen=True)
class SubResult:
    """What the fit of a sub file wrote.

    Attributes
    ----------
    tag : str
    base : str
        Path without `_stats.fits`.
    """

    tag: str
    base: str

    @property
    def stats(self) -> Path:
        """Table of parameters."""
        return Path(self.base + STATS)

    @property
    def pdf1d(self) -> Path:
        """1-D PDFs."""
        return Path(self.base + "_pdf1d.fits")

    @property
    def lnp(self) -> Path:
        """Samples of the posterior."""
        return Path(self.base + "_lnp.hd5")

    def read_stats(self) -> FitsRows:
        """Find the table of parameters."""
        return FitsRows.open(self.stats)

    def read_pdfs(self, n_star: int) -> dict[str, PdfImage]:
        """Find the PDFs.

        Raises
        ------
        InputError
            If they are those of another number of stars.
        """
        images = read_pdfs(self.pdf1d)
        n_pdf = next(iter(images.values())).n_star
        if n_pdf != n_star:
            raise InputError(f"PDFs of {n_pdf} stars, but {self.stats.name} holds {n_star}", self.pdf1d)
        return images

    def open_lnp(self, n_star: int) -> StarSamples:
        """Open the samples.

        Raises
        ------
        InputError
            If they are those of more stars.
        """
        samples = StarSamples(self.lnp)
        if len(samples.numbers) and samples.numbers[-1] >= n_star:
            last = samples.numbers[-1]
            samples.close()
            raise InputError(f"star_{last} is there, but {self.stats.name} holds {n_star} stars", self.lnp)
        return samples


def find_results(filebase: str | os.PathLike[str]) -> list[SubResult]:
    """Results of sub files whose names begin so, in natural order.

    Parameters
    ----------
    filebase : path-like
        `<filebase>*_stats.fits` are looked at; those without a tag (merged ones) are left out.

    Raises
    ------
    InputError
        If there are none, or two have the same tag.
    """
    start = Path(filebase)
    # a filebase that ends in a slash names all files of a folder
    folder, prefix = (start, "") if os.fspath(filebase).endswith(os.sep) else (start.parent, start.name)
    names = sorted((p.name for p in folder.glob("*") if p.name.startswith(prefix)), key=natural_key)
    results = []
    for name in names:
        match = re.search(TAG.pattern.removesuffix(r"(?=_|\.|$)") + re.escape(STATS) + "$", name)
        if match:
            results.append(SubResult(match[1], os.fspath(folder / name[: -len(STATS)])))
    if not results:
        raise InputError(
            f"no results of sub files: there is no {filebase}*sdA-B_subK{STATS} or *binB_subK{STATS}"
        )
    tags = [result.tag for result in results]
    for tag in tags:
        if tags.count(tag) > 1:
            both = [str(result.stats) for result in results if result.tag == tag]
            raise InputError(f"{both[0]} and {both[1]} have the same tag {tag}; make FILEBASE longer")
    return results


def existing(results: list[SubResult], kind: str) -> bool:
    """Whether all results have a file of this kind (`pdf1d`, `lnp`); False if none has.

    Raises
    ------
    InputError
        If only some have.
    """
    paths: list[Path] = [getattr(result, kind) for result in results]
    missing = [path for path in paths if not path.exists()]
    if missing and len(missing) < len(paths):
        raise InputError(
            "missing, while other sub files have one; --stats_only takes the stats alone", missing[0]
        )
    return not missing


def row_ids(stats: FitsRows, first: int) -> NDArray[np.int64]:
    """Column `row_id` of a table, or the numbers from `first` on where it has none."""
    if "row_id" in (stats.dtype.names or ()):
        return stats.column("row_id").astype(np.int64)
    return np.arange(first, first + stats.n)
