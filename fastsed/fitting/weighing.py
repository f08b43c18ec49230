"""The weights of models beside their chi2: priors and axes in, the logarithm of prior times cell width out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.fitting.cells import axis_widths
from fastsed.fitting.posterior import Weighing
from fastsed.inputs.priors import prior_density, prior_of_sources
from fastsed.models.axes import Axes


def make_weighing(
    priors: Mapping[str, Any],
    axes: Axes,
    ids: Sequence[str],
    marginal: bool,
    where: Callable[[str], str | None],
) -> Weighing:
    """Evaluate the priors on the axes.

    Parameters
    ----------
    priors : mapping
        Lower-case name of an axis -> text as of a key PRIOR_<AXIS>, or function of an array.
    axes : Axes
    ids : sequence of str
        Of the sources: those of a file of p(z) must hold them.
    marginal : bool
        Whether the scale is integrated over.
    where : callable
        Where a key, in lower case, was written; for messages.

    Raises
    ------
    InputError
        For a malformed prior, or one of an axis that the grid does not have.
    """
    folded = {name.lower(): name for name in axes.names}
    unknown = [name for name in priors if name not in folded]
    if unknown:
        key, known = f"prior_{unknown[0]}", ", ".join(axes.names)
        raise InputError(f"{key.upper()}: the grid has no such axis; it has {known}", where(key))
    ln_axes: dict[str, Floats] = {}
    for name, values in axes.as_dict().items():
        v = values.astype(np.float64)
        prior, key = priors.get(name.lower(), "flat"), f"prior_{name.lower()}"
        density = prior_of_sources(prior, v, ids, where(key)) if name == "z" else None
        if density is None:
            density = prior_density(prior, key.upper(), v, where(key))
        with np.errstate(divide="ignore"):
            ln_axes[name] = np.log(density) + np.log(axis_widths(name, v))
    ln_z = np.atleast_2d(ln_axes.pop("z"))
    return Weighing(ln_axes, np.ascontiguousarray(ln_z), marginal)
