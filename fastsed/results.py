"""What a fit found: plain data, without a reference to files or models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats, Mask, Singles
from fastsed.fitting.best_fit import BestFits
from fastsed.quantities import Quantity
from fastsed.verdict.finding import Finding

if TYPE_CHECKING:
    from fastsed.fitting.posterior_estimates import PosteriorEstimates

Array = NDArray[Any]


@dataclass(frozen=True)
class Results:
    """What a fit found, for each source.

    Attributes
    ----------
    ids : sequence
        As the catalogue has them.
    columns : tuple of Quantity
        Of the output catalogue, in order.
    axes : mapping of str to float32 array
        Values of each axis of the grid, slowest first.
    best : BestFits
    values : mapping of str to (nsource,)
        Value of each axis, of each property of the catalogue, `chi2` (reduced) and `nmodel`: linear masses, rates and
        luminosities, fluxes [microjansky] for magnitudes. NaN for sources without a fit. With BEST_FROM_SIM they are
        the medians of the simulations.
    intervals : mapping of str to (nsource, nconfidence, 2)
        Lower and upper bound of each axis and property, as stored; empty where none were asked for.
    confidences : tuple of float
        Of the intervals, in percent.
    verdict : tuple of Finding
        What is known before the fit, then what the fit told.
    provenance : tuple of str
        What was fitted with what: the lines at the head of the `.fout` file.
    posterior : PosteriorEstimates or None
        None where it was not asked for.
    percentiles : tuple of float
        Of the posteriors, in percent.
    mock : mapping of str to (nsource, nmock)
        True and recovered values of the mock test (`true_X`, `best_X`, `mean_X`, `std_X`); empty without one.
    """

    ids: Sequence[Any] | Array
    columns: tuple[Quantity, ...]
    axes: Mapping[str, Singles]
    best: BestFits
    values: Mapping[str, Array]
    intervals: Mapping[str, Floats]
    confidences: tuple[float, ...]
    verdict: tuple[Finding, ...] = ()
    provenance: tuple[str, ...] = ()
    posterior: PosteriorEstimates | None = None
    percentiles: tuple[float, ...] = ()
    mock: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def n_sources(self) -> int:
        """Number of sources, fitted or not."""
        return len(self.ids)

    @property
    def fitted(self) -> Mask:
        """Which sources have a fit, (nsource,)."""
        return self.best.fitted

    @classmethod
    def concatenated(cls, parts: Sequence[Self]) -> Self:
        """Results of the parts of a catalogue, all fitted alike, as those of the whole, in order.

        Raises
        ------
        ValueError
            If there are none, or they are of different models or columns.
        """
        if not parts:
            raise ValueError("there are no results to be put together")
        first = parts[0]
        for part in parts[1:]:
            same_axes = list(part.axes) == list(first.axes) and all(
                np.array_equal(values, first.axes[name]) for name, values in part.axes.items()
            )
            if (
                not same_axes
                or part.columns != first.columns
                or part.confidences != first.confidences
                or part.percentiles != first.percentiles
            ):
                raise ValueError("results of different models, columns or intervals cannot be put together")
        findings = dict.fromkeys(finding for part in parts for finding in part.verdict)
        return cls(
            ids=np.concatenate([np.asarray(part.ids) for part in parts]),
            columns=first.columns,
            axes=first.axes,
            best=BestFits.concatenated([part.best for part in parts]),
            values={name: np.concatenate([part.values[name] for part in parts]) for name in first.values},
            intervals={
                name: np.concatenate([part.intervals[name] for part in parts]) for name in first.intervals
            },
            confidences=first.confidences,
            verdict=tuple(findings),
            provenance=first.provenance,
            posterior=_joined_posteriors([part.posterior for part in parts]),
            percentiles=first.percentiles,
            mock={name: np.concatenate([part.mock[name] for part in parts]) for name in first.mock},
        )


def _joined_posteriors(parts: Sequence[PosteriorEstimates | None]) -> PosteriorEstimates | None:
    """Those of the whole catalogue; None unless all parts have them."""
    from fastsed.fitting.posterior_estimates import PosteriorEstimates

    known = [part for part in parts if part is not None]
    return PosteriorEstimates.concatenated(known) if len(known) == len(parts) else None
