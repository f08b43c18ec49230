from fastsed.arrays import Ints

def unravel(
    numbers: Ints, sizes: Ints, strides: Ints, indices: Ints, others: Ints, n_threads: int
) -> None: ...
