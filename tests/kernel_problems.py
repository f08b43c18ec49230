"""Calls of the kernels on invented data of any size: for the instruction counts and for benchmarks/kernels.py.

Run as a program, `kernel_problems.py NAME ...` calls each of the kernels named once, at a fixed size, each in a
process of its own, so that callgrind counts them apart.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed._ext import (
    acceptable,
    best_fit,
    chi2_rows,
    gridio,
    photometry,
    posterior,
    sfh,
    simulate,
    spectra,
    views,
)
from fastsed.aligned import aligned_rows
from fastsed.fitting.groups import Groups, group_models, in_both_precisions
from fastsed.models.dust_skeleton import make_dust_skeleton

N_BAND = 7


@dataclass
class Problem:
    """Models (nband, nmodel) and galaxies among them, with noise, as the chi2 kernels want them.

    Attributes
    ----------
    n_model, n_source, n_band : int
    noise : float
        Error of a flux over the flux.
    """

    n_model: int
    n_source: int
    n_band: int = N_BAND
    noise: float = 0.1

    def __post_init__(self) -> None:
        rng = np.random.default_rng(0)
        # smooth spectra: few parameters, so that models compete
        x = np.linspace(-1, 1, self.n_band)
        powers = np.array([x, x**2, np.tanh(4 * x)])
        flux = np.exp(rng.normal(0, 1, (self.n_model, 3)) @ powers).T * rng.lognormal(0, 1, self.n_model)
        padded = aligned_rows(self.n_band, self.n_model)
        padded[:, : self.n_model] = flux
        truth = flux[:, rng.integers(self.n_model, size=self.n_source)].T * rng.lognormal(
            0, 1, (self.n_source, 1)
        )
        error = self.noise * truth
        self.active = np.arange(self.n_source)
        numbers = np.arange(self.n_model)
        self.flux = padded
        self.value = np.ascontiguousarray(truth + error * rng.standard_normal(truth.shape))
        self.variance = np.ascontiguousarray(error**2)
        self.template_error2 = np.full((1, self.n_band), 1e-4)
        self.tile = views.TileView(padded, None, numbers, numbers, nmain=self.n_band, first=0, iz=0, nz=1)
        self.data = views.DataView(
            self.value,
            self.variance,
            self.template_error2,
            own_spec_scale=np.zeros(self.n_source, dtype=np.uint8),
            log_component=np.full(self.n_source, -1, dtype=np.int32),
            log_lir=np.zeros(self.n_source),
            log_error=np.ones(self.n_source),
        )

    @cached_property
    def groups(self) -> Groups:
        """The models in groups."""
        return group_models(self.flux[:, : self.n_model])

    def find_best(self, n_threads: int = 1) -> dict[str, Any]:
        """Best models, from nothing."""
        n = self.n_source
        best = {name: np.full(n, np.nan) for name in ("chi2", "scale", "spec_scale")}
        best |= {"tolerance": np.zeros(n), "model": np.full(n, -1), "best_order": np.zeros(n, dtype=np.int64)}
        chosen = np.ones((1, n), dtype=np.uint8)
        best_fit.find_best([self.tile], self.data, chosen=chosen, **best, n_threads=n_threads)
        return best

    def simulation(self, n_sim: int, known: dict[str, Any] | None = None) -> dict[str, Any]:
        """Arguments of the kernel, but for `prune` and `n_threads`, with room for the results.

        From nothing, or from the results of another call, as where another tile has shown the best models.
        """
        noise = np.random.default_rng(1).standard_normal((n_sim, self.n_band))
        shape = (self.n_source, n_sim)
        if known is None:
            best = {name: np.full(shape, np.nan) for name in ("chi2", "scale", "spec_scale")}
            best |= {"best_order": np.full(shape, -1)}
        else:
            best = {name: known[name].copy() for name in ("chi2", "scale", "spec_scale", "best_order")}
        groups = self.groups
        space = views.SpaceView(
            groups.rows, groups.centres, groups.scale, groups.position, in_both_precisions(noise.T)
        )
        return best | {
            "tiles": [self.tile],
            "data": self.data,
            "spaces": [space],
            "chosen": np.ones((1, self.n_source), dtype=np.uint8),
            "offset": 0,
            "noise": noise,
            "log_noise": np.zeros(n_sim),
            "reach2": np.full((self.n_source, simulate.simulation_parts(n_sim)), np.inf),
        }

    def simulate(self, n_sim: int, prune: bool, n_threads: int = 1) -> dict[str, Any]:
        """Best models of simulations, from nothing; and the noise."""
        arguments = self.simulation(n_sim)
        simulate.simulate(**arguments, prune=prune, n_threads=n_threads)
        return {name: arguments[name] for name in ("chi2", "scale", "spec_scale", "best_order", "noise")}

    def acceptable_models(self, below: float, n_threads: int = 1) -> NDArray[np.void]:
        """Models with a chi2 below a number, by source and model."""
        limit = np.full(self.n_source, float(below))
        chosen = np.ones((1, self.n_source), dtype=np.uint8)
        rows = acceptable.acceptable_models([self.tile], self.data, chosen, limit, n_threads)
        return rows[np.lexsort((rows["model"], rows["source"]))]

    def all_chi2(self, n_threads: int = 1) -> dict[str, Any]:
        """chi2 and scales of all pairs."""
        found = {name: np.empty((self.n_source, self.n_model)) for name in ("chi2", "scale", "spec_scale")}
        chi2_rows.all_chi2(self.tile, self.data, active=self.active, **found, n_threads=n_threads)
        return found

    @cached_property
    def described(self) -> NDArray[np.float64]:
        """Of each model, with a scale of one: mass, rate (some have none), luminosity, and age; (4, >= nmodel)."""
        rows = aligned_rows(4, self.n_model)
        rows[:, : self.n_model] = np.random.default_rng(2).random((4, self.n_model)) * [[3], [4], [2], [1e10]]
        rows[1, : self.n_model : 5] = np.nan
        return rows

    def weigh(
        self, n_cell: int, n_threads: int = 1, known: posterior.Weights | None = None
    ) -> posterior.Weights:
        """Weights of the models as so many dust cells of each population.

        From nothing, when no model can be left out before its weight is known, or with the largest weights of
        another call. The axes have 1, 1, n_cell, 1 and nmodel / n_cell values: redshift, metallicity, A_V, that of
        birth clouds, population.
        """
        found = posterior.Weights(
            self.n_source,
            3 + n_cell + self.n_model // n_cell,
            1,
            factor=np.array([1.0, 1.0, 1.0, 0.0]),
            per_step=np.array([100.0, 100.0, 100.0, 0.0]),
            of_model=np.array([1, 1, 1, 0], dtype=np.uint8),
            is_ratio=np.zeros(4, dtype=np.uint8),
            cut=25.0,
            marginal=False,
        )
        if known is not None:
            found.sums[:, 1] = known.sums[:, 1]
        self.add_weights(found, n_cell, n_threads)
        found.broaden(np.full(self.n_source, 0.05), np.empty(0), n_threads)
        return found

    def add_weights(self, found: posterior.Weights, n_cell: int, n_threads: int = 1) -> None:
        """Add the weights of the models to those found so far."""
        n_population = self.n_model // n_cell
        unit = np.exp2(np.ceil(np.log2(np.nanmax(self.flux, axis=1))))
        single = aligned_rows(self.n_band, self.n_model, np.float32)
        single[:] = self.flux / unit[:, None]
        ln_weight = aligned_rows(1, self.n_model, np.float32)[0]
        ln_weight[self.n_model :] = -np.inf
        ln_weight[: self.n_model] = 1e-30
        cells, populations = np.arange(n_cell), np.arange(n_population)
        piece = posterior.PieceView(
            self.tile,
            single,
            ln_weight,
            unit,
            np.zeros(self.n_model),
            self.described,
            np.array([2 + cells, np.full(n_cell, 2 + n_cell)]),
            3 + n_cell + populations[None],
            np.repeat(cells, n_population // posterior.LANES),
            np.tile(populations[:: posterior.LANES], n_cell),
            0,
            1,
        )
        only = np.zeros(self.n_source, dtype=np.int64)
        found.add([piece], self.data, 0, np.zeros((1, 1)), only, only, n_threads)


@dataclass
class Spectra:
    """Spectra (nlam, nspectrum) behind screens, and bands to see them in."""

    n_lam: int
    n_spectrum: int
    n_screen: int
    n_band: int = N_BAND

    def __post_init__(self) -> None:
        self.lam = np.geomspace(100, 1e6, self.n_lam)
        rng = np.random.default_rng(0)
        self.sed = rng.lognormal(0, 1, (self.n_lam, self.n_spectrum)).astype(np.float32)
        self.screens = np.exp(-np.linspace(0, 3, self.n_screen) * (5000 / self.lam)[:, None])
        shape = np.sin(np.linspace(0, np.pi, 100))
        centres = np.geomspace(3000, 20000, self.n_band)
        self.bands = [(np.linspace(0.85 * c, 1.15 * c, 100), shape / c) for c in centres]
        self.transmission = np.ones(self.n_lam)
        self.skeleton = make_dust_skeleton(np.ascontiguousarray(self.screens.T))
        self.out = np.empty((self.n_band, self.n_screen, self.n_spectrum))

    def band_fluxes(self) -> None:
        """Fluxes at redshift 1."""
        photometry.band_fluxes(
            windows=photometry.BandWindows(self.lam, 2.0, self.bands, self.transmission),
            dust=self.skeleton.arguments,
            sed=self.sed,
            out=self.out,
        )


def interpolate_spectra(n_history: int, n_age: int, n_lam: int) -> None:
    """Spectra of several histories between the ages of a library."""
    rng = np.random.default_rng(0)
    early, late = rng.random((2, n_history, n_age))
    spectra.interpolate_spectra(
        histories=[rng.random((n_age + 1, n_lam), dtype=np.float32) for _ in range(n_history)],
        left=np.tile(np.arange(n_age), (n_history, 1)),
        early=early,
        late=late,
        out=np.empty((n_lam, n_age * n_history), dtype=np.float32),
    )


def banded_product(n_row: int, n_age: int, width: int) -> None:
    """Integrals of histories over age bins."""
    rows = np.random.default_rng(0).random((n_row, n_age + width))
    sfh.banded_product(
        rows=rows,
        weights=np.ones(n_age * width),
        begin=np.arange(n_age + 1) * width,
        first=np.arange(n_age),
        out=np.empty((n_row, n_age)),
        num_threads=1,
    )


def shape_quantities(n_row: int, n_time: int) -> None:
    """Times and rates of exponential histories."""
    t = np.linspace(0, 1e9, n_time)
    rates = np.exp(t / np.geomspace(1e8, 1e10, n_row)[:, None])
    sfh.shape_quantities(
        t=t,
        sfr=rates,
        share=0.683,
        formed=np.array([0.1, 0.5, 0.9]),
        factors=np.array([3.0, 10.0]),
        out=np.empty((n_row, 7)),
        num_threads=1,
    )


def weigh_twice(problem: Problem, n_cell: int) -> None:
    """Weights from nothing, and where the largest is known."""
    problem.weigh(n_cell, known=problem.weigh(n_cell))


def fill_block(n_source: int, n_model: int) -> tuple[np.ndarray, np.ndarray]:
    """A block of the chi2 grid: chi2 (nsource, nmodel), which are also the scales, and the block."""
    n_property = 9
    values = np.random.default_rng(0).random((n_source, n_model))
    block = np.empty((n_model, 1 + n_property, n_source), dtype=np.float32)
    gridio.fill_block(
        chi2=values,
        scale=values,
        spec_scale=values,
        column=np.arange(n_source),
        properties=np.ones((n_model, n_property)),
        scales=np.arange(n_property, dtype=np.uint8) % 2,
        spec_row=0,
        block=block,
        n_threads=1,
    )
    return values, block


# one call of each kernel, some ten million instructions
FIXED: dict[str, Callable[[], object]] = {
    "find_best": lambda: Problem(4000, 400).find_best(),
    "simulate": lambda: Problem(2000, 20).simulate(100, prune=False),
    "simulate pruned": lambda: Problem(4000, 40).simulate(100, prune=True),
    "acceptable_models": lambda: Problem(4000, 100).acceptable_models(10),
    "all_chi2": lambda: Problem(4000, 50).all_chi2(),
    "weigh": lambda: weigh_twice(Problem(3720, 40, noise=0.5), 31),
    "group_models": lambda: Problem(20000, 1).groups,
    "interpolate_spectra": lambda: interpolate_spectra(10, 20, 20000),
    "band_fluxes": lambda: Spectra(20000, 44, 31).band_fluxes(),
    "band_fluxes narrow": lambda: Spectra(20000, 11, 31).band_fluxes(),
    "banded_product": lambda: banded_product(200, 200, 200),
    "shape_quantities": lambda: shape_quantities(200, 2000),
    "fill_block": lambda: fill_block(100, 1000),
}


def call_apart(name: str) -> None:
    """Call a kernel in a child process, and print its name and the child's number."""
    child = os.fork()
    if child == 0:
        FIXED[name]()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"{name} failed")
    print(f"{child} {name}", flush=True)


if __name__ == "__main__":
    for kernel in sys.argv[1:]:
        call_apart(kernel)
