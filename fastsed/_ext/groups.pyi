from fastsed.arrays import Floats, Ints, Singles

class Grouping:
    def __init__(
        self,
        models: Floats,
        scale: Floats,
        rows: tuple[Floats, Singles],
        centres: tuple[Floats, Singles],
        smallest: float,
        place: Ints,
    ) -> None: ...
    @property
    def n_groups(self) -> int: ...

def find_groups(groupings: list[Grouping], size: int, equal_axes: bool, n_threads: int) -> None: ...
