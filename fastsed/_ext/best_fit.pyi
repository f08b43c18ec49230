from fastsed._ext.views import DataView, TileView
from fastsed.arrays import Flags, Floats, Ints

def find_best(
    tiles: list[TileView],
    data: DataView,
    chosen: Flags,
    chi2: Floats,
    scale: Floats,
    spec_scale: Floats,
    tolerance: Floats,
    model: Ints,
    best_order: Ints,
    n_threads: int,
) -> None: ...
