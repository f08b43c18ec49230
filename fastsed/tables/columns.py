"""Plain columns: numpy values, mask, unit and description of each, from whatever table they came."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats, Mask
from fastsed.errors import InputError, shortened
from fastsed.text import means_missing, parse_number

# booleans of tables that are texts, as numbers
_TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
    values : array (n_row,)
        In the type of the table, native byte order.
    mask : bool (n_row,), optional
        True where a value is missing.
    unit : str
        As the table has it; empty for none.
    description : str
    path : path-like, optional
        The table, for messages.
    """

    name: str
    values: NDArray[Any]
    mask: Mask | None = None
    unit: str = ""
    description: str = ""
    path: str | os.PathLike[str] | None = None

    def numbers(self) -> Floats:
        """The values as float64 (n_row,), NaN where they are missing.

        Texts that stand for numbers, booleans or missing values, as in text catalogues, count as such.

        Raises
        ------
        InputError
            For arrays in place of single values, and for what is no number, with its row (from 1).
        """
        values = self._single_values()
        if values.dtype.kind in "biuf":
            numbers = np.array(values, dtype=np.float64)
        elif values.dtype.kind in "USO":
            numbers = self._parsed(values)
        else:
            raise InputError(f"column {self.name} holds no numbers, but {values.dtype}", self.path)
        if self.mask is not None:
            numbers[self.mask] = np.nan
        return numbers

    def texts(self) -> list[str]:
        """The values as texts; whole numbers have no decimals, so that an id of 1.0 is `1`, missing ones are `nan`.

        Raises
        ------
        InputError
            For arrays in place of single values.
        """
        values = self._single_values()
        if values.dtype.kind == "f":
            whole = np.isfinite(values) & (np.abs(values) < 2**53) & (values == np.trunc(values))
            texts = [
                str(int(value)) if is_whole else str(value)
                for value, is_whole in zip(values.tolist(), whole.tolist(), strict=True)
            ]
        else:
            texts = [str(value).strip() for value in values.tolist()]
        for row in np.flatnonzero(self.mask) if self.mask is not None else ():
            texts[row] = "nan"
        return texts

    def flags(self) -> Mask:
        """The values as booleans, False where they are missing.

        Raises
        ------
        InputError
            For a value that is neither 0 nor 1.
        """
        numbers = self.numbers()
        for row in np.flatnonzero(~np.isnan(numbers) & (numbers != 0) & (numbers != 1))[:1]:
            raise InputError(f"row {row + 1}: column {self.name}: {numbers[row]:g} must be 0 or 1", self.path)
        return np.asarray(numbers == 1)

    def _single_values(self) -> NDArray[Any]:
        if self.values.ndim != 1:
            raise InputError(
                f"column {self.name} holds arrays, where one value per row is expected", self.path
            )
        return self.values

    def _parsed(self, values: NDArray[Any]) -> Floats:
        numbers = np.empty(values.size)
        missing = np.zeros(values.size, dtype=bool) if self.mask is None else self.mask
        for row, value in enumerate(values.tolist()):
            text = "" if missing[row] else str(value).strip()
            number = parse_number(text) if text else np.nan
            if number is None:
                number = _TRUTH.get(text.lower())
            if number is None and not means_missing(text):
                raise InputError(f"row {row + 1}: column {self.name}: '{text}' is not a number", self.path)
            numbers[row] = np.nan if number is None else number
        return numbers


@dataclass(frozen=True)
class ColumnInfo:
    """What is known of a column before its values are read."""

    unit: str = ""
    description: str = ""


Loaded = Mapping[str, tuple[NDArray[Any], Mask | None]]
"""Values and mask of columns, by name."""


@dataclass(frozen=True, eq=False)
class ColumnSource:
    """A table whose columns are read when they are asked for.

    Parameters
    ----------
    info : mapping of str to ColumnInfo
        Of all columns, in the order of the table.
    n_rows : int
    load : callable
        Names in; values and masks out.
    path : path-like, optional
        The file, for messages; None for objects in memory.
    """

    info: Mapping[str, ColumnInfo]
    n_rows: int
    load: Callable[[Sequence[str]], Loaded]
    path: str | os.PathLike[str] | None = None

    @property
    def names(self) -> list[str]:
        """Of all columns, in the order of the table."""
        return list(self.info)

    def find(self, name: str) -> str:
        """The name of a column as the table has it: exactly this one, else one that differs by the case of letters.

        Raises
        ------
        InputError
            Where there is none, or more than one.
        """
        if name in self.info:
            return name
        alike = [known for known in self.info if known.upper() == name.upper()]
        if len(alike) == 1:
            return alike[0]
        if alike:
            raise InputError(f"has no column {name}, but {' and '.join(alike)}", self.path)
        raise InputError(f"has no column {name}; its columns are {shortened(self.names)}", self.path)

    def read(self, names: Sequence[str]) -> list[Column]:
        """Read columns, each of them once, however often it is named.

        Raises
        ------
        InputError
            For a name that the table has not, and where the file cannot be read.
        """
        exact = [self.find(name) for name in names]
        loaded = self.load(list(dict.fromkeys(exact))) if exact else {}
        columns = []
        for name in exact:
            values, mask = loaded[name]
            unit, description = self.info[name].unit, self.info[name].description
            columns.append(Column(name, values, mask, unit, description, self.path))
        return columns
