"""Read simple populations: a GALAXEV `.ised_ASCII`, its FITS twin or our HDF5 in, a `Library` out."""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.foreign import parse_foreign
from fastsed.library.hdf5 import SUFFIXES, read_hdf5, write_ssp_hdf5
from fastsed.library.ised import metal_tag, metallicity_of_name, read_ised
from fastsed.library.types import Library
from fastsed.library.validate import check_library
from fastsed.library.validate import check_spectra as check_values
from fastsed.text import read_bytes

__all__ = ["read_library", "read_ssp", "ssp_name", "write_ssp_hdf5"]


KNOWN = (".ised", ".ised_ASCII", ".fits", ".hdf5", ".h5")
WHAT_FITS = "a table with AGE, MASS, LAMBDA and SED"


def ssp_name(library: str, resolution: str, imf: str, metal: float) -> str:
    """FAST's name of a simple population file, for instance ``bc03_lr_ch_z02.ised_ASCII``."""
    return f"{library}_{resolution}_{imf}_z{metal_tag(metal)}.ised_ASCII"


def read_library(
    path: str | PathLike[str],
    metal: float | None = None,
    log_tau: float | None = None,
    check_spectra: bool = True,
    lazy: bool = False,
) -> Library:
    """Read any library file that fastsed knows, by its suffix.

    Parameters
    ----------
    path : path-like
        ``.ised``, ``.ised_ASCII``, ``.ised_ASCII.fits``, ``.hdf5`` or ``.h5``.
    metal, log_tau : float, optional
        Which population of an HDF5 file that holds several.
    check_spectra : bool
        Of ``.ised`` files: False for those who will not look at them. Other files are always read whole.
    lazy : bool
        Whether the caller checks the spectra of ``.ised`` files (`validate.check_spectra`), as they are read.

    Raises
    ------
    InputError
        If the file cannot be read, is of no known kind, or holds what no library can (`validate.check_library`).
    """
    name = Path(path).name
    if name.endswith(".ised"):
        library = read_ised(path, check_spectra)
        if check_spectra and not lazy:
            check_values(library.sed, path)
        return library
    if name.endswith(SUFFIXES):
        library = read_hdf5(path, metal, log_tau)
    elif name.endswith((".fits", ".fit")):
        library = _read_fits(Path(path))
    elif name.endswith(".ised_ASCII"):
        library = _read_ascii(Path(path))
    else:
        raise InputError(f"is of no known kind; libraries end in {', '.join(KNOWN)}", path)
    check_library(library, path)
    return library


def read_ssp(path: str | PathLike[str], metal: float | None = None) -> Library:
    """Read a simple stellar population.

    Parameters
    ----------
    path : path-like
        ``.ised_ASCII``, ``.ised_ASCII.fits``, ``.hdf5`` or ``.h5``.
    metal : float, optional
        Which metallicity of an HDF5 file that holds several.

    Returns
    -------
    Library
        Of kind "ssp".

    Raises
    ------
    InputError
        If the file cannot be read, is damaged, or holds something else.
    """
    library = read_library(path, metal)
    if library.kind != "ssp":
        raise InputError("holds composite populations, where simple ones (SSPs) are needed", path)
    return library


def _simple(path: Path, ages: Floats, lam: Floats, sed: Floats, surviving: Floats) -> Library:
    metal = metallicity_of_name(path.name)
    return Library(
        ages, lam, sed, surviving, np.zeros(ages.size), np.ones(ages.size), "ssp", metal, str(path)
    )


# --- GALAXEV text -----------------------------------------------------------------------------------------


def _read_ascii(path: Path) -> Library:
    """The token stream of a ``.ised_ASCII`` file: head with text lines, then numbers only."""
    content = read_bytes(path)
    ages, total_mass, rest = _ascii_head(content, path)
    numbers = _Numbers(rest, path)
    lam = numbers.block("wavelengths")
    spectra = []
    for i in range(ages.size):
        spectra.append(numbers.block(f"fluxes of age {i + 1}", lam.size))
        numbers.block(f"line strengths of age {i + 1}", smallest=0)
    sed = np.array(spectra)
    numbers.block("closing block 1", ages.size)
    surviving = numbers.block("closing block 2 (mass)", ages.size) / total_mass
    return _simple(path, ages, lam, sed, surviving)


def _ascii_head(content: bytes, path: Path) -> tuple[Floats, float, bytes]:
    """Ages, total mass, and what follows the four text lines."""
    try:
        count, rest = content.split(None, 1)
        n_ages = int(count)
        *ages, _ml, _mu, n_segments, rest = rest.split(None, n_ages + 3)
        *parameters, rest = rest.split(None, 6 * int(n_segments) + 10)
        total_mass = float(parameters[6 * int(n_segments)])
        if not (n_ages > 0 and 0 < total_mass < np.inf):
            raise ValueError(f"{n_ages} ages, total mass {total_mass:g}")
        # `rest` starts at the one-character code; its line and three more are text
        return np.array(ages, dtype=float), total_mass, rest.split(b"\n", 4)[4]
    except (ValueError, IndexError, OverflowError) as error:
        raise InputError(f"is not a GALAXEV .ised_ASCII file, or its head is cut ({error})", path) from error


class _Numbers:
    """The numbers of a text, handed out as blocks that start with their own length."""

    def __init__(self, text: bytes, path: Path):
        self._path, self._at = path, 0
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)
            try:
                self._values = np.fromstring(text, dtype=np.float64, sep=" ")
            except (DeprecationWarning, ValueError):
                raise InputError(f"is damaged: '{_first_non_number(text)}' is not a number", path) from None

    def block(self, what: str, expected: int | None = None, smallest: int = 1) -> Floats:
        """The next n and the n values behind it."""
        count = self._values[self._at] if self._at < self._values.size else None
        if count is None:
            raise InputError(f"is truncated: it ends before the {what}", self._path)
        if (
            not np.isfinite(count)
            or count != round(count)
            or count < smallest
            or (expected is not None and count != expected)
        ):
            described = f"{expected}" if expected is not None else "a count"
            raise InputError(f"is damaged: {count:g} where {described} should precede the {what}", self._path)
        start = self._at + 1
        self._at = start + int(count)
        if self._at > self._values.size:
            raise InputError(f"is truncated: it ends within the {what}", self._path)
        return self._values[start : self._at].copy()


def _first_non_number(text: bytes) -> str:
    for token in text.split():
        try:
            float(token)
        except ValueError:
            return token[:40].decode("ascii", "replace")
    return ""


# --- FITS twin --------------------------------------------------------------------------------------------


def _read_fits(path: Path) -> Library:
    """One table row with the vectors AGE, MASS (surviving fraction), LAMBDA and SED."""
    from astropy.io import fits

    def parse() -> list[Floats]:
        with fits.open(path) as hdus:
            row = hdus[1].data[0]
            return [
                np.ascontiguousarray(row[name], dtype=np.float64).ravel()
                for name in ("AGE", "MASS", "LAMBDA", "SED")
            ]

    ages, surviving, lam, sed = parse_foreign(parse, path, WHAT_FITS)
    if sed.size != ages.size * lam.size or surviving.size != ages.size:
        raise InputError(
            f"is damaged: SED has {sed.size} values for {ages.size} ages and {lam.size} wavelengths", path
        )
    return _simple(path, ages, lam, sed.reshape(ages.size, lam.size), surviving)
