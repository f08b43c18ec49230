"""Products of the fit of a catalogue: columns and their values, index lists, kills and resumption."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from fastsed.errors import InputError
from fastsed.fitting.stars.options import FitOptions
from fastsed.survey.fit_store import JOURNAL, FitStore, partial_folder
from fastsed.survey.grid_info import grid_ranges, read_grid_info, write_grid_info
from fastsed.survey.index_lists import write_index_list
from fastsed.survey.star_fits import StarFitSettings, fit_catalogue
from tests.fitting.stars.reference import fit_directly, random_stars
from tests.survey.small_grids import names_of, small_field, write_catalogue

PRODUCTS = ("_stats.fits", "_pdf1d.fits", "_pdf2d.fits", "_lnp.hd5")


def settings(folder: Path, base: str = "f", **options: object) -> StarFitSettings:
    chosen = {"n_samples": None, "pairs": ("Av", "logT", "M_ini")} | options
    files = [folder / name for name in ("grid.hd5", "noise.hd5", "cat.fits", "vega.txt", base)]
    return StarFitSettings(*files, FitOptions(**chosen), stars_a_batch=7)


def digests(base: Path) -> list[str]:
    return [hashlib.sha256(Path(f"{base}{suffix}").read_bytes()).hexdigest() for suffix in PRODUCTS]


def test_values_in_the_files(tmp_path: Path) -> None:
    models = small_field(tmp_path)
    # fewer bins than there are values: 1-D and 2-D PDFs have the same ones
    paths = fit_catalogue(settings(tmp_path, max_bins=15))
    assert [p.name for p in paths] == [
        f"f{s}" for s in ("_stats.fits", "_pdf1d.fits", "_pdf2d.fits", "_lnp.hd5")
    ]
    assert not partial_folder(tmp_path / "f").exists()
    with fits.open(tmp_path / "f_stats.fits") as hdus:
        stats, filters = hdus[1].data, hdus[2].data
        hdus.verify("exception")
    assert list(filters["filternames"]) == list(names_of(3))
    with fits.open(tmp_path / "f_pdf1d.fits") as hdus:
        hdus.verify("exception")
        assert hdus[0].data.shape == (2, 2)
        extensions = [hdu.header["EXTNAME"] for hdu in hdus[1:]]
        pdf = hdus["Av"].data
    assert extensions[:3] == ["Av", "Rv", "f_A"]
    with fits.open(tmp_path / "f_pdf2d.fits") as hdus:
        assert [hdu.header["EXTNAME"] for hdu in hdus[1:]] == ["Av+logT", "Av+M_ini", "logT+M_ini"]
        plane = hdus[1].data
    np.testing.assert_allclose(plane[:-2].sum(axis=2), pdf[:-1], atol=1e-12)
    np.testing.assert_array_equal(plane[-2][:, 0], pdf[-1])
    fluxes = np.column_stack([stats[name] for name in names_of(3)])
    with h5py.File(tmp_path / "f_lnp.hd5") as f:
        assert len(f) == len(stats) + 2
        for i, flux in enumerate(fluxes):
            direct = fit_directly(models, flux)
            group = f[f"star_{i}"]
            np.testing.assert_array_equal(np.sort(group["idx"]), direct.members)
            np.testing.assert_array_equal(group["input"][:, 0], flux)
            assert stats["Pmax"][i] == pytest.approx(direct.lnp.max())
            assert stats["Pmax_indx"][i] == direct.best
            for name in ("Av", "M_ini", "logX_wd"):
                assert stats[f"{name}_Best"][i] == models.table[name][direct.best]
            biased = models.seds[direct.best, 1] + models.bias[direct.best, 1]
            value = np.sign(biased) * np.log10(1 + abs(biased) / 1e-20)
            assert stats[f"symlog{names_of(3)[1]}_wd_bias_Best"][i] == pytest.approx(value, rel=1e-13)
            assert stats["specgrid_indx"][i] == models.table["specgrid_indx"][direct.best]


def test_products_are_on_the_disk_before_they_have_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_field(tmp_path, 3)
    steps: list[object] = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (steps.append(os.fstat(fd).st_ino), sync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (steps.append(Path(b).name), rename(a, b))[1])
    for path in fit_catalogue(settings(tmp_path)):
        assert steps[steps.index(path.name) - 1] == path.stat().st_ino
        assert steps[steps.index(path.name) + 1] == tmp_path.stat().st_ino


def test_stars_that_are_not_fitted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    models = small_field(tmp_path)
    fluxes = random_stars(models, 5, 23)
    fluxes[2, 1] = np.nan
    write_catalogue(tmp_path / "cat.fits", fluxes, positions=False)
    fit_catalogue(settings(tmp_path))
    assert "1 stars are not fitted: a flux is not finite" in caplog.text
    fit_catalogue(replace(settings(tmp_path, "old"), compat="beast2"))
    stats, old = (fits.getdata(tmp_path / f"{base}_stats.fits", 1) for base in ("f", "old"))
    assert list(stats["Name"]) == ["noname"] * 5
    assert "RA" not in stats.names
    assert np.isnan(stats["Av_Best"][2])
    assert stats["Pmax_indx"][2] == -1
    assert list(stats["fit_status"]) == [1, 1, 2, 1, 1]
    assert old["Pmax"][2] == 0
    assert "fit_status" not in old.names
    with h5py.File(tmp_path / "f_lnp.hd5") as f:
        assert f["star_2/idx"].shape == (0,)
        assert len(f) == 7


@pytest.mark.parametrize("n_stars", [0, 1, 7, 8])
def test_any_number_of_stars(tmp_path: Path, n_stars: int) -> None:
    models = small_field(tmp_path)
    write_catalogue(tmp_path / "cat.fits", random_stars(models, n_stars, 24))
    fit_catalogue(settings(tmp_path))
    assert len(fits.getdata(tmp_path / "f_stats.fits", 1)) == n_stars
    assert fits.getdata(tmp_path / "f_pdf1d.fits", 1).shape[0] == n_stars + 1
    with h5py.File(tmp_path / "f_lnp.hd5") as f:
        assert len(f) == n_stars + 2


def test_an_index_list_is_as_good_as_a_trimmed_grid(tmp_path: Path) -> None:
    models = small_field(tmp_path)
    rows = np.flatnonzero(np.random.default_rng(3).random(len(models.seds)) < 0.4)
    write_index_list(tmp_path / "i.hd5", rows, len(models.seds))
    fit_catalogue(replace(settings(tmp_path), index=tmp_path / "i.hd5"))
    part = replace(
        models, seds=models.seds[rows], bias=models.bias[rows], error=models.error[rows],
        table={name: values[rows] for name, values in models.table.items()},
    )  # fmt: skip
    stats = fits.getdata(tmp_path / "f_stats.fits", 1)
    for i in range(len(stats)):
        direct = fit_directly(part, np.array([stats[name][i] for name in names_of(3)]))
        assert stats["Pmax_indx"][i] == rows[direct.best]
        assert stats["Av_Best"][i] == part.table["Av"][direct.best]
        assert stats["Pmax"][i] == pytest.approx(direct.lnp.max())


def test_bins_of_a_grid_info(tmp_path: Path) -> None:
    small_field(tmp_path)
    ranges = grid_ranges([tmp_path / "grid.hd5"], [tmp_path / "noise.hd5"])
    low = ranges["logT"].minimum - 1
    write_grid_info(tmp_path / "info", ranges | {"logT": replace(ranges["logT"], minimum=low, unique=None)})
    read = read_grid_info(tmp_path / "info")
    fit_catalogue(settings(tmp_path, max_bins=30, spans=read))
    assert fits.getdata(tmp_path / "f_pdf1d.fits", "logT")[-1, 0] == low
    np.testing.assert_array_equal(fits.getdata(tmp_path / "f_pdf1d.fits", "Rv")[-1], ranges["Rv"].unique)
    (tmp_path / "info").write_text("{}")
    with pytest.raises(InputError, match="is not a file that"):
        read_grid_info(tmp_path / "info")


def test_more_models_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_field(tmp_path)
    fit_catalogue(settings(tmp_path, "whole"))
    monkeypatch.setattr("fastsed.survey.star_fits.STORED_IN_MEMORY", 100)
    fit_catalogue(settings(tmp_path))
    one, two = (fits.getdata(tmp_path / f"{base}_stats.fits", 1) for base in ("whole", "f"))
    for name in one.names:
        if one[name].dtype.kind == "f":
            np.testing.assert_allclose(two[name], one[name], rtol=1e-8, atol=1e-8)
        else:
            np.testing.assert_array_equal(two[name], one[name])
    for suffix in ("_pdf1d.fits", "_pdf2d.fits"):
        with fits.open(tmp_path / f"whole{suffix}") as a, fits.open(tmp_path / f"f{suffix}") as b:
            for image, other in zip(a, b, strict=True):
                np.testing.assert_allclose(other.data, image.data, rtol=1e-9, atol=1e-14)


class Stop(Exception):
    """Ends a run as a kill would, without anything being cleaned up."""


@pytest.mark.parametrize("n_batches", [0, 1, 3])
@pytest.mark.parametrize("torn", [False, True])
def test_broken_off_and_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_batches: int, torn: bool
) -> None:
    small_field(tmp_path)
    fit_catalogue(settings(tmp_path, "whole", n_samples=5))
    calls, append = [], FitStore.append

    def stopping(store: FitStore, *results: object) -> None:
        if len(calls) == n_batches:
            raise Stop
        calls.append(1)
        append(store, *results)

    monkeypatch.setattr(FitStore, "append", stopping)
    with pytest.raises(Stop):
        fit_catalogue(settings(tmp_path, n_samples=5))
    monkeypatch.setattr(FitStore, "append", append)
    folder = partial_folder(tmp_path / "f")
    assert folder.is_dir()
    assert not (tmp_path / "f_stats.fits").exists()
    if torn:
        with open(folder / "journal", "ab") as f:
            f.write(b'{"first": 28, "n"')
        with open(folder / "samples", "ab") as f:
            f.write(b"abc")
    fit_catalogue(settings(tmp_path, n_samples=5), resume=True)
    assert digests(tmp_path / "f") == digests(tmp_path / "whole")
    assert not folder.exists()


def test_batches_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other batches, or a resumption of what is whole: the same bytes."""
    monkeypatch.setattr("fastsed.survey.fit_store.STARS_A_GROUP", 11)
    small_field(tmp_path)
    fit_catalogue(settings(tmp_path, "whole"))
    fit_catalogue(replace(settings(tmp_path), stars_a_batch=4))
    assert digests(tmp_path / "f") == digests(tmp_path / "whole")
    fit_catalogue(settings(tmp_path), resume=True)
    assert digests(tmp_path / "f") == digests(tmp_path / "whole")


def test_other_options_start_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_field(tmp_path)
    append = FitStore.append
    monkeypatch.setattr(FitStore, "finish", lambda store: (_ for _ in ()).throw(Stop()))
    with pytest.raises(Stop):
        fit_catalogue(settings(tmp_path, threshold=-3.0))
    monkeypatch.undo()
    appended = []
    monkeypatch.setattr(FitStore, "append", lambda store, *r: (appended.append(1), append(store, *r)))
    fit_catalogue(settings(tmp_path), resume=True)
    assert len(appended) == 5
    fit_catalogue(settings(tmp_path, "whole"))
    assert digests(tmp_path / "f") == digests(tmp_path / "whole")


ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys
from pathlib import Path
# last, so that an installed fastsed comes before that of the checkout
sys.path.append(sys.argv[2])
from tests.survey.test_star_fits import settings
from fastsed.survey.star_fits import fit_catalogue
from dataclasses import replace
folder = Path(sys.argv[1])
fit_catalogue(replace(settings(folder), stars_a_batch=2), resume=True)
"""


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Twenty kills: half of them while stars are fitted, the others anywhere in the life of the process."""
    small_field(tmp_path, 1000)
    fit_catalogue(replace(settings(tmp_path, "whole"), stars_a_batch=2))
    journal = partial_folder(tmp_path / "f") / JOURNAL
    rng, killed = np.random.default_rng(4), 0
    for i in range(20):
        before = journal.stat().st_size if journal.exists() else 0
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", RUN, tmp_path, ROOT], stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while (
            i % 2
            and process.poll() is None
            and not (journal.exists() and journal.stat().st_size > before)
            and time.monotonic() < deadline
        ):
            time.sleep(0.002)
        time.sleep((0.02 if i % 2 else 0.6) * rng.random())
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    subprocess.run([sys.executable, "-P", "-c", RUN, tmp_path, ROOT], check=True)
    assert digests(tmp_path / "f") == digests(tmp_path / "whole")
    assert killed > 10


def test_results_of_the_peer_are_gone_on_with(
    tmp_path: Path, shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Partial files of BEAST HEAD: 21 of 40 stars."""
    scenario, data = shared / "golden_survey/fit_resume", shared / "golden_survey/data"
    for suffix in ("_stats.fits", "_pdf1d.fits", "_lnp.hd5"):
        (tmp_path / f"f{suffix}").write_bytes((scenario / f"f{suffix}").read_bytes())
    options = FitOptions(n_samples=None, max_bins=50)
    files = [data / name for name in ("trim_grid3.hd5", "trimnoise_grid3.hd5", "obs_grid3.fits", "vega.txt")]
    with caplog.at_level("INFO"):
        fit_catalogue(StarFitSettings(*files, tmp_path / "f", options), resume=True)
    assert "21 of 40 stars are fitted already" in caplog.text
    fit_catalogue(StarFitSettings(*files, tmp_path / "g", options))
    one, two = (fits.getdata(tmp_path / f"{base}_stats.fits", 1) for base in "fg")
    for name in one.names:
        if one[name].dtype.kind == "f":
            np.testing.assert_allclose(one[name], two[name], rtol=1e-8, atol=1e-9)
        else:
            np.testing.assert_array_equal(one[name], two[name])
    # with other bins, they are of no use
    caplog.clear()
    fit_catalogue(StarFitSettings(*files, tmp_path / "f", replace(options, max_bins=49)), resume=True)
    assert "the fit starts over" in caplog.text


def test_rows_of_the_catalogue_that_was_split_are_carried_over(tmp_path: Path, shared: Path) -> None:
    """Also beside results of BEAST HEAD, which do not have them."""
    scenario, data = shared / "golden_survey/fit_resume", shared / "golden_survey/data"
    for suffix in ("_stats.fits", "_pdf1d.fits", "_lnp.hd5"):
        (tmp_path / f"f{suffix}").write_bytes((scenario / f"f{suffix}").read_bytes())
    stars = Table.read(data / "obs_grid3.fits")
    stars["row_id"] = 3 * np.arange(len(stars))[::-1]
    stars.write(tmp_path / "cat.fits")
    files = [data / "trim_grid3.hd5", data / "trimnoise_grid3.hd5", tmp_path / "cat.fits", data / "vega.txt"]
    fit_catalogue(
        StarFitSettings(*files, tmp_path / "f", FitOptions(n_samples=None, max_bins=50)), resume=True
    )
    with fits.open(tmp_path / "f_stats.fits") as hdus:
        assert hdus[1].data["row_id"].tolist() == stars["row_id"].tolist()
