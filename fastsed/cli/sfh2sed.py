"""The command `fastsed-sfh2sed`: a tabulated star formation history and a library in; a spectrum out."""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from fastsed._version import __version__
from fastsed.arrays import Floats
from fastsed.cli.messages import run_command, start_logging
from fastsed.errors import InputError, UsageError
from fastsed.foreign import parse_foreign
from fastsed.params import parse_flag
from fastsed.paths import expanded
from fastsed.text import parse_number

log = logging.getLogger("fastsed.sfh2sed")


PROGRAM = "fastsed-sfh2sed"
YR_PER_MYR = 1e6
LONGEST_MYR = 1e5
"""Times above this, in Myr, tell that the table is in years."""
_SSP_SUFFIXES = (".ised_ASCII.fits", ".ised_ASCII")


def _number(text: str) -> float:
    value = parse_number(text)
    if value is None or not math.isfinite(value):
        raise ValueError
    return value


def _key(read: Callable[[str], Any], kind: str, doc: str, default: Any = MISSING) -> Any:
    return field(default=default, metadata={"read": read, "kind": kind, "doc": doc})


@dataclass(frozen=True)
class Options:
    """The table of keys: what each means, and its value."""

    sfh: str = _key(expanded, "a path", "table of two columns: time [Myr] and star formation rate [Msun/yr]")
    ssp: str = _key(
        expanded, "a path", "library of simple populations: .ised_ASCII, .ised_ASCII.fits or HDF5"
    )
    out: str = _key(
        expanded, "a path", "spectrum to write: wavelength [A] and Lsun/A or, with z, observed flux"
    )
    tobs: float | None = _key(
        _number, "a number", "time of observation [Myr], in the times of the table; not with lookback", None
    )
    metal: float | None = _key(
        _number, "a number", "metallicity to take from a library that holds several", None
    )
    av: float = _key(_number, "a number", "attenuation in V [mag], by the law of Calzetti et al. (2000)", 0.0)
    z: float | None = _key(_number, "a number", "redshift at which to observe", None)
    h0: float = _key(_number, "a number", "Hubble constant [km/s/Mpc]", 70.0)
    omega_m: float = _key(_number, "a number", "density of matter", 0.3)
    omega_l: float = _key(_number, "a number", "density of dark energy", 0.7)
    lookback: bool = _key(
        parse_flag, "0 or 1", "1: the times of the table count back from the observation", False
    )
    no_igm: bool = _key(parse_flag, "0 or 1", "1: leave out absorption by the intergalactic medium", False)
    unit_mass: bool = _key(parse_flag, "0 or 1", "1: scale to 1 Msun of stars formed", False)
    sfh_step: float = _key(
        _number,
        "a number",
        "accepted as in FAST++; the table is integrated exactly, whatever the step [Myr]",
        1.0,
    )


@dataclass(frozen=True)
class History:
    """A star formation history, linear between its samples.

    Attributes
    ----------
    lookback : (n,)
        Ascending times before the observation [yr], from 0.
    sfr : (n,)
        [Msun/yr].
    """

    lookback: Floats
    sfr: Floats


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit status comes back, as `run_command` says."""
    return run_command(PROGRAM, _run, argv)


def _run(argv: Sequence[str] | None) -> int:
    from fastsed.outputs.columnfile import write_columns
    from fastsed.outputs.preflight import check_output

    options = read_options(make_parser().parse_args(argv).arguments)
    start_logging(logging.INFO)
    check_output(options.out)
    lam, values = make_spectrum(options)
    unit = "Lsol Angstrom^-1" if options.z is None else "x 10^-19 ergs s^-1 cm^-2 Angstrom^-1"
    write_columns(options.out, f"wl fl ({unit})", [lam, values], sync=True)
    log.info("wrote %s", options.out)
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    lines = []
    for row in fields(Options):
        default = row.default
        left_out = default is MISSING or default is None
        shown = "" if left_out else f" (default: {int(default) if default in (0, 1) else default:g})"
        lines.append(f"  {row.name + '=':<11}{row.metadata['doc']}{shown}")
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} sfh=TABLE tobs=MYR ssp=LIBRARY out=FILE [KEY=VALUE ...]",
        description="Compute the spectrum of a galaxy from a tabulated star formation history.",
        epilog="keys, in any order and case:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("arguments", nargs="*", metavar="KEY=VALUE", help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def read_options(arguments: Sequence[str]) -> Options:
    """Read arguments `key=value`; a flag alone stands for `flag=1`.

    Raises
    ------
    UsageError
        For an unknown, repeated or missing key, or a value of the wrong kind.
    """
    rows = {row.name: row for row in fields(Options)}
    found: dict[str, Any] = {}
    for argument in arguments:
        written, equals, text = argument.partition("=")
        name = written.lower()
        if name not in rows:
            near = get_close_matches(name, rows, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise UsageError(f"unknown key '{written}': {hint}known are {', '.join(rows)}")
        if name in found:
            raise UsageError(f"{name} is given twice")
        row = rows[name]
        if not equals and row.metadata["read"] is parse_flag:
            text = "1"
        try:
            found[name] = row.metadata["read"](text)
        except (KeyError, ValueError):
            raise UsageError(f"{name}='{text}' is not {row.metadata['kind']}") from None
        if text == "":
            raise UsageError(f"{name} has no value: give {name}=VALUE")
    missing = [name for name, row in rows.items() if row.default is MISSING and name not in found]
    if "tobs" not in found and not found.get("lookback"):
        missing.append("tobs (or lookback=1)")
    if missing:
        raise UsageError(f"missing {', '.join(missing)}; try '{PROGRAM} --help'")
    return Options(**found)


def make_spectrum(options: Options) -> tuple[Floats, Floats]:
    """The spectrum that the options ask for.

    Returns
    -------
    lam, values : (nlam,)
        Rest wavelength [A] and luminosity [Lsun/A] or, with a redshift, observed wavelength and flux
        [1e-19 erg/s/cm2/A].

    Raises
    ------
    InputError
        For a file that cannot be read, or values that do not fit.
    """
    from fastsed.library.ssp import read_ssp
    from fastsed.models.attenuation import attenuation_curve, transmission
    from fastsed.models.cosmology import Cosmology
    from fastsed.models.igm import igm_transmission
    from fastsed.models.sfh import ssp_weights

    _check_values(options)
    history = read_history(Path(options.sfh), options.tobs, options.lookback)
    ssp = read_ssp(_library_path(Path(options.ssp)), options.metal)
    if history.lookback[-1] > ssp.ages[-1]:
        raise InputError(
            f"its first stars are {history.lookback[-1] / YR_PER_MYR:g} Myr old at the observation, but the "
            f"library {ssp.source} ends at {ssp.ages[-1] / YR_PER_MYR:g} Myr",
            options.sfh,
        )
    weights = ssp_weights(history.lookback, history.sfr[None], ssp.ages)[0]
    formed = float(weights.sum())
    if formed == 0:
        raise InputError("no stars form before the observation", options.sfh)
    log.info(
        "formed %.4g Msun, of which %.4g Msun live at the observation; then SFR = %.4g Msun/yr",
        formed,
        float(weights @ ssp.mass),
        float(history.sfr[0]),
    )
    if options.unit_mass:
        weights /= formed
    sed = (weights @ ssp.sed) * transmission(attenuation_curve("calzetti", ssp.lam), options.av)
    if options.z is None:
        return ssp.lam, sed
    flux = Cosmology(options.h0, options.omega_m, options.omega_l).luminosity_to_flux(options.z)
    igm = igm_transmission(ssp.lam, options.z, None if options.no_igm else "madau95")
    return ssp.lam * (1 + options.z), sed * flux * igm


def read_history(path: Path, tobs: float | None, lookback: bool) -> History:
    """Read a star formation history, as seen at the time of observation.

    Parameters
    ----------
    path : Path
        Text or FITS table of times [Myr] and star formation rates [Msun/yr]; in FITS, columns T and SFR.
    tobs : float or None
        Time of observation [Myr]; what the table has later is left out. Not used with `lookback`.
    lookback : bool
        Whether times count back from the observation.

    Raises
    ------
    InputError
        For a table that cannot be read, times that do not ascend from 0 or above or are no Myr, negative
        rates, or an observation outside the table.
    """
    t, sfr = _read_fits(path) if path.name.endswith(".fits") else _read_text(path)
    if len(t) < 2:
        raise InputError("has one row only: a history needs at least two times", path)
    if not (np.isfinite(t).all() and np.isfinite(sfr).all()):
        raise InputError("holds a time or star formation rate that is not finite", path)
    down = np.flatnonzero(np.diff(t) <= 0)
    if len(down):
        raise InputError(f"times must ascend, but {t[down[0] + 1]:g} follows {t[down[0]]:g}", path)
    if t[0] < 0:
        raise InputError(f"begins at the time {t[0]:g}: times must not be negative", path)
    if t[-1] > LONGEST_MYR:
        raise InputError(
            f"goes up to the time {t[-1]:g}: times must be in Myr, at most {LONGEST_MYR:g}", path
        )
    if (sfr < 0).any():
        raise InputError(f"holds a negative star formation rate, {sfr[sfr < 0][0]:g}", path)
    if lookback:
        if t[0] > 0:
            raise InputError(
                f"begins at the lookback time {t[0]:g}: with lookback=1 it must begin at 0", path
            )
        return History(t * YR_PER_MYR, sfr)
    assert tobs is not None
    if not t[0] < tobs <= t[-1]:
        raise InputError(
            f"covers the times {t[0]:g} to {t[-1]:g} Myr, but the observation is at tobs={tobs:g}", path
        )
    before = t < tobs
    times, rates = np.append(t[before], tobs), np.append(sfr[before], np.interp(tobs, t, sfr))
    return History((tobs - times[::-1]) * YR_PER_MYR, np.ascontiguousarray(rates[::-1]))


def _read_text(path: Path) -> tuple[Floats, Floats]:
    from fastsed.inputs.tables import read_number_columns

    t, sfr = read_number_columns(path, ["t", "sfr"])
    return t, sfr


def _read_fits(path: Path) -> tuple[Floats, Floats]:
    from astropy.io import fits

    def parse() -> tuple[Floats, Floats]:
        with fits.open(path) as hdus:
            t, sfr = (np.array(hdus[1].data[name], dtype=np.float64).ravel() for name in ("T", "SFR"))
        return t, sfr

    t, sfr = parse_foreign(parse, path, "a table with columns T and SFR")
    if len(t) != len(sfr):
        raise InputError(f"has {len(t)} times, but {len(sfr)} star formation rates", path)
    return t, sfr


def _library_path(path: Path) -> Path:
    """The library; FAST++ names it without the suffix."""
    for suffix in _SSP_SUFFIXES:
        candidate = path.with_name(path.name + suffix)
        if not path.exists() and candidate.exists():
            return candidate
    return path


def _check_values(options: Options) -> None:
    """Refuse numbers that mean nothing."""
    if options.av < 0:
        raise InputError(f"Av={options.av:g} is negative: dust takes light away")
    if options.z is not None and options.z <= 0:
        raise InputError(f"z={options.z:g} must be above 0; leave it out for the spectrum at rest")
    if options.sfh_step <= 0:
        raise InputError(f"sfh_step={options.sfh_step:g} must be above 0")
