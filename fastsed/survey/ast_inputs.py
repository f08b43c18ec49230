"""Settings of the artificial star tests in; lists of the stars to put into the images (DOLPHOT's format) out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.survey.ast_lists import AstList
from fastsed.survey.ast_positions import Footprint, positions_beside_stars, positions_in_bins, read_wcs
from fastsed.survey.ast_selection import (
    GridMagnitudes,
    MagnitudeLimits,
    choose_by_age,
    choose_by_flux_bins,
    choose_supplement,
)
from fastsed.survey.asts import UNDETECTED, rate_columns
from fastsed.survey.physics_grid import used_grid
from fastsed.survey.sed_grid import SedGrid
from fastsed.survey.settings import Settings
from fastsed.survey.star_catalogue import read_table_columns
from fastsed.survey.tiles import Binning, bin_tiles, read_map
from fastsed.survey.vega import read_vega
from fastsed.text import decode, read_bytes

log = logging.getLogger(__name__)

METHODS = ("fluxbins", "random", "supplement")
# key: meaning
KEYS = {
    "project": "name of the field; begins the names of the products",
    "physics_grid": "grid of models (default: the one of `output`)",
    "vega": "fluxes of Vega",
    "filters": "filters of the list (default: those of the grid)",
    "seed": "of the random numbers",
    "ast_models_selection": "fluxbins, random or supplement",
    "ast_n_flux_bins": "bins of magnitude in each band (40)",
    "ast_n_per_flux_bin": "models in each bin (50)",
    "ast_fluxbin_maglimits": "{filter = [bright, faint]}: limits of the models that count",
    "ast_filters_inside_maglimits": "bands that must be within their limits (3)",
    "ast_models_selected_per_age": "random: models of each age (70)",
    "ast_bands_above_maglimit": "random: bands that must be brighter than their limit (3)",
    "ast_maglimit": "random: faint limit of each filter, or one number beyond the 90 % faintest of the catalogue (1)",
    "ast_N_supplement": "supplement: models (1000)",
    "ast_existing_file": "supplement: list that has been used (_inputAST_seds.txt, or _ASTparams.fits)",
    "ast_suppl_maglimit": "supplement: {filter = [bright, faint]}, all of which must be met",
    "ast_suppl_colorlimit": '{"FILTER-FILTER" = [low, high]}',
    "obsfile": "catalogue of the field",
    "obs_colnames": "its columns <BAND>_RATE, one a filter",
    "ast_with_positions": "true: also positions, in <project>_inputAST.txt",
    "ast_realization_per_model": "positions of each model (20), in each bin of the map",
    "ast_density_table": "map of source density or background whose bins get the stars",
    "sd_binmode": "bins of the map: linear or log",
    "sd_Nbins": "number of bins of the map",
    "sd_binwidth": "width of the bins of the map",
    "sd_custom": "edges of the bins of the map",
    "ast_reference_image": "image whose pixels the positions are; without, they are RA and DEC",
    "ast_reference_image_hdu_extension": "its extension",
    "ast_pixel_distribution": "without a map: pixels from a star of the catalogue (10)",
    "ast_erode_selection_region": "width that the footprint of the catalogue loses [arcsec] (0.5)",
    "ast_coord_boundary": "[[ra, ...], [dec, ...]] of a polygon that the stars stay in",
    "ast_region_all_bands": "footprint of the sources measured in all bands only (true)",
}


def choose_ast_models(settings: Settings, method: str | None = None) -> AstList:
    """Choose the models of a list.

    Parameters
    ----------
    settings : Settings
    method : {"fluxbins", "random", "supplement"}, optional
        In place of the key `ast_models_selection`.

    Raises
    ------
    InputError
        For wrong settings or inputs, and where no model is within the limits.
    """
    method = method or settings.choice("ast_models_selection", METHODS, "fluxbins")
    with SedGrid(used_grid(settings)) as grid:
        filters = tuple(settings.texts("filters", list(grid.filters)))
        columns = _columns(settings, filters, grid.filters)
        vega = read_vega(settings.file("vega"), filters)
        limits = _limits(settings, method, filters)
        models = GridMagnitudes(grid, columns, vega, limits, settings.integer("seed", 0))
        bins = None
        if method == "fluxbins":
            n_bins, each = (
                settings.integer("ast_n_flux_bins", 40, 1),
                settings.integer("ast_n_per_flux_bin", 50, 1),
            )
            chosen = choose_by_flux_bins(models, n_bins, each)
            rows, magnitudes, bins = (
                chosen.rows,
                chosen.magnitudes,
                _bin_table(filters, chosen.edges, chosen.counts),
            )
        else:
            rows = _other_rows(settings, method, models, filters)
            magnitudes = models.magnitudes_of(rows)
        parameters = grid.read_rows(rows, grid.columns)
    return AstList(filters, rows, magnitudes, parameters, bins)


def _other_rows(
    settings: Settings, method: str, models: GridMagnitudes, filters: tuple[str, ...]
) -> NDArray[np.int64]:
    if method == "random":
        return choose_by_age(models, settings.integer("ast_models_selected_per_age", 70, 1))
    texts, rows = _existing(settings, filters)
    n = settings.integer("ast_N_supplement", 1000, 1)
    return choose_supplement(models, n, _colour_limits(settings, filters), texts, rows)


def _columns(settings: Settings, filters: tuple[str, ...], there: tuple[str, ...]) -> NDArray[np.intp]:
    for name in filters:
        if name not in there:
            raise settings.error("filters", f"the grid has no {name} (it has {', '.join(there)})")
    return np.array([there.index(name) for name in filters])


def _bin_table(filters: tuple[str, ...], edges: Floats, counts: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    table: dict[str, NDArray[Any]] = {}
    for k, name in enumerate(filters):
        table[f"bin_mins_{name}"], table[f"bin_maxs_{name}"] = edges[:-1, k], edges[1:, k]
        table[f"bin_count_{name}"] = counts[:, k]
    return table


def _limits(settings: Settings, method: str, filters: tuple[str, ...]) -> MagnitudeLimits:
    none = MagnitudeLimits.none(len(filters))
    if method == "random":
        n_inside = min(settings.integer("ast_bands_above_maglimit", 3), len(filters))
        return MagnitudeLimits(none.brightest, _faint_limits(settings, filters), n_inside)
    key = "ast_fluxbin_maglimits" if method == "fluxbins" else "ast_suppl_maglimit"
    if key not in settings:
        return none
    for name, (bright, faint) in _pairs(settings, key).items():
        if name not in filters:
            raise settings.error(key, f"{name} is none of the filters {', '.join(filters)}")
        none.brightest[filters.index(name)], none.faintest[filters.index(name)] = bright, faint
    if method == "supplement":
        return MagnitudeLimits(none.brightest, none.faintest, len(filters))
    n_inside = min(settings.integer("ast_filters_inside_maglimits", 3), len(filters))
    return MagnitudeLimits(none.brightest, none.faintest, n_inside)


def _pairs(settings: Settings, key: str) -> dict[str, tuple[float, float]]:
    """A table of pairs of ascending numbers."""
    value = settings.values[key]
    if not isinstance(value, Mapping):
        raise settings.error(key, 'a table {"NAME" = [low, high]} is needed')
    pairs = {}
    for name, pair in value.items():
        numbers = isinstance(pair, list) and all(type(x) in (int, float) for x in pair)
        if not numbers or len(pair) != 2 or not pair[0] < pair[1]:
            raise settings.error(key, f"{name} must have [low, high]")
        pairs[name] = (float(pair[0]), float(pair[1]))
    return pairs


def _faint_limits(settings: Settings, filters: tuple[str, ...]) -> Floats:
    """Faint limits of the random method: given, or the 90th percentile of the catalogue and a number beyond."""
    given = [float(value) for value in settings.numbers("ast_maglimit", [1.0])]
    if len(given) == len(filters) and len(filters) > 1:
        return np.array(given)
    if len(given) != 1:
        raise settings.error("ast_maglimit", f"one number, or {len(filters)} are needed")
    magnitudes = [name[: -len("_RATE")] + "_VEGA" for name in _rate_names(settings, filters)]
    path = settings.file("obsfile")
    columns = read_table_columns(path, magnitudes)
    limits = []
    for name in magnitudes:
        values = np.asarray(columns[name], float) if name in columns else np.zeros(0)
        values = values[values < UNDETECTED]
        if not len(values):
            raise InputError(f"has no magnitudes {name}", path)
        limits.append(np.percentile(values, 90.0) + given[0])
    return np.array(limits)


def _rate_names(settings: Settings, filters: tuple[str, ...]) -> tuple[str, ...]:
    return rate_columns(filters, settings.texts("obs_colnames") if "obs_colnames" in settings else None)


def _colour_limits(
    settings: Settings, filters: tuple[str, ...]
) -> dict[tuple[int, int], tuple[float, float]]:
    limits = {}
    for name, pair in (
        _pairs(settings, "ast_suppl_colorlimit") if "ast_suppl_colorlimit" in settings else {}
    ).items():
        first, _, second = name.partition("-")
        if first.strip() not in filters or second.strip() not in filters:
            raise settings.error(
                "ast_suppl_colorlimit", f"{name} is not FILTER-FILTER of {', '.join(filters)}"
            )
        limits[filters.index(first.strip()), filters.index(second.strip())] = pair
    return limits


def _existing(settings: Settings, filters: tuple[str, ...]) -> tuple[set[tuple[str, ...]], NDArray[np.int64]]:
    """Magnitudes (as texts), or rows of the grid, of the list that is to be supplemented."""
    nothing = np.zeros(0, dtype=np.int64)
    if "ast_existing_file" not in settings:
        return set(), nothing
    path = settings.file("ast_existing_file")
    if path.suffix.lower() == ".fits":
        columns = read_table_columns(path, ["SEDGRID_INDX"])
        if "SEDGRID_INDX" not in columns:
            raise InputError("has no column sedgrid_indx", path)
        return set(), np.asarray(columns["SEDGRID_INDX"]).astype(np.int64)
    lines = [line.split() for line in decode(read_bytes(path)).splitlines() if line.strip()]
    if not lines or any(name not in lines[0] for name in filters):
        raise InputError(f"its first line does not name the filters {' '.join(filters)}", path)
    positions = [lines[0].index(name) for name in filters]
    try:
        return {tuple(f"{float(line[k]):.5f}" for k in positions) for line in lines[1:]}, nothing
    except (ValueError, IndexError):
        raise InputError("is no list of magnitudes", path) from None


def place_ast_models(settings: Settings, models: AstList) -> tuple[tuple[str, str], Floats, NDArray[np.intp]]:
    """Positions for the models of a list.

    Returns
    -------
    names : (str, str)
        X, Y of the reference image (first pixel 1), or RA, DEC.
    positions : float64 (n, 2)
        With a map, bin after bin.
    model : intp (n,)
        Number of the model in the list at each position.

    Raises
    ------
    InputError
        For wrong settings or inputs.
    """
    repeats, seed = settings.integer("ast_realization_per_model", 20, 1), settings.integer("seed", 0)
    model = np.repeat(np.arange(len(models.rows)), repeats)
    catalogue = _catalogue(settings, models.filters)
    image = settings.file("ast_reference_image") if "ast_reference_image" in settings else None
    extension = settings.values.get("ast_reference_image_hdu_extension")
    wcs = None if image is None else read_wcs(image, extension)
    if "ast_density_table" in settings:
        tiles = read_map(settings.file("ast_density_table"))
        footprint = _footprint(settings, catalogue)
        of_bins = positions_in_bins(
            tiles, bin_tiles(tiles, _binning(settings)), footprint, len(model), seed + 1
        )
        sky = np.concatenate([position for _, position in of_bins])
        model = np.tile(model, len(of_bins))
        if wcs is None:
            return ("RA", "DEC"), sky, model
        return ("X", "Y"), np.column_stack(wcs.all_world2pix(sky[:, 0], sky[:, 1], 1)), model
    if "X" in catalogue and "Y" in catalogue:
        x, y = catalogue["X"], catalogue["Y"]
    elif wcs is not None and "RA" in catalogue and "DEC" in catalogue:
        x, y = wcs.all_world2pix(catalogue["RA"], catalogue["DEC"], 1)
    else:
        raise InputError(
            "without a map, the catalogue needs X and Y, or a reference image is needed", settings.path
        )
    separation = settings.number("ast_pixel_distribution", 10.0)
    return ("X", "Y"), positions_beside_stars(x, y, len(model), separation, seed + 1), model


def _catalogue(settings: Settings, filters: tuple[str, ...]) -> dict[str, Floats]:
    """Positions of the sources, of those measured in all bands where that is asked for and known."""
    rates = _rate_names(settings, filters)
    columns = read_table_columns(settings.file("obsfile"), ["RA", "DEC", "X", "Y", *rates])
    keep = np.ones(len(next(iter(columns.values()), ())), dtype=bool)
    if settings.flag("ast_region_all_bands", True):
        for name in rates:
            if name in columns:
                keep &= columns[name] != 0
    return {
        name: np.asarray(columns[name], float)[keep] for name in ("RA", "DEC", "X", "Y") if name in columns
    }


def _footprint(settings: Settings, catalogue: dict[str, Floats]) -> Footprint:
    if "RA" not in catalogue or "DEC" not in catalogue:
        raise InputError("the catalogue has no RA and DEC", settings.file("obsfile"))
    boundary = None
    if "ast_coord_boundary" in settings:
        value = settings.values["ast_coord_boundary"]
        lists = isinstance(value, list) and len(value) == 2 and all(isinstance(part, list) for part in value)
        if not lists or len(value[0]) != len(value[1]) or len(value[0]) < 3:
            raise settings.error(
                "ast_coord_boundary", "[[ra, ...], [dec, ...]] of at least three corners is needed"
            )
        boundary = (value[0], value[1])
    erode = settings.number("ast_erode_selection_region", 0.5)
    return Footprint.of(catalogue["RA"], catalogue["DEC"], erode, boundary)


def _binning(settings: Settings) -> Binning:
    edges = tuple(float(x) for x in settings.numbers("sd_custom")) if "sd_custom" in settings else None
    return Binning(
        settings.choice("sd_binmode", ("linear", "log"), "linear"),
        settings.integer("sd_Nbins", None, 1) if "sd_Nbins" in settings else None,
        settings.number("sd_binwidth") if "sd_binwidth" in settings else None,
        edges,
    )
