"""Small invented fields of stars for the tests of the survey."""

from __future__ import annotations

import h5py
import numpy as np
from astropy.io import fits
from astropy.table import Table

BANDS = ("F475W", "F814W")


def catalogue(n=200, seed=1, ra0=11.2, dec0=41.3, width=0.01, height=0.005):
    """A catalogue with positions, magnitudes, fluxes and flags; some fluxes are zero."""
    rng = np.random.default_rng(seed)
    table = Table()
    table["RA"] = ra0 + width * rng.random(n)
    table["DEC"] = dec0 + height * rng.random(n)
    for band in BANDS:
        mag = rng.uniform(23, 28, n)
        table[f"{band}_VEGA"] = mag
        table[f"{band}_RATE"] = np.where(rng.random(n) < 0.1, 0.0, 10 ** (-0.4 * mag))
        table[f"{band}_FLAG"] = rng.choice([0, 99], n, p=[0.9, 0.1])
    return table


def write_result(base, n, seed=0, bins=5, first_star=0):
    """Results of a fit of `n` stars whose numbers are all over the files: Name, PDFs and samples tell the star."""
    rng = np.random.default_rng(seed)
    star = np.arange(first_star, first_star + n)
    table = Table()
    table["Name"] = [f"star {i:06d}" for i in star]
    table["RA"], table["DEC"] = 11.2 + 0.01 * rng.random(n), 41.3 + 0.01 * rng.random(n)
    table["Av_Best"], table["Pmax"], table["Pmax_indx"] = star / 7, star + 1.0, star
    filters = Table({"filternames": ["HST_F475W", "HST_F814W"], "wavelengths": [4750.0, 8140.0]})
    hdus = [fits.PrimaryHDU(), fits.table_to_hdu(table), fits.table_to_hdu(filters)]
    fits.HDUList(hdus).writeto(f"{base}_stats.fits")
    images = [fits.PrimaryHDU(np.zeros((2, 2)))]
    for name, n_bin in (("Av", bins), ("M_ini", 3)):
        data = np.tile(star[:, None] + 0.5, (1, n_bin))
        image = fits.ImageHDU(np.vstack([data, np.linspace(0, 1, n_bin)]))
        image.header["EXTNAME"] = name
        images.append(image)
    fits.HDUList(images).writeto(f"{base}_pdf1d.fits")
    with h5py.File(f"{base}_lnp.hd5", "w") as f:
        f["grid_waves"], f["obs_filters"] = [4750.0, 8140.0], np.array([b"HST_F475W", b"HST_F814W"])
        for i in range(n):
            count = 1 + int(star[i]) % 4
            f[f"star_{i}/idx"], f[f"star_{i}/input"] = np.full(count, star[i]), np.full((2, 1), star[i] * 1.0)
            f[f"star_{i}/lnp"], f[f"star_{i}/chi2"] = np.zeros(count, "f4"), np.zeros(count, "f4")
    return table


def stars_of(base):
    """Numbers of the stars in the rows of stats, PDFs and samples."""
    with fits.open(f"{base}_stats.fits") as hdus:
        stats = hdus[1].data["Pmax_indx"].astype(int).tolist()
    with fits.open(f"{base}_pdf1d.fits") as hdus:
        data = hdus["Av"].data
        pdfs = (data[:, 0, 0] if data.ndim == 3 else data[:-1, 0]).astype(int).tolist()
    with h5py.File(f"{base}_lnp.hd5") as f:
        n = sum(name.startswith("star_") for name in f)
        samples = [int(f[f"star_{i}/idx"][0]) for i in range(n)]
    return stats, pdfs, samples
