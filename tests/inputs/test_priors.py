import h5py
import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.inputs.priors import prior_density, prior_of_sources

X = np.array([-1.0, 0.5, 1.0, 2.0, 4.0])


def density(text, values=X):
    return prior_density(text, "PRIOR_AV", values, "fast.param")


def test_densities_are_those_of_the_formulas():
    np.testing.assert_array_equal(density("flat"), 1)
    np.testing.assert_allclose(density("normal(1, 0.5)"), np.exp(-0.5 * ((X - 1) / 0.5) ** 2))
    expected = np.exp(-0.5 * (np.log(X[1:] / 2) / 0.3) ** 2) / X[1:]
    np.testing.assert_allclose(density("LogNormal( 2 , 0.3)"), [0, *expected])
    np.testing.assert_allclose(density("expr(exp(-x)*(x > 0))"), np.exp(-X) * (X > 0))
    np.testing.assert_allclose(density("expr(2)"), 2)
    np.testing.assert_allclose(density(lambda x: x**2), X**2)


def test_tables_are_linear_and_zero_outside(tmp_path):
    path = tmp_path / "prior.txt"
    path.write_text("# value density\n0 0\n1 2\n3 4\n")
    np.testing.assert_allclose(density(f"table('{path}')"), [0, 1, 2, 3, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0\n1 -2\n", "density -2 at 1: expected a finite value, and a density of 0 or more"),
        ("0 0\n1 nan\n", "density nan at 1"),
        ("0 0\ninf 1\n", "density 1 at inf"),
        ("0 0\n2 1\n1 1\n", "its values must ascend: 1 follows 2"),
        ("0 0\n0 1\n", "its values must ascend: 0 follows 0"),
        ("1 1\n", "expected two values or more"),
    ],
)
def test_tables_that_are_no_densities(tmp_path, text, message):
    path = tmp_path / "prior.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"prior\.txt: {message}"):
        density(f"table({path})")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gauss(1,2)", r"PRIOR_AV = gauss\(1,2\): expected one of 'flat'"),
        ("normal(1)", "expected two numbers"),
        ("normal(1,x)", "expected two numbers"),
        ("normal(1,0)", "sigma must be > 0"),
        ("lognormal(0,1)", "median must be > 0"),
        ("expr(x)", "the density at -1 is -1: must be 0 or more, and finite"),
        ("expr(1/(x-1))", "must be 0 or more, and finite"),
        ("expr(y)", "y"),
        ("pz(file)", "expected one of"),
        ("table(none.txt)", r"fast.param: PRIOR_AV = table\(none.txt\): there is no such file"),
        ("table()", "there is no such file"),
        (lambda x: x[:2] ** 2, "expected 5 densities"),
    ],
)
def test_what_is_no_density_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        density(text)


def test_each_source_has_its_own_redshift_density(tmp_path):
    grid, pdf = np.array([0.0, 1.0, 2.0]), np.array([[0.0, 1.0, 0.0], [2.0, 1.0, 0.5]])
    path = tmp_path / "pz.hdf5"
    with h5py.File(path, "w") as f:
        f["id"], f["z"], f["pdf"] = ["7", "8"], grid, pdf
    z = np.array([0.5, 1.0, 1.5, 2.5])
    found = prior_of_sources(f"pz({path})", z, ["8", "7"])
    np.testing.assert_allclose(found, [[1.5, 1.0, 0.75, 0.0], [0.5, 1.0, 0.5, 0.0]])
    with pytest.raises(InputError, match="lacks 2 of 3 sources, the first of them 'a'"):
        prior_of_sources(f"pz({path})", z, ["a", "7", "b"])
    assert prior_of_sources("flat", z, ["7"]) is None


@pytest.mark.parametrize(
    ("names", "pdf", "message"),
    [
        (
            ["7", "8"],
            [[0, 1], [1, -1]],
            "densities of 1 source are negative or not finite, the first of them '8'",
        ),
        (["7", "8"], [[np.inf, 1], [np.nan, 1]], "densities of 2 sources .* the first of them '7'"),
        (["8", "7", "8"], [[0, 1], [1, 1], [1, 0]], "has source '8' twice or more"),
    ],
)
def test_sources_with_odd_densities_are_named(tmp_path, names, pdf, message):
    path = tmp_path / "pz.hdf5"
    with h5py.File(path, "w") as f:
        f["id"], f["z"], f["pdf"] = names, np.arange(2.0), np.array(pdf, dtype=float)
    with pytest.raises(InputError, match=rf"pz\.hdf5: {message}"):
        prior_of_sources(f"pz({path})", np.array([0.5]), ["7", "8"])


def test_redshift_densities_of_fits_tables(tmp_path):
    fits = pytest.importorskip("astropy.io.fits")
    pdf = np.array([[0.0, 1.0], [2.0, 1.0]])
    tables = [
        fits.BinTableHDU.from_columns(
            [fits.Column("ID", "K", array=np.array([7, 8])), fits.Column("PDF", "2D", array=pdf)]
        ),
        fits.BinTableHDU.from_columns([fits.Column("Z", "D", array=np.array([0.0, 1.0]))]),
    ]
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(tmp_path / "pz.fits")
    found = prior_of_sources(f"pz({tmp_path}/pz.fits)", np.array([0.5]), ["8", "7"])
    np.testing.assert_allclose(found, [[1.5], [0.5]])


@pytest.mark.parametrize("suffix", ["hdf5", "fits"])
def test_damaged_redshift_densities_are_named(tmp_path, suffix):
    signature = b"\x89HDF\r\n\x1a\n" if suffix == "hdf5" else b"SIMPLE  ="
    path = tmp_path / f"pz.{suffix}"
    path.write_bytes(signature + 600 * b"x")
    with pytest.raises(InputError, match=rf"pz\.{suffix}: is not a file of p\(z\)"):
        prior_of_sources(f"pz({path})", np.array([0.5]), ["7"])


def test_without_densities_the_file_is_named(tmp_path):
    path = tmp_path / "pz.hdf5"
    with h5py.File(path, "w") as f:
        f["id"], f["z"] = ["7"], np.arange(3.0)
    with pytest.raises(
        InputError, match=r"pz\.hdf5: is not a file of p\(z\) with the data sets `id`, `z` and `pdf`"
    ):
        prior_of_sources(f"pz({path})", np.array([0.5]), ["7"])


def test_sources_without_a_posterior_get_a_flat_prior(tmp_path, caplog):
    path = tmp_path / "pz.hdf5"
    with h5py.File(path, "w") as f:
        f["id"], f["z"], f["pdf"] = ["7", "8"], np.arange(2.0), [[np.nan, np.nan], [0.0, 2.0]]
    found = prior_of_sources(f"pz({path})", np.array([0.5, 3.0]), ["7", "8"])
    np.testing.assert_array_equal(found, [[1, 1], [1, 0]])
    assert "1 source without densities (NaN)" in caplog.text
