"""Infrared luminosities: a `.lir` file and the catalogue's ids in, values, errors and kinds out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.inputs.photoz import check_same_ids
from fastsed.inputs.tables import find_column, flags, line_of_row, read_header, read_table

log = logging.getLogger(__name__)

COMPONENTS = {"all": 0, "bc": 1, "cirrus": 2}
"""Names in the column COMP, and how `InfraredLuminosities.component` stores them."""


@dataclass
class InfraredLuminosities:
    """Luminosities of dust, in the order of the catalogue.

    Attributes
    ----------
    value, error : float64 (nsource,)
        [Lsun], or log10 of it and dex. error = inf and value = 0 where there is none.
    log : bool (nsource,)
        Whether they are logarithms.
    component : int (nsource,)
        0: all dust, 1: birth clouds, 2: cirrus.
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]
    log: NDArray[np.bool_]
    component: NDArray[np.int64]


def read_luminosities(
    path: str | Path, ids: Sequence[str], differential: bool = False
) -> InfraredLuminosities:
    """Read infrared luminosities.

    Parameters
    ----------
    path : path-like
        Table with the columns ID, LIR and ELIR, and maybe LOG (0 or 1) and COMP (all, bc or cirrus). An ELIR
        that is not above 0, or a LIR that is not finite, means that there is none.
    ids : sequence of str
        The catalogue's ids; the table must hold the same in the same order.
    differential : bool
        Whether birth clouds and cirrus are told apart (DIFFERENTIAL_A_V).

    Raises
    ------
    InputError
        For a missing column, a malformed row, other sources than the catalogue's, or a COMP that needs
        DIFFERENTIAL_A_V.
    """
    log.info("reading infrared luminosities from '%s'", path)
    header = read_header(path)
    upper = [name.upper() for name in header]
    texts = [find_column(header, "ID", path)] + ([upper.index("COMP")] if "COMP" in upper else [])
    numbers = [find_column(header, name, path) for name in ("LIR", "ELIR")]
    numbers += [upper.index("LOG")] if "LOG" in upper else []
    table = read_table(path, header, texts=texts, numbers=numbers)
    check_same_ids(path, table.texts[0], ids)

    value, error = table.numbers[:, 0].copy(), table.numbers[:, 1].copy()
    none = ~(np.isfinite(value) & np.isfinite(error) & (error > 0))
    value[none], error[none] = 0.0, np.inf
    logarithmic = (
        flags(path, "LOG", table.numbers[:, 2]) if "LOG" in upper else np.zeros(len(ids), dtype=bool)
    )
    component = np.zeros(len(ids), dtype=np.int64)
    if "COMP" in upper:
        component = _components(path, table.texts[1], differential)
    return InfraredLuminosities(value, error, logarithmic, component)


def _components(path: str | Path, names: list[str], differential: bool) -> NDArray[np.int64]:
    for row, name in enumerate(names):
        if name.lower() not in COMPONENTS:
            raise InputError(
                f"column COMP: '{name}' must be one of {', '.join(COMPONENTS)}", path, line_of_row(path, row)
            )
        if name.lower() != "all" and not differential:
            raise InputError(
                f"column COMP: '{name}' needs DIFFERENTIAL_A_V = 1; without it only 'all' has a meaning",
                path,
                line_of_row(path, row),
            )
    return np.array([COMPONENTS[name.lower()] for name in names], dtype=np.int64)
