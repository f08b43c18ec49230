"""A folder of two-column spectra named by temperature and gravity in; a library of atmospheres in HDF5 out."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats
from fastsed.atomic import atomic_path
from fastsed.errors import InputError
from fastsed.models.stars.atmospheres import Nodes, SpectralLibrary
from fastsed.models.stars.constants import STEFAN_BOLTZMANN, Z_SUN
from fastsed.survey.text_columns import read_number_rows

log = logging.getLogger(__name__)

# what stands in usual names: t05750g45, T5750_g4.5_z0.02, 5750_4.50, lte058-4.5-0.0
NAME_PATTERNS = (
    r"(?i)t(?:eff)?_?(?P<teff>\d{4,6}(?:\.\d+)?)[_-]?(?:log)?_?g_?(?P<logg>[+-]?\d+\.\d+)"
    r"(?:[_-]?(?:feh|mh)_?(?P<feh>[+-]?\d+\.\d+)|[_-]?z_?(?P<z>\d+\.\d+(?:e-?\d+)?))?",
    r"(?i)t(?P<teff>\d{4,6})g(?P<logg10>[+-]?\d{2})(?!\d)",
    r"^(?P<teff>\d{4,6})[_-](?P<logg>[+-]?\d+(?:\.\d+)?)(?:[_-](?P<feh>[+-]?\d+\.\d+))?",
)
FACTORS = {"1": 1.0, "pi": np.pi, "4pi": 4.0 * np.pi}
MOST_DEVIATION = 0.1  # of the integral from sigma T^4


@dataclass(frozen=True)
class FolderOptions:
    """How a folder is read.

    Attributes
    ----------
    factor : float
        By which the fluxes are multiplied to be surface fluxes [erg/s/cm2/Angstrom]: 1, pi (of an intensity) or 4 pi
        (of an Eddington flux).
    names : str, optional
        Regular expression with the groups teff, logg (or logg10: ten times log g) and, optionally, z or feh.
    z : float, optional
        Metallicity where names do not tell it.
    solar_z : float
        Z of [Fe/H] = 0.
    pattern : str
        Which files of the folder are spectra.
    """

    factor: float = 1.0
    names: str | None = None
    z: float | None = None
    solar_z: float = Z_SUN
    pattern: str = "*"


def read_folder(folder: str | Path, options: FolderOptions | None = None) -> SpectralLibrary:
    """Read the spectra of a folder.

    Spectra on other wavelengths than those of the first are interpolated to them. Each should integrate to
    sigma T^4; where they do not, a warning says by how much (the factor is wrong then).

    Parameters
    ----------
    folder : path-like
    options : FolderOptions, optional

    Returns
    -------
    SpectralLibrary

    Raises
    ------
    InputError
        If the folder has no spectra, a name does not tell the temperature and gravity, or a file is no spectrum.
    """
    options = options or FolderOptions()
    if not Path(folder).is_dir():
        raise InputError("is no folder (of spectra)", folder)
    files = sorted(path for path in Path(folder).glob(options.pattern) if path.is_file())
    if not files:
        raise InputError(f"no files {options.pattern}", folder)
    nodes, spectra = [], []
    lam = None
    for path in files:
        nodes.append(_node(path, options))
        wavelength, flux = _read_spectrum(path)
        lam = wavelength if lam is None else lam
        same = len(lam) == len(wavelength) and np.allclose(lam, wavelength, rtol=1e-9, atol=0)
        spectra.append(
            options.factor * (flux if same else np.interp(lam, wavelength, flux, left=0.0, right=0.0))
        )
    assert lam is not None
    teff, log_g, z = np.array(nodes).T
    library = SpectralLibrary(str(folder), Nodes(np.log10(teff), log_g, z), lam, np.array(spectra))
    _check_integrals(library, teff)
    return library


def _check_integrals(library: SpectralLibrary, teff: Floats) -> None:
    ratio = np.trapezoid(library.spectra, library.lam, axis=1) / (STEFAN_BOLTZMANN * teff**4)
    middle = float(np.median(ratio))
    if abs(middle - 1.0) > MOST_DEVIATION:
        log.warning(
            "%s: the spectra integrate to %.3g sigma T^4; surface fluxes integrate to 1 (the factor would be %.4g)",
            *(library.name, middle, 1.0 / middle),
        )


def _node(path: Path, options: FolderOptions) -> tuple[float, float, float]:
    patterns = NAME_PATTERNS if options.names is None else (options.names,)
    try:
        match = next(
            (m for p in patterns if (m := re.search(p, path.stem if options.names is None else path.name))),
            None,
        )
    except re.error as error:
        raise InputError(f"the expression for the names, '{options.names}', is wrong: {error}") from None
    groups = {} if match is None else {k: v for k, v in match.groupdict().items() if v is not None}
    if "teff" not in groups or not {"logg", "logg10"} & set(groups):
        raise InputError("its name does not tell Teff and log g (--names says how to read it)", path)
    try:
        log_g = float(groups["logg"]) if "logg" in groups else float(groups["logg10"]) / 10.0
        z = float(groups["z"]) if "z" in groups else options.z
        z = options.solar_z * 10.0 ** float(groups["feh"]) if "feh" in groups else z
        teff = float(groups["teff"])
    except ValueError:
        raise InputError("its name does not tell Teff and log g as numbers", path) from None
    if z is None:
        raise InputError("its name does not tell the metallicity: give --z", path)
    return teff, log_g, z


def _read_spectrum(path: Path) -> tuple[Floats, Floats]:
    lam, flux = read_number_rows(path, 2, "a wavelength and a flux").T
    if len(lam) < 2:
        raise InputError("is no spectrum: one point", path)
    order = np.argsort(lam, kind="stable")
    lam, flux = lam[order], flux[order]
    if not lam[0] > 0.0 or (np.diff(lam) <= 0.0).any():
        raise InputError("its wavelengths must be positive and distinct", path)
    return lam, flux


def write_library(library: SpectralLibrary, path: str | Path) -> None:
    """Write atmospheres in BEAST's layout of a spectral grid (seds, lamb, grid).

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    import h5py

    nodes = library.nodes
    columns = {"Teff": 10.0**nodes.log_t, "logT": nodes.log_t, "logg": nodes.log_g, "Z": nodes.z}
    table = np.empty(len(nodes.z), [(name, "f8") for name in columns])
    for name, values in columns.items():
        table[name] = values
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as f:
        f.create_dataset("seds", data=library.spectra, track_times=False)
        f.create_dataset("lamb", data=library.lam, track_times=False)
        f.create_dataset("grid", data=table, track_times=False)
        f.attrs["origin"] = library.name
