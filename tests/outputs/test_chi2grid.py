"""The binary grids: bytes by hand, FAST++'s own files, older versions, and files that are not whole."""

from __future__ import annotations

import contextlib
import logging
import struct
from collections import namedtuple

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.outputs.chi2grid import ChiGridWriter, best_chi2_header, read_chi2_grid, write_best_chi2

AXES = {
    "z": np.array([0.5, 1.0, 1.5], dtype=np.float32),
    "Av": np.array([0.0, 1.0], dtype=np.float32),
    "ltau": np.array([8.0, 9.0], dtype=np.float32),
}
PROPERTIES = ["lmass", "lsfr"]
N_MODELS = 12
BEST = [
    "custom_sfh/expected/best_chi2/gal_1.chi2.grid",
    *(f"interval_chi2/expected/best_chi2/gal_{i}.chi2.grid" for i in (1, 5, 8)),
]


def _text(name: str, counted: bool) -> bytes:
    return bytes([len(name)]) + name.encode() if counted else name.encode() + b"\0"


def _header(version: str, counted: bool, n_sources: bytes = b"") -> bytes:
    body = n_sources + struct.pack("<I", 2) + b"".join(_text(name, counted) for name in PROPERTIES)
    body += struct.pack("<I", 3)
    for name, values in AXES.items():
        body += _text(name, counted) + struct.pack(f"<I{len(values)}f", len(values), *values)
    return struct.pack("<I", 5 + len(body)) + version.encode() + body


def _data(n_sources: int = 2) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(N_MODELS, 3, n_sources)).astype(np.float32)


def _write(path, data, blocks, **kwargs):
    with ChiGridWriter(path, AXES, PROPERTIES, data.shape[2], **kwargs) as writer:
        for rows in blocks:
            writer.write_block(rows.start, data[rows])
    return writer


@pytest.mark.parametrize("strings", ["null", "counted"])
def test_bytes_of_a_full_grid(tmp_path, strings):
    data = _data()
    writer = _write(tmp_path / "a", data, [slice(0, 12)], strings=strings)
    raw = (tmp_path / "a").read_bytes()
    assert raw == _header("D", strings == "counted", struct.pack("<Q", 2)) + data.tobytes()
    assert writer.expected_size == len(raw)


@pytest.mark.parametrize("strings", ["null", "counted"])
def test_bytes_of_a_best_chi2_file(tmp_path, strings):
    header = best_chi2_header(AXES, PROPERTIES, strings)
    write_best_chi2(tmp_path / "a", header, [3, 2**40], [1.5, 2.5], [[1, 2], [3, 4]])
    rows = struct.pack("<Q3f", 3, 1.5, 1, 2) + struct.pack("<Q3f", 2**40, 2.5, 3, 4)
    assert (tmp_path / "a").read_bytes() == _header("E", strings == "counted") + rows


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize(("version", "form"), [("C", "<I"), ("D", "<Q")])
def test_full_grids_of_all_versions_are_read(tmp_path, version, form, counted):
    data = _data()
    (tmp_path / "a").write_bytes(_header(version, counted, struct.pack(form, 2)) + data.tobytes())
    grid = read_chi2_grid(tmp_path / "a")
    assert (grid.kind, grid.version, grid.n_sources, grid.properties) == ("full", version, 2, PROPERTIES)
    assert grid.strings == ("counted" if counted else "null")
    assert {name: values.tolist() for name, values in grid.axes.items()} == {
        n: v.tolist() for n, v in AXES.items()
    }
    assert np.array_equal(grid.data, data)


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize(("version", "form"), [("B", "<I3f"), ("E", "<Q3f")])
def test_best_chi2_files_of_all_versions_are_read(tmp_path, version, form, counted):
    rows = [(5, 1.0, 2.0, 3.0), (11, 4.0, 5.0, 6.0)]
    (tmp_path / "a").write_bytes(
        _header(version, counted) + b"".join(struct.pack(form, *row) for row in rows)
    )
    grid = read_chi2_grid(tmp_path / "a")
    assert (grid.kind, grid.version, grid.n_sources) == ("best", version, 1)
    assert [(m, c, *p) for m, c, p in grid.data] == rows


def test_models_that_are_not_written_are_nan(tmp_path, monkeypatch):
    monkeypatch.setattr("fastsed.outputs.chi2grid._BLOCK_BYTES", 60)  # several pieces a gap
    data = _data()
    blocks = [slice(6, 10), slice(7, 8), slice(1, 2), slice(2, 3)]  # one of them twice
    writer = _write(tmp_path / "a", data, blocks)
    grid = read_chi2_grid(tmp_path / "a")
    written = np.zeros(N_MODELS, dtype=bool)
    for rows in blocks:
        written[rows] = True
    assert np.array_equal(grid.data[written], data[written])
    assert np.isnan(grid.data[~written]).all()
    assert (tmp_path / "a").stat().st_size == writer.expected_size


def test_a_grid_without_any_model_written_is_nan(tmp_path):
    _write(tmp_path / "a", _data(), [])
    assert np.isnan(read_chi2_grid(tmp_path / "a").data).all()


def test_blocks_that_do_not_fit_are_refused_and_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="does not fit the grid"):
        _write(tmp_path / "a", np.zeros((13, 3, 2), np.float32), [slice(0, 13)])
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_before_the_run(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(1000, 990, 10))
    with pytest.raises(InputError, match=r"needs \d+ bytes but only 10 bytes are free"):
        ChiGridWriter(tmp_path / "new" / "chi2.grid", AXES, PROPERTIES, 1)
    with pytest.raises(InputError, match=r"needs 1\.44 TB but"):
        ChiGridWriter(tmp_path / "chi2.grid", AXES, PROPERTIES, 10**10)


def test_names_too_long_for_the_counted_form(tmp_path):
    with pytest.raises(InputError, match="use 'null'"):
        best_chi2_header({"x" * 256: AXES["z"]}, [], "counted")


def test_parameters_are_those_of_the_row_major_index(tmp_path):
    _write(tmp_path / "a", _data(), [])
    found = read_chi2_grid(tmp_path / "a").parameters(np.arange(N_MODELS))
    expected = np.meshgrid(*AXES.values(), indexing="ij")
    for (name, values), grid in zip(found.items(), expected, strict=True):
        assert np.array_equal(values, grid.ravel()), name


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ({}, range(12)),
        ({"z": 1.1}, range(4, 8)),
        ({"z": (0.9, 1.5), "Av": 0}, [4, 5, 8, 9]),
        ({"z": (1.0, 1.0), "ltau": (8.5, 10)}, [5, 7]),
        ({"z": (5, 6)}, []),
    ],
)
def test_selection_of_both_kinds(tmp_path, ranges, expected):
    expected = list(expected)
    data = _data()
    _write(tmp_path / "full", data, [slice(0, 12)])
    header = best_chi2_header(AXES, PROPERTIES)
    write_best_chi2(tmp_path / "best", header, np.arange(12)[::-1], data[::-1, 0, 1], data[::-1, 1:, 1])
    full = read_chi2_grid(tmp_path / "full").select(source=1, properties=["lsfr"], **ranges)
    assert list(full) == ["model", "z", "Av", "ltau", "chi2", "lsfr"]
    assert full["model"].tolist() == expected
    assert np.array_equal(full["chi2"], data[expected, 0, 1])
    assert np.array_equal(full["lsfr"], data[expected, 2, 1])
    best = read_chi2_grid(tmp_path / "best").select(properties=["lsfr"], **ranges)
    for name, values in full.items():
        assert np.array_equal(best[name][::-1], values)
    assert read_chi2_grid(tmp_path / "full").select(**ranges)["lmass"].shape == (len(expected), 2)


def test_selections_that_cannot_be(tmp_path):
    _write(tmp_path / "a", _data(), [])
    grid = read_chi2_grid(tmp_path / "a")
    with pytest.raises(InputError, match="no axis 'zz', but z, Av, ltau"):
        grid.select(zz=1)
    with pytest.raises(InputError, match="no property 'mass', but lmass, lsfr"):
        grid.select(properties=["mass"])
    with pytest.raises(InputError, match="no source 2: the grid has 2"):
        grid.select(source=2)


def test_a_best_chi2_file_cut_short_gives_its_whole_rows(tmp_path, caplog):
    write_best_chi2(tmp_path / "a", best_chi2_header(AXES, PROPERTIES), [1, 2, 3], [1, 2, 3], np.ones((3, 2)))
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:-5])
    with caplog.at_level(logging.WARNING):
        assert read_chi2_grid(tmp_path / "a").data["model"].tolist() == [1, 2]
    assert "the 2 whole rows are used" in caplog.text


def test_broken_files_are_told(tmp_path):
    path = tmp_path / "a.grid"
    _write(path, _data(), [])
    raw = path.read_bytes()
    broken = {
        "cut short: .* bytes instead of": raw[:-4],
        "longer than its header says": raw + b"x",
        "cut short: the header is": raw[:30],
        "holds 3 bytes only": raw[:3],
        "the type is 'Z'": raw[:4] + b"Z" + raw[5:],
        "its header makes no sense": struct.pack("<I", 60) + raw[4:],
    }
    for message, content in broken.items():
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"a\.grid: .*{message}"):
            read_chi2_grid(path)
    with pytest.raises(InputError, match=r"none\.grid: cannot be read: No such file"):
        read_chi2_grid(tmp_path / "none.grid")


def test_random_headers_never_crash(tmp_path):
    rng = np.random.default_rng(6)
    _write(tmp_path / "a", _data(), [])
    raw = (tmp_path / "a").read_bytes()
    read_chi2_grid(tmp_path / "a")
    size = struct.unpack_from("<I", raw)[0]
    for _ in range(200):
        spoilt = bytearray(raw)
        spoilt[rng.integers(5, size)] = rng.integers(0, 256)
        (tmp_path / "a").write_bytes(spoilt)
        with contextlib.suppress(InputError):
            read_chi2_grid(tmp_path / "a")


@pytest.mark.parametrize("name", BEST)
def test_best_chi2_files_of_fastpp_come_out_byte_for_byte(shared, tmp_path, name):
    grid = read_chi2_grid(shared / "golden" / name)
    rows = grid.data
    assert grid.strings == "counted"
    path = tmp_path / "a"
    header = best_chi2_header(grid.axes, grid.properties, grid.strings)
    write_best_chi2(path, header, rows["model"], rows["chi2"], rows["properties"])
    assert path.read_bytes() == (shared / "golden" / name).read_bytes()


def test_the_full_grid_of_fastpp_comes_out_byte_for_byte(shared, tmp_path):
    source = shared / "golden" / "chi_grid" / "expected" / "chi2.grid"
    grid = read_chi2_grid(source)
    fitted = np.flatnonzero(~np.isnan(grid.data[:, 0]).all(axis=1))
    with ChiGridWriter(tmp_path / "a", grid.axes, grid.properties, grid.n_sources, grid.strings) as writer:
        for model in fitted.tolist():
            writer.write_block(model, grid.data[model : model + 1])
    assert 0 < len(fitted) < grid.n_models
    assert (tmp_path / "a").read_bytes() == source.read_bytes()


def test_properties_are_stored_as_linear_values(shared):
    """`lssfr` is the specific rate itself: lsfr over lmass, not a difference of logarithms."""
    grid = read_chi2_grid(shared / "golden" / "chi_grid" / "expected" / "chi2.grid")
    models = grid.select(source=0, properties=["lsfr", "lmass", "lssfr"])
    fitted = np.isfinite(models["lmass"])
    assert models["lssfr"][fitted] == pytest.approx(
        models["lsfr"][fitted] / models["lmass"][fitted], rel=1e-5
    )


def test_models_outside_the_axes_are_damage(tmp_path):
    values = _data()[:3, :, 0]
    header = best_chi2_header(AXES, PROPERTIES)
    write_best_chi2(tmp_path / "a", header, np.array([1, 12, 3]), values[:, 0], values[:, 1:])
    grid = read_chi2_grid(tmp_path / "a")
    for use in (grid.select, lambda: grid.parameters(grid.data["model"])):
        with pytest.raises(InputError, match="holds model 12, but its axes have 12 models"):
            use()
