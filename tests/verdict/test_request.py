"""Rules on parameters and known redshifts, on both sides of each limit."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.inputs.photoz import photoz_paths
from fastsed.models.cosmology import Cosmology
from fastsed.params import Params, read_params
from fastsed.verdict.request import moved_redshifts, redshift_findings, request_findings


def findings(params):
    universe = Cosmology(params.h0, params.omega_m, params.omega_l)
    return request_findings(params, universe.age, bool(photoz_paths(params)))


def unusual(*overrides):
    """Texts of the warnings; anything but these overrides is default."""
    return [f.text for f in findings(read_params(None, list(overrides))) if f.unusual]


def test_defaults_are_usual():
    assert not any(finding.unusual for finding in findings(Params()))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["H0=0.7"], "H0 = 0.7"),
        (["H0=9.9"], "H0 = 9.9"),
        (["H0=10.1", "LOG_AGE_MAX=10"], ""),
        (["H0=201", "LOG_AGE_MAX=9"], "H0 = 201"),
        # log10 of Gyr, Gyr, log10 of years
        (["LOG_AGE_MIN=-1", "LOG_AGE_MAX=1.1"], "LOG_AGE_MAX = 1.1"),
        (["LOG_AGE_MIN=0.1", "LOG_AGE_MAX=10"], "LOG_AGE_MIN = 0.1"),
        (["LOG_AGE_MIN=4", "LOG_AGE_MAX=10"], ""),
        (["LOG_TAU_MIN=-1", "LOG_TAU_MAX=1"], "LOG_TAU_MAX = 1 "),
        (["LOG_TAU_MIN=3.9"], "LOG_TAU_MIN = 3.9"),
        (["LOG_TAU_MIN=-1", "CUSTOM_SFH=t"], ""),
        (["LOG_TAU_MIN=-1", "CUSTOM_SFH=t^log_tau", "CUSTOM_PARAMS=[log_tau]"], "LOG_TAU_MIN = -1"),
        (["LOG_TAU_MIN=-1", "MY_SFH=mine"], ""),
        (["DIFFERENTIAL_A_V=1", "CUSTOM_SFH=t", "LOG_BC_AGE_MAX=-2"], "LOG_BC_AGE_MAX = -2"),
        # the Universe is 10^10.13 years old today, 10^9.52 at z = 2
        (["LOG_AGE_MAX=10.47"], ""),
        (["LOG_AGE_MAX=10.49"], "LOG_AGE_MAX = 10.49"),
        (["LOG_AGE_MIN=9.5", "Z_MAX=1.9"], ""),
        (["LOG_AGE_MIN=9.5", "Z_MAX=3"], "above z = 2.0"),
        (["LOG_AGE_MIN=9.5", "Z_MAX=3", "NO_MAX_AGE=1"], ""),
        (["LOG_AGE_MIN=10.2"], "at any redshift"),
        (["LIBRARY_DIR=/nowhere/at/all"], "LIBRARY_DIR = '/nowhere/at/all'"),
        (["LIBRARY_DIR=/"], ""),
        (["N_SIM=0", "C_INTERVAL=[68,95]"], "C_INTERVAL = 68, 95"),
        (["N_SIM=0", "C_INTERVAL=68"], ""),
        (["C_INTERVAL=68"], "C_INTERVAL = 68, but no intervals"),
        (["N_SIM=9", "C_INTERVAL=[68,95]"], ""),
        (["INTERVAL_FROM_CHI2=1", "C_INTERVAL=[68,95]"], ""),
        (["PRIOR_AV=normal(1,1)", "PRIOR_Z=pz(f)"], "PRIOR_Z, PRIOR_AV: no effect without POSTERIOR = 1"),
        (
            ["POSTERIOR_SCALE=marginal", "POSTERIOR_PERCENTILES=[5,95]"],
            "POSTERIOR_SCALE, POSTERIOR_PERCENTILES: no",
        ),
        (["PRIOR_AV=flat", "POSTERIOR_SCALE=profile"], ""),
        (["PRIOR_AV=normal(1,1)", "POSTERIOR_SCALE=marginal", "SAVE_PDF=1"], ""),
    ],
)
def test_values(words, expected):
    found = unusual(*words)
    assert len(found) == bool(expected), found
    assert expected in "".join(found)


def test_a_usual_interval_without_simulations_is_a_note():
    (finding,) = findings(read_params(None, ["N_SIM=0", "C_INTERVAL=68"]))
    assert "C_INTERVAL = 68, but no intervals" in finding.text


@pytest.mark.parametrize("word", ["ZPHOT_CONF=68", "BEST_AT_ZPHOT=1", "FORCE_ZPHOT=1", "NAME_ZPHOT=z_m2"])
def test_photoz_without_file(word, tmp_path):
    catalog = f"CATALOG={tmp_path}/gal"
    (text,) = unusual(catalog, word)
    assert text.startswith(word.split("=")[0])
    assert f"{tmp_path}/gal.zout" in text
    (tmp_path / "gal.zout").write_text("")
    assert not unusual(catalog, word)


@pytest.mark.parametrize("word", ["ZPHOT_CONF=0", "NAME_ZPHOT=''", "NAME_ZPHOT=z_phot"])
def test_photoz_not_asked_for(word, tmp_path):
    assert not unusual(f"CATALOG={tmp_path}/gal", word)


class TestRedshifts:
    grid = np.arange(0.1, 3, 0.1)

    @pytest.mark.parametrize(
        ("z", "count"),
        [
            ([1.0, 1.0099], 0),
            ([1.0, 1.0102], 1),
            ([0.95, 2.05, 1.0], 2),
            ([np.nan, 1.1], 0),
            # beyond the grid: warned of where they are clipped
            ([0.05, 5.0], 0),
        ],
    )
    def test_moved(self, z, count):
        findings = list(moved_redshifts(np.array(z), self.grid, "spectroscopic"))
        assert any(f.unusual for f in findings) == bool(count)
        if count:
            inside = sum(0.1 <= value <= 2.9 for value in z)
            assert f"for {count} of {inside}: lower Z_STEP" in findings[0].text

    def test_one_redshift_in_the_grid(self):
        (finding,) = moved_redshifts(np.array([0.5]), np.array([0.5]), "spectroscopic")
        assert not finding.unusual

    def test_none_known(self):
        assert not redshift_findings(np.full(2, np.nan), None, self.grid, False, "gal.zout")

    def test_photometric_redshifts_count_where_they_are_forced(self):
        none, z_phot = np.full(2, np.nan), np.array([1.05, np.nan])
        assert not redshift_findings(none, z_phot, self.grid, False, "gal.zout")
        (finding,) = redshift_findings(none, z_phot, self.grid, True, "gal.zout")
        assert finding.unusual
        assert finding.text.startswith("photometric redshifts are moved")
        # a spectroscopic redshift comes first
        assert not any(
            f.unusual for f in redshift_findings(np.full(2, 1.0), z_phot, self.grid, True, "gal.zout")
        )

    def test_no_photometric_redshift_above_0(self):
        none = np.full(2, np.nan)
        (finding,) = redshift_findings(none, none, self.grid, False, "gal.zout")
        assert finding.unusual
        assert finding.text.startswith("gal.zout: no photometric redshift")
