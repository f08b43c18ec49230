"""`fastsed-sfh2sed`: histories with known spectra, and one clear message for each wrong input."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.cli.sfh2sed import main, read_options
from fastsed.errors import UsageError
from fastsed.library.csp import csp_weights
from fastsed.library.ssp import read_ssp
from fastsed.models.attenuation import attenuation_curve
from fastsed.models.cosmology import Cosmology
from fastsed.models.igm import igm_transmission
from fastsed.paths import share_dir
from tests.library.make_files import AGES, LAM, SED, ascii_text, simple, write_fits

BURST = "0 0\n1000 0\n1000.001 1\n1000.002 0\n3000 0\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a small library and a history of 1 Msun/yr for 100 Myr from 500 Myr on."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy_lr_ch_z02.ised_ASCII").write_text(ascii_text())
    (tmp_path / "sfh.txt").write_text("# t sfr\n0 0\n500 0\n500.001 1\n600 1\n600.001 0\n3000 0\n")
    return tmp_path


def run(*arguments):
    """Run with the usual files; the columns of the spectrum come back."""
    assert main(["ssp=toy_lr_ch_z02.ised_ASCII", "out=o.txt", *arguments]) == 0
    return np.loadtxt("o.txt").T


def error_of(capsys, *arguments, status=1):
    assert main(list(arguments)) == status
    text = capsys.readouterr().err
    assert text.startswith("fastsed-sfh2sed: error: ")
    assert text.count("\n") == 1
    return text


# --- spectra ----------------------------------------------------------------------------------------------


def test_burst_is_an_ssp(folder):
    (folder / "sfh.txt").write_text(BURST)
    # 1e-3 Myr wide triangle: 1e3 Msun, seen 1 Gyr later
    lam, sed = run("sfh=sfh.txt", "tobs=2000.001")
    np.testing.assert_allclose(lam, LAM, rtol=1e-5)
    np.testing.assert_allclose(sed, 1e3 * SED[AGES == 1e9][0], rtol=1e-4)
    assert (folder / "o.txt").read_text().splitlines(True)[0] == "# wl fl (Lsol Angstrom^-1)\n"


def test_constant_history_weighs_ssps_by_their_bins(folder):
    _, sed = run("sfh=sfh.txt", "tobs=700")
    # stars of 100 to 200 Myr belong to the SSPs of 100 Myr, whose bin ends at 550 Myr
    np.testing.assert_allclose(sed, 1e8 * SED[AGES == 1e8][0], rtol=1e-4)


def test_stars_after_the_observation_do_not_count(folder):
    _, half = run("sfh=sfh.txt", "tobs=550")
    _, ours = run("sfh=sfh.txt", "tobs=550", "unit_mass=1")
    edges = np.array([0.0, 0.5e6, 2e6, 6.5e6, 50e6])
    np.testing.assert_allclose(half, np.diff(edges) @ SED[:4], rtol=1e-4)
    np.testing.assert_allclose(ours, half / 50e6, rtol=1e-4)


def test_lookback_times(folder):
    (folder / "back.txt").write_text("0 0\n99.999 0\n100 1\n200 1\n200.001 0\n2500 0\n")
    _, forward = run("sfh=sfh.txt", "tobs=700")
    for flag in ("lookback=1", "lookback"):
        _, back = run("sfh=back.txt", flag)
        np.testing.assert_allclose(back, forward, rtol=1e-4)


def test_attenuation_and_redshift(folder):
    lam, rest = run("sfh=sfh.txt", "tobs=700")
    _, dusty = run("sfh=sfh.txt", "tobs=700", "AV=1.5")
    k = attenuation_curve("calzetti", LAM)
    np.testing.assert_allclose(dusty, rest * 10 ** (-0.4 * 1.5 * k), rtol=1e-4)
    options = ("sfh=sfh.txt", "tobs=700", "z=2.5", "H0=65", "Omega_m=0.25", "omega_L=0.75")
    observed, flux = run(*options)
    assert (folder / "o.txt").read_text().splitlines(True)[
        0
    ] == "# wl fl (x 10^-19 ergs s^-1 cm^-2 Angstrom^-1)\n"
    np.testing.assert_allclose(observed, 3.5 * lam, rtol=1e-5)
    through = rest * float(Cosmology(65, 0.25, 0.75).luminosity_to_flux(2.5))
    np.testing.assert_allclose(flux, through * igm_transmission(LAM, 2.5), rtol=1e-4)
    np.testing.assert_allclose(run(*options, "no_igm=1")[1], through, rtol=1e-4)


@pytest.mark.parametrize("step", ["1", "10"])
def test_a_tabulated_delayed_history_is_the_built_one(folder, step):
    """Within what distinguishes SSPs taken in bins of age from SSPs interpolated in age."""
    path = share_dir() / "libraries/bc03_lr_kr.hdf5"
    t, tau = np.linspace(0, 3000, 3001), 300.0
    np.savetxt(folder / "del.txt", np.c_[t, 1e10 * t / tau**2 * np.exp(-t / tau) * 1e-6])
    assert (
        main([f"ssp={path}", "metal=0.02", "out=o.txt", "sfh=del.txt", "tobs=1500", f"sfh_step={step}"]) == 0
    )
    lam, sed = np.loadtxt("o.txt").T
    ssp = read_ssp(path, 0.02)
    expected = 1e10 * (csp_weights(ssp.ages, "del", tau * 1e6, 1500e6) @ ssp.sed)[0]
    optical = (lam > 2500) & (lam < 25000)
    np.testing.assert_allclose(sed[optical], expected[optical], rtol=0.01)


def test_libraries_of_all_kinds(folder):
    from fastsed.library.ssp import write_ssp_hdf5

    write_fits(folder / "twin_z02.ised_ASCII.fits")
    write_ssp_hdf5(folder / "two.hdf5", [simple(0.008, 2.0), simple(0.02)])
    _, expected = run("sfh=sfh.txt", "tobs=700")
    for library in (["ssp=toy_lr_ch_z02"], ["ssp=twin_z02"], ["ssp=two.hdf5", "metal=0.02"]):
        assert main([*library, "out=p.txt", "sfh=sfh.txt", "tobs=700"]) == 0
        np.testing.assert_allclose(np.loadtxt("p.txt")[:, 1], expected, rtol=1e-5)
    assert main(["ssp=two.hdf5", "metal=0.008", "out=p.txt", "sfh=sfh.txt", "tobs=700"]) == 0
    np.testing.assert_allclose(np.loadtxt("p.txt")[:, 1], 2 * expected, rtol=1e-5)


def test_history_in_a_fits_table(folder):
    from astropy.table import Table

    t, sfr = np.loadtxt("sfh.txt").T
    Table({"t": t, "sfr": sfr}).write("sfh.fits")
    np.testing.assert_array_equal(run("sfh=sfh.fits", "tobs=700"), run("sfh=sfh.txt", "tobs=700"))


def test_masses_are_told(folder, capsys):
    run("sfh=sfh.txt", "tobs=700")
    assert (
        "note: formed 1e+08 Msun, of which 7.5e+07 Msun survive at the observation" in capsys.readouterr().out
    )


# --- wrong input ------------------------------------------------------------------------------------------


def test_help_names_every_key(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for key in ("sfh=", "tobs=", "ssp=", "out=", "av=", "z=", "lookback=", "no_igm=", "unit_mass="):
        assert key in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tob=3"], "unknown key 'tob': did you mean 'tobs'?"),
        (["xyz=3"], "unknown key 'xyz': known are sfh, ssp, out"),
        (["sfh=a", "SFH=b"], "sfh is given twice"),
        (["tobs=soon"], "tobs='soon' is not a number"),
        (["z=inf"], "z='inf' is not a number"),
        (["tobs"], "tobs='' is not a number"),
        (["out="], "out has no value: give out=VALUE"),
        (["lookback=perhaps"], "lookback='perhaps' is not 0 or 1"),
        (["sfh=a", "tobs=1"], "missing ssp, out; try 'fastsed-sfh2sed --help'"),
        (["sfh=a", "ssp=b", "out=c"], "missing tobs (or lookback=1)"),
        ([], "missing sfh, ssp, out, tobs (or lookback=1)"),
    ],
)
def test_wrong_arguments_exit_with_2(capsys, arguments, message):
    assert message in error_of(capsys, *arguments, status=2)


def test_keys_in_any_order_and_case():
    found = read_options(["OUT=o", "Tobs=5", "sSp=s", "sfh=h", "Unit_Mass", "lookback=0"])
    assert (found.out, found.tobs, found.ssp, found.sfh) == ("o", 5.0, "s", "h")
    assert found.unit_mass
    assert not found.lookback
    with pytest.raises(UsageError):
        read_options(["out=o", "tobs=5", "ssp=s"])


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", ["tobs=1"], "is empty: expected the columns t, sfr"),
        ("0 1\n", ["tobs=1"], "has one row only"),
        ("0\n1\n", ["tobs=1"], "sfh.txt:1: has 1 columns, expected 2 (t, sfr)"),
        ("0 1\nx 1\n", ["tobs=1"], "sfh.txt:2: column t: 'x' is not a number"),
        ("0 1\n2 nan\n", ["tobs=1"], "not finite"),
        ("0 1\n2 1\n2 1\n", ["tobs=1"], "times must ascend, but 2 follows 2"),
        ("-1 1\n2 1\n", ["tobs=1"], "begins at the time -1: times must not be negative"),
        ("0 1\n2e6 1\n", ["tobs=1"], "times must be in Myr, at most 100000"),
        ("0 1\n2 -1\n", ["tobs=1"], "holds a negative star formation rate, -1"),
        ("1 1\n20 1\n", ["tobs=21"], "covers the times 1 to 20 Myr, but the observation is at tobs=21"),
        ("1 1\n20 1\n", ["tobs=1"], "covers the times 1 to 20 Myr, but the observation is at tobs=1"),
        ("1 1\n20 1\n", ["lookback=1"], "with lookback=1 it must begin at 0"),
        ("0 0\n20 0\n", ["tobs=10"], "no stars form before the observation"),
        ("0 1\n2e4 1\n", ["tobs=2e4"], "are 20000 Myr old at the observation, but the library"),
    ],
)
def test_wrong_histories(folder, capsys, content, options, message):
    (folder / "sfh.txt").write_text(content)
    text = error_of(capsys, "sfh=sfh.txt", "ssp=toy_lr_ch_z02.ised_ASCII", "out=o.txt", *options)
    assert message in text
    assert "sfh.txt" in text
    assert not (folder / "o.txt").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["av=-1"], "Av=-1 is negative"),
        (["z=0"], "z=0 must be above 0"),
        (["sfh_step=0"], "sfh_step=0 must be above 0"),
        (["z=1", "h0=0"], "H0 = 0.0 is not a universe"),
        (["ssp=missing.ised_ASCII"], "missing.ised_ASCII: cannot be read: No such file"),
        (["ssp=sfh.txt"], "sfh.txt: is of no known kind"),
        (["sfh=missing.txt"], "missing.txt: cannot be read: No such file"),
        (["sfh=missing.fits"], "missing.fits: cannot be read: No such file"),
        (["out=sfh.txt/o"], "cannot be written"),
    ],
)
def test_wrong_values(folder, capsys, options, message):
    given = {option.split("=")[0] for option in options}
    usual = ["sfh=sfh.txt", "tobs=700", "ssp=toy_lr_ch_z02.ised_ASCII", "out=o.txt"]
    text = error_of(capsys, *[one for one in usual if one.split("=")[0] not in given], *options)
    assert message in text
