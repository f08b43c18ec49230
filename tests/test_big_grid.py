"""More than 2^32 models of which GRID_EXCLUDE leaves a few: the right ones, and numbers of 64 bits in the files."""

from __future__ import annotations

import numpy as np
import pytest

import fastsed
from fastsed.config.fit import chi2_threshold
from fastsed.fitting.best_fit import find_best_fits
from fastsed.outputs.source_files import SourceFiles
from tests.fitting.toys import all_models, chi2_uncertainties, make_problem, simulated_uncertainties, slow_fit

# the age of a population is the first axis after the dust: most of the grid is old and excluded before it is made
HISTORY = (
    "CUSTOM_SFH=exp(-t/(10^lt)) + a*step(t - b*1e7)", "CUSTOM_PARAMS=[a,b,lt]", "CUSTOM_SFH_STEP=5",
    "A_MIN=0", "A_MAX=2999", "A_STEP=1", "B_MIN=1", "B_MAX=50", "B_STEP=1", "LT_MIN=8", "LT_MAX=9.9", "LT_STEP=0.1",
    "LOG_AGE_MIN=8.5", "LOG_AGE_MAX=8.6", "LOG_AGE_STEP=0.1", "A_V_STEP=0.2", "A_V_MAX=1",
)  # fmt: skip
REDSHIFTS = ("Z_MIN=0.02", "Z_MAX=6.0", "Z_STEP=0.02")
# the first is decided before models are made, the second model by model: for galaxies at some redshifts only
RULES = {
    "populations": ("a < 2996 || b < 49 || lt < 9.55", 0),
    "models": ("a < 2996 || b < 49 || lt < 9.55 || (Av > 0.5 && z > 5.97)", 297),
}


def make(library, rule, *keys):
    """Galaxies at the far end of the grid."""
    formula, first_z = RULES[rule]
    return make_problem(library, *HISTORY, *REDSHIFTS, f"GRID_EXCLUDE={formula}", *keys, n=4, first_z=first_z)


@pytest.mark.parametrize("rule", RULES)
def test_best_models_and_files(library, tmp_path, rule):
    confidences = (68, 95)
    problem = make(library, rule, "INTERVAL_FROM_CHI2=1", "C_INTERVAL=[68,95]", f"OUTPUT_DIR={tmp_path}")
    axes = problem.grid.axes
    assert axes.size == 300 * 6 * 2 * 3000 * 50 * 20 > 2**32
    models = all_models(problem.grid, RULES[rule][1])
    per_redshift = 6 * 2 * 4 * 2 * 4
    assert len(models.ids) == (300 * per_redshift if rule == "populations" else 3 * per_redshift - 2 * 3 * 64)
    assert models.ids.max() > 2.4 * 2**32
    values = axes.parameters(models.ids)
    assert values["a"].min() == 2996
    assert values["b"].min() == 49
    fits = find_best_fits(problem.grid, problem.data)
    files = SourceFiles(problem, fits)
    found = chi2_uncertainties(problem, files.write_acceptable).intervals
    for row in range(4):
        chi2, scale, _ = slow_fit(models, problem.data, row)
        best = int(np.argmin(chi2))
        assert fits.model_id[row] == models.ids[best]
        assert fits.chi2[row] == pytest.approx(chi2[best], rel=1e-9)
        assert fits.scale[row] == pytest.approx(scale[best], rel=1e-9)
        grid = fastsed.read_chi2_grid(tmp_path / f"best_chi2/toy_{row + 1}.chi2.grid")
        assert (grid.version, grid.data.dtype["model"]) == ("E", np.dtype("<u8"))
        good = np.flatnonzero(chi2 < chi2[best] + chi2_threshold(95))
        np.testing.assert_array_equal(grid.data["model"], models.ids[good].astype(np.uint64))
        np.testing.assert_allclose(grid.data["chi2"], chi2[good], rtol=1e-6)
        read = grid.parameters(grid.data["model"])
        for name in axes.names:
            np.testing.assert_array_equal(read[name], values[name][good])
            assert found[name][row, len(confidences) - 1].tolist() == [read[name].min(), read[name].max()]
        selected = grid.select(z=(0, 9), a=2997)
        np.testing.assert_array_equal(selected["model"], models.ids[good][values["a"][good] == 2997])


def test_simulations(library):
    problem = make(library, "populations", "N_SIM=10")
    models = all_models(problem.grid)
    visited = []
    simulated_uncertainties(problem, visited.append)
    (sources,) = visited
    assert np.isin(sources.simulations.model, models.ids).all()
    assert sources.simulations.model.max() > 2**32
    np.testing.assert_array_equal(
        problem.grid.axes.as_dict()["a"][sources.indices["a"]],
        problem.grid.axes.parameters(sources.simulations.model)["a"],
    )
