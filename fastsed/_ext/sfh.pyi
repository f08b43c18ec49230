from fastsed.arrays import Floats, Ints

def banded_product(
    rows: Floats, weights: Floats, begin: Ints, first: Ints, out: Floats, num_threads: int
) -> None: ...
def shape_quantities(
    t: Floats, sfr: Floats, share: float, formed: Floats, factors: Floats, out: Floats, num_threads: int
) -> None: ...
