"""The quantities that fastsed can write: parameters in, the table of columns (name, unit, meaning) out."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fastsed.errors import InputError

if TYPE_CHECKING:
    from fastsed.params import Params

Transform = Literal["linear", "log", "magnitude"]
Kind = Literal["grid", "property", "magnitude", "index", "sfh", "other"]


@dataclass(frozen=True)
class Column:
    """One quantity that may stand in the catalogue, the grids and the simulations.

    Parameters
    ----------
    name : str
        As printed in the header.
    meaning : str
        One sentence for the documentation.
    unit : str
        As in the units line of the catalogue ("log[mass/Msol]"); empty if not listed there.
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

    @property
    def is_log(self) -> bool:
        """Whether the printed value is log10 of the stored one."""
        return self.transform == "log"

    @property
    def has_interval(self) -> bool:
        """Whether confidence intervals follow the value."""
        return self.kind != "other"


def confidence_labels(confidences: Sequence[float]) -> list[str]:
    """How intervals are called in the names of columns: whole percents, as in FAST++, but where two would be one."""
    whole = [f"{math.floor(c + 0.5):d}" for c in confidences]
    return [w if whole.count(w) == 1 else f"{c:.10g}" for w, c in zip(whole, confidences, strict=True)]


_FIXED = (
    Column("id", "Identifier of the source, from the photometric catalogue.", kind="other"),
    Column("nmodel", "Number of models that were compared with the source.", precision=1, kind="other"),
    Column("z", "Redshift.", precision=1e-4, kind="grid"),
    Column("Av", "Attenuation in the V band, in magnitudes.", kind="grid"),
    Column("Av_bc", "Further attenuation of the young stars, in magnitudes (DIFFERENTIAL_A_V).", kind="grid"),
    Column("lage", "Time since the onset of star formation.", "log[age/yr]", kind="grid"),
    Column("metal", "Metallicity, as a mass fraction (about 0.02 in the Sun).", precision=1e-4, kind="grid"),
    Column("ltau", "Time scale of star formation (gridded libraries).", "log[tau/yr]", kind="grid"),
    Column("lscale", "Factor between the template and the source.", "log[scale]", "log", True),
    Column("sscale", "Factor applied to the spectrum to match the photometry (AUTO_SCALE).", precision=1e-3),
    Column("lmass", "Mass of the living stars and remnants.", "log[mass/Msol]", "log", True),
    Column("lsfr", "Star formation rate, at once or over SFR_AVG.", "log[sfr/(Msol/yr)]", "log", True),
    Column("lssfr", "Star formation rate over stellar mass.", "log[ssfr*yr]", "log"),
    Column("lldust", "Luminosity absorbed by dust.", "log[lum/Lsol]", "log", True),
    Column("lldust_bc", "Luminosity absorbed by dust around young stars.", "log[lum/Lsol]", "log", True),
    Column("llion", "Intrinsic luminosity below LAMBDA_ION.", "log[lum/Lsol]", "log", True),
    Column("lmform", "Mass of all the stars ever formed.", "log[mass/Msol]", "log", True),
    Column("la2t", "Ratio of age to time scale (gridded libraries).", "log[age/tau]"),
    Column("chi2", "Best chi2 over the number of degrees of freedom.", kind="other"),
)
_BY_NAME = {column.name: column for column in _FIXED}

# (pattern, column with <X> for the number), in the order in which the quantities are stored and printed
_SFH = (
    (
        r"tform(\d+(?:\.\d+)?)",
        Column("tform<X>", "Time since X% of the stars had formed.", "log[yr]", "log", kind="sfh"),
    ),
    ("tsf", Column("tsf", "Shortest time with 68% of the stars formed.", "log[yr]", "log", kind="sfh")),
    ("past_sfr", Column("past_sfr", "Mean SFR during tsf.", "log[Msol/yr]", "log", True, kind="sfh")),
    (
        r"tquench(\d+(?:\.\d+)?)",
        Column("tquench<X>", "Time since the SFR fell below past_sfr/X.", "log[yr]", "log", kind="sfh"),
    ),
    (
        r"sfr(\d+(?:\.\d+)?)",
        Column("sfr<X>", "Mean SFR over the last X Myr.", "log[Msol/yr]", "log", True, kind="sfh"),
    ),
    (
        r"brate(\d+(?:\.\d+)?)",
        Column("brate<X>", "Birth rate: sfr<X> over past_sfr.", "", "log", kind="sfh"),
    ),
)

# names that the readme of FAST++ and its users have, and the names that are printed
ALIASES = {"ldust": "lldust", "ldust_bc": "lldust_bc"}

_PROPERTIES = ("lscale", "sscale", "lmass", "lsfr", "lssfr", "lldust", "lldust_bc", "llion", "lmform")


def magnitude_column(number: int) -> Column:
    """Rest-frame absolute magnitude in filter `number`, stored as a flux in uJy at 10 pc."""
    meaning = f"Absolute AB magnitude in filter {number}, rest frame (REST_MAG)."
    return Column(f"M{number}", meaning, "[ABmag]", "magnitude", True, kind="magnitude")


def index_column(name: str, kind: str) -> Column:
    """Spectral index `name` of the kind "abs" (an equivalent width) or "ratio" (of two mean fluxes)."""
    if kind == "abs":
        meaning = "Equivalent width, positive in absorption (CONTINUUM_INDICES)."
        return Column(name, meaning, "[A]", kind="index")
    return Column(name, "Ratio of the mean fluxes in two windows (CONTINUUM_INDICES).", kind="index")


def custom_column(name: str) -> Column:
    """Free parameter `name` of CUSTOM_SFH."""
    return Column(name, "Free parameter of CUSTOM_SFH (CUSTOM_PARAMS).", kind="grid")


def _sfh_rank(name: str) -> int:
    for rank, (pattern, _) in enumerate(_SFH):
        if re.fullmatch(pattern, name):
            return rank
    known = ", ".join(column.name for _, column in _SFH)
    raise InputError(f"SFH_QUANTITIES: '{name}' is not one of {known}, with a number for <X>")


def sfh_column(name: str) -> Column:
    """Column of the star-formation-history quantity `name` ("tsf", "past_sfr", "sfr10", ...).

    Raises
    ------
    InputError
        If no such quantity exists.
    """
    column = _SFH[_sfh_rank(name)][1]
    number = re.sub(r"^[a-z_]+", "", name)
    meaning = column.meaning.replace("<X>", number).replace("X", number)
    return dataclasses.replace(column, name=name, meaning=meaning)


def sfh_columns(names: Sequence[str]) -> list[Column]:
    """Columns of the asked quantities, in the order in which they are stored and printed, without doubles."""
    return [sfh_column(name) for name in sorted(dict.fromkeys(names), key=_sfh_rank)]


def _at_precision(column: Column, precision: float) -> Column:
    if not precision or column.kind == "other":
        return column
    return dataclasses.replace(column, precision=precision)


def _has_tau(params: Params) -> bool:
    """Whether the star formation histories are a family along tau."""
    return not params.custom_sfh and not params.my_sfh


def grid_columns(params: Params) -> list[Column]:
    """Columns of the grid's axes, slowest axis first (the order of modelID)."""
    names = ["z", "Av", "Av_bc", "lage", "metal"]
    columns = [_BY_NAME[name] for name in names]
    if params.custom_sfh:
        columns += [custom_column(name) for name in params.custom_params]
    elif _has_tau(params):
        columns.append(_BY_NAME["ltau"])
    return [_at_precision(column, params.output_precision) for column in columns]


def property_columns(params: Params, indices: Mapping[str, str] | None = None) -> list[Column]:
    """Columns of the properties that a run computes, in the order in which grids and simulations hold them.

    Parameters
    ----------
    params : Params
    indices : mapping of str to {"abs", "ratio"}, optional
        The spectral indices of CONTINUUM_INDICES, in the order of the file.
    """
    columns = [_BY_NAME[name] for name in _PROPERTIES]
    if _has_tau(params):
        columns.append(_BY_NAME["la2t"])
    columns += [magnitude_column(number) for number in params.rest_mag]
    for kind in ("abs", "ratio"):
        columns += [index_column(name, k) for name, k in (indices or {}).items() if k == kind]
    columns += sfh_columns(params.sfh_quantities)
    return [_at_precision(column, params.output_precision) for column in columns]


def available_columns(params: Params, indices: Mapping[str, str] | None = None) -> dict[str, Column]:
    """All the columns that this run can print, by name: identifiers, axes, properties, chi2."""
    columns = [_BY_NAME["id"], _BY_NAME["nmodel"], *grid_columns(params)]
    columns += [*property_columns(params, indices), _BY_NAME["chi2"]]
    return {column.name: column for column in columns}


def default_columns(params: Params) -> list[str]:
    """Names of the columns printed when OUTPUT_COLUMNS is empty.

    FAST's columns; custom parameters, rest-frame magnitudes and star-formation-history quantities come before
    chi2; the time scale is left out where the star formation history has no such axis.
    """
    names = ["id", "z", *(["ltau"] if _has_tau(params) else [])]
    names += ["metal", "lage", "Av", "lmass", "lsfr", "lssfr"]
    names += ["la2t"] if _has_tau(params) else []
    names += list(params.custom_params) if params.custom_sfh else []
    names += [f"M{number}" for number in params.rest_mag]
    names += [column.name for column in sfh_columns(params.sfh_quantities)]
    return [*names, "chi2"]


def resolve_columns(names: Sequence[str], available: Mapping[str, Column]) -> list[Column]:
    """Turn the names of OUTPUT_COLUMNS into columns, in the same order.

    Parameters
    ----------
    names : sequence of str
        Names as the user writes them: case does not matter unless two columns differ by it alone, and the
        names of `ALIASES` are known.
    available : mapping of str to Column
        From `available_columns`.

    Raises
    ------
    InputError
        For an unknown name: the nearest known name, and all of them.
    """
    folded: dict[str, list[str]] = {}
    for known in available:
        folded.setdefault(known.lower(), []).append(known)
    columns = []
    for name in names:
        wanted = name if name in available else ALIASES.get(name.lower(), name)
        matches = [wanted] if wanted in available else folded.get(wanted.lower(), [])
        if len(matches) != 1:
            near = difflib.get_close_matches(wanted.lower(), folded, n=1)
            hint = f" Did you mean '{folded[near[0]][0]}'?" if near else ""
            known = ", ".join(available)
            raise InputError(f"OUTPUT_COLUMNS: '{name}' is not a column of this run.{hint} Known: {known}")
        columns.append(available[matches[0]])
    doubles = sorted({c.name for c in columns if columns.count(c) > 1})
    if doubles:
        raise InputError(f"OUTPUT_COLUMNS: {', '.join(doubles)} asked for more than once")
    return columns


def output_columns(params: Params, indices: Mapping[str, str] | None = None) -> list[Column]:
    """Columns of the catalogue of this run: those of OUTPUT_COLUMNS, or the default ones.

    Raises
    ------
    InputError
        If OUTPUT_COLUMNS or SFH_QUANTITIES hold an unknown name.
    """
    names = params.output_columns or default_columns(params)
    return resolve_columns(names, available_columns(params, indices))


_FILES = (
    (
        "`<OUTPUT_FILE>.fout`",
        "always",
        "The catalogue: header lines that tell the set-up of the run, then one row per source, in the "
        "order of the input. Values as in the table above, after their transformation; a row of `nan` is "
        "a source that was not fitted. -99 stands for the logarithm of zero, 99 for infinity. With "
        "intervals, each quantity `x` is followed by `l68_x` and `u68_x`, the bounds of the interval of "
        "68% (and so on for each value of `C_INTERVAL`).",
    ),
    (
        "`best_fits/<catalog>_<id>.fit`",
        "`BEST_FIT`",
        "Spectrum of the best model: `wl` observed wavelength [Angstrom]; `fl` flux density [1e-19 "
        "erg/s/cm2/Angstrom]; `fl_nodust` the same without dust (`INTRINSIC_BEST_FIT`); `fl_lsf` the same "
        "after the instrument (`LSF_BEST_FIT`).",
    ),
    (
        "`best_fits/<catalog>_<id>.input_res.fit`",
        "`BEST_FIT`",
        "Model and data, band by band: `wl` mean wavelength [Angstrom]; `fl_model`, `fl_obs`, `unc_obs` "
        "[1e-19 erg/s/cm2/Angstrom]. A band without data has flux 0 and uncertainty `inf`.",
    ),
    (
        "`best_fits/<catalog>_<id>.sfh`",
        "`BEST_SFHS`",
        "Star formation history of the best model: `t` time since the Big Bang [yr]; `SFR(t)` [Msol/yr], "
        "or `Mstar(t)` [Msol] with `SFH_OUTPUT='mass'`; with simulations their median `med_SFR`; the "
        "bounds `l68_SFR` and `u68_SFR` of each interval.",
    ),
    (
        "`best_fits/<catalog>_<id>.sims.fits`",
        "`SAVE_SIM`",
        "Results of the simulations, a table of one row: `RESULT` [parameter, simulation], `PARAMS` the "
        "names of the parameters, `CHI2` [simulation]. Values as stored, before the transformation.",
    ),
    (
        "`chi2.grid`",
        "`SAVE_CHI_GRID`",
        "chi2 and properties of every model and source, binary; values as stored, before the "
        "transformation. A model that was not fitted is `nan`. `fastsed-grid2fits` makes a table of it "
        "and `fastsed.outputs.chi2grid.read_chi2_grid` reads it in Python.",
    ),
    (
        "`best_chi2/<catalog>_<id>.chi2.grid`",
        "`SAVE_BESTCHI`",
        "The same for the models of one source whose chi2 is within `SAVE_BESTCHI` of the best.",
    ),
    (
        "`seds/<id>.fit`, `seds/<id>.input_res.fit`",
        "`MAKE_SEDS`",
        "Spectrum and band fluxes of the models listed in the file `MAKE_SEDS`, in the units of the best "
        "fits.",
    ),
)

_SHOWN = {"linear": "as stored", "log": "log10", "magnitude": "-2.5 log10 + 23.9"}


def _all_columns() -> list[Column]:
    patterns = [custom_column("<parameter>")]
    magnitude = magnitude_column(0)
    magnitude = dataclasses.replace(magnitude, name="M<n>", meaning=magnitude.meaning.replace("0", "n"))
    patterns += [magnitude, index_column("<index> (abs)", "abs"), index_column("<index> (ratio)", "ratio")]
    return [*_FIXED[:-1], *patterns, *(column for _, column in _SFH), _FIXED[-1]]


def outputs_markdown() -> str:
    """Documentation page of every column and every file that a run may write."""
    lines = ["# Outputs", "", "## Columns", ""]
    lines += [
        "Choose them with `OUTPUT_COLUMNS`. *Printed*: how the catalogue shows the value that grids "
        "and simulations store; `lage`, `ltau` and `la2t` are logarithms already. *Rounded to*: unless "
        "`OUTPUT_PRECISION` says otherwise. *Scales*: proportional to the brightness of the source.",
        "",
        "| column | unit | printed | rounded to | scales | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for c in _all_columns():
        rounded = f"{c.precision:g}" if c.has_interval else ""
        scales = "yes" if c.scales else ""
        cells = (f"`{c.name}`", c.unit, _SHOWN[c.transform], rounded, scales, c.meaning)
        lines.append(f"| {' | '.join(cells)} |")
    aliases = ", ".join(f"`{old}` for `{new}`" for old, new in ALIASES.items())
    lines += ["", f"Other names are understood: {aliases}.", "", "## Files", ""]
    lines += ["| file | written with | content |", "|---|---|---|"]
    lines += [f"| {name} | {when} | {content} |" for name, when, content in _FILES]
    return "\n".join(lines) + "\n"
