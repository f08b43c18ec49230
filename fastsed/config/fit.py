"""Options of the fit: simulations, intervals, what is kept of the chi2 of all models."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastsed.config.options import OptionError, Options, option
from fastsed.sizes import MAX_SIMULATIONS

log = logging.getLogger(__name__)


PRIOR_AXES = ("z", "av", "av_bc", "lage", "metal", "ltau")
"""Axes with a key PRIOR_<AXIS>, in lower case; parameters of CUSTOM_SFH follow."""


def chi2_threshold(percent: float) -> float:
    """Rise of chi2 that encloses `percent` of the probability of one parameter: erf(sqrt(D/2)) = percent/100.

    Avni (1976); 1.0 for 68.27, 2.71 for 90.
    """
    from statistics import NormalDist

    return NormalDist().inv_cdf((100 - percent) / 200) ** 2


@dataclass(frozen=True, kw_only=True)
class FitOptions(Options):
    """What is to be found; each attribute has the meaning of the key of the same name (docs/parameters.md).

    Besides: `priors`, lower-case name of an axis -> prior, as the text of a key or a function of an array.
    """

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
    mock: int = option(
        0,
        "Uncertainties",
        "Mock test: the best model of each source, with the noise of its data, is fitted again so many times. True and "
        "recovered values go to `<OUTPUT_FILE>_mock.fits`. fastsed only.",
        ge=0,
        le=MAX_SIMULATIONS,
    )
    posterior: bool = option(
        False,
        "Posteriors",
        "Describe the posterior of each axis and property by mean, standard deviation and percentiles, over all models "
        "of the grid: columns `mean_X`, `std_X`, `p16_X`, ..., `neff` and `lnz` of the output catalogue. fastsed only.",
    )
    posterior_scale: str = option(
        "profile",
        "Posteriors",
        "Take each model at its best scale, or integrate over the scale with a flat prior. fastsed only.",
        choices=("profile", "marginal"),
    )
    posterior_percentiles: tuple[float, ...] = option(
        (16.0, 50.0, 84.0),
        "Posteriors",
        "Percentiles of the posteriors that are columns. fastsed only.",
        unit="%",
        ge=0,
        le=100,
    )
    save_pdf: bool = option(
        False,
        "Posteriors",
        "Write the posterior of each axis and property of each source, in `<OUTPUT_FILE>_pdf.hdf5`. Sets POSTERIOR. "
        "fastsed only.",
    )
    prior_z: str = option(
        "flat",
        "Posteriors",
        "Prior density of the redshift: 'flat', 'normal(mean, sigma)', 'lognormal(median, sigma)', 'table(file)' "
        "(value and density in two columns, linear), 'expr(formula of x)', or 'pz(file)' for a density of each source "
        "(HDF5 with `id`, `z`, `pdf`, a file of SAVE_PDF, or FITS). fastsed only.",
    )
    prior_av: str = option(
        "flat", "Posteriors", "Prior density of Av; as PRIOR_Z, without 'pz'. fastsed only."
    )
    prior_av_bc: str = option("flat", "Posteriors", "The same of Av_bc. fastsed only.")
    prior_lage: str = option("flat", "Posteriors", "The same of log10(age/yr). fastsed only.")
    prior_metal: str = option(
        "flat", "Posteriors", "The same of the metallicity, whose cells have no width. fastsed only."
    )
    prior_ltau: str = option(
        "flat",
        "Posteriors",
        "The same of log10(tau/yr). A parameter of CUSTOM_SFH has a key of its own, PRIOR_<NAME>. fastsed only.",
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

    priors: Mapping[str, Any] = field(default_factory=dict)

    def complete(self) -> None:
        """Collect the priors; raise SAVE_BESTCHI to what the intervals need."""
        if self.save_pdf:
            self.correct("posterior", True)
        texts = {name: getattr(self, f"prior_{name}") for name in PRIOR_AXES}
        given = {name: text for name, text in texts.items() if text.strip().lower() != "flat"}
        self.correct("priors", {**given, **{name.lower(): prior for name, prior in self.priors.items()}})
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
        labels = [f"{p:.10g}" for p in self.posterior_percentiles]
        if len(set(labels)) < len(labels):
            message = f"POSTERIOR_PERCENTILES: {', '.join(labels)} has one of them twice"
            raise OptionError("posterior_percentiles", message)
