from fastsed.arrays import Flags, Floats, Ints, Singles

def fill_block(
    chi2: Floats,
    scale: Floats,
    spec_scale: Floats,
    column: Ints,
    properties: Floats,
    scales: Flags,
    spec_row: int,
    block: Singles,
    n_threads: int,
) -> None: ...
