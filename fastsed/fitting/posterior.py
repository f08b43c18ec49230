"""Posteriors: tiles, data and priors in; for each source the weights of all models over axes and properties out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fastsed._ext.posterior import LANES, PieceView, Weights
from fastsed._ext.views import TileView
from fastsed.aligned import aligned_rows
from fastsed.arrays import Flags, Floats, Ints, Mask, Singles
from fastsed.fitting.kernel_views import data_view
from fastsed.fitting.observations import Observations
from fastsed.fitting.passes import runs
from fastsed.fitting.posterior_estimates import Histograms, PosteriorEstimates, estimate
from fastsed.models.axes import AGE, ATTENUATION, HISTORY, METALLICITY, Axes, Role
from fastsed.models.grid import ModelGrid
from fastsed.models.properties import model_properties, need_spectra
from fastsed.models.tile import Tile
from fastsed.quantities import Quantity

# models that the kernel takes together: their fluxes and weights should stay in the processor's cache
PIECE_MODELS = 4096
# layouts of tiles that are kept: those of neighbouring redshifts are the same
LAYOUTS_KEPT = 4
# models whose ln w is further below the largest are left out: their number times their weight counts for nothing
LN_CUT = 25.0
MODELS_OF_CUT = 1e5
BINS_PER_DEX = 100.0
# of chi2, relative to that without a model
CHI2_ROUNDING = 1e-9


@dataclass(frozen=True)
class Weighing:
    """How models are weighted beside their chi2.

    Attributes
    ----------
    ln_axes : dict of str to (nvalue,)
        For each axis but z, the logarithm of prior times cell width of each value.
    ln_z : (1 or nsource, nz)
        The same for z, for all sources or for each.
    marginal : bool
        Whether the scale is integrated over (POSTERIOR_SCALE).
    """

    ln_axes: dict[str, Floats]
    ln_z: Floats
    marginal: bool = False

    def of_sources(self, rows: slice) -> Floats:
        """`ln_z` of some sources."""
        return self.ln_z if len(self.ln_z) == 1 else np.ascontiguousarray(self.ln_z[rows])

    def repeated(self, rows: slice, n: int) -> Weighing:
        """That of some sources, each `n` times."""
        return self if len(self.ln_z) == 1 else replace(self, ln_z=np.repeat(self.ln_z[rows], n, axis=0))


def ln_cut(n_models: int) -> float:
    """How far ln w may be below the largest for a model to count."""
    return LN_CUT + max(0.0, math.log(max(n_models, 1) / MODELS_OF_CUT))


@dataclass(frozen=True)
class _Property:
    """A property as the kernel sees it: the fields of `property_t` (posterior.h)."""

    factor: float
    per_step: float
    of_model: bool
    is_ratio: bool


def _described(grid: ModelGrid, quantity: Quantity) -> _Property:
    factor = {"log": 1.0, "magnitude": -2.5, "linear": 0.0}[quantity.transform] if quantity.scales else 0.0
    is_ratio = quantity.name == "sscale"
    of_model = quantity.scales or is_ratio or need_spectra(grid, [quantity.name])
    return _Property(factor, 0.0 if quantity.transform == "linear" else BINS_PER_DEX, of_model, is_ratio)


def coordinate(quantity: Quantity, values: Floats) -> Floats:
    """Stored values in the coordinate of a column: log10, magnitudes, or as they are; NaN where there is none."""
    shown = quantity.shown(values)
    return np.where(np.isfinite(shown), shown, np.nan)


@dataclass(frozen=True)
class _Part:
    """Some dust cells and populations of a tile: what is the same at each redshift that has these models."""

    cells: slice
    populations: slice
    ln_weight: Floats
    single_ln: Singles
    values: Floats
    cell_bins: Ints
    population_bins: Ints
    cell_of: Ints
    population_of: Ints
    metal_bin: int


@dataclass(frozen=True)
class _Layout:
    """The models of a tile as (cell, population)."""

    ids: Ints
    cell: Ints
    population: Ints
    shape: tuple[int, int]
    parts: list[_Part]

    @property
    def is_regular(self) -> bool:
        """Whether the models of the tile are in this order, and all there."""
        return len(self.ids) == self.shape[0] * self.shape[1]

    def spread(self, rows: Floats) -> Floats:
        """Rows of the tile as (nrow, ncell, npopulation); 0 for models that are not there."""
        n = len(self.ids)
        if self.is_regular:
            return rows[:, :n].reshape(-1, *self.shape)
        out = np.zeros((len(rows), *self.shape))
        out[:, self.cell, self.population] = rows[:, :n]
        return out


class _HistogramsOf(Mapping[str, Histograms]):
    """Histograms of properties, which stay where they were summed until they are asked for: few runs do that."""

    def __init__(self, weights: Weights, names: Sequence[str]):
        self._weights, self._names = weights, list(names)

    def __getitem__(self, name: str) -> Histograms:
        if name not in self._names:
            raise KeyError(name)
        return Histograms(*self._weights.histograms_of(self._names.index(name)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __reduce__(self) -> tuple[type, tuple[dict[str, Histograms]]]:
        return dict, (dict(self),)


class Posterior:
    """Reducer: the posteriors of the sources `rows`.

    Parameters
    ----------
    grid : ModelGrid
    data : Observations
    quantities : sequence of Quantity
        Properties that are to be described, beside the axes.
    weighing : Weighing
    rows : slice
        Sources, with start and stop.
    """

    def __init__(
        self,
        grid: ModelGrid,
        data: Observations,
        quantities: Sequence[Quantity],
        weighing: Weighing,
        rows: slice,
    ):
        self._grid, self._data, self._weighing = grid, data, weighing
        self._quantities, self._rows = list(quantities), rows
        self._properties = [_described(grid, quantity) for quantity in quantities]
        self._view, self._ln_z = data_view(data), weighing.of_sources(rows)
        self._first_z = np.ascontiguousarray(data.first_z[rows])
        self._last_z = np.ascontiguousarray(data.last_z[rows])
        self._starts = np.concatenate([[0], np.cumsum(grid.axes.shape)])
        self._layouts: list[_Layout] = []
        self._weights = Weights(
            rows.stop - rows.start,
            int(self._starts[-1]),
            len(grid.axes.z),
            np.array([p.factor for p in self._properties], dtype=np.float64),
            np.array([p.per_step for p in self._properties], dtype=np.float64),
            _flags([p.of_model for p in self._properties]),
            _flags([p.is_ratio for p in self._properties]),
            ln_cut(grid.axes.size),
            weighing.marginal,
        )

    def prepare(self, tiles: Sequence[Tile]) -> list[PieceView]:
        """The tiles in pieces, with what the sums need to know of the models."""
        return [piece for tile in tiles for piece in self._pieces(tile)]

    def update(self, pieces: list[PieceView]) -> None:
        """Add the weights of the models of some tiles."""
        self._weights.add(
            pieces,
            self._view,
            self._rows.start,
            self._ln_z,
            self._first_z,
            self._last_z,
            self._grid.n_threads,
        )

    def merge(self, other: Posterior) -> None:
        """Add the weights of another part of the grid."""
        self._weights.join(other._weights)

    def redshifts_of_best(self) -> tuple[Ints, Ints]:
        """The first and the last redshift index at which the best fit of each source may be, (nsource,) each.

        Models that are left out are worse than others where neither priors nor cells outweigh what they lack in chi2.
        """
        data, rows, least = self._data, self._rows, self._weights.least_chi2
        total = (data.value[rows] ** 2 / data.variance[rows]).sum(axis=1)
        least_of_all = least.min(axis=1)
        nearest = least <= (least_of_all + CHI2_ROUNDING * total)[:, None]
        same_window = (data.best_first_z[rows] == self._first_z) & (data.best_last_z[rows] == self._last_z)
        # the sum of all weights, beside which models are left out, is at most the largest times their number
        none_left_out = self._spread_of_ln_weights() < LN_CUT - math.log(MODELS_OF_CUT)
        is_known = np.isfinite(least_of_all) & same_window & none_left_out
        possible = nearest | ~is_known[:, None]
        return np.argmax(possible, axis=1), possible.shape[1] - 1 - np.argmax(possible[:, ::-1], axis=1)

    def _spread_of_ln_weights(self) -> Floats:
        """The largest ln(prior x cell widths) less the least, (nsource,); inf where a prior excludes something."""
        iz = np.arange(self._ln_z.shape[1])
        in_window = (self._first_z[:, None] <= iz) & (iz <= self._last_z[:, None])
        most = np.where(in_window, self._ln_z, -np.inf).max(axis=1)
        least = np.where(in_window, self._ln_z, np.inf).min(axis=1)
        ends = [(ln.max(), ln.min()) for ln in self._weighing.ln_axes.values()]
        with np.errstate(invalid="ignore"):
            # where nothing has a weight, the difference is not a number
            spread: Floats = most - least + sum(high - low for high, low in ends)
        return spread

    def result(self, probabilities: Sequence[float] = (), with_pdfs: bool = True) -> PosteriorEstimates:
        """What the weights tell; for the models seen so far. The reducer cannot be used any more.

        Parameters
        ----------
        probabilities : sequence of float
            Of the quantiles.
        with_pdfs : bool
            Whether the PDFs of properties are kept.
        """
        axes, weights, n_threads = self._grid.axes, self._weights, self._grid.n_threads
        of_axes = {
            name: (values, weights.axes[:, start : start + len(values)])
            for (name, values), start in zip(axes.as_dict().items(), self._starts, strict=False)
        }
        with np.errstate(divide="ignore", invalid="ignore"):
            width = np.sqrt(weights.sums[:, 4] / weights.sums[:, 2]) / math.log(10)
        levels = np.array(probabilities, dtype=np.float64)
        quantiles = weights.broaden(width, levels, n_threads)
        return estimate(
            of_axes,
            self._first_z == self._last_z,
            {q.name: abs(p.factor) * width for q, p in zip(self._quantities, self._properties, strict=True)},
            weights.sums,
            weights.moments,
            {q.name: quantiles[:, k] for k, q in enumerate(self._quantities)},
            _HistogramsOf(weights, [q.name for q in self._quantities]) if with_pdfs else {},
            levels,
        )

    def _pieces(self, tile: Tile) -> list[PieceView]:
        layout = self._layout(tile)
        flux = layout.spread(tile.flux)
        dust = None if tile.dust is None else layout.spread(tile.dust)
        return [self._piece(tile, part, flux, dust) for part in layout.parts]

    def _piece(self, tile: Tile, part: _Part, flux: Floats, dust: Floats | None) -> PieceView:
        stride = len(part.ln_weight)
        numbers = np.zeros(stride, dtype=np.int64)
        rows = _padded(flux, part, stride)
        single, unit = _in_units(rows)
        view = TileView(
            rows,
            None if dust is None else _padded(dust, part, stride),
            numbers,
            numbers,
            self._grid.rows.n_main,
            0,
            tile.iz,
            len(self._grid.axes.z),
        )
        return PieceView(
            view,
            single,
            part.single_ln,
            unit,
            part.ln_weight,
            part.values,
            part.cell_bins,
            part.population_bins,
            part.cell_of,
            part.population_of,
            tile.iz,
            part.metal_bin,
        )

    def _layout(self, tile: Tile) -> _Layout:
        """The layout of a tile: one of the last ones, or a new one."""
        for layout in self._layouts:
            if np.array_equal(layout.ids, tile.ids):
                return layout
        self._layouts = [*self._layouts[1 - LAYOUTS_KEPT :], self._new_layout(tile.ids)]
        return self._layouts[-1]

    def _new_layout(self, ids: Ints) -> _Layout:
        axes = self._grid.axes
        cell, imetal, number = axes.cells_and_populations(ids)
        numbers, population = np.unique(number, return_inverse=True)
        shape = (axes.n_cells, len(numbers))
        exists = np.zeros(shape, dtype=bool)
        exists[cell, population] = True
        results = model_properties(self._grid, ids, [q.name for q in self._quantities])
        values = np.full((len(self._quantities), *shape), np.nan)
        for k, quantity in enumerate(self._quantities):
            values[k, cell, population] = coordinate(quantity, results[quantity.name])
        parts = []
        for populations in runs(slice(0, len(numbers)), PIECE_MODELS):
            size = populations.stop - populations.start
            for cells in runs(slice(0, shape[0]), max(1, PIECE_MODELS // size)):
                parts.append(
                    self._part(cells, populations, exists, values, numbers[populations], int(imetal[0]))
                )
        return _Layout(ids, cell, population, shape, parts)

    def _part(
        self, cells: slice, populations: slice, exists: Mask, values: Floats, numbers: Ints, imetal: int
    ) -> _Part:
        """Weights, bins and properties of some models; populations are padded to whole vectors."""
        n = len(numbers)
        padding = -n % LANES
        of_cells, cell_bins = self._axis_terms([ATTENUATION], _cell_indices(self._grid.axes, cells))
        of_populations, bins = self._axis_terms(
            [AGE, HISTORY],
            _population_indices(self._grid.axes, numbers),
        )
        metal = float(self._weighing.ln_axes["metal"][imetal])
        ln_weight = np.where(
            exists[cells, populations], of_cells[:, None] + of_populations[None, :] + metal, -np.inf
        )
        few = [
            _with_padding(v[cells, populations], padding)
            if p.of_model
            else np.broadcast_to(_of_populations(v[:, populations], padding), (len(ln_weight), n + padding))
            for v, p in zip(values, self._properties, strict=True)
        ]
        size = len(ln_weight) * (n + padding)
        ln_weight = np.pad(ln_weight, ((0, 0), (0, padding)), constant_values=-np.inf).reshape(1, -1)
        return _Part(
            cells,
            populations,
            _aligned(ln_weight)[0, :size],
            _rounded_up(ln_weight[0]),
            _aligned(np.array(few).reshape(len(few), size)),
            cell_bins,
            np.pad(bins, ((0, 0), (0, padding)), mode="edge"),
            np.repeat(np.arange(len(of_cells)), (n + padding) // LANES),
            np.tile(np.arange(0, n + padding, LANES), len(of_cells)),
            int(self._starts[self._grid.axes.of_role(METALLICITY)[0]]) + imetal,
        )

    def _axis_terms(self, roles: Sequence[Role], indices: Sequence[Ints]) -> tuple[Floats, Ints]:
        """Sum over some axes of ln(prior x width), (n,), and the indices of the weights of each, (naxes, n)."""
        names, which = self._grid.axes.names, self._grid.axes.of_role(*roles)
        terms = sum(self._weighing.ln_axes[names[k]][i] for k, i in zip(which, indices, strict=True))
        bins = np.array([self._starts[k] + i for k, i in zip(which, indices, strict=True)], dtype=np.int64)
        return np.asarray(terms, dtype=np.float64), np.ascontiguousarray(bins)


def _flags(values: Sequence[bool]) -> Flags:
    return np.array(values, dtype=np.uint8)


def _padded(rows: Floats, part: _Part, stride: int) -> Floats:
    """Rows (n, ncell, npopulation) of a part of the models, with its padding."""
    chosen = rows[:, part.cells, part.populations]
    out = aligned_rows(len(rows), stride)
    out[:] = 0
    out[:, :stride].reshape(len(rows), chosen.shape[1], -1)[:, :, : chosen.shape[2]] = chosen
    return out


def _in_units(rows: Floats) -> tuple[Singles, Floats]:
    """Rows in single precision, over the power of two above their largest number: and these, (nrow,)."""
    largest = np.maximum(rows.max(axis=1), -rows.min(axis=1))
    # whose square, too, is a number
    unit = np.ldexp(1.0, np.minimum(np.maximum(np.frexp(largest)[1], -500), 500))
    single = aligned_rows(len(rows), rows.shape[1], np.float32)
    # what is too small for single precision counts for nothing beside the largest
    with np.errstate(under="ignore"):
        single[:, : rows.shape[1]] = rows * (1 / unit)[:, None]
    return single, unit


def _rounded_up(ln_weight: Floats) -> Singles:
    """Logarithms (n,) in single precision, above what they are by some roundings; -inf fills up the last vector."""
    row: Singles = aligned_rows(1, len(ln_weight), np.float32)[0]
    row[:] = -np.inf
    with np.errstate(invalid="ignore"):
        above = np.nextafter(
            (ln_weight + 2.0**-21 * np.abs(ln_weight)).astype(np.float32), np.float32(np.inf)
        )
    row[: len(ln_weight)] = np.where(np.isfinite(ln_weight), above, -np.inf)
    return row


def _aligned(rows: Floats) -> Floats:
    """The same rows, each beginning with a cache line."""
    out = aligned_rows(len(rows), rows.shape[1])
    out[:, : rows.shape[1]] = rows
    return out


def _with_padding(values: Floats, padding: int) -> Floats:
    return np.pad(values, ((0, 0), (0, padding)), constant_values=np.nan)


def _of_populations(values: Floats, padding: int) -> Floats:
    """Values (npopulation,) that are the same for all dust cells, from those of any that have them."""
    there = ~np.isnan(values)
    first = np.argmax(there, axis=0)
    results = values[first, np.arange(values.shape[1])]
    return np.pad(results, (0, padding), constant_values=np.nan)


def _cell_indices(axes: Axes, cells: slice) -> list[Ints]:
    """Indices along Av and Av_bc of some dust cells."""
    numbers = np.arange(cells.start, cells.stop)
    return list(np.unravel_index(numbers, axes.cell_shape))


def _population_indices(axes: Axes, numbers: Ints) -> list[Ints]:
    """Indices along lage and the axes of the history of populations."""
    return list(np.unravel_index(numbers, axes.sizes_of(AGE, HISTORY)))
