"""What `--check` says of a run, compared with the run."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.memory import machine_bytes, memory_parts
from fastsed.outputs.chi2grid import size_text
from fastsed.outputs.grid_file import chi_grid_bytes
from fastsed.params import read_params
from fastsed.pipeline import fit_problem
from fastsed.preview import TrialGrid, _update_seconds, preview, spread, time_text, trial_data
from fastsed.problem import prepare
from tests.helpers import COARSE, copy_example

FORMULA = ("CUSTOM_SFH=exp(-t/10^a)", "CUSTOM_PARAMS=[a]", "A_MIN=8", "A_MAX=10", "OUTPUT_COLUMNS=[]")


@pytest.fixture
def example(tmp_path, monkeypatch):
    path = copy_example(tmp_path, 12)
    monkeypatch.chdir(tmp_path)

    def _prepare(*overrides):
        return prepare(read_params(path.name, [*COARSE, *overrides]))

    return _prepare


def value(lines, label):
    (line,) = [line for line in lines if line.startswith(label)]
    return line.removeprefix(label)


def test_says_what_there_is_and_writes_nothing(example, tmp_path):
    before = sorted(os.listdir(tmp_path))
    problem = example("NO_CACHE=0")
    lines = preview(problem)
    assert sorted(os.listdir(tmp_path)) == before
    assert value(lines, "sources: ") == "12, of which 12 can be fitted"
    assert value(lines, "data of each: ") == "10 bands"
    assert value(lines, "grid: ").startswith(f"{problem.grid.axes.size} models")
    assert value(lines, "  Av ").split() == ["4", "0", "to", "3"]
    assert value(lines, "time: about ").endswith("with 1 thread")
    assert not any("chi2.grid" in line for line in lines)


def test_the_run_after_an_estimate_is_the_same(example):
    plain, estimated = example(), example()
    preview(estimated)
    np.testing.assert_array_equal(fit_problem(plain).best.model_id, fit_problem(estimated).best.model_id)


def test_number_of_models_to_fit(example):
    """The number announced is the number that goes by."""
    problem, done = example("Z_STEP=0.1"), []
    fit_problem(problem, done.append)
    assert sum(done) == problem.plan.n_models
    several = example("Z_STEP=0.1", "SAVE_CHI_GRID=1")
    assert several.plan.n_models == several.grid.n_models_at(np.ones(len(several.grid.axes.z), dtype=bool))
    for one in (problem, several):
        assert f"of which {sum(done)} are to be fitted" in "\n".join(preview(one))


@pytest.mark.parametrize(
    "keys",
    [
        ("N_SIM=10000000",),
        ("Z_MAX=9", "Z_STEP=0.0001", "A_V_STEP=0.001"),
        ("LOG_AGE_STEP=0.0005", "LOG_TAU_STEP=0.0005"),
        (*FORMULA, "A_STEP=0.001", "CUSTOM_SFH_STEP=0.05"),
    ],
)
def test_a_trial_is_small_whatever_the_grid(example, keys):
    problem = example(*keys)
    wanted = problem.plan.redshifts
    grid = TrialGrid.of(problem, spread(wanted, 3))
    assert grid.axes.models_per_redshift <= 24 * 16 * 48
    if problem.params.custom_sfh:
        assert len(grid.axes.lage) * grid.axes.n_history * problem.grid.most_time_steps < 5e6
    text = "\n".join(preview(problem))
    assert "memory: less than" in text
    assert "time: " in text


def test_less_memory_than_a_run_needs(example, monkeypatch):
    problem = example("N_SIM=10000")
    needed = sum(memory_parts(problem).values())
    monkeypatch.setattr("fastsed.preview.machine_bytes", lambda: needed + 1)
    assert not any("warning" in line for line in preview(problem))
    monkeypatch.setattr("fastsed.preview.machine_bytes", lambda: 10**8)
    assert "warning: this machine has 100 MB of memory, which may be too little" in preview(problem)


def test_memory_of_the_machine_is_that_of_its_tightest_limit(monkeypatch):
    import resource

    whole = machine_bytes()
    assert 2**28 < whole < 2**50
    monkeypatch.setattr(resource, "getrlimit", lambda which: (2**27, 2**27))
    assert machine_bytes() == 2**27


RUNS = [
    ("plain", ()),
    ("simulations", ("N_SIM=200",)),
    ("many simulations", ("N_SIM=20000", "CATALOG=few")),
    ("medians", ("N_SIM=500", "BEST_FROM_SIM=1", "SAVE_SIM=1", "CATALOG=few")),
    ("formula", (*FORMULA, "A_STEP=0.1")),
    ("many populations", ("LOG_TAU_STEP=0.05", "LOG_AGE_STEP=0.02", "A_V_STEP=1", "Z_STEP=1")),
    ("many screens", ("A_V_STEP=0.005", "Z_STEP=0.1")),
    ("chi2 grid", ("SAVE_CHI_GRID=1", "CATALOG=few")),
    ("acceptable models", ("INTERVAL_FROM_CHI2=1", "BEST_SFHS=1", "CATALOG=few")),
    ("posteriors", ("POSTERIOR=1",)),
    ("PDFs", ("SAVE_PDF=1", "OUTPUT_COLUMNS=[lmass,lsfr,lssfr,la2t,lldust]")),
    ("spectra", ("BEST_FIT=1", "REST_MAG=[120,121]", "METAL=[0.008,0.02]")),
]


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
@pytest.mark.parametrize(("name", "keys"), RUNS, ids=[name for name, _ in RUNS])
def test_a_run_needs_no_more_memory_than_announced(example, tmp_path, name, keys):
    lines = (tmp_path / "gst.cat").read_text().splitlines(keepends=True)
    (tmp_path / "few.cat").write_text("".join(lines[: len(lines) - 9]))
    bound = sum(memory_parts(example(*keys, "N_THREAD=2")).values())
    # the high-water mark of the process itself, not of the one that started it
    program = (
        "import sys; from fastsed.cli.main import run; code = run(sys.argv[1:]); "
        "print(*[l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')]); sys.exit(code)"
    )
    arguments = [sys.executable, "-c", program, "gst.param", "-q", *COARSE, *keys, "N_THREAD=2"]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    used = 1024 * int(done.stdout.split()[-1])
    print(f"{name}: {used / 1e6:.0f} MB of at most {bound / 1e6:.0f} MB")
    assert used < bound


def test_trial_data(example):
    data = example().data
    chosen = np.zeros(7, dtype=bool)
    chosen[2] = True
    part = trial_data(data, chosen)
    inside = data.first_z == 2
    assert 0 < inside.sum() < len(inside)
    assert part.n_sources == inside.sum()
    np.testing.assert_array_equal(part.first_z, 2)
    np.testing.assert_array_equal(part.value, data.value[inside])


def test_trial_data_of_many_sources(example, monkeypatch):
    data = example().data
    data.first_z[:], data.last_z[:] = 0, 6
    data.last_z[3] = -1
    monkeypatch.setattr("fastsed.preview.TRIAL_SOURCES", 4)
    part = trial_data(data, np.ones(7, dtype=bool))
    assert 4 <= part.n_sources < 8
    assert (part.last_z == 6).all()


def test_trial_grid(example):
    problem = example("NO_CACHE=0")
    wanted = problem.data.redshifts_needed(len(problem.grid.axes.z))
    chosen = spread(wanted, 2)
    whole = [tile for tile in problem.grid.tiles(wanted) if chosen[tile.iz]]
    grid = TrialGrid.of(problem, chosen)
    assert grid.params.no_cache
    found = list(grid.tiles(wanted))
    assert len(found) == len(whole) == 2
    np.testing.assert_array_equal(found[1].flux, whole[1].flux)
    grid.limit = 1
    assert len(list(grid.tiles(wanted))) == 1


def test_simulations_are_part_of_the_trial(example, monkeypatch):
    calls = []
    monkeypatch.setattr("fastsed.preview.from_simulations", lambda *arguments: calls.append(arguments))
    text = "\n".join(preview(example("N_SIM=30")))
    assert "data of each: 10 bands; 30 simulations" in text
    assert ", simulations " in text
    assert len(calls) == 1


def test_posteriors_and_mocks_are_part_of_the_time(example, monkeypatch):
    seconds = {"BestFit": 1e6, "Posterior": 1e7}
    monkeypatch.setattr(
        "fastsed.preview._update_seconds", lambda reducers, tiles, n: seconds[type(reducers[0]).__name__]
    )
    monkeypatch.setattr("fastsed.preview.time_text", repr)

    def announced(*keys):
        (line,) = [line for line in preview(example(*keys)) if line.startswith("time: ")]
        return float(line.split("about ")[1].split()[0])

    plain = announced()
    assert announced("POSTERIOR=1") == pytest.approx(11 * plain, rel=1e-4)
    assert announced("MOCK=2") == pytest.approx(3 * plain, rel=1e-4)
    assert announced("POSTERIOR=1", "MOCK=2") == pytest.approx(33 * plain, rel=1e-4)


@pytest.mark.parametrize(
    "keys", [("REST_MAG=[120,121]",), ("OUTPUT_COLUMNS=[lmass,lldust,llion]",), (*FORMULA, "A_STEP=1")]
)
def test_a_trial_of_posteriors_knows_all_properties(example, keys):
    lines = preview(example("POSTERIOR=1", *keys))
    assert value(lines, "time: up to about ").endswith("with 1 thread")


def test_the_least_disturbed_trial_counts():
    class Slow:
        def __init__(self, seconds):
            self.seconds = seconds

        def prepare(self, tiles):
            return self.seconds

        def update(self, seconds):
            now[0] += seconds

    now = [0.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fastsed.preview.time.perf_counter", lambda: now[0])
        patch.setattr("fastsed.preview.batches", lambda tiles, n: [tiles, tiles])
        assert _update_seconds([Slow(3.0), Slow(1.0), Slow(2.0)], [], 1) == 2.0


def test_spread():
    marked = np.array([0, 1, 1, 0, 1, 1, 1, 1, 0], dtype=bool)
    assert np.flatnonzero(spread(marked, 2)).tolist() == [2, 6]
    assert np.flatnonzero(spread(marked, 1)).tolist() == [5]
    np.testing.assert_array_equal(spread(marked, 50), marked)


def test_no_source_to_fit(example, tmp_path):
    path = tmp_path / "gst.cat"
    header = next(line for line in path.read_text().splitlines() if line.startswith("#"))
    masked = ["-1" if name.startswith("E") else "1" for name in header.strip("# ").split()]
    path.write_text(f"{header}\n{' '.join(masked)}\n")
    with pytest.raises(
        InputError, match=r"gst\.cat: no source can be fitted: 1 source without any valid flux"
    ):
        example()


def test_size_of_the_chi_grid(example, tmp_path):
    """As the writer of the grid has it."""
    from fastsed.models.properties import property_names
    from fastsed.outputs.chi2grid import ChiGridWriter

    problem = example()
    names = property_names(problem.grid)
    with ChiGridWriter(tmp_path / "chi2.grid", problem.grid.axes.as_dict(), names, 12) as writer:
        expected = writer.expected_size
    assert abs(expected - chi_grid_bytes(problem)) < 100  # strings of another form
    with_grid = example("SAVE_CHI_GRID=1")
    assert f"chi2.grid: {size_text(chi_grid_bytes(problem))}" in preview(with_grid)


def test_notes_of_the_trial_are_not_shown(example, caplog):
    problem = example()
    caplog.set_level(logging.INFO, logger="fastsed")
    caplog.clear()
    preview(problem)
    assert not caplog.records
    logging.getLogger("fastsed").info("shown again")
    assert caplog.messages == ["shown again"]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (12, "12 bytes"),
        (1500, "1.5 kB"),
        (52e6, "52 MB"),
        (999.9e6, "1 GB"),
        (3.24e9, "3.24 GB"),
        (5e12, "5 TB"),
    ],
)
def test_size_text(size, text):
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "1 s"), (3.2, "3 s"), (150, "2 min"), (7200, "2 h"), (400000, "5 days")],
)
def test_time_text(seconds, text):
    assert time_text(seconds) == text
