"""The columns of the output catalogue: options in; the quantities to print, in order, out."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping, Sequence

from fastsed.config.run import RunOptions
from fastsed.errors import InputError
from fastsed.quantities import (
    BY_NAME,
    Quantity,
    axis_quantities,
    has_tau,
    property_quantities,
    sfh_quantities,
)

# names that the readme of FAST++ and its users have, and the names that are printed
ALIASES = {"ldust": "lldust", "ldust_bc": "lldust_bc"}


def confidence_labels(confidences: Sequence[float]) -> list[str]:
    """How intervals are called in the names of columns: whole percents, as in FAST++, but where two would be one."""
    whole = [f"{math.floor(c + 0.5):d}" for c in confidences]
    return [w if whole.count(w) == 1 else f"{c:.10g}" for w, c in zip(whole, confidences, strict=True)]


def _at_precision(column: Quantity, precision: float) -> Quantity:
    if not precision or column.kind == "other":
        return column
    return dataclasses.replace(column, precision=precision)


def available_columns(params: RunOptions, indices: Mapping[str, str] | None = None) -> dict[str, Quantity]:
    """All the columns that this run can print, by name: identifiers, axes, properties, chi2."""
    columns = [BY_NAME["id"], BY_NAME["nmodel"], *axis_quantities(params)]
    columns += [*property_quantities(params, indices), BY_NAME["chi2"]]
    return {column.name: _at_precision(column, params.output_precision) for column in columns}


def default_columns(params: RunOptions) -> list[str]:
    """Names of the columns printed when OUTPUT_COLUMNS is empty.

    FAST's columns; custom parameters, rest-frame magnitudes and star-formation-history quantities come before
    chi2; the time scale is left out where the star formation history has no such axis.
    """
    names = ["id", "z", *(["ltau"] if has_tau(params) else [])]
    names += ["metal", "lage", "Av", "lmass", "lsfr", "lssfr"]
    names += ["la2t"] if has_tau(params) else []
    names += list(params.custom_params) if params.custom_sfh else []
    names += [f"M{number}" for number in params.rest_mag]
    names += [column.name for column in sfh_quantities(params.sfh_quantities)]
    return [*names, "chi2"]


def resolve_columns(names: Sequence[str], available: Mapping[str, Quantity]) -> list[Quantity]:
    """Turn the names of OUTPUT_COLUMNS into columns, in the same order.

    Parameters
    ----------
    names : sequence of str
        Names as the user writes them: case does not matter unless two columns differ by it alone, and the
        names of `ALIASES` are known.
    available : mapping of str to Quantity
        From `available_columns`.

    Raises
    ------
    InputError
        For an unknown name: the nearest known name, and all of them.
    """
    folded: dict[str, list[str]] = {}
    for known in available:
        folded.setdefault(known.lower(), []).append(known)
    columns = []
    for name in names:
        canonical = name if name in available else ALIASES.get(name.lower(), name)
        matches = [canonical] if canonical in available else folded.get(canonical.lower(), [])
        if len(matches) != 1:
            near = difflib.get_close_matches(canonical.lower(), folded, n=1)
            hint = f" Did you mean '{folded[near[0]][0]}'?" if near else ""
            known = ", ".join(available)
            raise InputError(f"OUTPUT_COLUMNS: '{name}' is not a column of this run.{hint} Known: {known}")
        columns.append(available[matches[0]])
    doubles = sorted({c.name for c in columns if columns.count(c) > 1})
    if doubles:
        raise InputError(f"OUTPUT_COLUMNS: {', '.join(doubles)} asked for more than once")
    return columns


def output_columns(params: RunOptions, indices: Mapping[str, str] | None = None) -> list[Quantity]:
    """Columns of the catalogue of this run: those of OUTPUT_COLUMNS, or the default ones.

    Raises
    ------
    InputError
        If OUTPUT_COLUMNS or SFH_QUANTITIES hold an unknown name.
    """
    names = params.output_columns or default_columns(params)
    return resolve_columns(names, available_columns(params, indices))
