from typing import Any

from numpy.typing import NDArray

from fastsed.arrays import Floats, Singles

def band_weights(
    lam: Floats, stretch: float, band_lam: Floats, response: Floats, weights: Floats
) -> tuple[int, int]: ...

class BandWindows:
    n_bands: int
    n_lam: int
    nbytes: int
    def __init__(
        self, lam: Floats, stretch: float, bands: list[tuple[Floats, Floats]], transmission: Floats
    ) -> None: ...

def band_fluxes(windows: BandWindows, dust: tuple[NDArray[Any], ...], sed: Singles, out: Floats) -> None: ...
