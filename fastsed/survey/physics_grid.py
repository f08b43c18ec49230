"""Settings of a physics model in; its grid of models, in memory or streamed to a file, out."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.models.stars.atmospheres import Atmospheres, SpectralLibrary
from fastsed.models.stars.constants import Z_SUN
from fastsed.models.stars.dust_grid import DustGrid
from fastsed.models.stars.extinction import RV_MILKY_WAY, ExtinctionLaw, extinction_law
from fastsed.models.stars.isochrones import (
    axis_values,
    choose_isochrones,
    interpolate_tracks,
    without_faint,
)
from fastsed.models.stars.stellar_grid import StellarGrid, make_stellar_grid
from fastsed.models.stars.weights import DustAxis, StellarPriors
from fastsed.survey.atmosphere_files import read_atmospheres
from fastsed.survey.filter_files import read_filter_curves
from fastsed.survey.isochrone_files import read_isochrones
from fastsed.survey.sed_grid import SedGridWriter
from fastsed.survey.settings import Settings

log = logging.getLogger(__name__)

PARSEC_PER = {"pc": 1.0, "kpc": 1e3, "Mpc": 1e6}
# key: meaning
KEYS = {
    "project": "name of the field; begins the names of its products",
    "filters": "filters, in the order of the fluxes",
    "extra_filters": "filters whose fluxes are columns of the table, and are not fitted",
    "filter_curves": "HDF5 library of filter curves",
    "isochrones": "table of isochrones",
    "tracks": "table of evolutionary tracks, in place of isochrones",
    "logt": "ages [min, max, step] of the isochrones to take (log10 yr)",
    "z": "metallicities of the isochrones or tracks to take, or to interpolate tracks at",
    "logmass": "masses [min, max, step] to interpolate tracks at (log10 Msun)",
    "condense": "leave out points of the tracks that hardly differ",
    "solar_z": "Z of [Fe/H] = 0, for tables that state [Fe/H]",
    "atmospheres": "libraries of atmospheres, the preferred one first",
    "velocity": "radial velocity [km/s]",
    "distances": "[distance] or [min, max, step]",
    "distance_unit": "pc, kpc, Mpc or mag",
    "extinction": "extinction law",
    "av": 'A(V): [value], [min, max, step] or [min, max, step, "log"]',
    "rv": "R(V)",
    "fA": "f_A of a mixture",
    "age_prior_model": "prior of the age",
    "mass_prior_model": "initial mass function",
    "met_prior_model": "prior of the metallicity",
    "distance_prior_model": "prior of the distance",
    "av_prior_model": "prior of A(V)",
    "rv_prior_model": "prior of R(V)",
    "fA_prior_model": "prior of f_A",
    "output": "the grid's file",
    "compat": "beast2: numbers of BEAST HEAD",
}


def physics_grid(settings: Settings) -> StellarGrid:
    """The grid that the settings describe.

    Raises
    ------
    InputError
        For settings that are missing or wrong, and for input files that cannot be used.
    """
    beast2 = _is_beast2(settings)
    names, n_filters = _distinct_filters(settings)
    curves = read_filter_curves(settings.file("filter_curves"), names)
    curves, extra = curves[:n_filters], curves[n_filters:]
    law = extinction_law(settings.text("extinction", "G16"))
    dust = DustGrid(law, *_dust_axes(settings, law), beast2)
    solar_z = settings.number("solar_z", Z_SUN)
    return make_stellar_grid(
        _stars(settings, solar_z),
        _libraries(settings, solar_z),
        curves,
        _distances(settings, beast2),
        dust,
        _stellar_priors(settings),
        beast2,
        extra,
    )


def input_files(settings: Settings) -> list[Path]:
    """The files that decide about the grid, besides the settings."""
    keys = ("filter_curves", "isochrones" if "isochrones" in settings else "tracks")
    return [settings.file(key) for key in keys] + settings.files("atmospheres")


def write_physics_grid(grid: StellarGrid, path: str | Path) -> None:
    """Stream all models of a grid to a file in BEAST's layout.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    with SedGridWriter(path, grid.n_models, grid.wavelengths, grid.filters, grid.table_type()) as writer:
        for seds, table in grid.blocks():
            writer.append(seds, table)


def output_path(settings: Settings) -> Path:
    """Where the grid is written: `output`, or `<project>_seds.grid.hd5`."""
    return settings.path.parent / settings.text(
        "output", f"{settings.text('project', 'physics')}_seds.grid.hd5"
    )


def is_described(settings: Settings) -> bool:
    """Whether the settings say what a grid is made from."""
    return any(key in settings for key in ("isochrones", "tracks", "atmospheres"))


def used_grid(settings: Settings) -> Path:
    """The grid that other steps read: `physics_grid`, else the one that `grid` writes, else the one of BEAST's name."""
    if "physics_grid" in settings:
        return settings.file("physics_grid")
    if "output" in settings or is_described(settings):
        return output_path(settings)
    project = settings.text("project")
    return settings.path.parent / project / f"{project}_seds.grid.hd5"


def _is_beast2(settings: Settings) -> bool:
    return settings.choice("compat", ("none", "beast2"), "none") == "beast2"


def _distinct_filters(settings: Settings) -> tuple[list[str], int]:
    """The filters and the extra ones, and how many are no extra ones."""
    names = settings.texts("filters")
    extra = settings.texts("extra_filters") if "extra_filters" in settings else []
    every = [*names, *extra]
    twice = next((name for name in every if every.count(name) > 1), None)
    if twice:
        raise settings.error("extra_filters" if twice in extra else "filters", f"{twice} is there twice")
    return every, len(names)


def _axis(settings: Settings, key: str, default: list[float]) -> Floats:
    try:
        return axis_values(key, settings.numbers(key, default))
    except InputError as error:
        raise InputError(error.message, settings.path) from None


def _dust_axes(settings: Settings, law: ExtinctionLaw) -> tuple[DustAxis, DustAxis, DustAxis]:
    axes = []
    for key, default in (("av", [0.0]), ("rv", [RV_MILKY_WAY]), ("fA", [1.0])):
        values = _axis(settings, key, default)
        if key == "fA" and not law.is_mixture and key in settings:
            log.warning("%s: the law %s is no mixture: fA has no effect", settings.path, law.name)
            values = np.array([1.0])
        model = settings.values.get(f"{key}_prior_model", {"name": "flat"})
        try:
            axes.append(DustAxis(values, model))
        except InputError as error:
            raise InputError(f"{key}_prior_model: {error.message}", settings.path) from None
    return axes[0], axes[1], axes[2]


def _stellar_priors(settings: Settings) -> StellarPriors:
    names = ("age", "mass", "met", "distance")
    given = {
        name: settings.values[f"{name}_prior_model"] for name in names if f"{name}_prior_model" in settings
    }
    try:
        return StellarPriors(**given)
    except InputError as error:
        raise InputError(error.message, settings.path) from None


def _stars(settings: Settings, solar_z: float) -> dict[str, Floats]:
    if ("tracks" in settings) == ("isochrones" in settings):
        raise InputError("give either isochrones or tracks", settings.path)
    metals = None if "z" not in settings else np.asarray(settings.numbers("z"), dtype=np.float64)
    if "isochrones" in settings:
        columns = read_isochrones(settings.file("isochrones"), solar_z)
        ages = settings.numbers("logt") if "logt" in settings else None
        return without_faint(choose_isochrones(columns, ages, metals))
    columns = read_isochrones(settings.file("tracks"), solar_z)
    masses = 10.0 ** _log_masses(settings) if "logmass" in settings else None
    return interpolate_tracks(columns, masses, metals, settings.flag("condense"))


def _log_masses(settings: Settings) -> Floats:
    """[min, max, step] as equal steps, as many as fit; BEAST can lose one by rounding."""
    limits = settings.numbers("logmass")
    if len(limits) != 3 or not limits[2] > 0 or limits[1] < limits[0]:
        raise settings.error("logmass", "[min, max, step] is needed")
    steps = (limits[1] - limits[0]) / limits[2] + (0.0 if _is_beast2(settings) else 1e-9)
    return np.linspace(limits[0], limits[1], int(steps) + 1)


def _libraries(settings: Settings, solar_z: float) -> list[Atmospheres]:
    velocity = settings.number("velocity", 0.0)
    libraries: list[Atmospheres] = []
    for path in settings.files("atmospheres"):
        library = read_atmospheres(path, solar_z)
        libraries.append(
            library.shifted(velocity) if velocity and isinstance(library, SpectralLibrary) else library
        )
    return libraries


def _distances(settings: Settings, beast2: bool) -> Floats:
    """Distances [pc]; up to max + step/2, or as BEAST below max + step."""
    given, unit = settings.numbers("distances"), settings.choice("distance_unit", (*PARSEC_PER, "mag"), "pc")
    numbers = [
        float(value) for value in given if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    if len(numbers) != len(given) or len(numbers) not in (1, 3):
        raise settings.error("distances", "[distance] or [min, max, step] is needed")
    low, high, step = numbers if len(numbers) == 3 else (numbers[0], numbers[0], 1.0)
    if not (high >= low and (step > 0.0 or high == low)):
        raise settings.error("distances", "min <= max and a positive step are needed")
    if high == low:
        values = np.array([low])
    elif beast2:
        values = np.arange(low, high + step, step)
    else:
        # the small excess makes up for the rounding of the quotient
        values = low + step * np.arange(int(np.floor((high - low) / step + 0.5 + 1e-9)) + 1)
    return 10.0 ** (values / 5.0 + 1.0) if unit == "mag" else values * PARSEC_PER[unit]
