"""Physical properties of given models: modelIDs in; masses, rates, luminosities, indices per unit scale out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fastsed.arrays import Floats, Ints
from fastsed.models.axes import divided
from fastsed.models.grid import Metal, ModelGrid
from fastsed.models.indices import combine
from fastsed.models.populations import Populations
from fastsed.models.sfh import sfh_quantities
from fastsed.quantities import property_quantities
from fastsed.sfh_quantities import SfhQuantity, parse_sfh_quantities

# populations whose histories are in memory together
POPULATIONS_AT_ONCE = 1024


def property_names(grid: ModelGrid) -> list[str]:
    """Names of the properties, in the order in which grids and simulations hold them."""
    return [c.name for c in property_quantities(grid.params, {i.name: i.kind for i in grid.indices})]


def need_spectra(grid: ModelGrid, names: Sequence[str]) -> bool:
    """Whether some of these properties are found from spectra, the others being of masses and histories."""
    from_spectra = {"lldust", "lldust_bc", "llion"}
    from_spectra.update(f"M{band.number}" for band in grid.magnitude_bands)
    from_spectra.update(index.name for index in grid.indices)
    return not from_spectra.isdisjoint(names)


def model_properties(
    grid: ModelGrid, model_ids: Ints, names: Sequence[str] | None = None
) -> dict[str, Floats]:
    """Properties of models, for a scale of one.

    Parameters
    ----------
    grid : ModelGrid
    model_ids : (n,) int64
    names : sequence of str, optional
        Of the properties wanted; some need the spectra of the library. All of `property_names` by default.

    Returns
    -------
    dict of name -> (n,)
        Masses [Msun], rates [Msun/yr], luminosities [Lsun], magnitudes as flux [microjansky] at 10 pc, indices
        [Angstrom or none], la2t as log10; linear, in the order of `names` (sscale is left at one).
    """
    names = property_names(grid) if names is None else names
    # those of a model are the same at every redshift
    rest = divided(model_ids, grid.axes.models_per_redshift)[1]
    if grid.axes.models_per_redshift > len(rest):
        return {name: single(values) for name, values in _at_rest(grid, rest, names).items()}
    numbers, position = _distinct(rest)
    return {name: single(values)[position] for name, values in _at_rest(grid, numbers, names).items()}


def single(values: Floats) -> Floats:
    """The values rounded to single precision, in which FAST++ keeps properties: tiny ones become 0."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return values.astype(np.float32).astype(np.float64)


def _at_rest(grid: ModelGrid, model_ids: Ints, names: Sequence[str]) -> dict[str, Floats]:
    """As `model_properties`, for models of the first redshift."""
    axes = grid.axes
    cell, imetal, population = axes.cells_and_populations(model_ids)
    values = {name: np.full(len(model_ids), np.nan) for name in names}
    for metal in _distinct(imetal)[0]:
        for rows in _few_populations(np.flatnonzero(imetal == metal), population):
            for name, result in _of_one_metal(grid, int(metal), cell[rows], population[rows], names).items():
                values[name][rows] = result
    for name in {"lscale", "sscale"}.intersection(names):
        values[name][:] = 1.0
    if "la2t" in values:
        ilage, itau = divided(population, axes.n_history)
        values["la2t"][:] = axes.lage[ilage].astype(float) - axes.as_dict()["ltau"][itau]
    return values


def _few_populations(rows: Ints, population: Ints) -> Iterator[Ints]:
    """Split rows into sets that hold a bounded number of populations: each has a history to be looked at."""
    numbers, position = _distinct(population[rows])
    if len(numbers) <= POPULATIONS_AT_ONCE:
        yield rows
        return
    ordered = np.argsort(position, kind="stable")
    batch = position[ordered] // POPULATIONS_AT_ONCE
    yield from np.split(rows[ordered], np.flatnonzero(np.diff(batch)) + 1)


def _distinct(numbers: Ints) -> tuple[Ints, Ints]:
    """As `numpy.unique` with its inverse, for numbers that are not large: without sorting."""
    present = np.zeros(int(numbers.max(initial=-1)) + 1, dtype=bool)
    present[numbers] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[numbers]


def _of_one_metal(
    grid: ModelGrid, metal: int, cell: Ints, population: Ints, names: Sequence[str]
) -> dict[str, Floats]:
    """Properties that depend on the library, for models of one metallicity."""
    library = grid.metal(metal)
    numbers, row = _distinct(population)
    masses = library.populations.masses(numbers)
    values = {"lmass": masses.surviving[row], "lsfr": masses.sfr[row], "lmform": masses.formed[row]}
    if "lssfr" in names:
        with np.errstate(divide="ignore", invalid="ignore"):
            values["lssfr"] = (single(masses.sfr) / single(masses.surviving))[row]
    if need_spectra(grid, names):
        values |= _from_spectra(grid, library, cell, numbers, row, names)
    quantities = [q for q in parse_sfh_quantities(grid.params.sfh_quantities) if q.name in names]
    histories = _history_quantities(grid, library.populations, numbers, quantities)
    values |= {name: of_history[row] for name, of_history in histories.items()}
    return {name: values[name] for name in names if name in values}


def _from_spectra(
    grid: ModelGrid, library: Metal, cell: Ints, numbers: Ints, row: Ints, names: Sequence[str]
) -> dict[str, Floats]:
    """Properties that integrate the spectra of models; `row` is that of each model's population in `numbers`."""
    weights = library.populations.weights(numbers)
    rest, columns = library.rest_of(numbers)

    def of_models(table: Floats) -> Floats:
        """Value of each model from a (ncell, nbasis) table."""
        if weights is None:
            return table[cell, columns[row]]
        sums: Floats = np.einsum("ij,ij->i", table[cell], weights[row])
        return sums

    values: dict[str, Floats] = {}
    if "lldust" in names:
        values["lldust"] = of_models(rest.absorbed)
    if "lldust_bc" in names:
        values["lldust_bc"] = of_models(rest.absorbed_young)
    if "llion" in names:
        values["llion"] = rest.ionising[columns[row]] if weights is None else (weights @ rest.ionising)[row]
    for band, table in zip(grid.magnitude_bands, rest.attenuated, strict=False):
        if f"M{band.number}" in names:
            values[f"M{band.number}"] = of_models(table)
    start = len(grid.magnitude_bands)
    for index in grid.indices:
        tables = rest.attenuated[start : start + len(index.windows)]
        start += len(index.windows)
        if index.name in names:
            values[index.name] = combine(index, np.stack([of_models(table) for table in tables], axis=-1))
    return values


def _history_quantities(
    grid: ModelGrid, populations: Populations, numbers: Ints, requested: list[SfhQuantity]
) -> dict[str, Floats]:
    """SFH_QUANTITIES of populations, (n,) each."""
    values = {quantity.name: np.empty(len(numbers)) for quantity in requested}
    if not requested:
        return values
    for rows, t, sfr in populations.histories(numbers):
        for quantity, result in zip(
            requested, sfh_quantities(t, sfr, requested, grid.n_threads).T, strict=True
        ):
            values[quantity.name][rows] = result
    return values
