"""The quantities of a fit: name, unit, transform, meaning; models, output files, tables, plots and docs read it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats
from fastsed.config.models import ModelOptions
from fastsed.constants import AB_ZEROPOINT
from fastsed.sfh_quantities import parse_sfh_quantities

Transform = Literal["linear", "log", "magnitude"]
Kind = Literal["grid", "property", "magnitude", "index", "sfh", "other"]


@dataclass(frozen=True)
class Quantity:
    """One quantity of a fit.

    Parameters
    ----------
    name : str
        As printed in the header.
    meaning : str
        One sentence for the documentation.
    unit : str
        As in the units line of the `.fout` file ("log[mass/Msol]"); empty if not listed there.
    table_unit : str
        Of the printed value, as astropy and the VO write it ("dex(solMass)"); empty for pure numbers.
    transform : {"linear", "log", "magnitude"}
        How the stored value is printed: as it is, as log10, or as AB magnitude of a flux in uJy.
    scales : bool
        Whether the template's value is multiplied by the scale of the fit.
    precision : float
        Printed values are rounded to a multiple of this.
    kind : {"grid", "property", "magnitude", "index", "sfh", "other"}
        Where the value comes from.
    """

    name: str
    meaning: str
    unit: str = ""
    transform: Transform = "linear"
    scales: bool = False
    precision: float = 1e-2
    kind: Kind = "property"
    table_unit: str = ""

    @property
    def is_log(self) -> bool:
        """Whether the printed value is log10 of the stored one."""
        return self.transform == "log"

    def shown(self, values: ArrayLike) -> Floats:
        """Stored values as they are shown: log10, or AB magnitudes of fluxes in microjansky; -inf for log of 0."""
        shown = np.asarray(values, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.transform == "log":
                return np.log10(shown)
            if self.transform == "magnitude":
                return -2.5 * np.log10(shown) + AB_ZEROPOINT
        return shown

    @property
    def has_interval(self) -> bool:
        """Whether confidence intervals follow the value."""
        return self.kind != "other"


FIXED = (
    Quantity("id", "Identifier of the source, from the photometric catalogue.", kind="other"),
    Quantity("nmodel", "Number of models that were compared with the source.", precision=1, kind="other"),
    Quantity("z", "Redshift.", precision=1e-4, kind="grid"),
    Quantity("Av", "Attenuation in the V band, in magnitudes.", kind="grid", table_unit="mag"),
    Quantity(
        "Av_bc",
        "Further attenuation of the young stars, in magnitudes (DIFFERENTIAL_A_V).",
        kind="grid",
        table_unit="mag",
    ),
    Quantity(
        "lage", "Time since the onset of star formation.", "log[age/yr]", kind="grid", table_unit="dex(yr)"
    ),
    Quantity(
        "metal", "Metallicity, as a mass fraction (about 0.02 in the Sun).", precision=1e-4, kind="grid"
    ),
    Quantity(
        "ltau",
        "Time scale of star formation (gridded libraries).",
        "log[tau/yr]",
        kind="grid",
        table_unit="dex(yr)",
    ),
    Quantity("lscale", "Factor between the template and the source.", "log[scale]", "log", True),
    Quantity(
        "sscale", "Factor applied to the spectrum to match the photometry (AUTO_SCALE).", precision=1e-3
    ),
    Quantity(
        "lmass",
        "Mass of the surviving stars and remnants.",
        "log[mass/Msol]",
        "log",
        True,
        table_unit="dex(solMass)",
    ),
    Quantity(
        "lsfr",
        "Star formation rate, at once or over SFR_AVG.",
        "log[sfr/(Msol/yr)]",
        "log",
        True,
        table_unit="dex(solMass / yr)",
    ),
    Quantity(
        "lssfr", "Star formation rate over stellar mass.", "log[ssfr*yr]", "log", table_unit="dex(1 / yr)"
    ),
    Quantity(
        "lldust", "Luminosity absorbed by dust.", "log[lum/Lsol]", "log", True, table_unit="dex(solLum)"
    ),
    Quantity(
        "lldust_bc",
        "Luminosity absorbed by dust around young stars.",
        "log[lum/Lsol]",
        "log",
        True,
        table_unit="dex(solLum)",
    ),
    Quantity(
        "llion",
        "Intrinsic luminosity below LAMBDA_ION.",
        "log[lum/Lsol]",
        "log",
        True,
        table_unit="dex(solLum)",
    ),
    Quantity(
        "lmform",
        "Mass of all the stars ever formed.",
        "log[mass/Msol]",
        "log",
        True,
        table_unit="dex(solMass)",
    ),
    Quantity("la2t", "Ratio of age to time scale (gridded libraries).", "log[age/tau]"),
    Quantity("chi2", "Best chi2 over the number of degrees of freedom.", kind="other"),
)
BY_NAME = {column.name: column for column in FIXED}

# kind of the quantity -> its column, with <X> for the number
SFH = {
    "tform": Quantity(
        "tform<X>",
        "Time since X% of the stars had formed.",
        "log[yr]",
        "log",
        kind="sfh",
        table_unit="dex(yr)",
    ),
    "tsf": Quantity(
        "tsf",
        "Shortest time with 68% of the stars formed.",
        "log[yr]",
        "log",
        kind="sfh",
        table_unit="dex(yr)",
    ),
    "past_sfr": Quantity(
        "past_sfr",
        "Mean SFR during tsf.",
        "log[Msol/yr]",
        "log",
        True,
        kind="sfh",
        table_unit="dex(solMass / yr)",
    ),
    "tquench": Quantity(
        "tquench<X>",
        "Time since the SFR fell below past_sfr/X.",
        "log[yr]",
        "log",
        kind="sfh",
        table_unit="dex(yr)",
    ),
    "sfr": Quantity(
        "sfr<X>",
        "Mean SFR over the last X Myr.",
        "log[Msol/yr]",
        "log",
        True,
        kind="sfh",
        table_unit="dex(solMass / yr)",
    ),
    "brate": Quantity("brate<X>", "Birth rate: sfr<X> over past_sfr.", "", "log", kind="sfh"),
}

_PROPERTIES = ("lscale", "sscale", "lmass", "lsfr", "lssfr", "lldust", "lldust_bc", "llion", "lmform")


def magnitude_quantity(number: int) -> Quantity:
    """Rest-frame absolute magnitude in filter `number`, stored as a flux in uJy at 10 pc."""
    meaning = f"Absolute AB magnitude in filter {number}, rest frame (REST_MAG)."
    return Quantity(
        f"M{number}", meaning, "[ABmag]", "magnitude", True, kind="magnitude", table_unit="mag(AB)"
    )


def index_quantity(name: str, kind: str) -> Quantity:
    """Spectral index `name` of the kind "abs" (an equivalent width) or "ratio" (of two mean fluxes)."""
    if kind == "abs":
        meaning = "Equivalent width, positive in absorption (CONTINUUM_INDICES)."
        return Quantity(name, meaning, "[A]", kind="index", table_unit="Angstrom")
    return Quantity(name, "Ratio of the mean fluxes in two windows (CONTINUUM_INDICES).", kind="index")


def custom_quantity(name: str) -> Quantity:
    """Free parameter `name` of CUSTOM_SFH."""
    return Quantity(name, "Free parameter of CUSTOM_SFH (CUSTOM_PARAMS).", kind="grid")


def sfh_quantities(names: Sequence[str]) -> list[Quantity]:
    """Columns of SFH_QUANTITIES, in the order in which they are stored and printed, without doubles.

    Raises
    ------
    InputError
        If a name is no quantity ("tsf", "past_sfr", "sfr10", ...).
    """
    columns = []
    for quantity in parse_sfh_quantities(names):
        column, number = SFH[quantity.kind], quantity.name.removeprefix(quantity.kind)
        meaning = column.meaning.replace("<X>", number).replace("X", number)
        columns.append(dataclasses.replace(column, name=quantity.name, meaning=meaning))
    return columns


def has_tau(options: ModelOptions) -> bool:
    """Whether the star formation histories are a family along tau."""
    return not options.custom_sfh and not options.my_sfh


def axis_quantities(options: ModelOptions) -> list[Quantity]:
    """Quantities along the axes of the grid, slowest axis first (the order of modelID)."""
    names = ["z", "Av", "Av_bc", "lage", "metal"]
    quantities = [BY_NAME[name] for name in names]
    if options.custom_sfh:
        quantities += [custom_quantity(name) for name in options.custom_params]
    elif has_tau(options):
        quantities.append(BY_NAME["ltau"])
    return quantities


def property_quantities(options: ModelOptions, indices: Mapping[str, str] | None = None) -> list[Quantity]:
    """Properties that a run computes, in the order in which grids and simulations hold them.

    Parameters
    ----------
    options : ModelOptions
    indices : mapping of str to {"abs", "ratio"}, optional
        The spectral indices of CONTINUUM_INDICES, in the order of the file.
    """
    quantities = [BY_NAME[name] for name in _PROPERTIES]
    if has_tau(options):
        quantities.append(BY_NAME["la2t"])
    quantities += [magnitude_quantity(number) for number in options.rest_mag]
    for kind in ("abs", "ratio"):
        quantities += [index_quantity(name, k) for name, k in (indices or {}).items() if k == kind]
    quantities += sfh_quantities(options.sfh_quantities)
    return quantities
