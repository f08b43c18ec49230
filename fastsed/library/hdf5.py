"""fastsed's own library file: spectra of one or several metallicities out to HDF5, any one of them back in.

Layout, version 1. Root attributes: `format` = "fastsed library", `version`, `kind` ("ssp" or "gridded"),
`LIBRARY`, `RESOLUTION`, `IMF`, `SFH` (gridded only), `units`, and `origin`, `citation`, `licence` as known.
Datasets: `ages` [nage], `wavelengths` [nlam], `metallicities` [nrow], `log_tau` [nrow] (gridded only), and
per row `sed` [nrow, nage, nlam] float32, `living_fraction` [nrow, nage] (surviving mass for gridded), `formed`
[nrow, nage], `sfr` [nrow, nage] (gridded only).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.foreign import check_claimed_size, parse_foreign
from fastsed.hdf5_file import atomic_hdf5
from fastsed.library.types import Library
from fastsed.library.validate import check_axis, check_wavelengths

if TYPE_CHECKING:
    import h5py

FORMAT, VERSION = "fastsed library", 1
UNITS = (
    "ages: yr; wavelengths: Angstrom; sed: Lsun/Angstrom (ssp: per Msun formed); masses: Msun; sfr: Msun/yr"
)
SUFFIXES = (".hdf5", ".h5")
SAME_METAL = 1e-4
"""Relative difference within which two metallicities are the same (grid values are float32)."""
SAME_TAU = 1e-3
CHUNK_BYTES = 1 << 20
WHAT = "a readable HDF5 file"
_NO_LIBRARY = f'is not a fastsed library: its attribute "format" is not "{FORMAT}"'


class ForeignError(InputError):
    """A good HDF5 file that is no library."""


@dataclass
class Contents:
    """What a library file holds, without its spectra.

    Attributes
    ----------
    path : Path
    kind : str
        "ssp" or "gridded".
    attributes : dict
        All text attributes of the file (LIBRARY, RESOLUTION, IMF, SFH, origin, citation, ...).
    metallicities : ndarray, shape (nrow,)
    log_tau : ndarray, shape (nrow,)
        NaN for simple populations.
    n_ages, n_wavelengths : int
    wavelength_range : tuple of float
        [Angstrom].
    """

    path: Path
    kind: str
    attributes: dict[str, str]
    metallicities: Floats
    log_tau: Floats
    n_ages: int
    n_wavelengths: int
    wavelength_range: tuple[float, float] = field(default=(np.nan, np.nan))

    def row(self, metal: float | None, log_tau: float | None = None) -> int | None:
        """Row of a metallicity (and tau); None where there is none. `metal=None` is for files of one row."""
        fits = np.ones(self.metallicities.size, dtype=bool)
        if metal is not None:
            fits &= np.abs(self.metallicities - metal) <= SAME_METAL * abs(metal)
        if log_tau is not None:
            fits &= np.abs(self.log_tau - log_tau) <= SAME_TAU
        rows = np.flatnonzero(fits)
        return int(rows[0]) if rows.size == 1 else None


def write_ssp_hdf5(
    path: str | PathLike[str], libraries: Sequence[Library], log_tau: Sequence[float] | None = None
) -> None:
    """Write one or several metallicities of a library; the same input gives the same bytes.

    Parameters
    ----------
    path : path-like
    libraries : sequence of Library
        With equal ages, wavelengths and kind. The `provenance` of the first becomes the file's attributes:
        LIBRARY, RESOLUTION, IMF and, for kind "gridded", SFH should be in it.
    log_tau : sequence of float, optional
        log10 of tau [yr] of each, for kind "gridded".

    Raises
    ------
    InputError
        If the libraries do not belong together, or the file cannot be written.
    """
    _check_family(path, libraries)
    first = libraries[0]
    with atomic_hdf5(path, libver="earliest") as f:
        f.attrs["format"], f.attrs["version"], f.attrs["kind"] = FORMAT, VERSION, first.kind
        f.attrs["units"] = UNITS
        for key, value in sorted(first.provenance.items()):
            f.attrs[key] = value
        _put(f, "ages", first.ages)
        _put(f, "wavelengths", first.lam)
        _put(f, "metallicities", np.array([one.metallicity for one in libraries]))
        _put(f, "living_fraction", np.array([one.mass for one in libraries]))
        _put(f, "formed", np.array([one.formed for one in libraries]))
        if first.kind == "gridded":
            _put(f, "sfr", np.array([one.sfr for one in libraries]))
            _put(
                f,
                "log_tau",
                np.full(len(libraries), np.nan) if log_tau is None else np.asarray(log_tau, float),
            )
        _put_sed(f, libraries)


def read_hdf5(path: str | PathLike[str], metal: float | None = None, log_tau: float | None = None) -> Library:
    """Read one metallicity (and tau) of a fastsed library file; the others stay on disk.

    Parameters
    ----------
    path : path-like
    metal : float, optional
        Mass fraction of metals; not needed where the file holds one.
    log_tau : float, optional
        For kind "gridded".

    Returns
    -------
    Library

    Raises
    ------
    InputError
        If the file is not a fastsed library, is damaged, or has no such metallicity.
    """
    import h5py

    def parse() -> Library:
        with h5py.File(path, "r") as f:
            return _read_row(f, path, metal, log_tau)

    return parse_foreign(parse, path, WHAT)


def _read_row(f: h5py.File, path: str | PathLike[str], metal: float | None, log_tau: float | None) -> Library:
    contents = _contents(f, path)
    row = contents.row(metal, log_tau)
    if row is None:
        raise InputError(_no_row(contents, metal, log_tau), path)
    sed = np.empty((contents.n_ages, contents.n_wavelengths))
    f["sed"].read_direct(sed, np.s_[row])
    mass, formed = f["living_fraction"][row].astype(float), f["formed"][row].astype(float)
    sfr = f["sfr"][row].astype(float) if "sfr" in f else np.zeros(contents.n_ages)
    ages, lam = f["ages"][:].astype(float), f["wavelengths"][:].astype(float)
    metallicity = float(contents.metallicities[row])
    return Library(
        ages, lam, sed, mass, sfr, formed, contents.kind, metallicity, str(path), contents.attributes
    )


def describe_hdf5(path: str | PathLike[str]) -> Contents:
    """What a fastsed library file holds, without reading its spectra.

    Raises
    ------
    ForeignError
        If it is an HDF5 file of another kind.
    InputError
        If it is damaged or cannot be read.
    """
    import h5py

    def parse() -> Contents | None:
        with h5py.File(path, "r") as f:
            return _contents(f, path) if f.attrs.get("format") == FORMAT else None

    contents = parse_foreign(parse, path, WHAT)
    if contents is None:
        raise ForeignError(_NO_LIBRARY, path)
    return contents


def _contents(f: h5py.File, path: str | PathLike[str]) -> Contents:
    if f.attrs.get("format") != FORMAT:
        raise InputError(_NO_LIBRARY, path)
    if int(f.attrs.get("version", 0)) > VERSION:
        raise InputError(
            f"has version {f.attrs['version']} of the format; this fastsed reads {VERSION}", path
        )
    kind = str(f.attrs.get("kind", "ssp"))
    _check_datasets(f, path)
    metals = f["metallicities"][:].astype(float)
    log_tau = f["log_tau"][:].astype(float) if "log_tau" in f else np.full(metals.size, np.nan)
    lam = f["wavelengths"][:].astype(float)
    check_axis(f["ages"][:].astype(float), "ages", path)
    check_wavelengths(lam, path)
    if not (np.all(np.isfinite(metals)) and np.all(metals >= 0)):
        raise InputError("is damaged: its metallicities are not all positive numbers", path)
    text = {
        key: str(value) for key, value in f.attrs.items() if key not in ("format", "version", "kind", "units")
    }
    span = (float(lam[0]), float(lam[-1]))
    return Contents(Path(path), kind, text, metals, log_tau, f["ages"].size, lam.size, span)


def _check_datasets(f: h5py.File, path: str | PathLike[str]) -> None:
    """Refuse a file that lacks a dataset, or has one of another type or shape, or larger than the file can hold."""
    missing = {"ages", "wavelengths", "metallicities", "sed", "living_fraction", "formed"} - set(f)
    if missing:
        raise InputError(f"is damaged: it lacks {', '.join(sorted(missing))}", path)
    n_rows, n_ages, n_lam = (f[name].size for name in ("metallicities", "ages", "wavelengths"))
    shapes = {
        "metallicities": (n_rows,),
        "log_tau": (n_rows,),
        "ages": (n_ages,),
        "wavelengths": (n_lam,),
        "sed": (n_rows, n_ages, n_lam),
        "living_fraction": (n_rows, n_ages),
        "formed": (n_rows, n_ages),
        "sfr": (n_rows, n_ages),
    }
    for name, shape in shapes.items():
        if name not in f:
            continue
        if f[name].shape != shape:
            what = "spectra have" if name == "sed" else f"{name} have"
            raise InputError(f"is damaged: its {what} the shape {f[name].shape}, not {shape}", path)
        if f[name].dtype.kind not in "fiu":
            raise InputError(f"is damaged: its {name} are no numbers but {f[name].dtype}", path)
        check_claimed_size(int(f[name].nbytes), path, name)


def _no_row(contents: Contents, metal: float | None, log_tau: float | None) -> str:
    held = ", ".join(f"{z:g}" for z in np.unique(contents.metallicities))
    taus = ", ".join(f"{t:g}" for t in np.unique(contents.log_tau[np.isfinite(contents.log_tau)]))
    held += f" and log tau {taus}" if taus else ""
    if metal is None and log_tau is None:
        return f"holds several populations: say which (metallicity {held})"
    asked = " and ".join(
        [f"metallicity {metal:g}"] * (metal is not None) + [f"log tau {log_tau}"] * (log_tau is not None)
    )
    return f"has no single population of {asked}; it holds metallicity {held}"


def _check_family(path: str | PathLike[str], libraries: Sequence[Library]) -> None:
    if not libraries:
        raise InputError("no population to write", path)
    first = libraries[0]
    for one in libraries[1:]:
        same = (
            one.kind == first.kind
            and np.array_equal(one.ages, first.ages)
            and np.array_equal(one.lam, first.lam)
        )
        if not same:
            raise InputError(
                f"cannot hold both {first.source} and {one.source}: kind, ages or wavelengths differ", path
            )


def _put(f: h5py.File, name: str, values: Floats) -> None:
    f.create_dataset(name, data=values, track_times=False)


def _put_sed(f: h5py.File, libraries: Sequence[Library]) -> None:
    """Spectra one library at a time, in chunks of one metallicity and about 1 MB."""
    n_ages, n_lam = libraries[0].sed.shape
    chunk = (1, min(n_ages, max(1, CHUNK_BYTES // (4 * n_lam))), n_lam)
    sed = f.create_dataset(
        "sed",
        (len(libraries), n_ages, n_lam),
        "f4",
        chunks=chunk,
        compression="gzip",
        compression_opts=4,
        shuffle=True,
        track_times=False,
    )
    for row, one in enumerate(libraries):
        sed[row] = one.sed
