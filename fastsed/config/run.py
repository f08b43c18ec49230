"""All options of a run together: those of its inputs, models, fit, outputs and of the machine."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from fastsed.config.fit import FitOptions
from fastsed.config.inputs import InputOptions
from fastsed.config.machine import MachineOptions
from fastsed.config.models import ModelOptions
from fastsed.config.outputs import OutputOptions

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RunOptions(MachineOptions, OutputOptions, FitOptions, ModelOptions, InputOptions):
    """All options of a run; each attribute has the meaning of the key of the same name (docs/parameters.md)."""

    def complete(self) -> None:
        """Work out what follows from options of several kinds."""
        self.set_missing("output_file", self.catalog_stem)
        if self.interval_from_chi2 and self.n_sim > 0 and not self.save_sim and not self.best_from_sim:
            log.warning("INTERVAL_FROM_CHI2 = 1 needs no simulations: setting N_SIM = 0")
            self.correct("n_sim", 0)

    @property
    def several_passes(self) -> bool:
        """Whether the models may be gone through more than once."""
        return (
            self.n_sim > 0 or self.save_bestchi > 0 or self.save_chi_grid or self.posterior or self.mock > 0
        )
