"""Short names of the filter curves that come with fastsed: a name in, the number of its curve out."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from os import PathLike

from fastsed.errors import InputError, shortened
from fastsed.paths import share_dir

_MOST_NEAREST = 6


@dataclass(frozen=True)
class FilterName:
    """One row of share/FILTER.NAMES.

    Attributes
    ----------
    number : int
        Position in share/FILTER.RES.latest, from 1.
    name : str
        Unique, lower case: instrument_band.
    wavelength, width : float
        Mean wavelength (spec of FILTER_FORMAT = 1), and area over height of the curve [A].
    description : str
        Header of the curve.
    """

    number: int
    name: str
    wavelength: float
    width: float
    description: str


class FilterNumber(int):
    """The number of a filter that was given by its name; equal to the plain number."""

    def check_description(self, description: str, path: str | PathLike[str]) -> None:
        """Refuse a file that has another curve under this number.

        Raises
        ------
        InputError
        """
        known = filter_names()[self - 1]
        if " ".join(description.split()) != known.description:
            raise InputError(
                f"its filter {int(self)} is '{description[:60]}', not {known.name}: names are those of the "
                "FILTER.RES.latest that comes with fastsed; filters of other files are given by number",
                path,
            )


@cache
def filter_names() -> tuple[FilterName, ...]:
    """All filters that come with fastsed, in the order of their numbers."""
    rows = []
    for line in (share_dir() / "FILTER.NAMES").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            number, name, wavelength, width, description = line.split(maxsplit=4)
            rows.append(FilterName(int(number), name, float(wavelength), float(width), description))
    return tuple(rows)


@cache
def _numbers() -> dict[str, int]:
    return {row.name: row.number for row in filter_names()}


def is_filter_name(text: str) -> bool:
    """Whether a text is the name of a filter, whatever the case of its letters."""
    return text.lower() in _numbers()


def filter_number(text: str) -> FilterNumber:
    """Number of the filter of this name, whatever the case of its letters.

    Raises
    ------
    InputError
        For a name that is unknown, or that may be short for several: it lists the nearest.
    """
    name = text.strip().lower()
    if name in _numbers():
        return FilterNumber(_numbers()[name])
    matches = [row.name for row in filter_names() if name and _abbreviates(name, row.name)]
    matches.sort(key=lambda match: not match.startswith(name))
    if len(matches) > 1:
        raise InputError(f"filter name '{text}' is ambiguous: {shortened(matches, _MOST_NEAREST)}")
    nearest = matches or difflib.get_close_matches(name, list(_numbers()), n=_MOST_NEAREST, cutoff=0.0)
    raise InputError(
        f"there is no filter named '{text}'; the nearest: {shortened(nearest, _MOST_NEAREST)} "
        "(`fastsed-filters search` lists all)"
    )


def _abbreviates(text: str, name: str) -> bool:
    """Whether a text is a run of the words of a name: `f160w` and `wfc3_f160` of `hst_wfc3_f160w`."""
    return f"_{name}".find(f"_{text}") >= 0
