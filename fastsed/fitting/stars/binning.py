"""Bins of the parameters of star models: models, options in; bins of the PDFs, and the kernel's tables of them, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastsed._ext import stars as kernel
from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.fitting.stars.models import DUST, MODEL, SPECTRUM, Shared, StarModels
from fastsed.fitting.stars.options import FitOptions
from fastsed.fitting.stars.parameters import Bins, ParameterRange, bins_1d, bins_2d, pairs_2d, symlog
from fastsed.fitting.stars.source import BLOCK_ROWS

MAX_OWN_BINS = 1 << 16
"""Bins, in all, of the parameters that every model has for itself: their numbers have 16 bits."""


@dataclass(frozen=True)
class Axis:
    """A parameter that makes pairs.

    Attributes
    ----------
    number : int
        Among the parameters.
    kind : int
        SPECTRUM, DUST or MODEL.
    bins : Bins
    """

    number: int
    kind: int
    bins: Bins


@dataclass(frozen=True)
class PdfBins:
    """Bins of all PDFs.

    Attributes
    ----------
    one : tuple of Bins
        Of the 1-D PDFs.
    axes : tuple of Axis
        Parameters that make pairs: those of spectra first, then of dust points, of models.
    pairs : tuple of (int, int)
        Axes of each 2-D PDF.
    names : tuple of str
        Parameters.
    """

    one: tuple[Bins, ...]
    axes: tuple[Axis, ...]
    pairs: tuple[tuple[int, int], ...]
    names: tuple[str, ...]

    @property
    def pair_names(self) -> list[tuple[str, str]]:
        """Parameters of each 2-D PDF."""
        name_of = [self.names[axis.number] for axis in self.axes]
        return [(name_of[one], name_of[two]) for one, two in self.pairs]

    @property
    def pair_bins(self) -> list[tuple[Bins, Bins]]:
        """Bins of each 2-D PDF."""
        return [(self.axes[one].bins, self.axes[two].bins) for one, two in self.pairs]


def choose_bins(
    names: Sequence[str], kinds: Sequence[int], spans: dict[str, ParameterRange], options: FitOptions
) -> PdfBins:
    """Bins by the rules of BEAST.

    Parameters
    ----------
    names : sequence of str
        Parameters.
    kinds : sequence of int
        SPECTRUM, DUST or MODEL.
    spans : dict of ParameterRange
        Of the models; those of the options have precedence.
    options : FitOptions
    """
    spans = spans | {name: span for name, span in (options.spans or {}).items() if name in spans}
    one = tuple(bins_1d(name, spans[name], options.max_bins, options.compat) for name in names)
    pairs = pairs_2d(names, options.pairs, spans)
    used = {name for pair in pairs for name in pair}
    axes = [
        Axis(i, kinds[i], bins_2d(name, spans[name], options.max_bins))
        for i, name in enumerate(names)
        if name in used
    ]
    axes.sort(key=lambda axis: axis.kind)
    index = {names[axis.number]: i for i, axis in enumerate(axes)}
    return PdfBins(one, tuple(axes), tuple((index[a], index[b]) for a, b in pairs), tuple(names))


def build_parameters(
    models: StarModels, bins: PdfBins, positions: NDArray[np.uint32], ordered: Floats
) -> kernel.StarParameters:
    """The kernel's tables.

    Parameters
    ----------
    models : StarModels
    bins : PdfBins
    positions : uint32, shape (n_models,)
        Position of each model of the source in the tree, NO_ID for those that are not in it.
    ordered : ndarray, shape (n_valid, n_filters)
        Fluxes with bias, in the order of the tree and in units of the noise model.
    """
    kinds = np.array(models.kinds)
    numbers = [np.flatnonzero(kinds == kind).astype(np.int32) for kind in (SPECTRUM, DUST, MODEL)]
    start = _histogram_starts(bins.one, numbers)
    sizes = np.array([one.n_bins for one in bins.one], np.int32)
    centre = np.zeros(int((sizes + 1).sum()))
    for first, one in zip(start, bins.one, strict=True):
        centre[first : first + one.n_bins] = one.centres
    axes = [[axis for axis in bins.axes if axis.kind == kind] for kind in (SPECTRUM, DUST, MODEL)]
    values, codes, axis_codes = [], [], []
    for kind, table in enumerate((models.spectra, models.dust)):
        values.append(_shared_values(models, table, numbers[kind]))
        local = _codes([bins.one[i] for i in numbers[kind]], values[kind])
        codes.append((local + start[numbers[kind]]).astype(np.uint32))
        axis_values = _shared_values(models, table, [axis.number for axis in axes[kind]])
        axis_codes.append(_codes([axis.bins for axis in axes[kind]], axis_values))
    of_model, axis_of_model = _OwnTables(models, bins, positions, numbers[MODEL], axes[MODEL], start).fill(
        ordered
    )
    axis_sizes = np.array([axis.bins.n_bins for axis in bins.axes], dtype=np.int32)
    return kernel.StarParameters(
        numbers, codes, values, of_model, start, sizes, centre, [*axis_codes, axis_of_model], axis_sizes,
        *_pair_tables(bins),
    )  # fmt: skip


def _histogram_starts(bins: Sequence[Bins], numbers: Sequence[NDArray[np.int32]]) -> NDArray[np.int64]:
    """Where the bins of each parameter begin: first those that every model has for itself, in 16 bits."""
    order = np.concatenate([numbers[MODEL], numbers[SPECTRUM], numbers[DUST]])
    sizes = np.array([bins[i].n_bins + 1 for i in order], np.int64)
    n_own = int(sizes[: len(numbers[MODEL])].sum())
    if n_own > MAX_OWN_BINS:
        raise InputError(
            f"{n_own} bins of model fluxes in all; there can be {MAX_OWN_BINS}: ask for fewer bins"
        )
    start = np.zeros(len(order), np.int64)
    start[order] = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])[:-1]
    return start


def _shared_values(models: StarModels, table: Shared, numbers: Sequence[int] | NDArray[np.int32]) -> Floats:
    columns = [models.columns[i] for i in numbers]
    return np.ascontiguousarray(table.rows[:, columns])


def _codes(bins: Sequence[Bins], values: Floats) -> NDArray[np.uint16]:
    """Bins of columns of values."""
    codes = np.zeros(values.shape, np.uint16)
    for i, one in enumerate(bins):
        codes[:, i] = one.codes(values[:, i])
    return codes


def _pair_tables(bins: PdfBins) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Axes of each pair; whether both are of the spectrum, or of the dust; where its bins begin."""
    pairs = np.array(bins.pairs, dtype=np.int32).reshape(-1, 2)
    of = [axis.kind for axis in bins.axes]
    kinds = [of[a] if of[a] == of[b] else MODEL for a, b in bins.pairs]
    sizes = [one.n_bins * two.n_bins for one, two in bins.pair_bins]
    start = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
    return pairs, np.array(kinds, dtype=np.int32), start


class _OwnTables:
    """Bins of the parameters that every model has for itself, from a second reading of the source."""

    def __init__(
        self,
        models: StarModels,
        bins: PdfBins,
        positions: NDArray[np.uint32],
        numbers: NDArray[np.int32],
        axes: Sequence[Axis],
        start: NDArray[np.int64],
    ):
        self.models, self.bins, self.positions = models, bins, positions
        self.numbers, self.axes, self.start = numbers, axes, start
        n_models, n = len(models.models), len(numbers)
        self.of_model = np.zeros((n_models, -(-(6 * n + 8) // 8) * 8), np.uint8)
        self.axis_of_model = np.zeros((n_models, len(axes)), np.uint16)

    def fill(self, ordered: Floats) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        """Records and bins of pairs, in the order of the tree."""
        n, positions = len(self.numbers), self.positions
        ids = self.of_model[:, 6 * n : 6 * n + 8].view(np.uint32)
        present = positions != kernel.NO_ID
        for kind, table in enumerate((self.models.spectra, self.models.dust)):
            ids[positions[present], kind] = table.ids[present]
        for first in range(0, len(ordered), BLOCK_ROWS):
            self._fill_fluxes(first, ordered[first : first + BLOCK_ROWS])
        if any(self.models.columns[i] >= 0 for i in [*self.numbers, *(axis.number for axis in self.axes)]):
            for first, columns in self.models.source.column_blocks():
                self._fill_columns(columns, positions[first : first + len(columns)])
        return self.of_model, self.axis_of_model

    def _fill_fluxes(self, first: int, ordered: Floats) -> None:
        """Parameters that are fluxes with bias, of models in the order of the tree."""
        where = np.arange(first, first + len(ordered), dtype=np.uint32)
        for number in {*self.numbers, *(axis.number for axis in self.axes)}:
            k = -1 - self.models.columns[number]
            if k >= 0:
                flux = ordered[:, k] / self.models.noise.unit[k]
                self._fill_values(number, symlog(flux, self.models.compat), where)

    def _fill_columns(self, columns: Floats, where: NDArray[np.uint32]) -> None:
        """Parameters that are columns of the grid, of models in its order."""
        for number in {*self.numbers, *(axis.number for axis in self.axes)}:
            column = self.models.columns[number]
            if column >= 0:
                self._fill_values(number, np.ascontiguousarray(columns[:, column]), where)

    def _fill_values(self, number: int, values: Floats, where: NDArray[np.uint32]) -> None:
        bins = self.bins.one[number]
        kernel.bin_column(
            np.log10(values) if bins.log else values, values, where, bins.edges, np.append(bins.centres, 0.0),
            bins.clamp, int(self.start[number]), self.of_model, int(np.searchsorted(self.numbers, number)),
            len(self.numbers),
        )  # fmt: skip
        present = where != kernel.NO_ID
        for column, axis in enumerate(self.axes):
            if axis.number == number:
                self.axis_of_model[where[present], column] = axis.bins.codes(values)[present]
