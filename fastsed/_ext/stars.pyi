from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Flags, Floats, Ints, Singles

Codes = NDArray[np.uint16]
Numbers = NDArray[np.uint32]
Bytes = NDArray[np.uint8]

MAX_BANDS: int
GROUP_SIZE: int
NO_ID: int
STARS_A_TURN: int
SUMMARY: np.dtype[Any]

def order_by_likeness(
    flux: Floats, nband: int, constants: Singles | None, ratio: Floats, floors: Floats
) -> Numbers: ...
def bin_column(
    positions: Floats,
    values: Floats,
    models: Numbers,
    edges: Floats,
    centres: Floats,
    clamp: bool,
    start: int,
    of_model: Bytes,
    column: int,
    ncolumn: int,
) -> None: ...

class StarTree:
    def __init__(
        self,
        exact: Floats,
        rows: Numbers,
        nband: int,
        padded: int,
        smallest: Floats | None,
        exhaustive: bool,
        n_threads: int,
    ) -> None: ...

class StarParameters:
    def __init__(
        self,
        numbers: Sequence[NDArray[np.int32]],
        codes: Sequence[Numbers],
        values: Sequence[Floats],
        of_model: Bytes,
        start: Ints,
        size: NDArray[np.int32],
        centre: Floats,
        axis_codes: Sequence[Codes],
        axis_size: NDArray[np.int32],
        pairs: NDArray[np.int32],
        kinds: NDArray[np.int32],
        pair_start: Ints,
    ) -> None: ...

class StarFit:
    def __init__(
        self,
        tree: StarTree,
        parameters: StarParameters,
        threshold: float,
        n_samples: int,
        seed: int,
        swap: bool,
        n_threads: int,
    ) -> None: ...
    def fit(
        self, flux: Floats, numbers: Ints, order: Numbers, arrays: dict[str, Any]
    ) -> tuple[Ints, Ints, Singles, Singles]: ...
    def raise_best(self, flux: Floats, order: Numbers, best: Floats) -> None: ...
    def add(
        self,
        flux: Floats,
        numbers: Ints,
        order: Numbers,
        best: Floats,
        limits: NDArray[np.uint64],
        arrays: dict[str, Any],
    ) -> tuple[Ints, Ints, Singles, Singles]: ...

def sample_keys(seed: int, numbers: Ints, rows: Ints) -> NDArray[np.uint64]: ...

class DistinctRows:
    def __init__(self, ncolumn: int, keys: list[int], in_turn: bool, limit: int) -> None: ...
    def number(self, rows: Floats, ids: Numbers) -> None: ...
    @property
    def given_up(self) -> bool: ...
    def functions(self) -> Flags: ...
    def rows(self) -> Floats: ...

class ColumnRanges:
    def __init__(self, ncolumn: int, limit: int) -> None: ...
    def scan(self, rows: Floats) -> None: ...
    def result(self, i: int) -> tuple[float, float, bool, Floats | None]: ...
