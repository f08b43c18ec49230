"""The model cache: tiles in, a file out; and back, where the file was made from the very same inputs."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import mmap
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from fastsed._version import __version__
from fastsed.aligned import PADDING
from fastsed.arrays import Mask
from fastsed.atomic import final_path, remove_orphans, temporary_path
from fastsed.config.models import ModelOptions
from fastsed.errors import InputError
from fastsed.inputs.filters import Response
from fastsed.models.axes import Axes
from fastsed.models.populations import Populations
from fastsed.models.tile import Rows, Tile

log = logging.getLogger(__name__)

PATTERN = "fastsed-models-*.cache"
# of any format
_ANY_MAGIC = b"fastsed model cache, format "
MAGIC = _ANY_MAGIC + b"4\n"
END = b"end of fastsed model cache\n"
ALIGNMENT = 64
DIGEST_BYTES = hashlib.sha256().digest_size
SIZE_BYTES = 8
# file systems tell times apart that are so far from each other
SETTLED_NS = 2_000_000_000
TAIL_BYTES = DIGEST_BYTES + SIZE_BYTES + len(END)
# of a tile
ARRAYS = ("ids", "order", "flux", "dust")
# a map for each small tile would take longer than its fit
MAP_BYTES = 1 << 20

# what shapes the fluxes, beside the axes, the bands and the library files
PARAMETERS = (
    "sfh", "my_sfh", "custom_sfh", "custom_sfh_step", "custom_sfh_lookback", "dust_law", "e_b", "delta",
    "differential_a_v", "log_bc_age_max", "h0", "omega_m", "omega_l", "no_igm", "igm", "apply_vdisp", "no_max_age",
    "grid_exclude",
)  # fmt: skip


class CachedGrid(Protocol):
    """What shapes the tiles of a model grid, and where their cache is kept."""

    params: ModelOptions
    axes: Axes
    bands: list[Response]
    rows: Rows
    needs_dust: bool
    n_threads: int
    cache_dir: str

    @property
    def populations(self) -> Sequence[Populations]: ...


class ModelCache:
    """Files that hold the tiles of a grid, one for each choice of redshifts.

    Parameters
    ----------
    grid : CachedGrid
    """

    def __init__(self, grid: CachedGrid):
        self._grid = grid
        self._gave_up = False
        self._mentioned: set[Path] = set()

    def key(self, redshift_mask: Mask) -> str:
        """Digest of everything that shapes the tiles of some redshifts, but for the content of the library files."""
        grid = self._grid
        digest = hashlib.sha256()

        def add(*parts: object) -> None:
            for part in parts:
                data = part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode()
                digest.update(len(data).to_bytes(8, "little") + data)

        add(__version__, MAGIC, sys.byteorder, {name: getattr(grid.params, name) for name in PARAMETERS})
        add(grid.axes.names, *grid.axes.values, redshift_mask, grid.rows, grid.needs_dust)
        for band in grid.bands:
            add(band.lam, band.response)
        add([[path.name for path in some] for some in self._library_files])
        return digest.hexdigest()

    @cached_property
    def _library_files(self) -> list[list[Path]]:
        """The library files of each metallicity."""
        return [populations.files() for populations in self._grid.populations]

    @cached_property
    def _stamps(self) -> list[list[int] | None]:
        """What the file system says of the state of each library file."""
        return [_stamp(path) for some in self._library_files for path in some]

    @cached_property
    def _digests(self) -> list[str]:
        """Digests of the content of each library file."""
        paths = [path for some in self._library_files for path in some]
        distinct = sorted(set(paths))
        if self._grid.n_threads == 1:
            digests = {path: _file_digest(path) for path in distinct}
        else:
            with ThreadPoolExecutor(self._grid.n_threads) as pool:
                digests = dict(zip(distinct, pool.map(_file_digest, distinct), strict=True))
        return [digests[path] for path in paths]

    def _libraries(self) -> dict[str, Any]:
        """What is kept of the library files; the state is asked first, so that a later change shows."""
        return {"stamps": self._stamps, "digests": self._digests}

    def _made_from_these(self, libraries: Mapping[str, Any]) -> bool:
        """Whether a cache was made from the library files as they are now; they are read only if they may differ."""
        if None not in self._stamps and libraries["stamps"] == self._stamps:
            return True
        return bool(libraries["digests"] == self._digests)

    def path(self, key: str) -> Path:
        """Where a cache is: in OUTPUT_DIR, under a name that holds the start of its key."""
        return Path(self._grid.cache_dir) / f"fastsed-models-{key[:16]}.cache"

    def read(self, redshift_mask: Mask) -> Iterator[Tile] | None:
        """The tiles of some redshifts, each a read-only view of the file that is unmapped when it is no more used.

        Returns
        -------
        iterator of Tile or None
            None where there is no such file, or it is not whole, or it was made from something else.
        """
        key = self.key(redshift_mask)
        path = self.path(key)
        if not os.path.lexists(path):
            return None
        try:
            file = open(path, "rb")  # noqa: SIM115 - closed with the last tile, or here
            index = _read_index(file, key)
        except OSError as error:
            log.warning("the model cache %s cannot be read: %s; it will be rebuilt", path, error.strerror)
            return None
        if index is None or not _is_index(index, self._grid, redshift_mask):
            file.close()
            log.warning("the model cache %s is damaged or foreign: it will be rebuilt", path)
            return None
        if not self._made_from_these(index["libraries"]):
            file.close()
            log.info("the model cache %s was made from other library files: it will be rebuilt", path)
            return None
        if path not in self._mentioned:
            log.info("using the model cache %s", path)
            self._mentioned.add(path)
        with suppress(OSError):
            # for those who tidy up: this one is in use
            os.utime(path)
        return _checked(_tiles(file, index["tiles"]), self._grid.axes.models_per_redshift, path)

    def written(self, redshift_mask: Mask, tiles: Iterable[Tile], expected_bytes: int) -> Iterator[Tile]:
        """Hand the tiles on, and write them to a file on the way; it appears once all of them have passed.

        A disk that is too small, or a folder that cannot be written, costs a warning and the cache, not the run.

        Parameters
        ----------
        redshift_mask : (nz,)
            The redshifts of the tiles.
        tiles : iterable of Tile
        expected_bytes : int
            About the size of all tiles.
        """
        if self._gave_up:
            yield from tiles
            return
        key = self.key(redshift_mask)
        path = self.path(key)
        writer = _Writer(path, key, self._libraries(), expected_bytes)
        try:
            for tile in tiles:
                writer.add(tile)
                yield tile
            if writer.finish():
                log.info("wrote the model cache %s", path)
                _mention_others(path)
                self._mentioned.add(path)
        finally:
            writer.discard()
            self._gave_up = writer.failed


@dataclass(frozen=True)
class CacheFile:
    """A model cache on the disk.

    Attributes
    ----------
    path : Path
    size : int
        Bytes.
    last_used : float
        Time [s since 1970] when it was last read or written.
    """

    path: Path
    size: int
    last_used: float


def find_caches(folder: Path) -> list[CacheFile]:
    """The model caches in a folder, those that were used last first; what only has the name of one is left out."""
    result = []
    for path in folder.glob(PATTERN):
        with suppress(OSError):
            with open(path, "rb") as file:
                is_cache = file.read(len(_ANY_MAGIC)) == _ANY_MAGIC
            status = path.stat()
            if is_cache:
                result.append(CacheFile(path, status.st_size, status.st_mtime))
    return sorted(result, key=lambda one: -one.last_used)


def _mention_others(path: Path) -> None:
    others = [one for one in find_caches(path.parent) if one.path != path]
    if others:
        size = sum(one.size for one in others) / 1e6
        log.info(
            "%d older model caches lie beside it (%.3g MB): fastsed-library caches %s lists and removes them",
            len(others), size, path.parent,
        )  # fmt: skip


def _file_digest(path: Path) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def _stamp(path: Path) -> list[int] | None:
    """Numbers that change with a file; None where it changed so lately that another change might not show."""
    status = path.stat()
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < SETTLED_NS:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _read_index(file: BinaryIO, key: str) -> dict[str, Any] | None:
    """What the end of the file says of its tiles; None if the file is not whole or of another key."""
    head = MAGIC + key.encode()
    if file.read(len(head)) != head:
        return None
    stop = file.seek(0, os.SEEK_END) - TAIL_BYTES
    if stop < len(head):
        return None
    file.seek(stop)
    tail = file.read()
    digest, size, end = tail[:DIGEST_BYTES], tail[DIGEST_BYTES : -len(END)], tail[-len(END) :]
    start = stop - int.from_bytes(size, "little")
    if end != END or start < len(head):
        return None
    file.seek(start)
    text = file.read(stop - start)
    if hashlib.sha256(text).digest() != digest:
        return None
    try:
        index: dict[str, Any] = json.loads(text)
        # a piece may be missing, or be there twice, before a good end
        return index if index["start"] == start else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _is_index(index: Mapping[str, Any], grid: CachedGrid, redshift_mask: Mask) -> bool:
    """Whether an index is that of tiles of these redshifts, each array with the type and shape of a tile's."""
    head = len(MAGIC) + 2 * DIGEST_BYTES
    tiles = index.get("tiles")
    if not isinstance(tiles, list) or not isinstance(index.get("libraries"), dict):
        return False
    if not {"stamps", "digests"} <= set(index["libraries"]):
        return False
    for entry in tiles:
        if not (isinstance(entry, dict) and {"iz", *ARRAYS} <= set(entry)):
            return False
        iz = entry["iz"]
        if not (type(iz) is int and 0 <= iz < len(redshift_mask) and redshift_mask[iz]):
            return False
        if not _are_arrays_of_a_tile(entry, grid, range(head, index["start"] + 1)):
            return False
    return True


def _are_arrays_of_a_tile(entry: Mapping[str, Any], grid: CachedGrid, content: range) -> bool:
    """Whether the arrays of one tile lie in the content of the file, with the types and shapes that belong together."""
    kinds = {"ids": "i8", "order": "i8", "flux": "f8"} | ({"dust": "f8"} if grid.needs_dust else {})
    if not grid.needs_dust and entry["dust"] is not None:
        return False
    for name, kind in kinds.items():
        layout = entry[name]
        if not (isinstance(layout, dict) and layout.get("type") == np.dtype(kind).str):
            return False
        shape, start = layout.get("shape"), layout.get("start")
        if not (
            isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape) and type(start) is int
        ):
            return False
        if start % ALIGNMENT or start not in content or _end(layout) not in content:
            return False
    n_models, n_rows = entry["ids"]["shape"], grid.rows.count
    flux = entry["flux"]["shape"]
    if not (
        len(n_models) == 1 and entry["order"]["shape"] == n_models and len(flux) == 2 and flux[0] == n_rows
    ):
        return False
    if grid.needs_dust and entry["dust"]["shape"] != [3, flux[1]]:
        return False
    return bool(0 < n_models[0] <= min(flux[1], grid.axes.models_per_redshift) and flux[1] % PADDING == 0)


def _tiles(file: BinaryIO, index: Iterable[Mapping[str, Any]]) -> Iterator[Tile]:
    """The tiles, mapped into memory piece by piece; the system may read the next ones while some are fitted."""
    with file:
        following: list[Tile] = []
        for entries in _runs(index):
            tiles, following = following, _mapped_tiles(file, entries)
            while tiles:
                yield tiles.pop(0)
        yield from following


def _checked(tiles: Iterable[Tile], n_models: int, path: Path) -> Iterator[Tile]:
    """The tiles, whose model numbers must be those of one redshift; nothing else of them leads anywhere."""
    for tile in tiles:
        if tile.ids.min() < 0 or tile.ids.max() >= n_models:
            raise InputError("is damaged: it holds a model outside of the grid; remove it", path)
        yield tile


def _runs(index: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Tiles of about `MAP_BYTES` together, and no more than one beyond."""
    run: list[Mapping[str, Any]] = []
    for entry in index:
        run.append(entry)
        if _end_of_tile(entry) - _start_of_tile(run[0]) >= MAP_BYTES:
            yield run
            run = []
    if run:
        yield run


def _mapped_tiles(file: BinaryIO, entries: Sequence[Mapping[str, Any]]) -> list[Tile]:
    # a map begins with a page
    start = _start_of_tile(entries[0])
    start -= start % mmap.ALLOCATIONGRANULARITY
    size = _end_of_tile(entries[-1]) - start
    stored = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ, offset=start)
    stored.madvise(mmap.MADV_WILLNEED)
    return [Tile(entry["iz"], *(_array(stored, entry[name], start) for name in ARRAYS)) for entry in entries]


def _start_of_tile(entry: Mapping[str, Any]) -> int:
    return min(int(entry[name]["start"]) for name in ARRAYS if entry[name])


def _end_of_tile(entry: Mapping[str, Any]) -> int:
    return max(_end(entry[name]) for name in ARRAYS if entry[name])


def _end(layout: Mapping[str, Any]) -> int:
    """Where an array ends in the file."""
    return int(layout["start"] + math.prod(layout["shape"]) * np.dtype(layout["type"]).itemsize)


def _array(stored: mmap.mmap, layout: Mapping[str, Any] | None, start: int) -> Any:
    """The array at a place, from the bytes of the file from `start` on."""
    if layout is None:
        return None
    shape = layout["shape"]
    return np.frombuffer(stored, layout["type"], math.prod(shape), layout["start"] - start).reshape(shape)


class _Writer:
    """Writes tiles one after another, then their index; at the first failure it says so, and writes no more."""

    def __init__(self, path: Path, key: str, libraries: Mapping[str, Any], expected_bytes: int):
        self._path, self._temporary, self._libraries = path, temporary_path(final_path(path)), libraries
        self._file: BinaryIO | None = None
        self._index: list[dict[str, Any]] = []
        self.failed = False
        self._attempt(partial(self._open, key, expected_bytes))

    def add(self, tile: Tile) -> None:
        """Append a tile."""
        self._attempt(partial(self._append, tile))

    def finish(self) -> bool:
        """Write the index, and give the file its name; whether the file is there."""
        self._attempt(self._close)
        return not self.failed

    def discard(self) -> None:
        """Leave nothing of a file that is not finished."""
        if self._file is not None:
            # what is left in its buffer may not fit on the disk
            with suppress(OSError):
                self._file.close()
            with suppress(OSError):
                self._temporary.unlink()
            self._file = None

    def _attempt(self, action: Callable[[], None]) -> None:
        if self.failed:
            return
        try:
            action()
        except OSError as error:
            log.warning("no model cache is written: %s: %s", self._path, error.strerror or error)
            self.failed = True
            self.discard()

    def _open(self, key: str, expected_bytes: int) -> None:
        import shutil

        self._path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._path.parent).free
        if expected_bytes > free // 2:
            raise OSError(
                f"{expected_bytes / 1e9:.3g} GB would not leave enough of the {free / 1e9:.3g} GB that are free"
            )
        remove_orphans(self._path.parent)
        self._file = open(self._temporary, "xb")  # noqa: SIM115 - closed by finish() or discard()
        self._file.write(MAGIC + key.encode())

    def _append(self, tile: Tile) -> None:
        self._index.append({"iz": tile.iz} | {name: self._put(getattr(tile, name)) for name in ARRAYS})

    def _put(self, values: NDArray[Any] | None) -> dict[str, Any] | None:
        if values is None:
            return None
        file = self._file
        assert file is not None
        file.write(b"\0" * (-file.tell() % ALIGNMENT))
        start = file.tell()
        file.write(np.ascontiguousarray(values).data)
        return {"start": start, "shape": list(values.shape), "type": values.dtype.str}

    def _close(self) -> None:
        file = self._file
        assert file is not None
        result = {"start": file.tell(), "libraries": self._libraries, "tiles": self._index}
        index = json.dumps(result).encode()
        file.write(index + hashlib.sha256(index).digest() + len(index).to_bytes(SIZE_BYTES, "little") + END)
        file.flush()
        # after a loss of power the index could be there without the tiles
        os.fsync(file.fileno())
        file.close()
        os.replace(self._temporary, final_path(self._path))
        self._file = None
