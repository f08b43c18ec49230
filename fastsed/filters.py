"""Filter curves by number or name: the database that comes with fastsed, and curves of the user's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.filter_names import FilterName, filter_names, filter_number
from fastsed.inputs.filters import Response, Throughput, normalised, read_throughputs
from fastsed.paths import share_dir
from fastsed.text import whole_number

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Filter", "get", "search"]


@dataclass(frozen=True, eq=False)
class Filter:
    """A filter curve.

    Parameters
    ----------
    wavelength : array_like (n,)
        Rising; in Angstrom, or a Quantity of any unit of length.
    transmission : array_like (n,)
        Relative throughput per photon (FILTER_FORMAT = 1), linear between the wavelengths, 0 beyond.
    name : str
        For messages and labels.
    number : int
        Position in the database, from 1; 0 for a curve of your own.
    description : str
        What the database says of it.

    Raises
    ------
    InputError
        For less than two points, numbers that are not finite, wavelengths that do not rise or are not in Angstrom, and
        a curve without throughput.
    """

    wavelength: Floats
    transmission: Floats
    name: str = ""
    number: int = 0
    description: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", str(self.name) or "without a name")
        for field, values in (
            ("wavelength", _in_angstrom(self.wavelength)),
            ("transmission", self.transmission),
        ):
            array = np.array(values, dtype=np.float64)
            array.flags.writeable = False
            object.__setattr__(self, field, array)
        self._check()

    def _check(self) -> None:
        lam, transmission = self.wavelength, self.transmission
        if lam.ndim != 1 or lam.shape != transmission.shape or lam.size < 2:
            raise InputError(
                f"filter {self.name}: expected as many wavelengths as transmissions, at least 2, in one dimension; "
                f"found shapes {lam.shape} and {transmission.shape}"
            )
        if not (np.isfinite(lam).all() and np.isfinite(transmission).all()):
            raise InputError(f"filter {self.name}: a wavelength or a transmission is not finite")
        if not (np.diff(lam) > 0).all():
            row = int(np.flatnonzero(np.diff(lam) <= 0)[0]) + 1
            raise InputError(
                f"filter {self.name}: wavelengths must rise, but {lam[row]:g} follows {lam[row - 1]:g}"
            )
        _ = self.mean_wavelength

    @cached_property
    def mean_wavelength(self) -> float:
        """Mean wavelength int lambda^2 T dlambda / int lambda T dlambda [A], as in the conversion of fluxes."""
        return self.response().mean_wavelength

    @property
    def width(self) -> float:
        """Width of the rectangle of the same height and area, int T dlambda / max T [A]."""
        return self._curve.width

    def response(self, filter_format: int = 1) -> Response:
        """Give what the band sees of a spectrum, normalised.

        Parameters
        ----------
        filter_format : int
            1: lambda T; otherwise lambda^2 T (FILTER_FORMAT).

        Returns
        -------
        fastsed.inputs.filters.Filter
            Of unit integral.
        """
        return normalised(self._curve, filter_format)

    @property
    def _curve(self) -> Throughput:
        return Throughput(self.number, self.name, self.wavelength, self.transmission)

    def __repr__(self) -> str:
        number = f" ({self.number})" if self.number else ""
        return f"<Filter {self.name}{number}: {self.mean_wavelength:.6g} A, width {self.width:.4g} A>"


def get(filter: int | str | Filter) -> Filter:
    """Give a filter of the database that comes with fastsed.

    Parameters
    ----------
    filter : int, str or Filter
        Its number, from 1, or its name, whatever the case of its letters. A Filter comes back as it is.

    Returns
    -------
    Filter
        The curve.

    Raises
    ------
    InputError
        For a number that is not there, and for a name that is unknown or ambiguous: it lists the nearest.
    TypeError
        For anything else.

    Examples
    --------
    >>> fastsed.filters.get("sdss_u")
    <Filter sdss_u (156): 3572.18 A, width 558.4 A>
    """
    if isinstance(filter, Filter):
        return filter
    row = _row(filter)
    (curve,) = read_throughputs(share_dir() / "FILTER.RES.latest", [row.number])
    return Filter(curve.lam, curve.throughput, row.name, row.number, row.description)


def search(text: str = "") -> Table:
    """Search the database of filters that comes with fastsed.

    Parameters
    ----------
    text : str
        Words of the name or of the description, or a number; all have to be there, whatever the case of their letters.
        Empty: all filters.

    Returns
    -------
    astropy.table.Table
        Columns number, name, wavelength and width [A], description. The wavelength is the mean one of a spectrum that
        is flat in photons, int lambda^2 T dlambda / int lambda T dlambda; the width is area over height of the curve.

    Examples
    --------
    >>> fastsed.filters.search("galex")["name"].tolist()
    ['galex_fuv', 'galex_nuv']
    """
    from astropy.table import Table

    rows = find(text)
    table = Table()
    table["number"] = np.array([row.number for row in rows], dtype=int)
    table["name"] = np.array([row.name for row in rows], dtype=str)
    table["wavelength"] = np.array([row.wavelength for row in rows], dtype=float)
    table["width"] = np.array([row.width for row in rows], dtype=float)
    table["description"] = np.array([row.description for row in rows], dtype=str)
    table["wavelength"].unit = table["width"].unit = "Angstrom"
    return table


def find(text: str) -> list[FilterName]:
    """As `search`: the rows of the list of names."""
    words = text.lower().split()
    return [row for row in filter_names() if all(_is_in(word, row) for word in words)]


def _is_in(word: str, row: FilterName) -> bool:
    """Whether a word is in a name or a description; a number, in the name, or that of the filter."""
    if whole_number(word) is not None:
        return word == str(row.number) or word in row.name
    return word in row.name or word in row.description.lower()


def _row(filter: Any) -> FilterName:
    names = filter_names()
    if isinstance(filter, str):
        number = whole_number(filter.strip())
        filter = filter_number(filter) if number is None else number
    if isinstance(filter, bool) or not isinstance(filter, int | np.integer):
        raise TypeError(f"a filter is a number, a name or a fastsed.Filter, not {type(filter).__name__}")
    if not 1 <= filter <= len(names):
        raise InputError(f"there is no filter {filter}: the database holds 1 to {len(names)}")
    return names[int(filter) - 1]


def _in_angstrom(wavelength: Any) -> Any:
    """Wavelengths, of which a Quantity is brought to Angstrom."""
    return wavelength.to_value("Angstrom") if hasattr(wavelength, "to_value") else wavelength
