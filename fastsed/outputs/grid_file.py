"""SAVE_CHI_GRID: a set-up in; the reducer that writes `chi2.grid`, and the file, out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fastsed.fitting.full_grid import FullGrid
from fastsed.models.properties import model_properties, property_names
from fastsed.outputs.chi2grid import ChiGridWriter, full_grid_size
from fastsed.problem import Problem
from fastsed.quantities import property_quantities

log = logging.getLogger(__name__)


@contextmanager
def chi_grid_reducer(problem: Problem, path: Path) -> Iterator[FullGrid]:
    """A reducer that writes the chi2 grid; the file appears when the block ends without an error.

    Models outside a source's redshift window have an infinite chi2 and no properties (NaN); models that are not
    fitted at all are NaN throughout.

    Raises
    ------
    InputError
        If the disk has no room for it.
    """
    grid, data = problem.grid, problem.data
    columns = property_quantities(problem.params, {i.name: i.kind for i in grid.indices})
    names = property_names(grid)
    writer = ChiGridWriter(path, grid.axes.as_dict(), names, data.n_sources, problem.params.grid_strings)
    log.info("writing %s, %.3g GB", path, writer.expected_size / 1e9)
    reducer = FullGrid(
        grid,
        data,
        lambda models: np.stack(list(model_properties(grid, models).values()), axis=1),
        [column.scales for column in columns],
        names.index("sscale"),
        writer.write_block,
    )
    with writer, reducer:
        yield reducer


def chi_grid_bytes(problem: Problem) -> int:
    """Size of the whole file."""
    return full_grid_size(problem.grid.axes.as_dict(), property_names(problem.grid), problem.data.n_sources)
