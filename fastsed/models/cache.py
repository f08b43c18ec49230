"""The model cache: tiles in, a file out; and back, where the file was made from the very same inputs."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsed._version import __version__
from fastsed.atomic import atomic_path
from fastsed.errors import InputError

if TYPE_CHECKING:
    from fastsed.models.grid import ModelGrid, Tile

log = logging.getLogger(__name__)

MAGIC = b"fastsed model cache, format 1\n"
END = b"end of fastsed model cache\n"
ALIGNMENT = 64

# what shapes the fluxes, beside the axes, the bands and the library files
PARAMETERS = (
    "sfh", "my_sfh", "custom_sfh", "custom_sfh_step", "custom_sfh_lookback", "dust_law", "e_b", "delta",
    "differential_a_v", "log_bc_age_max", "h0", "omega_m", "omega_l", "no_igm", "igm", "apply_vdisp", "no_max_age",
    "grid_exclude",
)  # fmt: skip


def cache_key(grid: ModelGrid, wanted: NDArray[np.bool_]) -> str:
    """Digest of everything that shapes the tiles of some redshifts, the content of the library files included."""
    digest = hashlib.sha256()

    def add(*parts: object) -> None:
        for part in parts:
            data = np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else repr(part).encode()
            digest.update(len(data).to_bytes(8, "little") + data)

    add(__version__, MAGIC, {name: getattr(grid.params, name) for name in PARAMETERS})
    add(grid.axes.names, *grid.axes.values, wanted, grid.rows, grid.needs_dust)
    for band in grid.bands:
        add(band.lam, band.response)
    for populations in grid.populations:
        for path in populations.files():
            with open(path, "rb") as f:
                add(hashlib.file_digest(f, "sha256").hexdigest())
    return digest.hexdigest()


def cache_path(grid: ModelGrid, key: str) -> Path:
    """Where the cache of a run is: in OUTPUT_DIR, under a name that holds the start of its key."""
    return Path(grid.params.output_dir) / f"fastsed-models-{key[:16]}.cache"


def read_cache(path: Path, key: str) -> list[Tile] | None:
    """The tiles of a cache, as views of the file.

    Parameters
    ----------
    path : Path
    key : str

    Returns
    -------
    list of Tile or None
        None where there is no such file, or it is not whole, or it was made from something else.
    """
    from fastsed.models.grid import Tile

    try:
        content = np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, ValueError):
        return None
    index = _read_index(content, key)
    if index is None:
        log.warning("the model cache %s is damaged or foreign: it will be made anew", path)
        return None

    def array(place: Mapping[str, Any] | None) -> Any:
        if place is None:
            return None
        size = int(np.prod(place["shape"])) * 8
        return content[place["start"] : place["start"] + size].view(place["type"]).reshape(place["shape"])

    return [
        Tile(t["iz"], array(t["ids"]), array(t["order"]), array(t["flux"]), array(t["dust"])) for t in index
    ]


def _read_index(content: NDArray[np.uint8], key: str) -> list[dict[str, Any]] | None:
    """The list of tiles at the end of the file; None if the file is not whole or of another key."""
    head = MAGIC + key.encode()
    tail = len(END) + 8
    if len(content) < len(head) + tail or content[: len(head)].tobytes() != head:
        return None
    if content[-len(END) :].tobytes() != END:
        return None
    size = int.from_bytes(content[-tail : -len(END)].tobytes(), "little")
    if size > len(content) - len(head) - tail:
        return None
    found: list[dict[str, Any]] = json.loads(content[-tail - size : -tail].tobytes())
    return found


def write_through(path: Path, key: str, tiles: Iterable[Tile], expected_bytes: int) -> Iterator[Tile]:
    """Hand the tiles on, and write them to a cache on the way; it appears once all of them have passed.

    A disk that is too small, or a folder that cannot be written, costs a warning and the cache, not the run.

    Parameters
    ----------
    path : Path
    key : str
    tiles : iterable of Tile
    expected_bytes : int
        About the size of all tiles.
    """
    with ExitStack() as stack:
        writer = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(path.parent).free
            if expected_bytes > free // 2:
                raise InputError(f"{expected_bytes / 1e9:.3g} GB would not leave enough of {free / 1e9:.3g} GB", path)
            writer = _Writer(stack.enter_context(atomic_path(path)), key)
        except (OSError, InputError) as error:
            log.warning("no model cache is written: %s", error)
        for tile in tiles:
            if writer is not None:
                writer.add(tile)
            yield tile
        if writer is not None:
            writer.close()
            log.info("wrote the model cache %s", path)


class _Writer:
    """Writes tiles one after another, then their index."""

    def __init__(self, path: os.PathLike[str], key: str):
        self._file = open(path, "wb")  # noqa: SIM115 - closed by close(), or with the run
        self._file.write(MAGIC + key.encode())
        self._index: list[dict[str, Any]] = []

    def add(self, tile: Tile) -> None:
        """Append a tile."""
        arrays = {"ids": tile.ids, "order": tile.order, "flux": tile.flux, "dust": tile.dust}
        self._index.append({"iz": tile.iz} | {name: self._put(values) for name, values in arrays.items()})

    def _put(self, values: NDArray[Any] | None) -> dict[str, Any] | None:
        if values is None:
            return None
        self._file.write(b"\0" * (-self._file.tell() % ALIGNMENT))
        start = self._file.tell()
        self._file.write(np.ascontiguousarray(values).data)
        return {"start": start, "shape": list(values.shape), "type": values.dtype.str}

    def close(self) -> None:
        """Write the index and close the file."""
        index = json.dumps(self._index).encode()
        self._file.write(index + len(index).to_bytes(8, "little") + END)
        self._file.close()
