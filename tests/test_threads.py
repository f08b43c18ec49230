"""How many threads there are, and BLAS held to one."""

from __future__ import annotations

import os

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from fastsed.threads import available_threads, single_threaded_blas, wait_briefly


@pytest.mark.parametrize(("text", "threads"), [("3", 3), ("2,1", 2), (" 4 ", 4)])
def test_environment(monkeypatch, text, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert available_threads() == threads


@pytest.mark.parametrize("text", ["", "many", "0", "-2", "1.5"])
def test_environment_without_a_number(monkeypatch, text):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = available_threads()
    assert 1 <= cores <= (os.cpu_count() or 1)
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert available_threads() == cores


def test_waiting_threads_sleep_soon(monkeypatch):
    monkeypatch.setenv("GOMP_SPINCOUNT", "")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    wait_briefly()
    assert os.environ["GOMP_SPINCOUNT"] == "10000"


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_waiting_as_the_user_wants(monkeypatch, name):
    for other in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "5")
    before = dict(os.environ)
    wait_briefly()
    assert dict(os.environ) == before


def test_blas_is_held():
    np.ones((2, 2)) @ np.ones((2, 2))
    with single_threaded_blas():
        assert all(pool["num_threads"] == 1 for pool in threadpool_info() if pool["user_api"] == "blas")
