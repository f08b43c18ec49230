"""The list of MAKE_SEDS: lines `id modelID scale` in, the models to be written out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from fastsed.errors import InputError
from fastsed.inputs.header import split_row
from fastsed.text import decode, parse_number, read_bytes


@dataclass(frozen=True)
class ListedSed:
    """One line of the list: the name of the files, the model, its scale, and where it was asked for."""

    identity: str
    model: int
    scale: float
    line: int


def read_sed_list(path: str | Path, n_models: int) -> list[ListedSed]:
    """Read lines `id modelID scale`; blank lines and what follows a `#` are skipped.

    Parameters
    ----------
    path : path-like
    n_models : int
        Of the grid.

    Raises
    ------
    InputError
        For a line that is none of these, a model outside the grid, an id that is no file name or is repeated,
        or an empty list.
    """
    listed: dict[str, ListedSed] = {}
    for line, raw in enumerate(read_bytes(path).splitlines(), start=1):
        fields = [decode(field) for field in split_row(raw.replace(b",", b" "), comma=False)]
        if not fields:
            continue
        one = _read_line(fields, n_models, path, line)
        if one.identity in listed:
            earlier = listed[one.identity].line
            raise InputError(
                f"the id '{one.identity}' is already on line {earlier}: its files would be overwritten",
                path,
                line,
            )
        listed[one.identity] = one
    if not listed:
        raise InputError("lists no models: expected lines with id, modelID and scale", path)
    return list(listed.values())


def _read_line(fields: list[str], n_models: int, path: str | Path, line: int) -> ListedSed:
    if len(fields) != 3:
        raise InputError(f"has {len(fields)} fields, expected 3: id, modelID and scale", path, line)
    identity, model_text, scale_text = fields
    if any(mark in "/\\" or not mark.isprintable() for mark in identity):
        raise InputError(
            f"the id {identity!r} must be fit for a file name: no slashes, no control characters", path, line
        )
    model = parse_number(model_text)
    if model is None or not model.is_integer() or model < 0:
        raise InputError(f"the modelID '{model_text}' must be a whole number, not negative", path, line)
    if model >= n_models:
        raise InputError(
            f"there is no model {model_text}: the grid has {n_models} models, 0 to {n_models - 1}", path, line
        )
    scale = parse_number(scale_text)
    if scale is None or not math.isfinite(scale):
        raise InputError(f"the scale '{scale_text}' must be a number", path, line)
    return ListedSed(identity, int(model), scale, line)
