"""The command `fastsed-sfh2sed`: a tabulated star formation history and a library in; a spectrum out."""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastsed._version import __version__
from fastsed.cli.messages import run_command, start_logging
from fastsed.errors import InputError, UsageError
from fastsed.params import parse_flag
from fastsed.paths import expanded
from fastsed.text import parse_number

if TYPE_CHECKING:
    from fastsed.models.history_spectrum import HistorySpectrum

log = logging.getLogger("fastsed.sfh2sed")


PROGRAM = "fastsed-sfh2sed"
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit status comes back, as `run_command` says."""
    return run_command(PROGRAM, _run, argv)


def _run(argv: Sequence[str] | None) -> int:
    from fastsed.outputs.columnfile import write_columns
    from fastsed.outputs.preflight import check_output

    options = read_options(make_parser().parse_args(argv).arguments)
    start_logging(logging.INFO)
    check_output(options.out)
    spectrum = make_spectrum(options)
    log.info(
        "formed %.4g Msun, of which %.4g Msun survive at the observation; then SFR = %.4g Msun/yr",
        spectrum.formed_mass,
        spectrum.surviving_mass,
        spectrum.sfr,
    )
    unit = "Lsol Angstrom^-1" if options.z is None else "x 10^-19 ergs s^-1 cm^-2 Angstrom^-1"
    write_columns(options.out, f"wl fl ({unit})", [spectrum.wavelength, spectrum.flux], sync=True)
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
    result: dict[str, Any] = {}
    for argument in arguments:
        written, equals, text = argument.partition("=")
        name = written.lower()
        if name not in rows:
            near = get_close_matches(name, rows, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise UsageError(f"unknown key '{written}': {hint}known are {', '.join(rows)}")
        if name in result:
            raise UsageError(f"{name} is given twice")
        row = rows[name]
        if not equals and row.metadata["read"] is parse_flag:
            text = "1"
        try:
            result[name] = row.metadata["read"](text)
        except (KeyError, ValueError):
            raise UsageError(f"{name}='{text}' is not {row.metadata['kind']}") from None
        if text == "":
            raise UsageError(f"{name} has no value: give {name}=VALUE")
    missing = [name for name, row in rows.items() if row.default is MISSING and name not in result]
    if "tobs" not in result and not result.get("lookback"):
        missing.append("tobs (or lookback=1)")
    if missing:
        raise UsageError(f"missing {', '.join(missing)}; try '{PROGRAM} --help'")
    return Options(**result)


def make_spectrum(options: Options) -> HistorySpectrum:
    """The spectrum that the options ask for.

    Raises
    ------
    InputError
        For a file that cannot be read, or values that do not fit.
    """
    from fastsed.inputs.history_table import read_history
    from fastsed.library.ssp import read_ssp
    from fastsed.models.cosmology import Cosmology
    from fastsed.models.history_spectrum import check_values, history_spectrum

    check_values(options.av, options.z)
    if options.sfh_step <= 0:
        raise InputError(f"sfh_step={options.sfh_step:g} must be above 0")
    history = read_history(options.sfh, None if options.lookback else options.tobs)
    return history_spectrum(
        history,
        read_ssp(_library_path(Path(options.ssp)), options.metal),
        av=options.av,
        z=options.z,
        cosmology=Cosmology(options.h0, options.omega_m, options.omega_l),
        igm=None if options.no_igm else "madau95",
        unit_mass=options.unit_mass,
    )


def _library_path(path: Path) -> Path:
    """The library; FAST++ names it without the suffix."""
    for suffix in _SSP_SUFFIXES:
        candidate = path.with_name(path.name + suffix)
        if not path.exists() and candidate.exists():
            return candidate
    return path
