"""Options of the fit: simulations, intervals, what is kept of the chi2 of all models."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from statistics import NormalDist

from fastsed.config.options import OptionError, Options, option
from fastsed.sizes import MAX_SIMULATIONS

log = logging.getLogger(__name__)


def chi2_threshold(percent: float) -> float:
    """Rise of chi2 that encloses `percent` of the probability of one parameter: erf(sqrt(D/2)) = percent/100.

    Avni (1976); 1.0 for 68.27, 2.71 for 90.
    """
    return NormalDist().inv_cdf((100 - percent) / 200) ** 2


@dataclass(frozen=True, kw_only=True)
class FitOptions(Options):
    """What is to be found; each attribute has the meaning of the key of the same name (docs/parameters.md)."""

    n_sim: int = option(
        0,
        "Uncertainties",
        "Number of Monte Carlo simulations of each source, for confidence intervals. 0: no intervals.",
        ge=0,
        le=MAX_SIMULATIONS,
    )
    c_interval: tuple[float, ...] = option(
        (68.0,),
        "Uncertainties",
        "Confidence intervals to print. With a `.zout` file only 68, 95 and 99 are allowed.",
        unit="%",
        gt=0,
        lt=100,
    )
    seed: int = option(
        42,
        "Uncertainties",
        "Seed of the random numbers of the simulations: the same seed gives the same answer. fastsed only.",
        ge=0,
        le=2**32 - 1,
    )
    best_from_sim: bool = option(
        False, "Uncertainties", "Give the median of the simulations as the best fit. Needs N_SIM > 0."
    )
    interval_from_chi2: bool = option(
        False,
        "Uncertainties",
        "Take the confidence intervals from the models whose chi2 is close enough to the best (Avni 1976), "
        "not from simulations. Raises SAVE_BESTCHI if needed.",
    )
    save_bestchi: float = option(
        0.0,
        "Output",
        "Write, for each source, the models with chi2 - best chi2 below this value, in the folder "
        "`best_chi2`. 1 gives the 68% interval of one parameter, 2.71 the 90% one. 0: do not.",
        ge=0,
    )
    save_chi_grid: bool = option(
        False,
        "Output",
        "Write chi2 and properties of all models for all sources, in `chi2.grid`. Can be huge.",
    )

    def complete(self) -> None:
        """Raise SAVE_BESTCHI to what the intervals need."""
        if not self.interval_from_chi2:
            return
        needed = max(map(chi2_threshold, self.c_interval), default=0.0)
        if self.save_bestchi >= needed:
            return
        if self.save_bestchi:
            text = "SAVE_BESTCHI = %g is too small for INTERVAL_FROM_CHI2: using %.3f"
            log.warning(text, self.save_bestchi, needed)
        else:
            log.info("INTERVAL_FROM_CHI2 = 1 sets SAVE_BESTCHI to %.3f", needed)
        self.correct("save_bestchi", needed)

    def check(self) -> None:
        """Refuse combinations that make no sense."""
        if self.best_from_sim and self.n_sim == 0:
            message = "BEST_FROM_SIM = 1 needs simulations: set N_SIM to 100 or so"
            raise OptionError("best_from_sim", message)
