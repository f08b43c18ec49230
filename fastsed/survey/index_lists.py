"""Index lists: the rows of a grid that a trimmed grid would hold, in place of copies of them.

HDF5, one dataset `fullgrid_idx` of ascending row numbers (uint32, or uint64 in grids beyond 2^32 models), with the
attribute `n_models`, the number of models of the grid.
"""

from __future__ import annotations

from os import PathLike

import numpy as np
from numpy.typing import NDArray

from fastsed.atomic import atomic_path
from fastsed.errors import InputError
from fastsed.hdf5_file import open_hdf5
from fastsed.survey import hdf5

DATASET = "fullgrid_idx"


def write_index_list(path: str | PathLike[str], rows: NDArray[np.integer], n_models: int) -> None:
    """Write the rows of a grid of `n_models` models.

    Parameters
    ----------
    path : path-like
    rows : ndarray of int
        Ascending.
    n_models : int

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    import h5py

    kind = np.uint32 if n_models <= 2**32 else np.uint64
    with atomic_path(path) as temporary, h5py.File(temporary, "w", libver="earliest") as f:
        f.create_dataset(DATASET, data=rows.astype(kind), track_times=False).attrs["n_models"] = n_models


def read_index_list(path: str | PathLike[str], n_models: int) -> NDArray[np.int64]:
    """Read rows of a grid of `n_models` models.

    Raises
    ------
    InputError
        If the file is no index list, or one of another grid.
    """
    with open_hdf5(path) as f:
        data = hdf5.number_dataset(f, DATASET, path, 1)
        rows: NDArray[np.int64] = hdf5.read_rows(data, slice(None), path).astype(np.int64)
        of_models = int(data.attrs.get("n_models", n_models))
    if of_models != n_models:
        raise InputError(f"is an index list of a grid of {of_models} models, not of {n_models}", path)
    if len(rows) == 0:
        raise InputError("lists no model", path)
    if rows[0] < 0 or rows[-1] >= n_models or (np.diff(rows) <= 0).any():
        raise InputError(f"is damaged: its rows do not ascend from 0 to {n_models - 1}", path)
    return rows
