"""Lists of artificial stars in; the text, FITS and tar files of them out."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.atomic import atomic_path, atomic_write
from fastsed.errors import InputError
from fastsed.survey.ast_selection import magnitude_texts
from fastsed.survey.fits_tables import write_fits_table
from fastsed.text import decode, read_bytes


@dataclass(frozen=True)
class AstList:
    """A list of models to put into the images.

    Attributes
    ----------
    filters : tuple of str
    rows : int64 (n,)
        Rows of the grid.
    magnitudes : float64 (n, n_filters)
        Vega magnitudes.
    parameters : dict of float64 (n,)
        Columns of the grid.
    bins : dict of ndarray, optional
        Columns bin_mins_*, bin_maxs_*, bin_count_* of the flux-bin method.
    """

    filters: tuple[str, ...]
    rows: NDArray[np.int64]
    magnitudes: Floats
    parameters: dict[str, NDArray[Any]]
    bins: dict[str, NDArray[Any]] | None = None


def write_ast_list(models: AstList, project: str | Path, supplement: bool = False) -> list[Path]:
    """Write `<project>_inputAST_seds.txt`, `_ASTparams.fits` and, of the flux-bin method, `_ASTfluxbins.txt`.

    Returns
    -------
    list of Path
    """
    end = "_suppl" if supplement else ""
    paths = [Path(f"{project}_inputAST_seds{end}.txt"), Path(f"{project}_ASTparams{end}.fits")]
    _write_text(paths[0], list(models.filters), magnitude_texts(models.magnitudes))
    write_fits_table(paths[1], models.parameters | {"sedgrid_indx": models.rows})
    if models.bins is not None:
        paths.append(Path(f"{project}_ASTfluxbins.txt"))
        rows = zip(*(values.tolist() for values in models.bins.values()), strict=True)
        _write_text(paths[2], list(models.bins), [tuple(map(repr, row)) for row in rows])
    return paths


def _write_text(path: Path, names: list[str], rows: list[tuple[str, ...]]) -> None:
    with atomic_write(path) as f:
        f.write(" ".join(names) + "\n")
        f.writelines(" ".join(row) + "\n" for row in rows)


def write_placed_list(
    models: AstList,
    names: tuple[str, str],
    positions: Floats,
    model: NDArray[np.intp],
    path: str | Path,
) -> None:
    """Write a list as DOLPHOT reads it: 0, 1, position, magnitudes (first line: the names of the columns)."""
    texts = magnitude_texts(models.magnitudes)
    rows = [
        ("0", "1", f"{x:.5f}", f"{y:.5f}", *texts[k])
        for (x, y), k in zip(positions.tolist(), model, strict=True)
    ]
    _write_text(Path(path), ["zeros", "ones", *names, *models.filters], rows)


def split_ast_list(path: str | Path, n: int, archive: str | Path) -> int:
    """Cut a list into `fake_1.lst`, `fake_2.lst`, ... of n lines without header, in a tar archive.

    Returns
    -------
    int
        Number of files.

    Raises
    ------
    InputError
        If the list cannot be read or n is not positive.
    """
    if n < 1:
        raise InputError(f"files of {n} lines; at least 1 is needed")
    lines = decode(read_bytes(path)).splitlines(keepends=True)[1:]
    starts = range(0, len(lines), n)
    with atomic_path(archive) as temporary, tarfile.open(temporary, "w") as tar:
        for k, start in enumerate(starts, 1):
            data = "".join(lines[start : start + n]).encode()
            entry = tarfile.TarInfo(f"fake_{k}.lst")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return len(starts)
