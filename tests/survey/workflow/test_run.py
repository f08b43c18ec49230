"""The whole workflow of a small simulated field: where it stops, what it does again, what a kill leaves."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastsed.cli.survey.main import main, run_step
from fastsed.errors import InputError
from fastsed.paths import share_dir
from fastsed.survey.workflow.field import Field
from fastsed.survey.workflow.runner import Workflow

SETTINGS = """
astfile = "field_asts.fits"
map_pixsize = 30
map_mag_name = "G_VEGA"
map_mag_cut = [15, 24.5]
n_per_file = 60
sort_col = "G_RATE"
fit_options = ["--pdf2d_param_list", "none"]
num_percore = 1
reg_size = 60
[sim_depth]"""
SMALL = {
    "sim_n_stars = 3000": "sim_n_stars = 150",
    "logt = [6.0, 10.08, 0.24]": "logt = [6.0, 10.08, 0.72]",
    "av = [0.0, 2.0, 0.05]": "av = [0.0, 2.0, 0.5]",
    "ast_n_flux_bins = 25": "ast_n_flux_bins = 12",
    "ast_n_per_flux_bin = 15": "ast_n_per_flux_bin = 8",
    "[sim_depth]": SETTINGS,
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with a small field, its settings, and the results of its artificial star tests beside it."""
    pytest.importorskip("shapely")
    folder = tmp_path_factory.mktemp("field")
    for source in (share_dir() / "stars").iterdir():
        shutil.copyfile(source, folder / source.name)
    text = (share_dir() / "examples" / "stars" / "field.toml").read_text()
    for old, new in SMALL.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "field.toml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_step(["simulate", "field.toml"])
        assert workflow().run() is False, "the artificial stars are waited for"
        run_step(["simulate", "field.toml", "--asts", "field_inputAST.txt"])
    (folder / "field_asts.fits").rename(folder / "results.fits")
    return folder


@pytest.fixture
def folder(prepared, tmp_path, monkeypatch):
    """A copy of it."""
    copy = tmp_path / "field"
    shutil.copytree(prepared, copy)
    monkeypatch.chdir(copy)
    return copy


def workflow(command=run_step, here=False):
    return Workflow(Field.read("field.toml"), command, here)


def products(folder):
    """Digest of each product but the record, whose times differ."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "jobs" not in str(path) and not path.name.endswith("_run.json")
    }


@pytest.fixture(scope="module")
def whole(prepared, tmp_path_factory):
    """The products of an uninterrupted run."""
    copy = tmp_path_factory.mktemp("whole") / "field"
    shutil.copytree(prepared, copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(copy)
        (copy / "results.fits").rename("field_asts.fits")
        assert workflow(here=True).run()
    return products(copy)


class Recorder:
    """Runs subcommands and keeps their names."""

    def __init__(self):
        self.names = []

    def __call__(self, words):
        self.names.append(words[0])
        run_step(words)


def run_jobs(pattern):
    """What a batch system would run."""
    for listing in sorted(Path("field").glob(pattern)):
        for line in listing.read_text().splitlines():
            if line.startswith("fastsed-survey "):
                command = line.removeprefix("fastsed-survey ").split(" > ")[0]
                import shlex

                run_step(shlex.split(command))


def test_it_stops_three_times(folder, whole):
    seen = Recorder()
    assert workflow(seen).run() is False
    assert "ast-inputs" not in seen.names, "the list is there"
    (folder / "results.fits").rename("field_asts.fits")
    seen = Recorder()
    assert workflow(seen).run() is False
    assert seen.names[0] == "cut"
    assert seen.names[-1] == "jobs"
    run_jobs("trim_batch_jobs/*.joblist")
    seen = Recorder()
    assert workflow(seen).run() is False
    assert seen.names == ["jobs"]
    (first, *others) = sorted(Path("field/fit_batch_jobs").glob("*.joblist"))
    run_jobs(f"fit_batch_jobs/{first.name}")
    assert workflow().run() is False, "only the first is fitted"
    assert len(list(Path("field/fit_batch_jobs").glob("*.joblist"))) <= len(others) + 1
    for _ in others:
        run_jobs("fit_batch_jobs/*.joblist")
    seen = Recorder()
    assert workflow(seen).run() is True
    assert seen.names == ["merge", "reorder", "condense"]
    assert products(folder) == whole
    seen = Recorder()
    assert workflow(seen).run() is True
    assert seen.names == []


@pytest.mark.parametrize("n_steps", [1, 4, 9, 14])
def test_a_run_that_is_killed_is_continued(folder, whole, n_steps):
    (folder / "results.fits").rename("field_asts.fits")

    class Killed(Exception):
        pass

    def command(words, left=[n_steps]):  # noqa: B006 (counts)
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        run_step(words)

    try:
        workflow(command, here=True).run()
    except Killed:
        assert workflow(here=True).run()
    assert products(folder) == whole


RUN = "import sys; from fastsed.cli.survey.main import main; sys.exit(main(['run', 'field.toml', '--all-local']))"


def killed_after(seconds):
    """A run in a process of its own, killed after so long; whether it was."""
    process = subprocess.Popen([sys.executable, "-P", "-c", RUN], stderr=subprocess.PIPE)
    try:
        _, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    assert process.returncode == 0, errors.decode()
    return False


def test_a_run_that_is_killed_at_any_moment_is_continued(prepared, whole, tmp_path, monkeypatch):
    """Twenty kills of the process at random moments, of the start, of steps and between them."""
    rng, killed, finished = np.random.default_rng(7), 0, 0
    while killed < 20:
        copy = tmp_path / f"field{finished}"
        shutil.copytree(prepared, copy)
        monkeypatch.chdir(copy)
        (copy / "results.fits").rename("field_asts.fits")
        # all steps again, the physics model too
        os.unlink("field/field_run.json")
        os.unlink("field_seds.grid.hd5")
        while killed_after(rng.uniform(0.3, 1.6)):
            killed += 1
        assert products(copy) == whole
        finished += 1


def test_a_change_redoes_what_depends_on_it(folder):
    (folder / "results.fits").rename("field_asts.fits")
    assert workflow(here=True).run()
    text = (folder / "field.toml").read_text()
    (folder / "field.toml").write_text(text.replace("reg_size = 60", "reg_size = 90"))
    seen = Recorder()
    assert workflow(seen, here=True).run()
    assert seen.names == ["reorder", "condense"]
    os.utime("field_obs.fits")
    seen = Recorder()
    assert workflow(seen, here=True).run()
    assert seen.names == [], "the content counts, not the time"
    (folder / "field.toml").write_text(text.replace('"none"]', '"none", "--lnp_npts", "3"]'))
    with pytest.raises(InputError, match="fitted from other inputs"):
        workflow(here=True).run()
    for end in ("stats.fits", "pdf1d.fits", "lnp.hd5"):
        for path in Path("field").glob(f"field_bin*_{end}"):
            path.unlink()
    seen = Recorder()
    assert workflow(seen, here=True).run()
    assert set(seen.names) == {"fit", "merge", "reorder", "condense"}


def without_physics(text):
    """Settings without what a grid is made from."""
    keys = ("output", "physics_grid", "isochrones", "tracks", "atmospheres")
    return "".join(line for line in text.splitlines(True) if line.split(" = ")[0] not in keys)


@pytest.mark.parametrize(
    ("place", "key"), [("mine.hd5", "physics_grid"), ("mine.hd5", "output"), (None, None)]
)
def test_a_grid_that_exists(folder, whole, place, key):
    text = (folder / "field.toml").read_text()
    place = place or "field/field_seds.grid.hd5"
    (folder / "field_seds.grid.hd5").rename(place)
    (folder / "field.toml").write_text((f'{key} = "{place}"\n' if key else "") + without_physics(text))
    (folder / "results.fits").rename("field_asts.fits")
    seen = Recorder()
    assert workflow(seen, here=True).run()
    assert "grid" not in seen.names
    assert products(folder)["field/field_stats.fits"] == whole["field/field_stats.fits"]


def test_a_grid_that_does_not_exist(folder, capsys):
    text = (folder / "field.toml").read_text()
    (folder / "field.toml").write_text('physics_grid = "none.hd5"\n' + without_physics(text))
    assert main(["run", "field.toml"]) == 1
    assert (
        "field.toml: there is no physics model none.hd5: `physics_grid` names one that exists"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('project = "field"', ""), "the key project is missing"),
        (('project = "field"', 'project = "a/b"'), "a name without blanks and slashes"),
        (('vega = "vega.txt"', 'vega = "nowhere.txt"'), "not found: nowhere.txt"),
        (("[sim_depth]", 'noise_model = "spline"\n[sim_depth]'), "choose one of toothpick"),
        (("seed = 1", "seed = = 1"), "is no settings file"),
    ],
)
def test_wrong_settings_are_one_message(folder, capsys, change, says):
    text = (folder / "field.toml").read_text()
    assert change[0] in text
    (folder / "field.toml").write_text(text.replace(*change))
    assert main(["run", "field.toml"]) == 1
    err = capsys.readouterr().err
    assert says in err
    assert "Traceback" not in err


def test_a_damaged_record_is_said(folder, capsys):
    record = Path("field/field_run.json")
    assert json.loads(record.read_text())["format"] == 1
    record.write_text(record.read_text()[:40])
    assert main(["run", "field.toml"]) == 1
    assert "is no record of a run" in capsys.readouterr().err


def test_no_settings_file(tmp_path, capsys):
    assert main(["run", str(tmp_path / "none.toml")]) == 1
    assert "`fastsed-survey init DIR` writes one" in capsys.readouterr().err
