"""Ranges of the parameters of a grid, or of all parts of one, by which the PDFs of its parts get the same bins.

The file is JSON: `format`, `version`, and `parameters`, for each name `min`, `max`, `n_unique` and, where there are not
too many, the different values `unique`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from fastsed.atomic import atomic_write
from fastsed.errors import InputError
from fastsed.fitting.stars.models import range_of_values, scan_models
from fastsed.fitting.stars.parameters import Compat, ParameterRange
from fastsed.survey.star_models import FileModels

FORMAT, VERSION = "fastsed grid info", 1
MAX_UNIQUE = 1000
"""Different values are kept up to this number."""


def grid_ranges(
    grids: Sequence[str | PathLike[str]],
    noises: Sequence[str | PathLike[str]],
    max_unique: int = MAX_UNIQUE,
    compat: Compat = "beast2",
) -> dict[str, ParameterRange]:
    """Ranges of the parameters over some grids with their noise models.

    Parameters
    ----------
    grids, noises : sequence of path-like
        As many of both.
    max_unique : int, optional
    compat : {"beast2", "beast1"}, optional
        Scale of the biased fluxes.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    if len(grids) != len(noises):
        raise InputError(f"{len(grids)} grids, but {len(noises)} noise models")
    joined: dict[str, ParameterRange] = {}
    for grid, noise in zip(grids, noises, strict=True):
        with FileModels(grid, noise) as source:
            spans = scan_models(source, max_unique, compat=compat).spans
        for name, span in spans.items():
            joined[name] = _joined(joined[name], span, max_unique) if name in joined else span
    return joined


def _joined(one: ParameterRange, two: ParameterRange, max_unique: int) -> ParameterRange:
    if one.unique is not None and two.unique is not None:
        span = range_of_values(np.concatenate([one.unique, two.unique]))
        if span.n_unique <= max_unique:
            return span
    return ParameterRange(min(one.minimum, two.minimum), max(one.maximum, two.maximum), max_unique + 1)


def write_grid_info(path: str | PathLike[str], spans: dict[str, ParameterRange]) -> None:
    """Write ranges.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    parameters = {
        name: {
            "min": span.minimum,
            "max": span.maximum,
            "n_unique": span.n_unique,
            "unique": None if span.unique is None else span.unique.tolist(),
        }
        for name, span in spans.items()
    }
    with atomic_write(path) as f:
        json.dump({"format": FORMAT, "version": VERSION, "parameters": parameters}, f, indent=1)


def read_grid_info(path: str | PathLike[str]) -> dict[str, ParameterRange]:
    """Read ranges.

    Raises
    ------
    InputError
        If it is no such file, or is damaged.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path) from error
    except ValueError as error:
        raise InputError("is not a file that `fastsed-survey grid-info` wrote (no JSON)", path) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError("is not a file that `fastsed-survey grid-info` wrote", path)
    if content.get("version", 0) > VERSION:
        raise InputError(
            f"has version {content['version']} of the format; this fastsed reads {VERSION}", path
        )
    try:
        return {str(name): _range(**entry) for name, entry in content["parameters"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"is damaged: {error}", path) from error


def _range(min: float, max: float, n_unique: int, unique: list[float] | None) -> ParameterRange:
    if unique is None:
        return ParameterRange(float(min), float(max), int(n_unique))
    return range_of_values(unique)
