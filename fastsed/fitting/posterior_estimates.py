"""What posteriors tell: weights over axes and properties in; means, standard deviations, quantiles and PDFs out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats, Ints, Mask
from fastsed.errors import InputError
from fastsed.fitting.cells import cell_quantiles
from fastsed.models.cells import cell_edges

# bins of a property without logarithm, over the range of all sources, at least
LINEAR_BINS = 200
# where more of the weight has no value, moments and quantiles say nothing
MOST_WITHOUT_VALUE = 0.5


@dataclass(frozen=True)
class Histograms:
    """Histograms of a property of some sources, one after the other.

    Attributes
    ----------
    low : (nsource,) int64
        The first bin of a source begins at low / per_step.
    counts : (nsource,) int64
        Its number of bins.
    per_step : (nsource,)
        Bins per unit; 0 without any weight.
    weights : (sum of counts,)
    """

    low: Ints
    counts: Ints
    per_step: Floats
    weights: Floats

    def __len__(self) -> int:
        return len(self.low)

    def __iter__(self) -> Iterator[tuple[int, Floats, float]]:
        """First bin, weights and bins per unit of each source."""
        ends = np.cumsum(self.counts)
        for low, start, end, per_step in zip(
            self.low.tolist(), ends - self.counts, ends, self.per_step.tolist(), strict=True
        ):
            yield low, self.weights[start:end], per_step

    def of(self, row: int) -> Histograms:
        """That of one source."""
        start = int(self.counts[:row].sum())
        one = slice(row, row + 1)
        return Histograms(
            self.low[one],
            self.counts[one],
            self.per_step[one],
            self.weights[start : start + int(self.counts[row])],
        )

    def quantiles(self, probabilities: Floats) -> Floats:
        """Quantiles (nsource, nprobability), linear inside a bin; NaN without any weight."""
        return np.array([_quantiles(*one, probabilities) for one in self]).reshape(-1, len(probabilities))

    @classmethod
    def concatenated(cls, parts: Sequence[Histograms]) -> Histograms:
        """Those of all sources, in order."""
        return cls(
            *(
                np.concatenate([getattr(p, f) for p in parts])
                for f in ("low", "counts", "per_step", "weights")
            )
        )


@dataclass(frozen=True)
class BinEdges:
    """Bins common to all sources: number `first`, ... `first + n - 1`, each 1 / per_step wide."""

    first: int
    n: int
    per_step: float

    @property
    def edges(self) -> Floats:
        """(n + 1,)"""
        return np.arange(self.first, self.first + self.n + 1) / self.per_step


@dataclass(frozen=True, repr=False)
class PosteriorEstimates:
    """Posteriors of some sources.

    Attributes
    ----------
    mean, std, without_value : dict of str to (nsource,)
        Of each axis and property, in the coordinate of its column; share of the weight of models without a value.
    percentiles : dict of str to (nsource, nprobability)
    neff, lnz : (nsource,)
    axis_values : dict of str to (nvalue,)
        In rising order.
    axis_pdf : dict of str to (nsource, nvalue)
        Weight of each cell.
    known_redshift : (nsource,)
        Sources whose redshift is known.
    histograms : mapping of str to Histograms
        Of the properties.
    """

    mean: dict[str, Floats]
    std: dict[str, Floats]
    without_value: dict[str, Floats]
    percentiles: dict[str, Floats]
    neff: Floats
    lnz: Floats
    axis_values: dict[str, Floats]
    axis_pdf: dict[str, Floats]
    known_redshift: Mask
    histograms: Mapping[str, Histograms]

    @classmethod
    def concatenated(cls, parts: Sequence[PosteriorEstimates]) -> PosteriorEstimates:
        """The posteriors of the parts of a catalogue as those of the whole, in order."""
        if len(parts) == 1:
            return parts[0]
        joined = {
            name: {k: np.concatenate([getattr(p, name)[k] for p in parts]) for k in getattr(parts[0], name)}
            for name in ("mean", "std", "without_value", "percentiles", "axis_pdf")
        }
        return cls(
            **joined,
            neff=np.concatenate([p.neff for p in parts]),
            lnz=np.concatenate([p.lnz for p in parts]),
            axis_values=parts[0].axis_values,
            known_redshift=np.concatenate([p.known_redshift for p in parts]),
            histograms={
                k: Histograms.concatenated([p.histograms[k] for p in parts]) for k in parts[0].histograms
            },
        )

    def __repr__(self) -> str:
        n_known = int(np.isfinite(self.lnz).sum())
        return f"<Posteriors: {n_known} of {len(self.lnz)} sources have one; {', '.join(self.mean)}>"

    @property
    def names(self) -> list[str]:
        """Axes, then properties."""
        return [*self.axis_pdf, *self.histograms]

    def quantile(self, name: str, q: ArrayLike) -> Floats:
        """Quantiles of an axis or property, (nsource,) or (nsource, nq).

        Parameters
        ----------
        name : str
        q : float or (nq,)
            Probabilities, from 0 to 1.

        Raises
        ------
        InputError
            For anything else as a probability.
        """
        levels = np.atleast_1d(np.asarray(q, dtype=np.float64))
        if not ((levels >= 0) & (levels <= 1)).all():
            raise InputError(f"q = {q!r}: expected probabilities from 0 to 1")
        if name in self.axis_pdf:
            result = cell_quantiles(self.axis_values[name], self.axis_pdf[name], levels)
            if name == "z":
                result[self.known_redshift] = self.mean[name][self.known_redshift, None]
        else:
            result = self._histograms(name).quantiles(levels)
            result[np.isnan(self.mean[name])] = np.nan
        return result[:, 0] if np.ndim(q) == 0 else result

    def pdf(self, name: str) -> tuple[Floats, Floats]:
        """Edges (nbin + 1,), the same for all sources, and probability of each bin (nsource, nbin), which sum to 1.

        Models without a value count in the first bin; sources without posterior have NaN.
        """
        if name in self.axis_pdf:
            return cell_edges(self.axis_values[name]), self.axis_pdf[name]
        bins = common_bins([self._histograms(name)])
        return bins.edges, binned(self._histograms(name), bins, self.without_value[name])

    def _histograms(self, name: str) -> Histograms:
        if name not in self.histograms:
            raise KeyError(f"no posterior of '{name}': there are {', '.join(self.names)}")
        return self.histograms[name]


def common_bins(histograms: Sequence[Histograms]) -> BinEdges:
    """Bins that hold the histograms of all sources.

    Those without logarithm are a power of two wide, at most 1/200 of the range where the sources' own bins allow it.
    """
    known = [h.counts > 0 for h in histograms]
    steps = np.concatenate([h.per_step[k] for h, k in zip(histograms, known, strict=True)])
    if not len(steps):
        return BinEdges(0, 1, 1.0)
    lows = np.concatenate([h.low[k] for h, k in zip(histograms, known, strict=True)])
    counts = np.concatenate([h.counts[k] for h, k in zip(histograms, known, strict=True)])
    per_step, low, high = (
        float(steps.min()),
        float((lows / steps).min()),
        float(((lows + counts) / steps).max()),
    )
    if np.log2(per_step) % 1 == 0:
        per_step = min(per_step, float(2.0 ** np.ceil(np.log2(LINEAR_BINS / (high - low)))))
    first = int(np.floor(round(low * per_step, 6)))
    return BinEdges(first, max(1, int(np.ceil(round(high * per_step, 6))) - first), per_step)


def binned(histograms: Histograms, bins: BinEdges, without_value: Floats) -> Floats:
    """Probability of each bin (nsource, nbin); NaN for sources without any weight."""
    pdf = np.zeros((len(histograms), bins.n))
    for row, (low, weights, per_step) in enumerate(histograms):
        if len(weights):
            ratio = per_step / bins.per_step
            to = np.floor((low + np.arange(len(weights))) / ratio).astype(np.int64) - bins.first
            np.add.at(pdf[row], to, weights)
    total = pdf.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        pdf *= np.where(total > 0, (1 - without_value) / total, 0)[:, None]
    pdf[:, 0] += without_value
    pdf[np.isnan(without_value)] = np.nan
    return pdf


def _quantiles(low: int, weights: Floats, per_step: float, probabilities: Floats) -> Floats:
    """Quantiles of one histogram, linear inside a bin: the rule of the kernel (`histogram_quantiles`)."""
    upper = np.cumsum(weights)
    if not len(weights) or not upper[-1] > 0:
        return np.full(len(probabilities), np.nan)
    aim = probabilities * upper[-1]
    bin_ = np.array([np.argmax((upper >= a) & (weights > 0)) for a in aim])
    inside = weights[bin_]
    part = np.clip((aim - (upper[bin_] - inside)) / inside, 0, 1)
    return np.asarray((low + bin_ + part) / per_step)


def estimate(
    axes: Mapping[str, tuple[ArrayLike, Floats]],
    known_redshift: Mask,
    widths: Mapping[str, Floats],
    sums: Floats,
    moments: Floats,
    percentiles: Mapping[str, Floats],
    histograms: Mapping[str, Histograms],
    probabilities: Floats,
) -> PosteriorEstimates:
    """Turn sums of weights into estimates.

    Parameters
    ----------
    axes : mapping of str to ((nvalue,), (nsource, nvalue))
        Values, in any order, and their weights.
    known_redshift : (nsource,)
        Sources whose redshift is known.
    widths : mapping of str to (nsource,)
        What the error of the scale adds to each property.
    sums, moments : (nsource, 5), (nsource, nproperty, 4)
        The fields of `sums_t` and `moments_t` (posterior.h).
    percentiles : mapping of str to (nsource, nprobability)
        Of the properties.
    histograms : mapping of str to Histograms
    probabilities : (nprobability,)
    """
    total, squares = sums[:, 2], sums[:, 3]
    mean: dict[str, Floats] = {}
    std: dict[str, Floats] = {}
    quantiles: dict[str, Floats] = {}
    without: dict[str, Floats] = {}
    values: dict[str, Floats] = {}
    pdfs: dict[str, Floats] = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        for name, (points, of_values) in axes.items():
            order = np.argsort(np.asarray(points), kind="stable")
            v = np.asarray(points, dtype=np.float64)[order]
            pdf = of_values[:, order] / total[:, None]
            fixed = (known_redshift | (len(v) == 1)) if name == "z" else np.full(len(total), len(v) == 1)
            mean[name], std[name], quantiles[name] = _describe_axis(v, pdf, fixed, probabilities)
            values[name], pdfs[name] = v, pdf
            without[name] = np.where(total > 0, 0.0, np.nan)
        for k, (name, width) in enumerate(widths.items()):
            origin, invalid, first, second = moments[:, k].T
            valid = total - invalid
            without[name] = invalid / total
            shift = first / valid
            spread = np.sqrt(np.maximum(second / valid - shift**2, 0) + width**2)
            known = (total > 0) & (without[name] <= MOST_WITHOUT_VALUE)
            mean[name], std[name] = np.where(known, origin + shift, np.nan), np.where(known, spread, np.nan)
            quantiles[name] = np.where(known[:, None], percentiles[name], np.nan)
        neff = np.where(total > 0, total**2 / squares, 0.0)
        lnz = np.where(total > 0, sums[:, 0] + np.log(total), -np.inf)
    return PosteriorEstimates(
        mean, std, without, quantiles, neff, lnz, values, pdfs, known_redshift, histograms
    )


def _describe_axis(
    values: Floats, pdf: Floats, fixed: Mask, probabilities: Floats
) -> tuple[Floats, Floats, Floats]:
    """Mean, standard deviation and quantiles of an axis; `fixed` sources have one value of it."""
    only = values[np.argmax(np.nan_to_num(pdf), axis=1)]
    # from the likeliest value, so that nothing is rounded where it is the only one
    difference = values - only[:, None]
    shift = (pdf * difference).sum(axis=1)
    mean, std = only + shift, np.sqrt((pdf * (difference - shift[:, None]) ** 2).sum(axis=1))
    result = cell_quantiles(values, pdf, probabilities)
    known = fixed & np.isfinite(mean)
    mean, std = np.where(known, only, mean), np.where(known, 0.0, std)
    result[known] = only[known, None]
    return mean, std, result
