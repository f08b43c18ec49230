"""Infrared luminosities: a `.lir` file and the catalogue's ids in, values, errors and kinds out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats, Ints, Mask
from fastsed.config.run import RunOptions
from fastsed.inputs.catalog import mask_extreme
from fastsed.inputs.photoz import check_same_ids
from fastsed.inputs.tables import NamedTable, TextTable, needs
from fastsed.paths import for_system

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

    value: Floats
    error: Floats
    log: Mask
    component: Ints


def find_luminosities(params: RunOptions, ids: Sequence[str]) -> InfraredLuminosities | None:
    """Read the `.lir` file beside the catalogue; None without USE_LIR or, with a warning, without the file.

    Raises
    ------
    InputError
        As `read_luminosities`.
    """
    if not params.use_lir:
        return None
    path = Path(for_system(params.catalog_stem + ".lir"))
    if not path.is_file():
        log.warning("USE_LIR = 1, but there is no file '%s': no infrared luminosities are used", path)
        return None
    return read_luminosities(path, ids, params.differential_a_v)


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
    table = TextTable(path, needs("ID", "LIR", "ELIR"))
    texts = [table.find(name) for name in ("ID", "COMP") if name == "ID" or table.has(name)]
    numbers = [table.find(name) for name in ("LIR", "ELIR", "LOG") if name != "LOG" or table.has(name)]
    columns = table.read(texts=texts, numbers=numbers)
    check_same_ids(table, columns.texts[0], ids)

    value, error = columns.numbers[:, 0].copy(), columns.numbers[:, 1].copy()
    none = ~(np.isfinite(value) & np.isfinite(error) & (error > 0))
    value[none], error[none] = 0.0, np.inf
    mask_extreme(table, value[:, None], error[:, None], ~none[:, None], ["LIR"])
    logarithmic, component = np.zeros(len(ids), dtype=bool), np.zeros(len(ids), dtype=np.int64)
    if table.has("LOG"):
        logarithmic = table.flags("LOG", columns.numbers[:, 2])
    if table.has("COMP"):
        component = _components(table, columns.texts[1], differential)
    return InfraredLuminosities(value, error, logarithmic, component)


def _components(table: NamedTable, names: list[str], differential: bool) -> Ints:
    for row, name in enumerate(names):
        if name.lower() not in COMPONENTS:
            raise table.error(f"column COMP: '{name}' must be one of {', '.join(COMPONENTS)}", row)
        if name.lower() != "all" and not differential:
            raise table.error(
                f"column COMP: '{name}' needs DIFFERENTIAL_A_V = 1; without it only 'all' has a meaning", row
            )
    return np.array([COMPONENTS[name.lower()] for name in names], dtype=np.int64)
