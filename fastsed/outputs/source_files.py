"""The files that a run writes for each source: best fits, histories, simulations and good models in, files out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastsed.fit.engine import Fits
from fastsed.models.properties import property_names
from fastsed.outputs.chi2grid import write_best_chi2
from fastsed.outputs.simulations import write_simulations

if TYPE_CHECKING:
    from fastsed.run import Setup
    from fastsed.uncertainties import GoodSource, SimulatedSources


class SourceFiles:
    """Writes the files of one source after another.

    Parameters
    ----------
    setup : Setup
    fits : Fits
    """

    def __init__(self, setup: Setup, fits: Fits):
        self._setup, self._fits = setup, fits
        self._names = property_names(setup.grid)

    def _path(self, folder: str, row: int, ending: str) -> Path:
        p = self._setup.params
        return Path(p.output_dir) / folder / f"{Path(p.catalog).name}_{self._setup.catalog.ids[row]}{ending}"

    def write_best(self) -> None:
        """Best-fit spectra and histories of all sources."""

    def write_simulated(self, sources: SimulatedSources) -> None:
        """Simulations of some sources (SAVE_SIM), and their best fits."""
        if not self._setup.params.save_sim:
            return
        axes = self._setup.grid.axes.as_dict()
        for i, row in enumerate(range(sources.rows.start, sources.rows.stop)):
            if self._fits.model[row] < 0:
                continue
            values = [axes[name][place[i]] for name, place in sources.indices.items()]
            values += [sources.properties[name][i] for name in self._names]
            path = self._path("best_fits", row, ".sims.fits")
            write_simulations(path, [*axes, *self._names], np.array(values), sources.simulations.chi2[i])

    def write_good(self, source: GoodSource) -> None:
        """Good models of a source (SAVE_BESTCHI), and its best fit."""
        axes = self._setup.grid.axes.as_dict()
        write_best_chi2(
            self._path("best_chi2", source.row, ".chi2.grid"),
            axes,
            self._names,
            source.model,
            source.chi2,
            np.stack([source.properties[name] for name in self._names], axis=1),
            self._setup.params.grid_strings,
        )
