from fastsed.arrays import Floats, Ints

def interpolated_percentiles(
    places: Ints, rank: Ints, axis: Floats, probabilities: Floats, out: Floats, n_threads: int
) -> None: ...
