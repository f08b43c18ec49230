"""Tables out: columns with units and descriptions in; a file in one of the formats of tables out."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from fastsed.atomic import atomic_path, atomic_write
from fastsed.errors import InputError
from fastsed.hdf5_file import atomic_hdf5
from fastsed.tables.columns import Column
from fastsed.tables.formats import csv_metadata_path, format_of, known_suffixes, require

if TYPE_CHECKING:
    from astropy.table import QTable

Meta = Mapping[str, str | Sequence[str]]
"""What is known of a table as a whole: texts, or lists of texts, by name."""

# a multiple of 3, so that the base64 texts of the blocks are that of the whole
_ROWS_PER_BLOCK = 30_000
_VO_TYPES = {"f8": "double", "f4": "float", "i8": "long", "i4": "int", "i2": "short", "u1": "unsignedByte"}


def write_table(
    path: str | os.PathLike[str], columns: Sequence[Column], meta: Meta | None = None, kind: str | None = None
) -> Path:
    """Write a table, whole or not at all. The same table gives the same bytes.

    Parameters
    ----------
    path : path-like
    columns : sequence of Column
        Of one length, one value per row.
    meta : mapping of str to str or list of str, optional
        Kept where the format has a means for it (not in CSV); `comments` become comments.
    kind : {"fits", "ecsv", "csv", "hdf5", "parquet", "votable"}, optional
        By default the format that the suffix tells. Beside a CSV file a second one, `<name>-metadata.json`, holds units
        and descriptions.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        For an unknown suffix, a package that is not installed, or a file that cannot be written.
    """
    kind = kind or format_of(path)
    if kind is None:
        raise InputError(f"a suffix that says the format is needed: one of {known_suffixes()}", path)
    if kind not in _WRITERS:
        raise InputError(f"format = '{kind}': must be one of {', '.join(_WRITERS)}", path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of units that FITS does not know: they are written nevertheless
        _WRITERS[kind](path, [_without_mask(column) for column in columns], meta or {})
    return Path(path)


def _without_mask(column: Column) -> Column:
    """The column with NaN, or an empty text, for what is missing."""
    if column.mask is None:
        return column
    is_text = column.values.dtype.kind in "USO"
    values = np.where(column.mask, "", column.values.astype(str)) if is_text else column.numbers()
    return Column(column.name, values, None, column.unit, column.description)


def _astropy_table(columns: Sequence[Column], meta: Meta) -> QTable:
    """The columns as astropy has them: those with a unit are quantities, which keep it in every format."""
    from astropy.table import QTable, Table
    from astropy.units import Unit

    table = Table(
        meta={name: value if isinstance(value, str) else list(value) for name, value in meta.items()}
    )
    for column in columns:
        table[column.name] = column.values
        table[column.name].description = column.description or None
        table[column.name].unit = Unit(column.unit, parse_strict="silent") if column.unit else None
    return QTable(table)


def _write_fits(path: str | os.PathLike[str], columns: Sequence[Column], meta: Meta) -> None:
    from astropy.io import fits

    texts = {
        name: [_ascii(one) for one in ([value] if isinstance(value, str) else value)]
        for name, value in meta.items()
    }
    plain = {name: lines[0] if isinstance(meta[name], str) else lines for name, lines in texts.items()}
    table = _astropy_table(columns, plain)
    for column in columns:
        if column.values.dtype.kind in "UO":
            table[column.name] = np.char.encode(column.values.astype(str), "utf-8")
            table[column.name].info.description = column.description or None
    buffer = io.BytesIO()
    table.write(buffer, format="fits")
    buffer.seek(0)
    with fits.open(buffer) as hdus, atomic_write(path, "wb") as f:
        header = hdus[1].header
        for i, column in enumerate(columns, start=1):
            if column.description:
                # units that FITS does not know would be lost to other readers
                unit = "" if f"TUNIT{i}" in header or not column.unit else f" [{column.unit}]"
                header.set(f"TCOMM{i}", _ascii(column.description + unit), after=f"TFORM{i}")
        hdus.writeto(f)


def _ascii(text: str) -> str:
    """A text as the header of a FITS file can hold it."""
    return text.encode("ascii", "backslashreplace").decode().replace("\n", " ")


def _write_ecsv(path: str | os.PathLike[str], columns: Sequence[Column], meta: Meta) -> None:
    from astropy.table.meta import get_yaml_from_table

    head = _astropy_table(columns, meta)[:0]
    notes = ["%ECSV 1.0", "---", "delimiter: ','", *get_yaml_from_table(_as_plain(head))]
    with atomic_write(path) as f:
        f.writelines(f"# {line}\n" for line in notes)
        _write_rows(f, columns, csv.QUOTE_NONNUMERIC)


def _as_plain(table: QTable) -> Any:
    """A table without quantities, whose columns have units instead."""
    from astropy.table import Table

    return Table(table)


def _write_csv(path: str | os.PathLike[str], columns: Sequence[Column], meta: Meta) -> None:
    metadata = csv_metadata_path(path)
    described = [_csv_column(column) for column in columns]
    notes = {
        "@context": "http://www.w3.org/ns/csvw",
        "url": Path(path).name,
        "notes": [
            {name: list(value) if not isinstance(value, str) else value} for name, value in meta.items()
        ],
        "tableSchema": {"columns": described},
    }
    with atomic_write(metadata) as f:
        f.write(json.dumps(notes, indent=1, ensure_ascii=False) + "\n")
    with atomic_write(path) as f:
        _write_rows(f, columns, csv.QUOTE_MINIMAL)


def _csv_column(column: Column) -> dict[str, str]:
    """A column in the metadata of a CSV file."""
    kinds = {"f": "double", "i": "long", "u": "long", "b": "boolean"}
    described = {"name": column.name, "datatype": kinds.get(column.values.dtype.kind, "string")}
    described |= {"dc:description": column.description} if column.description else {}
    return described | ({"unit": column.unit} if column.unit else {})


def _write_rows(f: IO[str], columns: Sequence[Column], quoting: Any) -> None:
    """Names and rows between commas; numbers with as many digits as they need to come back as they are."""
    writer = csv.writer(f, quoting=quoting, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for rows in _blocks(columns):
        writer.writerows(zip(*[column.values[rows].tolist() for column in columns], strict=True))


def _write_hdf5(path: str | os.PathLike[str], columns: Sequence[Column], meta: Meta) -> None:
    from astropy.io.misc.hdf5 import write_table_hdf5

    table = _astropy_table(columns, meta)
    for column in columns:
        if column.values.dtype.kind == "O":
            table[column.name] = column.values.astype(str)
    with atomic_hdf5(path) as f:
        write_table_hdf5(_as_plain(table), f, path="table", serialize_meta=True)


def _write_parquet(path: str | os.PathLike[str], columns: Sequence[Column], meta: Meta) -> None:
    pyarrow, parquet = require("pyarrow", "Parquet tables"), require("pyarrow.parquet", "Parquet tables")
    from astropy.table.meta import get_yaml_from_table

    arrays = [
        pyarrow.array(column.values.tolist() if column.values.dtype.kind in "UO" else column.values)
        for column in columns
    ]
    fields = [
        pyarrow.field(
            column.name, array.type, metadata={"unit": column.unit, "description": column.description}
        )
        for column, array in zip(columns, arrays, strict=True)
    ]
    # as astropy keeps units, descriptions and meta
    notes = "\n".join(get_yaml_from_table(_as_plain(_astropy_table(columns, meta)[:0])))
    lengths = {
        f"table::len::{c.name}": str(_longest(c.values)) for c in columns if c.values.dtype.kind in "UO"
    }
    schema = pyarrow.schema(fields, metadata={"table_meta_yaml": notes} | lengths)
    with atomic_path(path) as temporary, open(temporary, "wb") as f:
        parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), f)


def _longest(values: NDArray[Any]) -> int:
    """Letters of the longest text."""
    return max((len(str(value)) for value in values), default=0)


def _write_votable(path: str | os.PathLike[str], columns: Sequence[Column], meta: Meta) -> None:
    """A VOTable 1.3 (IVOA 2013) with its data in binary, which is written and read faster than text."""
    encoded = {column.name: _big_endian(column.values) for column in columns}
    with atomic_write(path) as f:
        f.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        f.write(
            '<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n<RESOURCE type="results">\n'
        )
        for name, value in meta.items():
            for line in [value] if isinstance(value, str) else value:
                f.write(f"<INFO name={quoteattr(name)} value={quoteattr(line)}/>\n")
        f.write(f'<TABLE nrows="{len(columns[0].values)}">\n')
        f.writelines(_field(column, encoded[column.name]) for column in columns)
        f.write('<DATA><BINARY><STREAM encoding="base64">\n')
        layout = np.dtype([(f"f{i}", encoded[column.name].dtype) for i, column in enumerate(columns)])
        for rows in _blocks(columns):
            block = np.empty(len(columns[0].values[rows]), dtype=layout)
            for i, column in enumerate(columns):
                block[f"f{i}"] = encoded[column.name][rows]
            f.write(base64.b64encode(block.tobytes()).decode() + "\n")
        f.write("</STREAM></BINARY></DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n")


def _big_endian(values: NDArray[Any]) -> NDArray[Any]:
    """Values as a VOTable has them in binary; texts as bytes of one length."""
    kind = values.dtype.kind
    if kind in "UO":
        texts = values.astype(str)
        try:
            return np.char.encode(texts, "ascii")
        except UnicodeEncodeError:
            encoded = np.char.encode(texts, "utf-16-be")
            return encoded.astype(f"S{2 * (texts.dtype.itemsize // 4)}")
    if kind == "b":
        return np.where(values, b"T", b"F")
    return values.astype(values.dtype.newbyteorder(">"))


def _field(column: Column, encoded: NDArray[Any]) -> str:
    """The description of a column in a VOTable."""
    if column.values.dtype.kind == "b":
        kind = 'datatype="boolean"'
    elif encoded.dtype.kind == "S":
        wide = column.values.dtype.kind in "UO" and not all(str(v).isascii() for v in column.values)
        size = encoded.dtype.itemsize // 2 if wide else encoded.dtype.itemsize
        kind = f'datatype="{"unicodeChar" if wide else "char"}" arraysize="{size}"'
    else:
        kind = f'datatype="{_VO_TYPES[encoded.dtype.str[1:]]}"'
    unit = f" unit={quoteattr(_vo_unit(column.unit))}" if column.unit else ""
    description = f"<DESCRIPTION>{escape(column.description)}</DESCRIPTION>" if column.description else ""
    return f"<FIELD name={quoteattr(column.name)} {kind}{unit}>{description}</FIELD>\n"


def _vo_unit(unit: str) -> str:
    """A unit as VOTable 1.3 has it: [solMass] for the logarithm of solar masses."""
    from astropy.units import DexUnit, MagUnit, Unit

    parsed = Unit(unit, parse_strict="silent")
    if isinstance(parsed, MagUnit):
        return "mag"
    if isinstance(parsed, DexUnit):
        return f"[{parsed.physical_unit.to_string('cds')}]"
    try:
        return str(parsed.to_string("cds"))
    except ValueError:
        return unit


def _blocks(columns: Sequence[Column]) -> Iterator[slice]:
    """Rows of the table, some at a time."""
    n_rows = len(columns[0].values)
    for start in range(0, n_rows, _ROWS_PER_BLOCK):
        yield slice(start, min(start + _ROWS_PER_BLOCK, n_rows))


_WRITERS: dict[str, Callable[[str | os.PathLike[str], Sequence[Column], Meta], None]] = {
    "fits": _write_fits,
    "ecsv": _write_ecsv,
    "csv": _write_csv,
    "hdf5": _write_hdf5,
    "parquet": _write_parquet,
    "votable": _write_votable,
}
