"""What would stop a run when it writes: paths and ids in, an error before the first model out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from fastsed.atomic import final_path
from fastsed.errors import InputError
from fastsed.inputs.sed_list import read_sed_list
from fastsed.outputs.paths import (
    BEST_CHI2,
    BEST_FITS,
    SEDS,
    catalogue_paths,
    chi_grid_path,
    mock_path,
    pdf_path,
    source_path,
)
from fastsed.paths import for_system
from fastsed.problem import Problem
from fastsed.tables.formats import check_installed

NAME_BYTES = 255
"""Longest file name, where the system does not say."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_outputs(problem: Problem) -> None:
    """Refuse a run whose output files could not be written.

    Parameters
    ----------
    problem : Problem

    Raises
    ------
    InputError
        If a folder cannot be written, a file name is too long, or an id cannot be part of one.
    """
    p = problem.params
    if p.make_seds:
        ids = [one.identity for one in read_sed_list(p.make_seds, problem.grid.axes.size)]
        check_output(Path(p.output_dir) / SEDS / f"{_longest(ids)}.input_res.fit")
        return
    for kind, path in catalogue_paths(p).items():
        check_installed(kind)
        check_output(path)
    if p.save_pdf:
        check_output(pdf_path(p))
    if p.mock:
        check_output(mock_path(p))
    if p.save_chi_grid:
        from fastsed.outputs.chi2grid import check_space
        from fastsed.outputs.grid_file import chi_grid_bytes

        check_output(chi_grid_path(p))
        check_space(chi_grid_path(p), chi_grid_bytes(problem))
    for folder, suffix in _files_per_source(problem):
        _check_source_files(problem, folder, suffix)


def check_output(path: str | os.PathLike[str]) -> None:
    """Refuse a path at which no file can be written; nothing is made.

    Raises
    ------
    InputError
        That says which part is at fault.
    """
    try:
        _check_output(path)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", path) from error


def _check_output(path: str | os.PathLike[str]) -> None:
    if "\0" in str(path):
        raise InputError(
            "cannot be written: its name holds the character NUL", str(path).replace("\0", "\\0")
        )
    target = final_path(path).absolute()
    existing = target.parent
    while not os.path.lexists(existing):
        existing = existing.parent
    if not existing.is_dir():
        raise InputError(f"cannot be written: {existing} is a file, not a folder", path)
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"cannot be written: no permission to write in the folder {existing}", path)
    _check_names(target.relative_to(existing).parts, existing, path)
    if target.is_dir():
        raise InputError("cannot be written: it is a folder", path)


def _check_names(names: Iterable[str], folder: Path, path: str | os.PathLike[str]) -> None:
    most = os.pathconf(folder, "PC_NAME_MAX") if hasattr(os, "pathconf") else NAME_BYTES
    for name in names:
        length = len(os.fsencode(name))
        if length > most:
            shown = f"{name[:20]}...{name[-20:]}"
            raise InputError(
                f"cannot be written: a file name of {length} bytes is too long; at most {most} are possible",
                Path(path).with_name(shown),
            )


def _files_per_source(problem: Problem) -> Iterator[tuple[str, str]]:
    """Folder and ending of the files that are written for each source."""
    p = problem.params
    if p.best_fit:
        yield BEST_FITS, "input_res.fit"
    if p.best_sfhs:
        yield BEST_FITS, "sfh"
    if p.n_sim and p.save_sim:
        yield BEST_FITS, "sims.fits"
    if p.save_bestchi:
        yield BEST_CHI2, "chi2.grid"


def _check_source_files(problem: Problem, folder: str, suffix: str) -> None:
    catalog = problem.catalog
    for identity in map(str, catalog.ids):
        if _CONTROL.search(identity):
            raise InputError(
                f"the id {identity!r} cannot be part of the name of its file in {folder}: it holds a control character",
                problem.params.catalog_path,
            )
    longest = source_path(problem.params, _longest(map(str, catalog.ids)), suffix, folder)
    check_output(longest)


def _longest(ids: Iterable[str]) -> str:
    return max(ids, key=lambda one: len(os.fsencode(for_system(one))), default="")
