"""Fits of tables: what the command gives of the same galaxies; arrays of models; what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM
from astropy.table import MaskedColumn, QTable, Table

from fastsed.api import fit, merge, run
from fastsed.errors import InputError
from fastsed.filters import Filter, get
from fastsed.galaxy_model import GalaxyModel, axis
from fastsed.inputs.flux_units import f_lambda
from fastsed.models.model_array import ModelArray
from tests.helpers import copy_example

NUMBERS = (120, 121, 156, 157, 158, 159, 160, 161, 162, 163)
BANDS = {number: (f"F{number}", f"E{number}") for number in NUMBERS}
COLUMNS = ("id", "z", "lage", "ltau", "Av", "lmass", "lsfr", "lssfr", "chi2")


def galaxy_model(**changes):
    """The models of the shipped example, with fewer dust cells."""
    keys = {
        "sfh": "delayed", "log_tau": axis(8.5, 10.5, 0.5), "log_age": axis(8, 10.1, 0.1),
        "av": axis(0, 3, 0.5), "redshift": axis(0.01, 0.335, 0.005), "sfr_avg": 100,
    }  # fmt: skip
    return GalaxyModel(**(keys | changes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    copy_example(folder, 40)
    return folder


@pytest.fixture
def table(folder):
    lines = (folder / "gst.cat").read_text().splitlines()
    rows = np.array([line.split() for line in lines if not line.startswith("#")], dtype=float)
    table = Table(rows, names=lines[0].lstrip("# ").split())
    table["id"] = table["id"].astype(int)
    return table


@pytest.fixture(scope="module")
def command(folder):
    """What the command gives."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return run("gst.param", a_v_step=0.5, n_sim=30, verbose=0)


def fitted(table, model=None, **more):
    keys = {"bands": BANDS, "id": "id", "redshift": "z_spec", "n_sim": 30, "columns": COLUMNS}
    return fit(table, model or galaxy_model(), **(keys | more))


def test_the_same_as_the_command(table, command):
    results = fitted(table)
    assert results.table.colnames == command.table.colnames
    assert results.table["id"].dtype.kind == "i"
    for name in results.table.colnames[1:]:
        np.testing.assert_array_equal(results.table[name], command.table[name], err_msg=name)
    np.testing.assert_array_equal(results.best.chi2, command.best.chi2)
    np.testing.assert_array_equal(results.sed(7).model_flux, command.sed("7").model_flux)


@pytest.mark.parametrize("kind", ["dict", "qtable", "masked", "csv", "ecsv", "fits", "frame"])
def test_tables_of_any_kind(table, command, kind, tmp_path):
    given = table
    if kind == "dict":
        given = {name: list(table[name]) for name in table.colnames}
    elif kind == "qtable":
        given = QTable(table, copy=True)
        for flux, error in BANDS.values():
            given[flux], given[error] = (table[flux] * 1e-6) * u.Jy, (table[error] * 1e-6) * u.Jy
    elif kind == "masked":
        given = Table(table, masked=True, copy=True)
        for flux, error in BANDS.values():
            missing = table[error] < 0
            given[flux] = MaskedColumn(np.where(missing, 12.3, table[flux]), mask=missing)
            given[error] = np.abs(table[error])
    elif kind == "frame":
        pytest.importorskip("pandas")
        given = table.to_pandas()
    else:
        given = tmp_path / f"gal.{kind}"
        table.write(given)
    results = fitted(given)
    np.testing.assert_array_equal(results.best.model_id, command.best.model_id)
    np.testing.assert_allclose(results.best.chi2, command.best.chi2, rtol=1e-10)
    np.testing.assert_array_equal(results.table["lmass"], command.table["lmass"])


def test_parts_merge_to_the_whole(table, command):
    parts = [fitted(table[a:b]) for a, b in ((0, 3), (3, 4), (4, 20), (20, 21), (21, 40))]
    merged = merge(parts)
    for name in merged.table.colnames[1:]:
        np.testing.assert_array_equal(merged.table[name], command.table[name])
    assert merged.table["id"].tolist() == table["id"].tolist()


def test_defaults_and_free_redshifts(table):
    results = fit(table, galaxy_model(redshift=[0.05, 0.1, 0.2]), bands=BANDS)
    assert results.table["id"].tolist() == list(range(1, 41))
    assert set(np.round(results.quantity("z"), 6)) == {0.05, 0.1, 0.2}
    assert not any(name.startswith("l68") for name in results.table.colnames)
    assert (results.best.n_models > 2000).all()


def test_a_formula_with_parameters_of_its_own(table):
    model = GalaxyModel(
        sfh="t*exp(-t/10^tau)", tau=[9.0, 9.5], log_age=[9.0, 9.5, 10.0], redshift=axis(0.01, 0.335, 0.05),
        av=[0, 1], av_bc=[0, 0.5], log_bc_age_max=7.0, custom_sfh_step=10,
        cosmology=FlatLambdaCDM(H0=67.7, Om0=0.31),
    )  # fmt: skip
    assert model.axes.names == ("z", "Av", "Av_bc", "lage", "metal", "tau")
    assert (model.options.h0, model.options.omega_m) == (67.7, 0.31)
    results = fit(table[:5], model, bands=BANDS, redshift="z_spec", columns=["id", "tau", "lmass"])
    assert set(results.table["tau"]) <= {9.0, 9.5}


def test_axes_need_no_equal_steps(table):
    results = fitted(table, galaxy_model(av=[0, 0.1, 2.5], metallicity=[0.02, 0.008], log_tau=9.3))
    assert set(np.round(results.quantity("Av"), 6)) <= {0.0, 0.1, 2.5}
    assert results.quantity("ltau") == pytest.approx(9.3)


def test_a_filter_of_ones_own(table):
    known = get(158)
    mine = Filter(known.wavelength, 3 * known.transmission, "mine")
    for name in (mine, "sdss_r"):
        bands = {(name if number == 158 else number): names for number, names in BANDS.items()}
        results = fitted(table, bands=bands)
        np.testing.assert_allclose(results.best.chi2, fitted(table).best.chi2, rtol=1e-9)


def test_the_table_is_not_changed(table):
    before = table.copy()
    fitted(table)
    assert all((before[name] == table[name]).all() for name in table.colnames)


def test_models_and_results_can_be_pickled(table):
    model = pickle.loads(pickle.dumps(galaxy_model()))
    assert model.axes.names == galaxy_model().axes.names
    assert fitted(table[:2], model).fitted.all()


@pytest.mark.parametrize(
    ("unit", "of_microjansky"),
    [
        ("uJy", lambda f, e: (f, e)),
        ("nJy", lambda f, e: (f * 1e3, e * 1e3)),
        ("mJy", lambda f, e: (f * 1e-3, e * 1e-3)),
        ("erg / (s cm2 Hz)", lambda f, e: (f * 1e-29, e * 1e-29)),
        ("ABmag", lambda f, e: (23.9 - 2.5 * np.log10(f), e / f * 2.5 / np.log(10))),
        ("nanomaggy", lambda f, e: (f / 10 ** (0.4 * 1.4), e / 10 ** (0.4 * 1.4))),
    ],
)
def test_units(unit, of_microjansky):
    flux, error = np.array([3.0, 40.0]), np.array([0.1, 5.0])
    expected = f_lambda(flux, error, "uJy", 5500.0)
    found = f_lambda(*of_microjansky(flux, error), unit, 5500.0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    # F_nu = 3631 Jy is F_lambda = 3631e-23 c / lambda^2
    c = 2.9979e18
    np.testing.assert_allclose(expected[0], flux * 1e-29 * c / 5500.0**2 * 1e19, rtol=1e-6)


WRONG = [
    ({"bands": {}}, InputError, "no band is given"),
    ({"bands": {158: ("F158", "E1580")}}, InputError, "no column E1580"),
    ({"bands": {158: "F158"}}, TypeError, "expected the names of two columns"),
    ({"bands": {9999: ("F158", "E158")}}, InputError, "has no filter 9999"),
    ({"bands": {1.5: ("F158", "E158")}}, TypeError, "neither the number or name of a filter"),
    ({"unit": "km"}, InputError, "no flux can be made of the unit 'km'"),
    ({"unit": "parrots"}, InputError, "no flux can be made of the unit 'parrots'"),
    ({"id": "name"}, InputError, "no column name"),
    ({"n_sim": -1}, InputError, "N_SIM = -1: must be >= 0"),
    ({"columns": ["lmas"]}, InputError, "'lmas' is not a column of this run"),
    ({"model": 3}, TypeError, "expected a GalaxyModel, a ModelArray or a StarModel, not int"),
]


@pytest.mark.parametrize(("keys", "kind", "says"), WRONG, ids=[next(iter(k)) for k, _, _ in WRONG])
def test_what_is_wrong_is_said(table, keys, kind, says):
    with pytest.raises(kind, match=says.replace("(", r"\(")):
        fitted(table, **keys)


@pytest.mark.parametrize(
    ("keys", "kind", "says"),
    [
        ({"sfh": "delaye"}, InputError, "neither exponential, delayed, truncated nor a formula"),
        ({"log_tau": None}, InputError, "needs log_tau"),
        ({"log_age": [10, 9]}, InputError, "log_age: its values must be ascending"),
        ({"av": "x"}, InputError, "av = 'x': expected a number"),
        ({"av": []}, InputError, "at least one"),
        ({"dust_law": "calzeti"}, InputError, "DUST_LAW = calzeti"),
        ({"igm": "madau96"}, InputError, "IGM = madau96"),
        ({"metal": 0.02}, TypeError, "use 'metallicity'"),
        ({"a_v_min": 0.02}, TypeError, "use 'an axis'"),
        ({"log_taux": 0.02}, TypeError, "no keyword 'log_taux'"),
        ({"cosmology": 70}, InputError, "expected an astropy FlatLambdaCDM"),
        ({"h0": 70}, TypeError, "use 'cosmology'"),
    ],
)
def test_models_that_cannot_be(table, keys, kind, says):
    with pytest.raises(kind, match=says):
        fitted(table, galaxy_model(**keys))


# --- arrays of models --------------------------------------------------------------------------------------


@pytest.fixture
def array_case():
    rng = np.random.default_rng(5)
    flux = rng.lognormal(0, 1, (700, 4))
    truth = rng.integers(700, size=30)
    scale = 10 ** rng.uniform(-1, 2, 30)
    error = 0.05 * flux[truth] * scale[:, None]
    data = flux[truth] * scale[:, None] + error * rng.standard_normal(error.shape)
    table = {f"f{b}": data[:, b] for b in range(4)} | {f"e{b}": error[:, b] for b in range(4)}
    table["e2"][3] = -1
    return flux, table, {b: (f"f{b}", f"e{b}") for b in range(4)}


def arrays(table):
    value, error = (np.stack([table[f"{k}{b}"] for b in range(4)], axis=1) for k in "fe")
    return value, np.where(error > 0, error, np.inf)


def test_an_array_of_models_with_a_scale(array_case):
    flux, table, bands = array_case
    results = fit(table, ModelArray(flux, {"mass": np.arange(700.0)}), bands=bands)
    value, error = arrays(table)
    w = 1 / error**2
    scale = (w * value) @ flux.T / (w @ (flux**2).T)
    chi2 = (w[:, None] * (value[:, None] - scale[:, :, None] * flux) ** 2).sum(axis=2)
    best = chi2.argmin(axis=1)
    np.testing.assert_array_equal(results.best.model_id, best)
    np.testing.assert_allclose(results.best.chi2, chi2.min(axis=1), rtol=1e-9)
    np.testing.assert_allclose(results.table["scale"], scale[np.arange(30), best], rtol=1e-9)
    np.testing.assert_array_equal(results.table["mass"], best)


@pytest.mark.parametrize("tile", [1, 37, 1 << 16])
def test_an_array_of_models_as_they_are(array_case, monkeypatch, tile):
    monkeypatch.setattr("fastsed.models.model_array.TILE_MODELS", tile)
    flux, table, bands = array_case
    value, error = arrays(table)
    models = ModelArray(flux, {}, scale=False, ln_prior=np.linspace(0, -50, 700))
    results = fit(table, models, bands=bands)
    chi2 = ((value[:, None] - flux) ** 2 / error[:, None] ** 2).sum(axis=2)
    np.testing.assert_array_equal(results.best.model_id, chi2.argmin(axis=1))
    np.testing.assert_allclose(results.best.chi2, chi2.min(axis=1), rtol=1e-12)
    assert (results.best.scale == 1).all()


def test_models_with_errors_and_priors_of_their_own(array_case):
    flux, table, bands = array_case
    value, error = arrays(table)
    rng = np.random.default_rng(8)
    sigma, ln_prior = 0.3 * flux * rng.random(flux.shape), rng.normal(0, 3, 700)
    results = fit(table, ModelArray(flux, {}, scale=False, sigma=sigma, ln_prior=ln_prior), bands=bands)
    total = error[:, None] ** 2 + sigma**2
    measured = np.isfinite(total)
    chi2 = np.where(measured, (value[:, None] - flux) ** 2 / total, 0).sum(axis=2)
    score = -chi2 / 2 - np.where(measured, np.log(np.where(measured, total, 1)) / 2, 0).sum(axis=2) + ln_prior
    best = score.argmax(axis=1)
    assert (best != chi2.argmin(axis=1)).any()
    np.testing.assert_array_equal(results.best.model_id, best)
    np.testing.assert_allclose(results.best.chi2, chi2[np.arange(30), best], rtol=1e-12)


def test_what_an_array_of_models_cannot_be(array_case):
    flux, table, bands = array_case
    for keys, says in (
        ({"flux": flux[0]}, "flux: expected finite numbers of shape"),
        ({"flux": np.where(flux > 1, np.nan, flux)}, "flux: expected finite numbers"),
        ({"quantities": {"mass": np.zeros(3)}}, r"quantities\['mass'\]: expected 700 numbers"),
        ({"sigma": flux}, "need scale=False"),
        ({"sigma": -flux, "scale": False}, "sigma: expected non-negative numbers"),
        ({"ln_prior": np.zeros(3)}, "ln_prior: expected 700 numbers"),
    ):
        with pytest.raises(InputError, match=says):
            ModelArray(**({"flux": flux, "quantities": {}} | keys))
    with pytest.raises(InputError, match="7 is no column of the models, which have 4"):
        fit(table, ModelArray(flux, {}), bands={7: ("f0", "e0")})
    with pytest.raises(InputError, match="n_sim: only with a GalaxyModel"):
        fit(table, ModelArray(flux, {}), bands=bands, n_sim=3)


def test_posteriors_are_those_of_the_command(table, folder, monkeypatch):
    monkeypatch.chdir(folder)
    keys = {"a_v_step": 0.5, "n_sim": 0, "verbose": 0, "posterior": True, "prior_lage": "normal(9, 0.5)"}
    known = run("gst.param", **keys)
    found = fitted(table, posterior=True, priors={"log_age": lambda x: np.exp(-0.5 * ((x - 9) / 0.5) ** 2)})
    for name in ("z", "lage", "Av", "lmass", "lssfr"):
        np.testing.assert_allclose(found.posterior.mean[name], known.posterior.mean[name], rtol=1e-6)
        np.testing.assert_allclose(found.posterior.std[name], known.posterior.std[name], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found.table["mean_lmass"], found.posterior.mean["lmass"])
    median = found.posterior.quantile("lmass", 0.5)
    np.testing.assert_allclose(median, found.table["p50_lmass"], rtol=1e-9)
    edges, pdf = found.posterior.pdf("lmass")
    assert pdf.shape == (len(table), len(edges) - 1)
    again = pickle.loads(pickle.dumps(found.posterior))
    assert again.neff[0] == found.posterior.neff[0]
    np.testing.assert_array_equal(again.pdf("lmass")[1], pdf)
    assert fitted(table).posterior is None


def test_upper_limits_of_tables(table, folder, monkeypatch):
    table["faint"] = table["E163"] > 0
    found = fitted(table, limits={163: "faint"})
    without = Table(table, copy=True)
    without["E163"] = -1.0
    far = Table(table, copy=True)
    far["F163"] *= 1e6
    np.testing.assert_array_equal(
        fitted(far, limits={163: "faint"}).best.model_id, fitted(without).best.model_id
    )
    assert (found.best.chi2 >= fitted(without).best.chi2 - 1e-9)[found.fitted].all()
    with pytest.raises(InputError, match="no such filter"):
        fitted(table, limits={999: "faint"})
    table["grade"] = 3
    with pytest.raises(InputError, match="row 1: column grade: 3 must be 0 or 1"):
        fitted(table, limits={163: "grade"})
    for wrong in (["faint"], {163: ("faint",)}, {163: table["faint"]}):
        with pytest.raises(TypeError, match=r"limits.*: expected"):
            fitted(table, limits=wrong)


def test_posteriors_that_cannot_be(table):
    with pytest.raises(TypeError, match="priors: expected a mapping, not str"):
        fitted(table, posterior=True, priors="flat")
    with pytest.raises(InputError, match="priors: 'lage' is lage, which has a prior already"):
        fitted(table, posterior=True, priors={"log_age": "flat", "lage": "normal(9, 1)"})
    with pytest.raises(InputError, match="expected True, False, 'profile' or 'marginal'"):
        fitted(table, posterior="max")
    with pytest.raises(InputError, match="need posterior=True"):
        fitted(table, priors={"av": "flat"})
    with pytest.raises(InputError, match="PRIOR_TAU: the grid has no such axis"):
        fitted(table, posterior=True, priors={"tau": "flat"})
