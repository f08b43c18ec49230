from fastsed._ext.views import DataView, TileView
from fastsed.arrays import Floats, Ints

def all_chi2(
    tile: TileView,
    data: DataView,
    active: Ints,
    chi2: Floats,
    scale: Floats,
    spec_scale: Floats,
    n_threads: int,
) -> None: ...
