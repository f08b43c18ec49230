"""The readers of tables, results and redshift priors: good files to damage, and what is called with a damaged one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.fuzz.mutate import damage_fits, damage_hdf5, damage_text
from tests.fuzz.target import Target

SEED = 4
FORMATS = {"fits": "fits", "csv": "ascii.csv", "ecsv": "ascii.ecsv", "vot": "votable", "hdf5": "hdf5"}


def _table_seeds(folder: Path, suffix: str) -> list[bytes]:
    from astropy.table import Table

    rng = np.random.default_rng(SEED)
    table = Table({"id": ["a1", "a2", "a3", "a4"], "z_spec": [0.1, -1, 0.2, np.nan]})
    for band in (156, 157):
        table[f"F{band}"], table[f"E{band}"] = rng.random(4) + 1, 0.1 * rng.random(4) + 0.1
        if suffix != "csv":
            table[f"F{band}"].unit = table[f"E{band}"].unit = "uJy"
    path = folder / f"seed.{suffix}"
    options = {"path": "data", "serialize_meta": True} if suffix == "hdf5" else {}
    table.write(path, format=FORMATS[suffix], **options)
    return [path.read_bytes()]


def fits_table_seeds(folder: Path) -> list[bytes]:
    return _table_seeds(folder, "fits")


def csv_table_seeds(folder: Path) -> list[bytes]:
    return _table_seeds(folder, "csv")


def ecsv_table_seeds(folder: Path) -> list[bytes]:
    return _table_seeds(folder, "ecsv")


def votable_seeds(folder: Path) -> list[bytes]:
    return _table_seeds(folder, "vot")


def hdf5_table_seeds(folder: Path) -> list[bytes]:
    return _table_seeds(folder, "hdf5")


def read_the_table(path: Path) -> None:
    from fastsed.inputs.catalog import read_catalog
    from fastsed.params import read_params

    catalog, _ = read_catalog(read_params(None, [f"CATALOG={path}", "AB_ZEROPOINT=23.9"]))
    if not np.isfinite(catalog.flux).all() or np.isnan(catalog.error).any():
        raise AssertionError("accepted with values that are not finite")


def pz_seeds(folder: Path) -> list[bytes]:
    import h5py

    with h5py.File(folder / "seed.hdf5", "w") as file:
        file["id"], file["z"] = [b"a1", b"a2"], np.linspace(0, 2, 5)
        file["pdf"] = np.random.default_rng(SEED).random((2, 5))
    return [(folder / "seed.hdf5").read_bytes()]


def pz_fits_seeds(folder: Path) -> list[bytes]:
    from astropy.io import fits
    from astropy.table import Table

    pdf = np.random.default_rng(SEED).random((2, 5))
    tables = [Table({"ID": ["a1", "a2"], "PDF": pdf}), Table({"Z": np.linspace(0, 2, 5)})]
    fits.HDUList([fits.PrimaryHDU(), *(fits.table_to_hdu(one) for one in tables)]).writeto(folder / "s.fits")
    return [(folder / "s.fits").read_bytes()]


def read_the_pz(path: Path) -> None:
    from fastsed.inputs.priors import prior_of_sources

    density = prior_of_sources(f"pz({path})", np.linspace(0, 2, 7), ["a1", "a2"])
    assert density is not None
    if not (np.isfinite(density).all() and (density >= 0).all()):
        raise AssertionError("accepted with densities that are none")


def pdf_seeds(folder: Path) -> list[bytes]:
    import h5py

    with h5py.File(folder / "seed.hdf5", "w") as file:
        file["id"] = ["a1", "a2"]
        for name in ("z", "lmass"):
            group = file.create_group(name)
            group["edges"], group["pdf"] = np.arange(4.0), np.full((2, 3), 1 / 3, "f4")
            group.attrs["unit"], group.attrs["description"] = "", "something"
    return [(folder / "seed.hdf5").read_bytes()]


def read_the_pdfs(path: Path) -> None:
    from fastsed.outputs.pdf_file import read_pdf

    read_pdf(path)


def fout_seeds(_: Path) -> list[bytes]:
    return [
        b"# FAST++\n# z:        0.1 to 2 in steps of 0.1 [linear]\n"
        b"#     id         z     lmass      lsfr      chi2\n     1   0.5   10.1   0.5   1.2\n"
        b"     2   0.6   nan   nan   nan\n"
    ]


def read_the_fout(path: Path) -> None:
    from fastsed.report.catalogue import read_catalogue

    read_catalogue(path).at_edge()


TABLE_TARGETS: tuple[Target, ...] = (
    Target("table_fits", "t.fits", fits_table_seeds, damage_fits, read_the_table, 3),
    Target("table_csv", "t.csv", csv_table_seeds, damage_text, read_the_table),
    Target("table_ecsv", "t.ecsv", ecsv_table_seeds, damage_text, read_the_table, 3),
    Target("table_votable", "t.vot", votable_seeds, damage_text, read_the_table, 3),
    Target("table_hdf5", "t.hdf5", hdf5_table_seeds, damage_hdf5, read_the_table, 3),
    Target("pz_hdf5", "pz.hdf5", pz_seeds, damage_hdf5, read_the_pz, 3),
    Target("pz_fits", "pz.fits", pz_fits_seeds, damage_fits, read_the_pz, 2),
    Target("pdfs", "o_pdf.hdf5", pdf_seeds, damage_hdf5, read_the_pdfs, 3),
    Target("fout", "o.fout", fout_seeds, damage_text, read_the_fout),
)
