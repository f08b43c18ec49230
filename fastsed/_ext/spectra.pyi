from fastsed.arrays import Floats, Ints, Singles

def interpolate_spectra(
    histories: list[Singles], left: Ints, early: Floats, late: Floats, out: Singles
) -> None: ...
