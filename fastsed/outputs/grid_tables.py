"""Tables of chi2 grids: a grid in; a FITS, HDF5 or Parquet table that other programs read out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.atomic import atomic_path
from fastsed.hdf5_file import atomic_hdf5
from fastsed.outputs.chi2grid import Chi2Grid
from fastsed.tables.formats import require

_FITS_BLOCK = 2880


def write_grid_table(grid: Chi2Grid, path: Path, kind: str) -> None:
    """Write a grid as a table.

    Parameters
    ----------
    grid : Chi2Grid
    path : Path
    kind : {"fits", "hdf5", "parquet"}

    Raises
    ------
    InputError
        If the file cannot be written, or a package is not installed.
    """
    writers = {"fits": _write_fits, "hdf5": _write_hdf5, "parquet": _write_parquet}
    writers[kind](grid, path)


def _columns(grid: Chi2Grid, rows: slice, block: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Columns of some rows: (n, nsource) each for a full grid, (n,) for a best-chi2 file."""
    if grid.kind == "best":
        properties = {name: block["properties"][:, i] for i, name in enumerate(grid.properties)}
        columns = {"chi2": block["chi2"], "model": block["model"], **properties}
        return columns | grid.parameters(block["model"])
    columns = {name: block[:, i] for i, name in enumerate(["chi2", *grid.properties])}
    shape = (len(block), grid.n_sources)
    parameters = grid.parameters(np.arange(rows.start, rows.stop))
    return columns | {name: np.broadcast_to(v[:, None], shape) for name, v in parameters.items()}


def _write_fits(grid: Chi2Grid, path: Path) -> None:
    """Table of one row, each column an array over models (and sources), as FAST++ lays it out."""
    shape = (grid.n_models, grid.n_sources) if grid.kind == "full" else (grid.n_models,)
    names = list(_columns(grid, slice(0, 0), grid.data[:0]))
    types = [">i8" if name == "model" and grid.kind == "best" else ">f4" for name in names]
    sizes = [np.dtype(t).itemsize * int(np.prod(shape, dtype=object)) for t in types]
    header = _fits_header(names, types, sizes, shape)
    starts = len(header) + np.cumsum([0, *sizes], dtype=np.int64)
    with atomic_path(path) as temporary, open(temporary, "wb") as f:
        f.write(header)
        for rows, block in grid.blocks():
            columns = _columns(grid, rows, block)
            for name, kind, start in zip(names, types, starts[:-1].tolist(), strict=True):
                values = np.ascontiguousarray(columns[name], dtype=kind)
                f.seek(start + rows.start * (values.nbytes // len(values)))
                f.write(values.data)
        f.seek(0, 2)
        f.write(bytes(-f.tell() % _FITS_BLOCK))


def _fits_header(names: list[str], types: list[str], sizes: list[int], shape: tuple[int, ...]) -> bytes:
    from astropy.io import fits

    table = fits.Header()
    table["XTENSION"] = ("BINTABLE", "binary table extension")
    table["BITPIX"] = (8, "8-bit bytes")
    table["NAXIS"] = (2, "2-dimensional binary table")
    table["NAXIS1"] = (sum(sizes), "width of table in bytes")
    table["NAXIS2"] = (1, "number of rows in table")
    table["PCOUNT"], table["GCOUNT"] = 0, 1
    table["TFIELDS"] = (len(names), "number of fields in each row")
    dimensions = ",".join(str(n) for n in reversed(shape))
    for i, (name, kind, size) in enumerate(zip(names, types, sizes, strict=True), 1):
        letter = "K" if kind == ">i8" else "E"
        table[f"TTYPE{i}"] = name.upper()
        table[f"TFORM{i}"] = f"{size // np.dtype(kind).itemsize}{letter}"
        table[f"TDIM{i}"] = f"({dimensions})"
    primary = fits.PrimaryHDU().header
    primary["EXTEND"] = True
    return b"".join(header.tostring().encode("ascii") for header in (primary, table))


def _write_hdf5(grid: Chi2Grid, path: Path) -> None:
    """Datasets `chi2` and properties [model, source] (or [model] with `model`), and the group `axes`."""
    with atomic_hdf5(path) as f:
        f.attrs["axes"], f.attrs["properties"] = list(grid.axes), list(grid.properties)
        for name, values in grid.axes.items():
            f[f"axes/{name}"] = values
        shape = (grid.n_models, grid.n_sources) if grid.kind == "full" else (grid.n_models,)
        requested = ["chi2", *grid.properties, *(["model"] if grid.kind == "best" else [])]
        for name in requested:
            f.create_dataset(name, shape, dtype="u8" if name == "model" else "f4")
        for rows, block in grid.blocks():
            columns = _columns(grid, rows, block)
            for name in requested:
                f[name][rows] = columns[name]


def _write_parquet(grid: Chi2Grid, path: Path) -> None:
    """One row per model (and source, for a full grid)."""
    pyarrow, parquet = (require(name, "Parquet tables", path) for name in ("pyarrow", "pyarrow.parquet"))
    writer = None
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        try:
            for rows, block in grid.blocks() if grid.n_models else [(slice(0, 0), grid.data)]:
                table = pyarrow.table(_long_columns(grid, rows, block))
                writer = writer or parquet.ParquetWriter(file, table.schema)
                writer.write_table(table)
        finally:
            if writer is not None:
                writer.close()


def _long_columns(grid: Chi2Grid, rows: slice, block: NDArray[Any]) -> dict[str, NDArray[Any]]:
    columns = _columns(grid, rows, block)
    if grid.kind == "full":
        models = np.arange(rows.start, rows.stop)
        columns = {
            "model": np.repeat(models, grid.n_sources),
            "source": np.tile(np.arange(grid.n_sources), len(models)),
            **columns,
        }
    return {name: np.ascontiguousarray(values).ravel() for name, values in columns.items()}
