from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed._ext.views import DataView, TileView
from fastsed.arrays import Flags, Floats

ROW: np.dtype[Any]

def acceptable_models(
    tiles: list[TileView], data: DataView, chosen: Flags, limit: Floats, n_threads: int
) -> NDArray[np.void]: ...
