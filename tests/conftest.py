"""Fixtures that many tests use."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_report_header() -> str:
    """Say which fastsed is tested: the installed one, or the checkout."""
    import fastsed

    return f"fastsed {fastsed.__version__} in {Path(fastsed.__file__).resolve().parent}"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference material beside the checkout; tests that need it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "golden").is_dir():
        pytest.skip("the reference scenarios (../shared) are not here")
    return folder


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the small invented library of `tests.models.helpers`; nobody may change it."""
    from tests.models.helpers import write_library

    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(autouse=True)
def _threads_for_little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small problems would otherwise be left to one thread."""
    from fastsed._ext import runtime

    monkeypatch.setattr(runtime, "MULTIPLY_ADDS_PER_THREAD", 1)


def _forget_logging() -> None:
    logger = logging.getLogger("fastsed")
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _fresh_logging() -> Iterator[None]:
    """Commands set up logging for their terminal, in tests and in fixtures of modules; each test begins without."""
    _forget_logging()
    yield
    _forget_logging()
