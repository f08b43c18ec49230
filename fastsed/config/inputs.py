"""Options of what the user hands in: catalogue, redshifts, spectra, template errors."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from fastsed.config.options import Options, option
from fastsed.paths import for_system
from fastsed.tables.formats import format_of, stem_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class InputOptions(Options):
    """What the user hands in; each attribute has the meaning of the key of the same name (docs/parameters.md)."""

    catalog: str = option(
        "",
        "Photometry and redshifts",
        "Path of the photometric catalogue: of a text without its `.cat`, of a table with its suffix (.fits, .ecsv, "
        ".csv, .hdf5, .parquet, .vot). The files `.translate`, `.zout` and `.lir` are looked for beside it, under the "
        "same name without suffix; in place of `.zout` also eazy-py's `.zout.fits`.",
        is_path=True,
    )
    ab_zeropoint: float = option(
        23.9,
        "Photometry and redshifts",
        "AB magnitude of a source whose catalogue flux is 1: 23.9 for fluxes in microjansky, 25 for many "
        "public catalogues, -48.6 for erg/s/cm2/Hz.",
        unit="mag",
        ge=-100,
        le=100,
    )
    temp_err_file: str = option(
        "",
        "Photometry and redshifts",
        "Template error function for the photometry: two columns, rest wavelength (A) and relative error of "
        "the models, added in quadrature to the errors of the fluxes. Empty: none.",
        is_path=True,
    )
    name_zphot: str = option(
        "z_phot",
        "Photometry and redshifts",
        "Column of the `.zout` file that holds the photometric redshift. An empty text means `z_phot`.",
    )
    force_zphot: bool = option(
        False,
        "Photometry and redshifts",
        "Take photometric redshifts as if they were spectroscopic: the fit and its simulations stay at the "
        "grid redshift nearest to it.",
    )
    best_at_zphot: bool = option(
        False,
        "Photometry and redshifts",
        "Take the best fit at the grid redshift nearest to the photometric one, while the simulations use "
        "all redshifts that are allowed. Implied by FORCE_ZPHOT.",
    )
    zphot_conf: int = option(
        0,
        "Photometry and redshifts",
        "Fit each source only within this confidence interval of its photometric redshift, read from the "
        "columns `L<c>` and `U<c>` of the `.zout` file, or from eazy-py's z160, z840, z025, z975. 0: the whole grid.",
        unit="%",
        choices=(0, 68, 95, 99),
    )
    use_lir: bool = option(
        False,
        "Photometry and redshifts",
        "Use the infrared luminosities of the `.lir` file: they are compared with the luminosity that the "
        "dust of a model absorbs. Without that file, a warning.",
    )
    spectrum: str = option(
        "",
        "Spectra",
        "Path of the file of spectra, without its `.spec`. Its columns `F<id>` and `E<id>` belong to the "
        "catalogue's source `<id>`. Empty: none.",
        is_path=True,
    )
    auto_scale: bool = option(
        False,
        "Spectra",
        "Give the spectrum a scale of its own, so that its flux calibration does not influence the mass; "
        "its shape still counts in chi2.",
    )
    temp_err_spec_file: str = option(
        "",
        "Spectra",
        "Template error function for the spectra, as TEMP_ERR_FILE for the photometry. Empty: none.",
        is_path=True,
    )

    @property
    def catalog_is_table(self) -> bool:
        """Whether the catalogue is a table in one of the formats that have a suffix, not a text."""
        return format_of(self.catalog) is not None and not os.path.isfile(for_system(f"{self.catalog}.cat"))

    @property
    def catalog_path(self) -> str:
        """Path of the catalogue."""
        return self.catalog if self.catalog_is_table else f"{self.catalog}.cat"

    @property
    def catalog_stem(self) -> str:
        """Path of the catalogue without suffix, which the files beside it and the results share."""
        return stem_of(self.catalog) if self.catalog_is_table else self.catalog

    def complete(self) -> None:
        """Replace empty texts by what they stand for; drop what has no meaning."""
        self.set_missing("name_zphot", "z_phot")
        if not self.spectrum:
            self.correct("auto_scale", False)
        if self.best_at_zphot and self.force_zphot:
            log.info("BEST_AT_ZPHOT = 1 follows from FORCE_ZPHOT = 1: one of them is enough")
