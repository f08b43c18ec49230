"""Rows in temporary files, and the name of a full TMPDIR."""

from __future__ import annotations

import os
import tempfile

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.spool import Spool, mapped_rows, tmpdir_errors

ROW = np.dtype([("a", "i8"), ("b", "f8")])


def rows(n):
    found = np.zeros(n, ROW)
    found["a"], found["b"] = np.arange(n), np.arange(n) * 0.5
    return found


def test_rows_come_back_in_order():
    spool = Spool(ROW)
    spool.append(rows(10)[::2])
    spool.append(rows(3))
    pieces = list(spool.pieces(4))
    assert [len(one) for one in pieces] == [4, 4]
    np.testing.assert_array_equal(np.concatenate(pieces), np.concatenate([rows(10)[::2], rows(3)]))
    spool.append(rows(1))
    assert sum(len(one) for one in spool.pieces(100)) == 9
    spool.close()


def test_mapped_rows():
    memory = mapped_rows(ROW, 1000)
    memory[:] = rows(1000)
    np.testing.assert_array_equal(memory, rows(1000))


def test_a_full_disk_names_tmpdir(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    expected = f"TMPDIR {tempfile.gettempdir()}: cannot be written: No space left on device; set TMPDIR"
    with pytest.raises(InputError) as caught:
        mapped_rows(ROW, 10)
    assert str(caught.value).startswith(expected)
    with pytest.raises(InputError, match="No space left"), tmpdir_errors():
        full()
