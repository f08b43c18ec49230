"""Tables in FITS: what comes back, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from fastsed.errors import InputError
from fastsed.survey.fits_tables import write_fits_table


def test_columns_of_several_types(tmp_path):
    columns = {
        "x": np.arange(3.0),
        "Av": np.arange(3),
        "text": np.array(["a", "bc", ""]),
        "v": np.ones((3, 2)),
    }
    write_fits_table(tmp_path / "t.fits", columns)
    table = Table.read(tmp_path / "t.fits")
    assert table.colnames == list(columns)
    for name, values in columns.items():
        np.testing.assert_array_equal(table[name], values)


def test_names_that_fits_cannot_hold(tmp_path):
    for name in ("mbolma\x83", "a\nb", "x" * 69):
        with pytest.raises(InputError, match="FITS cannot hold a column"):
            write_fits_table(tmp_path / "t.fits", {name: np.ones(2)})
    assert not (tmp_path / "t.fits").exists()
