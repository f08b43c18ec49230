"""Tables of files: a path in; plain columns out, of which only those that are asked for are read."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastsed.errors import InputError
from fastsed.foreign import BYTES_PER_SECOND, parse_foreign, parser_errors
from fastsed.paths import for_system
from fastsed.tables.columns import ColumnInfo, ColumnSource, Loaded
from fastsed.tables.formats import csv_metadata_path, format_of, known_suffixes, require
from fastsed.tables.objects import column_info, native, plain
from fastsed.text import decode, read_bytes

TEXT_BYTES_PER_SECOND = 1e6
"""Pace of the parsers of texts on a slow machine."""

_BINARY = ("fits", "hdf5", "parquet")
_MISSING_WORDS = ("INDEF", "NULL", "null", "None", "N/A", "n/a", "NA", "--", "-", "nan", "NaN", "masked")
_YAML_MARK = "--BEGIN-ASTROPY-SERIALIZED-COLUMNS--"
_PARQUET_YAML = b"table_meta_yaml"
_HDF5_YAML = ".__table_column_meta__"


@dataclass(frozen=True)
class _Opened:
    """A table before its values are read; those of formats that are read as a whole are there."""

    info: dict[str, ColumnInfo]
    n_rows: int
    columns: Loaded | None = None


def read_table(path: str | os.PathLike[str]) -> ColumnSource:
    """Open a table in the format that its suffix tells.

    Of FITS, HDF5 and Parquet files only the columns that are asked for are read, each time they are. Files may be
    damaged: they are parsed in a process of their own.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    InputError
        For a suffix that is none of a table, a file that cannot be read or holds no table, and a package that is not
        installed.
    """
    kind = format_of(path)
    if kind is None:
        raise InputError(
            f"is no table that can be read: its name must end in one of {known_suffixes()}", path
        )
    what, open_table, load = _FORMATS[kind]()
    name = for_system(path)
    pace = BYTES_PER_SECOND if kind in _BINARY else TEXT_BYTES_PER_SECOND
    opened = parse_foreign(lambda: _quietly(open_table, name), name, what, pace)
    if not opened.info:
        raise InputError("holds no columns", path)

    def load_columns(names: Sequence[str]) -> Loaded:
        if opened.columns is not None:
            return {name: opened.columns[name] for name in names}
        return parse_foreign(lambda: _quietly(load, name, names), name, what)

    return ColumnSource(opened.info, opened.n_rows, load_columns, path)


def _quietly(parse: Callable[..., Any], *arguments: Any) -> Any:
    """Parse without warnings of units and dates that do not matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return parse(*arguments)


Format = tuple[str, Callable[[str], _Opened], Callable[[str, Sequence[str]], Loaded]]


def _fits() -> Format:
    from astropy.io import fits
    from astropy.table import Table

    def first_table(hdus: Any, path: str) -> Any:
        for hdu in hdus:
            if isinstance(hdu, fits.BinTableHDU | fits.TableHDU) and hdu.columns.names:
                return hdu
        raise InputError("holds no table", path)

    def open_table(path: str) -> _Opened:
        with fits.open(path) as hdus:
            table = first_table(hdus, path)
            info = {
                column.name: ColumnInfo(column.unit or "", str(table.header.get(f"TCOMM{i}", "")))
                for i, column in enumerate(table.columns, start=1)
            }
            if any(_YAML_MARK in str(line) for line in table.header.get("COMMENT", ())):
                # units that FITS does not know are there
                rows = Table.read(
                    fits.BinTableHDU(table.data[:0], header=table.header), unit_parse_strict="silent"
                )
                info |= {name: column_info(rows[name]) for name in rows.colnames if name in info}
            return _Opened(info, len(table.data))

    def load(path: str, names: Sequence[str]) -> Loaded:
        loaded = {}
        with fits.open(path) as hdus:
            table = first_table(hdus, path)
            for name in names:
                values = native(np.array(table.data[name]))
                null = table.columns[name].null
                loaded[name] = values, (values == null if isinstance(null, int) else None)
        return loaded

    return "a FITS table", open_table, load


def _astropy_ascii(kind: str, **options: Any) -> Callable[[str], _Opened]:
    from astropy.io import ascii

    def open_table(path: str) -> _Opened:
        text = decode(read_bytes(path))
        return _whole(ascii.read(text + "\n", format=kind, **options))

    return open_table


def _ecsv() -> Format:
    return "an ECSV table", _astropy_ascii("ecsv"), _never


def _csv() -> Format:
    words = [("", "0"), *((word, "0") for word in _MISSING_WORDS)]
    read = _astropy_ascii("csv", fill_values=words, strict_names=False)

    def open_table(path: str) -> _Opened:
        opened = read(path)
        metadata = csv_metadata_path(path)
        if not metadata.is_file():
            return opened
        return _Opened(opened.info | _csv_info(metadata, opened.info), opened.n_rows, opened.columns)

    return "a CSV table", open_table, _never


def _csv_info(path: Path, known: Mapping[str, ColumnInfo]) -> dict[str, ColumnInfo]:
    """Units and descriptions of the metadata beside a CSV file ("CSV on the Web")."""
    with parser_errors(path, "the metadata of a CSV table"):
        columns = json.loads(read_bytes(path))["tableSchema"]["columns"]
        given = {
            one["name"]: ColumnInfo(one.get("unit", ""), one.get("dc:description", "")) for one in columns
        }
    return {name: info for name, info in given.items() if name in known}


def _votable() -> Format:
    from astropy.io.votable import parse_single_table

    def open_table(path: str) -> _Opened:
        return _whole(parse_single_table(path).to_table(use_names_over_ids=True))

    return "a VOTable", open_table, _never


def _whole(table: Any) -> _Opened:
    """All of an astropy table."""
    columns = {name: plain(table[name]) for name in table.colnames}
    return _Opened({name: column_info(table[name]) for name in table.colnames}, len(table), columns)


def _never(path: str, names: Sequence[str]) -> Loaded:
    """The loader of formats that are read as a whole."""
    raise AssertionError(path)


def _hdf5() -> Format:
    import h5py
    from astropy.table.meta import get_header_from_yaml

    def open_table(path: str) -> _Opened:
        with h5py.File(path, "r") as f:
            table = _compound_dataset(f)
            if table is None:
                items = _separate_datasets(f)
                info = {name: _attributes(item.attrs) for name, item in items.items()}
                return _Opened(info, len(next(iter(items.values()))))
            info = dict.fromkeys(table.dtype.names, ColumnInfo())
            lines = f.get(table.name + _HDF5_YAML)
            if lines is not None:
                header = get_header_from_yaml([decode(bytes(line)) for line in lines[()]])
                info |= _yaml_info(header, info)
            return _Opened(_without_masks(info), len(table))

    def load(path: str, names: Sequence[str]) -> Loaded:
        with h5py.File(path, "r") as f:
            table = _compound_dataset(f)
            items = _separate_datasets(f) if table is None else {}
            known = table.dtype.names if table is not None else items
            values = {}
            for name in [*names, *(f"{name}.mask" for name in names if f"{name}.mask" in known)]:
                values[name] = _native_hdf5(items[name][()] if table is None else table[name])
            masks = {name: values.get(f"{name}.mask") for name in names}
            return {name: (values[name], masks[name]) for name in names}

    return "an HDF5 table", open_table, load


def _compound_dataset(f: Any) -> Any:
    """The dataset of named columns, of which there must be one; None where there is none."""
    import h5py

    items: list[Any] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.names and item.ndim == 1:
            items.append(item)

    f.visititems(visit)
    if len(items) > 1:
        names = ", ".join(item.name for item in items[:5])
        raise InputError(f"holds more than one table ({names}); expected one", f.filename)
    return items[0] if items else None


def _separate_datasets(f: Any) -> dict[str, Any]:
    """One-dimensional datasets of one length, of the file or of its only group: a column each."""
    import h5py

    for group in (f, *(item for item in f.values() if isinstance(item, h5py.Group) and len(f) == 1)):
        items = {k: item for k, item in group.items() if isinstance(item, h5py.Dataset) and item.ndim >= 1}
        if items and len({len(item) for item in items.values()}) == 1:
            return items
    raise InputError(
        "holds no table: expected one dataset of named columns, or a dataset of the same length for each column",
        f.filename,
    )


def _native_hdf5(values: Any) -> Any:
    """Values of a dataset; texts of variable length come as bytes."""
    if values.dtype.kind == "O" and all(isinstance(value, bytes) for value in values):
        return np.array([decode(value) for value in values])
    return native(np.asarray(values))


def _attributes(attributes: Mapping[str, Any]) -> ColumnInfo:
    """Unit and description among the attributes of an HDF5 dataset."""
    texts = {}
    for name in ("unit", "units", "description"):
        value = attributes.get(name, "")
        texts[name] = decode(value) if isinstance(value, bytes) else str(value)
    return ColumnInfo(texts["unit"] or texts["units"], texts["description"])


def _yaml_info(header: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, ColumnInfo]:
    """Units and descriptions in the notes that astropy keeps with a table."""
    return {
        one["name"]: ColumnInfo(str(one.get("unit", "")), str(one.get("description", "")))
        for one in header.get("datatype", ())
        if one["name"] in known
    }


def _without_masks(info: dict[str, ColumnInfo]) -> dict[str, ColumnInfo]:
    """Columns without those that are the masks of others."""
    return {name: one for name, one in info.items() if not (name.endswith(".mask") and name[:-5] in info)}


def _parquet() -> Format:
    parquet = require("pyarrow.parquet", "Parquet tables")
    from astropy.table.meta import get_header_from_yaml

    def open_table(path: str) -> _Opened:
        with parquet.ParquetFile(path) as file:
            schema, n_rows = file.schema_arrow, file.metadata.num_rows
        info = {}
        for field in schema:
            notes = {decode(key): decode(value) for key, value in (field.metadata or {}).items()}
            info[field.name] = ColumnInfo(notes.get("unit", ""), notes.get("description", ""))
        yaml = (schema.metadata or {}).get(_PARQUET_YAML)
        if yaml:
            info |= _yaml_info(get_header_from_yaml(decode(yaml).split("\n")), info)
        return _Opened(_without_masks(info), n_rows)

    def load(path: str, names: Sequence[str]) -> Loaded:
        with parquet.ParquetFile(path) as file:
            known = file.schema_arrow.names
            masks = [f"{name}.mask" for name in names if f"{name}.mask" in known]
            table = file.read(columns=[*names, *masks], use_threads=False)
        columns = {name: _arrow_values(table.column(name)) for name in [*names, *masks]}
        for mask in masks:
            name = mask.removesuffix(".mask")
            columns[name] = columns[name][0], columns[mask][0]
        return {name: columns[name] for name in names}

    return "a Parquet table", open_table, load


def _arrow_values(column: Any) -> Any:
    """Values and mask of a column of pyarrow."""
    import pyarrow

    if pyarrow.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not column.null_count:
        return native(column.to_numpy()), None
    mask = column.is_null().to_numpy()
    present = column.drop_null()
    if not len(present):
        return np.full(len(mask), np.nan), mask
    return native(column.fill_null(present[0]).to_numpy()), mask


_FORMATS: dict[str, Callable[[], Format]] = {
    "fits": _fits,
    "ecsv": _ecsv,
    "csv": _csv,
    "hdf5": _hdf5,
    "parquet": _parquet,
    "votable": _votable,
}
