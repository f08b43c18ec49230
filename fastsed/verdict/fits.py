"""What is unusual about best fits: their numbers in, findings out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats, Ints, Mask
from fastsed.medians import median
from fastsed.verdict.finding import LIMITS, Finding, listed, outside

KEYS = {"z": "Z", "Av": "A_V", "Av_bc": "A_V_BC", "lage": "LOG_AGE", "ltau": "LOG_TAU"}
"""Key of the parameter file, without _MIN and _MAX, of an axis; custom parameters have their own names."""

USUAL_EDGES = {("Av", "MIN"), ("Av_bc", "MIN"), ("lage", "MAX"), ("ltau", "MIN"), ("log_tau", "MIN")}
"""No dust, the oldest age, the shortest history: edges at which many galaxies are."""


@dataclass(frozen=True)
class FittedSources:
    """The n sources that have a best fit.

    Attributes
    ----------
    axes : dict of str to (nvalue,)
        The grid.
    indices : dict of str to (n,)
        Index of the best fit along each axis.
    values : dict of str to (n,)
        Parameters, `lmass` (linear) and `chi2` (reduced) of the best fits.
    intervals : dict of str to (n, nconfidence, 2)
        Of some of these values; empty where there are none.
    scale : (n,)
        Normalisation of the best model.
    freedom : (n,)
        Degrees of freedom.
    free_redshift : (n,)
        Whether the redshift was not known before.
    """

    axes: Mapping[str, NDArray[np.floating[Any]]]
    indices: Mapping[str, Ints]
    values: Mapping[str, Floats]
    intervals: Mapping[str, Floats]
    scale: Floats
    freedom: Ints
    free_redshift: Mask


def fit_findings(fitted: FittedSources, confidences: Sequence[float]) -> list[Finding]:
    """All findings on best fits.

    Parameters
    ----------
    fitted : FittedSources
    confidences : sequence of float
        Of the intervals, in percent.
    """
    compared = {name: fitted.values[name] for name in fitted.intervals}
    if "z" in compared:
        # the interval of a known redshift is that of its grid cell
        compared["z"] = np.where(fitted.free_redshift, compared["z"], np.nan)
    return [
        *chi2_level(fitted.values["chi2"], fitted.freedom),
        *stellar_masses(fitted.values["lmass"]),
        *edges(fitted.axes, fitted.indices, fitted.free_redshift),
        *negative_scales(fitted.scale),
        *outside_intervals(compared, fitted.intervals, confidences),
    ]


def chi2_level(reduced: Floats, freedom: Ints) -> Iterator[Finding]:
    """Median reduced chi2.

    Parameters
    ----------
    reduced : (n,)
    freedom : (n,)
        Degrees of freedom; a model with as many parameters as data fits anything.
    """
    finite = np.isfinite(reduced)
    if not finite.any():
        return
    typical = median(reduced[finite])
    low, high = LIMITS.reduced_chi2
    judged = finite & (freedom > 0)
    text = f"median reduced chi2: {typical:.3g}"
    if typical > high:
        yield Finding(
            f"{text}, above {high:g}: are errors, zero point, filters and redshifts right?", unusual=True
        )
    elif judged.any() and median(reduced[judged]) < low:
        yield Finding(f"{text}, below {low:g}: are the errors too large?", unusual=True)
    else:
        yield Finding(text)


def edges(
    axes: Mapping[str, NDArray[np.floating[Any]]], indices: Mapping[str, Ints], free_redshift: Mask
) -> Iterator[Finding]:
    """Fractions of the sources at the edges of the axes.

    Parameters
    ----------
    axes : mapping of str to (nvalue,)
    indices : mapping of str to (n,)
        Index of each best fit along each axis.
    free_redshift : (n,)
        Sources whose redshift is not known before.
    """
    usual: list[str] = []
    for name, values in axes.items():
        places = indices[name][free_redshift] if name == "z" else indices[name]
        if len(values) < 2 or not places.size:
            continue
        key = KEYS.get(name, name.upper())
        for end, edge in (("MIN", int(np.argmin(values))), ("MAX", int(np.argmax(values)))):
            fraction = float(np.mean(places == edge))
            label = f"METAL = {values[edge]:g}" if name == "metal" else f"{key}_{end} = {values[edge]:g}"
            many = fraction > LIMITS.edge_fraction and len(values) >= LIMITS.edge_values
            if many and (name, end) not in USUAL_EDGES:
                yield Finding(
                    f"{_percent(fraction)} of the sources are at the edge {label} of the grid", unusual=True
                )
            elif fraction:
                usual.append(f"{_percent(fraction)} at {label}")
    if usual:
        yield Finding(f"sources at edges of the grid: {listed(usual)}")


def _percent(fraction: float) -> str:
    """A fraction that is not 0 in percent."""
    return f"{100 * fraction:.0f} %" if fraction >= 0.01 else "less than 1 %"


def negative_scales(scale: Floats) -> Iterator[Finding]:
    """Best fits that subtract light: most fluxes are negative."""
    count = int(np.count_nonzero(scale < 0))
    if count:
        yield Finding(
            f"{count} source{'s' * (count > 1)} of {len(scale)} with a negative best scale: most of the flux is "
            "negative, there is no mass",
            unusual=True,
        )


def stellar_masses(mass: Floats) -> Iterator[Finding]:
    """Median stellar mass [Msun]: with known redshifts it tells a wrong zero point."""
    positive = mass[np.isfinite(mass) & (mass > 0)]
    if not positive.size:
        return
    typical = float(np.log10(median(positive)))
    low, high = LIMITS.log_stellar_mass
    text = f"median log10 stellar mass: {typical:.2f}"
    unusual = outside(typical, LIMITS.log_stellar_mass)
    advice = f"; usual are {low:g} to {high:g}: is AB_ZEROPOINT that of the fluxes?"
    yield Finding(text + advice if unusual else text, unusual)


def outside_intervals(
    values: Mapping[str, Floats], intervals: Mapping[str, Floats], confidences: Sequence[float]
) -> Iterator[Finding]:
    """Best fits outside their own intervals: counted, since intervals need not hold the best fit.

    Parameters
    ----------
    values : mapping of str to (n,)
    intervals : mapping of str to (n, nconfidence, 2)
    confidences : sequence of float
        In percent.
    """
    for i, confidence in enumerate(confidences):
        parts = []
        for name, value in values.items():
            low, high = intervals[name][:, i, 0], intervals[name][:, i, 1]
            # bounds are in single precision
            slack = 1e-6 * np.abs(value)
            count = np.count_nonzero((value < low - slack) | (value > high + slack))
            parts += [f"{name} {count}"] if count else []
        if parts:
            yield Finding(f"best fits outside their own {confidence:g} % interval: {listed(parts)}")
