import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats, Mask

def select_models(
    flux: Floats, margin: Floats, usable: Mask, windows: Floats
) -> list[NDArray[np.uint32]]: ...
