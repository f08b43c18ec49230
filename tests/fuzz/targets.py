"""Every reader of fastsed: good files to damage, and what is called with a damaged one."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from fastsed.params import Params, read_params
from fastsed.paths import share_dir
from tests.fuzz.mutate import damage_binary, damage_fits, damage_hdf5, damage_text
from tests.fuzz.star_targets import STAR_TARGETS
from tests.fuzz.table_targets import TABLE_TARGETS
from tests.fuzz.target import Target

IDS = ("1", "2", "3")
MOST_BLOCKS = 20


def finite(*arrays: Any) -> None:
    """What a reader lets pass must be usable."""
    for values in arrays:
        if not np.isfinite(values).all():
            raise AssertionError("accepted with values that are not finite")


# --- parameters and catalogues ----------------------------------------------------------------------------

CATALOG = (
    b"# id F156 E156 F157 E157 TOT157 z_spec\n# and a comment\n1 1.5 0.1 2.5 0.2 3 0.1\n"
    b"2 0 -1 3.5e0 0.2 4 0.2\n3 2 .1 3 1e-1 3 -1\n"
)
TRANSLATE = b"id id\nU_flux F156\nU_error E156\n# comment\nG F157\neG E157\nz z_spec\n"
FOREIGN_CATALOG = b"# id U_flux U_error G eG z\n1 1.5 0.1 2.5 0.2 0.1\n2 0 -1 3.5 0.2 0.2\n3 1 1 1 1 -1\n"
PARAMETERS = b"""# a comment
CATALOG = 'gal'
METAL = [0.008, 0.02]
LOG_TAU_MIN = 8
LOG_TAU_MAX = 9
LOG_TAU_STEP = 0.5
LOG_AGE_MIN = 8
LOG_AGE_MAX = 10
LOG_AGE_STEP = 0.5
Z_MIN = 0.1
Z_MAX = 1
Z_STEP = 0.1
A_V_MAX = 1
A_V_STEP = 0.5
C_INTERVAL = [68, 95]
N_SIM = 10
"""
FORMULA = (
    PARAMETERS
    + b"""CUSTOM_SFH = '(t/10^log_tau)*exp(-t/10^log_tau) + burst'
CUSTOM_PARAMS = ['log_tau', 'burst']
BURST_MIN = 0
BURST_MAX = 1
BURST_STEP = 0.5
GRID_EXCLUDE = 'burst > 0.5 && av < 0.2'
SFH_QUANTITIES = ['tsf', 'sfr50']
OUTPUT_COLUMNS = ['id', 'z', 'lmass', 'chi2']
"""
)


def parameter_seeds(_: Path) -> list[bytes]:
    return [PARAMETERS, FORMULA, (share_dir() / "examples" / "gst" / "gst.param").read_bytes()]


def read_parameters(path: Path) -> None:
    from fastsed.models.axes import history_axes, make_axes

    params = read_params(path)
    make_axes(params, history_axes(params))


def params_of(path: Path) -> Params:
    return read_params(None, [f"CATALOG={path.with_suffix('')}", "AB_ZEROPOINT=23.9"])


def read_the_catalog(path: Path) -> None:
    from fastsed.inputs.catalog import read_catalog

    catalog, _ = read_catalog(params_of(path))
    finite(catalog.flux)
    if np.isnan(catalog.error).any():
        raise AssertionError("accepted an error that is NaN")


def catalog_seeds(_: Path) -> list[bytes]:
    return [CATALOG, b"\n".join((share_dir() / "examples" / "gst" / "gst.cat").read_bytes().split(b"\n")[:6])]


def translate_seeds(folder: Path) -> list[bytes]:
    (folder / "gal.cat").write_bytes(FOREIGN_CATALOG)
    return [TRANSLATE]


def photoz_seeds(_: Path) -> list[bytes]:
    return [
        b"# id z_spec z_phot l68 u68 l95 u95 l99 u99\n"
        b"1 0.1 0.12 0.1 0.14 0.08 0.2 0.01 0.3\n2 -1 0.3 0.2 0.4 0.1 0.5 0 1\n3 1 1 1 1 1 1 1 1\n"
    ]


def read_the_photoz(path: Path) -> None:
    from fastsed.inputs.photoz import read_photoz

    for confidence in (0, 68, 95):
        read_photoz(path, IDS, "z_phot", confidence)


def luminosity_seeds(_: Path) -> list[bytes]:
    return [b"# ID LIR ELIR LOG COMP\n1 1.2e10 0.4e10 0 all\n2 9.8 0.3 1 bc\n3 -99 -99 0 cirrus\n"]


def read_the_luminosities(path: Path) -> None:
    from fastsed.inputs.luminosity import read_luminosities

    found = read_luminosities(path, IDS, differential=True)
    finite(found.value)


# --- spectra and curves -----------------------------------------------------------------------------------


def spectrum_seeds(folder: Path) -> list[bytes]:
    (folder / "lsf").write_bytes(b"4000 5\n9000 8\n")
    return [
        b"# wl_low wl_up tr F1 E1 F2 E2\n5000 5010 1 1 .1 2 .2\n5010 5020 1 1 .1 2 .2\n5020 5030 0 1 .1 2 .2\n",
        b"# bin wl F1 E1\n1 5000 1 0.1\n1 5010 1 0.1\n2 5020 2 0.2\n2 5030 1 0.1\n",
    ]


def read_the_spectra(path: Path) -> None:
    from fastsed.inputs.spectra import read_spectra

    spectra = read_spectra(path, IDS, path.with_name("lsf"))
    finite(spectra.flux, spectra.low, spectra.up)


def curve_seeds(_: Path) -> list[bytes]:
    return [b"# wavelength value\n100 0.1\n3000 0.2\n5500 0.05\n9e3 0.1\n1e5 1\n"]


def read_lsf(path: Path) -> None:
    from fastsed.inputs.spectra import lsf_sigma

    finite(lsf_sigma(path, np.linspace(3000.0, 9000.0, 7)))


def read_the_template_error(path: Path) -> None:
    from fastsed.inputs.template_error import read_template_error

    found = read_template_error(path)
    finite(found.lam, found.error)


def filter_seeds(_: Path) -> list[bytes]:
    curves = []
    for number in (1, 2, 3):
        points = [f"{i + 1} {4000 * number + 100 * i} {0.1 * i * (9 - i):.3f}" for i in range(10)]
        curves.append("\n".join([f"10 test/filter{number} lambda_c= {4500 * number} AB-Vega= 0.1", *points]))
    return ["\n".join(curves).encode() + b"\n"]


def read_the_filters(path: Path) -> None:
    from fastsed.inputs.filters import read_filters

    for filter_format in (0, 1):
        for band in read_filters(path, [1, 3, 2], filter_format):
            finite(band.lam, band.response, band.mean_wavelength)


def index_seeds(_: Path) -> list[bytes]:
    return [(share_dir() / name).read_bytes() for name in ("CONT_INDICES.balogh99", "CONT_INDICES.worthey94")]


def read_the_indices(path: Path) -> None:
    from fastsed.models.indices import read_indices, window_weights

    lam = np.linspace(3000.0, 7000.0, 400)
    for index in read_indices(path):
        window_weights(lam, list(index.windows))


# --- libraries --------------------------------------------------------------------------------------------


def ised_seeds(folder: Path) -> list[bytes]:
    from tests.library.make_files import ised_records, write_records

    files = (write_records(folder / "seed", ised_records(order), order) for order in "<>")
    return [path.read_bytes() for path in files]


def ised_text_seeds(_: Path) -> list[bytes]:
    from tests.library.make_files import ascii_text

    return [ascii_text().encode()]


def fits_library_seeds(folder: Path) -> list[bytes]:
    from tests.library.make_files import write_fits

    return [write_fits(folder / "seed.fits").read_bytes()]


def hdf5_seeds(folder: Path) -> list[bytes]:
    from fastsed.library.hdf5 import write_ssp_hdf5
    from tests.library.make_files import simple

    write_ssp_hdf5(folder / "seed.hdf5", [simple(0.008), simple(0.02, citation="us")])
    return [(folder / "seed.hdf5").read_bytes()]


def read_a_library(path: Path) -> None:
    from fastsed.library.hdf5 import SUFFIXES, describe_hdf5
    from fastsed.library.ssp import read_library

    if path.name.endswith(SUFFIXES):
        describe_hdf5(path)
    library = read_library(path, 0.02 if path.name.endswith(SUFFIXES) else None)
    finite(library.ages, library.lam, library.sed, library.mass)
    # two equal wavelengths are a step of the spectrum
    if not (np.diff(library.lam) >= 0).all() or not (np.diff(library.ages) > 0).all():
        raise AssertionError("accepted axes that do not ascend")
    if library.sed.shape != (library.ages.size, library.lam.size):
        raise AssertionError("accepted spectra of another size than the axes")


def folder_seeds(folder: Path) -> list[bytes]:
    (folder / "libraries").mkdir()
    return hdf5_seeds(folder)


def search_a_folder(path: Path) -> None:
    """The damaged library beside a good one: the latter is found all the same."""
    from fastsed.library.find import find_ssp, list_libraries

    folder = path.parent / "libraries"
    shutil.copyfile(path, folder / "toy_lr_ch.hdf5")
    list_libraries(folder)
    find_ssp(folder, "toy", "lr", "ch", 0.02)
    if find_ssp(folder, "bc03", "lr", "kr", 0.02) is None:
        raise AssertionError("the shipped library is not found beside a damaged one")


# --- files that fastsed wrote -----------------------------------------------------------------------------


def cache_seeds(folder: Path) -> list[bytes]:
    from tests.models.helpers import write_library

    (folder / "toy").mkdir()
    write_library(folder / "toy")
    _tiles(folder)
    (path,) = folder.glob("*.cache")
    content = path.read_bytes()
    path.unlink()
    (folder / "tiles").write_bytes(b"".join(_tiles(folder, "NO_CACHE=1")))
    return [content]


def _tiles(folder: Path, *overrides: str) -> list[bytes]:
    from tests.models.helpers import make_grid, make_params

    params = make_params(folder / "toy", f"OUTPUT_DIR={folder}", "NO_CACHE=0", *overrides)
    grid = make_grid(params)
    tiles = grid.tiles(np.ones(len(grid.axes.z), dtype=bool))
    return [tile.ids.tobytes() + tile.flux.tobytes() for tile in tiles]


def read_the_cache(path: Path) -> None:
    """A damaged cache is rebuilt, or serves where the damage does not matter."""
    from tests.models.helpers import make_grid, make_params

    folder = path.parent
    grid = make_grid(make_params(folder / "toy", f"OUTPUT_DIR={folder}", "NO_CACHE=0"))
    wanted = np.ones(len(grid.axes.z), dtype=bool)
    assert grid.cache is not None
    target = grid.cache.path(grid.cache.key(wanted))
    shutil.copyfile(path, target)
    try:
        _tiles(folder)
    finally:
        target.unlink(missing_ok=True)


def grid_seeds(folder: Path) -> list[bytes]:
    from fastsed.outputs.chi2grid import ChiGridWriter, best_chi2_header, write_best_chi2

    axes = {
        "z": np.array([0.5, 1.0, 1.5], dtype=np.float32),
        "Av": np.array([0.0, 1.0], dtype=np.float32),
        "ltau": np.array([8.0, 9.0], dtype=np.float32),
    }
    names, values = ["lmass", "lsfr"], np.random.default_rng(2).normal(size=(12, 3, 2)).astype(np.float32)
    for strings in ("null", "counted"):
        with ChiGridWriter(folder / f"full-{strings}", axes, names, 2, strings=strings) as writer:
            writer.write_block(0, values)
    header = best_chi2_header(axes, names)
    write_best_chi2(folder / "best", header, np.arange(5), values[:5, 0, 0], values[:5, 1:, 0])
    return [(folder / name).read_bytes() for name in ("full-null", "full-counted", "best")]


def read_the_grid(path: Path) -> None:
    from fastsed.cli.grid2fits import main
    from fastsed.outputs.chi2grid import read_chi2_grid

    grid = read_chi2_grid(path)
    for _, (rows, block) in zip(range(MOST_BLOCKS), grid.blocks(1 << 20), strict=False):
        assert len(block) == rows.stop - rows.start
    if grid.n_models < 10_000:
        grid.select(source=0 if grid.kind == "full" and grid.n_sources else None)
        if main([str(path)]) not in (0, 1):
            raise AssertionError("fastsed-grid2fits ended with another status than 0 or 1")


# --- other tables and formulas ----------------------------------------------------------------------------


def history_seeds(_: Path) -> list[bytes]:
    return [b"# t sfr\n0 0\n1000 10\n5000 1\n10000 0.1\n"]


def history_fits_seeds(_: Path) -> list[bytes]:
    from astropy.table import Table

    stream = io.BytesIO()
    Table({"T": [0.0, 1000.0, 9000.0], "SFR": [0.0, 10.0, 0.1]}).write(stream, format="fits")
    return [stream.getvalue()]


def read_a_history(path: Path) -> None:
    from fastsed.inputs.history_table import read_history

    history = read_history(path, 8000.0)
    finite(history.lookback, history.sfr)


def sed_list_seeds(_: Path) -> list[bytes]:
    return [b"# id model scale\nbest_1 65965 9.81411e+10\nbest_2 0 1.3315e+11\n\nc 99999 1\n"]


def read_the_sed_list(path: Path) -> None:
    from fastsed.outputs.make_seds import read_sed_list

    assert read_sed_list(path, 100_000)


def formula_seeds(_: Path) -> list[bytes]:
    formulas = (
        "(t/10^log_tau)*exp(-(t/10^log_tau)) + max(0, min(t, 3))",
        "((t > 10^burst)*exp(-(t - 10^burst)/1e9) + !(t <= 3 && burst != 2 || t == 5))*pi",
        "-2^-burst % 3 + sqrt(abs(log10(t))) - log(t)/ln(2)",
    )
    return [formula.encode() for formula in formulas]


def read_a_formula(path: Path) -> None:
    from fastsed.expressions import parse

    formula = parse(path.read_bytes().decode("utf-8", "replace"), ("t", "log_tau", "burst"))
    t = np.linspace(0.0, 1e10, 11)
    assert formula.evaluate({"t": t, "log_tau": np.array(9.0), "burst": np.array(1.0)}).dtype == np.float64


TARGETS: tuple[Target, ...] = (
    Target("parameters", "fast.param", parameter_seeds, damage_text, read_parameters),
    Target("catalog", "gal.cat", catalog_seeds, damage_text, read_the_catalog),
    Target("translate", "gal.translate", translate_seeds, damage_text, read_the_catalog),
    Target("zout", "gal.zout", photoz_seeds, damage_text, read_the_photoz),
    Target("lir", "gal.lir", luminosity_seeds, damage_text, read_the_luminosities),
    Target("spectrum", "gal.spec", spectrum_seeds, damage_text, read_the_spectra),
    Target("lsf", "lsf.dat", curve_seeds, damage_text, read_lsf),
    Target("template_error", "terr.dat", curve_seeds, damage_text, read_the_template_error),
    Target("filters", "FILTER.RES", filter_seeds, damage_text, read_the_filters),
    Target("indices", "CONT_INDICES", index_seeds, damage_text, read_the_indices),
    Target("ised", "toy_lr_ch_z02_ltau9.0.ised", ised_seeds, damage_binary, read_a_library),
    Target("ised_ascii", "toy_lr_ch_z02.ised_ASCII", ised_text_seeds, damage_text, read_a_library),
    Target("ised_fits", "toy_lr_ch_z02.ised_ASCII.fits", fits_library_seeds, damage_fits, read_a_library, 3),
    Target("hdf5", "toy_lr_ch.hdf5", hdf5_seeds, damage_hdf5, read_a_library, 3),
    Target("library_folder", "damaged.hdf5", folder_seeds, damage_hdf5, search_a_folder, 1),
    Target("cache", "damaged", cache_seeds, damage_binary, read_the_cache, 2),
    Target("chi2_grid", "chi2.grid", grid_seeds, damage_binary, read_the_grid),
    Target("history", "history.txt", history_seeds, damage_text, read_a_history),
    Target("history_fits", "history.fits", history_fits_seeds, damage_fits, read_a_history, 3),
    Target("sed_list", "seds.txt", sed_list_seeds, damage_text, read_the_sed_list),
    Target("formula", "formula", formula_seeds, damage_text, read_a_formula),
    *STAR_TARGETS,
    *TABLE_TARGETS,
)


def find_targets(names: Iterable[str]) -> list[Target]:
    """Targets by their names; all without any.

    Raises
    ------
    ValueError
        For a name that is none.
    """
    known = {target.name: target for target in TARGETS}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"no reader {', '.join(unknown)}: there are {', '.join(known)}")
    return [known[name] for name in names] or list(TARGETS)
