"""The photometric catalog: columns, units, masks, and catalogs with faults."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.inputs.catalog import Catalog, read_catalog
from fastsed.inputs.filters import Response, read_filters
from fastsed.params import read_params

FILTERS = "3 one\n1 4000 1\n2 5000 1\n3 6000 1\n3 two\n1 9000 1\n2 10000 1\n3 11000 1\n"
ROWS = "a1 1.0 0.1 2.0 0.2 0.5\nb2 3.0 0.3 4.0 0.4 -1\n"
HEADER = "# id F1 E1 F2 E2 z_spec\n"


@pytest.fixture
def read(tmp_path):
    (tmp_path / "F.RES").write_text(FILTERS)

    def _read(text: str | bytes, *keys: str, translate: str = "") -> tuple[Catalog, list[Response]]:
        (tmp_path / "gal.cat").write_bytes(text if isinstance(text, bytes) else text.encode())
        if translate:
            (tmp_path / "gal.translate").write_text(translate)
        files = [f"CATALOG={tmp_path / 'gal'}", f"FILTERS_RES={tmp_path / 'F.RES'}"]
        return read_catalog(read_params(None, [*files, *keys]))

    return _read


def _microjansky(value, wavelength):
    """F_lambda in 1e-19 erg/s/cm2/A, by way of SI units."""
    si = value * 1e-32 * 2.9979e8 / (wavelength * 1e-10) ** 2  # W/m2/m
    return si * 1e-7 / 1e-19  # W/m2/m = 1e-7 erg/s/cm2/A


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROWS,
        (HEADER + ROWS).replace("\n", "\r\n"),
        (HEADER + ROWS).replace(" ", "\t"),
        "#\n#ID f1 e1 F2 E2 Z_SPEC\n# comment \n" + ROWS.replace("\nb2", "\n# in between\n\nb2"),
    ],
)
@pytest.mark.parametrize(("zeropoint", "factor"), [(23.9, 1.0), (26.4, 0.1)])
def test_fluxes(read, text, zeropoint, factor):
    catalog, filters = read(text, f"AB_ZEROPOINT={zeropoint}")
    assert catalog.ids == ["a1", "b2"]
    assert catalog.bands.tolist() == [1, 2]
    wavelengths = np.array([f.mean_wavelength for f in filters])
    np.testing.assert_allclose(
        catalog.flux, _microjansky(factor * np.array([[1, 2], [3, 4]]), wavelengths), rtol=1e-12
    )
    np.testing.assert_allclose(catalog.error, 0.1 * catalog.flux, rtol=1e-12)
    np.testing.assert_array_equal(catalog.z_spec, [0.5, np.nan])
    assert catalog.fittable.all()


def test_order_of_bands_follows_the_header(read):
    catalog, filters = read("# E2 F2 id E1 F1\n0.2 2 x 0.1 1\n")
    assert catalog.bands.tolist() == [2, 1] == [f.number for f in filters]
    assert catalog.flux[0, 0] == pytest.approx(_microjansky(2, filters[0].mean_wavelength))


def test_filter_format(read, tmp_path):
    _, filters = read(HEADER + ROWS, "FILTER_FORMAT=0")
    (expected,) = read_filters(tmp_path / "F.RES", [1], 0)
    assert filters[0].mean_wavelength == expected.mean_wavelength


def test_translation(read, caplog):
    caplog.set_level("INFO")
    translate = "# from to\nname ID\nf_b F1\ne_b\tE1\nunused F9\n"
    catalog, _ = read("# name f_b e_b Flag\nx 1 0.1 3\n", translate=translate)
    assert catalog.ids == ["x"]
    assert catalog.bands.tolist() == [1]
    assert "translated 3 column names (1 translations unused)" in caplog.text
    with pytest.raises(
        InputError, match=r"gal\.translate:2: expected 'name-in-the-catalog FAST-name', found 'f_b'"
    ):
        read("# id F1 E1\nx 1 1\n", translate="a b\nf_b\n")
    with pytest.raises(InputError, match=r"no column ID: its \.translate file makes F2 of column id"):
        read("# id F1 E1\nx 1 1\n", translate="id F2\n")


def test_total_fluxes(read):
    plain, _ = read("# id F1 E1 F2 E2\nx 1 0.1 2 0.2\n")
    total, _ = read("# id F1 E1 F2 E2 TOT2 TOT7\nx 1 0.1 2 0.2 1.5 100\n")
    np.testing.assert_allclose(total.flux, 1.5 * plain.flux, rtol=1e-12)
    np.testing.assert_allclose(total.error, 1.5 * plain.error, rtol=1e-12)


def test_total_fluxes_and_redshift_in_any_order(read):
    catalog, _ = read("# z_spec TOT1 id F1 E1\n0.7 2 x 1 0.1\n")
    plain, _ = read("# id F1 E1\nx 2 0.2\n")
    assert catalog.z_spec.tolist() == [0.7]
    np.testing.assert_allclose(catalog.flux, plain.flux, rtol=1e-12)


def test_flux_without_error_is_ignored(read, caplog):
    catalog, _ = read("# id F1 E1 F2 FIELD E_x\nx 1 0.1 2 3 4\n")
    assert catalog.bands.tolist() == [1]
    assert "flux column F2 has no error column E2 and is ignored" in caplog.text


@pytest.mark.parametrize("bad", ["1 -99", "nan 0.1", "1 nan", "1 inf", "-inf 1"])
def test_masked_bands(read, bad):
    catalog, _ = read(f"# id F1 E1 F2 E2\nx {bad} 2 0.2\n")
    assert (catalog.flux[0, 0], catalog.error[0, 0]) == (0.0, np.inf)
    assert np.isfinite(catalog.error[0, 1])
    assert catalog.fittable.tolist() == [True]


def test_unfittable_sources(read, caplog):
    catalog, _ = read("# id F1 E1 F2 E2\na 1 0 2 0.2\nb 1 -1 nan 1\nc 1 0.1 2 0.2\n")
    assert catalog.fittable.tolist() == [False, False, True]
    assert catalog.zero_error.tolist() == [True, False, False]
    assert not (catalog.error == 0).any()
    assert "1 source not fitted for an error of zero: a" in caplog.text
    assert "1 source not fitted for want of any valid flux: b" in caplog.text


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "value", ["1e200 0.2", "-1e160 0.2", "1e-200 0.2", "2 1e200", "2 1e-170", "1e308 1e308", "0 1e-320"]
)
@pytest.mark.parametrize("zeropoint", [23.9, 0])
def test_what_has_no_square_is_masked(read, caplog, value, zeropoint):
    catalog, _ = read(
        HEADER + f"a1 1.0 0.1 {value} 0.5\nb2 3.0 0.3 4.0 0.4 -1\n", f"AB_ZEROPOINT={zeropoint}"
    )
    assert (catalog.flux[0, 1], catalog.error[0, 1]) == (0.0, np.inf)
    assert np.isfinite(catalog.error).sum() == 3
    assert catalog.fittable.all()
    assert "gal.cat:2: column F2: 1 value is masked" in caplog.text


def test_the_largest_sizes_stay(read, caplog):
    text = HEADER + "a1 1e-140 1e-140 1e140 1e140 0.5\nb2 0 1 0 2 -1\n"
    assert np.isfinite(read(text)[0].error).all()
    assert "masked" not in caplog.text


def test_zero_spectroscopic_redshift_is_one(read):
    catalog, _ = read("# id F1 E1 z_spec\na 1 1 0\nb 1 1 nan\nc 1 1 -0.1\n")
    np.testing.assert_array_equal(catalog.z_spec, [0, np.nan, np.nan])


def test_non_ascii_bytes(read):
    catalog, _ = read(b"# id F1 E1 \xc5\n# \xff\nx 1 0.1 n\xe9\n")
    assert catalog.ids == ["x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# F1 E1\n1 1\n", r"gal\.cat: has no column ID; its header names F1, E1"),
        ("# id z_spec\n1 1\n", r"gal\.cat: has no photometry"),
        ("# id F1 E1 F1\n1 1 1 1\n", r"its header names F1 more than once"),
        ("# id F1 E1 F7 E7\n1 1 1 1 1\n", r"F\.RES: has no filter 7: it holds 1 to 2"),
        ("# id F1 E1\n1 1\n", r"gal\.cat:2: has 2 columns, but the header names 3"),
        ("# id F1 E1\n1 1 1\n2 1 1 1\n", r"gal\.cat:3: has 4 columns, but the header names 3"),
        ("# id F1 E1\n\n1 1 oops\n", r"gal\.cat:3: column E1: 'oops' is not a number"),
        ("# id F1 E1 z_spec\n1 1 1 ?\n", r"gal\.cat:2: column z_spec: '\?' is not a number"),
        ("# id F1 E1\n", r"gal\.cat: has a header but no sources"),
        ("", r"gal\.cat: has no header"),
        ("ident F1 E1\n1 1 1\n", r"gal\.cat: has no header"),
    ],
)
def test_faults(read, text, message):
    with pytest.raises(InputError, match=message):
        read(text)


def test_duplicated_ids(read, caplog):
    text = "# id F1 E1\na 1 1\n# c\nb 1 1\na 1 1\n"
    read(text)
    assert "1 ids appear more than once, the first of them 'a' in line 2 and line 5" in caplog.text
    for key in ("BEST_FIT=1", "SAVE_BESTCHI=1", "SPECTRUM=gal"):
        with pytest.raises(InputError, match=r"gal\.cat:5: the id 'a' is also that of line 2"):
            read(text, key)


def test_ids_that_cannot_name_files(read):
    read("# id F1 E1\na/b 1 1\n")
    with pytest.raises(InputError, match=r"gal\.cat:2: the id 'a/b' cannot be part of a file name"):
        read("# id F1 E1\na/b 1 1\n", "BEST_FIT=1")


def test_catalog_key(tmp_path):
    with pytest.raises(InputError, match="CATALOG is not set"):
        read_catalog(read_params(None))
    with pytest.raises(InputError, match=r"none\.cat: cannot be read"):
        read_catalog(read_params(None, [f"CATALOG={tmp_path / 'none'}"]))
    (tmp_path / "gal.cat").write_text("# id")
    with pytest.raises(InputError, match=r"write CATALOG = '.*gal', without '.cat'"):
        read_catalog(read_params(None, [f"CATALOG={tmp_path / 'gal.cat'}"]))


def test_only_spectra(read):
    catalog, filters = read("# id\nx\n", "SPECTRUM=gal")
    assert catalog.flux.shape == (1, 0)
    assert filters == []
    assert catalog.fittable.tolist() == [False]


def test_observed_fluxes_of_the_reference(shared, monkeypatch):
    folder = shared / "golden" / "best_fit_sed"
    monkeypatch.chdir(folder)
    catalog, filters = read_catalog(read_params("fast.param"))
    for row, identity in enumerate(catalog.ids):
        path = folder / "expected" / "best_fits" / f"gal_{identity}.input_res.fit"
        lam, _, flux, error = np.loadtxt(path, unpack=True)
        np.testing.assert_allclose(lam, [f.mean_wavelength for f in filters], rtol=1e-5)
        np.testing.assert_allclose(flux, catalog.flux[row], rtol=2e-5)
        np.testing.assert_allclose(error, catalog.error[row], rtol=2e-5)


def test_reads_all_reference_catalogs(shared, monkeypatch):
    for path in sorted(shared.glob("golden/*/fast.param")):
        monkeypatch.chdir(path.parent)
        params = read_params(path)
        catalog, filters = read_catalog(params)
        lines = (path.parent / f"{params.catalog}.cat").read_text().splitlines()
        nrow = sum(not line.startswith("#") for line in lines)
        assert catalog.flux.shape == (nrow, len(filters))
        assert catalog.fittable.all()


PLAIN = "# id F1 E1 F2 E2 z_spec\na1 1.0 0.1 2.0 0.2 0.5\nb2 3.0 0.3 4.0 0.4 -1\n"


@pytest.mark.parametrize(
    "text",
    [
        "# id f_one e_one f_two e_two z\n" + PLAIN,
        "# My catalogue of F1 and E1, id 7\n" + PLAIN,
        PLAIN.replace("# ", ""),
        PLAIN.replace("# ", "").replace(" ", ","),
        PLAIN.replace(" ", ", ").replace("#,", "#"),
        "# 1 NUMBER\n# 2 F1\n# 3 E1\n# 4 F2\n# 5 E2\n# 6 z_spec\n" + PLAIN.partition("\n")[2],
        PLAIN.replace("1.0 0.1", "1.0D0 1.D-1"),
        PLAIN.replace(" -1", " INDEF"),
        PLAIN.replace(" ", "\u00a0"),
    ],
)
def test_catalogues_of_other_programs(read, text):
    expected, _ = read(PLAIN)
    for data in (
        text.encode(),
        b"\xef\xbb\xbf" + text.encode(),
        text.encode("utf-16"),
        text.replace("\n", "\r"),
    ):
        catalog, _ = read(data)
        assert catalog.ids == ["a1", "b2"]
        np.testing.assert_array_equal(catalog.flux, expected.flux)
        np.testing.assert_array_equal(catalog.error, expected.error)
        np.testing.assert_array_equal(catalog.z_spec, expected.z_spec)


def test_missing_fluxes_are_masked(read, caplog):
    catalog, _ = read("# id F1 E1 F2 E2\na -- -- 1 1\nb 1 1 null 1\n")
    np.testing.assert_array_equal(np.isfinite(catalog.error), [[False, True], [True, False]])
    assert "gal.cat:2: '--' counts as a missing value, as do 2 more" in caplog.text


def test_the_line_that_the_translation_knows(read):
    text = "# id name f_b e_b\n# id F1 E1 other\nx 1 2 3\n"
    plain, _ = read(text)
    translated, _ = read(text, translate="name F2\nf_b E2\ne_b z_spec\n")
    assert (plain.bands.tolist(), translated.bands.tolist()) == ([1], [2])
    assert translated.z_spec.tolist() == [3]


@pytest.mark.parametrize(
    "translate",
    [
        "\ufeff{0}",
        "{0} 1.0",
        "{0}   a note",
        "{0} # a note",
        "{0}\r",
        "# old new\n{0}",
    ],
)
def test_translations_of_other_programs(read, translate, caplog):
    lines = [translate.format("f_b F1"), "E_B,e1"]
    catalog, _ = read("# id f_b e_b\nx 1 0.1\n", translate="\n".join(lines))
    assert catalog.bands.tolist() == [1]
    assert not caplog.records


def test_translation_with_factors(read, caplog):
    read("# id f_b e_b\nx 1 0.1\n", translate="f_b F1 1.0\ne_b E1 2.5\n")
    assert "gal.translate: the factors in the third column of 1 line are not used" in caplog.text


def test_exact_name_precedes_one_in_other_letters(read):
    catalog, _ = read("# id fb Fb e\nx 1 2 0.1\n", translate="fb F1\nFb F2\ne E2\n")
    assert catalog.bands.tolist() == [2]


def test_error_without_flux_is_told(read, caplog):
    read("# id F1 E1 E2 EBV\nx 1 1 2 3\n")
    assert "error column E2 has no flux column F2 and is ignored" in caplog.text
    assert "EBV" not in caplog.text


def test_catalogue_of_another_kind(tmp_path):
    (tmp_path / "gal.txt").write_bytes(b"SIMPLE  =")
    with pytest.raises(
        InputError,
        match=r"gal\.txt\.cat: does not exist.*CATALOG is a table with the suffix \.fits, .*ends in \.cat",
    ):
        read_catalog(read_params(None, [f"CATALOG={tmp_path / 'gal.txt'}"]))
    (tmp_path / "gal.cat").write_bytes(b"SIMPLE  =")
    with pytest.raises(InputError, match=r"gal\.cat: is a FITS file"):
        read_catalog(read_params(None, [f"CATALOG={tmp_path / 'gal'}"]))


def test_translation_of_another_catalogue(read, caplog):
    read("# id F1 E1\nx 1 1\n", translate="f_b F1\n")
    assert "gal.translate translates none of the catalogue's column names" in caplog.text


LIMITS = "# id F1 E1 F2 E2 LIM2 z_spec\n1 1 0.1 2 0.3 1 -1\n2 1 0.1 2 0.3 0 0.5\n3 1 0.1 2 -1 1 -1\n"
LIMITS += "4 -99 -1 2 0.3 1 -1\n"


def test_upper_limits_are_no_fluxes(read):
    catalog, filters = read(LIMITS)
    _, wavelength = (f.mean_wavelength for f in filters)
    assert catalog.limit[0, 1] == pytest.approx(_microjansky(2, wavelength))
    assert catalog.limit_error[0, 1] == pytest.approx(_microjansky(0.3, wavelength))
    assert np.isinf(catalog.error[0, 1])
    assert catalog.flux[0, 1] == 0
    np.testing.assert_array_equal(np.isfinite(catalog.limit_error), [[0, 1], [0, 0], [0, 0], [0, 1]])
    assert np.isfinite(catalog.error[1, 1])
    np.testing.assert_array_equal(catalog.fittable, [True, True, True, False])
    np.testing.assert_array_equal(catalog.z_spec, [np.nan, 0.5, np.nan, np.nan])


def test_catalogues_without_limits_have_none(read):
    assert read(HEADER + ROWS)[0].limit is None
    assert read(LIMITS.replace(" 1 -1\n", " 0 -1\n"))[0].limit is None


def test_flags_of_limits_are_one_or_zero(read, caplog):
    with pytest.raises(InputError, match=r"gal\.cat:3: LIM2 is 2: expected 1 for an upper limit, else 0"):
        read(LIMITS.replace("0.3 0 0.5", "0.3 2 0.5"))
    read(LIMITS.replace("LIM2", "LIM7"))
    assert "limit column LIM7 has no flux column F7 and is ignored" in caplog.text
