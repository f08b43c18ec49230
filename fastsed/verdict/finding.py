"""What all rules of the verdict rest on: limits in one table, findings, and how they are logged."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """One line of the verdict.

    Attributes
    ----------
    text : str
        What was found, in one line.
    unusual : bool
        Whether it is a warning, not a note.
    """

    text: str
    unusual: bool = False


@dataclass(frozen=True)
class Limits:
    """What is usual: lower and upper limit of a number, or the largest that passes.

    Attributes
    ----------
    reduced_chi2
        Median over the sources.
    edge_fraction
        Fraction of the sources at one edge of an axis.
    edge_values
        An axis of fewer values has hardly anything but edges.
    sources_for_medians
        Of a larger catalogue so many sources, evenly spread, are looked at for medians of fluxes.
    ab_magnitude
        Median of the detections of a band, and median of the bands.
    detection
        Ratio of flux and error from which on a flux counts as detected.
    signal_to_noise
        Median of a band, and median of the bands.
    band_values
        Fluxes that a band must have before its ratio of flux and error is judged by itself.
    total_factor
        Median factor from fluxes in an aperture to total ones.
    absent_band_sources
        In a catalogue of so many sources each band is expected to be measured once.
    magnitude_like
        Range of AB magnitudes; fluxes that nearly all lie within it may be magnitudes.
    magnitude_like_ratio
        Their median ratio to their errors, from which on few sources are enough to tell.
    magnitude_like_sources, magnitude_like_values
        Sources that tell without it, and fluxes that are needed in any case.
    log_stellar_mass
        Median over the sources [log10 Msun].
    redshift_step
        Distance of a known redshift from the grid's, relative to 1+z.
    h0
        Hubble constant [km/s/Mpc].
    log_time
        Smallest and largest end of an axis of times [log10 yr]: below, it may be in Gyr.
    log_age_excess
        Largest age above that of the Universe today [dex]; the default of LOG_AGE_MAX is 0.17 above it.
    """

    reduced_chi2: tuple[float, float] = (0.05, 10.0)
    edge_fraction: float = 0.5
    edge_values: int = 3
    sources_for_medians: int = 20_000
    ab_magnitude: tuple[float, float] = (12.0, 30.0)
    detection: float = 2.0
    signal_to_noise: tuple[float, float] = (0.1, 1e4)
    band_values: int = 5
    total_factor: tuple[float, float] = (0.2, 20.0)
    absent_band_sources: int = 50
    magnitude_like: tuple[float, float] = (8.0, 35.0)
    magnitude_like_ratio: float = 100.0
    magnitude_like_sources: int = 10
    magnitude_like_values: int = 10
    log_stellar_mass: tuple[float, float] = (3.0, 12.8)
    redshift_step: float = 0.005
    h0: tuple[float, float] = (10.0, 200.0)
    log_time: tuple[float, float] = (4.0, 5.0)
    log_age_excess: float = 0.35


LIMITS = Limits()


def outside(value: float, limits: tuple[float, float]) -> bool:
    """Whether a value is beyond its limits."""
    return value < limits[0] or value > limits[1]


def listed(parts: Iterable[str]) -> str:
    """Parts of one line: "F120 20.1, F121 19.8"."""
    return ", ".join(parts)


def warned(findings: Iterable[Finding]) -> list[Finding]:
    """The same findings, after a warning of each unusual one: of inputs one warns before the fit."""
    result = list(findings)
    for finding in result:
        if finding.unusual:
            log.warning("%s", finding.text)
    return result


def report(before: Sequence[Finding], after: Sequence[Finding] = ()) -> None:
    """Log the verdict.

    Parameters
    ----------
    before : sequence of Finding
        What was known before the fit; the unusual ones were warned of.
    after : sequence of Finding
        What the fit told.
    """
    count = sum(finding.unusual for finding in (*before, *after))
    log.info("verdict: %s", f"{count} unusual finding{'s' * (count > 1)}" if count else "nothing unusual")
    for finding in before:
        log.info("%s%s", "unusual, as said above: " if finding.unusual else "", finding.text)
    for finding in after:
        log.log(logging.WARNING if finding.unusual else logging.INFO, "%s", finding.text)
