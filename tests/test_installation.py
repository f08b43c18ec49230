"""The package under test is the one that was meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import fastsed
from fastsed._ext import runtime
from fastsed.paths import share_dir

PACKAGE = Path(fastsed.__file__).resolve().parent


def test_kernels_belong_to_the_package():
    assert Path(runtime.__file__).resolve().parent == PACKAGE / "_ext"


@pytest.mark.skipif(not os.environ.get("FASTSED_TEST_INSTALLED"), reason="not run through `make test`")
def test_installed_package_is_tested():
    """And not the checkout around the tests."""
    assert PACKAGE.parent.name == "site-packages"
    assert share_dir() == PACKAGE / "share"
    assert not list(PACKAGE.rglob("*.pyx")) + list(PACKAGE.rglob("*.c")) + list(PACKAGE.rglob("*.h"))


def test_data_files_are_there():
    shipped = {path.relative_to(share_dir()).as_posix() for path in share_dir().rglob("*") if path.is_file()}
    assert {
        "FILTER.RES.latest",
        "CONT_INDICES.balogh99",
        "CONT_INDICES.worthey94",
        "README.md",
        "libraries/bc03_lr_kr.hdf5",
        "examples/gst/gst.cat",
        "examples/gst/gst.param",
        "examples/gst/LICENSE.kcorrect",
    } <= shipped
    assert (PACKAGE / "py.typed").exists()
