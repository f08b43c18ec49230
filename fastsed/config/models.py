"""Options of the models: stellar populations, dust, the axes of the grid, derived quantities."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fastsed.config.options import OptionError, Options, option
from fastsed.errors import InputError
from fastsed.filter_names import filter_number
from fastsed.paths import share_dir
from fastsed.sfh_quantities import parse_sfh_quantities
from fastsed.sizes import MAX_AXIS_POINTS, MAX_TABLE_POINTS, MYR_OF_UNIVERSE, SINGLE_MAX, counted_points

log = logging.getLogger(__name__)

MAX_REDSHIFT = 999
"""Largest Z_MAX: ages of the Universe are counted from z = 1000."""

AXES = ("log_tau", "log_age", "z", "a_v", "a_v_bc")
"""Axes with three options each: AXIS_MIN, AXIS_MAX, AXIS_STEP."""

_RESERVED_NAMES = frozenset(("t", "z", "av", "av_bc", "lage", "metal", "ltau", "pi", "e", "lscale"))


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Options):
    """What the models are; each attribute has the meaning of the key of the same name (docs/parameters.md).

    Besides: `custom_ranges`, lower-case name of a custom parameter -> (min, max, step).
    """

    filters_res: str = option(
        "",
        "Photometry and redshifts",
        "File of filter curves, in EAzY's format. `F<n>` in the catalogue is the n-th curve of this file.",
        default_text="the `FILTER.RES.latest` that comes with fastsed",
        is_path=True,
    )
    filter_format: int = option(
        1,
        "Photometry and redshifts",
        "How a filter curve T weights the flux density F_lambda of a model: by lambda T if 1, the usual "
        "case of a throughput per photon; by lambda^2 T for any other value, which FAST takes for energy- "
        "counting curves.",
    )
    spec_lsf_file: str = option(
        "",
        "Spectra",
        "Line spread function of the spectrograph: two columns, observed wavelength and Gaussian sigma, "
        "both in A. Broadens the response of every spectral element. Empty: elements are top hats.",
        is_path=True,
    )
    apply_vdisp: float = option(
        0.0,
        "Spectra",
        "Velocity dispersion (sigma) with which the templates are broadened.",
        unit="km/s",
        ge=0,
        le=1e5,
    )
    library_dir: str = option(
        "",
        "Stellar populations and dust",
        "Folder of the stellar population libraries.",
        default_text="the libraries that come with fastsed, or that you installed",
        is_path=True,
    )
    library: str = option(
        "",
        "Stellar populations and dust",
        "Name of the stellar library, as in its file names: bc03, ma05, co11, ...",
    )
    resolution: str = option(
        "", "Stellar populations and dust", "Resolution, as in the library's file names: lr, hr, pr."
    )
    imf: str = option(
        "",
        "Stellar populations and dust",
        "Initial mass function, as in the library's file names: ch (Chabrier), sa (Salpeter), kr (Kroupa).",
    )
    sfh: str = option(
        "exp",
        "Stellar populations and dust",
        "Star formation history of the gridded libraries: exp(-t/tau), t exp(-t/tau), or constant until tau.",
        choices=("exp", "del", "tru"),
    )
    my_sfh: str = option(
        "",
        "Stellar populations and dust",
        "Name of a gridded library made from one star formation history of yours, used in place of SFH; the "
        "grid then has no tau.",
    )
    dust_law: str = option(
        "calzetti",
        "Stellar populations and dust",
        "Attenuation law: Calzetti (2000); the Milky Way's (Cardelli 1989) as FAST++ computes it (`mw`) or as "
        "published (`ccm89`); Noll (2009) with E_B and DELTA, as FAST computes it (`noll`) or as published "
        "(`noll09`); Kriek & Conroy (2013), which is `noll` with E_B=1 and DELTA=-0.1.",
        choices=("calzetti", "mw", "ccm89", "noll", "noll09", "kc"),
    )
    e_b: float = option(
        1.0,
        "Stellar populations and dust",
        "Strength of the 2175 A bump, for DUST_LAW noll and noll09.",
        ge=-1000,
        le=1000,
    )
    delta: float = option(
        -0.2,
        "Stellar populations and dust",
        "Change of the slope of the attenuation curve, for noll and noll09.",
        ge=-100,
        le=100,
    )
    differential_a_v: bool = option(
        False,
        "Stellar populations and dust",
        "Attenuate young stars by A_V + A_V_BC and the others by A_V (Charlot & Fall 2000). Needs "
        "CUSTOM_SFH.",
    )
    log_bc_age_max: float = option(
        7.0,
        "Stellar populations and dust",
        "Age up to which stars live in their birth cloud, for DIFFERENTIAL_A_V.",
        unit="log10 yr",
        ge=-30,
        le=20,
    )
    no_igm: bool = option(
        False, "Stellar populations and dust", "Do not absorb the models by the intergalactic medium."
    )
    igm: str = option(
        "madau95",
        "Stellar populations and dust",
        "Absorption by the intergalactic medium: Madau (1995) as in FAST, or Inoue et al. (2014). fastsed "
        "only.",
        choices=("madau95", "inoue14"),
    )
    lambda_ion: float = option(
        912.0,
        "Stellar populations and dust",
        "Wavelength below which light counts as ionising, for the output column `llion`.",
        unit="A",
        gt=0,
    )
    log_tau_min: float = option(
        6.5, "Grid of models", "Smallest star formation timescale tau.", unit="log10 yr", ge=-30, le=30
    )
    log_tau_max: float = option(10.5, "Grid of models", "Largest tau.", unit="log10 yr", ge=-30, le=30)
    log_tau_step: float = option(0.5, "Grid of models", "Step of log10(tau).", unit="dex")
    log_age_min: float = option(
        6.3,
        "Grid of models",
        "Smallest age, the time since stars began to form.",
        unit="log10 yr",
        ge=-30,
        le=20,
    )
    log_age_max: float = option(10.3, "Grid of models", "Largest age.", unit="log10 yr", ge=-30, le=20)
    log_age_step: float = option(0.5, "Grid of models", "Step of log10(age).", unit="dex")
    no_max_age: bool = option(False, "Grid of models", "Also fit models that are older than the Universe.")
    z_min: float = option(0.001, "Grid of models", "Smallest redshift.", gt=0)
    z_max: float = option(9.0, "Grid of models", "Largest redshift.", gt=0)
    z_step: float = option(
        0.02,
        "Grid of models",
        "Step in redshift, or in log10(1+z) (see Z_STEP_TYPE). 0: the single redshift Z_MIN.",
    )
    z_step_type: int = option(
        0, "Grid of models", "What Z_STEP is a step of: z (0) or log10(1+z) (1).", choices=(0, 1)
    )
    a_v_min: float = option(0.0, "Grid of models", "Smallest attenuation A_V.", unit="mag", ge=0, le=100)
    a_v_max: float = option(3.0, "Grid of models", "Largest A_V.", unit="mag", ge=0, le=100)
    a_v_step: float = option(0.1, "Grid of models", "Step of A_V.", unit="mag")
    a_v_bc_min: float = option(
        0.0,
        "Grid of models",
        "Smallest additional A_V of birth clouds (DIFFERENTIAL_A_V).",
        unit="mag",
        ge=0,
        le=100,
    )
    a_v_bc_max: float = option(
        0.0, "Grid of models", "Largest additional A_V of birth clouds.", unit="mag", ge=0, le=100
    )
    a_v_bc_step: float = option(
        0.1, "Grid of models", "Step of the additional A_V of birth clouds.", unit="mag"
    )
    metal: tuple[float, ...] = option(
        (),
        "Grid of models",
        "Metallicities, as mass fractions; each needs its library. The solar value is about 0.02.",
        default_text="[0.02], or [0.019] for the library co11",
        gt=0,
        lt=1,
    )
    grid_exclude: str = option(
        "",
        "Grid of models",
        "Formula of the names of the grid's axes: models for which it is not 0 are left out.",
    )
    h0: float = option(70.0, "Grid of models", "Hubble constant.", unit="km/s/Mpc", ge=1e-3, le=1e4)
    omega_m: float = option(0.3, "Grid of models", "Matter density today.", ge=0, le=100)
    omega_l: float = option(0.7, "Grid of models", "Dark energy density today.", ge=0, le=100)
    custom_sfh: str = option(
        "",
        "Star formation histories of your own",
        "Formula of the star formation rate as a function of `t` (yr since the first stars, but see "
        "CUSTOM_SFH_LOOKBACK), `lage` and the CUSTOM_PARAMS. Replaces SFH and its tau. Needs the library's "
        "SSPs.",
    )
    custom_params: tuple[str, ...] = option(
        (),
        "Star formation histories of your own",
        "Names of the free parameters of CUSTOM_SFH. Each needs its own keys `<NAME>_MIN`, `<NAME>_MAX` and "
        "`<NAME>_STEP`.",
    )
    custom_sfh_step: float = option(
        1.0,
        "Star formation histories of your own",
        "Time step on which CUSTOM_SFH is evaluated.",
        unit="Myr",
        gt=0,
        le=1e5,
    )
    custom_sfh_lookback: bool = option(
        False,
        "Star formation histories of your own",
        "`t` counts backwards in time from the moment of observation.",
    )
    sfr_avg: float = option(
        0.0,
        "Output",
        "Average the star formation rate over this last stretch of time. 0: instantaneous.",
        unit="Myr",
        ge=0,
        le=1e6,
    )
    sfh_quantities: tuple[str, ...] = option(
        (),
        "Output",
        "Quantities to compute on each star formation history: `tsf` (shortest time in which 68% of the "
        "stars formed), `past_sfr` (mean rate during that time), `sfrX` (mean rate of the last X Myr), "
        "`brateX` (sfrX/past_sfr), `tquenchX` (time since the rate fell below past_sfr/X), `tformX` (time "
        "since X% of the stars had formed).",
    )
    rest_mag: tuple[int, ...] = option(
        (),
        "Output",
        "Filters in which to give absolute AB magnitudes, by number or by name (`sdss_u`), as columns `M<n>` with "
        "their numbers.",
        named=filter_number,
        ge=1,
    )
    continuum_indices: str = option(
        "",
        "Output",
        "File that defines spectral indices (line strengths, D4000, ...) to compute. Empty: none.",
        is_path=True,
    )
    max_queued_fits: int = option(
        1000,
        "Machine",
        "FAST++'s limit on memory: if it is set, the largest number of models that are built and fitted "
        "together. 0: no limit. Without it, fastsed chooses a number that suits the processor's cache.",
        ge=0,
    )
    no_cache: bool = option(
        False,
        "Machine",
        "Neither read nor write a cache of model fluxes (`fastsed-models-*.cache` in OUTPUT_DIR).",
    )

    custom_ranges: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)

    def complete(self) -> None:
        """Replace empty values by what they stand for; drop what has no meaning."""
        self.set_missing("filters_res", str(share_dir() / "FILTER.RES.latest"))
        self.set_missing("metal", (0.019,) if self.library == "co11" else (0.02,))
        if not self.custom_sfh:
            self.correct("custom_params", ())
            self.correct("custom_ranges", {})
        if "log_tau" in [name.lower() for name in self.custom_params]:
            log_tau = (self.log_tau_min, self.log_tau_max, self.log_tau_step)
            self.correct("custom_ranges", {**self.custom_ranges, "log_tau": log_tau})
        check_axis("a_v_bc", self.a_v_bc_min, self.a_v_bc_max, self.a_v_bc_step)
        if not self.differential_a_v and (self.a_v_bc_min, self.a_v_bc_max) != (0.0, 0.0):
            log.warning("A_V_BC_MIN and A_V_BC_MAX are ignored: DIFFERENTIAL_A_V is 0")
            self.correct("a_v_bc_min", 0.0)
            self.correct("a_v_bc_max", 0.0)

    def check(self) -> None:
        """Refuse combinations that make no sense."""
        check_custom_names(self.custom_params)
        for name in self.custom_params:
            if name.lower() not in self.custom_ranges:
                missing = ", ".join(f"{name}_{end}".upper() for end in ("min", "max", "step"))
                raise OptionError("custom_params", f"the custom parameter '{name}' has no {missing}")
        for axis in AXES:
            check_axis(axis, *(getattr(self, f"{axis}_{end}") for end in ("min", "max", "step")))
        for axis, ends in self.custom_ranges.items():
            check_axis(axis, *ends)
        if self.z_max > MAX_REDSHIFT:
            message = f"Z_MAX = {self.z_max:g}: must be <= {MAX_REDSHIFT}, since ages count from z = 1000"
            raise OptionError("z_max", message)
        if self.custom_sfh or self.sfh_quantities:
            length = 10 ** min(self.log_age_max, math.log10(MYR_OF_UNIVERSE) + 6) / 1e6
            if self.no_max_age:
                length = 10**self.log_age_max / 1e6
            check_count("custom_sfh_step", length, self.custom_sfh_step, MAX_TABLE_POINTS)
        if self.differential_a_v and not self.custom_sfh:
            message = "DIFFERENTIAL_A_V = 1 needs a CUSTOM_SFH: gridded libraries do not tell ages apart"
            raise OptionError("differential_a_v", message)
        try:
            parse_sfh_quantities(self.sfh_quantities)
        except InputError as error:
            raise OptionError("sfh_quantities", error.message) from None


def check_custom_names(names: Sequence[str]) -> None:
    """Refuse names of custom parameters that a formula could not use, or that have another meaning.

    Raises
    ------
    OptionError
    """
    lower = [name.lower() for name in names]
    for name, low in zip(names, lower, strict=True):
        fault = ""
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            fault = f"'{name}' is not a name (letters, digits and _ only)"
        elif lower.count(low) > 1:
            fault = f"'{name}' appears twice"
        elif low in _RESERVED_NAMES or (low in AXES and low != "log_tau"):
            fault = f"the name '{name}' has a meaning of its own; choose another one"
        if fault:
            raise OptionError("custom_params", f"CUSTOM_PARAMS: {fault}")


def check_axis(axis: str, low: float, high: float, step: float) -> None:
    """Refuse an axis that runs backwards, or has endlessly or too many points.

    Raises
    ------
    OptionError
        Which names AXIS_MIN, AXIS_MAX or AXIS_STEP.
    """
    name = axis.upper()
    for end, value in (("min", low), ("max", high)):
        if abs(value) > SINGLE_MAX:
            message = f"{name}_{end.upper()} = {value:g} is beyond +-{SINGLE_MAX:.2g}"
            raise OptionError(f"{axis}_{end}", message)
    if low > high:
        raise OptionError(f"{axis}_min", f"{name}_MIN = {low:g} is above {name}_MAX = {high:g}")
    if step < 0:
        raise OptionError(f"{axis}_step", f"{name}_STEP = {step:g} must not be negative")
    if step == 0 and low < high and axis != "z":
        message = f"{name}_STEP = 0 cannot lead from {low:g} to {high:g}; set a positive step"
        raise OptionError(f"{axis}_step", message)
    if step > 0 and low < high:
        # steps of log10(1+z) are fewer by far, and counted when they are taken
        check_count(f"{axis}_step", high - low, step, MAX_AXIS_POINTS)


def check_count(name: str, length: float, step: float, limit: int) -> None:
    """Refuse a step that leads to too many points."""
    try:
        counted_points(name.upper(), length, step, limit)
    except InputError as error:
        raise OptionError(name, error.message) from None
