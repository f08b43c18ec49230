"""What would stop a run when it writes: paths and ids in, an error before the first model out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fastsed.atomic import final_path
from fastsed.errors import InputError
from fastsed.outputs.best_fits import FOLDER, source_path
from fastsed.paths import for_system

if TYPE_CHECKING:
    from fastsed.pipeline import Setup

NAME_BYTES = 255
"""Longest file name, where the system does not say."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_outputs(setup: Setup) -> None:
    """Refuse a run whose output files could not be written.

    Parameters
    ----------
    setup : Setup

    Raises
    ------
    InputError
        If a folder cannot be written, a file name is too long, or an id cannot be part of one.
    """
    p = setup.params
    if p.make_seds:
        # it writes through this folder's modules
        from fastsed.make_seds import FOLDER as SEDS
        from fastsed.make_seds import read_sed_list

        ids = [one.identity for one in read_sed_list(p.make_seds, setup.grid.axes.size)]
        check_output(Path(p.output_dir) / SEDS / f"{_longest(ids)}.input_res.fit")
        return
    check_output(setup.output_path(".fout"))
    if p.save_chi_grid:
        check_output(setup.output_path("chi2.grid", named=False))
    for folder, suffix in _files_per_source(setup):
        _check_source_files(setup, folder, suffix)


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


def _files_per_source(setup: Setup) -> Iterator[tuple[str, str]]:
    """Folder and ending of the files that are written for each source."""
    p = setup.params
    if p.best_fit:
        yield FOLDER, "input_res.fit"
    if p.best_sfhs:
        yield FOLDER, "sfh"
    if p.n_sim and p.save_sim:
        yield FOLDER, "sims.fits"
    if p.save_bestchi:
        yield "best_chi2", "chi2.grid"


def _check_source_files(setup: Setup, folder: str, suffix: str) -> None:
    catalog = setup.catalog
    for identity in map(str, catalog.ids):
        if _CONTROL.search(identity):
            raise InputError(
                f"the id {identity!r} cannot be part of the name of its file in {folder}: it holds a control character",
                f"{setup.params.catalog}.cat",
            )
    longest = source_path(setup.params, _longest(map(str, catalog.ids)), suffix, folder)
    check_output(longest)


def _longest(ids: Iterable[str]) -> str:
    return max(ids, key=lambda one: len(os.fsencode(for_system(one))), default="")
