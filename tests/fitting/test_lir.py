"""Luminosity priors and spectra with a scale of their own: chi2 and scales worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from fastsed.fitting.best_fit import find_best_fits
from fastsed.fitting.noise import Noise
from fastsed.fitting.observations import choose_rows, make_observations
from fastsed.inputs.catalog import Catalog
from fastsed.inputs.luminosity import InfraredLuminosities
from fastsed.inputs.redshifts import Redshifts
from fastsed.models.axes import history_axes, make_axes
from fastsed.models.tile import Tile
from fastsed.params import read_params
from tests.fitting.toys import acceptable, simulate
from tests.models.helpers import make_filter

ALL, BIRTH_CLOUDS, CIRRUS = 0, 1, 2
FLUX = {"photometry": (1.0, 2.0), "spectrum": (1.0, 1.0)}
DUST = (10.0, 4.0, 6.0)
# fluxes 2 +- 1 and 2 +- 2; channels 3 +- 1 and 5 +- 1
DATA = np.array([[2.0, 2.0, 3.0, 5.0]]), np.array([[1.0, 2.0, 1.0, 1.0]])


def one_model(lir=None, spectrum=False, auto_scale=False):
    """A grid of one model with the fluxes above, and one source with the data above.

    `lir`: value, error, whether it is a logarithm, component.
    """
    keys = ["Z_MIN=1", "Z_MAX=1", "A_V_MAX=0", "LOG_AGE_MAX=6.3", "LOG_TAU_MAX=6.5"]
    if auto_scale:
        keys += ["AUTO_SCALE=1", "SPECTRUM=gal"]
    params = read_params(None, keys)
    axes = make_axes(params, history_axes(params))
    assert axes.size == 1
    n = 4 if spectrum else 2
    none = np.full(1, np.nan)
    catalog = Catalog(
        ["1"], np.array([1, 2, 0, 0][:n]), DATA[0][:, :n], DATA[1][:, :n], none, np.ones(1, bool),
        np.zeros(1, bool),
    )  # fmt: skip
    luminosities = None
    if lir is not None:
        value, error, log, component = lir
        luminosities = InfraredLuminosities(
            np.array([value]), np.array([error]), np.array([log]), np.array([component])
        )
    rows = choose_rows(catalog, luminosities)
    filters = [make_filter(3000.0, 4000.0)] * n
    redshifts = Redshifts(none, none, none, none)
    data = make_observations(params, axes, catalog, filters, luminosities, redshifts, rows)

    values = [*FLUX["photometry"], *(DUST[c] for c in rows.components), *FLUX["spectrum"][: n - 2]]
    flux, dust = np.zeros((len(values), 16)), np.zeros((3, 16))
    flux[:, 0], dust[:, 0] = values, DUST
    tile = Tile(0, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), flux, dust)
    return SimpleNamespace(axes=axes, rows=rows, n_threads=1, tiles=lambda wanted: [tile]), data


CASES = {
    # sum y^2 = 4 + 1, num = 2 + 1, den = 1 + 1
    "photometry": ({}, 1.5, 1.5, 0.5),
    # one more point 20 / 10 = 2, model 10 / 10 = 1: sum 9, num 5, den 3
    "linear": ({"lir": (20.0, 10.0, False, ALL)}, 5 / 3, 5 / 3, 9 - 25 / 3),
    # model 4 / 10: num 3 + 0.8, den 2 + 0.16
    "birth clouds": ({"lir": (20.0, 10.0, False, BIRTH_CLOUDS)}, 3.8 / 2.16, 3.8 / 2.16, 9 - 3.8**2 / 2.16),
    # model 6 / 10: num 3 + 1.2, den 2 + 0.36
    "cirrus": ({"lir": (20.0, 10.0, False, CIRRUS)}, 4.2 / 2.36, 4.2 / 2.36, 9 - 4.2**2 / 2.36),
    # no part in the scale of 1.5; 1.5 x 10 has the logarithm 1.17609: 0.3 dex off, 3 sigma
    "logarithm": ({"lir": (np.log10(15) + 0.3, 0.1, True, ALL)}, 1.5, 1.5, 0.5 + 9),
    "logarithm, cirrus": ({"lir": (np.log10(9) - 0.2, 0.1, True, CIRRUS)}, 1.5, 1.5, 0.5 + 4),
    # two more points of model 1: sum 5 + 34, num 3 + 8, den 2 + 2
    "spectrum": ({"spectrum": True}, 2.75, 2.75, 39 - 121 / 4),
    # scales 3 / 2 and 8 / 2; residuals -1 and 1 of the channels
    "own scale": ({"spectrum": True, "auto_scale": True}, 1.5, 4.0, 0.5 + 2),
    # the luminosity belongs to the photometry
    "own scale, linear": (
        {"spectrum": True, "auto_scale": True, "lir": (20.0, 10.0, False, ALL)},
        *(5 / 3, 4.0, 9 - 25 / 3 + 2),
    ),
    "own scale, logarithm": (
        {"spectrum": True, "auto_scale": True, "lir": (np.log10(6) + 0.1, 0.1, True, BIRTH_CLOUDS)},
        *(1.5, 4.0, 0.5 + 2 + 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_best_fit(name):
    keys, scale, spec_scale, chi2 = CASES[name]
    fits = find_best_fits(*one_model(**keys))
    assert fits.model_id.tolist() == [0]
    assert fits.scale[0] == pytest.approx(scale, rel=1e-12)
    assert fits.spec_scale[0] == pytest.approx(spec_scale, rel=1e-12)
    assert fits.chi2[0] == pytest.approx(chi2, rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_good_models(name):
    keys, scale, spec_scale, chi2 = CASES[name]
    grid, data = one_model(**keys)
    with acceptable(grid, data, find_best_fits(grid, data), 1.0) as good:
        ((_, _, rows),) = good.batches()
    assert rows[["model", "chi2", "scale", "spec_scale"]].tolist() == [
        (
            0,
            pytest.approx(chi2, rel=1e-12),
            pytest.approx(scale, rel=1e-12),
            pytest.approx(spec_scale, rel=1e-12),
        )
    ]


def test_simulation_of_a_linear_luminosity():
    # weighted data (2, 1, 2) and noise (1, 0, -1): num 3 + 1 + 1 = 5, sum 9 + 1 + 1
    grid, data = one_model(lir=(20.0, 10.0, False, ALL))
    noise = Noise(np.array([[1.0, 0.0, -1.0]]), np.array([-1.0]))
    found = simulate(grid, data, find_best_fits(grid, data), noise, slice(0, 1)).result()
    assert found.scale[0, 0] == pytest.approx(5 / 3, rel=1e-12)
    assert found.chi2[0, 0] == pytest.approx(11 - 25 / 3, rel=1e-12)


def test_simulation_of_a_logarithmic_luminosity():
    # weighted data (2, 1) and noise (0, 1): scale 4 / 2, chi2 8 - 8 = 0; the logarithm of 20 is met but for noise
    grid, data = one_model(lir=(np.log10(20), 0.1, True, ALL))
    noise = Noise(np.array([[0.0, 1.0]]), np.array([2.0]))
    found = simulate(grid, data, find_best_fits(grid, data), noise, slice(0, 1)).result()
    assert found.scale[0, 0] == pytest.approx(2, rel=1e-12)
    assert found.chi2[0, 0] == pytest.approx(4, rel=1e-12)


def test_a_prior_moves_the_scale_or_only_the_chi2():
    linear = [find_best_fits(*one_model(lir=(value, 1.0, False, ALL))).scale[0] for value in (0.0, 1e3)]
    assert linear[1] > 10 * linear[0]
    log = [find_best_fits(*one_model(lir=(value, 0.1, True, ALL))).scale[0] for value in (0.0, 3.0)]
    assert log[0] == log[1]
