"""A template grid of stars: a source of models in; constants, fluxes, parameters, tables of spectra and dust out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastsed._ext import stars as kernel
from fastsed.errors import InputError
from fastsed.fit.stars.comparison import ModelNoise
from fastsed.fit.stars.parameters import (
    Compat,
    ParameterRange,
    biased_flux_name,
    reported_columns,
    symlog,
)
from fastsed.fit.stars.source import ModelBlock, ModelSource

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
        Of the models that take part: see `ModelNoise.records`.
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
    source: ModelSource, max_unique: int, noise: ModelNoise | None = None, compat: Compat = "beast2"
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

    Raises
    ------
    InputError
        If no model can be compared with a star.
    """
    scan = _Scan(source, max_unique, noise or ModelNoise(), compat)
    for block in source.blocks():
        scan.add(block)
    return scan.result()


class _Scan:
    """Takes blocks of models."""

    def __init__(self, source: ModelSource, max_unique: int, noise: ModelNoise, compat: Compat):
        self.source, self.noise, self.compat, self.max_unique = source, noise, compat, max_unique
        names, n = list(source.columns), source.n_models
        if "weight" not in names:
            raise InputError(f"the models have no column weight (columns: {' '.join(names)})")
        if len(source.filters) > kernel.MAX_BANDS:
            raise InputError(f"{len(source.filters)} filters; at most {kernel.MAX_BANDS} can be fitted")
        self.weight_column = names.index("weight")
        limit = max(FEW, n // 4)
        spectrum_keys = [names.index(key) for key in SPECTRUM_KEYS if key in names]
        self.has_spectra = SPECTRUM_KEYS[0] in names
        dust_keys = [names.index(key) for key in DUST_KEYS if key in names]
        self.distinct = (
            kernel.DistinctRows(len(names), spectrum_keys, True, limit if self.has_spectra else 0),
            kernel.DistinctRows(len(names), dust_keys, False, limit if dust_keys else 0),
        )
        self.ids = (np.zeros(n, np.uint32), np.zeros(n, np.uint32))
        self.ranges = kernel.ColumnRanges(len(names), max_unique)
        self.biased_ranges = kernel.ColumnRanges(len(source.filters), max_unique)
        self.noise.start(len(source.filters), n)

    def add(self, block: ModelBlock) -> None:
        columns = np.ascontiguousarray(block.columns, dtype=np.float64)
        rows = slice(block.first, block.first + len(columns))
        for distinct, ids in zip(self.distinct, self.ids, strict=True):
            distinct.number(columns, ids[rows])
        self.ranges.scan(columns)
        biased = np.ascontiguousarray(block.seds + block.bias)
        self.biased_ranges.scan(biased)
        self.noise.add(block, biased, columns[:, self.weight_column])

    def result(self) -> StarModels:
        names = list(self.source.columns)
        functions = [np.zeros(len(names), bool) if d.given_up else d.functions() for d in self.distinct]
        chosen, kinds, columns, spans = [], [], [], {}
        for name in reported_columns(names):
            i = names.index(name)
            span = self._span(name, self.ranges.result(i))
            if span is None:
                continue
            chosen.append(name)
            kinds.append(DUST if functions[1][i] else SPECTRUM if functions[0][i] else MODEL)
            columns.append(i)
            spans[name] = span
        for k, filter_name in enumerate(self.source.filters):
            name = biased_flux_name(filter_name)
            span = self._span(name, self._symlog_range(k))
            if span is None:
                continue
            chosen.append(name)
            kinds.append(MODEL)
            columns.append(-1 - k)
            spans[name] = span
        records, models = self.noise.finish()
        spectra, dust = self._shared(SPECTRUM), self._shared(DUST)
        return StarModels(
            self.source, self.noise, records, models, tuple(chosen), tuple(kinds), tuple(columns), spans, spectra,
            dust, self.compat,
        )  # fmt: skip

    def _symlog_range(self, k: int) -> _Range:
        """The range of the biased flux in a filter, on its scale."""
        least, most, finite, unique = self.biased_ranges.result(k)
        low, high = symlog(np.array([least, most]), self.compat)
        return low, high, finite, None if unique is None else np.unique(symlog(unique, self.compat))

    def _shared(self, kind: int) -> Shared:
        if self.distinct[kind].given_up:
            return Shared(np.zeros_like(self.ids[kind]), np.zeros((1, len(self.source.columns))))
        return Shared(self.ids[kind], self.distinct[kind].rows())

    def _span(self, name: str, found: _Range) -> ParameterRange | None:
        """The range of a parameter; None, with a warning, where it has values that are not finite."""
        least, most, finite, unique = found
        if not finite:
            logger.warning("%s is not reported: the grid has values of it that are not finite", name)
            return None
        n_unique = self.max_unique + 1 if unique is None else len(unique)
        return ParameterRange(float(least), float(most), n_unique, unique)


def range_of_values(values: Sequence[float] | NDArray[np.float64]) -> ParameterRange:
    """The range of some values, all of them kept."""
    unique = np.unique(np.asarray(values, float))
    return ParameterRange(float(unique[0]), float(unique[-1]), len(unique), unique)
