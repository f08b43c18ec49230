"""Figures of galaxies and catalogues: the numbers that are drawn are those of the results."""

from __future__ import annotations

import io
import sys
from contextlib import chdir

import numpy as np
import pytest

import fastsed
from fastsed.errors import InputError
from fastsed.figure_style import label_of, save_figure, save_pages, value_text
from fastsed.fitting.intervals import percentiles_from_simulations
from fastsed.report.catalogue import catalogue_of, read_catalogue
from fastsed.report.mocks import recovery
from fastsed.report.overviews import plot_photoz, redshift_quality
from fastsed.report.pdfs import bin_edges, marginals_of, plot_pdf
from fastsed.report.seds import LIMIT_SIGMA
from fastsed.report.source import free_quantities, samples_of, sed_of, simulate_sources
from tests.report.conftest import KEYS

LIGHT_SPEED = 2.99792458e18


def lines_of(figure, gid):
    return [line for axes in figure.axes for line in axes.lines if line.get_gid() == gid]


def every_text(figure):
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_the_spectrum_is_that_of_the_results(results):
    figure = results.plot_sed("2")
    sed = results.sed("2")
    (model,) = lines_of(figure, "model")
    shown = sed.flux > 0
    np.testing.assert_allclose(model.get_xdata(), sed.wavelength[shown] / 1e4)
    microjansky = 1e-19 * sed.flux * sed.wavelength**2 / LIGHT_SPEED / 1e-29
    np.testing.assert_allclose(model.get_ydata(), microjansky[shown], rtol=1e-12)
    (in_bands,) = lines_of(figure, "model in bands")
    expected = 1e-19 * sed.model_flux * sed.band_wavelength**2 / LIGHT_SPEED / 1e-29
    np.testing.assert_allclose(in_bands.get_ydata(), expected, rtol=1e-12)


def test_the_squares_of_the_residuals_add_up_to_chi2(results):
    for row in range(len(results)):
        residuals = sed_of(results._plain, results._problem, row).residuals
        assert np.nansum(residuals**2) == pytest.approx(results.best.chi2[row], rel=1e-9)
    drawn = lines_of(results.plot_sed("2"), "residuals")[0].get_ydata()
    expected = sed_of(results._plain, results._problem, 1).residuals
    np.testing.assert_allclose(drawn, expected[np.isfinite(expected)])


def test_points_with_errors_and_limits(results):
    source = sed_of(results._plain, results._problem, 0)
    figure = results.plot_sed("1", flux="flambda")
    top = figure.axes[1]
    assert len(top.collections)
    points, limits = top.containers
    assert len(points[0].get_xdata()) == np.isfinite(source.data_error).sum() - 1
    (weak,) = np.flatnonzero(np.isfinite(source.data_error) & (source.data_flux < source.data_error))
    np.testing.assert_allclose(limits[0].get_ydata(), LIMIT_SIGMA * source.data_error[weak])


def test_upper_limits_of_the_catalogue_are_drawn_as_such(example):
    lines = (example / "gst.cat").read_text().splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("#   "))
    names = lines[head].lstrip("#").split()
    rows = [dict(zip(names, line.split(), strict=True)) for line in lines[head + 1 :] if line[0] != "#"][:2]
    rows[0] |= {"F120": "1.25", "E120": "0.5", "LIM120": "1"}
    rows[1] |= {"LIM120": "0"}
    table = [["#", *names, "LIM120"], *(list(row.values()) for row in rows)]
    (example / "limits.cat").write_text("".join(" ".join(row) + "\n" for row in table))
    with chdir(example):
        found = fastsed.run("gst.param", catalog="limits", n_sim=0, verbose=False)
    top = found.plot_sed("1").axes[1]
    (limit,) = [c for c in top.containers if c.get_label() == "upper limit"]
    (wavelength,), (height,) = limit[0].get_xdata(), limit[0].get_ydata()
    assert 0.14 < wavelength < 0.17
    assert height == pytest.approx(1.25, rel=1e-3)
    assert limit[0].get_marker() == "_"
    assert any(len(cap.get_xdata()) == 1 and cap.get_ydata()[0] < height for cap in limit[1]), (
        "an arrow below"
    )
    assert top.get_ylim()[1] > height
    assert not any(c.get_label() == "upper limit" for c in found.plot_sed("2").axes[1].containers)


def test_numbers_and_intervals_are_in_the_text(results):
    text = "\n".join(every_text(results.plot_sed("2")))
    table = results.table
    low, value, high = (float(table[name][1]) for name in ("l68_Av", "Av", "u68_Av"))
    assert "source 2" in text
    assert f"reduced χ² = {float(table['chi2'][1]):.3g}" in text
    if low <= value <= high:
        assert f"{value:.2f}^{{+{high - value:.2f}}}_{{-{value - low:.2f}}}" in text
    assert "redshift = 0.0850" in text, "a known redshift has no interval"


def test_simulations_of_a_source_alone_are_those_of_the_run(results):
    found, problem = results._plain, results._problem
    simulated = simulate_sources(problem, [4, 1])
    for i, row in enumerate((4, 1)):
        samples = samples_of(found, problem, simulated, i, ["lmass", "lsfr", "Av"])
        assert len(samples.values["Av"]) == 40
        axes = problem.grid.axes
        models = simulated.simulations.model[i : i + 1]
        indices = dict(zip(axes.names, (a.reshape(1, -1) for a in axes.indices(models[0])), strict=True))
        stored = {"lmass": (10 ** samples.values["lmass"]).astype(np.float32).astype(float)[None]}
        bounds = percentiles_from_simulations(indices, axes.as_dict(), stored, [68, 95], 1)
        np.testing.assert_allclose(bounds["lmass"][0], found.intervals["lmass"][row], rtol=1e-5)
        np.testing.assert_allclose(bounds["Av"][0], found.intervals["Av"][row])
        assert samples.best["lmass"] == pytest.approx(results.quantity("lmass")[row])


def test_histograms_count_the_samples(results):
    found, problem = results._plain, results._problem
    samples = samples_of(found, problem, simulate_sources(problem, [1]), 0, ["Av", "lmass"])
    figure = plot_pdf(marginals_of(samples))
    for axes, name in zip(figure.axes, ("Av", "lmass"), strict=False):
        stairs = next(patch for patch in axes.patches if patch.get_gid() == name)
        heights, edges, _ = stairs.get_data()
        np.testing.assert_allclose(heights, np.histogram(samples.values[name], edges)[0] / 40)
        assert heights.sum() == pytest.approx(1)
    middle = bin_edges(np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.5, 1.0, 1.5]))
    assert set(np.round(middle, 6)) >= {-0.25, 0.25, 0.75, 1.25}


def test_posteriors_come_before_simulations(example):
    with chdir(example):
        found = fastsed.run("gst.param", n_sim=0, posterior=True, output_file="posterior", **KEYS)
    figure = found.plot_pdf("2", ["Av", "lmass"])
    assert any("posterior" in text for text in every_text(figure))
    for axes, name in zip(figure.axes, ("Av", "lmass"), strict=False):
        heights, edges, _ = next(patch for patch in axes.patches if patch.get_gid() == name).get_data()
        assert heights.sum() == pytest.approx(1, abs=0.03), "what is negligible is left out"
        bins, probability = found.posterior.pdf(name)
        first = np.searchsorted(bins, edges[0] - 1e-9)
        step = np.searchsorted(bins, edges[1] - 1e-9) - first
        assert heights[0] == pytest.approx(probability[1, first : first + step].sum())
        median = found.posterior.quantile(name, 0.5)[1]
        assert any(line.get_xdata()[0] == pytest.approx(median) for line in axes.lines)


def test_default_names_are_those_that_vary(results):
    names = free_quantities(results._plain, results._problem, 0)
    assert "z" not in names, "it is known"
    assert {"Av", "lage", "ltau", "lmass"} <= set(names)
    figure = results.plot_corner("1")
    assert len(figure.axes) == min(len(names), 6) ** 2
    with pytest.raises(InputError, match="there is no quantity 'mass'"):
        results.plot_pdf("1", ["mass"])
    with pytest.raises(InputError, match="at least two quantities"):
        results.plot_corner("1", ["Av"])


def test_history(results):
    figure = results.plot_sfh("2", step=50)
    (best,) = lines_of(figure, "best")
    expected = results.sfh("2", step=50)
    np.testing.assert_allclose(best.get_xdata(), expected.time / 1e9)
    np.testing.assert_allclose(best.get_ydata(), expected.sfr)
    assert lines_of(figure, "median")
    assert any("95 % of 40 simulations" in text for text in every_text(figure))


def test_overview_shows_every_source(results):
    catalogue = catalogue_of(results._plain, results._problem)
    figure = results.plot_catalogue("mass-redshift")
    offsets = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(offsets[:, 0], results.table["z"])
    np.testing.assert_allclose(offsets[:, 1], results.table["lmass"])
    chi2 = results.plot_catalogue("chi2").axes[0].patches[0]
    assert chi2.get_data()[0].sum() == 12
    low, high = catalogue.at_edge()["Av"]
    assert low.sum() == np.sum(np.asarray(results.table["Av"]) == 0)
    assert high.sum() == 0
    bars = [bar.get_width() for bar in results.plot_catalogue("edges").axes[0].patches]
    assert any(width == pytest.approx(100 * low.sum() / 12) for width in bars)
    with pytest.raises(InputError, match="there is no figure 'masses'"):
        results.plot_catalogue("masses")


def test_a_fout_file_gives_the_same_catalogue(example, results, tmp_path):
    from_fit = catalogue_of(results._plain, results._problem)
    from_file = read_catalogue(example / "gst.fout")
    assert from_file.ids == from_fit.ids
    # the text is rounded
    precision = {column.name: column.precision for column in results._plain.columns}
    for name, values in from_fit.columns.items():
        atol = 0.501 * precision[name.split("_", 1)[-1]]
        np.testing.assert_allclose(from_file.columns[name], values, rtol=1e-5, atol=atol)
    for name in ("Av", "lage", "ltau"):
        np.testing.assert_allclose(from_file.axes[name], from_fit.axes[name], rtol=1e-6)
        for one, other in zip(from_file.at_edge()[name], from_fit.at_edge()[name], strict=True):
            np.testing.assert_array_equal(one, other)
    from_table = read_catalogue(results.write(tmp_path / "out.ecsv"))
    assert from_table.units["lmass"] == "dex(solMass)"
    np.testing.assert_array_equal(from_table.columns["lmass"], from_fit.columns["lmass"])


def test_a_second_line_of_names_is_a_comment(tmp_path):
    path = tmp_path / "a.fout"
    path.write_text("# id z lmass\n1 0.5 10\n# id other\n2 0.6 11\n")
    np.testing.assert_array_equal(read_catalogue(path).columns["lmass"], [10, 11])


def test_damaged_tables_are_named(tmp_path):
    path = tmp_path / "a.fout"
    path.write_text("# id z lmass\n1 0.5\n")
    with pytest.raises(InputError, match=r"a.fout:2: 2 values, but the header names 3 columns"):
        read_catalogue(path)
    path.write_text("# id z lmass\n1 0.5 ten\n")
    with pytest.raises(InputError, match=r"a.fout:2: expected a number, found 'ten'"):
        read_catalogue(path)
    path.write_text("1 0.5 10\n")
    with pytest.raises(InputError, match="the names of the columns"):
        read_catalogue(path)
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(InputError, match="has no column id"):
        read_catalogue(tmp_path / "a.csv")
    (tmp_path / "a.fits").write_text("nothing")
    with pytest.raises(InputError, match=r"a\.fits: "):
        read_catalogue(tmp_path / "a.fits")


def test_quality_of_redshifts():
    known = np.array([0.0, 1.0, 1.0, 3.0, np.nan])
    found = np.array([0.01, 1.0, 0.98, 5.0, 1.0])
    quality = redshift_quality(found, known)
    dz = np.array([0.01, 0, -0.01, 0.5])
    assert quality.n == 4
    assert quality.bias == pytest.approx(np.median(dz))
    assert quality.nmad == pytest.approx(1.4826 * np.median(np.abs(dz - np.median(dz))))
    assert quality.outliers == 0.25
    assert any("25.0 % outliers" in text for text in every_text(plot_photoz(found, known)))
    with pytest.raises(InputError, match="no source has both"):
        redshift_quality(known, np.full(5, np.nan))


def test_comparison_with_known_redshifts(results):
    z = np.asarray(results.table["z"], dtype=float)
    figure = results.plot_catalogue("photoz", known_z=z)
    assert any("bias +0.0000" in text for text in every_text(figure))
    with pytest.raises(InputError, match="no known redshifts"):
        results.plot_catalogue("photoz")


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_every_axis_has_a_label_and_no_text_is_cut(results, width):
    figures = [
        results.plot_sed("1", width=width),
        results.plot_pdf("1", width=width),
        results.plot_sfh("1", width=width),
        results.plot_catalogue(width=width),
        results.plot_catalogue("edges", width=width),
    ]
    for figure in figures:
        figure.savefig(io.BytesIO())
        box = figure.bbox.expanded(1.005, 1.005)
        renderer = figure.canvas.get_renderer()
        for axes in figure.axes:
            for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
                if axes.get_visible() and text.get_text():
                    extent = text.get_window_extent(renderer)
                    assert box.contains(extent.x0, extent.y0), text.get_text()
                    assert box.contains(extent.x1, extent.y1), text.get_text()


def test_files(results, tmp_path):
    figure = results.plot_sed("1")
    assert save_figure(figure, tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert (
        save_figure(figure, tmp_path / "a.pdf").read_bytes()
        == save_figure(results.plot_sed("1"), tmp_path / "b.pdf").read_bytes()
    )
    assert save_pages([figure, figure], tmp_path / "c.pdf").read_bytes().count(b"/Type /Page ") == 2
    with pytest.raises(InputError, match=r"a\.doc: figures are written as \.png, \.pdf"):
        save_figure(figure, tmp_path / "a.doc")


def test_labels_and_values():
    assert "mag" in label_of("Av")
    assert label_of("M121") == "M121 [AB mag]"
    assert label_of("mine", "dex(yr)") == "mine [log yr]"
    assert value_text(1.0, 0.5, 2.0) == "$1.00^{+1.00}_{-0.50}$"
    assert value_text(1.0, 1.5, 2.0) == "1.00 [1.50, 2.00]"
    assert value_text(np.nan) == "none"


def test_without_matplotlib_one_line_says_what_to_install(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"needs matplotlib: install it with `pip install fastsed\[plot\]`"):
        results.plot_sed("1")


def test_a_source_must_have_a_fit(results):
    with pytest.raises(InputError, match="there is no source 'x'"):
        results.plot_sed("x")
    assert isinstance(results, fastsed.Results)


@pytest.fixture(scope="module")
def mocks(example):
    with chdir(example):
        return fastsed.run(
            "gst.param", **KEYS | {"n_sim": 0, "mock": 3, "posterior": True}, output_file="mocks"
        )


@pytest.mark.parametrize("estimate", [None, "best"])
def test_mocks_are_drawn_against_the_truth(mocks, estimate):
    figure = mocks.plot_mock("lmass", estimate=estimate)
    kind = estimate or "mean"
    true, recovered = mocks.mock["true_lmass"].ravel(), mocks.mock[f"{kind}_lmass"].ravel()
    top, bottom = figure.axes
    np.testing.assert_array_equal(top.collections[0].get_offsets(), np.column_stack([true, recovered]))
    np.testing.assert_array_equal(bottom.collections[-1].get_offsets()[:, 1], recovered - true)
    assert f"{np.median(recovered - true):+.3f}".replace("-", "\u2212") in top.get_title(loc="left")
    assert top.get_ylabel() == {"mean": "mean of the posterior", "best": "best fit"}[kind]


def test_recovery_of_known_values():
    true = np.zeros((4, 26))
    recovered = np.append(np.linspace(-40, 60, 101), [np.nan, np.inf, np.nan]).reshape(4, 26)
    found = recovery(true, recovered)
    assert (found.n, found.bias) == (101, 10)
    assert (found.low, found.high, found.scatter) == pytest.approx((-24, 44, 34))
    with pytest.raises(InputError, match="no finite value"):
        recovery(np.full((2, 2), np.nan), np.zeros((2, 2)))


def test_mocks_that_are_not_there(results, mocks):
    with pytest.raises(InputError, match="there is no mock test: fit with MOCK = 10, say"):
        results.plot_mock("lmass")
    with pytest.raises(InputError, match="no quantity 'mass'; it has z, "):
        mocks.plot_mock("mass")
    with pytest.raises(InputError, match="estimate = 'median': must be one of best, mean"):
        mocks.plot_mock("lmass", estimate="median")
