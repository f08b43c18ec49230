"""An invented library of atmospheres, filters and isochrones for the tests of the star grids."""

from __future__ import annotations

import h5py
import numpy as np

from fastsed.models.stars.atmospheres import Nodes, SpectralLibrary
from fastsed.models.stars.filter_curves import FilterCurve, filter_curve

LAM = np.geomspace(905.0, 30000.0, 400)
NAMES = ("HST_WFC3_F336W", "HST_ACS_WFC_F475W", "HST_ACS_WFC_F814W")
CENTRES = (3355.0, 4747.0, 8057.0)


def surface_flux(log_t: np.ndarray, log_g: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Black bodies times pi with a break that depends on gravity and metallicity (n, n_lam)."""
    temperature = 10.0 ** log_t[:, None]
    planck = 1.19104e27 / LAM**5 / np.expm1(np.minimum(1.4387769e8 / (LAM * temperature), 600))
    break_ = 1 - 0.1 * (LAM < 3700) * (log_g[:, None] / 5) * (1 + 20 * z[:, None])
    return np.pi * planck * break_


def library(log_t=None, log_g=None, metals=(0.004, 0.02), name="small") -> SpectralLibrary:
    """Atmospheres on a rectangle of nodes."""
    log_t = np.arange(3.5, 4.61, 0.1) if log_t is None else np.asarray(log_t)
    log_g = np.arange(0.0, 5.6, 0.5) if log_g is None else np.asarray(log_g)
    t, g, z = (grid.ravel() for grid in np.meshgrid(log_t, log_g, metals, indexing="ij"))
    return SpectralLibrary(name, Nodes(t, g, z), LAM, surface_flux(t, g, z))


def curves() -> list[FilterCurve]:
    """Three filters of 20 % width."""
    made = []
    for name, centre in zip(NAMES, CENTRES, strict=True):
        lam = np.linspace(0.85, 1.15, 61) * centre
        made.append(filter_curve(name, lam, np.maximum(1 - ((lam / centre - 1) / 0.12) ** 2, 0)))
    return made


def stars(n: int = 12, seed: int = 2, metals=(0.004, 0.02), ages=(7.0, 8.0, 9.0)) -> dict[str, np.ndarray]:
    """Isochrones inside of the library."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list] = {
        k: [] for k in ("Z", "logA", "M_ini", "M_act", "logL", "logT", "logg", "stage")
    }
    for z in metals:
        for age in ages:
            mass = np.sort(rng.uniform(0.7, 8, n))
            columns["Z"] += [z] * n
            columns["logA"] += [age] * n
            columns["M_ini"] += list(mass)
            columns["M_act"] += list(0.99 * mass)
            columns["logL"] += list(3.5 * np.log10(mass))
            columns["logT"] += list(3.76 + 0.5 * np.log10(mass))
            columns["logg"] += list(4.4 - 0.5 * np.log10(mass))
            columns["stage"] += [1.0] * n
    return {name: np.array(values) for name, values in columns.items()}


def write_library(path, atmospheres: SpectralLibrary) -> None:
    """BEAST's layout of a spectral grid."""
    nodes = atmospheres.nodes
    table = np.rec.fromarrays([nodes.log_t, nodes.log_g, nodes.z], names="logT,logg,Z")
    with h5py.File(path, "w") as f:
        f["seds"], f["lamb"], f["grid"] = atmospheres.spectra, atmospheres.lam, np.asarray(table)


def write_filters(path) -> None:
    """A library of the three filters."""
    with h5py.File(path, "w") as f:
        for curve in curves():
            rows = np.rec.fromarrays([curve.lam, curve.throughput], names="WAVELENGTH,THROUGHPUT")
            f[f"filters/{curve.name}"] = np.asarray(rows)
