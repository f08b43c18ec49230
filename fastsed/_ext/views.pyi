from fastsed.arrays import Flags, Floats, Int32s, Ints, Singles

GROUP_SIZE: int

class TileView:
    def __init__(
        self,
        flux: Floats,
        dust: Floats | None,
        ids: Ints,
        order: Ints,
        nmain: int,
        first: int,
        iz: int,
        nz: int,
    ) -> None: ...

class DataView:
    def __init__(
        self,
        value: Floats,
        variance: Floats,
        template_error2: Floats,
        own_spec_scale: Flags,
        log_component: Int32s,
        log_lir: Floats,
        log_error: Floats,
        limit: Floats | None = None,
        limit_error: Floats | None = None,
        limited: Flags | None = None,
    ) -> None: ...

class SpaceView:
    def __init__(
        self,
        rows: tuple[Floats, Singles],
        centres: tuple[Floats, Singles],
        scale: Floats,
        place: Ints,
        noise: tuple[Floats, Singles],
        data: Floats | None = None,
        total: Floats | None = None,
        slack: float = 0.0,
    ) -> None: ...
