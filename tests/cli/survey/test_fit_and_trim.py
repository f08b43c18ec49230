"""The commands trim, fit, grid-info on a small field: options arrive, products have their names, errors are clear."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from fastsed.cli.survey.main import main
from tests.survey.small_grids import names_of, small_field


@pytest.fixture
def field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small_field(tmp_path)


FIT = ["fit", "grid.hd5", "noise.hd5", "cat.fits", "--vega", "vega.txt", "-q"]


def test_trim_then_fit(field: None) -> None:
    assert main(["trim", "-q", "grid.hd5", "noise.hd5", "cat.fits", "-o", "t", "--vega", "vega.txt"]) == 0
    assert (
        main(["trim", "-q", "grid.hd5", "noise.hd5", "cat.fits", "-o", "t", "--vega", "vega.txt", "--index"])
        == 0
    )
    trimmed = [
        "fit",
        "t_seds_trim.grid.hd5",
        "t_noisemodel_trim.grid.hd5",
        "cat.fits",
        "--vega",
        "vega.txt",
        "-q",
    ]
    assert main([*trimmed, "-o", "a"]) == 0
    assert main([*FIT, "-o", "b", "--index", "t_index.hd5"]) == 0
    one, two = (fits.getdata(f"{base}_stats.fits", 1) for base in "ab")
    np.testing.assert_array_equal(one["Pmax_fullgrid_indx"], two["Pmax_indx"])
    for name in ("Av_p50", "M_ini_Exp", "chi2min", "total_log_norm"):
        np.testing.assert_allclose(one[name], two[name], rtol=1e-9)


def test_options(field: None) -> None:
    options = ["--threshold", "-4", "--lnp_npts", "3", "--pdf_max_nbins", "11", "--surveyname", "ABC"]
    assert (
        main([*FIT, "-o", "f", *options, "--pdf2d_param_list", "Av", "M_ini", "--save_every_npts", "5"]) == 0
    )
    stats = fits.getdata("f_stats.fits", 1)
    assert all(name.startswith("ABC J") for name in stats["Name"])
    with fits.open("f_pdf2d.fits") as hdus:
        assert [hdu.header.get("EXTNAME") for hdu in hdus[1:]] == ["Av+M_ini"]
        assert hdus[1].data.shape == (32, 11, 11)
    with h5py.File("f_lnp.hd5") as f:
        assert max(len(f[f"star_{i}/idx"]) for i in range(30)) == 3
        assert all(f[f"star_{i}/lnp"][()].min() > stats["Pmax"][i] - 4.001 for i in range(30))
    assert main([*FIT, "-o", "n", "--do_not_normalize", "--pdf2d_param_list", "none"]) == 0
    with h5py.File("grid.hd5") as f:
        total = np.log(f["grid"]["weight"].sum())
    np.testing.assert_allclose(fits.getdata("n_stats.fits", 1)["Pmax"], stats["Pmax"] + total)
    assert not Path("n_pdf2d.fits").exists()


def test_compat(field: None) -> None:
    assert main([*FIT, "-o", "f", "--compat", "beast1"]) == 0
    with fits.open("f_stats.fits") as hdus:
        assert len(hdus) == 2
        assert "fit_status" not in hdus[1].columns.names
    assert fits.getdata("f_pdf1d.fits", "logT").shape == (31, 50)
    assert not Path("f_pdf2d.fits").exists()


def test_columns_and_grid_info(field: None) -> None:
    assert main(["grid-info", "-q", "--grids", "grid.hd5", "--noise", "noise.hd5", "-o", "info"]) == 0
    columns = [f"{name.rsplit('_', 1)[-1]}_rate" for name in names_of(3)]
    assert main([*FIT, "-o", "f", "--grid_info", "info", "--obs_colnames", *columns]) == 0
    assert main([*FIT, "-o", "g"]) == 0
    for suffix in ("_stats.fits", "_pdf1d.fits", "_lnp.hd5"):
        assert Path(f"f{suffix}").read_bytes() == Path(f"g{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([*FIT, "-o", "f", "--threshold", "1"], 1, "the threshold is 1; it must be negative"),
        ([*FIT, "-o", "f", "--save_every_npts", "0"], 1, "every 0 stars"),
        ([*FIT, "-o", "f", "--obs_colnames", "A", "B", "C"], 1, "cat.fits: has no column A, B, C"),
        ([*FIT, "-o", "f", "--grid_info", "vega.txt"], 1, "vega.txt: is not a file that"),
        ([*FIT, "-o", "f", "--index", "vega.txt"], 1, "vega.txt: is not a readable HDF5 file"),
        (["fit", "noise.hd5", *FIT[2:], "-o", "f"], 1, 'noise.hd5: has no dataset "seds"'),
        (
            ["trim", *FIT[1:4], "cat.fits", "-o", "t", "--vega", "vega.txt"],
            2,
            "2 catalogues, but 1 names after -o",
        ),
        (["trim", *FIT[1:], "-o", "t", "--sigma_fac", "-1"], 1, "a margin of -1 sigma"),
    ],
)
def test_wrong_input(
    field: None, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str
) -> None:
    assert main(arguments) == status
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not list(Path().glob("[ft]_*"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table[:0], "cat.fits holds no stars: the products have no rows"),
        (
            lambda table: with_values(table, "RA", [np.nan, np.inf]),
            "2 stars without a position (RA, DEC) have no name",
        ),
        (
            lambda table: with_values(table, "DEC", [91.0]),
            "1 stars without a position (RA, DEC) have no name",
        ),
        (lambda table: without(table, "RA"), "cat.fits has no columns RA and DEC: no star has a name"),
    ],
)
def test_odd_catalogues_are_said(
    field: None, caplog: pytest.LogCaptureFixture, change: Callable[[Table], Table], says: str
) -> None:
    table = change(Table.read("cat.fits"))
    table.write("cat.fits", overwrite=True)
    assert main([*FIT, "-o", "f"]) == 0
    assert says in caplog.text
    assert len(fits.getdata("f_stats.fits", 1)) == len(table)


def with_values(table: Table, name: str, values: list[float]) -> Table:
    table[name][: len(values)] = values
    return table


def without(table: Table, name: str) -> Table:
    table.remove_column(name)
    return table
