"""The table of the mock test: columns in, `<OUTPUT_FILE>_mock.fits` out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastsed.atomic import atomic_path
from fastsed.mock import MockColumn


def write_mock(path: Path, ids: Sequence[Any], columns: Sequence[MockColumn], n_mocks: int) -> Path:
    """Write the mocks of all sources.

    Parameters
    ----------
    path : Path
    ids : sequence
        Of the sources.
    columns : sequence of MockColumn
    n_mocks : int
        Rows of each source.
    """
    from astropy.table import Table

    table = Table()
    table["id"] = np.repeat(np.array([str(one) for one in ids]), n_mocks)
    for column in columns:
        table[column.name] = column.values
        table[column.name].description = column.description
        if column.unit and not column.unit.startswith(("dex(", "mag(")):
            table[column.name].unit = column.unit
    with atomic_path(path) as temporary:
        table.write(temporary, format="fits", overwrite=True)
    return path
