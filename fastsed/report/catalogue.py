"""A catalogue of results as columns: results of a fit, or a `.fout` file or table of them, in."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastsed.arrays import Floats, Mask
from fastsed.errors import InputError
from fastsed.models.axes import axis
from fastsed.outputs.catalogue_table import catalogue_columns
from fastsed.quantities import BY_NAME
from fastsed.tables.formats import format_of
from fastsed.tables.readers import read_table
from fastsed.text import decode, parse_number, read_bytes

if TYPE_CHECKING:
    from fastsed.problem import Problem
    from fastsed.results import Results

# as the header of a .fout file calls the axes
_AXIS_LINES = {"log(tau/yr)": "ltau", "log(age/yr)": "lage", "A_V": "Av", "A_V_BC": "Av_bc", "z": "z"}
_RANGE = re.compile(r"(\S+):\s+(\S+)\s*-\s+(\S+)\s*in steps of\s+(\S+)(.*)")


@dataclass(frozen=True)
class Catalogue:
    """Results of many sources.

    Attributes
    ----------
    name : str
        Of the catalogue or file.
    ids : list of str
    columns : dict of str to float64 (nsource,)
        Numbers, as the output catalogue shows them; bounds of intervals are `l68_lmass`, `u68_lmass`, ...
    units, meanings : dict of str to str
        Of the columns.
    axes : dict of str to (nvalue,)
        Of the grid, as far as they are known.
    provenance : tuple of str
        What was fitted with what.
    known_z, given_z : float64 (nsource,) or None
        Redshifts to compare with, and the photometric ones to be compared where the fit's do not count.
    """

    name: str
    ids: list[str]
    columns: dict[str, Floats]
    units: dict[str, str] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)
    axes: Mapping[str, Floats] = field(default_factory=dict)
    provenance: tuple[str, ...] = ()
    known_z: Floats | None = None
    given_z: Floats | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def fitted(self) -> Mask:
        """Which sources have a fit, (nsource,)."""
        if "chi2" in self.columns:
            return np.isfinite(self.columns["chi2"]) & (self.columns["chi2"] >= 0)
        finite = [np.isfinite(values) for values in self.columns.values()]
        return np.any(finite, axis=0) if finite else np.zeros(len(self), dtype=bool)

    def get(self, name: str) -> Floats:
        """A column, with NaN for sources without a fit.

        Raises
        ------
        InputError
            If there is no such column.
        """
        if name not in self.columns:
            raise InputError(f"{self.name}: has no column {name}; there are {', '.join(self.columns)}")
        return np.where(self.fitted, self.columns[name], np.nan)

    def at_edge(self) -> dict[str, tuple[Mask, Mask]]:
        """Which sources are at the lower and at the upper end of each axis of the grid."""
        at_edge = {}
        for name, values in self.axes.items():
            if name not in self.columns or len(values) < 2:
                continue
            column = self.get(name)
            middle = (values[1:] + values[:-1]) / 2
            with np.errstate(invalid="ignore"):
                at_edge[name] = (column < middle[0], column > middle[-1])
        return at_edge


def catalogue_of(results: Results, problem: Problem | None) -> Catalogue:
    """The results of a fit as a catalogue.

    Parameters
    ----------
    results : Results
    problem : Problem or None
        None for fits of an array of models.
    """
    columns, units, meanings = {}, {}, {}
    for column in catalogue_columns(results):
        units[column.name], meanings[column.name] = column.unit, column.description
        if column.name != "id":
            columns[column.name] = np.asarray(column.values, dtype=float)
    photoz = problem.photoz if problem is not None else None
    name = (problem.params.output_file or problem.params.catalog) if problem is not None else ""
    return Catalogue(
        name=Path(name).name or "catalogue",
        ids=[str(one) for one in results.ids],
        columns=columns,
        units=units,
        meanings=meanings,
        axes={name: np.asarray(values, dtype=float) for name, values in results.axes.items()},
        provenance=tuple(line for line in results.provenance if line),
        known_z=photoz.z_spec if photoz is not None else None,
        given_z=photoz.z_phot if photoz is not None else None,
    )


def is_catalogue(path: str | os.PathLike[str]) -> bool:
    """Whether the name of a file says that it is a `.fout` file or a table."""
    return Path(path).suffix.lower() == ".fout" or format_of(path) is not None


def read_catalogue(path: str | os.PathLike[str]) -> Catalogue:
    """Read a `.fout` file (of fastsed, FAST++ or FAST) or a table of results.

    Parameters
    ----------
    path : path-like
        `.fout`, or a table in one of the formats of `fastsed.tables`.

    Raises
    ------
    InputError
        If it cannot be read, or has no column `id`.
    """
    if Path(path).suffix.lower() == ".fout":
        return _read_fout(Path(path))
    return _read_table(Path(path))


def _read_fout(path: Path) -> Catalogue:
    header: list[str] = []
    names: list[str] = []
    rows: list[tuple[str, list[float]]] = []
    for number, line in enumerate(decode(read_bytes(path)).splitlines(), 1):
        if line.startswith("#"):
            header.append(line[1:].strip())
            words = header[-1].split()
            names = words if words[:1] == ["id"] and not rows else names
        elif line.strip():
            if not names:
                raise InputError(
                    "expected '# id ...', the names of the columns, before this line", path, number
                )
            rows.append(_row(line.split(), names, path, number))
    if not rows:
        raise InputError("holds no sources", path)
    numbers = np.array([values for _, values in rows], dtype=float).reshape(len(rows), len(names) - 1)
    provenance = tuple(line for line in header if line and not line.startswith("id "))
    columns = {name: numbers[:, i] for i, name in enumerate(names[1:])}
    quantities = {name: BY_NAME.get(re.sub(r"^[lu][\d.]+_", "", name)) for name in columns}
    return Catalogue(
        name=path.name,
        ids=[identity for identity, _ in rows],
        columns=columns,
        units={name: quantity.table_unit for name, quantity in quantities.items() if quantity},
        meanings={name: quantity.meaning for name, quantity in quantities.items() if quantity},
        axes=_axes_of(provenance),
        provenance=provenance,
    )


def _row(words: list[str], names: Sequence[str], path: Path, line: int) -> tuple[str, list[float]]:
    if len(words) != len(names):
        raise InputError(f"{len(words)} values, but the header names {len(names)} columns", path, line)
    values = [parse_number(word) for word in words[1:]]
    if None in values:
        wrong = words[1 + values.index(None)]
        raise InputError(f"expected a number, found '{wrong}'", path, line)
    return words[0], [float(value) for value in values if value is not None]


def _axes_of(provenance: Sequence[str]) -> dict[str, Floats]:
    """The axes that the head of a catalogue describes."""
    axes: dict[str, Floats] = {}
    for line in provenance:
        match = _RANGE.fullmatch(line)
        if match and match[1] in _AXIS_LINES:
            low, high, step = (parse_number(match[i]) for i in (2, 3, 4))
            if None not in (low, high, step) and step and high and "logarithmic" not in match[5]:
                axes[_AXIS_LINES[match[1]]] = axis(low or 0.0, high, step).astype(float)
        elif line.startswith("metallicity:"):
            metals = [parse_number(word) for word in line.split()[1:]]
            axes["metal"] = np.sort(np.array([value for value in metals if value is not None]))
    return axes


def _read_table(path: Path) -> Catalogue:
    table = read_table(path)
    identity = table.find("id")
    read = {column.name: column for column in table.read(table.names)}
    columns = {
        name: column.numbers()
        for name, column in read.items()
        if name != identity and column.values.ndim == 1 and column.values.dtype.kind in "iuf"
    }
    known = next((columns[name] for name in columns if name.lower() in ("z_spec", "zspec")), None)
    return Catalogue(
        name=path.name,
        ids=read[identity].texts(),
        columns=columns,
        units={name: read[name].unit for name in columns},
        meanings={name: read[name].description for name in columns},
        known_z=known,
    )


def read_known_redshifts(path: str | Path, ids: Sequence[str]) -> Floats:
    """Known redshifts from a table with the columns id and z_spec; NaN for sources that it does not hold.

    Parameters
    ----------
    path : path-like
        Text with a `#` line of names, or a table in one of the formats of `fastsed.tables`.
    ids : sequence of str
        Of the sources.

    Raises
    ------
    InputError
        If it cannot be read, or a column is missing.
    """
    from fastsed.inputs.tables import TextTable, canonical_id, needs

    if format_of(path) is not None:
        columns = read_table(path)
        texts, numbers = columns.read([columns.find("id"), columns.find("z_spec")])
        pairs = zip(texts.texts(), numbers.numbers(), strict=True)
    else:
        table = TextTable(path, needs("id", "z_spec"))
        read = table.read(texts=[table.find("id")], numbers=[table.find("z_spec")])
        pairs = zip(read.texts[0], read.numbers[:, 0], strict=True)
    known = {canonical_id(one): z for one, z in pairs}
    z_known = np.array([known.get(canonical_id(one), np.nan) for one in ids], dtype=float)
    if not np.isfinite(z_known).any():
        raise InputError("holds none of the sources", path)
    return z_known
