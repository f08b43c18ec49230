"""Settings of a simulated field in; its catalogue, truth, image, and measured artificial stars, as files, out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats
from fastsed.atomic import atomic_write
from fastsed.errors import InputError
from fastsed.survey.ast_positions import read_wcs
from fastsed.survey.fits_tables import write_fits_table
from fastsed.survey.physics_grid import physics_grid
from fastsed.survey.settings import Settings
from fastsed.survey.simulation import (
    FieldOptions,
    catalogue,
    field_image,
    measure,
    simulate_field,
    sky_noise,
    source_density,
)
from fastsed.survey.star_catalogue import read_table_columns
from fastsed.survey.text_columns import read_number_rows
from fastsed.survey.vega import read_vega
from fastsed.text import decode, read_bytes

# key: meaning; those of the physics grid besides
KEYS = {
    "vega": "fluxes of Vega",
    "seed": "of the random numbers",
    "sim_n_stars": "simulated field: stars of the catalogue (3000)",
    "sim_depth": "{filter = magnitude} at which the sky's noise is a fifth of the flux",
    "sim_ra": "centre [deg] (80.9)",
    "sim_dec": "centre [deg] (-69.1)",
    "sim_size": "side [arcsec] (100)",
    "sim_gradient": "ratio of the source densities of the east and west edges (6)",
    "sim_cloud": "how closely A_V follows a dust cloud on the sky, 0 to 1 (0.8)",
    "sim_calibration": "scatter of each flux, relative to it (0.02)",
    "sim_aperture": "radius within which neighbours count [arcsec] (0.25)",
    "sim_detection": "signal-to-noise from which a star is recovered (8)",
}


def field_options(settings: Settings, filters: tuple[str, ...]) -> FieldOptions:
    """The field that the settings describe.

    Raises
    ------
    InputError
        For wrong settings.
    """
    depth = settings.values.get("sim_depth")
    if not isinstance(depth, Mapping):
        raise InputError("sim_depth = {filter = magnitude} is needed", settings.path)
    absent = [name for name in filters if type(depth.get(name)) not in (int, float)]
    if absent:
        raise settings.error("sim_depth", f"no magnitude for {absent[0]}")
    default = FieldOptions(1, np.zeros(0))
    numbers = {
        name: settings.number(f"sim_{name}", getattr(default, name))
        for name in ("ra", "dec", "size", "gradient", "cloud", "calibration", "aperture", "detection")
    }
    n_stars = settings.integer("sim_n_stars", 3000, 1)
    try:
        return FieldOptions(n_stars, np.array([float(depth[name]) for name in filters]), **numbers)
    except InputError as error:
        raise InputError(f"sim_{error.message}", settings.path) from error


def write_simulation(settings: Settings) -> list[Path]:
    """Simulate a field: `<project>_obs.fits`, `_truth.fits` and `_image.fits`.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        For wrong settings or inputs.
    """
    from astropy.io import fits

    grid = physics_grid(settings)
    vega, options = read_vega(settings.file("vega"), grid.filters), field_options(settings, grid.filters)
    seed = settings.integer("seed", 0)
    field = simulate_field(grid, vega, options, seed)
    project = settings.path.parent / settings.text("project", "field")
    positions = {"RA": field.ra, "DEC": field.dec}
    paths = [Path(f"{project}_{end}.fits") for end in ("obs", "truth", "image")]
    write_fits_table(paths[0], positions | catalogue(grid.filters, field.measured, vega))
    fluxes = {f"flux_{name}": field.stars.flux[:, k] for k, name in enumerate(grid.filters)}
    write_fits_table(paths[1], positions | field.stars.parameters | fluxes)
    band = len(grid.filters) // 2
    noise = float(sky_noise(options, vega)[band])
    image, cards = field_image(field, options, band, noise, seed)
    header = fits.Header()
    header.update(cards)
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image.astype(np.float32), header, name="SCI")])
    with atomic_write(paths[2], "wb") as f:
        hdus.writeto(f)
    return paths


def write_measured_stars(settings: Settings, listed: str | Path) -> Path:
    """Put artificial stars into a simulated field and measure them: `<project>_asts.fits`.

    Parameters
    ----------
    settings : Settings
        Those of the field, whose `<project>_truth.fits` must be there.
    listed : path-like
        List of `ast-inputs`, with positions.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        For wrong settings or inputs.
    """
    filters = tuple(settings.texts("filters"))
    vega, options = read_vega(settings.file("vega"), filters), field_options(settings, filters)
    project = settings.path.parent / settings.text("project", "field")
    neighbours = _true_fluxes(Path(f"{project}_truth.fits"), filters)
    ra, dec, magnitudes = _read_list(listed, filters, Path(f"{project}_image.fits"))
    flux = vega * 10.0 ** (-0.4 * magnitudes)
    east = (ra - options.ra) * np.cos(np.radians(options.dec)) * 3600.0
    random = np.random.default_rng([settings.integer("seed", 0), 1])
    density = source_density(east, options)
    measured, recovered = measure(flux, density, neighbours, sky_noise(options, vega), options, random)
    columns = {"RA_J2000": ra, "DEC_J2000": dec}
    columns |= {f"{name.rsplit('_', 1)[-1].upper()}_IN": magnitudes[:, k] for k, name in enumerate(filters)}
    path = Path(f"{project}_asts.fits")
    write_fits_table(
        path,
        columns
        | catalogue(filters, measured, vega, recovered)
        | {"CUT_FLAG": np.zeros(len(ra), dtype=np.int32)},
    )
    return path


def _true_fluxes(path: Path, filters: tuple[str, ...]) -> Floats:
    names = [f"flux_{name}".upper() for name in filters]
    columns = read_table_columns(path, names)
    absent = [name for name in names if name not in columns]
    if absent:
        raise InputError(f"has no column {absent[0]}: simulate the field first", path)
    return np.column_stack([np.asarray(columns[name], float) for name in names])


def _read_list(path: str | Path, filters: tuple[str, ...], image: Path) -> tuple[Floats, Floats, Floats]:
    """RA, Dec [deg] and magnitudes of a list of `ast-inputs`."""
    lines = decode(read_bytes(path)).splitlines()
    names = lines[0].split() if lines else []
    if (
        names[:4] not in (["zeros", "ones", "RA", "DEC"], ["zeros", "ones", "X", "Y"])
        or tuple(names[4:]) != filters
    ):
        raise InputError("is no list of artificial stars with positions and these filters", path)
    rows = read_number_rows(path, len(names), "an artificial star", skip=1)
    if names[2] == "RA":
        return rows[:, 2], rows[:, 3], rows[:, 4:]
    ra, dec = read_wcs(image).all_pix2world(rows[:, 2], rows[:, 3], 1)
    return ra, dec, rows[:, 4:]
