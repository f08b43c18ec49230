"""How far the fits of sub files are: catalogues and a folder of products in; done, resume or fresh out."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fastsed.errors import InputError
from fastsed.survey.fit_store import PARTIAL, partial_folder
from fastsed.survey.fits_rows import FitsRows
from fastsed.survey.pdf_files import PdfImage, read_pdfs
from fastsed.survey.results import STATS, SubResult, tag_of
from fastsed.survey.star_samples import StarSamples
from fastsed.survey.tables import is_fits, read_table

log = logging.getLogger(__name__)

State = Literal["done", "resume", "fresh"]

# bins of M_ini that are further apart than this (in solar masses) come from releases with linear bins
_OLD_MASS_STEP = 1.0
_MASS = "M_ini"


@dataclass(frozen=True)
class FitState:
    """State of the fit of a sub file.

    Attributes
    ----------
    catalogue : str
    base : str
        Path of its products without `_stats.fits`; where there are none, as they would be called.
    n_star : int
        Stars of the catalogue.
    state : {"done", "resume", "fresh"}
    """

    catalogue: str
    base: str
    n_star: int
    state: State


def fit_states(
    folder: str | os.PathLike[str], catalogues: Iterable[str | os.PathLike[str]]
) -> list[FitState]:
    """State of the fit of each sub file.

    Parameters
    ----------
    folder : path-like
        Of the products `*_<tag>_stats.fits`, `_pdf1d.fits`, `_lnp.hd5`, of ours or of BEAST.
    catalogues : iterable of path-like
        Sub files, whose names hold a tag such as `bin1_sub0` or `SD0-1_sub0`.

    Raises
    ------
    InputError
        If a catalogue cannot be read or its name has no tag.
    """
    bases = _bases(Path(folder))
    states = []
    for catalogue in catalogues:
        name = os.fspath(catalogue)
        tag = tag_of(name)
        if tag is None:
            raise InputError("its name tells no sub file; it should hold binB_subK or SDa-b_subK", name)
        n = count_rows(name)
        candidates = bases.get(normal_tag(tag), [])
        if len(candidates) > 1:
            raise InputError(f"results of {tag} are there twice: {candidates[0]} and {candidates[1]}")
        base = (
            candidates[0]
            if candidates
            else os.fspath(Path(folder) / f"{Path(os.path.abspath(folder)).name}_{tag}")
        )
        states.append(FitState(name, base, n, _state(SubResult(tag, base), n)))
    return states


def normal_tag(tag: str) -> str:
    """The tag as BEAST's versions spell it differently: `SD_0-1_sub3`, `SD0-1_sub3` and `sd0-1_sub3` are the same."""
    return re.sub(r"^sd_?", "sd", tag, flags=re.IGNORECASE)


def _bases(folder: Path) -> dict[str, list[str]]:
    """Products in a folder by tag, whole or begun."""
    if not folder.is_dir():
        return {}
    by_tag: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        for end in (STATS, PARTIAL):
            if path.name.endswith(end):
                base = path.name[: -len(end)].removeprefix("." if end != STATS else "")
                tag = tag_of(base)
                if tag is not None and base.endswith(tag):
                    bases = by_tag.setdefault(normal_tag(tag), [])
                    if os.fspath(folder / base) not in bases:
                        bases.append(os.fspath(folder / base))
    return by_tag


def count_rows(catalogue: str | os.PathLike[str]) -> int:
    """Number of rows of a catalogue."""
    if is_fits(catalogue) and not os.fspath(catalogue).endswith((".gz", ".fz")):
        return FitsRows.open(catalogue).n
    return len(read_table(catalogue))


def _state(result: SubResult, n_star: int) -> State:
    if n_star == 0:
        return "done"
    if partial_folder(result.base).is_dir():
        return "resume"
    if not all(path.is_file() for path in (result.stats, result.pdf1d, result.lnp)):
        return "fresh"
    try:
        return _state_of_products(result, n_star)
    except InputError as error:
        log.warning("to be fitted again: %s", error)
        return "fresh"


def _state_of_products(result: SubResult, n_star: int) -> State:
    pdfs = read_pdfs(result.pdf1d)
    mass = pdfs.get(_MASS, next(iter(pdfs.values())))
    if _has_linear_masses(pdfs):
        return "fresh"
    stats = result.read_stats()
    with StarSamples(result.lnp) as samples:
        n_samples = len(samples.numbers)
    if "fit_status" in (stats.dtype.names or ()):
        # written when all was done; stars without a valid flux have no posterior
        n_fitted = n_pdf = min(stats.n, mass.n_star)
    else:
        maxima = stats.column("Pmax")
        n_fitted = int(np.count_nonzero((maxima != 0) & ~np.isnan(maxima)))
        n_pdf = _count_filled(mass)
    return "done" if n_fitted == n_samples == n_pdf == n_star else "resume"


def _has_linear_masses(pdfs: dict[str, PdfImage]) -> bool:
    if _MASS not in pdfs or pdfs[_MASS].n_bin < 2 or pdfs[_MASS].condensed:
        return False
    first, second = pdfs[_MASS].centres()[:2]
    return bool(second - first > _OLD_MASS_STEP)


def _count_filled(image: PdfImage) -> int:
    """Stars whose PDF is not empty."""
    filled, step = 0, max(1, (1 << 24) // (8 * image.n_bin))
    for i in range(0, image.n_star, step):
        filled += int(np.count_nonzero(image.rows(slice(i, i + step)).sum(axis=1) > 0))
    return filled
