"""Rules on catalogues, on both sides of each limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastsed.verdict.photometry import (
    Photometry,
    absent_bands,
    band_magnitudes,
    column_label,
    magnitude_like_fluxes,
    magnitudes,
    missing_codes,
    photometry_findings,
    signal_to_noise,
    total_fluxes,
    unused_redshifts,
)


def photometry(flux, error, given_flux=None, given_error=None):
    """A catalogue of bands F1, F2, ...; a negative error masks."""
    flux, error = (np.array(np.atleast_2d(values), dtype=float) for values in (flux, error))
    names = range(1, flux.shape[1] + 1)
    given_flux = flux.copy() if given_flux is None else np.atleast_2d(given_flux)
    given_error = error.copy() if given_error is None else np.atleast_2d(given_error)
    masked = error < 0
    flux[masked], error[masked] = 0.0, np.inf
    return Photometry(
        [f"F{n}" for n in names], [f"E{n}" for n in names], given_flux, given_error, flux, error
    )


def only(findings):
    (finding,) = findings
    return finding


def flux_of(magnitude, zero_point=23.9):
    return 10 ** (0.4 * (zero_point - magnitude))


class TestMagnitudes:
    @pytest.mark.parametrize(
        ("magnitude", "unusual"), [(11.9, True), (12.1, False), (29.9, False), (30.1, True)]
    )
    @pytest.mark.parametrize("zero_point", [23.9, 25.0])
    def test_limits(self, magnitude, zero_point, unusual):
        flux = np.full((3, 2), flux_of(magnitude, zero_point))
        finding = only(magnitudes(photometry(flux, flux / 10), zero_point))
        assert finding.unusual == unusual
        assert f"median AB magnitude of the bands: {magnitude:.1f} (F1 {magnitude:.1f}, F2 " in finding.text
        assert (f"AB_ZEROPOINT = {zero_point:g}" in finding.text) == unusual

    @pytest.mark.parametrize(("factor", "unusual"), [(1, False), (1e-6, True), (1e3, True)])
    def test_units_of_bright_galaxies(self, factor, unusual):
        """Magnitude 17, in microjansky, jansky and nanojansky."""
        flux = np.full((20, 3), flux_of(17)) * factor
        assert only(magnitudes(photometry(flux, flux / 30), 23.9)).unusual == unusual

    def test_one_band_in_another_unit(self):
        flux = np.full((5, 3), flux_of(20.0)) * [1, 1, 1e-6]
        usual, odd = magnitudes(photometry(flux, flux / 10), 23.9)
        assert not usual.unusual
        assert odd.unusual
        assert "magnitude of F3 35.0;" in odd.text

    def test_detections_count_where_there_are_some(self):
        """Fluxes that scatter around 0 say nothing of the zero point."""
        flux = [[flux_of(24)], [1e-9], [2e-9], [-1.0]]
        data = photometry(flux, [[0.01], [0.1], [0.1], [0.1]])
        assert band_magnitudes(data, 23.9) == pytest.approx(24)
        near = photometry([[0.3], [0.19], [0.19]], np.full((3, 1), 0.1))
        assert band_magnitudes(near, 23.9) == pytest.approx(23.9 - 2.5 * np.log10(0.3))
        faint = photometry([[1e-3], [-1.0], [3e-3], [2e-3]], np.full((4, 1), 0.1))
        assert band_magnitudes(faint, 23.9) == pytest.approx(23.9 - 2.5 * np.log10(2e-3))

    def test_no_positive_flux(self):
        assert only(magnitudes(photometry([[-1.0, 0.0]], [[1.0, 1.0]]), 23.9)).unusual
        assert not list(magnitudes(photometry([[1.0, 1.0]], [[-1.0, -1.0]]), 23.9))
        assert not list(magnitudes(photometry(np.empty((2, 0)), np.empty((2, 0))), 23.9))


class TestMissingCodes:
    @pytest.mark.parametrize("code", [-99, -99.9, -999, -9999])
    def test_positive_error(self, code):
        data = photometry([[code, 5.0], [code, code], [3.0, 4.0]], [[0.5, 1.0], [1.0, 1.0], [1.0, 1.0]])
        finding = only(missing_codes(data, "gal.cat"))
        assert finding.unusual
        assert f"a flux of {code} with a positive error" in finding.text
        assert "F1 (2), F2 (1)" in finding.text

    @pytest.mark.parametrize("error", [-1.0, -99.0, np.nan, np.inf, 0.0])
    def test_error_says_that_it_is_missing(self, error):
        assert not list(missing_codes(photometry([[-99.0]], [[error]]), "gal.cat"))

    def test_a_flux_near_it_is_a_flux(self):
        assert not list(missing_codes(photometry([[-99.5, 99.0]], [[50.0, 1.0]]), "gal.cat"))

    def test_before_the_fluxes_are_brought_to_total_ones(self):
        data = photometry([[-198.0]], [[1.0]], given_flux=[[-99.0]], given_error=[[0.5]])
        assert only(missing_codes(data, "gal.cat")).unusual


class TestTotalFluxes:
    def data(self, total):
        rng = np.random.default_rng(2)
        flux = 10 ** rng.normal(0.5, 0.6, (30, 2))
        total = np.array(total if np.ndim(total) else [total] * 30, dtype=float)
        return replace(
            photometry(flux, np.ones((30, 2))), total_name="tot_k (TOT2)", total=total, total_band=1
        )

    @pytest.mark.parametrize(
        ("factor", "unusual"), [(0.19, True), (0.21, False), (1.3, False), (19, False), (21, True)]
    )
    def test_factors(self, factor, unusual):
        scatter = 10 ** np.random.default_rng(3).normal(0, 0.05, 30)
        finding = only(total_fluxes(self.data(factor * scatter / np.median(scatter)), "gal.cat"))
        assert finding.unusual == unusual
        assert "tot_k (TOT2)" in finding.text
        assert ("divide them by F2" in finding.text) == unusual

    def test_total_fluxes_of_faint_sources(self):
        """Their median could be that of factors."""
        flux = self.data(1.0).given_flux[:, 1]
        assert only(total_fluxes(self.data(1.4 * flux), "gal.cat")).unusual

    def test_no_factor(self):
        assert not list(total_fluxes(photometry([[1.0]], [[1.0]]), "gal.cat"))
        assert not list(total_fluxes(self.data(-1.0), "gal.cat"))


class TestAbsentBands:
    @pytest.mark.parametrize(("n", "unusual"), [(49, False), (50, True)])
    def test_limit(self, n, unusual):
        finding = only(
            absent_bands(photometry(np.ones((n, 3)), np.tile([1.0, -1.0, 1.0], (n, 1))), "gal.cat")
        )
        assert finding.unusual == unusual
        assert finding.text == "gal.cat: no source has a valid flux in F2"

    def test_one_source_is_enough(self):
        error = np.full((100, 1), -1.0)
        error[70] = 1.0
        assert not list(absent_bands(photometry(np.ones((100, 1)), error), "gal.cat"))


class TestUnusedRedshifts:
    @pytest.mark.parametrize("name", ["z", "zspec", "redshift", "Z", "Redshift"])
    def test_names(self, name):
        finding = only(unused_redshifts(["id", name, "F1"], ["ID", name.upper(), "F1"], "gal.cat"))
        assert finding.unusual
        assert f"the column {name} is not used" in finding.text

    @pytest.mark.parametrize(
        ("header", "names"),
        [
            (["id", "z_spec", "z"], ["ID", "Z_SPEC", "Z"]),
            (["id", "z"], ["ID", "Z_SPEC"]),
            (["id", "zz", "mag_z"], ["ID", "ZZ", "MAG_Z"]),
        ],
    )
    def test_others(self, header, names):
        assert not list(unused_redshifts(header, names, "gal.cat"))


class TestSignalToNoise:
    @pytest.mark.parametrize(("ratio", "unusual"), [(0.09, True), (0.11, False), (9e3, False), (1.1e4, True)])
    def test_limits(self, ratio, unusual):
        flux = np.array([[3.0, -7.0], [2.0, 11.0]])
        finding = only(signal_to_noise(photometry(flux, np.abs(flux) / ratio)))
        assert finding.unusual == unusual
        assert (f"E1 {ratio:.2g}, E2 {ratio:.2g}" in finding.text) == unusual

    def test_inverse_variances(self):
        flux = np.array([[1e3, 2e3, 500.0]])
        assert only(signal_to_noise(photometry(flux, 1 / (flux / 30) ** 2))).unusual

    @pytest.mark.parametrize(("n", "unusual"), [(4, False), (5, True)])
    def test_one_band(self, n, unusual):
        flux = np.ones((n, 3))
        findings = list(signal_to_noise(photometry(flux, np.tile([0.1, 0.1, 20.0], (n, 1)))))
        assert [f.unusual for f in findings] == [False, True][: 1 + unusual]
        assert not unusual or "E3 0.05;" in findings[1].text

    def test_upper_limits_do_not_count(self):
        """A flux of exactly 0 with an error is an upper limit."""
        assert not only(signal_to_noise(photometry([[0.0, 5.0]] * 9, [[1.0, 1.0]] * 9))).unusual

    def test_nothing_measured(self):
        assert not list(signal_to_noise(photometry([[1.0]], [[-1.0]])))


class TestMagnitudeLikeFluxes:
    def test_magnitudes_of_many_sources(self):
        values = np.random.default_rng(1).uniform(17, 26, (10, 4))
        assert only(magnitude_like_fluxes(photometry(values, np.ones((10, 4))), "gal.cat")).unusual
        assert not list(magnitude_like_fluxes(photometry(values[:9], np.ones((9, 4))), "gal.cat"))

    @pytest.mark.parametrize(("ratio", "found"), [(99, False), (101, True)])
    def test_magnitudes_of_few_sources_with_small_errors(self, ratio, found):
        values = np.random.default_rng(1).uniform(17, 26, (3, 4))
        findings = list(magnitude_like_fluxes(photometry(values, values / ratio), "gal.cat"))
        assert [finding.unusual for finding in findings] == [True] * found

    @pytest.mark.parametrize(
        ("low", "high", "found"), [(8.1, 30, True), (7.9, 30, False), (10, 34.9, True), (10, 35.1, False)]
    )
    def test_range(self, low, high, found):
        values = np.linspace(low, high, 40)
        values[4:] = high
        values[:4] = low
        data = photometry(values.reshape(10, 4), np.ones((10, 4)))
        assert len(list(magnitude_like_fluxes(data, "gal.cat"))) == found

    def test_fluxes_of_galaxies(self):
        rng = np.random.default_rng(1)
        flux = 10 ** rng.normal(1.2, 0.5, (300, 6))
        assert not list(magnitude_like_fluxes(photometry(flux, flux / 200), "gal.cat"))

    def test_few_fluxes_tell_nothing(self):
        assert not list(magnitude_like_fluxes(photometry([[20.0] * 9], [[0.1] * 9]), "gal.cat"))
        assert list(magnitude_like_fluxes(photometry([[20.0] * 10], [[0.1] * 10]), "gal.cat"))
        assert not list(magnitude_like_fluxes(photometry([[20.0]] * 10, [[0.1]] * 10), "gal.cat"))


def test_some_sources_of_a_large_catalogue():
    flux = np.arange(1.0, 25.0).reshape(12, 2)
    data = replace(photometry(flux, flux), total=np.arange(12.0))
    some = data.spread(4)
    for name in ("flux", "error", "given_flux", "given_error", "total"):
        np.testing.assert_array_equal(getattr(some, name), getattr(data, name)[::3])
    assert len(data.spread(13).flux) == 12
    assert photometry(flux, flux).spread(4).total is None


def test_column_label():
    assert column_label("F120", "F120") == "F120"
    assert column_label("f120", "F120") == "F120"
    assert column_label("f_v", "F120") == "f_v (F120)"


def test_all_rules_are_part_of_the_verdict():
    flux = np.tile([[-99.0, 1e-6, 1e-6]], (60, 1))
    error = np.tile([[1.0, 1e-12, -1.0]], (60, 1))
    found = photometry_findings(photometry(flux, error), 23.9, ["id", "z"], ["ID", "Z"], "gal.cat")
    text = "\n".join(finding.text for finding in found if finding.unusual)
    for part in ("column z", "flux of -99", "valid flux in F3", "median AB magnitude", "E2 1e+06"):
        assert part in text
