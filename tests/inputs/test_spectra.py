"""Spectra: element limits, bins, channel responses, and files with faults."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.inputs.catalog import read_catalog
from fastsed.inputs.spectra import lsf_response, lsf_sigma, read_spectra, with_spectra
from fastsed.params import read_params

LIMITS = "# wl_low WL_UP FgalB EgalB\n5000 5010 1 0.1\n5010 5030 2 0.2\n6000 6010 3 -1\n"
CENTRES = "# BIN WL TR F1 E1\n7 5000 1 1 0.1\n7 5010 1 2 0.2\n3 5020 1 3 0.3\n3 5030.2 0 4 0.4\n"


@pytest.fixture
def write(tmp_path):
    def _write(text: str, name: str = "gal.spec"):
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return _write


@pytest.mark.parametrize("text", [LIMITS, LIMITS.replace("\n", "\r\n"), LIMITS.replace(" ", "\t")])
def test_limits(write, text):
    spectra = read_spectra(write(text), ["x", "GalB"])
    np.testing.assert_array_equal(spectra.low, [5000, 5010, 6000])
    np.testing.assert_array_equal(spectra.up, [5010, 5030, 6010])
    np.testing.assert_array_equal(spectra.flux, [[0, 0, 0], [1, 2, 0]])
    np.testing.assert_array_equal(spectra.error, [[np.inf] * 3, [0.1, 0.2, np.inf]])
    channel = spectra.channels[1]
    assert (channel.number, channel.mean_wavelength) == (0, 5020.0)
    np.testing.assert_array_equal(channel.lam, [5010, 5030])
    np.testing.assert_array_equal(channel.response, [0.05, 0.05])


def test_centres_and_bins(write):
    spectra = read_spectra(write(CENTRES), ["1"])
    # Bin 3 comes first; its second element has TR = 0.
    np.testing.assert_allclose(spectra.low, [5015, 4995])
    np.testing.assert_allclose(spectra.up, [5025, 5015])
    weights = np.array([0.1, 0.2]) ** -2
    np.testing.assert_allclose(spectra.flux, [[3, weights @ [1, 2] / weights.sum()]])
    np.testing.assert_allclose(spectra.error, [[0.3, weights.sum() ** -0.5]])


def test_bins_skip_masked_elements(write):
    text = "# BIN WL_LOW WL_UP F1 E1 F2 E2\n0 1000 1010 5 -1 1 -1\n0 1010 1020 2 0.5 1 nan\n"
    spectra = read_spectra(write(text), ["1", "2"])
    np.testing.assert_allclose(spectra.flux, [[2], [0]])
    np.testing.assert_allclose(spectra.error, [[0.5], [np.inf]])
    assert (spectra.low[0], spectra.up[0]) == (1000, 1020)


def test_gaps_made_by_tr(write):
    rows = "".join(f"{5000 + 10 * i} {int(i not in (2, 3))} 1 1\n" for i in range(8))
    spectra = read_spectra(write("# WL TR F1 E1\n" + rows), ["1"])
    assert spectra.low.tolist() == [4995, 5005, 5035, 5045, 5055, 5065]


def test_descending_centres(write):
    spectra = read_spectra(write("# WL F1 E1\n5020 1 1\n5010 1 1\n5000 1 1\n"), ["1"])
    assert np.all(spectra.up - spectra.low == 10)


def test_other_columns_need_not_be_numbers(write):
    spectra = read_spectra(write("# WL_LOW WL_UP note F1 E1\n1000 1010 hello 1 1\n"), ["1"])
    assert spectra.flux.tolist() == [[1.0]]


def test_ignored_columns(write, caplog):
    text = "# WL_LOW WL_UP F1 E1 F2 F3 E3\n1000 1010 1 1 1 1 1\n"
    spectra = read_spectra(write(text), ["1", "2"])
    assert spectra.flux.tolist() == [[1.0], [0.0]]
    assert "spectrum F2 has no error column E2" in caplog.text
    assert "spectrum F3: no source '3' in the catalogue" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# WL_LOW F1 E1\n1 1 1\n", r"gal\.spec: has no column WL_UP"),
        ("# F1 E1\n1 1\n", r"gal\.spec: has no column WL_LOW"),
        ("# WL_LOW WL_UP F9 E9\n1 2 1 1\n", r"has no spectrum of a source of the catalogue"),
        ("# WL_LOW WL_UP F1 E1\n2000 1000 1 1\n", r":2: a spectral element from 2000 to 1000 A"),
        ("# WL_LOW WL_UP F1 E1\n2000 2000 1 1\n", r":2: a spectral element from 2000 to 2000 A"),
        ("# WL_LOW WL_UP F1 E1\n2000 1e308 1 1\n", r":2: a spectral element from 2000 to 1e\+308 A"),
        ("# WL_LOW WL_UP F1 E1\n2000 nan 1 1\n", r":2: a spectral element"),
        ("# WL_LOW WL_UP F1 E1\n1 2 1 x\n", r":2: column E1: 'x' is not a number"),
        ("# WL_LOW WL_UP F1 E1\n1 2 1\n", r":2: has 3 columns, but the header names 4"),
        ("# WL_LOW WL_UP F1 E1\n", r"holds no spectral elements"),
        ("# WL F1 E1\n1000 1 1\n1010 1 1\n1021 1 1\n1030 1 1\n", r"steps of WL are not uniform to 5%"),
        ("# WL F1 E1\n1000 1 1\n", r"steps of WL are not uniform"),
        ("# WL F1 E1\n1000 1 1\nnan 1 1\n", r"wavelength that is not finite"),
        (CENTRES.replace("5020 1", "5020 2"), r":4: column TR: '2' must be 0 or 1"),
        (CENTRES.replace("7 5010", "7.5 5010"), r":3: column BIN: '7.5' must be a whole number"),
        (CENTRES.replace("7 5010", "-7 5010"), r":3: column BIN: '-7' must be a whole number"),
        ("# WL_LOW WL_UP TR F1 E1\n1 2 0 1 1\n", r"every spectral element has TR = 0"),
        ("# WL_LOW WL_UP F1 E1 F1\n1 2 1 1 1\n", r"names a source more than once"),
    ],
)
def test_faults(write, text, message):
    with pytest.raises(InputError, match=message):
        read_spectra(write(text), ["1"])


def test_steps_may_differ_by_five_percent(write):
    spectra = read_spectra(write("# WL F1 E1\n1000 1 1\n1010.2 1 1\n1020 1 1\n"), ["1"])
    np.testing.assert_allclose(spectra.up - spectra.low, 10)


def test_lsf_response_is_the_convolution():
    """Compare with a numerical convolution of a top hat and a Gaussian."""
    signal = pytest.importorskip("scipy.signal")
    low, up, sigma = 5000.0, 5030.0, 8.0
    lam, response = lsf_response(low, up, sigma)
    assert lam.size == 81
    assert lam[0] == pytest.approx(5015 - 0.5 * (30 + 7 * 8))
    step = 0.01
    grid = np.arange(4900, 5130 + step / 2, step)
    top_hat = ((grid > low) & (grid < up)) / (up - low)
    kernel_grid = np.arange(-60, 60 + step / 2, step)
    kernel = np.exp(-0.5 * (kernel_grid / sigma) ** 2)
    smooth = signal.fftconvolve(top_hat, kernel / kernel.sum(), mode="same")
    expected = np.interp(lam, grid, smooth)
    np.testing.assert_allclose(response, expected / np.trapezoid(expected, lam), atol=2e-5)
    assert np.trapezoid(response, lam) == pytest.approx(1, rel=1e-14)


def test_lsf_file(write):
    """Sigma is interpolated at the centre, and constant outside of the table."""
    lsf = write("# A A\n5005 4\n5105 8\n", "lsf.dat")
    text = "# WL_LOW WL_UP F1 E1\n4000 4010 1 1\n5050 5060 1 1\n9000 9010 1 1\n"
    spectra = read_spectra(write(text), ["1"], lsf)
    for channel, low, sigma in zip(spectra.channels, (4000, 5050, 9000), (4, 6, 8), strict=True):
        lam, response = lsf_response(low, low + 10, sigma)
        np.testing.assert_allclose(channel.lam, lam)
        np.testing.assert_allclose(channel.response, response)
        assert channel.mean_wavelength == low + 5


@pytest.mark.filterwarnings("error")
def test_what_has_no_square_is_masked(write, caplog):
    text = "# WL_LOW WL_UP TR BIN F1 E1\n4000 4010 0 1 1e200 1\n4010 4020 1 2 1e200 1\n4020 4030 1 3 2 1\n"
    spectra = read_spectra(write(text), ["1"])
    assert spectra.error.tolist() == [[np.inf, 1.0]]
    assert "gal.spec:3: column F1: 1 value is masked" in caplog.text


def test_lsf_of_zero_width_is_a_top_hat(write):
    spectra = read_spectra(
        write("# WL_LOW WL_UP F1 E1\n4000 4010 1 1\n"), ["1"], write("4000 0\n5000 0\n", "lsf.dat")
    )
    np.testing.assert_allclose(spectra.channels[0].response, [0.1, 0.1])


def test_lsf_faults(write):
    spec = write("# WL_LOW WL_UP F1 E1\n4000 4010 1 1\n")
    with pytest.raises(InputError, match=r"lsf\.dat: wavelengths must ascend, but 4000 follows 5000"):
        read_spectra(spec, ["1"], write("5000 1\n4000 1\n", "lsf.dat"))
    with pytest.raises(InputError, match=r"lsf\.dat: holds a negative sigma \(-1\)"):
        read_spectra(spec, ["1"], write("5000 -1\n", "lsf.dat"))


def test_with_spectra(write, tmp_path, caplog):
    write("# id F1 E1\na 1 0.1\nb 1 -1\nc 1 -1\nd 1 1\n", "gal.cat")
    write("2 x\n1 4000 1\n2 5000 1\n", "F.RES")
    params = read_params(
        None, [f"CATALOG={tmp_path}/gal", f"FILTERS_RES={tmp_path}/F.RES", f"SPECTRUM={tmp_path}/gal"]
    )
    text = "# WL_LOW WL_UP Fb Eb Fd Ed\n4000 4010 1 1 1 0\n4010 4020 1 1 1 1\n"
    catalog, filters = read_catalog(params)
    assert not caplog.records
    spectra = read_spectra(write(text), catalog.ids)
    merged, all_filters = with_spectra(catalog, filters, spectra)
    assert merged.bands.tolist() == [1, 0, 0] == [f.number for f in all_filters]
    assert merged.flux.shape == merged.error.shape == (4, 3)
    assert merged.fittable.tolist() == [True, True, False, False]
    assert "1 source not fitted for an error of zero: d" in caplog.text
    assert "1 source not fitted for want of any valid flux: c" in caplog.text


@pytest.mark.parametrize("scenario", ["spectrum_idl", "spectrum_gridded", "custom_sfh"])
def test_observed_fluxes_of_the_reference(shared, scenario, monkeypatch):
    folder = shared / "golden" / scenario
    monkeypatch.chdir(folder)
    params = read_params("fast.param")
    catalog, filters = read_catalog(params)
    spectra = read_spectra(f"{params.spectrum}.spec", catalog.ids, params.spec_lsf_file)
    catalog, filters = with_spectra(catalog, filters, spectra)
    path = folder / "expected" / "best_fits" / "gal_1.input_res.fit"
    lam, _, flux, error = np.loadtxt(path, unpack=True)
    np.testing.assert_allclose(lam, [f.mean_wavelength for f in filters], rtol=1e-5)
    np.testing.assert_allclose(flux, catalog.flux[0], rtol=2e-5)
    np.testing.assert_allclose(error, catalog.error[0], rtol=2e-5)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff# WL_LOW WL_UP F1 E1\n5000 5010 2 1\n5010 5020 3 1\n",
        "# Spectrum of F1\n# wl_low wl_up f1 e1\n5000 5010 2 1\n5010 5020 3 1\n",
        "WL_LOW,WL_UP,F1.0,E1.0\n5000,5010,2,1\n5010,5020,3,1\n",
        "# 1 WL_LOW\n# 2 WL_UP\n# 3 F1\n# 4 E1\n5.0D3 5010 2 1\n5010 5020 3 1\n",
    ],
)
def test_files_of_other_programs(tmp_path, text):
    path = tmp_path / "x.spec"
    path.write_text(text, encoding="utf-8")
    spectra = read_spectra(path, ["1", "2"])
    np.testing.assert_array_equal(spectra.low, [5000, 5010])
    np.testing.assert_array_equal(spectra.flux, [[2, 3], [0, 0]])


def test_ids_that_differ_in_form(write):
    text = "# WL_LOW WL_UP F1 E1 F1.0 E1.0\n5000 5010 2 1 3 1\n5010 5020 2 1 3 1\n"
    np.testing.assert_array_equal(read_spectra(write(text), ["1.0", "1"]).flux, [[3, 3], [2, 2]])
    with pytest.raises(InputError, match="names a source more than once"):
        read_spectra(write(text), ["1"])
    # neither of two sources is meant by a third form
    with pytest.raises(InputError, match="has no spectrum of a source"):
        read_spectra(write(text), ["01", "1e0"])


def test_micron(write, tmp_path, caplog):
    text = "# WL_LOW WL_UP F1 E1\n0.5 0.501 2 1\n0.501 0.502 3 1\n"
    read_spectra(write(text), ["1"])
    assert (
        "gal.spec: wavelengths must be in Angstrom, but their median is 0.501; are they in micron?"
        in caplog.text
    )
    caplog.clear()
    lsf = tmp_path / "lsf"
    lsf.write_text("0.5 0.001\n0.6 0.001\n")
    lsf_sigma(lsf, np.array([5000.0]))
    assert (
        "lsf: wavelengths must be in Angstrom, but their median is 0.55; are they in micron?" in caplog.text
    )
