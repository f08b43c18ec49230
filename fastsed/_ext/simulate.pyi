from fastsed._ext.views import DataView, SpaceView, TileView
from fastsed.arrays import Flags, Floats, Ints

def simulation_parts(nsim: int) -> int: ...
def simulate(
    tiles: list[TileView],
    data: DataView,
    spaces: list[SpaceView],
    chosen: Flags,
    offset: int,
    noise: Floats,
    log_noise: Floats,
    chi2: Floats,
    scale: Floats,
    spec_scale: Floats,
    best_order: Ints,
    reach2: Floats,
    prune: bool,
    n_threads: int,
) -> None: ...
def weighted_norms(flux: Floats, weight: Floats, norm2: Floats) -> None: ...
