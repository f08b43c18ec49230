"""Where the files of a run go: below OUTPUT_DIR, under the names that FAST++ gives them."""

from __future__ import annotations

from pathlib import Path

from fastsed.config.run import RunOptions
from fastsed.paths import for_system
from fastsed.tables.formats import SUFFIXES

BEST_FITS = "best_fits"
"""Folder of the spectra, histories and simulations of each source."""

BEST_CHI2 = "best_chi2"
"""Folder of the acceptable models of each source."""

SEDS = "seds"
"""Folder of the spectra of MAKE_SEDS."""


def output_path(options: RunOptions, ending: str) -> Path:
    """Path of an output file: OUTPUT_DIR / OUTPUT_FILE plus `ending`."""
    return Path(options.output_dir) / f"{Path(options.output_file or options.catalog_stem).name}{ending}"


def catalogue_paths(options: RunOptions) -> dict[str, Path]:
    """Path of the output catalogue in each format of OUTPUT_FORMAT, by its name."""
    endings = {kind: f"_fit{SUFFIXES[kind][0]}" for kind in SUFFIXES} | {"fout": ".fout"}
    return {kind: output_path(options, endings[kind]) for kind in options.output_format}


def pdf_path(options: RunOptions) -> Path:
    """Path of the posteriors (SAVE_PDF)."""
    return output_path(options, "_pdf.hdf5")


def mock_path(options: RunOptions) -> Path:
    """Path of the mock test (MOCK)."""
    return output_path(options, "_mock.fits")


def chi_grid_path(options: RunOptions) -> Path:
    """Path of the chi2 of all models (SAVE_CHI_GRID)."""
    return Path(options.output_dir) / "chi2.grid"


def source_path(options: RunOptions, identity: str, suffix: str, folder: str = BEST_FITS) -> Path:
    """Path of a file about one source: `OUTPUT_DIR/folder/catalogue_id.suffix`.

    Slashes of the id become underscores.
    """
    name = f"{Path(options.catalog_stem).name}_{identity}.{suffix}"
    return Path(options.output_dir) / folder / for_system(name.replace("/", "_").replace("\\", "_"))
