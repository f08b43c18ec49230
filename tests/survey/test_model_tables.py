"""Tables of stellar models in the formats people have."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.survey.model_tables import read_model_table

TEXT = {
    "comma.csv": "Z,logA,label,M_ini\n0.02,7,a,1.5\n0.02,8,b,2.5\n",
    "blanks.txt": "# made by hand\n# Z logA label M_ini\n0.02 7 a 1.5\n\n0.02 8 b 2.5\n",
    "first.dat": "Z logA label M_ini\n0.02 7 a 1.5\n# remark\n0.02 8 b 2.5\n",
}


@pytest.mark.parametrize("name", TEXT)
def test_text(tmp_path, name):
    path = tmp_path / name
    path.write_text(TEXT[name])
    columns = read_model_table(path)
    assert list(columns) == ["Z", "logA", "M_ini"]
    np.testing.assert_array_equal(columns["M_ini"], [1.5, 2.5])


@pytest.mark.parametrize("suffix", ["fits", "ecsv"])
def test_astropy(tmp_path, suffix):
    from astropy.table import Table

    path = tmp_path / f"models.{suffix}"
    Table({"Z": [0.02, 0.02], "name": ["a", "b"], "M_ini": [1.5, np.nan]}).write(path)
    columns = read_model_table(path)
    assert list(columns) == ["Z", "M_ini"]
    np.testing.assert_array_equal(columns["M_ini"], [1.5, np.nan])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Z,logA\n0.02,7\n0.02\n", ":3: 1 values in a table of 2 columns"),
        ("Z,logA\n0.02,7\n0.02,x\n", ":3: column logA: 'x' is not a number"),
        ("Z,Z\n0.02,7\n", "two columns are called 'Z'"),
        ("Z,logA\n", "no rows"),
        ("", "no rows"),
    ],
)
def test_wrong_text(tmp_path, text, message):
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_model_table(path)


def test_a_truncated_fits_file(tmp_path):
    path = tmp_path / "wrong.fits"
    path.write_bytes(b"SIMPLE  =                    T")
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_model_table(path)
