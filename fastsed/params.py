"""The FAST parameter file: `KEY = value` lines in, a checked `Params` out, and the text on each key."""

from __future__ import annotations

import difflib
import logging
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import Field, dataclass, field, fields
from statistics import NormalDist
from typing import Any, get_type_hints

from fastsed.errors import InputError, UsageError
from fastsed.inputs.text import parse_number, read_bytes
from fastsed.paths import expanded, for_system, share_dir
from fastsed.sizes import (
    MAX_AXIS_POINTS,
    MAX_SIMULATIONS,
    MAX_TABLE_POINTS,
    MYR_OF_UNIVERSE,
    SINGLE_MAX,
    counted_points,
)
from fastsed.threads import available_threads, usable_threads

log = logging.getLogger(__name__)

COMMAND_LINE = "command line"
"""Stands for the file name in messages about a `KEY=value` of the command line."""

SFH_QUANTITY = re.compile(r"tsf|past_sfr|(sfr|brate|tquench|tform)\d+(\.\d+)?")
"""The names SFH_QUANTITIES may hold."""

MAX_REDSHIFT = 999
"""Largest Z_MAX: ages of the Universe are counted from z = 1000."""

FINEST_PRECISION = 1e-20
"""Smallest OUTPUT_PRECISION: printed numbers are single precision."""

_ALIASES = {"filters_format": "filter_format"}
_QUOTES = "'\"\u2018\u2019\u201c\u201d"  # also those of word processors
_AXES = ("log_tau", "log_age", "z", "a_v", "a_v_bc")
_RESERVED_NAMES = frozenset(("t", "z", "av", "av_bc", "lage", "metal", "ltau", "pi", "e", "lscale"))
_TYPE_NAMES = {
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "0 / 1",
    "tuple[str, ...]": "list of texts",
    "tuple[int, ...]": "list of integers",
    "tuple[float, ...]": "list of numbers",
}


def key(
    default: Any,
    section: str,
    doc: str,
    *,
    unit: str = "",
    choices: tuple[Any, ...] = (),
    default_text: str = "",
    is_path: bool = False,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
) -> Any:
    """One row of the table of keys: a dataclass field that knows its documentation and its limits.

    Parameters
    ----------
    default : object
    section : str
        Heading under which the key is documented.
    doc : str
        What it does, for the user.
    unit : str, optional
    choices : tuple, optional
        The values it may take.
    default_text : str, optional
        How the documentation shows a default that is worked out when the file is read.
    is_path : bool, optional
        Whether it names a file or folder, in which `~` and environment variables are replaced.
    ge, gt, le, lt : float, optional
        Limits of the value, or of each value of a list: >=, >, <=, <.
    """
    limits = {">=": ge, ">": gt, "<=": le, "<": lt}
    metadata = {
        "section": section,
        "doc": doc,
        "unit": unit,
        "choices": choices,
        "default_text": default_text,
        "is_path": is_path,
        "limits": {sign: limit for sign, limit in limits.items() if limit is not None},
    }
    return field(default=default, metadata=metadata)


@dataclass
class Params:
    """The keys of a parameter file: a field per key, in lower case; lists are tuples.

    Besides the keys: `custom_ranges` (lower-case name of a custom parameter -> min, max, step), `path`
    (the file read, '' if none) and `explicit` (lower-case names of the keys that the user set).
    """

    # What the user hands in.
    catalog: str = key(
        "",
        "Photometry and redshifts",
        "Path of the photometric catalogue, without its `.cat`. The files `.translate`, `.zout` and `.lir` "
        "are looked for beside it, under the same name; in place of `.zout` also eazy-py's `.zout.fits`.",
        is_path=True,
    )
    ab_zeropoint: float = key(
        23.9,
        "Photometry and redshifts",
        "AB magnitude of a source whose catalogue flux is 1: 23.9 for fluxes in microjansky, 25 for many "
        "public catalogues, -48.6 for erg/s/cm2/Hz.",
        unit="mag",
        ge=-100,
        le=100,
    )
    filters_res: str = key(
        "",
        "Photometry and redshifts",
        "File of filter curves, in EAzY's format. `F<n>` in the catalogue is the n-th curve of this file.",
        default_text="the `FILTER.RES.latest` that comes with fastsed",
        is_path=True,
    )
    filter_format: int = key(
        1,
        "Photometry and redshifts",
        "How a filter curve T weights the flux density F_lambda of a model: by lambda T if 1, the usual "
        "case of a throughput per photon; by lambda^2 T for any other value, which FAST takes for energy- "
        "counting curves.",
    )
    temp_err_file: str = key(
        "",
        "Photometry and redshifts",
        "Template error function for the photometry: two columns, rest wavelength (A) and relative error of "
        "the models, added in quadrature to the errors of the fluxes. Empty: none.",
        is_path=True,
    )
    name_zphot: str = key(
        "z_phot",
        "Photometry and redshifts",
        "Column of the `.zout` file that holds the photometric redshift. An empty text means `z_phot`.",
    )
    force_zphot: bool = key(
        False,
        "Photometry and redshifts",
        "Take photometric redshifts as if they were spectroscopic: the fit and its simulations stay at the "
        "grid redshift nearest to it.",
    )
    best_at_zphot: bool = key(
        False,
        "Photometry and redshifts",
        "Take the best fit at the grid redshift nearest to the photometric one, while the simulations use "
        "all redshifts that are allowed. Implied by FORCE_ZPHOT.",
    )
    zphot_conf: int = key(
        0,
        "Photometry and redshifts",
        "Fit each source only within this confidence interval of its photometric redshift, read from the "
        "columns `L<c>` and `U<c>` of the `.zout` file, or from eazy-py's z160, z840, z025, z975. 0: the whole grid.",
        unit="%",
        choices=(0, 68, 95, 99),
    )
    use_lir: bool = key(
        False,
        "Photometry and redshifts",
        "Use the infrared luminosities of the `.lir` file: they are compared with the luminosity that the "
        "dust of a model absorbs. Without that file, a warning.",
    )

    spectrum: str = key(
        "",
        "Spectra",
        "Path of the file of spectra, without its `.spec`. Its columns `F<id>` and `E<id>` belong to the "
        "catalogue's source `<id>`. Empty: none.",
        is_path=True,
    )
    auto_scale: bool = key(
        False,
        "Spectra",
        "Give the spectrum a scale of its own, so that its flux calibration does not influence the mass; "
        "its shape still counts in chi2.",
    )
    temp_err_spec_file: str = key(
        "",
        "Spectra",
        "Template error function for the spectra, as TEMP_ERR_FILE for the photometry. Empty: none.",
        is_path=True,
    )
    spec_lsf_file: str = key(
        "",
        "Spectra",
        "Line spread function of the spectrograph: two columns, observed wavelength and Gaussian sigma, "
        "both in A. Broadens the response of every spectral element. Empty: elements are top hats.",
        is_path=True,
    )
    apply_vdisp: float = key(
        0.0,
        "Spectra",
        "Velocity dispersion (sigma) with which the templates are broadened.",
        unit="km/s",
        ge=0,
        le=1e5,
    )

    # What the models are made of.
    library_dir: str = key(
        "",
        "Stellar populations and dust",
        "Folder of the stellar population libraries.",
        default_text="the libraries that come with fastsed, or that you installed",
        is_path=True,
    )
    library: str = key(
        "",
        "Stellar populations and dust",
        "Name of the stellar library, as in its file names: bc03, ma05, co11, ...",
    )
    resolution: str = key(
        "", "Stellar populations and dust", "Resolution, as in the library's file names: lr, hr, pr."
    )
    imf: str = key(
        "",
        "Stellar populations and dust",
        "Initial mass function, as in the library's file names: ch (Chabrier), sa (Salpeter), kr (Kroupa).",
    )
    sfh: str = key(
        "exp",
        "Stellar populations and dust",
        "Star formation history of the gridded libraries: exp(-t/tau), t exp(-t/tau), or constant until tau.",
        choices=("exp", "del", "tru"),
    )
    my_sfh: str = key(
        "",
        "Stellar populations and dust",
        "Name of a gridded library made from one star formation history of yours, used in place of SFH; the "
        "grid then has no tau.",
    )
    dust_law: str = key(
        "calzetti",
        "Stellar populations and dust",
        "Attenuation law: Calzetti (2000); the Milky Way's (Cardelli 1989) as FAST++ computes it (`mw`) or as "
        "published (`ccm89`); Noll (2009) with E_B and DELTA, as FAST computes it (`noll`) or as published "
        "(`noll09`); Kriek & Conroy (2013), which is `noll` with E_B=1 and DELTA=-0.1.",
        choices=("calzetti", "mw", "ccm89", "noll", "noll09", "kc"),
    )
    e_b: float = key(
        1.0,
        "Stellar populations and dust",
        "Strength of the 2175 A bump, for DUST_LAW noll and noll09.",
        ge=-1000,
        le=1000,
    )
    delta: float = key(
        -0.2,
        "Stellar populations and dust",
        "Change of the slope of the attenuation curve, for noll and noll09.",
        ge=-100,
        le=100,
    )
    differential_a_v: bool = key(
        False,
        "Stellar populations and dust",
        "Attenuate young stars by A_V + A_V_BC and the others by A_V (Charlot & Fall 2000). Needs "
        "CUSTOM_SFH.",
    )
    log_bc_age_max: float = key(
        7.0,
        "Stellar populations and dust",
        "Age up to which stars live in their birth cloud, for DIFFERENTIAL_A_V.",
        unit="log10 yr",
        ge=-30,
        le=20,
    )
    no_igm: bool = key(
        False, "Stellar populations and dust", "Do not absorb the models by the intergalactic medium."
    )
    igm: str = key(
        "madau95",
        "Stellar populations and dust",
        "Absorption by the intergalactic medium: Madau (1995) as in FAST, or Inoue et al. (2014). fastsed "
        "only.",
        choices=("madau95", "inoue14"),
    )
    lambda_ion: float = key(
        912.0,
        "Stellar populations and dust",
        "Wavelength below which light counts as ionising, for the output column `llion`.",
        unit="A",
        gt=0,
    )

    # The grid.
    log_tau_min: float = key(
        6.5, "Grid of models", "Smallest star formation timescale tau.", unit="log10 yr", ge=-30, le=30
    )
    log_tau_max: float = key(10.5, "Grid of models", "Largest tau.", unit="log10 yr", ge=-30, le=30)
    log_tau_step: float = key(0.5, "Grid of models", "Step of log10(tau).", unit="dex")
    log_age_min: float = key(
        6.3,
        "Grid of models",
        "Smallest age, the time since stars began to form.",
        unit="log10 yr",
        ge=-30,
        le=20,
    )
    log_age_max: float = key(10.3, "Grid of models", "Largest age.", unit="log10 yr", ge=-30, le=20)
    log_age_step: float = key(0.5, "Grid of models", "Step of log10(age).", unit="dex")
    no_max_age: bool = key(False, "Grid of models", "Also fit models that are older than the Universe.")
    z_min: float = key(0.001, "Grid of models", "Smallest redshift.", gt=0)
    z_max: float = key(9.0, "Grid of models", "Largest redshift.", gt=0)
    z_step: float = key(
        0.02,
        "Grid of models",
        "Step in redshift, or in log10(1+z) (see Z_STEP_TYPE). 0: the single redshift Z_MIN.",
    )
    z_step_type: int = key(
        0, "Grid of models", "What Z_STEP is a step of: z (0) or log10(1+z) (1).", choices=(0, 1)
    )
    a_v_min: float = key(0.0, "Grid of models", "Smallest attenuation A_V.", unit="mag", ge=0, le=100)
    a_v_max: float = key(3.0, "Grid of models", "Largest A_V.", unit="mag", ge=0, le=100)
    a_v_step: float = key(0.1, "Grid of models", "Step of A_V.", unit="mag")
    a_v_bc_min: float = key(
        0.0,
        "Grid of models",
        "Smallest additional A_V of birth clouds (DIFFERENTIAL_A_V).",
        unit="mag",
        ge=0,
        le=100,
    )
    a_v_bc_max: float = key(
        0.0, "Grid of models", "Largest additional A_V of birth clouds.", unit="mag", ge=0, le=100
    )
    a_v_bc_step: float = key(0.1, "Grid of models", "Step of the additional A_V of birth clouds.", unit="mag")
    metal: tuple[float, ...] = key(
        (),
        "Grid of models",
        "Metallicities, as mass fractions; each needs its library. The solar value is about 0.02.",
        default_text="[0.02], or [0.019] for the library co11",
        gt=0,
        lt=1,
    )
    grid_exclude: str = key(
        "",
        "Grid of models",
        "Formula of the names of the grid's axes: models for which it is not 0 are left out.",
    )
    h0: float = key(70.0, "Grid of models", "Hubble constant.", unit="km/s/Mpc", ge=1e-3, le=1e4)
    omega_m: float = key(0.3, "Grid of models", "Matter density today.", ge=0, le=100)
    omega_l: float = key(0.7, "Grid of models", "Dark energy density today.", ge=0, le=100)

    custom_sfh: str = key(
        "",
        "Star formation histories of your own",
        "Formula of the star formation rate as a function of `t` (yr since the first stars, but see "
        "CUSTOM_SFH_LOOKBACK), `lage` and the CUSTOM_PARAMS. Replaces SFH and its tau. Needs the library's "
        "SSPs.",
    )
    custom_params: tuple[str, ...] = key(
        (),
        "Star formation histories of your own",
        "Names of the free parameters of CUSTOM_SFH. Each needs its own keys `<NAME>_MIN`, `<NAME>_MAX` and "
        "`<NAME>_STEP`.",
    )
    custom_sfh_step: float = key(
        1.0,
        "Star formation histories of your own",
        "Time step on which CUSTOM_SFH is evaluated.",
        unit="Myr",
        gt=0,
        le=1e5,
    )
    custom_sfh_lookback: bool = key(
        False,
        "Star formation histories of your own",
        "`t` counts backwards in time from the moment of observation.",
    )

    # The fit.
    n_sim: int = key(
        0,
        "Uncertainties",
        "Number of Monte Carlo simulations of each source, for confidence intervals. 0: no intervals.",
        ge=0,
        le=MAX_SIMULATIONS,
    )
    c_interval: tuple[float, ...] = key(
        (68.0,),
        "Uncertainties",
        "Confidence intervals to print. With a `.zout` file only 68, 95 and 99 are allowed.",
        unit="%",
        gt=0,
        lt=100,
    )
    seed: int = key(
        42,
        "Uncertainties",
        "Seed of the random numbers of the simulations: the same seed gives the same answer. fastsed only.",
        ge=0,
        le=2**32 - 1,
    )
    best_from_sim: bool = key(
        False, "Uncertainties", "Give the median of the simulations as the best fit. Needs N_SIM > 0."
    )
    interval_from_chi2: bool = key(
        False,
        "Uncertainties",
        "Take the confidence intervals from the models whose chi2 is close enough to the best (Avni 1976), "
        "not from simulations. Raises SAVE_BESTCHI if needed.",
    )

    # What comes out.
    output_dir: str = key(
        "", "Output", "Folder for the results; made if needed. Empty: the working directory.", is_path=True
    )
    output_file: str = key(
        "",
        "Output",
        "Name of the output catalogue, without its `.fout`. A folder before the name is one below OUTPUT_DIR, for "
        "all results.",
        default_text="the value of CATALOG",
        is_path=True,
    )
    output_columns: tuple[str, ...] = key(
        (),
        "Output",
        "Columns of the output catalogue, in order. An empty list stands for FAST's own columns.",
    )
    output_precision: float = key(
        0.0,
        "Output",
        "Round the printed values to this power of ten. 0: 1e-4 for redshift and metallicity, 1e-2 for the "
        "rest.",
        ge=0,
        lt=1,
    )
    best_fit: bool = key(
        False, "Output", "Write the best-fit spectrum of each source, in the folder `best_fits`."
    )
    intrinsic_best_fit: bool = key(
        False, "Output", "With BEST_FIT: add the spectrum before attenuation by dust, as a column."
    )
    lsf_best_fit: bool = key(
        False,
        "Output",
        "With BEST_FIT and SPEC_LSF_FILE: add the spectrum as the spectrograph sees it, as a column.",
    )
    save_chi_grid: bool = key(
        False,
        "Output",
        "Write chi2 and properties of all models for all sources, in `chi2.grid`. Can be huge.",
    )
    save_bestchi: float = key(
        0.0,
        "Output",
        "Write, for each source, the models with chi2 - best chi2 below this value, in the folder "
        "`best_chi2`. 1 gives the 68% interval of one parameter, 2.71 the 90% one. 0: do not.",
        ge=0,
    )
    save_sim: bool = key(
        False, "Output", "Write the best fit of every simulation, as FITS tables in the folder `best_fits`."
    )
    grid_strings: str = key(
        "null",
        "Output",
        "How names are stored in the binary grid files: ended by a null byte, as FAST++ documents it, or "
        "after a byte with their length, as FAST++ 1.5 writes it. Both can be read. fastsed only.",
        choices=("null", "counted"),
    )
    make_seds: str = key(
        "",
        "Output",
        "Do not fit, but write the spectra of the models listed in this file, one `id modelID scale` per "
        "line.",
        is_path=True,
    )
    sfr_avg: float = key(
        0.0,
        "Output",
        "Average the star formation rate over this last stretch of time. 0: instantaneous.",
        unit="Myr",
        ge=0,
        le=1e6,
    )
    best_sfhs: bool = key(
        False, "Output", "Write the best-fit star formation history of each source, in `best_fits`."
    )
    sfh_output: str = key(
        "sfr",
        "Output",
        "What BEST_SFHS writes: the star formation rate, or the stellar mass at each time.",
        choices=("sfr", "mass"),
    )
    sfh_output_step: float = key(10.0, "Output", "Time step of BEST_SFHS.", unit="Myr", gt=0, le=1e5)
    sfh_quantities: tuple[str, ...] = key(
        (),
        "Output",
        "Quantities to compute on each star formation history: `tsf` (shortest time in which 68% of the "
        "stars formed), `past_sfr` (mean rate during that time), `sfrX` (mean rate of the last X Myr), "
        "`brateX` (sfrX/past_sfr), `tquenchX` (time since the rate fell below past_sfr/X), `tformX` (time "
        "since X% of the stars had formed).",
    )
    rest_mag: tuple[int, ...] = key(
        (),
        "Output",
        "Numbers of the filters in which to give absolute AB magnitudes, as columns `M<n>`.",
        ge=1,
    )
    continuum_indices: str = key(
        "",
        "Output",
        "File that defines spectral indices (line strengths, D4000, ...) to compute. Empty: none.",
        is_path=True,
    )

    # The machine.
    parallel: str = key(
        "none",
        "Machine",
        "FAST++'s way to divide the work. fastsed divides it by itself; written in the file, `none` asks "
        "for a single thread, and the other words for N_THREAD threads.",
        choices=("none", "sources", "models", "generators"),
        default_text="all cores are used",
    )
    n_thread: int = key(
        0, "Machine", "Number of threads. 0: OMP_NUM_THREADS if it is set, else all cores.", ge=0, le=1024
    )
    max_queued_fits: int = key(
        1000,
        "Machine",
        "FAST++'s limit on memory: if it is set, the largest number of models that are built and fitted "
        "together. 0: no limit. Without it, fastsed chooses a number that suits the processor's cache.",
        ge=0,
    )
    no_cache: bool = key(
        False,
        "Machine",
        "Neither read nor write a cache of model fluxes (`fastsed-models-*.cache` in OUTPUT_DIR).",
    )
    verbose: bool = key(
        True, "Machine", "Say on the terminal what goes on. 0: nothing but errors and the number of warnings."
    )
    debug: bool = key(False, "Machine", "Say more, for those who look for a fault.")

    custom_ranges: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    path: str = ""
    explicit: frozenset[str] = frozenset()

    def n_threads(self) -> int:
        """Threads to use: 1 where the user wrote PARALLEL='none', else N_THREAD, else what there is.

        Fewer where so many cannot be started.
        """
        if self.parallel == "none" and "parallel" in self.explicit:
            return 1
        return usable_threads(self.n_thread or available_threads())


def key_fields() -> dict[str, Field[Any]]:
    """The table of keys: lower-case name -> dataclass field, in the order of the documentation."""
    return {row.name: row for row in fields(Params) if "doc" in row.metadata}


def chi2_threshold(percent: float) -> float:
    """Rise of chi2 that encloses `percent` of the probability of one parameter: erf(sqrt(D/2)) = percent/100.

    Avni (1976); 1.0 for 68.27, 2.71 for 90.
    """
    return NormalDist().inv_cdf((100 - percent) / 200) ** 2


# ----------------------------------------------------------------------------------------------------------
# Reading


@dataclass(frozen=True)
class _Entry:
    """A `key = value` and where it was written."""

    name: str
    value: str
    path: str
    line: int | None

    def error(self, message: str) -> InputError:
        return InputError(message, self.path, self.line)


def read_params(path: str | os.PathLike[str] | None, overrides: Sequence[str] = ()) -> Params:
    """Read and check a parameter file.

    Parameters
    ----------
    path : path-like or None
        The file; None for defaults and overrides only.
    overrides : sequence of str
        `KEY=value`, each taking precedence over the file.

    Returns
    -------
    Params

    Raises
    ------
    InputError
        Where a line, a value or a combination of values is wrong; it names file, line, key and value.
    """
    entries = _last_of_each(_file_entries(path)) if path is not None else {}
    entries.update({entry.name: entry for entry in map(_override_entry, overrides)})

    params = Params(path="" if path is None else os.fspath(path))
    types = get_type_hints(Params)
    keys = key_fields()
    for entry in entries.values():
        if entry.name in keys:
            setattr(params, entry.name, _parse(entry, keys[entry.name], types[entry.name]))
    params.explicit = frozenset(name for name in entries if name in keys)

    _fill_defaults(params)
    _read_custom_ranges(params, entries)
    _warn_of_unknown(params, entries)
    _check(params, entries)
    _correct(params)
    return params


def _file_entries(path: str | os.PathLike[str]) -> Iterator[_Entry]:
    name = os.fspath(path)
    try:
        data = read_bytes(name)
    except InputError as error:
        raise InputError(f"the parameter file {error.message}", name) from None
    for number, raw in enumerate(data.splitlines(), start=1):
        # Paths may hold bytes that are not UTF-8: surrogateescape hands them back to the system unchanged.
        content = _without_comment(raw.decode("utf-8", "surrogateescape")).strip()
        if not content:
            continue
        if "=" not in content:
            raise InputError(
                f"expected 'KEY = value', found '{_shortened(content)}'{_guess(content)}", name, number
            )
        yield _entry(content, name, number)


def _shortened(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[:most] + "..."


def _guess(line: str) -> str:
    """What a file may be of which a line has no `=`."""
    if line.count(",") > 1:
        return "; this looks like a table of comma-separated values (CSV), not like a parameter file"
    numbers = [parse_number(word) for word in line.split()]
    if (len(numbers) > 2 and None not in numbers[1:]) or "id" in line.lower().split():
        return "; this looks like a catalogue, not like a parameter file"
    return ""


def _override_entry(text: str) -> _Entry:
    if "=" not in text:
        raise InputError(f"expected KEY=value, found '{text}'", COMMAND_LINE)
    return _entry(text, COMMAND_LINE, None)


def _entry(content: str, path: str, line: int | None) -> _Entry:
    name, value = content.split("=", 1)
    lower = name.strip().lower()
    if not lower:
        raise InputError(f"no key before the '=' in '{content}'", path, line)
    return _Entry(_ALIASES.get(lower, lower), value.strip(), path, line)


def _last_of_each(entries: Iterator[_Entry]) -> dict[str, _Entry]:
    last: dict[str, _Entry] = {}
    for entry in entries:
        if entry.name in last:
            first = last.pop(entry.name).line
            log.warning(
                "%s:%s: %s was already set in line %s; this line counts",
                entry.path,
                entry.line,
                entry.name.upper(),
                first,
            )
        last[entry.name] = entry
    return last


def _without_comment(line: str) -> str:
    """The line up to the first `#` that is not within quotes."""
    if "#" not in line:
        return line
    quote, previous = "", "="
    for position, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and previous in "=[, \t":
            quote = character
        elif character == "#":
            return line[:position]
        previous = character
    # A quote that is never closed protects nothing.
    return line.partition("#")[0] if quote else line


def _parse(entry: _Entry, row: Field[Any], kind: Any) -> Any:
    """The value of an entry in the type of its key."""
    arguments = getattr(kind, "__args__", None)
    if arguments:
        return _parse_list(entry, row, arguments[0])
    text = _unquoted(entry.value)
    if text == "" and row.metadata["choices"]:
        return row.default
    if row.metadata["is_path"]:
        return _path(entry, text)
    value = _scalar(entry, text, kind, row.metadata["choices"])
    _check_value(entry, row, value)
    return value


def _path(entry: _Entry, text: str) -> str:
    """A path as the system takes it, with `~` and variables replaced."""
    try:
        return for_system(expanded(text))
    except InputError as error:
        raise entry.error(f"{entry.name.upper()}: {error.message}") from None


def _parse_list(entry: _Entry, row: Field[Any], kind: type) -> tuple[Any, ...]:
    text = entry.value
    if not text:
        return tuple(getattr(Params, row.name))
    if text.startswith("[") != text.endswith("]"):
        raise entry.error(f"{entry.name.upper()} = {text}: a list is written [a, b, c], on one line")
    items = [item.strip() for item in text.strip("[]").split(",")]
    if items[-1] == "":
        items.pop()
    values = tuple(_scalar(entry, _unquoted(item), kind, ()) for item in items)
    for value in values:
        _check_value(entry, row, value)
    return values


def _unquoted(text: str) -> str:
    start = 1 if text and text[0] in _QUOTES else 0
    stop = -1 if len(text) > start and text[-1] in _QUOTES else None
    return text[start:stop]


def _scalar(entry: _Entry, text: str, kind: type, choices: tuple[Any, ...]) -> Any:
    try:
        value = _CONVERT[kind](text)
    except (ValueError, KeyError):
        raise entry.error(f"{entry.name.upper()} = {entry.value}: expected {_EXPECTED[kind]}") from None
    if kind is str and choices:
        return {choice.lower(): choice for choice in choices}.get(value.strip().lower(), value)
    return value


def _integer(text: str) -> int:
    value = _number(text)
    if not value.is_integer():
        raise ValueError(text)
    return int(value)


def _number(text: str) -> float:
    value = parse_number(text.strip())
    if value is None or not math.isfinite(value):
        raise ValueError(text)
    return value


_WORDS = {"false": False, "no": False, "off": False, "f": False, "n": False}
_WORDS |= {"true": True, "yes": True, "on": True, "t": True, "y": True}


def parse_flag(text: str) -> bool:
    """A yes or no: 0 or 1 in any form of a number, or a word for it, as Fortran writes it too (.true.).

    Raises
    ------
    ValueError
        For anything else.
    """
    word = text.strip().strip(".").lower()
    if word in _WORDS:
        return _WORDS[word]
    number = parse_number(text.strip())
    if number not in (0.0, 1.0):
        raise ValueError(text)
    return number == 1.0


_CONVERT: dict[type, Callable[[str], Any]] = {
    bool: parse_flag,
    int: _integer,
    float: _number,
    str: str,
}
_EXPECTED = {bool: "0 or 1", int: "a whole number", float: "a number"}


def _check_value(entry: _Entry, row: Field[Any], value: Any) -> None:
    """Check one value against the choices and limits of its key."""
    choices = row.metadata["choices"]
    if choices and value not in choices:
        raise entry.error(
            f"{entry.name.upper()} = {entry.value}: must be one of {', '.join(map(str, choices))}"
        )
    within = {">=": value.__ge__, ">": value.__gt__, "<=": value.__le__, "<": value.__lt__}
    for sign, limit in row.metadata["limits"].items():
        if not within[sign](type(value)(limit)):
            raise entry.error(f"{entry.name.upper()} = {entry.value}: must be {sign} {limit:.10g}")


# ----------------------------------------------------------------------------------------------------------
# What depends on several keys


def _fill_defaults(params: Params) -> None:
    """Defaults that follow from other keys."""
    params.filters_res = params.filters_res or str(share_dir() / "FILTER.RES.latest")
    params.name_zphot = params.name_zphot or "z_phot"
    _split_output_file(params)
    params.metal = params.metal or ((0.019,) if params.library == "co11" else (0.02,))


def _split_output_file(params: Params) -> None:
    """Hand a folder in OUTPUT_FILE to OUTPUT_DIR; without a name the results have that of the catalogue."""
    folder, name = os.path.split(params.output_file)
    params.output_dir = os.path.join(params.output_dir, folder) if folder else params.output_dir
    params.output_file = name or params.catalog


def _read_custom_ranges(params: Params, entries: dict[str, _Entry]) -> None:
    """Find MIN, MAX and STEP of each of CUSTOM_PARAMS."""
    if not params.custom_sfh:
        params.custom_params = ()
        return
    declared = entries.get("custom_params")
    for name in params.custom_params:
        assert declared is not None  # the list is empty by default
        lower = name.lower()
        _check_custom_name(declared, name, lower in params.custom_ranges)
        missing = [
            f"{name.upper()}_{end}"
            for end in ("MIN", "MAX", "STEP")
            if f"{lower}_{end.lower()}" not in entries
        ]
        if lower == "log_tau":
            params.custom_ranges[lower] = (params.log_tau_min, params.log_tau_max, params.log_tau_step)
        elif missing:
            raise declared.error(f"the custom parameter '{name}' has no {', '.join(missing)}")
        else:
            low, high, step = (_custom_number(entries[f"{lower}_{end}"]) for end in ("min", "max", "step"))
            params.custom_ranges[lower] = (low, high, step)


def _check_custom_name(declared: _Entry, name: str, repeated: bool) -> None:
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise declared.error(f"CUSTOM_PARAMS: '{name}' is not a name (letters, digits and _ only)")
    if repeated:
        raise declared.error(f"CUSTOM_PARAMS: '{name}' appears twice")
    if name.lower() in _RESERVED_NAMES or (name.lower() in _AXES and name.lower() != "log_tau"):
        raise declared.error(f"CUSTOM_PARAMS: the name '{name}' has a meaning of its own; choose another one")


def _custom_number(entry: _Entry) -> float:
    return float(_scalar(entry, _unquoted(entry.value), float, ()))


def _warn_of_unknown(params: Params, entries: dict[str, _Entry]) -> None:
    custom = {
        f"{name.lower()}_{end}"
        for name in _declared_params(params, entries)
        for end in ("min", "max", "step")
    }
    for entry in entries.values():
        if entry.name not in key_fields() and entry.name not in custom:
            where = entry.path if entry.line is None else f"{entry.path}:{entry.line}"
            log.warning("%s: unknown key %s is ignored%s", where, entry.name.upper(), _suggestion(entry.name))


def _declared_params(params: Params, entries: dict[str, _Entry]) -> tuple[str, ...]:
    """CUSTOM_PARAMS as written, also where CUSTOM_SFH is empty."""
    if "custom_params" not in entries:
        return params.custom_params
    declared = _parse(entries["custom_params"], key_fields()["custom_params"], tuple[str, ...])
    return tuple(declared)


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), key_fields(), n=1)
    return f"; did you mean {near[0].upper()}?" if near else ""


def _check(params: Params, entries: dict[str, _Entry]) -> None:
    """Stop on combinations that make no sense."""

    def fault(name: str, message: str) -> InputError:
        entry = entries.get(name)
        return entry.error(message) if entry else InputError(message, params.path or None)

    for axis in _AXES:
        low, high, step = (getattr(params, f"{axis}_{end}") for end in ("min", "max", "step"))
        _check_axis(axis, low, high, step, fault)
    for axis, (low, high, step) in params.custom_ranges.items():
        _check_axis(axis, low, high, step, fault)
    if params.z_max > MAX_REDSHIFT:
        raise fault(
            "z_max", f"Z_MAX = {params.z_max:g}: must be <= {MAX_REDSHIFT}, since ages count from z = 1000"
        )
    if 0 < params.output_precision < FINEST_PRECISION:
        raise fault(
            "output_precision",
            f"OUTPUT_PRECISION = {params.output_precision:g}: finer than {FINEST_PRECISION:g}",
        )
    _check_times(params, fault)
    if params.differential_a_v and not params.custom_sfh:
        raise fault(
            "differential_a_v",
            "DIFFERENTIAL_A_V = 1 needs a CUSTOM_SFH: gridded libraries do not tell ages apart",
        )
    if params.best_from_sim and params.n_sim == 0:
        raise fault("best_from_sim", "BEST_FROM_SIM = 1 needs simulations: set N_SIM to 100 or so")
    for name in params.sfh_quantities:
        if not SFH_QUANTITY.fullmatch(name):
            known = "tsf, past_sfr, sfrX, brateX, tquenchX, tformX (X a number)"
            raise fault("sfh_quantities", f"SFH_QUANTITIES: unknown quantity '{name}'; known are {known}")


def _check_axis(
    axis: str, low: float, high: float, step: float, fault: Callable[[str, str], InputError]
) -> None:
    name = axis.upper()
    for end, value in (("min", low), ("max", high)):
        if abs(value) > SINGLE_MAX:
            raise fault(f"{axis}_{end}", f"{name}_{end.upper()} = {value:g} is beyond +-{SINGLE_MAX:.2g}")
    if low > high:
        raise fault(f"{axis}_min", f"{name}_MIN = {low:g} is above {name}_MAX = {high:g}")
    if step < 0:
        raise fault(f"{axis}_step", f"{name}_STEP = {step:g} must not be negative")
    if step == 0 and low < high and axis != "z":
        raise fault(
            f"{axis}_step", f"{name}_STEP = 0 cannot lead from {low:g} to {high:g}; set a positive step"
        )
    if step > 0 and low < high:
        # steps of log10(1+z) are fewer by far, and counted when they are taken
        _check_count(f"{axis}_step", high - low, step, MAX_AXIS_POINTS, fault)


def _check_count(
    key: str, length: float, step: float, limit: int, fault: Callable[[str, str], InputError]
) -> None:
    try:
        counted_points(key.upper(), length, step, limit)
    except InputError as error:
        raise fault(key, error.message) from None


def _check_times(params: Params, fault: Callable[[str, str], InputError]) -> None:
    """Star formation histories of too many steps, where any are sampled."""
    length = 10 ** min(params.log_age_max, math.log10(MYR_OF_UNIVERSE) + 6) / 1e6
    if params.no_max_age:
        length = 10**params.log_age_max / 1e6
    if params.custom_sfh or params.sfh_quantities:
        _check_count("custom_sfh_step", length, params.custom_sfh_step, MAX_TABLE_POINTS, fault)
    if params.best_sfhs:
        _check_count("sfh_output_step", MYR_OF_UNIVERSE, params.sfh_output_step, MAX_TABLE_POINTS, fault)


def _correct(params: Params) -> None:
    """Change, with a warning, what cannot be meant."""
    if not params.spectrum:
        params.auto_scale = False
    if not params.differential_a_v and (params.a_v_bc_min, params.a_v_bc_max) != (0.0, 0.0):
        log.warning("A_V_BC_MIN and A_V_BC_MAX are ignored: DIFFERENTIAL_A_V is 0")
        params.a_v_bc_min = params.a_v_bc_max = 0.0
    if params.best_at_zphot and params.force_zphot:
        log.info("BEST_AT_ZPHOT = 1 follows from FORCE_ZPHOT = 1: one of them is enough")
    if params.interval_from_chi2:
        _correct_for_chi2_intervals(params)
    if params.output_precision:
        power = float(f"1e{round(math.log10(params.output_precision))}")
        if not math.isclose(power, params.output_precision):
            log.warning(
                "OUTPUT_PRECISION = %g is not a power of ten: using %g", params.output_precision, power
            )
        params.output_precision = power


def _correct_for_chi2_intervals(params: Params) -> None:
    needed = max(map(chi2_threshold, params.c_interval), default=0.0)
    if params.save_bestchi < needed:
        if params.save_bestchi:
            log.warning(
                "SAVE_BESTCHI = %g is too small for INTERVAL_FROM_CHI2: using %.3f",
                params.save_bestchi,
                needed,
            )
        else:
            log.info("INTERVAL_FROM_CHI2 = 1 sets SAVE_BESTCHI to %.3f", needed)
        params.save_bestchi = needed
    if params.n_sim > 0 and not params.save_sim and not params.best_from_sim:
        log.warning("INTERVAL_FROM_CHI2 = 1 needs no simulations: setting N_SIM = 0")
        params.n_sim = 0


# ----------------------------------------------------------------------------------------------------------
# Documentation


def describe_key(name: str) -> str:
    """Describe one key in plain text.

    Raises
    ------
    UsageError
        For an unknown name; it suggests the nearest key.
    """
    lower = name.strip().lower()
    row = key_fields().get(_ALIASES.get(lower, lower))
    if row is None:
        raise UsageError(f"there is no key {name.upper()}{_suggestion(name)}")
    lines = [row.name.upper(), "", row.metadata["doc"], ""]
    lines += [f"  {title + ':':<9}{text}" for title, text in _facts(row).items() if text]
    return "\n".join(lines)


def parameters_markdown() -> str:
    """The page docs/parameters.md: all keys, grouped by section."""
    lines = [
        "# The parameter file",
        "",
        "<!-- Written by scripts/build_docs.py from fastsed/params.py: change it there. -->",
        "",
        "One `KEY = value` per line; keys may be in lower or upper case. What follows a `#` is a comment,",
        "unless it is within quotes. A list is written `[a, b, c]`; a single value also makes a list. Paths",
        "are relative to the folder in which the program is started, wherever the file is; `~` and environment",
        "variables (`$NAME`) in them are replaced. What is 0 or 1 may also be `no` or `yes`, `false` or `true`.",
        "Any key can be given on the command line too, as `KEY=value`, and `fastsed --help-param KEY` shows what",
        "is said of it here.",
    ]
    sections: dict[str, list[Field[Any]]] = {}
    for row in key_fields().values():
        sections.setdefault(row.metadata["section"], []).append(row)
    for section, rows in sections.items():
        lines += [
            "",
            f"## {section}",
            "",
            "| Key | Type | Default | Unit | Values | Meaning |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_markdown_row(row) for row in rows]
    lines += [
        "",
        "## Keys named after your own parameters",
        "",
        "Each name in CUSTOM_PARAMS has three keys: `<NAME>_MIN`, `<NAME>_MAX` and `<NAME>_STEP`, all of",
        "them required; `log_tau` takes those that exist already.",
        "",
    ]
    return "\n".join(lines)


def _facts(row: Field[Any]) -> dict[str, str]:
    """Type, default, unit and allowed values of a key, as text."""
    kind = str(row.type)
    limits = [f"{sign} {limit:.10g}" for sign, limit in row.metadata["limits"].items()]
    choices = " / ".join(map(str, row.metadata["choices"]))
    return {
        "Type": _TYPE_NAMES[kind],
        "Default": row.metadata["default_text"] or _as_written(row.default),
        "Unit": row.metadata["unit"],
        "Values": choices or " and ".join(limits),
    }


def _as_written(value: Any) -> str:
    """A value as it stands in a parameter file."""
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_as_written, value)) + "]"
    if isinstance(value, str):
        return f"'{value}'"
    return f"{value:g}"


def _markdown_row(row: Field[Any]) -> str:
    facts = _facts(row)
    cells = [f"`{row.name.upper()}`", *facts.values(), row.metadata["doc"]]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
