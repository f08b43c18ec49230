"""Where a stellar library is: its names from the parameter file in, the path of the file out."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from os import PathLike
from pathlib import Path

from fastsed.errors import InputError
from fastsed.library.hdf5 import SUFFIXES, Contents, ForeignError, describe_hdf5
from fastsed.library.ised import gridded_name, metallicity_of_name
from fastsed.library.ssp import ssp_name
from fastsed.paths import share_dir, user_data_dir

log = logging.getLogger(__name__)

DEFAULT_LIBRARY, DEFAULT_RESOLUTION, DEFAULT_IMF = "bc03", "lr", "kr"
HOW_TO_INSTALL = (
    "`fastsed-library list` shows every library; `fastsed-library install bc03` installs all metallicities "
    "of bc03 (RESOLUTION='hr', IMF='kr'); `fastsed-library convert` takes your own files; or set LIBRARY_DIR"
)
GRIDDED_PATTERN = re.compile(
    r"(?P<library>.+)_(?P<resolution>[^_]+)_(?P<imf>[^_]+)_z(?P<metal>\d+)_ltau(?P<tau>[\d.]+)\.ised"
)
SSP_PATTERN = re.compile(
    r"(?P<library>.+)_(?P<resolution>[^_]+)_(?P<imf>[^_]+)_z(?P<metal>\d+)\.ised_ASCII(\.fits)?"
)


@dataclass
class Family:
    """The populations of one library, resolution, IMF and star formation history in one place.

    Attributes
    ----------
    library, resolution, imf : str
    kind : {"ssp", "gridded"}
    sfh : str
        Empty for simple populations.
    folder : Path
    files : list of Path
    metallicities, log_tau : list of float
        Ascending; `log_tau` is empty for simple populations.
    origin : str
    """

    library: str
    resolution: str
    imf: str
    kind: str
    sfh: str
    folder: Path
    files: list[Path] = field(default_factory=list)
    metallicities: list[float] = field(default_factory=list)
    log_tau: list[float] = field(default_factory=list)
    origin: str = ""

    @property
    def name(self) -> str:
        """For instance ``bc03_lr_kr`` or ``bc03_lr_ch_del``."""
        return "_".join(part for part in (self.library, self.resolution, self.imf, self.sfh) if part)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self.files)


def with_defaults(library: str, resolution: str, imf: str) -> tuple[str, str, str]:
    """Fill the names left empty with those of the shipped library, bc03 / lr / kr."""
    return library or DEFAULT_LIBRARY, resolution or DEFAULT_RESOLUTION, imf or DEFAULT_IMF


def search_folders(library_dir: str | PathLike[str] | None) -> list[Path]:
    """Folders searched, in order: LIBRARY_DIR, the user's installed libraries, the shipped ones."""
    folders = [Path(library_dir)] if library_dir else []
    for folder in (user_data_dir() / "libraries", share_dir() / "libraries"):
        if not any(_same_place(folder, known) for known in folders):
            folders.append(folder)
    return folders


def find_gridded(
    library_dir: str | PathLike[str] | None,
    library: str,
    resolution: str,
    imf: str,
    sfh: str,
    metal: float,
    ltau: float,
) -> Path | None:
    """Find a pre-gridded population.

    Parameters
    ----------
    library_dir : path-like or None
        LIBRARY_DIR of the parameter file.
    library, resolution, imf : str
        Empty ones stand for bc03, lr, kr.
    sfh : str
        "exp", "del", "tru", or the name of another family of files.
    metal, ltau : float
        Mass fraction of metals; log10 tau [yr].

    Returns
    -------
    Path or None
        A ``.ised`` file ``ised_<SFH>.<RESOLUTION>/<name>``, or an HDF5 library that holds it, to be read with
        ``read_library(path, metal, ltau)``. None: build it from simple populations (`csp.csp_weights`).
    """
    names = with_defaults(library, resolution, imf)
    for folder in search_folders(library_dir):
        path = folder / f"ised_{sfh}.{names[1]}" / gridded_name(*names, metal, ltau)
        if path.is_file():
            return path
        for contents in _matching(folder, f"ised_{sfh}.{names[1]}", names, "gridded", sfh):
            if contents.row(metal, ltau) is not None:
                return contents.path
    return None


def find_own(
    library_dir: str | PathLike[str] | None,
    library: str,
    resolution: str,
    imf: str,
    my_sfh: str,
    metal: float,
) -> Path:
    """Find the gridded library of one star formation history of the user's own (MY_SFH).

    It is ``ised_<MY_SFH>.<RESOLUTION>/<LIBRARY>_<RESOLUTION>_<IMF>_z<metal>.ised`` in one of the search folders: the
    name of FAST's libraries without tau. MY_SFH may also be the path of a file, for all metallicities.

    Raises
    ------
    InputError
        That says where it looked.
    """
    names = with_defaults(library, resolution, imf)
    name = ssp_name(*names, metal).removesuffix("_ASCII")
    looked = [folder / f"ised_{my_sfh}.{names[1]}" / name for folder in search_folders(library_dir)]
    looked += [Path(my_sfh)] if Path(my_sfh).suffix else []
    for path in looked:
        if path.is_file():
            return path
    tried = "; ".join(str(path) for path in looked)
    raise InputError(
        f"MY_SFH = '{my_sfh}': no library of this history for metallicity {metal:g}. Looked for {tried}"
    )


def find_ssp(
    library_dir: str | PathLike[str] | None, library: str, resolution: str, imf: str, metal: float
) -> tuple[Path, float] | None:
    """Find a simple stellar population.

    Parameters
    ----------
    library_dir : path-like or None
        LIBRARY_DIR of the parameter file.
    library, resolution, imf : str
        Empty ones stand for bc03, lr, kr.
    metal : float
        Mass fraction of metals.

    Returns
    -------
    (Path, float) or None
        To be read with ``read_ssp(path, metal)``.
    """
    names = with_defaults(library, resolution, imf)
    for folder in search_folders(library_dir):
        text = folder / f"ssp.{names[1]}" / ssp_name(*names, metal)
        for path in (text.with_name(text.name + ".fits"), text):
            if path.is_file():
                return path, metal
        for contents in _matching(folder, f"ssp.{names[1]}", names, "ssp", ""):
            row = contents.row(metal)
            if row is not None:
                return contents.path, float(contents.metallicities[row])
    return None


def missing_library(
    library_dir: str | PathLike[str] | None,
    library: str,
    resolution: str,
    imf: str,
    metal: float,
    sfh: str = "",
    ltau: float | None = None,
) -> InputError:
    """The error to raise where nothing was found: where it was sought, what there is, how to get more.

    Parameters
    ----------
    library_dir, library, resolution, imf, metal
        As for `find_ssp`.
    sfh, ltau
        As for `find_gridded`, where a pre-gridded population was sought.
    """
    names = with_defaults(library, resolution, imf)
    damaged = _damaged(library_dir, names)
    if damaged is not None:
        return damaged
    what = "_".join(names) + f", metallicity {metal:g}"
    if sfh:
        what += f", SFH {sfh}" + ("" if ltau is None else f", log tau {ltau:g}")
    families = list_libraries(library_dir)
    same = [one for one in families if _equal_names((one.library, one.resolution, one.imf), names)]
    metals = sorted({z for one in same for z in one.metallicities}, key=lambda z: abs(z - metal))
    lines = [f"no stellar library for {what}"]
    lines.append("looked in " + ", ".join(str(folder) for folder in search_folders(library_dir)))
    if metals:
        held = ", ".join(f"{z:g}" for z in sorted(metals))
        lines.append(f"{'_'.join(names)} has metallicities {held} (nearest: {metals[0]:g})")
    lines.append("there is " + (", ".join(sorted({one.name for one in families})) or "no library at all"))
    lines.append(HOW_TO_INSTALL)
    return InputError("; ".join(lines))


def list_libraries(library_dir: str | PathLike[str] | None = None) -> list[Family]:
    """Every library in the folders searched, in order of precedence.

    Parameters
    ----------
    library_dir : path-like, optional
        One more folder to look in, first.

    Returns
    -------
    list of Family
    """
    families: list[Family] = []
    for folder in search_folders(library_dir):
        families += _fast_families(folder)
        families += [_family(contents) for contents in _hdf5_below(folder)]
    return families


def _same_place(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _equal_names(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return [part.lower() for part in one] == [part.lower() for part in other]


def _matching(
    folder: Path, subfolder: str, names: tuple[str, str, str], kind: str, sfh: str
) -> Iterator[Contents]:
    """HDF5 libraries of these names, those whose file name says so first."""
    prefix = "_".join(names).lower()
    paths = [*_hdf5_files(folder / subfolder), *_hdf5_files(folder)]
    for path in sorted(paths, key=lambda path: not path.name.lower().startswith(prefix)):
        contents = _describe(path)
        if contents is None or contents.kind != kind or not _equal_names(_names_of(contents), names):
            continue
        if kind == "ssp" or contents.attributes.get("SFH", "") == sfh:
            yield contents


def _hdf5_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.name.endswith(SUFFIXES) and not path.name.startswith(".")
    )


def _hdf5_paths_below(folder: Path) -> list[Path]:
    """HDF5 files in a folder and in its FAST-style subfolders."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return [path for directory in (folder, *inside) for path in _hdf5_files(directory)]


def _hdf5_below(folder: Path) -> Iterator[Contents]:
    """Of all libraries in a folder and in its FAST-style subfolders."""
    for path in _hdf5_paths_below(folder):
        contents = _describe(path)
        if contents is not None:
            yield contents


def _describe(path: Path) -> Contents | None:
    """None, and a note or a warning, for an HDF5 file that is no library, or damaged: a neighbour of the one sought."""
    result = _contents_or_error(path)
    return result if isinstance(result, Contents) else None


def _contents_or_error(path: Path) -> Contents | InputError:
    try:
        status = path.stat()
    except OSError as error:
        return InputError(f"cannot be read: {error.strerror}", path)
    return _described(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1000)
def _described(path: Path, *_state: int) -> Contents | InputError:
    """As `_contents_or_error`, once for each state of a file."""
    try:
        return describe_hdf5(path)
    except InputError as error:
        level = logging.INFO if isinstance(error, ForeignError) else logging.WARNING
        log.log(level, "skipped while looking for libraries: %s", error)
        return error


def _damaged(library_dir: str | PathLike[str] | None, names: tuple[str, str, str]) -> InputError | None:
    """What is wrong with a library of these names that was skipped."""
    prefix = "_".join(names).lower()
    for folder in search_folders(library_dir):
        for path in _hdf5_paths_below(folder):
            if path.name.lower().startswith(prefix):
                result = _contents_or_error(path)
                if isinstance(result, InputError) and not isinstance(result, ForeignError):
                    return result
    return None


def _names_of(contents: Contents) -> tuple[str, str, str]:
    """LIBRARY, RESOLUTION, IMF of a file: its attributes, else the parts of its name."""
    parts = [*contents.path.stem.split("_"), "", "", ""]
    keys = ("LIBRARY", "RESOLUTION", "IMF")
    library, resolution, imf = (
        contents.attributes.get(key) or part for key, part in zip(keys, parts, strict=False)
    )
    return library, resolution, imf


def _family(contents: Contents) -> Family:
    taus = sorted({float(tau) for tau in contents.log_tau if tau == tau})
    return Family(
        *_names_of(contents),
        kind=contents.kind,
        sfh=contents.attributes.get("SFH", ""),
        folder=contents.path.parent,
        files=[contents.path],
        metallicities=sorted({float(z) for z in contents.metallicities}),
        log_tau=taus,
        origin=contents.attributes.get("origin", ""),
    )


def _fast_families(folder: Path) -> list[Family]:
    """Families of `.ised` and `.ised_ASCII` files in `ised_<SFH>.<RES>` and `ssp.<RES>` folders."""
    families: dict[tuple[str, ...], Family] = {}
    for directory in sorted(folder.glob("ised_*.*")) + sorted(folder.glob("ssp.*")):
        sfh = (
            directory.name.removeprefix("ised_").rpartition(".")[0]
            if directory.name.startswith("ised_")
            else ""
        )
        pattern = GRIDDED_PATTERN if sfh else SSP_PATTERN
        for path in sorted(directory.iterdir()) if directory.is_dir() else []:
            result = pattern.fullmatch(path.name)
            if not result:
                continue
            names = result["library"], result["resolution"], result["imf"]
            kind = "gridded" if sfh else "ssp"
            family = families.setdefault((*names, sfh, str(directory)), Family(*names, kind, sfh, directory))
            family.files.append(path)
            family.metallicities = sorted({*family.metallicities, metallicity_of_name(path.name)})
            if sfh:
                family.log_tau = sorted({*family.log_tau, float(result["tau"])})
    return list(families.values())
