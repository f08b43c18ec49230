"""Parts of grids, and the results of fits with each of them, against direct sums."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from fastsed.errors import InputError
from fastsed.survey.subgrids import merge_subgrids, part_slices, split_grid

CENTRES = np.array([0.0, 1.0, 3.0])


@pytest.mark.parametrize(
    ("n", "n_part", "sizes"), [(7, 3, [3, 2, 2]), (6, 3, [2, 2, 2]), (2, 2, [1, 1]), (5, 1, [5])]
)
def test_sizes_of_parts(n, n_part, sizes):
    slices = part_slices(n, n_part)
    assert [part.stop - part.start for part in slices] == sizes
    assert slices[0].start == 0
    assert slices[-1].stop == n


@pytest.mark.parametrize("n_part", [0, 4])
def test_too_many_parts(n_part):
    with pytest.raises(InputError, match="from 1 to 3 are possible"):
        part_slices(3, n_part)


def write_fit(base, seed, n_star=4, bad=()):
    """Results with one part of a grid; the stars `bad` have none."""
    rng = np.random.default_rng(seed)
    table = Table()
    table["Name"] = [f"star {i}" for i in range(n_star)]
    for what in ("Best", "Exp", "p16", "p50", "p84"):
        table[f"Av_{what}"] = rng.random(n_star)
    table["chi2min"], table["chi2min_indx"] = rng.random(n_star), np.arange(n_star)
    table["Pmax"], table["Pmax_indx"] = rng.random(n_star), rng.integers(0, 100, n_star)
    table["total_log_norm"] = 100 + rng.normal(size=n_star)
    pdf = rng.random((n_star, 3))
    for i in bad:
        for name in table.colnames:
            if table[name].dtype.kind == "f":
                table[name][i] = np.nan
        pdf[i] = 0
    table.write(f"{base}_stats.fits")
    image = fits.ImageHDU(np.vstack([pdf / np.maximum(pdf.sum(axis=1, keepdims=True), 1e-9), CENTRES]))
    image.header["EXTNAME"] = "Av"
    fits.HDUList([fits.PrimaryHDU(np.zeros((2, 2))), image]).writeto(f"{base}_pdf1d.fits")
    with h5py.File(f"{base}_lnp.hd5", "w") as f:
        for i in range(n_star):
            n = 0 if i in bad else 5
            f[f"star_{i}/idx"], f[f"star_{i}/lnp"] = np.arange(n), (rng.random(n) * 20).astype("f4")
    return table, image.data[:-1]


@pytest.mark.parametrize("bad", [(), (2,)])
def test_merged_results(tmp_path, bad):
    parts = [write_fit(tmp_path / f"f{i}", i, bad=bad if i else ()) for i in range(3)]
    merge_subgrids([tmp_path / f"f{i}" for i in range(3)], tmp_path / "m", -7.0)
    merged = Table.read(tmp_path / "m_stats.fits")
    pdf = fits.getdata(tmp_path / "m_pdf1d.fits", "Av")
    assert np.array_equal(pdf[-1], CENTRES)
    with h5py.File(tmp_path / "m_lnp.hd5") as f:
        for star in range(4):
            own = [i for i in range(3) if not (i and star in bad)]
            norms = np.array([parts[i][0]["total_log_norm"][star] for i in own])
            weights = np.exp(norms)
            total = sum(w * parts[i][1][star] for w, i in zip(weights, own, strict=True)) / weights.sum()
            assert np.allclose(pdf[star], total)
            middle = np.cumsum(total) - total / 2
            assert merged["Av_p50"][star] == pytest.approx(np.interp(0.5, middle, CENTRES))
            assert merged["total_log_norm"][star] == pytest.approx(np.log(weights.sum()))
            exp = (
                sum(w * parts[i][0]["Av_Exp"][star] for w, i in zip(weights, own, strict=True))
                / weights.sum()
            )
            assert merged["Av_Exp"][star] == pytest.approx(exp)
            best = max(own, key=lambda i: parts[i][0]["Pmax"][star])
            assert merged["best_gridsub_tag"][star] == best
            for name in ("Av_Best", "Pmax", "Pmax_indx"):
                assert merged[name][star] == parts[best][0][name][star]
            assert merged["chi2min"][star] == min(parts[i][0]["chi2min"][star] for i in own)
            expected = []
            for i in own:
                with h5py.File(tmp_path / f"f{i}_lnp.hd5") as part:
                    expected += [(i, k, v) for k, v in enumerate(part[f"star_{star}/lnp"][()])]
            top = max(value for _, _, value in expected)
            kept = {(i, k) for i, k, value in expected if float(value) - float(top) > -7}
            group = f[f"star_{star}"]
            assert set(zip(group["subgrid"][()].tolist(), group["idx"][()].tolist(), strict=True)) == kept
    assert "chi2min_indx" not in merged.colnames


def test_results_that_do_not_fit_together(tmp_path):
    write_fit(tmp_path / "a", 0)
    write_fit(tmp_path / "b", 1, n_star=3)
    with pytest.raises(InputError, match="3 stars, but a_stats"):
        merge_subgrids([tmp_path / "a", tmp_path / "b"], tmp_path / "m")
    write_fit(tmp_path / "c", 2)
    with fits.open(tmp_path / "c_pdf1d.fits", mode="update") as hdus:
        hdus["Av"].data[-1, 0] = -1
    with pytest.raises(InputError, match="the same --grid_info"):
        merge_subgrids([tmp_path / "a", tmp_path / "c"], tmp_path / "m")
    for bases, output in (("aa", "m"), ("a", "a")):
        with pytest.raises(InputError, match=r"a_stats.fits: is named twice; each part counts once"):
            merge_subgrids([tmp_path / base for base in bases], tmp_path / output)
    with pytest.raises(InputError, match="below 0"):
        merge_subgrids([tmp_path / "a"], tmp_path / "m", 0.0)


def test_parts_with_other_stars_are_refused(tmp_path):
    for name, shift in (("a", 0.0), ("b", 0.0), ("c", 1e-6)):
        write_fit(tmp_path / name, 0)
        table = Table.read(tmp_path / f"{name}_stats.fits")
        table["RA"], table["DEC"] = np.array([10.0, 11.0, np.nan, 12.0 + shift]), np.zeros(4)
        table.write(tmp_path / f"{name}_stats.fits", overwrite=True)
    merge_subgrids([tmp_path / "a", tmp_path / "b"], tmp_path / "m")
    with pytest.raises(InputError, match=r"c_stats.fits: row 3 is another star than in a_stats.fits \(RA\)"):
        merge_subgrids([tmp_path / "a", tmp_path / "c"], tmp_path / "n")
    assert not (tmp_path / "n_stats.fits").exists()


def test_names_of_parts_need_their_number(tmp_path):
    from tests.survey.small_grids import small_field

    small_field(tmp_path)
    with pytest.raises(InputError, match=r"needs \{\} where"):
        split_grid(tmp_path / "grid.hd5", 2, "part.hd5")
