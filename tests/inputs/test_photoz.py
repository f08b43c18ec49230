"""Photometric redshifts, and how redshifts are brought into the grid."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.inputs.catalog import Catalog
from fastsed.inputs.photoz import PhotoZ, find_photoz, read_photoz
from fastsed.inputs.redshifts import resolve_redshifts
from fastsed.params import read_params

ZOUT = """# id z_spec z_m2 l68 u68 L95 U95
# EAZY v1 (some date)
a -1 1.0 0.9 1.1 0.8 1.2
b 0.5 -99 -1 -1 0 2
c 0 0 2 1 2 3
"""


@pytest.fixture
def zout(tmp_path):
    path = tmp_path / "gal.zout"
    path.write_text(ZOUT)
    return path


def test_columns(zout, caplog):
    photoz = read_photoz(zout, ["a", "b", "c"], "Z_M2", 68)
    np.testing.assert_array_equal(photoz.z_phot, [1, np.nan, np.nan])
    np.testing.assert_array_equal(photoz.z_spec, [np.nan, 0.5, np.nan])
    np.testing.assert_array_equal(photoz.lower, [0.9, np.nan, np.nan])
    np.testing.assert_array_equal(photoz.upper, [1.1, np.nan, np.nan])
    assert "1 intervals have L68 > U68 and are ignored" in caplog.text


def test_parts_and_whole(zout):
    whole = read_photoz(zout, ["a", "b", "c"], "z_m2", 95)
    parts = [whole.part(np.array(rows)) for rows in ([0, 1], [2])]
    joined = PhotoZ.concatenated(parts)
    for name in ("z_phot", "z_spec", "lower", "upper"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))


def test_other_interval_and_none(zout):
    photoz = read_photoz(zout, ["a", "b", "c"], "z_m2", 95)
    np.testing.assert_array_equal(photoz.lower, [0.8, np.nan, 2])
    np.testing.assert_array_equal(photoz.upper, [1.2, 2, 3])
    photoz = read_photoz(zout, ["a", "b", "c"], "z_m2", 0)
    assert np.isnan(photoz.lower).all()
    assert np.isnan(photoz.upper).all()


def test_z_spec_may_be_the_photometric_column_too(zout):
    photoz = read_photoz(zout, ["a", "b", "c"], "z_spec")
    np.testing.assert_array_equal(photoz.z_phot, photoz.z_spec)


@pytest.mark.parametrize(
    ("ids", "name", "confidence", "message"),
    [
        (["a", "b", "c"], "z_phot", 0, r"gal\.zout: has no column Z_PHOT; its header names id, z_spec"),
        (["a", "b", "c"], "z_m2", 99, r"gal\.zout: has no column L99"),
        (["a", "c", "b"], "z_m2", 0, r"gal\.zout:4: source 'b' stands where the catalogue has 'c'"),
        (["a", "b"], "z_m2", 0, r"gal\.zout: lists 3 sources, but the catalogue 2"),
        (["a", "b", "c", "d"], "z_m2", 0, r"gal\.zout: lists 3 sources, but the catalogue 4"),
    ],
)
def test_faults(zout, ids, name, confidence, message):
    with pytest.raises(InputError, match=message):
        read_photoz(zout, ids, name, confidence)


def test_malformed_row(zout):
    zout.write_text(ZOUT.replace("0.5 -99", "0.5 high"))
    with pytest.raises(InputError, match=r"gal\.zout:4: column z_m2: 'high' is not a number"):
        read_photoz(zout, ["a", "b", "c"], "z_m2")


class TestBesideTheCatalog:
    def find(self, zout, *keys):
        catalog = f"CATALOG={zout.with_suffix('')}"
        return find_photoz(read_params(None, [catalog, "NAME_ZPHOT=z_m2", *keys]), ["a", "b", "c"])

    def test_absent(self, tmp_path):
        assert self.find(tmp_path / "none.zout") is None

    def test_confidence(self, zout):
        assert np.isnan(self.find(zout).lower).all()
        assert self.find(zout, "ZPHOT_CONF=95").lower[0] == 0.8
        assert np.isnan(self.find(zout, "ZPHOT_CONF=95", "FORCE_ZPHOT=1").lower).all()

    def test_intervals_that_are_not_allowed(self, zout):
        with pytest.raises(InputError, match=r"C_INTERVAL = 90: with photometric redshifts .* 68, 95 or 99"):
            self.find(zout, "C_INTERVAL=[68, 90]", "N_SIM=10")
        assert self.find(zout, "C_INTERVAL=[95, 99]", "N_SIM=10") is not None
        assert self.find(zout, "C_INTERVAL=90") is not None


def _catalog(z_spec: list[float]) -> Catalog:
    n = len(z_spec)
    flux = np.ones((n, 1))
    return Catalog(
        [str(i) for i in range(n)],
        np.array([1]),
        flux,
        flux,
        np.array(z_spec),
        flux[:, 0] > 0,
        flux[:, 0] < 0,
    )


def test_resolve(caplog):
    nan = np.nan
    photoz = PhotoZ(
        z_phot=np.array([0.5, 9, nan, 2]),
        z_spec=np.array([1.5, 2.5, nan, nan]),
        lower=np.array([0.1, 8, nan, 1.9]),
        upper=np.array([0.8, 10, nan, 2.1]),
    )
    redshifts = resolve_redshifts(_catalog([1.1, nan, 7.0, 0.0]), photoz, 1.0, 3.0)
    np.testing.assert_array_equal(redshifts.z_spec, [1.1, 2.5, 3.0, 1.0])
    np.testing.assert_array_equal(redshifts.z_phot, [1.0, 3.0, nan, 2.0])
    np.testing.assert_array_equal(redshifts.lower, [1.0, 3.0, nan, 1.9])
    np.testing.assert_array_equal(redshifts.upper, [1.0, 3.0, nan, 2.1])
    for text in (
        "1 spectroscopic redshift below the grid: taken as Z_MIN = 1",
        "1 spectroscopic redshift above the grid: taken as Z_MAX = 3",
        "1 photometric redshift below the grid: taken as Z_MIN = 1",
        "1 photometric redshift above the grid: taken as Z_MAX = 3",
    ):
        assert text in caplog.text


def test_resolve_without_photometric_redshifts(caplog):
    redshifts = resolve_redshifts(_catalog([1.1, np.nan]), None, 1.0, 3.0)
    np.testing.assert_array_equal(redshifts.z_spec, [1.1, np.nan])
    assert np.isnan(redshifts.z_phot).all()
    assert np.isnan(redshifts.lower).all()
    assert not caplog.records


@pytest.mark.parametrize(
    ("columns", "confidence", "n_values"),
    [("l68 u68 l95 u95 l99 u99", 95, 14), ("l68 u68", 68, 6), ("l68 u68 l95", 68, 6), ("l68 u68", 0, 2)],
)
def test_number_of_redshifts_that_fastpp_counts(tmp_path, columns, confidence, n_values):
    """Two sources: fewer than redshifts of the grid, and the galaxies bring their own."""
    path, numbers = tmp_path / "a.zout", " 0.5" * len(columns.split())
    path.write_text(f"# id z_phot {columns}\n1 0.5{numbers}\n2 0.5{numbers}\n")
    assert read_photoz(path, ["1", "2"], confidence=confidence).n_values == n_values


EAZY_PY = """# id nusefilt z_spec z_phot z_phot_chi2 z025 z160 z500 z840 z975
a 10 -1 1.0 3.1 0.8 0.9 1.0 1.1 1.2
b 10 0.5 -1 3.1 -1 -1 -1 -1 -1
"""


@pytest.fixture
def eazy_py(tmp_path):
    from astropy.table import Table

    (tmp_path / "gal.zout").write_text(EAZY_PY)
    header, *rows = EAZY_PY.splitlines()
    Table(rows=[row.split() for row in rows], names=header.split()[1:]).write(tmp_path / "text.fits")
    columns = {name: [row.split()[i] for row in rows] for i, name in enumerate(header.split()[1:])}
    typed = Table({name: v if name == "id" else np.array(v, float) for name, v in columns.items()})
    typed.write(tmp_path / "gal.zout.fits")
    return tmp_path


@pytest.mark.parametrize("name", ["gal.zout", "gal.zout.fits"])
@pytest.mark.parametrize(("confidence", "low", "high"), [(68, 0.9, 1.1), (95, 0.8, 1.2)])
def test_eazy_py(eazy_py, name, confidence, low, high):
    photoz = read_photoz(eazy_py / name, ["a", "b"], "z_phot", confidence)
    np.testing.assert_array_equal(photoz.z_phot, [1, np.nan])
    np.testing.assert_array_equal(photoz.z_spec, [np.nan, 0.5])
    np.testing.assert_array_equal(photoz.lower, [low, np.nan])
    np.testing.assert_array_equal(photoz.upper, [high, np.nan])
    assert photoz.n_values == 2 * (1 + 2 * 2)


def test_eazys_names_precede(eazy_py):
    path = eazy_py / "gal.zout"
    path.write_text(EAZY_PY.replace("nusefilt", "L68").replace("a 10", "a 0.7"))
    photoz = read_photoz(path, ["a", "b"], "z_phot", 68)
    assert (photoz.lower[0], photoz.upper[0]) == (0.7, 1.1)
    path.write_text(EAZY_PY.replace("z160", "z16"))
    with pytest.raises(InputError, match=r"has no column L68, nor z160, eazy-py's name for it"):
        read_photoz(path, ["a", "b"], "z_phot", 68)
    with pytest.raises(InputError, match=r"gal\.zout: has no column L99"):
        read_photoz(path, ["a", "b"], "z_phot", 99)


def test_fits_beside_the_catalogue(eazy_py, caplog):
    caplog.set_level("INFO")
    params = read_params(None, [f"CATALOG={eazy_py / 'gal'}", "ZPHOT_CONF=68"])
    assert find_photoz(params, ["a", "b"]).lower[0] == 0.9
    assert "gal.zout.fits' is not read: " in caplog.text
    (eazy_py / "gal.zout").unlink()
    assert find_photoz(params, ["a", "b"]).lower[0] == 0.9
    with pytest.raises(
        InputError, match=r"gal\.zout\.fits: row 2: source 'b' stands where the catalogue has 'c'"
    ):
        find_photoz(params, ["a", "c"])


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff# id z_phot L68 U68\n1.0 0.5 0.4 0.6\n2.0 1e0 0.9 1.1\n",
        "# id z_phot L68 U68\n1 0.5 0.4 0.6 7 8\n2 1 0.9 1.1 7 8\n",
        "# Output of a code, id and z_phot\n# id z_phot L68 U68\n1 0.5 0.4 0.6\n2 1 0.9 1.1\n",
        "id,z_phot,L68,U68\n1,0.5,0.4,0.6\n2,1,0.9,1.1\n",
        "# 1 id\n# 2 z_phot\n# 3 l68\n# 4 u68\n1 .5D0 0.4 0.6\n2 1 0.9 1.1\n",
    ],
)
def test_files_of_other_programs(tmp_path, text):
    path = tmp_path / "x.zout"
    path.write_text(text, encoding="utf-8")
    photoz = read_photoz(path, ["1", "2"], "z_phot", 68)
    np.testing.assert_array_equal(photoz.z_phot, [0.5, 1])
    np.testing.assert_array_equal(photoz.upper, [0.6, 1.1])


def test_ids_must_still_agree(tmp_path):
    path = tmp_path / "x.zout"
    path.write_text("# id z_phot z_phot\n1.0 0.5 1\n2.5 1 1\n")
    with pytest.raises(InputError, match="names Z_PHOT more than once"):
        read_photoz(path, ["1", "2"])
    path.write_text("# id z_phot\n1.0 0.5\n2.5 1\n")
    with pytest.raises(InputError, match=r":3: source '2.5' stands where the catalogue has '2'"):
        read_photoz(path, ["1", "2"])


def test_the_file_is_told(eazy_py):
    params = read_params(None, [f"CATALOG={eazy_py / 'gal'}"])
    assert find_photoz(params, ["a", "b"]).path == str(eazy_py / "gal.zout")
    (eazy_py / "gal.zout").unlink()
    assert find_photoz(params, ["a", "b"]).path == str(eazy_py / "gal.zout.fits")
