from fastsed.arrays import Floats, Ints, Singles

def interpolated_percentiles(
    places: Ints, rank: Ints, axis: Singles, probabilities: Singles, out: Floats, n_threads: int
) -> None: ...
