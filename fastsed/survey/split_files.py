"""Products of splitting: rows of bins and sub files in; `_binB.fits`, `_binB_subK.fits` and a list of them out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsed.atomic import atomic_write
from fastsed.survey.maps import rate_columns
from fastsed.survey.splitting import Part
from fastsed.survey.tables import stem, write_table

if TYPE_CHECKING:
    from astropy.table import Table


def write_parts(
    table: Table, parts: Sequence[Part], catalog: str | os.PathLike[str], whole_bins: bool = True
) -> list[Path]:
    """Write a file for each bin, and for each of its sub files, beside the catalogue.

    Parameters
    ----------
    table : astropy Table
    parts : sequence of Part
    catalog : path-like
        Whose name without suffix begins the names of the products.
    whole_bins : bool
        Write the files of whole bins too.

    Returns
    -------
    list of Path
    """
    written = []
    for part in parts:
        start = f"{stem(catalog)}_{part.tag}"
        files = {f"{start}.fits": part.rows} if whole_bins else {}
        files |= {f"{start}_sub{k}.fits": rows for k, rows in enumerate(part.sub_rows)}
        for path, rows in files.items():
            write_table(table[rows], path, sync=False)
            written.append(Path(path))
    os.sync()
    return written


def write_stars(
    stars: Table, rows_of_tags: Mapping[str, NDArray[np.int64]], path: str | os.PathLike[str]
) -> list[Path]:
    """Write a file for each bin of artificial stars.

    Returns
    -------
    list of Path
    """
    written = []
    for tag, rows in rows_of_tags.items():
        written.append(Path(f"{stem(path)}_{tag}.fits"))
        write_table(stars[rows], written[-1])
    return written


def write_manifest(table: Table, parts: Sequence[Part], catalog: str | os.PathLike[str]) -> Path:
    """List the sub files, with numbers of sources and the range of fluxes, in `<stem>_subfiles.json`.

    Returns
    -------
    Path
    """
    bands = {name: np.asarray(table[name], dtype=float) for name in rate_columns(table)}
    entries = []
    for part in parts:
        for k, rows in enumerate(part.sub_rows):
            name = f"{Path(stem(catalog)).name}_{part.tag}_sub{k}.fits"
            ranges = {band: _range(values[rows]) for band, values in bands.items()}
            entries.append({"file": name, "bin": part.tag, "sub": k, "n": len(rows), "rates": ranges})
    path = Path(f"{stem(catalog)}_subfiles.json")
    with atomic_write(path) as f:
        json.dump({"catalogue": Path(catalog).name, "n": len(table), "sub_files": entries}, f, indent=1)
    return path


def _range(values: NDArray[np.float64]) -> list[Any]:
    """Smallest and largest value, None where there is none."""
    finite = values[np.isfinite(values)]
    return [float(finite.min()), float(finite.max())] if len(finite) else [None, None]
