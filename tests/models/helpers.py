"""A small invented library, small filters, and the slow way to model fluxes: helpers of the grid's tests."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

from fastsed.inputs.filters import Response
from fastsed.library.ssp import write_ssp_hdf5
from fastsed.library.types import Library
from fastsed.models.attenuation import attenuation_curve
from fastsed.models.axes import history_axes, make_axes
from fastsed.models.cosmology import Cosmology
from fastsed.models.grid import ModelGrid
from fastsed.models.igm import igm_transmission
from fastsed.models.tile import Rows
from fastsed.params import Params, read_params

AGES = np.array([0.0, 1e6, 4e6, 1e7, 4e7, 1e8, 3e8, 7e8, 1.5e9, 3e9, 6e9, 1e10, 1.4e10, 2e10])
LAM = np.unique(np.concatenate([np.geomspace(91.0, 2e5, 260), np.linspace(3000.0, 9000.0, 121)]))
METALS = (0.008, 0.02)
LOG_TAUS = (8.5, 9.5)


def spectra(seed: int, n: int) -> np.ndarray:
    """Rough positive spectra, exact in single precision."""
    rng = np.random.default_rng(seed)
    colour = rng.uniform(-2.0, -0.2, (n, 1))
    sed = 1e-4 * (LAM / 5000.0) ** colour * rng.uniform(0.5, 1.5, (n, len(LAM)))
    return single(sed)


def single(values: np.ndarray) -> np.ndarray:
    """Values rounded to single precision, in which spectra are kept."""
    return values.astype(np.float32).astype(float)


def simple(metal: float) -> Library:
    """SSPs."""
    n = len(AGES)
    surviving = np.linspace(0.98, 0.6, n)
    return Library(
        AGES, LAM, spectra(int(metal * 1e4), n), surviving, np.zeros(n), np.ones(n), "ssp", metal, "test",
        {"LIBRARY": "toy", "RESOLUTION": "lr", "IMF": "ch"},
    )  # fmt: skip


def gridded(metal: float, log_tau: float) -> Library:
    """One star formation history with spectra and masses of no astrophysical meaning."""
    n = len(AGES)
    rng = np.random.default_rng(int(metal * 1e4 + log_tau * 10))
    formed = np.cumsum(rng.uniform(0, 0.1, n))
    return Library(
        AGES, LAM, spectra(int(metal * 1e4 + log_tau * 100), n), 0.7 * formed, rng.uniform(0, 1e-9, n),
        formed, "gridded", metal, "test", {"LIBRARY": "toy", "RESOLUTION": "lr", "IMF": "ch", "SFH": "exp"},
    )  # fmt: skip


def write_library(folder: Path) -> Path:
    """Write the SSPs (`toy_lr_ch`) and the gridded family of SFH 'exp'."""
    write_ssp_hdf5(folder / "toy_lr_ch.hdf5", [simple(metal) for metal in METALS])
    both = list(product(METALS, LOG_TAUS))
    write_ssp_hdf5(folder / "toy_lr_ch_exp.hdf5", [gridded(*one) for one in both], [tau for _, tau in both])
    return folder


def make_params(library_dir: Path | str, *overrides: str) -> Params:
    """Parameters of a small grid; `overrides` are KEY=value."""
    return read_params(
        None,
        [
            f"LIBRARY_DIR={library_dir}", "LIBRARY=toy", "RESOLUTION=lr", "IMF=ch", "SFH=exp", "NO_CACHE=1",
            "LOG_TAU_MIN=8.5", "LOG_TAU_MAX=9.5", "LOG_TAU_STEP=1", "METAL=[0.02]",
            "LOG_AGE_MIN=7.7", "LOG_AGE_MAX=9.7", "LOG_AGE_STEP=0.5",
            "Z_MIN=0.3", "Z_MAX=4.3", "Z_STEP=1", "A_V_MIN=0", "A_V_MAX=1", "A_V_STEP=0.5", *overrides,
        ],
    )  # fmt: skip


def make_filter(low: float, high: float, n: int = 12, number: int = 1, seed: int = 0) -> Response:
    """A filter of random shape with unit integral."""
    rng = np.random.default_rng(seed)
    lam = np.sort(np.concatenate([[low, high], rng.uniform(low, high, n - 2)]))
    response = rng.uniform(0.1, 1.0, n)
    response /= np.trapezoid(response, lam)
    return Response(number, f"test {number}", lam, response, float(np.trapezoid(lam * response, lam)))


BANDS = [
    make_filter(3000.0, 4100.0, 15, 1, 1),
    make_filter(5000.0, 7000.0, 40, 2, 2),
    make_filter(8800.0, 9300.0, 5, 3, 3),
    make_filter(2.0e4, 2.4e4, 20, 4, 4),
]


def make_grid(params: Params, bands=BANDS, **more) -> ModelGrid:
    """The grid of a parameter file."""
    axes = make_axes(params, history_axes(params))
    more.setdefault("cache_dir", params.output_dir)
    return ModelGrid(params, axes, list(bands), Rows(len(bands)), **more)


def union_integral(lam: np.ndarray, sed: np.ndarray, band: Response) -> float:
    """Trapezoid of response x spectrum on the points of both; 0 where the band leaves the spectrum."""
    if band.lam[0] < lam[0] or band.lam[-1] > lam[-1]:
        return 0.0
    inside = (lam > band.lam[0]) & (lam < band.lam[-1])
    x = np.union1d(lam[inside], band.lam)
    return float(np.trapezoid(np.interp(x, lam, sed) * np.interp(x, band.lam, band.response), x))


def interpolated(library: Library, log_age: float, values: np.ndarray) -> np.ndarray:
    """Linear in log10(age)."""
    known = np.log10(library.ages[1:])
    i = int(np.clip(np.searchsorted(known, log_age) - 1, 0, len(known) - 2))
    x = (log_age - known[i]) / (known[i + 1] - known[i])
    return values[i + 1] * (1 - x) + values[i + 2] * x


def custom_weights(t: np.ndarray, sfr: np.ndarray) -> np.ndarray:
    """Stars formed in the age bin of each SSP, piece by piece."""
    edges = np.concatenate([[0.0], 0.5 * (AGES[1:] + AGES[:-1]), AGES[-1:]])
    weights = np.zeros(len(AGES))
    for i in range(len(AGES)):
        low, high = (min(edge, t[-1]) for edge in edges[i : i + 2])
        if high > low:
            x = np.union1d(t[(t > low) & (t < high)], [low, high])
            weights[i] = np.trapezoid(np.interp(x, t, sfr), x)
    return weights


def slow_spectra(params: Params, grid: ModelGrid, history) -> dict:
    """Spectra [Lsun/A] without dust: (ilage, imetal, *indices) -> [(spectrum, extra with Av_bc)].

    `history(t, lage, *parameters)` gives the SFR at lookback times t of a custom history; None: gridded.
    """
    found = {}
    axes = grid.axes
    for ilage, imetal, *place in product(*(range(n) for n in axes.shape[3:])):
        lage, metal = (
            float(axes.lage[ilage]),
            METALS[int(np.argmin(np.abs(np.array(METALS) - axes.metal[imetal])))],
        )
        parameters = [float(values[i]) for values, i in zip(axes.values[5:], place, strict=True)]
        if history is None:
            library = gridded(metal, round(parameters[0], 3))
            found[ilage, imetal, *place] = [(single(interpolated(library, lage, library.sed)), False)]
            continue
        step = params.custom_sfh_step * 1e6
        t = step * np.arange(int(np.ceil(10**lage / step)) + 1)
        weights = custom_weights(t, history(t, lage, *parameters) + 0 * t)
        young = (10**params.log_bc_age_max >= AGES) & params.differential_a_v
        sed = simple(metal).sed
        found[ilage, imetal, *place] = [
            (weights[young] @ sed[young], True), (weights[~young] @ sed[~young], False),
        ]  # fmt: skip
    return found


def slow_fluxes(params: Params, grid: ModelGrid, history=None) -> np.ndarray:
    """Band fluxes of all models, model by model, in the shape of the grid with the bands last.

    NaN where the model is older than the Universe.
    """
    axes = grid.axes
    cosmology = Cosmology(params.h0, params.omega_m, params.omega_l)
    k = attenuation_curve(params.dust_law, LAM, params.e_b, params.delta)
    parts = slow_spectra(params, grid, history)
    flux = np.full((*axes.shape, len(grid.bands)), np.nan)
    for iz, z in enumerate(axes.z.astype(float)):
        factor = float(cosmology.luminosity_to_flux(z))
        igm = igm_transmission(LAM, z, None if params.no_igm else params.igm)
        oldest = np.log10(float(cosmology.age(z)) * 1e9)
        for iav, ibc in product(range(axes.shape[1]), range(axes.shape[2])):
            av, av_bc = float(axes.values[1][iav]), float(axes.values[2][ibc])
            for place, components in parts.items():
                if axes.lage[place[0]] > oldest and not params.no_max_age:
                    continue
                seen = sum(sed * 10 ** (-0.4 * (av + av_bc * extra) * k) for sed, extra in components)
                observed = seen * igm * factor
                flux[(iz, iav, ibc, *place)] = [
                    union_integral(LAM * (1 + z), observed, b) for b in grid.bands
                ]
    return flux


def tiled_fluxes(grid: ModelGrid, wanted=None) -> tuple[np.ndarray, list]:
    """The same from the tiles, NaN where no tile has the model; and the tiles. A model may come once."""
    axes = grid.axes
    wanted = np.ones(len(axes.z), dtype=bool) if wanted is None else wanted
    flux = np.full((axes.size, len(grid.bands)), np.nan)
    count = np.zeros(axes.size, dtype=int)
    tiles = list(grid.tiles(wanted))
    for tile in tiles:
        ids = tile.iz * axes.models_per_redshift + tile.ids
        np.add.at(count, ids, 1)
        flux[ids] = tile.flux[:, : tile.n_models].T
        assert not tile.flux[:, tile.n_models :].any(), "the padding holds fluxes"
        assert tile.flux.shape[1] % 16 == 0
    assert count.max(initial=0) <= 1, "a model is in two tiles"
    return flux.reshape(*axes.shape, -1), tiles
