"""The model cache: the same tiles from the file, a new key for whatever shapes them, and no harm from bad files."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.models import cache
from fastsed.models.cache import DIGEST_BYTES, END, MAGIC, SIZE_BYTES, ModelCache, find_caches
from fastsed.models.tile import Rows
from fastsed.params import read_params
from fastsed.pipeline import run
from tests.helpers import COARSE, copy_example
from tests.models.helpers import BANDS, make_filter, make_grid, make_params

CUSTOM = [
    "CUSTOM_SFH=exp(-t/10^Tau)",
    "CUSTOM_PARAMS=[Tau]",
    *("TAU_MIN=8", "TAU_MAX=9", "TAU_STEP=0.5", "CUSTOM_SFH_STEP=20"),
    "GRID_EXCLUDE=(Tau > 8.2) && (lage < 8.3 || Av > 0.7)",
]
EVERY_Z = np.ones(5, dtype=bool)


@pytest.fixture
def cached(library, tmp_path, monkeypatch):
    """Makes grids with a cache in `tmp_path`, from library files that need not be old."""
    monkeypatch.setattr("fastsed.models.cache.SETTLED_NS", 0)

    def make(*overrides, **more):
        return make_grid(make_params(library, f"OUTPUT_DIR={tmp_path}", "NO_CACHE=0", *overrides), **more)

    return make


def all_tiles(grid, wanted=EVERY_Z):
    """Content of all tiles."""
    return [
        (t.iz, t.ids.tobytes(), t.order.tobytes(), t.flux.shape, t.flux.tobytes(),
         None if t.dust is None else t.dust.tobytes())
        for t in grid.tiles(wanted)
    ]  # fmt: skip


def the_cache(folder) -> Path:
    (path,) = folder.iterdir()
    return path


def key(grid, wanted=EVERY_Z):
    return ModelCache(grid).key(wanted)


@pytest.mark.parametrize(
    ("keys", "more"),
    [
        (["METAL=[0.02,0.008]"], {}),
        (CUSTOM, {}),
        ([*CUSTOM, "DIFFERENTIAL_A_V=1", "A_V_BC_MAX=1", "A_V_BC_STEP=1"], {"needs_dust": True}),
        (["MAX_QUEUED_FITS=9"], {"n_threads": 3, "several_passes": True}),
    ],
    ids=["gridded", "custom with holes", "dust", "small tiles"],
)
def test_written_and_read(cached, tmp_path, caplog, keys, more):
    expected = all_tiles(cached(*keys, "NO_CACHE=1", **more))
    assert list(tmp_path.iterdir()) == []
    with caplog.at_level(logging.INFO, "fastsed.models"):
        assert all_tiles(cached(*keys, **more)) == expected
        path = the_cache(tmp_path)
        assert f"wrote the model cache {path}" in caplog.text
        assert "using" not in caplog.text
        again = cached(*keys, **more)
        again._jobs = None  # nothing is made
        assert all_tiles(again) == expected
        assert all_tiles(again) == expected
    assert caplog.text.count(f"using the model cache {path}") == 1


@pytest.mark.parametrize("share", [0, 0.2, 1])
def test_tiles_that_share_a_map(cached, tmp_path, monkeypatch, share):
    keys = ["METAL=[0.02,0.008]", "MAX_QUEUED_FITS=9"]
    expected = all_tiles(cached(*keys))
    monkeypatch.setattr(cache, "MAP_BYTES", share * the_cache(tmp_path).stat().st_size)
    runs, mapped = [], cache._mapped_tiles
    monkeypatch.setattr(cache, "_mapped_tiles", lambda file, run: runs.append(len(run)) or mapped(file, run))
    assert all_tiles(cached(*keys)) == expected
    assert sum(runs) == len(expected)
    if share:
        assert len(runs) <= 1 / share
    else:
        assert set(runs) == {1}


def test_luminosities_as_data(library, tmp_path):
    params = make_params(library, *CUSTOM, f"OUTPUT_DIR={tmp_path}", "NO_CACHE=0")
    rows = Rows(4, components=(0, 2))

    def make():
        grid = make_grid(params, needs_dust=True)
        grid.rows = rows
        return grid

    first = all_tiles(make())
    assert all_tiles(make()) == first
    assert len(list(tmp_path.iterdir())) == 1
    assert key(make()) != key(make_grid(params, needs_dust=True))


def test_tiles_are_views_that_cannot_be_written(cached, tmp_path):
    list(cached().tiles(EVERY_Z))
    tile = next(cached().tiles(EVERY_Z))
    assert type(tile.flux) is np.ndarray
    for values in (tile.flux, tile.ids, tile.order):
        assert not values.flags.writeable
        assert values.flags.c_contiguous
        assert values.ctypes.data % 64 == 0


def test_grid_of_excluded_models_only(cached, tmp_path):
    assert all_tiles(cached("GRID_EXCLUDE=Av >= 0")) == []
    assert all_tiles(cached("GRID_EXCLUDE=Av >= 0")) == []
    assert the_cache(tmp_path).stat().st_size > 0


SHAPING = [
    "SFH=del",
    "LOG_TAU_MAX=8.5",
    "METAL=[0.008]",
    "METAL=[0.008,0.02]",
    "LOG_AGE_MIN=7.6",
    "LOG_AGE_MAX=9.2",
    "LOG_AGE_STEP=0.25",
    "Z_MIN=0.2",
    "Z_STEP=0.5",
    "Z_STEP_TYPE=1",
    "A_V_MIN=0.25",
    "A_V_STEP=0.25",
    "DUST_LAW=mw",
    "E_B=2",
    "DELTA=-0.3",
    "H0=71",
    "OMEGA_M=0.31",
    "OMEGA_L=0.71",
    "NO_IGM=1",
    "IGM=inoue14",
    "NO_MAX_AGE=1",
    "APPLY_VDISP=150",
    "GRID_EXCLUDE=Av > 0.7",
]
SHAPING_CUSTOM = [
    "CUSTOM_SFH=exp(t/10^Tau)",
    "CUSTOM_SFH_STEP=21",
    "CUSTOM_SFH_LOOKBACK=1",
    "TAU_MIN=7.5",
    "TAU_STEP=0.25",
    "DIFFERENTIAL_A_V=1",
    "LOG_BC_AGE_MAX=7.5",
    "GRID_EXCLUDE=",
]


@pytest.mark.parametrize(
    ("keys", "change"), [*(([], c) for c in SHAPING), *((CUSTOM, c) for c in SHAPING_CUSTOM)]
)
def test_what_shapes_models_makes_another_key(cached, keys, change):
    name = change.partition("=")[0]
    plain, changed = cached(*keys), cached(*(k for k in keys if not k.startswith(name + "=")), change)
    wanted = np.ones(len(changed.axes.z), dtype=bool)
    assert key(plain) != key(changed, wanted)


def test_the_kind_of_models_makes_another_key(cached, library):
    keys = {
        key(cached()),
        key(cached(), np.array([True, True, False, True, True])),
        key(cached(needs_dust=True)),
        key(cached(bands=BANDS[::-1])),
        key(cached(bands=BANDS[:3])),
        key(cached(bands=[*BANDS[:3], make_filter(2.0e4, 2.4e4, 20, 4, 5)])),
        key(cached(*CUSTOM)),
        key(cached(*(k.replace("Tau", "Tao").replace("TAU", "TAO") for k in CUSTOM))),
    }
    assert len(keys) == 8


@pytest.mark.parametrize(
    "change",
    [
        "N_SIM=10", "C_INTERVAL=[68,95]", "SEED=3", "OUTPUT_FILE=try2", "OUTPUT_COLUMNS=['id','lmass']", "VERBOSE=0",
        "N_THREAD=3", "BEST_FIT=1", "SAVE_CHI_GRID=1", "SAVE_BESTCHI=3", "LAMBDA_ION=800", "REST_MAG=[120]",
        "SFR_AVG=100", "MAX_QUEUED_FITS=10", "AB_ZEROPOINT=23.9", "CATALOG=other",
    ],
)  # fmt: skip
def test_other_parameters_do_not(cached, change):
    assert key(cached(change)) == key(cached())


@pytest.fixture
def own_library(library, tmp_path, monkeypatch):
    """A copy of the library, the file of it that is in use, and a function that says what becomes of its cache."""
    folder, output = tmp_path / "own", tmp_path / "output"
    shutil.copytree(library, folder)
    monkeypatch.setattr("fastsed.models.cache.SETTLED_NS", 0)

    def use(caplog) -> tuple[list, str]:
        caplog.clear()
        with caplog.at_level(logging.INFO, "fastsed.models"):
            tiles = all_tiles(make_grid(make_params(folder, f"OUTPUT_DIR={output}", "NO_CACHE=0")))
        the_cache(output)
        said = [r.getMessage() for r in caplog.records if "model cache" in r.getMessage()]
        return tiles, "; ".join(s.replace(str(the_cache(output)), "it") for s in said)

    return folder / "toy_lr_ch_exp.hdf5", use


MADE_ANEW = (
    "the model cache it was made from other library files: it will be rebuilt; wrote the model cache it"
)


def test_a_change_of_the_library_that_keeps_its_size_and_time(own_library, caplog):
    path, use = own_library
    before = use(caplog)
    assert before[1] == "wrote the model cache it"
    assert use(caplog) == (before[0], "using the model cache it")
    status = path.stat()
    content = path.read_bytes()
    assert b"Angstrom" in content
    path.write_bytes(content.replace(b"Angstrom", b"angstrom"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    tiles, said = use(caplog)
    assert said == MADE_ANEW
    assert use(caplog) == (tiles, "using the model cache it")


def test_other_files_of_the_same_content(own_library, caplog, monkeypatch):
    """A copy has another state, so it is read; files whose state is known are not."""
    path, use = own_library
    tiles, _ = use(caplog)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert use(caplog) == (tiles, "using the model cache it")
    monkeypatch.setattr("fastsed.models.cache._file_digest", lambda path: "another")
    assert use(caplog) == (tiles, MADE_ANEW)
    monkeypatch.setattr("fastsed.models.cache._file_digest", None)
    assert use(caplog) == (tiles, "using the model cache it")


def test_files_that_changed_lately_are_read(own_library, caplog, monkeypatch):
    _, use = own_library
    monkeypatch.setattr("fastsed.models.cache.SETTLED_NS", 10**18)
    tiles, _ = use(caplog)
    monkeypatch.setattr("fastsed.models.cache._file_digest", lambda path: "another")
    assert use(caplog) == (tiles, MADE_ANEW)


def test_files_that_are_not_in_use_do_not_count(own_library, caplog):
    path, use = own_library
    tiles, _ = use(caplog)
    (path.parent / "toy_lr_ch.hdf5").write_bytes(b"")
    assert use(caplog) == (tiles, "using the model cache it")


def index_of(content: bytes) -> tuple[int, int]:
    """Where the index starts, and its size."""
    size = int.from_bytes(content[-len(END) - SIZE_BYTES : -len(END)], "little")
    return len(content) - len(END) - SIZE_BYTES - DIGEST_BYTES - size, size


def damaged(content: bytes, how: str) -> bytes:
    """A cache that is not as it was written."""
    index, index_size = index_of(content)
    head = len(MAGIC) + 64
    return {
        "empty": b"",
        "one byte": content[:1],
        "within the head": content[: head - 3],
        "the head": content[:head],
        "within the tiles": content[: index // 2],
        "without index": content[:index],
        "within the index": content[: index + index_size // 2],
        "without the last byte": content[:-1],
        "a hole": content[: index // 2] + content[index // 2 + 4096 :],
        "more than there was": content + b"\0",
        "two": content + content,
        "text": b"# a catalogue\n" * 1000,
        "another key": content[: len(MAGIC)] + b"0123456789abcdef" * 4 + content[head:],
        "another format": content.replace(b"format 4", b"format 2", 1),
        "a huge index": content[: -len(END) - SIZE_BYTES] + b"\xff" * SIZE_BYTES + END,
        "no index": content[: -len(END) - SIZE_BYTES] + b"\0" * SIZE_BYTES + END,
        "only ends": content[:head] + END,
    }[how]  # fmt: skip


HOW = (
    "empty", "one byte", "within the head", "the head", "within the tiles", "without index", "within the index",
    "without the last byte", "a hole", "more than there was", "two", "text", "another key", "another format",
    "a huge index", "no index", "only ends",
)  # fmt: skip


def rebuilt(cached, path, content, expected, caplog):
    """Whether a bad file is replaced by a good one, with one warning and the right tiles."""
    path.write_bytes(content)
    caplog.clear()
    assert all_tiles(cached()) == expected
    (warning,) = (r.getMessage() for r in caplog.records if r.levelno == logging.WARNING)
    return warning == f"the model cache {path} is damaged or foreign: it will be rebuilt"


@pytest.mark.parametrize("how", HOW)
def test_bad_files_are_rebuilt(cached, tmp_path, caplog, how):
    expected = all_tiles(cached())
    path = the_cache(tmp_path)
    content = path.read_bytes()
    assert damaged(content, how) != content
    assert rebuilt(cached, path, damaged(content, how), expected, caplog)
    assert path.read_bytes() == content
    assert the_cache(tmp_path) == path


def test_flipped_bits_of_the_index(cached, tmp_path, caplog):
    expected = all_tiles(cached())
    path = the_cache(tmp_path)
    content = path.read_bytes()
    index, _ = index_of(content)
    for place in (*np.linspace(index, len(content) - 1, 40, dtype=int), *range(len(MAGIC) + 64)[::9]):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(place % 8)
        assert rebuilt(cached, path, flipped, expected, caplog), place
        assert path.read_bytes() == content


def test_the_index_says_what_is_where(cached, tmp_path):
    (tile,) = list(cached("LOG_AGE_MAX=8.7", "Z_MAX=0.3").tiles(np.array([True])))
    content = the_cache(tmp_path).read_bytes()
    start, size = index_of(content)
    found = json.loads(content[start : start + size])
    assert found["start"] == start
    (one,) = found["tiles"]
    place = one["flux"]
    stored = np.frombuffer(content, place["type"], tile.flux.size, place["start"]).reshape(place["shape"])
    np.testing.assert_array_equal(stored, tile.flux)


def with_index(content: bytes, change) -> bytes:
    """A cache with a whole index that says something else."""
    start, size = index_of(content)
    index = json.loads(content[start : start + size])
    change(index)
    text = json.dumps(index).encode()
    return (
        content[:start]
        + text
        + hashlib.sha256(text).digest()
        + len(text).to_bytes(SIZE_BYTES, "little")
        + END
    )


def of_first_tile(**changes):
    return lambda index: index["tiles"][0].update(changes)


def of_flux(**changes):
    return lambda index: index["tiles"][0]["flux"].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        of_first_tile(iz=10**6),
        of_first_tile(iz=-1),
        of_first_tile(iz=None),
        of_first_tile(iz=0.5),
        of_first_tile(ids=None),
        of_first_tile(flux=None),
        of_first_tile(order=[]),
        of_first_tile(dust={"start": 128, "shape": [3, 16], "type": "<f8"}),
        of_flux(shape=[1, 16]),
        of_flux(shape=[10**9, 10**9]),
        of_flux(shape=[-1, -1]),
        of_flux(shape="ab"),
        of_flux(shape=None),
        of_flux(start=-64),
        of_flux(start=10**15),
        of_flux(start=65),
        of_flux(start="0"),
        of_flux(type="<f4"),
        of_flux(type="O"),
        of_flux(type=None),
        lambda index: index.update(tiles=None),
        lambda index: index.update(tiles=[None]),
        lambda index: index.update(tiles=[{}]),
        lambda index: index.update(libraries=None),
        lambda index: index.update(libraries={}),
        lambda index: index.pop("libraries"),
        lambda index: index["tiles"][0]["flux"].pop("type"),
    ],
)
def test_an_index_that_leads_elsewhere(cached, tmp_path, caplog, change):
    expected = all_tiles(cached())
    path = the_cache(tmp_path)
    content = path.read_bytes()
    bad = with_index(content, change)
    assert bad != content
    assert rebuilt(cached, path, bad, expected, caplog)


@pytest.mark.parametrize("index", [b"[]", b"null", b"{", b'{"start": "x"}', b"[" * 100_000])
def test_an_index_that_is_none(cached, tmp_path, caplog, index):
    expected = all_tiles(cached())
    path = the_cache(tmp_path)
    content = path.read_bytes()
    start, _ = index_of(content)
    end = hashlib.sha256(index).digest() + len(index).to_bytes(SIZE_BYTES, "little") + END
    assert rebuilt(cached, path, content[:start] + index + end, expected, caplog)


def test_model_numbers_outside_of_the_grid(cached, tmp_path):
    all_tiles(cached())
    path = the_cache(tmp_path)
    content = bytearray(path.read_bytes())
    start, size = index_of(bytes(content))
    at = json.loads(content[start : start + size])["tiles"][0]["ids"]["start"]
    content[at : at + 8] = (2**40).to_bytes(8, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged: it holds a model outside of the grid; remove it"):
        all_tiles(cached())


def test_caches_are_found(cached, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    all_tiles(cached())
    assert "older" not in caplog.text
    all_tiles(cached("A_V_MAX=0.5"))
    assert "1 older model caches lie beside it" in caplog.text
    (tmp_path / "fastsed-models-0123456789abcdef.cache").write_text("something else")
    found = find_caches(tmp_path)
    assert len(found) == 2
    assert all(one.size == one.path.stat().st_size for one in found)
    assert found[0].last_used >= found[1].last_used


def test_something_that_is_no_file(cached, tmp_path, caplog):
    expected = all_tiles(cached())
    path = the_cache(tmp_path)
    path.unlink()
    path.mkdir()
    assert all_tiles(cached()) == expected
    first, second = (r.getMessage() for r in caplog.records if r.levelno == logging.WARNING)
    assert "cannot be read" in first
    assert first.endswith("it will be rebuilt")
    assert second.startswith(f"no model cache is written: {path}: ")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_interrupted_run_leaves_nothing(cached, tmp_path, n_threads):
    tiles = cached("MAX_QUEUED_FITS=9", n_threads=n_threads).tiles(EVERY_Z)
    assert len(list(islice(tiles, 3))) == 3
    assert the_cache(tmp_path).name.endswith(".tmp")
    tiles.close()
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_fails_leaves_nothing(cached, tmp_path, monkeypatch):
    grid = cached("METAL=[0.02,0.008]")

    def broken(*_):
        raise OSError(5, "Input/output error", "toy")

    monkeypatch.setattr(grid.populations[1], "basis", broken)
    with pytest.raises(OSError, match=r"Input/output error: 'toy'"):
        list(grid.tiles(EVERY_Z))
    assert list(tmp_path.iterdir()) == []


def test_two_runs_at_once(cached, tmp_path):
    expected = all_tiles(cached("NO_CACHE=1", "MAX_QUEUED_FITS=9"))
    one, two = (cached("MAX_QUEUED_FITS=9").tiles(EVERY_Z) for _ in range(2))
    for _ in range(3):
        next(one), next(two)
    assert len(list(tmp_path.iterdir())) == 2
    list(one)
    three = cached("MAX_QUEUED_FITS=9").tiles(EVERY_Z)
    next(three)  # reads what `two` is about to replace
    list(two)
    assert len(list(three)) == len(expected) - 1
    assert len(list(tmp_path.iterdir())) == 1
    assert all_tiles(cached()) == expected


def only_warning(caplog):
    (record,) = (r for r in caplog.records if r.levelno == logging.WARNING)
    return record.getMessage()


def test_a_folder_that_cannot_be_made(cached, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    expected = all_tiles(cached("NO_CACHE=1"))
    grid = cached(f"OUTPUT_DIR={tmp_path / 'file' / 'here'}")
    assert all_tiles(grid) == expected
    assert all_tiles(grid) == expected
    assert only_warning(caplog).startswith("no model cache is written: ")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(cached, tmp_path, caplog):
    expected = all_tiles(cached("NO_CACHE=1"))
    tmp_path.chmod(0o500)
    try:
        assert all_tiles(cached()) == expected
    finally:
        tmp_path.chmod(0o700)
    assert "Permission denied" in only_warning(caplog)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_made(cached, tmp_path):
    all_tiles(cached(f"OUTPUT_DIR={tmp_path / 'new' / 'results'}"))
    assert the_cache(tmp_path / "new" / "results").suffix == ".cache"


def test_a_small_disk(cached, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    grid = cached()
    expected = all_tiles(cached("NO_CACHE=1"))
    assert all_tiles(grid) == expected
    assert all_tiles(grid) == expected
    assert "GB would not leave enough of the 1e-06 GB that are free" in only_warning(caplog)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up(cached, tmp_path, caplog, monkeypatch):
    class Full:
        """A file on a disk with room for some tiles."""

        def __init__(self, path, mode):
            self._file = path.open(mode)
            self.tell, self._left = self._file.tell, 10_000

        def write(self, data):
            self._left -= memoryview(data).nbytes
            if self._left < 0:
                raise OSError(28, "No space left on device")
            return self._file.write(data)

        def close(self):
            self._file.close()

    monkeypatch.setattr("fastsed.models.cache.open", Full, raising=False)
    monkeypatch.setattr(ModelCache, "_digests", [])
    keys = ["MAX_QUEUED_FITS=9"]
    assert all_tiles(cached(*keys)) == all_tiles(cached(*keys, "NO_CACHE=1"))
    assert only_warning(caplog).endswith(".cache: No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_cannot_be_given(cached, tmp_path, caplog, monkeypatch):
    def refuse(*paths):
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr("fastsed.models.cache.os.replace", refuse)
    assert all_tiles(cached()) == all_tiles(cached("NO_CACHE=1"))
    assert "Access is denied" in only_warning(caplog)
    assert list(tmp_path.iterdir()) == []


OUTPUTS = [
    ["N_SIM=20"],
    ["N_SIM=20", "SAVE_SIM=1", "BEST_FROM_SIM=1"],
    ["SAVE_CHI_GRID=1"],
    ["SAVE_BESTCHI=2", "INTERVAL_FROM_CHI2=1"],
    ["BEST_FIT=1", "BEST_SFHS=1", "SFR_AVG=100"],
]


@pytest.mark.parametrize("keys", OUTPUTS, ids=lambda keys: keys[0])
def test_runs_with_and_without_write_the_same(tmp_path, monkeypatch, keys):
    copy_example(tmp_path, 5)
    monkeypatch.chdir(tmp_path)

    def run_into(name, no_cache):
        overrides = [*COARSE, *keys, f"NO_CACHE={no_cache:d}", f"OUTPUT_DIR={name}", "N_THREAD=2"]
        run(read_params("gst.param", overrides))
        return {
            path.relative_to(name): path.read_bytes()
            for path in sorted(Path(name).rglob("*"))
            if path.is_file() and path.suffix != ".cache"
        }

    without = run_into("without", no_cache=True)
    assert not list(Path("without").glob("*.cache"))
    assert run_into("with", no_cache=False) == without
    written = sorted(Path("with").glob("*.cache"))
    assert written
    numbers = [path.stat().st_ino for path in written]
    assert run_into("with", no_cache=False) == without
    assert [path.stat().st_ino for path in sorted(Path("with").glob("*.cache"))] == numbers
