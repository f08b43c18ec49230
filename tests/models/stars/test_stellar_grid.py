"""Physics grids against a plain loop over models: interpolated spectrum, dust, trapezoids, distance, weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.models.stars import stellar_grid
from fastsed.models.stars.atmospheres import BandFluxLibrary, Nodes
from fastsed.models.stars.constants import L_SUN, R_SUN, STEFAN_BOLTZMANN
from fastsed.models.stars.dust_grid import DustGrid
from fastsed.models.stars.extinction import extinction_law
from fastsed.models.stars.isochrones import without_faint
from fastsed.models.stars.stellar_grid import make_stellar_grid
from fastsed.models.stars.weights import DustAxis, StellarPriors, beast2_weights, stellar_factors
from tests.models.stars.small_stars import LAM, NAMES, curves, library, stars

DISTANCES = np.array([48000.0, 50000.0])
NAMED = {"logA": 7.0, "M_ini": 1.0, "logL": 0.0, "logT": 3.75, "logg": 4.2, "Z": 0.02}
SUN = {name: np.array([value]) for name, value in NAMED.items()}


def dust_grid(beast2=False, law="G16", av=(0.0, 0.7, 1.4)):
    axes = (np.array(av), np.array([2.5, 3.1, 4.5]), np.array([0.5, 1.0]))
    priors = ({"name": "lognormal", "mean": 0.6, "sigma": 0.5}, {"name": "flat"}, {"name": "flat"})
    axes = [DustAxis(values, prior) for values, prior in zip(axes, priors, strict=True)]
    if law != "G16":
        axes[2] = DustAxis(np.array([1.0]))
    return DustGrid(extinction_law(law), *axes, beast2)


def all_models(grid, threads=2):
    seds, tables = zip(*grid.blocks(threads), strict=True)
    return np.concatenate(seds), np.concatenate(tables)


def on_nodes(columns):
    """The nearest nodes of the library, where every scheme gives the node itself."""
    columns = dict(columns)
    columns["logT"] = np.round(columns["logT"], 1)
    columns["logg"] = np.round(columns["logg"] * 2) / 2
    return columns


@pytest.mark.parametrize("beast2", [False, True])
def test_against_a_plain_loop(beast2):
    columns, lib, law = on_nodes(stars(4)), library(), extinction_law("G16")
    grid = make_stellar_grid(columns, [lib], curves(), DISTANCES, dust_grid(beast2), beast2=beast2)
    seds, table = all_models(grid)
    assert len(seds) == grid.n_models == grid.n_points * 2 * 24
    inside = (LAM > 1000) & (LAM < 1e4 / 0.3)
    lam, n_stars = LAM[inside], len(columns["Z"])
    for row in np.random.default_rng(1).integers(0, len(seds), 60):
        model, star = table[row], row % n_stars
        nodes = lib.nodes
        node = np.flatnonzero(
            np.isclose(nodes.log_t, columns["logT"][star])
            & np.isclose(nodes.log_g, columns["logg"][star])
            & (nodes.z == columns["Z"][star])
        )[0]
        area = L_SUN * 10 ** model["logL"] / (4 * np.pi * STEFAN_BOLTZMANN * 10 ** (4 * model["logT"]))
        assert model["radius"] == pytest.approx(np.sqrt(area) / R_SUN)
        assert model["specgrid_indx"] == star
        attenuation = model["Av"] * law.relative(lam, model["Rv"], model["f_A"])
        dimmed = lib.spectra[node][inside] * (np.exp(-attenuation) if beast2 else 10 ** (-0.4 * attenuation))
        for k, curve in enumerate(curves()):
            photons = lam * curve.at(lam)
            used = photons > 0 if beast2 else np.ones(len(lam), dtype=bool)
            flux = np.trapezoid((photons * dimmed)[used], lam[used]) / np.trapezoid(photons, lam)
            flux *= area / 3.0856775e19**2 / (model["distance"] / 10) ** 2
            assert seds[row, k] == pytest.approx(flux, rel=1e-10)
            assert model[f"log{curve.name}_wd"] == pytest.approx(np.log10(flux))
    bare = table["Av"] == 0
    np.testing.assert_allclose(table[f"log{NAMES[0]}_nd"][bare], table[f"log{NAMES[0]}_wd"][bare], rtol=1e-12)


def test_order_and_columns():
    grid = make_stellar_grid(stars(3), [library()], curves(), DISTANCES, dust_grid())
    _, table = all_models(grid)
    assert table.dtype.names[:10] == (
        *(
            "Av",
            "Rv",
            "Rv_A",
            "f_A",
            "distance",
            "radius",
            "weight",
            "prior_weight",
            "grid_weight",
            "specgrid_indx",
        ),
    )
    order = np.lexsort([table["specgrid_indx"], table["distance"], table["f_A"], table["Rv"], table["Av"]])
    np.testing.assert_array_equal(order, np.arange(len(table)))
    plain = make_stellar_grid(stars(3), [library()], curves(), DISTANCES, dust_grid(law="F99"))
    assert "f_A" not in plain.table_type().names


def test_weights_are_the_absolute_measure():
    columns = stars(5)
    grid = make_stellar_grid(columns, [library()], curves(), DISTANCES, dust_grid())
    _, table = all_models(grid)
    assert table["weight"].sum() == pytest.approx(1.0, rel=1e-12)
    expected = stellar_factors(
        {name: table[name] for name in ("logA", "M_ini", "Z", "distance")}, StellarPriors()
    )
    # rows of different dust points stand for the same stars: the masses of an isochrone are there many times
    dust = (grid.n_points,)
    total = expected.age * expected.mass * np.prod(dust) * expected.met * expected.distance
    av = grid.dust.av.measure(1.0)[np.searchsorted(grid.dust.av.values, table["Av"])]
    rv = grid.dust.rv.measure(1.0)[np.searchsorted(grid.dust.rv.values, table["Rv"])]
    total *= av * rv
    np.testing.assert_allclose(table["weight"], total / total.sum(), rtol=1e-10)
    np.testing.assert_allclose(table["weight"], table["prior_weight"] * table["grid_weight"], rtol=1e-12)
    assert table["grid_weight"].sum() == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_array_equal(table["weight"][table["Av"] == 0], 0.0)


def test_beast2_weights():
    columns = stars(5)
    grid = make_stellar_grid(columns, [library()], curves(), DISTANCES, dust_grid(True), beast2=True)
    _, table = all_models(grid)
    split = beast2_weights(columns, StellarPriors())
    first = table[: len(columns["Z"])]
    np.testing.assert_array_equal(first["weight"], 0.0)  # Av = 0
    rows = table[table["Av"] == 0.7][: len(columns["Z"])]
    prior = grid.dust.av.density(1.0)[1]
    np.testing.assert_allclose(rows["prior_weight"], split.prior * prior, rtol=1e-12)
    np.testing.assert_allclose(rows["weight"], rows["prior_weight"] * rows["grid_weight"], rtol=1e-12)


def test_priors_change_without_the_fluxes():
    grid = make_stellar_grid(stars(5), [library()], curves(), DISTANCES, dust_grid())
    other = replace(grid, priors=StellarPriors(mass={"name": "salpeter"}))
    (a, first), (b, second) = all_models(grid), all_models(other)
    np.testing.assert_array_equal(a, b)
    assert (first["weight"] != second["weight"]).any()
    ratio = second["weight"][first["weight"] > 0] / first["weight"][first["weight"] > 0]
    assert ratio.min() < 1 < ratio.max()


def test_dust_prior_that_depends_on_distance():
    step = {"name": "step", "dist0": 49000.0, "amp1": 0.1, "damp2": 0.8, "lgsigma1": 0.3, "lgsigma2": 0.4}
    dust = dust_grid()
    dust = replace(dust, av=DustAxis(dust.av.values, step))
    _, table = all_models(make_stellar_grid(stars(3), [library()], curves(), DISTANCES, dust))
    share = [table["weight"][(table["Av"] == 0.7) & (table["distance"] == d)].sum() for d in DISTANCES]
    assert share[0] < 1e-3 * share[1]


def test_blocks_and_threads_do_not_matter(monkeypatch):
    grid = make_stellar_grid(stars(7), [library()], curves(), DISTANCES, dust_grid())
    seds, table = all_models(grid)
    for rows, threads in ((1, 1), (13, 3), (300, 2)):
        monkeypatch.setattr(stellar_grid, "BLOCK_MODELS", rows)
        monkeypatch.setattr(stellar_grid, "TABLE_ROWS", rows)
        again = all_models(grid, threads)
        np.testing.assert_allclose(again[0], seds, rtol=1e-13)
        for name in table.dtype.names:
            np.testing.assert_allclose(again[1][name], table[name], rtol=1e-13)
    one, two = all_models(grid, 1), all_models(grid, 2)
    np.testing.assert_array_equal(one[0], two[0])


def test_luminosity_between_nodes_is_that_of_the_star():
    """The bolometric flux of an interpolated star is its luminosity, however far apart the nodes are."""
    wide = np.linspace(300.0, 3e5, 40000)
    lib = library(log_t=[3.6, 3.9], log_g=[4.0, 4.5], metals=[0.02])
    temperature = 10 ** lib.nodes.log_t[:, None]
    planck = 1.19104e27 / wide**5 / np.expm1(np.minimum(1.4387769e8 / (wide * temperature), 600))
    lib = replace(lib, lam=wide, spectra=np.pi * planck)
    columns = SUN
    index, weight = lib.nodes.weights(columns["logT"], columns["logg"], columns["Z"], "columns")
    scaled = weight[0] * 10 ** (4 * (3.75 - lib.nodes.log_t[index[0]]))
    flux = scaled @ np.trapezoid(lib.spectra[index[0]], wide, axis=1)
    assert flux == pytest.approx(STEFAN_BOLTZMANN * 10**15.0, rel=2e-3)


def test_metallicity_between_nodes_is_monotone():
    columns = stars(1, ages=(7.0,), metals=np.linspace(0.004, 0.02, 9))
    for name in ("M_ini", "M_act", "logL", "logT", "logg"):
        columns[name][:] = columns[name][0]
    dust = dust_grid(av=(0.0,))
    right = make_stellar_grid(columns, [library()], curves(), DISTANCES[:1], dust).fluxes(slice(0, 1))[
        0, :, 0
    ]
    swapped = make_stellar_grid(
        columns, [library()], curves(), DISTANCES[:1], dust_grid(True, av=(0.0,)), beast2=True
    ).fluxes(slice(0, 1))[0, :, 0]
    assert (np.diff(right) < 0).all()
    assert not (np.diff(swapped) < 0).all()  # BEAST's wart W3: the near node gets the small weight


def test_several_libraries_by_their_boundaries():
    cool = library(log_t=np.arange(3.5, 3.91, 0.1), name="cool")
    hot = library(log_t=np.arange(3.8, 4.61, 0.1), name="hot")
    hot = replace(hot, spectra=2 * hot.spectra)
    columns, dust = on_nodes(stars(6)), dust_grid(av=(0.0, 1.0))
    whole = make_stellar_grid(columns, [library()], curves(), DISTANCES, dust).fluxes(slice(0, 4))
    for order, first in (([cool, hot], columns["logT"] > 3.95), ([hot, cool], columns["logT"] > 3.75)):
        both = make_stellar_grid(columns, order, curves(), DISTANCES, dust).fluxes(slice(0, 4))
        np.testing.assert_allclose(both, whole * np.where(first, 2, 1)[:, None], rtol=1e-12)


def test_stars_that_are_left_out(caplog):
    columns = stars(6)
    columns["logT"][2], columns["logL"][4] = 5.2, -9.0
    seen = without_faint(columns)
    assert "1 of 36 stars left out: logL <= -9" in caplog.text
    grid = make_stellar_grid(seen, [library()], curves(), DISTANCES, dust_grid())
    assert grid.n_stars == len(columns["Z"]) - 2
    assert "1 of 35 stars left out: they are outside of the atmospheres" in caplog.text
    columns["logT"][:] = 5.2
    with pytest.raises(InputError, match="no star of the isochrones lies inside"):
        make_stellar_grid(columns, [library()], curves(), DISTANCES, dust_grid())


def test_extra_bands_are_columns_only():
    plain = make_stellar_grid(stars(4), [library()], curves(), DISTANCES, dust_grid())
    grid = make_stellar_grid(
        stars(4), [library()], curves()[:1], DISTANCES, dust_grid(), extra_curves=curves()[1:]
    )
    (seds, table), (whole, full) = all_models(grid), all_models(plain)
    assert grid.filters == NAMES[:1]
    assert seds.shape[1] == len(grid.wavelengths) == 1
    np.testing.assert_allclose(seds, whole[:, :1], rtol=1e-13)
    for name in full.dtype.names:
        np.testing.assert_allclose(table[name], full[name], rtol=1e-13)


def test_atmospheres_without_spectra(caplog):
    """A star of one temperature: extinction at the effective wavelength is that of a narrow band."""
    lib = library()
    dust, columns = dust_grid(), on_nodes(stars(4))
    spectral = make_stellar_grid(columns, [lib], curves(), DISTANCES, dust)
    every = np.arange(len(lib.nodes.z))
    bases = lib.band_bases(curves(), dust.law, False, every)
    table = BandFluxLibrary(
        "table", lib.nodes, {b: basis.without_dust for b, basis in zip(NAMES, bases, strict=True)}
    )
    bands = make_stellar_grid(columns, [table], curves(), DISTANCES, dust)
    assert "extinction is that at the effective wavelength" in caplog.text
    first = slice(0, 1)
    np.testing.assert_allclose(bands.fluxes(first), spectral.fluxes(first), rtol=1e-12)
    difference = -2.5 * np.log10(bands.fluxes(slice(None)) / spectral.fluxes(slice(None)))
    assert 0 < np.abs(difference).max() < 0.1
    with pytest.raises(InputError, match="no fluxes in HST_ACS_WFC_F814W"):
        BandFluxLibrary("t", lib.nodes, dict.fromkeys(NAMES[:2], every * 1.0)).band_bases(
            curves(), dust.law, False, every
        )


def test_single_values():
    columns = SUN
    dust = DustGrid(extinction_law("F99"), *(DustAxis(np.array([v])) for v in (0.5, 3.1, 1.0)))
    for beast2 in (False, True):
        _, table = all_models(
            make_stellar_grid(
                columns, [library()], curves(), DISTANCES[:1], replace(dust, beast2=beast2), beast2=beast2
            )
        )
        assert table["weight"][0] == (
            0.0 if beast2 else 1.0
        )  # an isochrone of one mass has no weight in BEAST


def test_wrong_grids():
    law = extinction_law("G16")
    axis = DustAxis(np.array([1.0]))
    with pytest.raises(InputError, match="must not be negative"):
        DustGrid(law, DustAxis(np.array([-1.0])), axis, axis)
    with pytest.raises(InputError, match="no point of the axes rv and fA is valid"):
        DustGrid(law, axis, DustAxis(np.array([5.0])), DustAxis(np.array([0.0])))
    two = DustAxis(np.array([3.0, 4.0]))
    with pytest.raises(InputError, match="does not depend on R"):
        DustGrid(extinction_law("G03_SMCBar"), axis, two, axis)
    with pytest.raises(InputError, match="is no mixture"):
        DustGrid(extinction_law("F99"), axis, two, DustAxis(np.array([0.5, 1.0])))
    with pytest.raises(InputError, match="distances must be positive"):
        make_stellar_grid(stars(2), [library()], curves(), np.array([0.0]), dust_grid())
    with pytest.raises(InputError, match="no atmospheres"):
        make_stellar_grid(stars(2), [], curves(), DISTANCES, dust_grid())


def test_boundary_follows_the_library():
    nodes = Nodes(np.array([3.5, 3.5, 4.0, 4.0]), np.array([1.0, 5.0, 3.0, 5.0]), np.full(4, 0.02))
    t, g = np.array([3.5, 3.75, 3.75, 4.0, 4.05, 4.2]), np.array([0.9, 2.0, 1.9, 3.0, 5.2, 4.0])
    np.testing.assert_array_equal(nodes.inside(t, g, 0, 0), [False, True, False, True, False, False])
    np.testing.assert_array_equal(nodes.inside(t, g, 0.1, 0.3), [True, True, True, True, True, False])


def test_boundary_of_scattered_nodes_is_their_hull():
    random = np.random.default_rng(3)
    nodes = Nodes(random.uniform(3.5, 4.5, 200), random.uniform(1, 5, 200), np.full(200, 0.02))
    assert nodes.inside(nodes.log_t, nodes.log_g, 0.0, 0.0).all()
    t, g = np.array([4.0, 4.0, 4.55, 4.0, 4.8]), np.array([3.0, 5.2, 3.0, 5.6, 3.0])
    np.testing.assert_array_equal(nodes.inside(t, g, 0.0, 0.0), [True, False, False, False, False])
    np.testing.assert_array_equal(nodes.inside(t, g, 0.1, 0.3), [True, True, True, False, False])
