"""A template grid of stars: a source of models in; constants, fluxes, parameters, tables of spectra and dust out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastsed._ext import stars as kernel
from fastsed.errors import InputError
from fastsed.fitting.stars.comparison import ModelNoise
from fastsed.fitting.stars.parameters import (
    Compat,
    ParameterRange,
    biased_flux_name,
    reported_columns,
    symlog,
)
from fastsed.fitting.stars.source import ModelBlock, ModelSource

logger = logging.getLogger(__name__)

SPECTRUM_KEYS = ("specgrid_indx", "distance")
DUST_KEYS = ("Av", "Rv", "f_A")
SPECTRUM, DUST, MODEL = 0, 1, 2
"""Kinds of parameters: functions of the spectrum (and distance), of the dust point, of neither."""
FEW = 1 << 14
"""So many different spectra or dust points are tabulated in any case; more if they are a quarter of the models."""


# smallest and largest value, whether all are finite, the different ones unless they are too many
_Range = tuple[float, float, bool, NDArray[np.float64] | None]


@dataclass(frozen=True)
class Shared:
    """Rows of columns that many models share.

    Attributes
    ----------
    ids : uint32, shape (n_models,)
        Row of each model.
    rows : ndarray, shape (n, n_columns)
    """

    ids: NDArray[np.uint32]
    rows: NDArray[np.float64]


@dataclass(frozen=True)
class StarModels:
    """Models of stars, read from a source.

    Attributes
    ----------
    source : ModelSource
    noise : ModelNoise
        What `records` and the searches are made with.
    records : ndarray, shape (n_valid, n)
        Of the models that take part: see `ModelNoise.finish`.
    models : ndarray, shape (n_valid,)
        Their numbers in the source.
    names : tuple of str
        Parameters: those of the source's columns that are reported, then the biased fluxes.
    kinds : tuple of int
        0: functions of the spectrum, 1: of the dust, 2: of neither.
    columns : tuple of int
        Column of each parameter in the source; -1 - k for the biased flux in filter k.
    spans : dict of ParameterRange
    spectra, dust : Shared
    compat : {"beast2", "beast1"}
    """

    source: ModelSource
    noise: ModelNoise
    records: NDArray[np.float64]
    models: NDArray[np.int64]
    names: tuple[str, ...]
    kinds: tuple[int, ...]
    columns: tuple[int, ...]
    spans: dict[str, ParameterRange]
    spectra: Shared
    dust: Shared
    compat: Compat


def scan_models(
    source: ModelSource,
    max_unique: int,
    noise: ModelNoise | None = None,
    compat: Compat = "beast2",
    names: Sequence[str] | None = None,
) -> StarModels:
    """Read all models of a source once.

    Parameters
    ----------
    source : ModelSource
    max_unique : int
        Different values of a parameter are counted up to this number.
    noise : ModelNoise, optional
        How models and stars are compared.
    compat : {"beast2", "beast1"}, optional
    names : sequence of str, optional
        Parameters; all that have finite values by default.

    Raises
    ------
    InputError
        If no model can be compared with a star.
    """
    scan = _Scan(source, max_unique, noise or ModelNoise(), compat, names)
    for block in source.blocks():
        scan.add(block)
    return scan.result()


class RangeScan:
    """Finds the ranges of parameters from blocks of models.

    Parameters
    ----------
    source : ModelSource
    max_unique : int
    compat : {"beast2", "beast1"}

    Raises
    ------
    InputError
        If the models have no weights, or too many filters.
    """

    def __init__(self, source: ModelSource, max_unique: int, compat: Compat):
        names = list(source.columns)
        if "weight" not in names:
            raise InputError(f"the models have no column weight (columns: {' '.join(names)})")
        if len(source.filters) > kernel.MAX_BANDS:
            raise InputError(f"{len(source.filters)} filters; at most {kernel.MAX_BANDS} can be fitted")
        self.weight_column, self._names, self._filters = names.index("weight"), names, source.filters
        self._max_unique, self._compat = max_unique, compat
        self._columns = kernel.ColumnRanges(len(names), max_unique)
        self._biased = kernel.ColumnRanges(len(source.filters), max_unique)

    def add(self, block: ModelBlock) -> NDArray[np.float64]:
        """Take some models; their fluxes with bias."""
        self._columns.scan(np.ascontiguousarray(block.columns, dtype=np.float64))
        biased = np.ascontiguousarray(block.seds + block.bias)
        self._biased.scan(biased)
        return biased

    def spans(self) -> dict[str, ParameterRange]:
        """Ranges of the parameters; those with values that are not finite are left out, with a warning."""
        ranges = {
            name: self._columns.result(self._names.index(name)) for name in reported_columns(self._names)
        }
        for k, name in enumerate(self._filters):
            ranges[biased_flux_name(name)] = self._symlog_range(k)
        return {name: span for name, one in ranges.items() if (span := self._span(name, one)) is not None}

    def column_of(self, name: str) -> int:
        """Column of a parameter; -1 - k for the biased flux in filter k."""
        if name in self._names:
            return self._names.index(name)
        return -1 - [biased_flux_name(filter_name) for filter_name in self._filters].index(name)

    def _symlog_range(self, k: int) -> _Range:
        """The range of the biased flux in a filter, on its scale."""
        least, most, finite, unique = self._biased.result(k)
        low, high = symlog(np.array([least, most]), self._compat)
        return low, high, finite, None if unique is None else np.unique(symlog(unique, self._compat))

    def _span(self, name: str, span: _Range) -> ParameterRange | None:
        least, most, finite, unique = span
        if not finite:
            logger.warning("%s is not reported: the grid has values of it that are not finite", name)
            return None
        n_unique = self._max_unique + 1 if unique is None else len(unique)
        return ParameterRange(float(least), float(most), n_unique, unique)


class _Scan:
    """Takes blocks of models."""

    def __init__(
        self,
        source: ModelSource,
        max_unique: int,
        noise: ModelNoise,
        compat: Compat,
        chosen: Sequence[str] | None,
    ):
        self.source, self.noise, self.compat, self.chosen = source, noise, compat, chosen
        self.ranges = RangeScan(source, max_unique, compat)
        names, n = list(source.columns), source.n_models
        limit = max(FEW, n // 4)
        spectrum_keys = [names.index(key) for key in SPECTRUM_KEYS if key in names]
        dust_keys = [names.index(key) for key in DUST_KEYS if key in names]
        self.distinct = (
            kernel.DistinctRows(len(names), spectrum_keys, True, limit if SPECTRUM_KEYS[0] in names else 0),
            kernel.DistinctRows(len(names), dust_keys, False, limit if dust_keys else 0),
        )
        self.ids = (np.zeros(n, np.uint32), np.zeros(n, np.uint32))
        self.noise.start(len(source.filters), n)

    def add(self, block: ModelBlock) -> None:
        columns = np.ascontiguousarray(block.columns, dtype=np.float64)
        rows = slice(block.first, block.first + len(columns))
        if self.chosen is None or len(self.chosen):
            for distinct, ids in zip(self.distinct, self.ids, strict=True):
                distinct.number(columns, ids[rows])
        biased = (
            np.ascontiguousarray(block.seds + block.bias)
            if self.chosen is not None
            else self.ranges.add(block)
        )
        self.noise.add(block, biased, columns[:, self.ranges.weight_column])

    def result(self) -> StarModels:
        records, models = self.noise.finish()
        spans = (
            self.ranges.spans() if self.chosen is None else dict.fromkeys(self.chosen, range_of_values([0.0]))
        )
        columns = [self.ranges.column_of(name) for name in spans]
        n_columns = len(self.source.columns)
        functions = [np.zeros(n_columns, bool) if d.given_up else d.functions() for d in self.distinct]
        kinds = [
            MODEL if i < 0 else DUST if functions[1][i] else SPECTRUM if functions[0][i] else MODEL
            for i in columns
        ]
        spectra, dust = self._shared(SPECTRUM), self._shared(DUST)
        return StarModels(
            self.source, self.noise, records, models, tuple(spans), tuple(kinds), tuple(columns), spans, spectra,
            dust, self.compat,
        )  # fmt: skip

    def _shared(self, kind: int) -> Shared:
        if self.distinct[kind].given_up or (self.chosen is not None and not self.chosen):
            return Shared(np.zeros_like(self.ids[kind]), np.zeros((1, len(self.source.columns))))
        return Shared(self.ids[kind], self.distinct[kind].rows())


def range_of_values(values: Sequence[float] | NDArray[np.float64]) -> ParameterRange:
    """The range of some values, all of them kept."""
    unique = np.unique(np.asarray(values, float))
    return ParameterRange(float(unique[0]), float(unique[-1]), len(unique), unique)
