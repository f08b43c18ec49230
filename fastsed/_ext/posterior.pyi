from fastsed._ext.views import DataView, TileView
from fastsed.arrays import Flags, Floats, Ints, Singles

LANES: int

def multiply_adds(x: Floats, y: Floats, z: Floats) -> Floats: ...

class PieceView:
    def __init__(
        self,
        tile: TileView,
        single: Singles,
        single_ln: Singles,
        unit: Floats,
        ln_weight: Floats,
        values: Floats,
        cell_bins: Ints,
        population_bins: Ints,
        cell_of: Ints,
        population_of: Ints,
        z_bin: int,
        metal_bin: int,
    ) -> None: ...

class Weights:
    sums: Floats
    axes: Floats
    moments: Floats
    least_chi2: Floats
    def __init__(
        self,
        n_sources: int,
        n_bins: int,
        n_redshifts: int,
        factor: Floats,
        per_step: Floats,
        of_model: Flags,
        is_ratio: Flags,
        cut: float,
        marginal: bool,
    ) -> None: ...
    def add(
        self,
        pieces: list[PieceView],
        data: DataView,
        first: int,
        ln_z: Floats,
        first_z: Ints,
        last_z: Ints,
        n_threads: int,
    ) -> None: ...
    def join(self, other: Weights) -> None: ...
    def broaden(self, width: Floats, probability: Floats, n_threads: int) -> Floats: ...
    def histograms_of(self, quantity: int) -> tuple[Ints, Ints, Floats, Floats]: ...
