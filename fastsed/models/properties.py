"""Physical properties of given models: modelIDs in; masses, rates, luminosities, indices per unit scale out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fastsed.models.grid import ModelGrid
from fastsed.models.indices import combine
from fastsed.models.populations import Populations
from fastsed.models.sfh import parse_sfh_quantities, sfh_quantities
from fastsed.models.spectrum import populations_of

# populations whose histories are in memory together
POPULATIONS_AT_ONCE = 1024

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def property_names(grid: ModelGrid) -> list[str]:
    """Names of the properties, in the order in which grids and simulations hold them."""
    from fastsed.outputs.columns import property_columns

    return [c.name for c in property_columns(grid.params, {i.name: i.kind for i in grid.indices})]


def model_properties(grid: ModelGrid, model_ids: Ints) -> dict[str, Floats]:
    """Properties of models, for a scale of one.

    Parameters
    ----------
    grid : ModelGrid
    model_ids : (n,) int64

    Returns
    -------
    dict of name -> (n,)
        Masses [Msun], rates [Msun/yr], luminosities [Lsun], magnitudes as flux [microjansky] at 10 pc, indices
        [Angstrom or none], la2t as log10; linear, in the order of `property_names` (sscale is left at one).
    """
    axes = grid.axes
    _, iav, ibc, ilage, _, *history = axes.indices(model_ids)
    cell = iav * axes.shape[2] + ibc
    imetal, population = populations_of(axes, model_ids)

    names = property_names(grid)
    values = {name: np.full(len(model_ids), np.nan) for name in names}
    for metal in np.unique(imetal):
        for rows in _few_populations(np.flatnonzero(imetal == metal), population):
            for name, found in _of_one_metal(grid, int(metal), cell[rows], population[rows]).items():
                values[name][rows] = found
    values["lscale"][:] = values["sscale"][:] = 1.0
    if "la2t" in values:
        tau = axes.as_dict()["ltau"][history[0]]
        values["la2t"][:] = axes.lage[ilage].astype(float) - tau
    return values


def _few_populations(rows: Ints, population: Ints) -> Iterator[Ints]:
    """Split rows into sets that hold a bounded number of populations: each has a history to be looked at."""
    ordered = rows[np.argsort(population[rows], kind="stable")]
    rank = np.cumsum(np.diff(population[ordered], prepend=-1) != 0) - 1
    yield from np.split(ordered, np.flatnonzero(np.diff(rank // POPULATIONS_AT_ONCE)) + 1)


def _of_one_metal(grid: ModelGrid, metal: int, cell: Ints, population: Ints) -> dict[str, Floats]:
    """Properties that depend on the library, for models of one metallicity."""
    own = grid.metal(metal)
    numbers, place = np.unique(population, return_inverse=True)
    weights = own.populations.weights(numbers)
    masses = own.populations.masses(numbers)

    def of_models(table: Floats) -> Floats:
        """Value of each model from a (ncell, nbasis) table."""
        if weights is None:
            return table[cell, population]
        return np.einsum("ij,ij->i", table[cell], weights[place])

    with np.errstate(divide="ignore", invalid="ignore"):
        rate = masses.sfr / masses.living
    values = {
        "lmass": masses.living[place],
        "lsfr": masses.sfr[place],
        "lssfr": rate[place],
        "lldust": of_models(own.rest.absorbed),
        "lldust_bc": of_models(own.rest.absorbed_young),
        "llion": own.rest.ionising[population] if weights is None else (weights @ own.rest.ionising)[place],
        "lmform": masses.formed[place],
    }
    n_magnitudes = len(grid.magnitude_bands)
    for band, table in zip(grid.magnitude_bands, own.rest.attenuated[:n_magnitudes], strict=True):
        values[f"M{band.number}"] = of_models(table)
    start = n_magnitudes
    for index in grid.indices:
        stop = start + len(index.windows)
        means = np.stack([of_models(table) for table in own.rest.attenuated[start:stop]], axis=-1)
        values[index.name] = combine(index, means)
        start = stop
    return values | {
        name: v[place] for name, v in _history_quantities(grid, own.populations, numbers).items()
    }


def _history_quantities(grid: ModelGrid, populations: Populations, numbers: Ints) -> dict[str, Floats]:
    """The SFH_QUANTITIES of populations, (n,) each."""
    wanted = parse_sfh_quantities(grid.params.sfh_quantities)
    values = {quantity.name: np.empty(len(numbers)) for quantity in wanted}
    if not wanted:
        return values
    for rows, t, sfr in populations.histories(numbers):
        for quantity, found in zip(wanted, sfh_quantities(t, sfr, wanted, grid.n_threads).T, strict=True):
            values[quantity.name][rows] = found
    return values
