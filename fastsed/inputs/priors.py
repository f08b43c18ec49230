"""Priors on the axes of the grid: text of a key, function or file in; densities on the values of an axis out."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.expressions import parse_key
from fastsed.foreign import parse_foreign
from fastsed.hdf5_file import is_hdf5
from fastsed.inputs.catalog import counted
from fastsed.inputs.tables import read_number_columns
from fastsed.paths import expanded
from fastsed.text import parse_number

log = logging.getLogger(__name__)

_CALL = re.compile(r"\s*([A-Za-z_]+)\s*(?:\((.*)\))?\s*", re.DOTALL)
KINDS = "'flat', 'normal(mean, sigma)', 'lognormal(median, sigma)', 'table(file)', 'expr(formula of x)'"

Function = Callable[[Floats], ArrayLike]


def prior_density(prior: str | Function, key: str, values: Floats, where: str | None = None) -> Floats:
    """A prior on the values of an axis, not normalised.

    Parameters
    ----------
    prior : str or callable
        As the text of a key PRIOR_<AXIS>, or a function of an array.
    key : str
        The key, for messages.
    values : (n,)
    where : str, optional
        Where it was written, for messages.

    Raises
    ------
    InputError
        For a malformed text, a missing file, or a density that is negative or not finite.
    TypeError
        If it is neither text nor function.
    """
    if callable(prior):
        density = np.asarray(prior(values), dtype=np.float64)
    elif isinstance(prior, str):
        density = _from_text(prior, key, values, where)
    else:
        raise TypeError(f"{key}: expected a text or a function, not {type(prior).__name__}")
    if density.shape not in ((), values.shape):
        raise InputError(f"{key}: expected {len(values)} densities, not {density.shape}", where)
    density = np.broadcast_to(density, values.shape).astype(np.float64)
    wrong = ~(np.isfinite(density) & (density >= 0))
    if wrong.any():
        value, at = density[wrong][0], values[wrong][0]
        raise InputError(f"{key}: the density at {at:g} is {value:g}: must be 0 or more, and finite", where)
    return density


def _from_text(text: str, key: str, values: Floats, where: str | None) -> Floats:
    name, arguments = _parts(text)
    if name == "flat" and not (arguments or "").strip():
        return np.ones(len(values))
    if name == "normal" and arguments is not None:
        mean, sigma = _two_numbers(text, arguments, key, where)
        return np.asarray(np.exp(-0.5 * ((values - mean) / sigma) ** 2))
    if name == "lognormal" and arguments is not None:
        median, sigma = _two_numbers(text, arguments, key, where)
        if not median > 0:
            raise InputError(f"{key} = {text}: the median must be > 0", where)
        x = np.where(values > 0, values, 1.0)
        return np.where(values > 0, np.exp(-0.5 * (np.log(x / median) / sigma) ** 2) / x, 0.0)
    if name == "table" and arguments is not None:
        return _tabulated(_existing_file(text, arguments, key, where), values)
    if name == "expr" and arguments is not None:
        with np.errstate(all="ignore"):
            return np.asarray(
                parse_key(key, arguments, ("x",), where).evaluate({"x": values}), dtype=np.float64
            )
    raise InputError(f"{key} = {text}: expected one of {KINDS}{' or pz(file)' * (key == 'PRIOR_Z')}", where)


def _parts(text: str) -> tuple[str, str | None]:
    match = _CALL.fullmatch(text)
    return (match[1].lower(), match[2]) if match else ("", None)


def _existing_file(text: str, argument: str, key: str, where: str | None) -> str:
    path = expanded(argument.strip().strip("'\""))
    if not Path(path).is_file():
        raise InputError(f"{key} = {text}: there is no such file", where)
    return path


def _two_numbers(text: str, arguments: str, key: str, where: str | None) -> tuple[float, float]:
    numbers = [parse_number(word.strip()) for word in arguments.split(",")]
    if len(numbers) != 2 or None in numbers or not np.isfinite(np.array(numbers, dtype=float)).all():
        raise InputError(f"{key} = {text}: expected two numbers", where)
    first, sigma = float(numbers[0] or 0), float(numbers[1] or 0)
    if not sigma > 0:
        raise InputError(f"{key} = {text}: sigma must be > 0", where)
    return first, sigma


def _tabulated(path: str, values: Floats) -> Floats:
    """Densities of a file of two columns: linear between its values, 0 outside."""
    x, density = read_number_columns(path, ["value", "density"])
    for value, of_value in zip(x.tolist(), density.tolist(), strict=True):
        if not (math.isfinite(value) and 0 <= of_value < math.inf):
            raise InputError(
                f"density {of_value:g} at {value:g}: expected a finite value, and a density of 0 or more",
                path,
            )
    for before, value in pairwise(x.tolist()):
        if not before < value:
            raise InputError(f"its values must ascend: {value:g} follows {before:g}", path)
    if len(x) < 2:
        raise InputError("expected two values or more, with the density at each", path)
    interpolated: Floats = np.interp(values, x, density, left=0.0, right=0.0)
    return interpolated


def prior_of_sources(prior: Any, z: Floats, ids: Sequence[str], where: str | None = None) -> Floats | None:
    """Densities (nsource, nz) of 'pz(file)' at the redshifts (nz,), linear in z; None for any other prior.

    Sources of the file whose densities are all NaN get a flat prior, with a warning.

    Raises
    ------
    InputError
        If the file cannot be read, or lacks some of the sources.
    """
    if not isinstance(prior, str) or _parts(prior)[0] != "pz":
        return None
    file = _existing_file(prior, _parts(prior)[1] or "", "PRIOR_Z", where)
    names, grid, density = _read_hdf5(file) if is_hdf5(file) else _read_fits(file)
    if density.shape != (len(names), len(grid)) or not len(grid):
        raise InputError(f"expected {len(names)} x {len(grid)} densities, not {density.shape}", file)
    if not np.isfinite(grid).all() or (np.diff(grid) <= 0).any():
        raise InputError("its redshifts must be finite and ascend", file)
    row_of = {name: row for row, name in enumerate(names)}
    if len(row_of) < len(names):
        twice = next(name for row, name in enumerate(names) if row_of[name] != row)
        raise InputError(f"has source '{twice}' twice or more", file)
    missing = [one for one in ids if one not in row_of]
    if missing:
        raise InputError(
            f"lacks {len(missing)} of {len(ids)} sources, the first of them '{missing[0]}'", file
        )
    densities = density[[row_of[one] for one in ids]]
    # SAVE_PDF writes them for sources without a posterior
    absent = np.isnan(densities).all(axis=1)
    if absent.any():
        log.warning(
            "%s: %s without densities (NaN) get a flat prior", file, counted(int(absent.sum()), "source")
        )
        densities[absent] = 1.0
    odd = ~(np.isfinite(densities) & (densities >= 0)).all(axis=1)
    if odd.any():
        raise InputError(
            f"densities of {counted(int(odd.sum()), 'source')} are negative or not finite, the first of them "
            f"'{ids[int(np.argmax(odd))]}'",
            file,
        )
    at_z = np.array([np.interp(z, grid, row, left=0.0, right=0.0) for row in densities])
    at_z[absent] = 1.0
    return at_z


def _texts(values: NDArray[Any]) -> list[str]:
    return [one.decode() if isinstance(one, bytes) else str(one).strip() for one in values.tolist()]


def _read_hdf5(path: str) -> tuple[list[str], Floats, Floats]:
    """ids, redshifts and densities of a file of p(z), or of one of SAVE_PDF."""
    import h5py

    def parse() -> tuple[list[str], Floats, Floats]:
        with h5py.File(path) as file:
            names = _texts(file["id"][:])
            if isinstance(file["z"], h5py.Group):
                edges, weights = file["z/edges"][:], file["z/pdf"][:].astype(np.float64)
                middle = file["z/values"][:] if "values" in file["z"] else 0.5 * (edges[1:] + edges[:-1])
                return names, middle.astype(np.float64), weights / np.diff(edges)
            density = np.atleast_2d(file["pdf"][:].astype(np.float64))
            return names, file["z"][:].astype(np.float64), density

    return parse_foreign(parse, path, "a file of p(z) with the data sets `id`, `z` and `pdf`")


def _read_fits(path: str) -> tuple[list[str], Floats, Floats]:
    """The same of a FITS file: a table with ID and PDF, then one with Z."""
    from astropy.io import fits

    def parse() -> tuple[list[str], Floats, Floats]:
        with fits.open(path) as hdus:
            tables = [hdu.data for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
            density, z = tables[0]["PDF"], tables[1]["Z"]
            names = _texts(tables[0]["ID"])
            shape = (len(names), -1)
            return names, np.ravel(z).astype(np.float64), np.array(density, dtype=np.float64).reshape(shape)

    what = "a file of p(z): HDF5, or FITS with a table of ID and PDF and a second one of Z"
    return parse_foreign(parse, path, what)
