"""Populations whose spectra do not fit into memory together: in parts, with the same result."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.models import custom
from fastsed.models import grid as grid_module
from fastsed.models.properties import model_properties
from fastsed.models.spectrum import SpectrumBuilder
from tests.models.helpers import make_grid, make_params, tiled_fluxes

MANY = ("LOG_TAU_MIN=8.5", "LOG_TAU_MAX=9.5", "LOG_AGE_STEP=0.1", "METAL=[0.008,0.02]", "REST_MAG=[1,2]")
CUSTOM = (
    "CUSTOM_SFH=exp(-t/(1e8*a))", "CUSTOM_PARAMS=[a]", "A_MIN=1", "A_MAX=30", "A_STEP=1", "CUSTOM_SFH_STEP=10",
)  # fmt: skip


def everything(library, *keys):
    grid = make_grid(make_params(library, *keys), needs_dust=True)
    fluxes = tiled_fluxes(grid)[0]
    models = np.arange(0, grid.axes.size, 7)
    return grid, fluxes, model_properties(grid, models)


@pytest.mark.parametrize("limit", [1, 30_000, 100_000])
@pytest.mark.parametrize("taus", ["LOG_TAU_STEP=1", "SFH=tru LOG_TAU_STEP=0.02"])
def test_spectra_in_parts_change_nothing(library, monkeypatch, limit, taus):
    keys = (*MANY, *taus.split())
    whole, fluxes, properties = everything(library, *keys)
    assert not whole.metal(0).in_parts
    monkeypatch.setattr(grid_module, "BASIS_BYTES", limit)
    grid, in_parts, found = everything(library, *keys)
    assert grid.metal(0).in_parts
    np.testing.assert_allclose(in_parts, fluxes, rtol=1e-12)
    for name, values in properties.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, err_msg=name)
    for model in (0, grid.axes.size // 3, grid.axes.size - 1):
        expected = SpectrumBuilder(whole).rest(model)[1]
        np.testing.assert_allclose(SpectrumBuilder(grid).rest(model)[1], expected, rtol=1e-6)


@pytest.mark.parametrize("limit", [16, 40, 1000])
def test_parts_and_their_blocks_cover_all_populations_once(library, limit):
    found = make_grid(make_params(library, *MANY, "SFH=tru", "LOG_TAU_STEP=0.02")).populations[0]
    numbers = []
    for part in found.parts(limit):
        assert found.basis(*part).sed.shape[1] == part[1] - part[0] <= limit * 4 / 3
        for start, stop in found.ranges(7, *part):
            assert part[0] <= start < stop <= part[1]
            numbers.extend(range(start, stop))
    assert numbers == list(range(len(found)))


def test_spectra_of_some_populations(library):
    for keys in (MANY, (*MANY, "SFH=tru", "LOG_TAU_STEP=0.1")):
        found = make_grid(make_params(library, *keys)).populations[1]
        numbers = np.array([5, 0, len(found) - 1, 5])
        np.testing.assert_allclose(found.basis_of(numbers).sed, found.basis().sed[:, numbers], rtol=1e-6)


def test_histories_of_a_formula_in_pieces_change_nothing(library, monkeypatch):
    _, fluxes, properties = everything(library, *CUSTOM)
    monkeypatch.setattr(custom, "HISTORY_BYTES", 20_000)
    grid, in_pieces, found = everything(library, *CUSTOM)
    assert min(stop - start for start, stop in grid.populations[0].ranges(10**6)) < 5
    np.testing.assert_allclose(in_pieces, fluxes, rtol=1e-12)
    for name, values in properties.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, err_msg=name)
