"""States of fits, and the job lists for what is left."""

from __future__ import annotations

import os
import subprocess

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from fastsed.errors import InputError
from fastsed.survey.job_files import read_listing, write_fit_jobs, write_trim_jobs
from fastsed.survey.jobs import Project, divided, sub_files
from fastsed.survey.status import fit_states
from tests.survey.fields import catalogue, write_result


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Three sub files of 4 stars and an empty one, a grid of 1000 models, a noise model for one bin."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BEAST_LIBS", str(tmp_path))
    os.mkdir("proj")
    for tag in ("bin1_sub0", "bin1_sub10", "bin1_sub2"):
        catalogue(4).write(f"cat_{tag}.fits")
    catalogue(4)[:0].write("cat_bin2_sub0.fits")
    for name in ("cat.fits", "cat_bin1.fits", "ast.fits"):
        catalogue(4).write(name)
    with h5py.File("proj/proj_seds.grid.hd5", "w") as f:
        f["seds"] = np.ones((1000, 2))
    (tmp_path / "vega.txt").write_text("HST_F475W 1e-9\n")
    (tmp_path / "proj" / "proj_noisemodel_bin1.grid.hd5").write_bytes(b"")
    return Project("proj")


def states():
    names = [f"cat_{tag}.fits" for tag in ("bin1_sub0", "bin1_sub2", "bin1_sub10", "bin2_sub0")]
    return [state.state for state in fit_states("proj", names)]


def test_states(project):
    assert states() == ["fresh", "fresh", "fresh", "done"]
    write_result("proj/proj_bin1_sub0", 4)
    write_result("proj/proj_bin1_sub2", 4, first_star=-1)
    os.mkdir("proj/.proj_bin1_sub10_fit.partial")
    assert states() == ["done", "resume", "resume", "done"]


@pytest.mark.parametrize("kind", ["_stats.fits", "_pdf1d.fits", "_lnp.hd5"])
def test_files_that_are_missing_or_cut_short(project, kind, caplog):
    write_result("proj/proj_bin1_sub0", 4)
    path = f"proj/proj_bin1_sub0{kind}"
    with open(path, "rb") as f:
        data = f.read()
    with open(path, "wb") as f:
        f.write(data[: len(data) // 3])
    assert states()[0] == "fresh"
    assert "to be fitted again: " in caplog.text
    os.unlink(path)
    assert states()[0] == "fresh"


def test_empty_pdfs_and_linear_masses(project):
    write_result("proj/proj_bin1_sub0", 4)
    with fits.open("proj/proj_bin1_sub0_pdf1d.fits", mode="update") as hdus:
        hdus["M_ini"].data[2] = 0
    assert states()[0] == "resume"
    with fits.open("proj/proj_bin1_sub0_pdf1d.fits", mode="update") as hdus:
        hdus["M_ini"].data[-1] = [0.1, 1.2, 2.3]
    assert states()[0] == "fresh"


def test_stars_that_could_not_be_fitted_are_done(project):
    write_result("proj/proj_bin1_sub0", 4, first_star=-1)
    table = Table.read("proj/proj_bin1_sub0_stats.fits", hdu=1)
    table["fit_status"] = 0
    table.write("proj/proj_bin1_sub0_stats.fits", overwrite=True)
    assert states()[0] == "done"


def test_spellings_of_densities(project):
    catalogue(4).write("cat_SD_0-1_sub0.fits")
    write_result("proj/proj_sd0-1_sub0", 4)
    assert [state.state for state in fit_states("proj", ["cat_SD_0-1_sub0.fits"])] == ["done"]
    with pytest.raises(InputError, match="tells no sub file"):
        fit_states("proj", ["cat.fits"])


def test_sub_files_of_a_catalogue(project, caplog):
    expected = [f"cat_{tag}.fits" for tag in ("bin1_sub0", "bin1_sub2", "bin1_sub10", "bin2_sub0")]
    assert sub_files(["cat.fits", "ast.fits"]) == expected
    assert "ast.fits has no sub files" in caplog.text
    assert sub_files(["cat_bin1_sub2.fits"]) == ["cat_bin1_sub2.fits"]
    with pytest.raises(InputError, match="fastsed-survey split"):
        sub_files(["ast.fits"])


def test_trim_jobs(project):
    files, jobs = write_trim_jobs(project, ["cat.fits"], 2, nice=19, prefix=r"source a\nsource b")
    assert [str(path) for path in files] == ["proj/trim_batch_jobs/BEAST_batch_trim.joblist"]
    lines = files[0].read_text().splitlines()
    assert lines[:2] == ["source a", "source b"]
    assert lines[2] == (
        "nice -n19 fastsed-survey jobs run-trim proj/trim_batch_jobs/BEAST_1 --vega vega.txt"
        " > proj/trim_batch_jobs/logs/BEAST_trim_tr1.log 2>&1"
    )
    assert len(lines) == 4
    assert os.access(files[0], os.X_OK)
    assert jobs[0].memory == pytest.approx(200e6 + 300 * 1000)
    grid, columns, tasks = read_listing("proj/trim_batch_jobs/BEAST_1")
    assert (grid, columns) == ("proj/proj_seds.grid.hd5", [])
    assert [task.catalogue for task in tasks] == ["cat_bin1_sub0.fits", "cat_bin1_sub2.fits"]
    assert tasks[0].noise == "proj/proj_noisemodel_bin1.grid.hd5"
    assert tasks[0].base == "proj/proj_bin1_sub0"


def test_only_what_is_missing_is_queued(project):
    write_trim_jobs(project, ["cat.fits"], 5)
    assert os.path.exists("proj/trim_batch_jobs/BEAST_3")
    for name in ("bin1_sub0_index.hd5", "bin1_sub2_seds_trim.grid.hd5", "bin1_sub2_noisemodel_trim.grid.hd5"):
        open(f"proj/proj_{name}", "w").close()
    _, jobs = write_trim_jobs(project, ["cat.fits"], 5)
    assert [job.name for job in jobs] == ["cat_bin1_sub10"]
    assert not os.path.exists("proj/trim_batch_jobs/BEAST_2")
    open("proj/proj_bin1_sub10_index.hd5", "w").close()
    assert write_trim_jobs(project, ["cat.fits"], 5) == ([], [])
    assert not os.path.exists("proj/trim_batch_jobs/BEAST_batch_trim.joblist")


def test_fit_jobs(project):
    write_result("proj/proj_bin1_sub0", 4)
    os.mkdir("proj/.proj_bin1_sub10_fit.partial")
    with h5py.File("proj/proj_bin1_sub10_index.hd5", "w") as f:
        f["fullgrid_idx"] = np.arange(50)
    files, jobs = write_fit_jobs(project, ["cat.fits"], 2, nice=5)
    assert [path.name for path in files] == ["beast_batch_fit_1.joblist"]
    first, second = files[0].read_text().splitlines()
    assert first == (
        "nice -n5 fastsed-survey fit proj/proj_seds.grid.hd5 proj/proj_noisemodel_bin1.grid.hd5 cat_bin1_sub2.fits"
        " -o proj/proj_bin1_sub2 --vega vega.txt > proj/fit_batch_jobs/logs/beast_fit_bin1_sub2.log 2>&1"
    )
    assert "--index proj/proj_bin1_sub10_index.hd5 --resume >" in second
    assert jobs[0].name == "bin1_sub2 (fresh), bin1_sub10 (resume)"
    files, _ = write_fit_jobs(project, ["cat.fits"], 1)
    assert [path.name for path in files] == ["beast_batch_fit_1.joblist", "beast_batch_fit_2.joblist"]


def test_options_of_all_fits(project):
    options = Project("proj", noise="n_{}.hd5", vega="v", columns=("A_RATE",), grid_info="info")
    files, _ = write_fit_jobs(options, ["cat_bin1_sub2.fits"])
    words = "n_bin1.hd5 cat_bin1_sub2.fits -o proj/proj_bin1_sub2 --vega v --obs_colnames A_RATE --grid_info info >"
    assert words in files[0].read_text()


def test_trimmed_grids_are_fitted_where_there_are_some(project):
    for name in ("seds_trim.grid.hd5", "noisemodel_trim.grid.hd5"):
        open(f"proj/proj_bin1_sub2_{name}", "w").close()
    files, _ = write_fit_jobs(project, ["cat_bin1_sub2.fits"])
    assert "fit proj/proj_bin1_sub2_seds_trim.grid.hd5 proj/proj_bin1_sub2_noisemodel_trim.grid.hd5 cat" in (
        files[0].read_text()
    )


@pytest.mark.parametrize("write", [write_trim_jobs, write_fit_jobs])
@pytest.mark.parametrize("kind", ["slurm", "parallel"])
def test_other_systems(project, write, kind):
    files, jobs = write(project, ["cat.fits"], 1, prefix="source a", kind=kind)
    assert files[0].suffix == f".{kind}"
    text = files[0].read_text()
    if kind == "slurm":
        assert f"#SBATCH --array=1-{len(jobs)}" in text
        assert "#SBATCH --mem=192M" in text
        subprocess.run(["bash", "-n", files[0]], check=True)
    else:
        assert all(line.startswith("source a; fastsed-survey ") for line in text.splitlines())


def test_an_array_of_trims_runs_each_line_once(project):
    files, jobs = write_trim_jobs(project, ["cat.fits"], 3, prefix="true", kind="slurm")
    tool = "fastsed-survey() { echo $3; }; export -f fastsed-survey; . "
    for i in range(len(jobs)):
        command = tool + str(files[0])
        subprocess.run(
            ["bash", "-c", command], env={**os.environ, "SLURM_ARRAY_TASK_ID": str(i + 1)}, check=True
        )
        with open(f"proj/trim_batch_jobs/logs/BEAST_trim_tr{i + 1}.log") as f:
            assert f.read() == f"proj/trim_batch_jobs/BEAST_{i + 1}\n"


def test_listings_of_beast(tmp_path):
    path = tmp_path / "BEAST_1"
    path.write_text("grid.hd5\nF475W_RATE F814W_RATE\nn.hd5 c.fits b\n")
    grid, columns, tasks = read_listing(path)
    assert (grid, columns, tasks[0].base) == ("grid.hd5", ["F475W_RATE", "F814W_RATE"], "b")
    path.write_text("grid.hd5\nn.hd5 c.fits ast.fits b\n")
    assert read_listing(path)[2][0].base == "b"
    path.write_text("grid.hd5\nn.hd5 c.fits\n")
    with pytest.raises(InputError, match="BEAST_1:2: 2 words"):
        read_listing(path)
    path.write_text("grid.hd5\n")
    with pytest.raises(InputError, match="should hold"):
        read_listing(path)


def test_no_tasks_make_no_jobs():
    assert divided([], 5) == []
    with pytest.raises(InputError, match="at least 1"):
        divided([], 0)


@pytest.mark.parametrize("kind", ["trim", "fit"])
def test_without_sub_files_nothing_is_made(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    catalogue(4).write("cat.fits")
    with pytest.raises(InputError, match=r"no sub files of cat\.fits; `fastsed-survey split` makes them"):
        (write_trim_jobs if kind == "trim" else write_fit_jobs)(Project("new"), ["cat.fits"])
    assert not os.path.exists("new")
