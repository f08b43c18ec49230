"""The fit of a star by the definition, in plain numpy, and small random grids to try it on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastsed.fitting.stars.parameters import Bins, percentiles
from fastsed.fitting.stars.source import ArrayModels, FullCovariance


@dataclass
class Direct:
    """Posterior of one star over all models."""

    lnp: np.ndarray
    chi2: np.ndarray
    members: np.ndarray
    weights: np.ndarray

    @property
    def best(self) -> int:
        return int(np.nanargmax(np.where(np.isfinite(self.lnp), self.lnp, -np.inf)))

    def pdf(self, values: np.ndarray, bins: Bins) -> np.ndarray:
        x = np.log10(values) if bins.log else values
        code = np.clip(np.digitize(x[self.members], bins.edges) - 1, 0, bins.n_bins - 1)
        return np.bincount(code, self.weights, bins.n_bins)

    def percentiles(self, values: np.ndarray, bins: Bins) -> np.ndarray:
        return percentiles(self.pdf(values, bins)[None], bins.centres, (16, 50, 84))[0]


def fit_directly(models: ArrayModels, flux: np.ndarray, threshold: float = -10.0) -> Direct:
    """ln P of every model, the models above the threshold, their normalised weights."""
    weight = models.table["weight"]
    k = models.seds.shape[1]
    difference = flux - models.seds - models.bias
    with np.errstate(all="ignore"):
        if models.covariance is None:
            error = np.abs(models.error)
            chi2 = (difference**2 / error**2).sum(axis=1)
            constant = -np.log(error).sum(axis=1)
        else:
            full = models.covariance
            inverse = np.zeros((len(weight), k, k))
            first, second = np.triu_indices(k, 1)
            inverse[:, first, second] = inverse[:, second, first] = full.off_diagonal
            inverse[:, np.arange(k), np.arange(k)] = full.diagonal
            chi2 = np.einsum("ni,nij,nj->n", difference, inverse, difference)
            constant = full.q_norm
        lnp = (
            constant
            - 0.5 * k * np.log(2 * np.pi)
            - 0.5 * chi2
            + np.log(weight)
            - np.log(weight[weight > 0].sum())
        )
    lnp[~(weight > 0)] = -np.inf
    lnp[~np.isfinite(lnp)] = -np.inf
    if not np.isfinite(lnp).any():
        return Direct(lnp, chi2, np.zeros(0, int), np.zeros(0))
    members = np.flatnonzero(lnp - lnp.max() > threshold)
    relative = np.exp(lnp[members] - lnp.max())
    return Direct(lnp, chi2, members, relative / relative.sum())


def random_models(
    n_spectra: int, n_dust: int, n_filters: int, seed: int, error: str = "fraction"
) -> ArrayModels:
    """A grid of spectra times dust points, with parameters of all kinds.

    `error`: "fraction" (of the flux), "floor" (and a constant), "full" (with covariances).
    """
    rng = np.random.default_rng(seed)
    spectrum = np.tile(np.arange(n_spectra), n_dust)
    dust = np.repeat(np.arange(n_dust), n_spectra)
    n = n_spectra * n_dust
    temperature = rng.uniform(3.5, 4.5, n_spectra)
    size = rng.uniform(-2, 2, n_spectra)
    extinction = np.sort(rng.uniform(0, 3, n_dust))
    x = np.linspace(0, 1, n_filters)
    log_flux = (
        -18
        + size[:, None]
        + (temperature[:, None] - 4) * (1.5 - 2 * x)
        + 0.1 * np.sin(9 * temperature[:, None] * x)
    )
    seds = 10 ** (log_flux[spectrum] - 0.4 * extinction[dust][:, None] * (1.6 - x))
    bias = 1e-20 * rng.normal(size=seds.shape)
    err = 0.1 * seds if error == "fraction" else np.sqrt((0.05 * seds) ** 2 + 3e-20**2)
    table = {
        "Av": extinction[dust],
        "Rv": rng.choice([2.0, 3.1, 5.0], n_dust)[dust],
        "f_A": np.ones(n),
        "distance": np.full(n, 5e4),
        "weight": rng.uniform(0.1, 2, n) * (rng.random(n) > 0.05),
        "specgrid_indx": spectrum.astype(float),
        "logT": temperature[spectrum],
        "M_ini": 10 ** rng.uniform(-1, 1.5, n_spectra)[spectrum],
        "stage": np.ones(n),
        "logX_wd": np.log10(seds[:, 0]),
    }
    covariance = random_covariance(rng, err) if error == "full" else None
    filters = tuple(f"F{k}" for k in range(n_filters))
    return ArrayModels(filters, seds, table, bias, err, covariance=covariance)


def random_covariance(rng: np.random.Generator, error: np.ndarray) -> FullCovariance:
    """Covariances with these errors and random correlations."""
    n, k = error.shape
    root = rng.normal(size=(n, k, k)) * 0.4 + np.eye(k)
    correlation = root @ root.transpose(0, 2, 1)
    scale = error / np.sqrt(np.einsum("nii->ni", correlation))
    matrix = correlation * scale[:, :, None] * scale[:, None, :]
    first, second = np.triu_indices(k, 1)
    inverse = np.linalg.inv(matrix)
    norm = -0.5 * np.linalg.slogdet(correlation)[1] - np.log(scale).sum(axis=1)
    return FullCovariance(norm, np.einsum("nii->ni", inverse).copy(), inverse[:, first, second])


def random_stars(models: ArrayModels, n: int, seed: int, factor: float = 1.0) -> np.ndarray:
    """Models with noise."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(models.seds), n)
    noise = models.error[rows] * rng.normal(size=(n, models.seds.shape[1]))
    return factor * (models.seds[rows] + models.bias[rows] + noise)


def hard_stars(models: ArrayModels, n: int, seed: int) -> dict[str, np.ndarray]:
    """Stars that the grid fits, and several kinds that it does not."""
    usual = random_stars(models, n, seed)
    one_band, zero, negative = usual.copy(), usual.copy(), usual.copy()
    one_band[:, 1] *= 1e4
    zero[:, ::2] = 0
    negative[:, 0] *= -1
    return {
        "usual": usual,
        "twice": 2 * usual,
        "twenty": 20 * usual,
        "one band": one_band,
        "zero": zero,
        "negative": negative,
        "all negative": -usual,
        "nothing": np.zeros_like(usual),
        "enormous": 1e8 * usual,
    }


def sharp_models(n: int, n_filters: int, signal_to_noise: float, seed: int, copies: int = 1) -> ArrayModels:
    """Models that differ by some standard deviations, which are a tiny part of their fluxes; some lie far off.

    Single precision resolves such differences badly, which is what the margins of the search are for. With 16 copies
    of each model, bounds of groups leave nothing to spare.
    """
    rng = np.random.default_rng(seed)
    n //= copies
    centre = 10 ** rng.uniform(-19, -15, n_filters)
    offset = rng.normal(size=(n, n_filters)) * rng.choice(
        [0.7, 3, 100, 3e4], (n, 1), p=[0.5, 0.3, 0.15, 0.05]
    )
    seds = centre * (1 + offset / signal_to_noise)
    error = centre / signal_to_noise * rng.uniform(0.8, 1.25, seds.shape)
    weight, seds, error = (np.repeat(a, copies, axis=0) for a in (rng.uniform(0.5, 2, n), seds, error))
    table = {"weight": weight, "specgrid_indx": np.arange(float(len(seds))), "Av": np.zeros(len(seds))}
    filters = tuple(f"F{k}" for k in range(n_filters))
    return ArrayModels(filters, seds, table, np.zeros_like(seds), error)
