"""The columns that posteriors add to the output catalogue: results in; names, values, units and meanings out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastsed.arrays import Floats
from fastsed.quantities import Quantity
from fastsed.results import Results


@dataclass(frozen=True)
class PosteriorColumn:
    """One column.

    Attributes
    ----------
    name : str
    after : str
        Name of the quantity after whose value and intervals it stands; empty for the end of the table.
    values : (nsource,)
    unit : str
        As astropy and the VO write it; empty for pure numbers.
    description : str
    """

    name: str
    after: str
    values: Floats
    unit: str
    description: str


def posterior_columns(results: Results) -> Iterator[PosteriorColumn]:
    """What the posteriors tell of each quantity of the catalogue, then of the whole fit."""
    posterior = results.posterior
    if posterior is None:
        return
    for quantity in results.columns:
        if quantity.name in posterior.mean:
            yield from _of_quantity(results, quantity)
    text = "Number of models that have as much weight: (sum w)^2 / sum w^2."
    yield PosteriorColumn("neff", "", posterior.neff, "", text)
    yield PosteriorColumn("lnz", "", posterior.lnz, "", "Logarithm of the evidence: ln(sum w) - chi2/2.")


def _of_quantity(results: Results, quantity: Quantity) -> Iterator[PosteriorColumn]:
    posterior, name, unit = results.posterior, quantity.name, quantity.table_unit
    assert posterior is not None
    spread = (
        unit.removeprefix("dex(").removesuffix(")") if not unit.startswith(("dex(", "mag(")) else unit[:3]
    )

    def column(prefix: str, values: Floats, unit: str, text: str) -> PosteriorColumn:
        return PosteriorColumn(f"{prefix}_{name}", name, values, unit, f"{text} of {name}.")

    yield column("mean", posterior.mean[name], unit, "Mean of the posterior")
    yield column("std", posterior.std[name], spread, "Standard deviation of the posterior")
    for k, percent in enumerate(results.percentiles):
        text = f"{percent:.10g} % quantile of the posterior"
        yield column(f"p{percent:.10g}", posterior.percentiles[name][:, k], unit, text)
    without = posterior.without_value[name]
    if (without > 0).any():
        yield column("f0", without, "", "Share of the posterior without a value")
