"""Options of the output files."""

from __future__ import annotations

import logging
import math
import os
from dataclasses import dataclass

from fastsed.config.models import check_count
from fastsed.config.options import OptionError, Options, option
from fastsed.sizes import MAX_TABLE_POINTS, MYR_OF_UNIVERSE
from fastsed.tables.formats import SUFFIXES

log = logging.getLogger(__name__)

FINEST_PRECISION = 1e-20
"""Smallest OUTPUT_PRECISION: printed numbers are single precision."""


@dataclass(frozen=True, kw_only=True)
class OutputOptions(Options):
    """What is written where; each attribute has the meaning of the key of the same name (docs/parameters.md)."""

    output_dir: str = option(
        "", "Output", "Folder for the results; made if needed. Empty: the working directory.", is_path=True
    )
    output_file: str = option(
        "",
        "Output",
        "Name of the output catalogue, without its `.fout`. A folder before the name is one below OUTPUT_DIR, for "
        "all results.",
        default_text="the value of CATALOG",
        is_path=True,
    )
    output_format: tuple[str, ...] = option(
        ("fout",),
        "Output",
        "Formats of the output catalogue, one or several: FAST's text `.fout`, or a table `<OUTPUT_FILE>_fit` with the "
        "suffix of its format, in which every column has its unit and description. Parquet needs `fastsed[tables]`. "
        "fastsed only.",
        choices=("fout", *SUFFIXES),
    )
    output_columns: tuple[str, ...] = option(
        (),
        "Output",
        "Columns of the output catalogue, in order. An empty list stands for FAST's own columns.",
    )
    output_precision: float = option(
        0.0,
        "Output",
        "Round the printed values to this power of ten. 0: 1e-4 for redshift and metallicity, 1e-2 for the "
        "rest.",
        ge=0,
        lt=1,
    )
    best_fit: bool = option(
        False, "Output", "Write the best-fit spectrum of each source, in the folder `best_fits`."
    )
    intrinsic_best_fit: bool = option(
        False, "Output", "With BEST_FIT: add the spectrum before attenuation by dust, as a column."
    )
    lsf_best_fit: bool = option(
        False,
        "Output",
        "With BEST_FIT and SPEC_LSF_FILE: add the spectrum as the spectrograph sees it, as a column.",
    )
    save_sim: bool = option(
        False, "Output", "Write the best fit of every simulation, as FITS tables in the folder `best_fits`."
    )
    grid_strings: str = option(
        "null",
        "Output",
        "How names are stored in the binary grid files: ended by a null byte, as FAST++ documents it, or "
        "after a byte with their length, as FAST++ 1.5 writes it. Both can be read. fastsed only.",
        choices=("null", "counted"),
    )
    make_seds: str = option(
        "",
        "Output",
        "Do not fit, but write the spectra of the models listed in this file, one `id modelID scale` per "
        "line.",
        is_path=True,
    )
    best_sfhs: bool = option(
        False, "Output", "Write the best-fit star formation history of each source, in `best_fits`."
    )
    sfh_output: str = option(
        "sfr",
        "Output",
        "What BEST_SFHS writes: the star formation rate, or the stellar mass at each time.",
        choices=("sfr", "mass"),
    )
    sfh_output_step: float = option(10.0, "Output", "Time step of BEST_SFHS.", unit="Myr", gt=0, le=1e5)

    def complete(self) -> None:
        """Hand a folder in OUTPUT_FILE to OUTPUT_DIR; take the nearest power of ten for OUTPUT_PRECISION."""
        self.correct("output_format", tuple(dict.fromkeys(self.output_format)) or ("fout",))
        folder, name = os.path.split(self.output_file)
        if folder:
            self.correct("output_dir", os.path.join(self.output_dir, folder))
            self.correct("output_file", name)
        if self.output_precision >= FINEST_PRECISION:
            power = float(f"1e{round(math.log10(self.output_precision))}")
            if not math.isclose(power, self.output_precision):
                text = "OUTPUT_PRECISION = %g is not a power of ten: using %g"
                log.warning(text, self.output_precision, power)
            self.correct("output_precision", power)

    def check(self) -> None:
        """Refuse what cannot be written."""
        if 0 < self.output_precision < FINEST_PRECISION:
            message = f"OUTPUT_PRECISION = {self.output_precision:g}: finer than {FINEST_PRECISION:g}"
            raise OptionError("output_precision", message)
        if self.best_sfhs:
            check_count("sfh_output_step", MYR_OF_UNIVERSE, self.sfh_output_step, MAX_TABLE_POINTS)
