"""Posteriors of whole runs: columns of the output catalogue, files of PDFs, priors of a parameter file."""

import h5py
import numpy as np
import pytest

import fastsed
from fastsed.errors import InputError
from tests.helpers import copy_example

KEYS = {
    "no_cache": True,
    "n_sim": 0,
    "posterior": True,
    "a_v_step": 0.5,
    "log_tau_step": 1,
    "log_age_step": 0.3,
    "n_thread": 1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_example(tmp_path_factory.mktemp("example"), 6).parent


def fitted(folder, monkeypatch, **keys):
    monkeypatch.chdir(folder)
    return fastsed.run("gst.param", **(KEYS | keys))


def read(path):
    lines = [line for line in path.read_text().splitlines() if line]
    header = [line for line in lines if line.startswith("#")][-1][1:].split()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return header, rows


def test_columns_follow_those_of_each_quantity(folder, monkeypatch):
    results = fitted(folder, monkeypatch, output_file="one", posterior_percentiles=(5, 50, 97.5))
    header, rows = read(folder / "one.fout")
    at = header.index("lmass")
    assert header[at : at + 6] == ["lmass", "mean_lmass", "std_lmass", "p5_lmass", "p50_lmass", "p97.5_lmass"]
    assert header[-3:] == ["chi2", "neff", "lnz"]
    assert header.index("std_z") < header.index("ltau")
    posterior = results._plain.posterior
    for row, cells in enumerate(rows):
        assert len(cells) == len(header)
        assert float(cells[header.index("std_lmass")]) == float(f"{posterior.std['lmass'][row]:.6g}")
        assert float(cells[header.index("lnz")]) == float(f"{posterior.lnz[row]:.6g}")
    table = results.table
    assert table.colnames == header
    np.testing.assert_array_equal(table["mean_lmass"], posterior.mean["lmass"])
    assert str(table["mean_lmass"].unit) == "dex(solMass)"


def test_intervals_come_first_and_precision_rounds(folder, monkeypatch):
    fitted(folder, monkeypatch, output_file="two", n_sim=4, output_precision=0.1)
    header, rows = read(folder / "two.fout")
    at = header.index("lage")
    assert header[at : at + 5] == ["lage", "l68_lage", "u68_lage", "mean_lage", "std_lage"]
    values = np.array([float(cells[at + 3]) for cells in rows])
    np.testing.assert_allclose(values, np.round(values, 1), atol=1e-9)


def test_plain_runs_have_no_such_columns(folder, monkeypatch):
    results = fitted(folder, monkeypatch, output_file="three", posterior=False)
    assert not any(name.startswith(("mean_", "std_")) or name == "neff" for name in results.table.colnames)


def test_pdfs_in_a_file_are_those_in_memory(folder, monkeypatch):
    monkeypatch.setattr("fastsed.outputs.pdf_file.ROWS_AT_ONCE", 4)
    results = fitted(folder, monkeypatch, output_file="four", save_pdf=True, posterior=False)
    pdfs = fastsed.read_pdf(folder / "four_pdf.hdf5")
    assert list(pdfs.id) == [str(one) for one in results._plain.ids]
    posterior = results._plain.posterior
    assert sorted(pdfs.names) == sorted(posterior.names)
    assert repr(pdfs) == f"<Pdfs: {len(pdfs.id)} sources; {', '.join(pdfs.names)}>"
    n_known = np.isfinite(posterior.lnz).sum()
    assert repr(posterior).startswith(f"<Posteriors: {n_known} of {len(pdfs.id)} sources have one; z, ")
    for name in pdfs.names:
        edges, pdf = pdfs.pdf(name)
        known_edges, known = posterior.pdf(name)
        np.testing.assert_allclose(edges, known_edges)
        np.testing.assert_allclose(pdf, known, atol=1e-6)
        good = np.isfinite(posterior.mean[name])
        np.testing.assert_allclose(pdf[good].sum(axis=1), 1, rtol=1e-5)
        assert pdfs.description[name]


def test_a_file_of_pdfs_is_a_prior(folder, monkeypatch):
    fitted(folder, monkeypatch, output_file="five", save_pdf=True)
    before = fastsed.read_pdf(folder / "five_pdf.hdf5").pdf("z")[1]
    after = fitted(folder, monkeypatch, output_file="six", prior_z="pz(five_pdf.hdf5)")._plain.posterior.pdf(
        "z"
    )[1]
    good = np.isfinite(before).all(axis=1)
    expected = before[good] ** 2
    np.testing.assert_allclose(after[good], expected / expected.sum(axis=1, keepdims=True), atol=2e-2)


def test_priors_move_the_posterior_not_the_best_fit(folder, monkeypatch):
    flat = fitted(folder, monkeypatch, output_file="seven")
    young = fitted(folder, monkeypatch, output_file="eight", prior_lage="normal(8, 0.2)")
    np.testing.assert_array_equal(flat.best.model_id, young.best.model_id)
    good = np.isfinite(flat._plain.posterior.mean["lage"])
    assert (young._plain.posterior.mean["lage"] < flat._plain.posterior.mean["lage"])[good].all()


def test_a_prior_of_no_axis_is_refused(folder, monkeypatch):
    with pytest.raises(fastsed.InputError, match="PRIOR_TAU: the grid has no such axis"):
        fitted(folder, monkeypatch, priors={"tau": "flat"})


def test_parts_of_the_sources_give_the_same(folder, monkeypatch):
    whole = fitted(folder, monkeypatch, output_file="nine", save_pdf=True)
    text, pdf = (folder / "nine.fout").read_bytes(), fastsed.read_pdf(folder / "nine_pdf.hdf5")
    monkeypatch.setattr("fastsed.fitting.passes.posteriors_together", lambda n: 4)
    fitted(folder, monkeypatch, output_file="nine", save_pdf=True)
    assert (folder / "nine.fout").read_bytes() == text
    again = fastsed.read_pdf(folder / "nine_pdf.hdf5")
    for name in pdf.names:
        np.testing.assert_array_equal(again.pdf(name)[1], pdf.pdf(name)[1])
    assert len(whole) == 6


def test_mocks_are_recovered(folder, monkeypatch):
    results = fitted(folder, monkeypatch, output_file="ten", mock=3)
    fits = pytest.importorskip("astropy.io.fits")
    table = fits.getdata(folder / "ten_mock.fits")
    assert list(table["id"]) == [str(one) for one in results._plain.ids for _ in range(3)]
    np.testing.assert_array_equal(table["true_Av"][::3], results.quantity("Av"))
    np.testing.assert_allclose(table["true_lmass"][1::3], results.quantity("lmass"), rtol=1e-6)
    good = np.isfinite(table["mean_lmass"])
    assert good.any()
    pull = (table["mean_lmass"] - table["true_lmass"])[good] / table["std_lmass"][good]
    assert np.median(np.abs(pull)) < 2
    assert (table["best_lmass"] != table["true_lmass"])[good].any()
    again = fitted(folder, monkeypatch, output_file="ten", mock=3)
    assert again is not None
    np.testing.assert_array_equal(fits.getdata(folder / "ten_mock.fits")["best_lmass"], table["best_lmass"])


@pytest.mark.parametrize("kind", ["huge", "numbers"])
def test_files_that_hold_no_posteriors(tmp_path, kind):
    path = tmp_path / "a_pdf.hdf5"
    with h5py.File(path, "w") as file:
        file["id"] = [1.0, 2.0] if kind == "numbers" else ["a", "b"]
        if kind == "huge":
            file.create_dataset("z/pdf", shape=(2**40, 1000), dtype="f8", chunks=(1024, 10))
            file["z/edges"] = np.arange(4.0)
        else:
            file["z/edges"], file["z/pdf"] = np.arange(4.0), np.ones((2, 3))
    with pytest.raises(InputError, match=r"a_pdf\.hdf5: (is|holds) "):
        fastsed.read_pdf(path)
