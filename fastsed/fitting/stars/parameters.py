"""Parameters of star models and the bins of their PDFs: ranges of the values in; bins, codes, names out.

The rules are those of BEAST: of HEAD, or (`compat="beast1"`) of release 1.3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fastsed.models.cells import cell_edges

Compat = Literal["beast1", "beast2"]

NOT_REPORTED = frozenset(
    [
        "osl",
        "keep",
        "weight",
        "grid_weight",
        "prior_weight",
        "fullgrid_idx",
        "stage",
        "specgrid_indx",
        "phase",
        "eep",
    ]
)
"""Columns of a grid that are no parameters."""
LOG_SPACED = frozenset(("M_ini", "M_act", "radius"))
"""Parameters whose bins are equal steps of log10."""
DEFAULT_2D = ("Av", "Rv", "f_A", "M_ini", "logA", "Z", "distance")
SYMLOG_SCALE = 1e-20
"""Flux at which BEAST HEAD's symlog turns from linear to logarithmic [erg/s/cm2/Angstrom]."""


def reported_columns(columns: Sequence[str]) -> list[str]:
    """The columns of a grid that are parameters, in its order."""
    return [name for name in columns if name not in NOT_REPORTED]


def biased_flux_name(filter_name: str) -> str:
    """Name of the parameter that is a model's flux and bias, on a symmetric logarithmic scale."""
    return f"symlog{filter_name}_wd_bias"


def symlog(flux: NDArray[np.float64], compat: Compat = "beast2") -> NDArray[np.float64]:
    """Logarithmic in both directions from zero, linear about it.

    Parameters
    ----------
    flux : ndarray
    compat : {"beast2", "beast1"}, optional
        sign(f) log10(1 + |f| / 1e-20), or 1.3.2's sign(f) log1p(|f| ln 10) / ln 10.
    """
    size = np.abs(flux)
    if compat == "beast1":
        return np.asarray(np.sign(flux) * np.log1p(size * np.log(10)) / np.log(10))
    return np.sign(flux) * np.log10(1 + size / SYMLOG_SCALE)


@dataclass(frozen=True)
class ParameterRange:
    """What the values of a parameter in a grid span.

    Attributes
    ----------
    minimum, maximum : float
    n_unique : int
        Number of different values; where there are more than were counted, any number above the largest asked for.
    unique : ndarray or None
        The different values, ascending, where they were kept.
    """

    minimum: float
    maximum: float
    n_unique: int
    unique: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Bins:
    """Bins of a parameter.

    Attributes
    ----------
    centres : ndarray, shape (n_bins,)
        Ascending, in the parameter's unit.
    edges : ndarray, shape (n_bins + 1,)
        Of log10 of the parameter where `log` is set.
    log : bool
    clamp : bool
        Values beyond the edges belong to the first and last bin; without it, to none.
    """

    centres: NDArray[np.float64]
    edges: NDArray[np.float64]
    log: bool = False
    clamp: bool = True

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return len(self.centres)

    def codes(self, values: NDArray[np.float64]) -> NDArray[np.uint16]:
        """Bin of each value, edge_b <= value < edge_(b+1); `n_bins` for values in none."""
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.log10(values)
        code = np.searchsorted(self.edges, values, side="right") - 1
        if self.clamp:
            return np.clip(code, 0, self.n_bins - 1).astype(np.uint16)
        return np.where((code < 0) | (code >= self.n_bins), self.n_bins, code).astype(np.uint16)


def bins_1d(name: str, span: ParameterRange, max_bins: int, compat: Compat = "beast2") -> Bins:
    """Bins of the 1-D PDF of a parameter.

    Parameters
    ----------
    name : str
    span : ParameterRange
    max_bins : int
    compat : {"beast2", "beast1"}, optional
        HEAD: the values themselves are the centres where there are few; 1.3.2: equal steps, one more of them for Z.
    """
    n_bins = min(max_bins, span.n_unique)
    log = name in LOG_SPACED and span.minimum > 0
    if compat == "beast1":
        return _uniform(span, n_bins + (name == "Z"), log, clamp=False)
    if span.n_unique > n_bins or span.unique is None:
        return _uniform(span, n_bins, log)
    return _from_values(span.unique, log)


def bins_2d(name: str, span: ParameterRange, max_bins: int) -> Bins:
    """Bins of a parameter in 2-D PDFs: always equal steps, as many as in 1-D."""
    return _uniform(span, min(max_bins, span.n_unique), name in LOG_SPACED and span.minimum > 0)


def _uniform(span: ParameterRange, n_bins: int, log: bool, clamp: bool = True) -> Bins:
    """Equal steps (of log10), the extremes being the centres of the first and the last bin."""
    low, high = (np.log10(span.minimum), np.log10(span.maximum)) if log else (span.minimum, span.maximum)
    if n_bins == 1:
        middle = 0.5 * (low + high)
        return Bins(_linear(np.array([middle]), log), np.array([low, np.nextafter(high, np.inf)]), log)
    step = (high - low) / (n_bins - 1)
    centres = low + np.arange(n_bins) * step
    # BEAST's order of operations, which decides about values on an edge
    edges = low + (np.arange(n_bins + 1) - 0.5) * step
    return Bins(_linear(centres, log), edges, log, clamp)


def _from_values(unique: NDArray[np.float64], log: bool) -> Bins:
    """The values themselves, edges half-way between them."""
    centres = np.log10(unique) if log else unique
    single = len(unique) == 1
    edges = np.sort(centres[0] * np.array([0.95, 1.05])) if single else cell_edges(centres)
    return Bins(unique.copy(), edges, log)


def _linear(values: NDArray[np.float64], log: bool) -> NDArray[np.float64]:
    return np.power(10.0, values) if log else values


def pairs_2d(
    columns: Sequence[str], names: Sequence[str], spans: dict[str, ParameterRange]
) -> list[tuple[str, str]]:
    """Pairs of parameters that have a 2-D PDF, in the order of the grid's columns.

    Parameters
    ----------
    columns : sequence of str
        Parameters of the grid.
    names : sequence of str
        Those that are asked for.
    spans : dict of ParameterRange
        Parameters with one value are left out.
    """
    chosen = [name for name in columns if name in names and spans[name].n_unique > 1]
    return [(one, two) for i, one in enumerate(chosen) for two in chosen[i + 1 :]]


def percentiles(
    pdf: NDArray[np.float64], centres: NDArray[np.float64], q: Sequence[float]
) -> NDArray[np.float64]:
    """Percentiles of PDFs on bins.

    Linear interpolation of the centres between the cumulative sums at the middle of each bin; the first and the
    last centre beyond them; 0 where the PDF is all zero. This is BEAST's definition.

    Parameters
    ----------
    pdf : ndarray, shape (n, n_bins)
    centres : ndarray, shape (n_bins,)
    q : sequence of float
        Percent.

    Returns
    -------
    ndarray, shape (n, len(q))
    """
    order = np.argsort(centres, kind="stable")
    sorted_pdf, sorted_centres = pdf[:, order], centres[order]
    cumulative = np.cumsum(sorted_pdf, axis=1)
    result = np.zeros((len(pdf), len(q)))
    for i in np.flatnonzero(cumulative[:, -1] > 0):
        middle = (cumulative[i] - 0.5 * sorted_pdf[i]) / cumulative[i, -1]
        result[i] = np.interp(np.asarray(q) / 100, middle, sorted_centres)
    return result
