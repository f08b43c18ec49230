"""The files of each source: best fits, histories, simulations and acceptable models in, files out."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

import numpy as np

from fastsed.atomic import make_folder
from fastsed.config.fit import chi2_threshold
from fastsed.fitting.best_fit import BestFits
from fastsed.models.properties import property_names
from fastsed.outputs.best_fits import write_best_fits
from fastsed.outputs.best_sfhs import SfhWriter, write_best_sfhs
from fastsed.outputs.paths import BEST_CHI2, source_path
from fastsed.outputs.simulations import write_simulations
from fastsed.problem import Problem
from fastsed.uncertainties import AcceptableModelsOfSource, SimulatedSources


class SourceFiles:
    """Writes the files of one source after another.

    Parameters
    ----------
    problem : Problem
    best : BestFits
    """

    def __init__(self, problem: Problem, best: BestFits):
        self._setup, self._best = problem, best
        # of the files; BEST_FROM_SIM has others than the fit
        self._models, self._scales = best.model_id.copy(), best.scale.copy()
        self._sfhs = SfhWriter(problem)
        self._names = property_names(problem.grid)

    def write_best_fits(self) -> None:
        """Best-fit spectra of all sources (BEST_FIT); after their simulations."""
        if self._setup.params.best_fit:
            write_best_fits(self._setup, self._models, self._scales)

    def sync(self) -> None:
        """Bring the files of all sources to the disk, before the catalogue gets its name."""
        p = self._setup.params
        if p.best_fit or p.best_sfhs or p.save_sim or p.save_bestchi:
            os.sync()

    def write_best(self) -> None:
        """Best-fit histories of all sources (BEST_SFHS), where nothing is known of their uncertainties."""
        if self._setup.params.best_sfhs:
            write_best_sfhs(self._setup, self._models, self._scales)

    def write_simulated(self, sources: SimulatedSources) -> None:
        """Simulations of some sources (SAVE_SIM), and their histories."""
        p, result = self._setup.params, sources.simulations
        if p.best_from_sim:
            chosen = np.arange(len(result.model)), sources.typical()
            self._models[sources.rows], self._scales[sources.rows] = (
                result.model[chosen],
                result.scale[chosen],
            )
        if p.best_sfhs:
            for i, row in enumerate(range(sources.rows.start, sources.rows.stop)):
                if self._models[row] >= 0:
                    best = int(self._models[row]), float(self._scales[row])
                    self._sfhs.write(row, *best, simulations=(result.model[i], result.scale[i]))
        if not p.save_sim:
            return
        axes = self._setup.grid.axes.as_dict()
        for i, row in enumerate(range(sources.rows.start, sources.rows.stop)):
            if self._best.model_id[row] < 0:
                continue
            values = [axes[name][index[i]] for name, index in sources.indices.items()]
            values += [sources.properties[name][i] for name in self._names]
            path = source_path(p, self._setup.catalog.ids[row], "sims.fits")
            write_simulations(path, [*axes, *self._names], np.array(values), sources.simulations.chi2[i])

    def write_acceptable(self, source: AcceptableModelsOfSource) -> None:
        """Acceptable models of a source (SAVE_BESTCHI), and its history."""
        from fastsed.outputs.chi2grid import write_best_chi2

        p, row, models = self._setup.params, source.row, source.models
        if p.best_sfhs:
            allowed = None
            if p.interval_from_chi2:
                excess = models["chi2"] - self._best.chi2[row]
                within = [excess < chi2_threshold(confidence) for confidence in p.c_interval]
                allowed = [(models["model"][one], models["scale"][one]) for one in within]
            self._sfhs.write(row, int(self._models[row]), float(self._scales[row]), allowed=allowed)
        columns = [source.names.index(name) for name in self._names]
        path = self._best_chi2_folder / source_path(p, self._setup.catalog.ids[row], "chi2.grid").name
        write_best_chi2(
            path, self._best_chi2_header, models["model"], models["chi2"], source.values[columns].T
        )

    @cached_property
    def _best_chi2_folder(self) -> Path:
        """The folder of the files of acceptable models, made when the first one is written."""
        folder = Path(self._setup.params.output_dir) / BEST_CHI2
        make_folder(folder)
        return folder

    @cached_property
    def _best_chi2_header(self) -> bytes:
        """The header of the files of acceptable models."""
        from fastsed.outputs.chi2grid import best_chi2_header

        strings = self._setup.params.grid_strings
        return best_chi2_header(self._setup.grid.axes.as_dict(), self._names, strings)
